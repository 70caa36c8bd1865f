// Backward: the steps in the opposite order leave the gradients of all gates' sums; from those, the gradients of
// weights and input are products over all steps.
#include <atomic>
#include <cstring>
#include <initializer_list>

#include "kernels/recurrent/layer.h"

namespace pynn {
namespace recurrent {
namespace {

template <class T>
class Backward {
 public:
  Backward(const Layer<T>& layer, const pynn_recurrent_gradients& g)
      : layer_(layer),
        cell_(table().of<T>().backward[layer.cell]),
        x_(static_cast<const T*>(g.x)),
        h0_(static_cast<const T*>(g.h0)),
        c0_(static_cast<const T*>(g.c0)),
        y_(static_cast<const T*>(g.y)),
        held_(static_cast<const T*>(g.held)),
        dy_(static_cast<const T*>(g.dy)),
        dheld_(static_cast<const T*>(g.dheld)),
        g_(g),
        below_(layer.gates() * layer.hidden),
        row_(layer.gru() ? 4 * layer.hidden : below_),
        d_(layer.total() * row_),
        dh_(layer.batch * layer.out),
        dc_(layer.lstm() ? layer.batch * layer.hidden : 0),
        projected_(layer.w_hr ? layer.total() * layer.out : 0),
        bent_(layer.w_hr && g.dw_hr ? layer.total() * layer.hidden : 0),
        weights_(below_, layer.direct() ? 0 : layer.out),
        projection_(layer.out, layer.w_hr && !layer.direct() ? layer.hidden : 0) {}

  pynn_status run() {
    for (const Buffer<T>* buffer : {&d_, &dh_, &dc_, &projected_, &bent_}) {
      if (!*buffer) return buffer->failure();
    }
    if (!weights_) return weights_.failure();
    if (!projection_) return projection_.failure();
    start(g_.dh_n, dh_.data(), layer_.batch * layer_.out);
    if (layer_.lstm()) start(g_.dc_n, dc_.data(), layer_.batch * layer_.hidden);
    if (!layer_.direct()) {
      weights_.pack(layer_.w_hh, layer_.out, 1);
      if (layer_.w_hr) projection_.pack(layer_.w_hr, layer_.hidden, 1);
    }
    over_slices(layer_, [&](int64_t from, int64_t to) { take_steps(from, to); });
    if (status_.load() != PYNN_OK) return no_memory(layer_.slice() * layer_.hidden * int64_t(sizeof(T)));
    if (g_.dh0) std::memcpy(g_.dh0, dh_.data(), size_t(layer_.batch * layer_.out) * sizeof(T));
    if (g_.dc0) std::memcpy(g_.dc0, dc_.data(), size_t(layer_.batch * layer_.hidden) * sizeof(T));
    return inputs_and_weights();
  }

 private:
  static void start(const void* from, T* to, int64_t count) {
    if (from) {
      std::memcpy(to, from, size_t(count) * sizeof(T));
    } else {
      std::memset(to, 0, size_t(count) * sizeof(T));
    }
  }

  // ---- steps ----

  void take_steps(int64_t from, int64_t to) {
    const Buffer<T> m(layer_.w_hr ? (to - from) * layer_.hidden : 0);
    if (!m) {
      status_.store(PYNN_NO_MEMORY);
      return;
    }
    for (int64_t s = layer_.steps - 1; s >= 0; --s) {
      const int64_t t = layer_.step(s), last = least(to, layer_.rows(t));
      if (from >= last) continue;
      layer_.from(t, from, last,
                  [&](int64_t a, int64_t b, int64_t before) { take_step(t, a, b, before, m.data()); });
    }
  }

