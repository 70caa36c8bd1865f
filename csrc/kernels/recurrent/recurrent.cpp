// Forward: for some steps at a time, the input's products, then the steps, slice by slice.
#include "kernels/recurrent/recurrent.h"

#include <atomic>
#include <cstring>
#include <initializer_list>

#include "kernels/recurrent/layer.h"

#define PYNN_FAMILY recurrent
#define PYNN_KERNELS "kernels/recurrent/kernels.inc"
#include "base/dispatch.inc"

namespace pynn {
namespace recurrent {
namespace {

// The recurrent weights, the gates of a vector of units side by side: for each group of units, tiles of two
// vectors (lstm: i f, g o; gru: r z; rnn: two vectors of units) or of one (gru: n).
template <class T>
class GatePanels {
 public:
  explicit GatePanels(const Layer<T>& layer)
      : layer_(layer),
        kernels_(matmul::kernels<T>()),
        width_(kernels_.width),
        gates_(layer.gates()),
        units_(gates_ == 1 ? 2 * width_ : width_),
        row_(gates_ == 1 ? 2 * width_ : gates_ * width_),
        packed_(layer.direct() ? 0 : ceil_div(layer.hidden, units_) * row_ * layer.out) {}
  explicit operator bool() const { return bool(packed_); }
  pynn_status failure() const { return packed_.failure(); }
  int64_t units() const { return units_; }  // of one group
  int64_t row() const { return row_; }      // elements of a row of products: all gates of a group
  int64_t gate() const { return width_; }

  void pack() const {
    const int64_t groups = ceil_div(layer_.hidden, units_), each = most(1, (1 << 14) / (row_ * layer_.out));
    parallel(ceil_div(groups, each), [&](int64_t chunk) {
      for (int64_t i = chunk * each; i < least((chunk + 1) * each, groups); ++i) pack_group(i * units_);
    });
  }

  // z (rows, row()) = h (rows, out) W_hh' for the units from `unit`. Columns beyond the last unit are not
  // written.
  void multiply(int64_t unit, int64_t rows, const T* h, T* z) const {
    matmul::TileArgs<T> t;
    t.a_step = layer_.out;
    t.c_step = row_;
    t.k = layer_.out;
    t.bias_row = t.bias_col = nullptr;
    t.alpha = T(1);
    t.beta = T(0);
    t.a_rows = true;
    t.relu = false;
    const T* b = packed_.data() + unit / units_ * row_ * layer_.out;
    for (int64_t j = 0; j < row_; j += 2 * width_) {
      const int vectors = row_ - j > width_ ? 2 : 1;
      t.b = b + j * layer_.out;
      t.b_step = t.cols = vectors * width_;
      const int64_t tiles = ceil_div(rows, kernels_.max_rows[vectors]);
      for (int64_t i = 0; i < tiles; ++i) {
        const int64_t first = i * rows / tiles;
        t.a = h + first * layer_.out;
        t.c = z + first * row_ + j;
        kernels_.tile[vectors][(i + 1) * rows / tiles - first](t);
      }
    }
  }

 private:
  void pack_group(int64_t unit) const {
    const int64_t depth = layer_.out, count = least(units_, layer_.hidden - unit);
    T* const group = packed_.data() + unit / units_ * row_ * depth;
    if (count < units_)
      std::memset(group, 0, size_t(row_ * depth) * sizeof(T));  // the tiles take whole vectors
    for (int64_t g = 0; g < gates_; ++g) {
      const int64_t j = g * width_, tile = j / (2 * width_) * 2 * width_;
      kernels_.pack(layer_.w_hh + (g * layer_.hidden + unit) * depth, depth, 1, count, depth,
                    group + tile * depth + (j - tile), row_ - tile > width_ ? 2 * width_ : width_);
    }
  }

