// What forward and backward share: tiles of products, copies of blocks, places in a batch, masks, dropout's
// words.
#pragma once
#include <cstring>

#include "base/sizes.h"
#include "kernels/attention/attention.h"
#include "kernels/matmul/matmul.h"
#include "kernels/random/random.h"

namespace pynn {
namespace attention {

// Work (multiply-adds) that stays on one thread, and that a chunk should have.
constexpr int64_t kSerial = 1 << 19, kChunk = 1 << 18;

// Elements from row to row of a block of scores: whole vectors, and no power of two, which would crowd few
// sets of the cache.
inline int64_t score_step(int64_t cols) { return round_up(cols, 16) + 16; }

// C (rows x cols) = alpha A B + beta C by the matmul family's tiles.
template <class T>
class Tiles {
 public:
  Tiles() : kernels_(matmul::kernels<T>()), panel_(2 * kernels_.width), most_rows_(kernels_.max_rows[2]) {}

  // Elements of a packed operand of `cols` columns.
  int64_t packed(int64_t cols, int64_t depth) const { return round_up(cols, panel_) * depth; }

  // Rows of x (cols of them, depth long) as the columns of an operand B in panels.
  void pack(const T* x, int64_t row, int64_t cols, int64_t depth, T* to) const {
    for (int64_t j = 0; j < cols; j += panel_) {
      kernels_.pack(x + j * row, row, 1, least(panel_, cols - j), depth, to + j * depth, panel_);
    }
  }

  // B in panels by pack.
  void by_panels(int64_t rows, int64_t cols, int64_t depth, const T* a, int64_t a_step, const T* b, T alpha,
                 T* c, int64_t c_step) const {
    run(rows, cols, depth, a, a_step, true, b, panel_, panel_ * depth, alpha, T(0), c, c_step);
  }
  // B where it lies, rows of contiguous columns. a_rows: A's rows are contiguous; else its columns.
  void direct(int64_t rows, int64_t cols, int64_t depth, const T* a, int64_t a_step, bool a_rows, const T* b,
              int64_t b_step, T beta, T* c, int64_t c_step) const {
    run(rows, cols, depth, a, a_step, a_rows, b, b_step, panel_, T(1), beta, c, c_step);
  }

 private:
  void run(int64_t rows, int64_t cols, int64_t depth, const T* a, int64_t a_step, bool a_rows, const T* b,
           int64_t b_step, int64_t b_panel, T alpha, T beta, T* c, int64_t c_step) const {
    if (rows == 0 || cols == 0) return;
    matmul::TileArgs<T> t = {};
    t.k = depth;
    t.alpha = alpha;
    t.beta = beta;
    t.a_rows = a_rows;
    t.a_step = a_step;
    t.b_step = b_step;
    t.c_step = c_step;
    const int64_t tiles = ceil_div(rows, most_rows_), base = rows / tiles, longer = rows % tiles;
    for (int64_t j = 0; j < cols; j += panel_, b += b_panel) {
      t.b = b;
      t.cols = int(least(panel_, cols - j));
      const auto* const tile = kernels_.tile[t.cols > kernels_.width ? 2 : 1];
      int64_t row = 0;
      for (int64_t i = 0; i < tiles; ++i) {
        const int64_t height = base + (i < longer);
        t.a = a + (a_rows ? row * a_step : row);
        t.c = c + row * c_step + j;
        tile[height](t);
        row += height;
      }
    }
  }