  void take_step(int64_t t, int64_t a, int64_t b, int64_t before, T* m) {
    const int64_t rows = b - a, row = layer_.start(t) + a, out = layer_.out, hidden = layer_.hidden;
    const int64_t held = layer_.held(), earlier = before < 0 ? 0 : layer_.start(before) + a;
    T *const dh = dh_.data() + a * out, *const d = d_.data() + row * row_;
    BackwardStep<T> step = {};
    step.rows = rows;
    step.units = hidden;
    step.gate = hidden;
    step.gates = held ? Rows<const T>{held_ + row * held, held} : Rows<const T>{y_ + row * out, out};
    if (dy_) step.dy = {dy_ + row * out, out};
    if (dheld_) step.dgates = {dheld_ + row * held, held};
    step.h_before = before < 0 ? Rows<const T>{h0_ + a * out, out} : Rows<const T>{y_ + earlier * out, out};
    if (layer_.lstm()) {
      step.c = {step.gates.data + 4 * hidden, held};
      step.c_before = before < 0 ? Rows<const T>{c0_ + a * hidden, hidden}
                                 : Rows<const T>{held_ + earlier * held + 4 * hidden, held};
      if (dheld_) step.dcell = {step.dgates.data + 4 * hidden, held};
      step.dc = {dc_.data() + a * hidden, hidden};
    }
    step.dh = {dh, out};
    step.d = {d, row_};
    if (layer_.w_hr) {
      T* const all = projected_.data() + row * out;  // the whole gradient of h
      for (int64_t i = 0; i < rows * out; ++i) all[i] = dh[i] + (dy_ ? dy_[row * out + i] : T(0));
      if (layer_.direct()) {
        note(product<T>(rows, hidden, out, all, out, 1, layer_.w_hr, hidden, 1, nullptr, T(0), m, hidden));
      } else {
        projection_.multiply(rows, all, out, m, hidden, T(0));
      }
      step.dy = {};
      step.dh = {m, hidden};
      if (g_.dw_hr) step.bent = {bent_.data() + row * hidden, hidden};
    }
    const T beta = layer_.gru() ? T(1) : T(0);
    if (layer_.direct()) {
      take_direct(step);
      note(product<T>(rows, out, below_, d, row_, 1, layer_.w_hh, out, 1, nullptr, beta, dh, out));
    } else {
      cell_(step);
      weights_.multiply(rows, d, row_, dh, out, beta);
    }
  }

  void take_direct(const BackwardStep<T>& step) const {
    constexpr int64_t kElements = 4 << 10;  // of a chunk: some 10 us of work
    parallel_ranges(step.rows, most(1, kElements / layer_.hidden), [&](int64_t first, int64_t last) {
      BackwardStep<T> part = step;
      part.rows = last - first;
      for (Rows<const T>* rows : {&part.gates, &part.dy, &part.dgates, &part.h_before, &part.c_before, &part.c,
                                  &part.dcell}) {
        if (rows->data) rows->data += first * rows->row;
      }
      for (Rows<T>* rows : {&part.dc, &part.bent, &part.dh, &part.d}) {
        if (rows->data) rows->data += first * rows->row;
      }
      cell_(part);
    });
  }

  void note(pynn_status status) {
    if (status != PYNN_OK) status_.store(status);
  }

  // ---- products over all steps ----

  // to (m, n) = the transposed columns [column, column + m) of d by b (rows, n), rows [first, last) of d.
  pynn_status weight(int64_t column, int64_t m, int64_t first, int64_t last, const T* b, int64_t n, T beta,
                     T* to) const {
    return product<T>(m, n, last - first, d_.data() + first * row_ + column, 1, row_, b, n, 1, nullptr, beta, to,
                      n);
  }

  pynn_status recurrent_weight(T* to) const {
    const int64_t total = layer_.total(), out = layer_.out, batch = layer_.batch;
    if (layer_.sizes) {  // the states that each row started from, side by side
      const Buffer<T> before(total * out);
      if (!before) return before.failure();
      for (int64_t t = 0; t < layer_.steps; ++t) {
        layer_.from(t, 0, layer_.rows(t), [&](int64_t a, int64_t b, int64_t p) {
          std::memcpy(before.data() + (layer_.start(t) + a) * out,
                      p < 0 ? h0_ + a * out : y_ + (layer_.start(p) + a) * out, size_t((b - a) * out) * sizeof(T));
        });
      }
      return weight(0, below_, 0, total, before.data(), out, T(0), to);
    }
    const int64_t first = layer_.reverse ? total - batch : 0;  // the rows that started from h0
    if (const pynn_status status = weight(0, below_, first, first + batch, h0_, out, T(0), to)) return status;
    if (total == batch) return PYNN_OK;
    return layer_.reverse ? weight(0, below_, 0, total - batch, y_ + batch * out, out, T(1), to)
                          : weight(0, below_, batch, total, y_, out, T(1), to);
  }

