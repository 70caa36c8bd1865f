// Products of bfloat16 matrices by the CPU's own dot product of pairs (AVX512_BF16), float32 sums.
#pragma once
#include <cstdint>

#include "kernels/matmul/matmul.h"

namespace pynn {
namespace matmul {

constexpr int kPairRows = 14;   // the tallest tile
constexpr int kPairPanel = 32;  // columns of a panel of B

// One tile of C, rows x cols: cols 1 .. kPairPanel. Elements along k lie in pairs, 32 bits each.
struct PairTile {
  const void* a;      // packed: pair p of row i is word p * rows + i; else elements, each row contiguous along k
  int64_t a_step;     // 0: packed; else elements from row to row
  const uint32_t* b;  // pair p of column j: b[p * kPairPanel + j]
  uint16_t* c;
  int64_t c_step;  // from row to row; columns are contiguous
  int64_t k;
  const uint16_t* bias_row;  // or nullptr
  const uint16_t* bias_col;  // or nullptr
  float alpha, beta;         // beta == 0: C is not read
  int cols;
  bool relu;
};

struct PairKernels {
  typedef void (*Tile)(const PairTile&);
  Tile tile[kPairRows + 1][2];  // [rows][0: up to 16 columns, 1: up to 32]
  // dst[p * dst_step + i] = pair (src[i, 2p], src[i, 2p + 1]), i < rows; 0 past depth, and for rows <= i <
  // padded.
  void (*pack)(const uint16_t* src, int64_t step_i, int64_t step_k, int64_t rows, int64_t padded,
               int64_t depth, uint32_t* dst, int64_t dst_step);
  // out[i * cols + j] = sum over k of a[i * a_step + k] * b[j * b_step + k], i < rows <= 4
  void (*dots)(const uint16_t* a, int64_t a_step, int64_t rows, const uint16_t* b, int64_t b_step,
               int64_t cols, int64_t k, float* out, int64_t out_step);
};

extern const PairKernels* const pair_kernels;  // nullptr where this build has none

}  // namespace matmul
}  // namespace pynn