  const Layer<T>& layer_;
  const matmul::Kernels<T>& kernels_;
  int64_t width_, gates_, units_, row_;
  Buffer<T> packed_;
};

template <class T>
class Forward {
 public:
  Forward(const Layer<T>& layer, const T* x, const T* h0, const T* c0, T* y, T* h_n, T* c_n, T* held)
      : layer_(layer),
        cell_(table().of<T>().forward[layer.cell]),
        x_(x),
        h0_(h0),
        c0_(c0),
        y_(y),
        h_n_(h_n),
        c_n_(c_n),
        held_(held),
        weights_(layer),
        columns_(layer.gates() * layer.hidden),
        turned_row_(round_up(columns_, matmul::kernels<T>().width)),
        turned_(layer.turned() ? turned_row_ * layer.out : 0),
        inputs_(layer.input, layer.sliced() ? layer.gates() * layer.hidden : 0),
        projection_(layer.hidden, layer.w_hr && !layer.direct() ? layer.out : 0) {
    // The sums of the gates: in `held`, in y (rnn), or in scratch for some steps.
    row_ = layer.lstm() ? (held ? 5 : 4) * layer.hidden : layer.gru() ? 4 * layer.hidden : layer.hidden;
    if (!held && layer.gates() > 1) row_ = apart<T>(row_);
    // As many steps whether held or not: the same bits either way.
    const int64_t bytes = (layer.gates() == 1 ? 1 : layer.gates() + 1) * layer.hidden * int64_t(sizeof(T));
    together_ = most(1, most(kChunkRows, kChunkBytes / bytes) / layer.batch);
  }

  pynn_status run() {
    const bool rnn = layer_.gates() == 1;
    const int64_t sums = rnn || held_ ? 0 : least(together_, layer_.steps) * layer_.batch * row_;
    const Buffer<T> scratch(sums), bias(layer_.gates() * layer_.hidden);
    if (!weights_) return weights_.failure();
    if (!turned_) return turned_.failure();
    if (!inputs_) return inputs_.failure();
    if (!projection_) return projection_.failure();
    if (!scratch) return scratch.failure();
    if (!bias) return bias.failure();
    add_biases(bias.data());
    bias_ = layer_.b_ih || layer_.b_hh ? bias.data() : nullptr;
    if (!layer_.direct()) {
      weights_.pack();
      if (layer_.sliced()) inputs_.pack(layer_.w_ih, 1, layer_.input);
      if (layer_.w_hr) projection_.pack(layer_.w_hr, 1, layer_.hidden);
    }
    if (layer_.turned()) {
      std::memset(turned_.data(), 0, size_t(turned_.count()) * sizeof(T));
      matmul::kernels<T>().pack(layer_.w_hh, layer_.out, 1, columns_, layer_.out, turned_.data(), turned_row_);
    }
    for (int64_t s = 0; s < layer_.steps; s += together_) {
      const int64_t end = least(s + together_, layer_.steps);
      const int64_t low = layer_.reverse ? layer_.step(end - 1) : s,
                    high = layer_.reverse ? layer_.step(s) + 1 : end;
      const int64_t first = layer_.start(low);
      sums_ = rnn ? y_ + first * row_ : held_ ? held_ + first * row_ : scratch.data();
      first_ = first;
      if (!layer_.sliced()) {
        const pynn_status status = product<T>(layer_.start(high) - first, columns_, layer_.input,
                                              x_ + first * layer_.input, layer_.input, 1, layer_.w_ih, 1,
                                              layer_.input, bias_, T(0), sums_, row_);
        if (status != PYNN_OK) return status;
      }
      over_slices(layer_, [&](int64_t from, int64_t to) { take_steps(s, end, from, to); });
      if (status_.load() != PYNN_OK) return no_memory(layer_.slice() * layer_.hidden * int64_t(sizeof(T)));
    }
    finish();
    return PYNN_OK;
  }

 private:
  static constexpr int64_t kChunkBytes = 512 << 10, kChunkRows = 256;