  // A gradient that the sums of the input's products have: of gru, n's part lies apart from r's and z's.
  template <class F>
  pynn_status above(const F& f) const {
    const int64_t hidden = layer_.hidden;
    if (!layer_.gru()) return f(0, 0, below_);
    if (const pynn_status status = f(0, 0, 2 * hidden)) return status;
    return f(3 * hidden, 2 * hidden, hidden);
  }

  pynn_status inputs_and_weights() const {
    const int64_t total = layer_.total(), input = layer_.input, hidden = layer_.hidden;
    pynn_status status = PYNN_OK;
    if (T* const dx = static_cast<T*>(g_.dx)) {
      status = above([&](int64_t column, int64_t gate, int64_t count) {
        return product<T>(total, input, count, d_.data() + column, row_, 1, layer_.w_ih + gate * input, input, 1,
                          nullptr, gate ? T(1) : T(0), dx, input);
      });
      if (status != PYNN_OK) return status;
    }
    if (T* const dw = static_cast<T*>(g_.dw_ih)) {
      status = above([&](int64_t column, int64_t gate, int64_t count) {
        return weight(column, count, 0, total, x_, input, T(0), dw + gate * input);
      });
      if (status != PYNN_OK) return status;
    }
    if (g_.dw_hh && (status = recurrent_weight(static_cast<T*>(g_.dw_hh))) != PYNN_OK) return status;
    if (T* const db = static_cast<T*>(g_.db_ih)) {
      status = above([&](int64_t column, int64_t gate, int64_t count) {
        return matmul::column_sum<T>(total, count, d_.data() + column, row_, 1, T(0), db + gate, 1);
      });
      if (status != PYNN_OK) return status;
    }
    if (T* const db = static_cast<T*>(g_.db_hh)) {
      if (g_.db_ih && !layer_.gru()) {
        std::memcpy(db, g_.db_ih, size_t(below_) * sizeof(T));
      } else {
        status = matmul::column_sum<T>(total, below_, d_.data(), row_, 1, T(0), db, 1);
        if (status != PYNN_OK) return status;
      }
    }
    if (!g_.dw_hr) return PYNN_OK;
    return product<T>(layer_.out, hidden, total, projected_.data(), 1, layer_.out, bent_.data(), hidden, 1, nullptr,
                      T(0), static_cast<T*>(g_.dw_hr), hidden);
  }

  const Layer<T>& layer_;
  void (*const cell_)(const BackwardStep<T>&);
  const T *x_, *h0_, *c0_, *y_, *held_, *dy_, *dheld_;
  const pynn_recurrent_gradients& g_;
  const int64_t below_;  // columns of d that W_hh's product has
  const int64_t row_;    // elements of a row of d
  const Buffer<T> d_, dh_, dc_, projected_, bent_;
  const Panels<T> weights_, projection_;
  std::atomic<int> status_{PYNN_OK};
};

}  // namespace

template <class T>
pynn_status run_backward(const pynn_recurrent& from, const pynn_recurrent_gradients& gradients) {
  const Buffer<int64_t> starts(from.sizes ? from.steps + 1 : 0);
  if (!starts) return starts.failure();
  const Layer<T> layer(from, starts.data());
  return Backward<T>(layer, gradients).run();
}

#define PYNN_INSTANTIATE(T) \
  template pynn_status run_backward<T>(const pynn_recurrent&, const pynn_recurrent_gradients&);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace recurrent
}  // namespace pynn
