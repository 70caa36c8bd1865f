// What forward and backward share: the layer's sizes, how the batch is sliced, packed weights.
#pragma once
#include "base/arena.h"
#include "base/pool.h"
#include "base/sizes.h"
#include "base/status.h"
#include "kernels/matmul/matmul.h"
#include "kernels/recurrent/recurrent.h"

namespace pynn {
namespace recurrent {

inline pynn_status no_memory(int64_t bytes) {
  return fail(PYNN_NO_MEMORY, "recurrent: no memory for %lld bytes of scratch space", (long long)bytes);
}

// From a row of `count` elements to the next: rows a multiple of a page apart would share a few places of the caches.
template <class T>
int64_t apart(int64_t count) {
  constexpr int64_t kPage = 4096 / int64_t(sizeof(T));
  return count % kPage == 0 ? count + 64 / int64_t(sizeof(T)) : count;
}

// Scratch of `count` elements.
template <class T>
class Buffer {
 public:
  explicit Buffer(int64_t count) : bytes_(count * int64_t(sizeof(T))), block_(size_t(bytes_)) {}
  explicit operator bool() const { return bool(block_); }
  int64_t count() const { return bytes_ / int64_t(sizeof(T)); }
  T* data() const { return block_.template as<T>(); }
  pynn_status failure() const { return no_memory(bytes_); }

 private:
  int64_t bytes_;
  Scratch block_;
};

template <class T>
struct Layer {
  int cell;
  bool reverse;
  int64_t steps, batch, input, hidden, out;
  const int64_t* sizes;   // rows of each step, or nullptr: `batch` in all
  const int64_t* starts;  // with sizes: first row of each step, and the end
  const T *w_ih, *w_hh, *b_ih, *b_hh, *w_hr;

  // starts: room for steps + 1 numbers; used with sizes only.
  Layer(const pynn_recurrent& from, int64_t* starts_room)
      : cell(from.cell),
        reverse(from.reverse != 0),
        steps(from.steps),
        batch(from.batch),
        input(from.input),
        hidden(from.hidden),
        out(from.projection ? from.projection : from.hidden),
        sizes(from.sizes),
        starts(starts_room),
        w_ih(static_cast<const T*>(from.w_ih)),
        w_hh(static_cast<const T*>(from.w_hh)),
        b_ih(static_cast<const T*>(from.b_ih)),
        b_hh(static_cast<const T*>(from.b_hh)),
        w_hr(static_cast<const T*>(from.w_hr)) {
    if (sizes == nullptr) return;
    starts_room[0] = 0;
    for (int64_t t = 0; t < steps; ++t) starts_room[t + 1] = starts_room[t] + sizes[t];
  }

  bool lstm() const { return cell == PYNN_CELL_LSTM; }
  bool gru() const { return cell == PYNN_CELL_GRU; }
  int64_t gates() const { return lstm() ? 4 : gru() ? 3 : 1; }
  int64_t held() const { return lstm() ? 5 * hidden : gru() ? 4 * hidden : 0; }

  int64_t start(int64_t t) const { return sizes ? starts[t] : t * batch; }
  int64_t rows(int64_t t) const { return sizes ? sizes[t] : batch; }
  int64_t total() const { return start(steps); }
  // The step at place `s` of the order they are processed in, and the one before step t, or -1.
  int64_t step(int64_t s) const { return reverse ? steps - 1 - s : s; }
  int64_t before(int64_t t) const { return !reverse ? t - 1 : t + 1 < steps ? t + 1 : -1; }

  // f(first, last, step before or -1) for the rows [first, last) of step t, by where their state comes from:
  // with sizes, a reversed sequence starts from its initial state at its own last step.
  template <class F>
  void from(int64_t t, int64_t first, int64_t last, const F& f) const {
    const int64_t p = before(t), known = p < 0 ? first : least(most(rows(p), first), last);
    if (first < known) f(first, known, p);
    if (known < last) f(known, last, int64_t(-1));
  }

  // A single step, or a single row: products of the weights as they lie, threads inside each. Else the
  // weights are packed, and each thread takes a slice of the batch through all steps.
  bool direct() const { return steps == 1 || batch == 1; }

  // A single row, and weights small enough for one core: they are turned once, so that a step's product adds up rows of
  // them and no sum goes across a vector.
  bool turned() const {
    constexpr int64_t kSteps = 8, kWeights = 1 << 17;
    return batch == 1 && steps >= kSteps && gates() * hidden * out <= kWeights;
  }