  // Of gru's n the two biases stay apart.
  void add_biases(T* bias) const {
    const int64_t count = layer_.gates() * layer_.hidden, shared = layer_.gru() ? 2 * layer_.hidden : count;
    for (int64_t i = 0; i < count; ++i) {
      bias[i] = layer_.b_ih ? layer_.b_ih[i] : T(0);
      if (layer_.b_hh && i < shared) bias[i] += layer_.b_hh[i];
    }
  }
  const T* b_hn() const { return layer_.gru() && layer_.b_hh ? layer_.b_hh + 2 * layer_.hidden : nullptr; }

  T* sums(int64_t row) const { return sums_ + (row - first_) * row_; }
  // Cells: beside the gates, or in c_n, which then goes along from step to step.
  T* cells(int64_t t, int64_t row) const {
    return held_ ? held_ + (layer_.start(t) + row) * row_ + 4 * layer_.hidden : c_n_ + row * layer_.hidden;
  }
  int64_t cells_row() const { return held_ ? row_ : layer_.hidden; }

  void take_steps(int64_t s, int64_t end, int64_t from, int64_t to) {
    const int64_t rows = to - from;
    const Buffer<T> z(layer_.turned() ? turned_row_ : layer_.direct() ? 0 : rows * weights_.row()),
        m(layer_.w_hr ? rows * layer_.hidden : 0);
    if (!z || !m) {
      status_.store(PYNN_NO_MEMORY);
      return;
    }
    if (layer_.sliced()) multiply_inputs(s, end, from, to);
    for (; s < end; ++s) {
      const int64_t t = layer_.step(s), last = least(to, layer_.rows(t));
      if (from >= last) continue;
      layer_.from(t, from, last, [&](int64_t a, int64_t b, int64_t before) {
        take_step(t, a, b, before, z.data(), m.data());
      });
    }
  }

  void multiply_inputs(int64_t s, int64_t end, int64_t from, int64_t to) const {
    const auto rows = [&](int64_t i) -> typename Panels<T>::Block {
      const int64_t t = layer_.step(s + i), row = layer_.start(t) + from;
      return {most(0, least(to, layer_.rows(t)) - from), x_ + row * layer_.input, sums(row)};
    };
    inputs_.multiply_blocks(end - s, rows, layer_.input, row_, bias_, T(0));
  }

  // Rows [a, b) of step t, their state in step `before` or, -1, the initial one.
  void take_step(int64_t t, int64_t a, int64_t b, int64_t before, T* z, T* m) {
    const int64_t rows = b - a, row = layer_.start(t) + a, out = layer_.out, hidden = layer_.hidden;
    const T* h = before < 0 ? h0_ + a * out : y_ + (layer_.start(before) + a) * out;
    ForwardStep<T> step = {};
    step.rows = rows;
    step.gates = {sums(row), row_};
    step.gate = hidden;
    step.h_before = {h, out};
    step.b_hn = b_hn();
    if (layer_.lstm()) {
      if (before < 0) {
        step.c_before = {c0_ + a * hidden, hidden};
      } else {
        step.c_before = {cells(before, a), cells_row()};
      }
      step.c = {cells(t, a), cells_row()};
    }
    step.h = layer_.w_hr ? Rows<T>{m, hidden} : Rows<T>{y_ + row * out, out};
    step.keep = held_ != nullptr;
    if (layer_.turned()) {
      matmul::kernels<T>().combine(turned_.data(), turned_row_, turned_row_, out, h, z);
      step.units = step.z_gate = hidden;
      step.z = {z, turned_row_};
      cell_(step);
    } else if (layer_.direct()) {
      take_direct(step, h);
    } else {
      step.z_gate = weights_.gate();
      for (int64_t unit = 0; unit < hidden; unit += weights_.units()) {
        weights_.multiply(unit, rows, h, z);
        ForwardStep<T> part = step;
        part.units = least(weights_.units(), hidden - unit);
        part.z = {z, weights_.row()};
        part.gates.data += unit;
        part.h_before.data += unit;
        part.h.data += unit;
        if (part.b_hn) part.b_hn += unit;
        if (layer_.lstm()) part.c_before.data += unit, part.c.data += unit;
        cell_(part);
      }
    }
    if (!layer_.w_hr) return;
    if (layer_.direct()) {
      note(product<T>(rows, out, hidden, m, hidden, 1, layer_.w_hr, 1, hidden, nullptr, T(0), y_ + row * out,
                      out));
    } else {
      projection_.multiply(rows, m, hidden, y_ + row * out, out, T(0));
    }
  }

