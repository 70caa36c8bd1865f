// Matrix products: the micro-kernels' interface (one table an ISA) and the loops around them.
#pragma once
#include <cstdint>

#include "base/tables.h"
#include "pynn/matmul.h"

namespace pynn {
namespace matmul {

// One tile of C: rows x cols, rows fixed by the kernel, cols 1 .. vectors * width.
//   C = act(alpha * A B + bias_row[i] + bias_col[j] + beta * C)
template <class T>
struct TileArgs {
  const T* a;
  int64_t
      a_step;  // a_rows: elements from row to row, k is contiguous; else: from k to k, rows are contiguous
  const T* b;
  int64_t b_step;  // from k to k; columns are contiguous
  T* c;
  int64_t c_step;  // from row to row; columns are contiguous
  int64_t k;
  const T* bias_row;  // or nullptr
  const T* bias_col;  // or nullptr
  T alpha, beta;      // beta == 0: C is not read
  int cols;
  bool a_rows;
  bool relu;
};

template <class T>
struct Kernels {
  typedef void (*Tile)(const TileArgs<T>&);

  int width;            // elements in a vector
  int max_rows[5];      // [vectors]: tallest tile of that many vectors; 0: there is none
  int64_t depth;        // of a pass over k: a panel of two vectors fills about half of the L1 cache
  int64_t direct_bytes;  // an operand up to here is read where it lies: it stays in the L2 cache
  const Tile* tile[5];  // [vectors][rows]

  // dst[k * dst_step + i] = src[i * step_i + k * step_k], i < rows, k < depth. Reads and writes nothing else.
  void (*pack)(const T* src, int64_t step_i, int64_t step_k, int64_t rows, int64_t depth, T* dst,
               int64_t dst_step);

  // dst[j / panel * panel * depth + k * panel + j % panel] = src[k * step + j] for the whole panels of the columns.
  // panel is a multiple of width.
  void (*pack_panels)(const T* src, int64_t step, int64_t columns, int64_t depth, int64_t panel, T* dst);

  // out[i] = sum over k of a[i * step + k] * x[k], i < rows
  void (*dot)(const T* a, int64_t step, int64_t rows, int64_t k, const T* x, T* out);
  // out[i * out_step + j] = sum over k of a[i * a_step + k] * b[j * b_step + k], i < rows, j < cols
  void (*dots)(const T* a, int64_t a_step, int64_t rows, const T* b, int64_t b_step, int64_t cols, int64_t k,
               T* out, int64_t out_step);
  // y[j] = sum over k of x[k] * b[k * step + j], j < n
  void (*combine)(const T* b, int64_t step, int64_t n, int64_t k, const T* x, T* y);
  // y[j] = sum of rows[i * step + j] over i < rows (added 8 rows at a time)
  void (*add_rows)(const T* x, int64_t step, int64_t rows, int64_t n, T* y);
};

using Table = FloatTable<Kernels>;

const Table& table();  // of the ISA in use
template <class T>
inline const Kernels<T>& kernels() {
  return table().of<T>();
}

// C = act(alpha * A B + bias + beta * C), strides in elements; bias_row has m elements, bias_col n, or
// nullptr.
template <class T>
struct Gemm {
  int64_t m, n, k;
  const T* a;
  int64_t a_row, a_col;
  const T* b;
  int64_t b_row, b_col;
  T* c;
  int64_t c_row, c_col;
  const T* bias_row;
  const T* bias_col;
  T alpha, beta;
  pynn_activation act;
};

// bfloat16 as bits; only where has_bf16_dot(). Scalars are float32.
struct bfloat16 {
  uint16_t bits;
};
template <>
struct Gemm<bfloat16> {
  int64_t m, n, k;
  const bfloat16* a;
  int64_t a_row, a_col;
  const bfloat16* b;
  int64_t b_row, b_col;
  bfloat16* c;
  int64_t c_row, c_col;
  const bfloat16* bias_row;
  const bfloat16* bias_col;
  float alpha, beta;
  pynn_activation act;
};

// One product, on the pool's threads where it is large enough. PYNN_OK or PYNN_NO_MEMORY (message set).
template <class T>
pynn_status gemm(const Gemm<T>& g);
template <>
pynn_status gemm(const Gemm<bfloat16>& g);  // bf16.cpp

// Whether a product has so few rows (or columns) that its large operand, B (or A), is better widened block by block than
// as a whole; the larger operand must be contiguous one way.
bool few_enough(const Gemm<float>& g);

// Such a product. The large operand has a 16-bit dtype and lies at `narrow` with the steps given in g, where its pointer
// is not read.
pynn_status gemm_few(const Gemm<float>& g, int dtype, const uint16_t* narrow);

// Products of one shape at offsets a_offset[i], b_offset[i], c_offset[i] (elements) from g's pointers.
template <class T>
pynn_status gemm_batch(const Gemm<T>& g, int64_t count, const int64_t* a_offset, const int64_t* b_offset,
                       const int64_t* c_offset);

// out[j * out_step] = sum over rows of x[i * x_row + j * x_col] + beta * out[j * out_step]
template <class T>
pynn_status column_sum(int64_t rows, int64_t n, const T* x, int64_t x_row, int64_t x_col, T beta, T* out,
                       int64_t out_step);

// Depth of one pass over K of at most `most`: by k alone, so that an element of C is added up the same way whatever m
// and n are.
template <class T>
inline int64_t depth_block(int64_t k, int64_t most = sizeof(T) == 4 ? 448 : 256) {
  if (k <= most + most / 4) return k;
  const int64_t passes = (k + most - 1) / most;
  return (k + passes - 1) / passes;
}

}  // namespace matmul
}  // namespace pynn
