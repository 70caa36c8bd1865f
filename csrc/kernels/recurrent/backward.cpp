// Backward: the steps in the opposite order leave the gradients of the gates' sums; for some steps at a time,
// while those are still in the cache, the gradients of weights and input come from them as products over all
// rows, or, where the weights are small, over the rows of each slice of the batch, with weight gradients of its own
// that are added up in the end: then a slice reads nothing that another core wrote.
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
        sums_(layer.gru() ? 4 * layer.hidden : below_),
        row_(apart<T>(sums_)),
        columns_(layer.input + layer.out),
        together_(least(most(1, kChunkRows / layer.batch), layer.steps)),
        apart_(layer.sliced() && !layer.w_hr && below_ * columns_ * int64_t(sizeof(T)) <= kApartBytes),
        parts_(apart_ ? ceil_div(layer.batch, layer.slice()) : 1),
        d_(together_ * layer.batch * row_),
        dh_(layer.batch * layer.out),
        dc_(layer.lstm() ? layer.batch * layer.hidden : 0),
        projected_(layer.w_hr ? together_ * layer.batch * layer.out : 0),
        bent_(layer.w_hr && g.dw_hr ? together_ * layer.batch * layer.hidden : 0),
        joint_(g.dw_ih || g.dw_hh ? together_ * layer.batch * columns_ : 0),
        dw_(g.dw_ih || g.dw_hh ? parts_ * below_ * columns_ : 0),
        db_(apart_ && (g.db_ih || g.db_hh) ? parts_ * sums_ : 0),
        inputs_(layer.gru() ? 2 * layer.hidden : below_, apart_ && g.dx ? layer.input : 0),
        fresh_inputs_(layer.hidden, apart_ && g.dx && layer.gru() ? layer.input : 0),
        weights_(below_, layer.direct() ? 0 : layer.out),
        projection_(layer.out, layer.w_hr && !layer.direct() ? layer.hidden : 0) {}

  pynn_status run() {
    for (const Buffer<T>* buffer : {&d_, &dh_, &dc_, &projected_, &bent_, &joint_, &dw_, &db_}) {
      if (!*buffer) return buffer->failure();
    }
    for (const Panels<T>* panels : {&inputs_, &fresh_inputs_, &weights_, &projection_}) {
      if (!*panels) return panels->failure();
    }
    start(g_.dh_n, dh_.data(), layer_.batch * layer_.out);
    if (layer_.lstm()) start(g_.dc_n, dc_.data(), layer_.batch * layer_.hidden);
    if (!layer_.direct()) {
      weights_.pack(layer_.w_hh, layer_.out, 1);
      if (layer_.w_hr) projection_.pack(layer_.w_hr, layer_.hidden, 1);
    }
    if (apart_) {
      const int64_t input = layer_.input, hidden = layer_.hidden;
      if (g_.dx) inputs_.pack(layer_.w_ih, input, 1);
      if (g_.dx && layer_.gru()) fresh_inputs_.pack(layer_.w_ih + 2 * hidden * input, input, 1);
      std::memset(dw_.data(), 0, size_t(dw_.count()) * sizeof(T));
      std::memset(db_.data(), 0, size_t(db_.count()) * sizeof(T));
    }
    for (int64_t end = layer_.steps; end > 0; end -= together_) {
      const int64_t s = most(0, end - together_);
      low_ = layer_.reverse ? layer_.step(end - 1) : s;
      high_ = layer_.reverse ? layer_.step(s) + 1 : end;
      first_ = layer_.start(low_);
      over_slices(layer_, [&](int64_t from, int64_t to) { take_steps(s, end, from, to); });
      if (status_.load() != PYNN_OK) return no_memory(layer_.slice() * layer_.hidden * int64_t(sizeof(T)));
      if (apart_) continue;
      const pynn_status status = inputs_and_weights(end == layer_.steps ? T(0) : T(1));
      if (status != PYNN_OK) return status;
    }
    if (g_.dh0) std::memcpy(g_.dh0, dh_.data(), size_t(layer_.batch * layer_.out) * sizeof(T));
    if (g_.dc0) std::memcpy(g_.dc0, dc_.data(), size_t(layer_.batch * layer_.hidden) * sizeof(T));
    if (apart_) add_parts();
    split_weights();
    return PYNN_OK;
  }

 private:
  using Block = typename Panels<T>::Block;
  static constexpr int64_t kApartBytes = 2 << 20;  // of weight gradients that stay in the cache of their core
  static constexpr int64_t kChunkRows = 448;  // about one pass of a matrix product over its depth

  static void start(const void* from, T* to, int64_t count) {
    if (from) {
      std::memcpy(to, from, size_t(count) * sizeof(T));
    } else {
      std::memset(to, 0, size_t(count) * sizeof(T));
    }
  }

  // ---- steps ----

  void take_steps(int64_t s, int64_t end, int64_t from, int64_t to) {
    const Buffer<T> m(layer_.w_hr ? (to - from) * layer_.hidden : 0);
    const Buffer<Block> blocks(apart_ ? 2 * together_ : 0);
    if (!m || !blocks) {
      status_.store(PYNN_NO_MEMORY);
      return;
    }
    const int64_t first = from * together_;  // row of d_ where this slice's begin, if they are apart
    int64_t count = 0, rows = 0;
    while (end-- > s) {
      const int64_t t = layer_.step(end), last = least(to, layer_.rows(t));
      if (from >= last) continue;
      layer_.from(t, from, last, [&](int64_t a, int64_t b, int64_t before) {
        const int64_t row = layer_.start(t) + a, at = apart_ ? first + rows : row - first_;
        take_step(t, a, b, before, at, m.data());
        if (!apart_) return;
        const T* h = before < 0 ? h0_ + a * layer_.out : y_ + (layer_.start(before) + a) * layer_.out;
        if (joint_.count()) join_rows(row, b - a, h, at);
        T* const dx = g_.dx ? static_cast<T*>(g_.dx) + row * layer_.input : nullptr;
        blocks.data()[count++] = {b - a, d_.data() + at * row_, dx};
        rows += b - a;
      });
    }
    if (apart_ && rows > 0) inputs_and_weights_apart(from / layer_.slice(), first, rows, blocks.data(), count);
  }

  // Of one slice: rows [first, first + rows) of d_.
  void inputs_and_weights_apart(int64_t part, int64_t first, int64_t rows, const Block* blocks, int64_t count) {
    const int64_t hidden = layer_.hidden;
    if (g_.dx) {
      inputs_.multiply_blocks(count, [&](int64_t i) { return blocks[i]; }, row_, layer_.input, nullptr, T(0));
      const auto fresh = [&](int64_t i) { return Block{blocks[i].rows, blocks[i].a + 3 * hidden, blocks[i].c}; };
      if (layer_.gru()) fresh_inputs_.multiply_blocks(count, fresh, row_, layer_.input, nullptr, T(1));
    }
    if (dw_.count()) note(weights({first, rows, dw_.data() + part * below_ * columns_}, T(1)));
    if (db_.count()) {
      note(matmul::column_sum<T>(rows, sums_, d_.data() + first * row_, row_, 1, T(1), db_.data() + part * sums_, 1));
    }
  }

  // Rows [a, b) of step t, whose gradients go to the rows of d_ from `at` on.
  void take_step(int64_t t, int64_t a, int64_t b, int64_t before, int64_t at, T* m) {
    const int64_t rows = b - a, row = layer_.start(t) + a, out = layer_.out, hidden = layer_.hidden;
    const int64_t held = layer_.held(), earlier = before < 0 ? 0 : layer_.start(before) + a;
    T *const dh = dh_.data() + a * out, *const d = d_.data() + at * row_;
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
      T* const all = projected_.data() + at * out;  // the whole gradient of h
      for (int64_t i = 0; i < rows * out; ++i) all[i] = dh[i] + (dy_ ? dy_[row * out + i] : T(0));
      if (layer_.direct()) {
        note(product<T>(rows, hidden, out, all, out, 1, layer_.w_hr, hidden, 1, nullptr, T(0), m, hidden));
      } else {
        projection_.multiply(rows, all, out, m, hidden, T(0));
      }
      step.dy = {};
      step.dh = {m, hidden};
      if (g_.dw_hr) step.bent = {bent_.data() + at * hidden, hidden};
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
      for (Rows<const T>* rows :
           {&part.gates, &part.dy, &part.dgates, &part.h_before, &part.c_before, &part.c, &part.dcell}) {
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

  // ---- products over the rows of steps [low_, high_) ----

  int64_t rows() const { return layer_.start(high_) - first_; }

  // What the weights were multiplied by, x and the state before, side by side: one product then serves both. Rows from
  // `row` of x on, to those of joint_ from `at` on.
  void join_rows(int64_t row, int64_t count, const T* h, int64_t at) const {
    const int64_t input = layer_.input, out = layer_.out;
    for (int64_t r = 0; r < count; ++r) {
      T* const to = joint_.data() + (at + r) * columns_;
      if (input) std::memcpy(to, x_ + (row + r) * input, size_t(input) * sizeof(T));
      std::memcpy(to + input, h + r * out, size_t(out) * sizeof(T));
    }
  }

  void join() const {
    parallel(high_ - low_, [&](int64_t i) {
      const int64_t t = low_ + i;
      layer_.from(t, 0, layer_.rows(t), [&](int64_t a, int64_t b, int64_t before) {
        const int64_t row = layer_.start(t) + a;
        const T* h = before < 0 ? h0_ : y_ + layer_.start(before) * layer_.out;
        join_rows(row, b - a, h + a * layer_.out, row - first_);
      });
    });
  }

  // Rows of d_ and joint_, and the joint weight gradient that they are for.
  struct Part {
    int64_t first, rows;
    T* dw;
  };

  // Rows [gate, gate + count) and columns [from, to) of the joint weight gradient, by the columns from
  // `column` of d.
  pynn_status weight(const Part& p, int64_t column, int64_t gate, int64_t count, int64_t from, int64_t to,
                     T beta) const {
    return product<T>(count, to - from, p.rows, d_.data() + p.first * row_ + column, 1, row_,
                      joint_.data() + p.first * columns_ + from, columns_, 1, nullptr, beta,
                      p.dw + gate * columns_ + from, columns_);
  }

  pynn_status weights(const Part& p, T beta) const {
    const int64_t input = layer_.input, hidden = layer_.hidden, from = g_.dw_ih ? 0 : input,
                  to = g_.dw_hh ? columns_ : input;
    if (!layer_.gru()) return weight(p, 0, 0, below_, from, to, beta);
    pynn_status status = weight(p, 0, 0, 2 * hidden, from, to, beta);
    if (status == PYNN_OK && g_.dw_ih) status = weight(p, 3 * hidden, 2 * hidden, hidden, 0, input, beta);
    if (status == PYNN_OK && g_.dw_hh) status = weight(p, 2 * hidden, 2 * hidden, hidden, input, columns_, beta);
    return status;
  }

  // The slices' gradients of weights and biases to one, in their order.
  void add_parts() const {
    const int64_t size = dw_.count() / parts_;
    T* const dw = dw_.data();
    parallel_ranges(size, 1 << 13, [&](int64_t first, int64_t last) {
      for (int64_t part = 1; part < parts_; ++part) {
        for (int64_t i = first; i < last; ++i) dw[i] += dw[part * size + i];
      }
    });
    if (!db_.count()) return;
    T *const db = db_.data(), *const ih = static_cast<T*>(g_.db_ih), *const hh = static_cast<T*>(g_.db_hh);
    for (int64_t part = 1; part < parts_; ++part) {
      for (int64_t i = 0; i < sums_; ++i) db[i] += db[part * sums_ + i];
    }
    if (hh) std::memcpy(hh, db, size_t(below_) * sizeof(T));
    if (ih) {
      (void)above([&](int64_t column, int64_t gate, int64_t count) {
        std::memcpy(ih + gate, db + column, size_t(count) * sizeof(T));
        return pynn_status(PYNN_OK);
      });
    }
  }

  void split_weights() const {
    T *const ih = static_cast<T*>(g_.dw_ih), *const hh = static_cast<T*>(g_.dw_hh);
    const int64_t input = layer_.input, out = layer_.out;
    for (int64_t i = 0; (ih || hh) && i < below_; ++i) {
      const T* from = dw_.data() + i * columns_;
      if (ih && input) std::memcpy(ih + i * input, from, size_t(input) * sizeof(T));
      if (hh) std::memcpy(hh + i * out, from + input, size_t(out) * sizeof(T));
    }
  }

  // f(column of d, row of the weights, how many): of gru, the n of x's product lies apart from r and z.
  template <class F>
  pynn_status above(const F& f) const {
    const int64_t hidden = layer_.hidden;
    if (!layer_.gru()) return f(0, 0, below_);
    if (const pynn_status status = f(0, 0, 2 * hidden)) return status;
    return f(3 * hidden, 2 * hidden, hidden);
  }

  pynn_status inputs_and_weights(T beta) const {
    const int64_t input = layer_.input, hidden = layer_.hidden;
    pynn_status status = PYNN_OK;
    if (g_.dx) {
      T* const dx = static_cast<T*>(g_.dx) + first_ * input;
      status = above([&](int64_t column, int64_t gate, int64_t count) {
        return product<T>(rows(), input, count, d_.data() + column, row_, 1, layer_.w_ih + gate * input,
                          input, 1, nullptr, gate ? T(1) : T(0), dx, input);
      });
      if (status != PYNN_OK) return status;
    }
    if (dw_.count()) {
      join();
      status = weights({0, rows(), dw_.data()}, beta);
      if (status != PYNN_OK) return status;
    }
    if (T* const db = static_cast<T*>(g_.db_ih)) {
      status = above([&](int64_t column, int64_t gate, int64_t count) {
        return matmul::column_sum<T>(rows(), count, d_.data() + column, row_, 1, beta, db + gate, 1);
      });
      if (status != PYNN_OK) return status;
    }
    if (T* const db = static_cast<T*>(g_.db_hh)) {
      if (g_.db_ih && !layer_.gru()) {
        std::memcpy(db, g_.db_ih, size_t(below_) * sizeof(T));
      } else {
        status = matmul::column_sum<T>(rows(), below_, d_.data(), row_, 1, beta, db, 1);
        if (status != PYNN_OK) return status;
      }
    }
    if (!g_.dw_hr) return PYNN_OK;
    return product<T>(layer_.out, hidden, rows(), projected_.data(), 1, layer_.out, bent_.data(), hidden, 1,
                      nullptr, beta, static_cast<T*>(g_.dw_hr), hidden);
  }

  const Layer<T>& layer_;
  void (*const cell_)(const BackwardStep<T>&);
  const T *x_, *h0_, *c0_, *y_, *held_, *dy_, *dheld_;
  const pynn_recurrent_gradients& g_;
  const int64_t below_;  // columns of d that W_hh's product has
  const int64_t sums_;   // columns of d
  const int64_t row_;    // elements from a row of d to the next
  const int64_t columns_, together_;
  const bool apart_;  // each slice multiplies for itself
  const int64_t parts_;
  const Buffer<T> d_, dh_, dc_, projected_, bent_, joint_, dw_, db_;
  const Panels<T> inputs_, fresh_inputs_;  // of dx: W_ih; of gru its r and z, and n
  const Panels<T> weights_, projection_;
  int64_t low_ = 0, high_ = 0, first_ = 0;  // the steps at hand, and the first of their rows
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