  void take_direct(ForwardStep<T>& step, const T* h) {
    const int64_t hidden = layer_.hidden, out = layer_.out,
                  shared = (layer_.gru() ? 2 : layer_.gates()) * hidden;
    note(product<T>(step.rows, shared, out, h, out, 1, layer_.w_hh, 1, out, nullptr, T(1), step.gates.data,
                    row_));
    if (layer_.gru()) {
      note(product<T>(step.rows, hidden, out, h, out, 1, layer_.w_hh + 2 * hidden * out, 1, out, step.b_hn,
                      T(0), step.gates.data + 3 * hidden, row_));
    }
    step.units = hidden;
    constexpr int64_t kElements = 4 << 10;  // of a chunk: some 10 us of work
    parallel_ranges(step.rows, most(1, kElements / hidden), [&](int64_t first, int64_t last) {
      ForwardStep<T> part = step;
      part.rows = last - first;
      for (Rows<const T>* rows : {&part.h_before, &part.c_before}) rows->data += first * rows->row;
      for (Rows<T>* rows : {&part.gates, &part.c, &part.h}) rows->data += first * rows->row;
      cell_(part);
    });
  }

  void note(pynn_status status) {
    if (status != PYNN_OK) status_.store(status);
  }

  // The states after each sequence's last step.
  void finish() const {
    for (int64_t r = 0; r < layer_.batch; ++r) {
      int64_t t = layer_.step(layer_.steps - 1);
      while (layer_.rows(t) <= r) --t;  // with sizes, and not reversed
      std::memcpy(h_n_ + r * layer_.out, y_ + (layer_.start(t) + r) * layer_.out,
                  size_t(layer_.out) * sizeof(T));
      if (held_ && layer_.lstm()) {
        std::memcpy(c_n_ + r * layer_.hidden, cells(t, r), size_t(layer_.hidden) * sizeof(T));
      }
    }
  }

  const Layer<T>& layer_;
  void (*const cell_)(const ForwardStep<T>&);
  const T *x_, *h0_, *c0_;
  T *y_, *h_n_, *c_n_, *held_;
  const GatePanels<T> weights_;
  const int64_t columns_, turned_row_;  // of all gates; in whole vectors
  const Buffer<T> turned_;
  const Panels<T> inputs_, projection_;
  const T* bias_ = nullptr;
  T* sums_ = nullptr;
  int64_t row_ = 0, first_ = 0, together_ = 1;
  std::atomic<int> status_{PYNN_OK};
};

}  // namespace

template <class T>
pynn_status run_forward(const pynn_recurrent& from, const T* x, const T* h0, const T* c0, T* y, T* h_n,
                        T* c_n, T* held) {
  const Buffer<int64_t> starts(from.sizes ? from.steps + 1 : 0);
  if (!starts) return starts.failure();
  const Layer<T> layer(from, starts.data());
  return Forward<T>(layer, x, h0, c0, y, h_n, c_n, held).run();
}

#define PYNN_INSTANTIATE(T) \
  template pynn_status run_forward<T>(const pynn_recurrent&, const T*, const T*, const T*, T*, T*, T*, T*);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace recurrent
}  // namespace pynn