  // Whether a slice multiplies its own rows of the input: what it then reads and writes stays in its core's cache. Not
  // where slices are so low that products over them would be slow.
  bool sliced() const {
    constexpr int64_t kRows = 8;
    return !direct() && slice() >= kRows;
  }

  // Rows of a slice: an even number of slices of at most 16 rows where there is work for two threads.
  int64_t slice() const {
    constexpr int64_t kRows = 16, kSerial = 1 << 19;
    if (direct() || total() * hidden * gates() * (input + out) <= kSerial) return batch;
    const int64_t count = ceil_div(batch, kRows);
    return ceil_div(batch, count + count % 2);
  }
};

// f(first row, last row) for every slice of the batch.
template <class T, class F>
void over_slices(const Layer<T>& layer, const F& f) {
  const int64_t each = layer.slice();
  parallel(ceil_div(layer.batch, each), [&](int64_t i) { f(i * each, least((i + 1) * each, layer.batch)); });
}

// B of products with few rows, in panels of two vectors.
template <class T>
class Panels {
 public:
  Panels(int64_t depth, int64_t columns)
      : kernels_(matmul::kernels<T>()),
        depth_(depth),
        columns_(columns),
        width_(2 * kernels_.width),
        packed_(round_up(columns, width_) * depth) {}
  explicit operator bool() const { return bool(packed_); }
  pynn_status failure() const { return packed_.failure(); }

  // B[k, j] = from[k * row + j * column]
  void pack(const T* from, int64_t row, int64_t column) const {
    const int64_t count = ceil_div(columns_, width_), group = most(1, (1 << 14) / most(1, width_ * depth_));
    parallel(ceil_div(count, group), [&](int64_t chunk) {
      for (int64_t p = chunk * group; p < least((chunk + 1) * group, count); ++p) {
        const int64_t j = p * width_;
        kernels_.pack(from + j * column, column, row, least(width_, columns_ - j), depth_,
                      packed_.data() + j * depth_, width_);
      }
    });
  }

  // c (rows, columns) = a (rows, depth) B + beta c
  void multiply(int64_t rows, const T* a, int64_t a_row, T* c, int64_t c_row, T beta) const {
    multiply_blocks(1, [&](int64_t) { return Block{rows, a, c}; }, a_row, c_row, nullptr, beta);
  }

  struct Block {
    int64_t rows;
    const T* a;
    T* c;
  };

  // The same for the blocks of rows block(0 .. count), which take turns at each panel; bias, added to their rows, may
  // be null.
  template <class F>
  void multiply_blocks(int64_t count, const F& block, int64_t a_row, int64_t c_row, const T* bias, T beta) const {
    matmul::TileArgs<T> t;
    t.a_step = a_row;
    t.b_step = width_;
    t.c_step = c_row;
    t.k = depth_;
    t.bias_row = nullptr;
    t.alpha = T(1);
    t.beta = beta;
    t.a_rows = true;
    t.relu = false;
    for (int64_t j = 0; j < columns_; j += width_) {
      t.b = packed_.data() + j * depth_;
      t.bias_col = bias ? bias + j : nullptr;
      t.cols = int(least(width_, columns_ - j));
      const auto& tile = kernels_.tile[t.cols > kernels_.width ? 2 : 1];
      for (int64_t i = 0; i < count; ++i) {
        const Block part = block(i);
        const int64_t tiles = ceil_div(part.rows, kernels_.max_rows[2]);
        for (int64_t k = 0; k < tiles; ++k) {
          const int64_t first = k * part.rows / tiles;
          t.a = part.a + first * a_row;
          t.c = part.c + first * c_row + j;
          tile[(k + 1) * part.rows / tiles - first](t);
        }
      }
    }
  }

 private:
  const matmul::Kernels<T>& kernels_;
  int64_t depth_, columns_, width_;
  Buffer<T> packed_;
};

// C (m, n) = A B + beta C with strides (row, column) of A and B, C's rows c_row apart.
template <class T>
pynn_status product(int64_t m, int64_t n, int64_t k, const T* a, int64_t a_row, int64_t a_col, const T* b,
                    int64_t b_row, int64_t b_col, const T* bias, T beta, T* c, int64_t c_row) {
  return matmul::gemm(matmul::Gemm<T>{m, n, k, a, a_row, a_col, b, b_row, b_col, c, c_row, 1, nullptr, bias,
                                      T(1), beta, PYNN_ACT_NONE});
}

}  // namespace recurrent
}  // namespace pynn