  const matmul::Kernels<T>& kernels_;
  const int64_t panel_, most_rows_;
};

template <class T>
void copy_rows(const T* x, int64_t row, int64_t rows, int64_t cols, T* to) {
  for (int64_t i = 0; i < rows; ++i) std::memcpy(to + i * cols, x + i * row, size_t(cols) * sizeof(T));
}

inline int64_t offset_of(const Strides& s, int ndim, const int64_t* shape, int64_t batch) {
  int64_t offset = 0;
  for (int d = ndim - 1; d >= 0; --d) {
    offset += batch % shape[d] * s.batch[d];
    batch /= shape[d];
  }
  return offset;
}
template <class T>
int64_t offset_of(const Problem<T>& p, const Strides& s, int64_t batch) {
  return offset_of(s, p.ndim, p.shape, batch);
}

// The mask and dropout of one block at a time, in scratch space of its own.
template <class T>
class Extras {
 public:
  // Elements of T (bias) and words that blocks of rows x cols need.
  static int64_t bias_size(const Problem<T>& p, int64_t rows, int64_t cols) {
    return p.kind == Mask::none || in_place(p) ? 0 : (p.mask_at.row == 0 ? cols : rows * cols);
  }
  static int64_t words_size(const Problem<T>& p, int64_t rows, int64_t cols) {
    return p.dropout > 0 ? rows * (cols + 8) : 0;
  }

  Extras(const Problem<T>& p, T* bias, uint32_t* words)
      : p_(p), kernels_(table().of<T>()), words_kernel_(random::table().words), bias_(bias), words_(words) {
    threshold_ = random::threshold(float(p.dropout));
    keep_ = T(1 / (1 - p.dropout));
  }

  // Sets bias and words of the block at (batch, row, column).
  void set(Block<T>& b, int64_t batch, int64_t row, int64_t column) const {
    b.bias = nullptr;
    b.words = nullptr;
    if (p_.kind != Mask::none) set_bias(b, batch, row, column);
    if (p_.dropout > 0) set_words(b, (batch * p_.length + row) * p_.keys + column);
  }

 private:
  static bool in_place(const Problem<T>& p) { return p.kind == Mask::added && p.mask_column == 1; }

  void set_bias(Block<T>& b, int64_t batch, int64_t row, int64_t column) const {
    const int64_t at = offset_of(p_, p_.mask_at, batch) + row * p_.mask_at.row + column * p_.mask_column;
    b.bias = bias_;
    b.bias_step = p_.mask_at.row == 0 ? 0 : b.cols;
    const int64_t rows = p_.mask_at.row == 0 ? 1 : b.rows;
    if (in_place(p_)) {
      b.bias = static_cast<const T*>(p_.mask) + at;
      b.bias_step = p_.mask_at.row;
    } else if (p_.kind == Mask::added) {
      const T* const from = static_cast<const T*>(p_.mask) + at;
      for (int64_t i = 0; i < rows; ++i) {
        for (int64_t j = 0; j < b.cols; ++j) {
          bias_[i * b.cols + j] = from[i * p_.mask_at.row + j * p_.mask_column];
        }
      }
    } else {
      const uint8_t* const from = static_cast<const uint8_t*>(p_.mask) + at;
      for (int64_t i = 0; i < rows; ++i) {
        T* const to = bias_ + i * b.cols;
        if (p_.mask_column == 1) {
          kernels_.expand(from + i * p_.mask_at.row, b.cols, to);
        } else {
          for (int64_t j = 0; j < b.cols; ++j) {
            kernels_.expand(from + i * p_.mask_at.row + j * p_.mask_column, 1, to + j);
          }
        }
      }
    }
  }

  void set_words(Block<T>& b, int64_t first) const {
    b.words = words_;
    b.words_step = b.cols + 8;
    b.first = first;
    b.stride = p_.keys;
    b.threshold = threshold_;
    b.keep = keep_;
    for (int64_t i = 0; i < b.rows; ++i) {
      const int64_t index = first + i * p_.keys;
      words_kernel_({p_.seed, p_.offset + uint64_t(index / 4)}, b.cols + (index & 3),
                    words_ + i * b.words_step);
    }
  }

  const Problem<T>& p_;
  const Kernels<T>& kernels_;
  void (*words_kernel_)(random::Stream, int64_t, uint32_t*);
  T* bias_;
  uint32_t* words_;
  uint32_t threshold_;
  T keep_;
};

}  // namespace attention
}  // namespace pynn
