// What becomes of the sums of a tile: bias, ReLU, one rounding, and the way to their places in memory. Also
// parts of sums over K, which are added in order.
#pragma once
#include "cuda/types.h"

namespace pynn::cuda {

// Where the columns of C lie: at(column) elements from a row's start, `count` of them side by side or not,
// and whether there is such a column (of those that fill up a tile some may not be).
struct DenseColumns {
  PYNN_DEVICE bool exists(int) const { return true; }
  PYNN_DEVICE int64_t at(int column) const { return column; }
  PYNN_DEVICE bool neighbours(int, int) const { return true; }
};

struct SteppedColumns {
  int64_t step;
  PYNN_DEVICE bool exists(int) const { return true; }
  PYNN_DEVICE int64_t at(int column) const { return column * step; }
  PYNN_DEVICE bool neighbours(int, int) const { return step == 1; }
};

// C = act(sums + bias), m x n, in memory or, as sums of one part of K, in `parts`.
template <class T, class Columns>
struct Result {
  T* c;
  int64_t row_step, batch_step;  // elements; columns.at() adds the column's
  Columns columns;
  const T* bias;  // or nullptr; n elements, or m
  bool bias_by_row;
  int64_t bias_batch;  // elements from batch to batch
  bool relu;
  int m, n, batch;
  Compute<T>* parts;  // [part][batch][m][n], or nullptr
};

// Two floats, rounded, in one word: the first one in the lower half.
PYNN_DEVICE uint32_t pack_pair(float low, float high, Tag<__half>) {
  const __half2 pair = __floats2half2_rn(low, high);
  uint32_t word;
  memcpy(&word, &pair, sizeof word);
  return word;
}
PYNN_DEVICE uint32_t pack_pair(float low, float high, Tag<__nv_bfloat16>) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  uint32_t word;
  memcpy(&word, &pair, sizeof word);
  return word;
}

// NaN stays NaN.
template <class T>
PYNN_DEVICE T activate(T x, bool relu) {
  return relu && x < 0 ? T(0) : x;
}

// A lane's fragments of a row pair, rows `row` and `row + 8` (see cuda/mma.h), columns from `column` on, 8 a
// fragment. All lanes of the warp take part.
template <class T, class Columns, int kJ>
PYNN_DEVICE void store_fragments(const Result<T, Columns>& to, int batch, int part, int row, int column,
                                 const float (&sums)[kJ][4]) {
  static_assert(kJ % 2 == 0, "columns are stored 16 at a time");
  const int lane = int(threadIdx.x) & 31, t = lane & 3;
  if (to.parts) {
    float* c = to.parts + (int64_t(part) * to.batch + batch) * to.m * to.n;
    const bool paired = (to.n & 1) == 0;
#pragma unroll
    for (int j = 0; j < kJ; ++j) {
      const int at = column + j * 8 + t * 2;
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        float* place = c + int64_t(row + h * 8) * to.n + at;
        if (row + h * 8 >= to.m || at >= to.n) continue;
        if (paired) {
          *reinterpret_cast<float2*>(place) = make_float2(sums[j][h * 2], sums[j][h * 2 + 1]);
        } else {
          place[0] = sums[j][h * 2];
          if (at + 1 < to.n) place[1] = sums[j][h * 2 + 1];
        }
      }
    }
    return;
  }
  T* const c = to.c + batch * to.batch_step;
  const T* const bias = to.bias ? to.bias + batch * to.bias_batch : nullptr;
  float row_bias[2] = {0, 0};
  if (bias && to.bias_by_row) {
#pragma unroll
    for (int h = 0; h < 2; ++h) row_bias[h] = row + h * 8 < to.m ? widen(bias[row + h * 8]) : 0.f;
  }
#pragma unroll
  for (int j = 0; j < kJ; j += 2) {
    float values[2][2][2];  // [h][fragment][element]
#pragma unroll
    for (int f = 0; f < 2; ++f) {
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        const int at = column + (j + f) * 8 + t * 2 + e;
        const float add = bias && !to.bias_by_row && at < to.n ? widen(bias[at]) : 0.f;
#pragma unroll
        for (int h = 0; h < 2; ++h) {
          values[h][f][e] = activate(sums[j + f][h * 2 + e] + row_bias[h] + add, to.relu);
        }
      }
    }
    if constexpr (sizeof(T) == 2) {
      // Lanes of a row trade pairs, so that each has four neighbours: 32 bytes a row in place of two
      // times 16.
      const int at = column + j * 8 + t * 4;
      const bool neighbours = at + 3 < to.n && to.columns.neighbours(at, 4);
      const int64_t place = at < to.n ? to.columns.at(at) : 0;
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const uint32_t left = pack_pair(values[h][0][0], values[h][0][1], Tag<T>());
        const uint32_t right = pack_pair(values[h][1][0], values[h][1][1], Tag<T>());
        uint32_t words[2];
#pragma unroll
        for (int w = 0; w < 2; ++w) {
          const int source = (lane & ~3) | ((t * 2 + w) & 3);
          const uint32_t from_left = __shfl_sync(0xffffffffu, left, source);
          const uint32_t from_right = __shfl_sync(0xffffffffu, right, source);
          words[w] = t < 2 ? from_left : from_right;
        }
        if (row + h * 8 >= to.m || at >= to.n) continue;
        T* line = c + int64_t(row + h * 8) * to.row_step;
        if (neighbours && (reinterpret_cast<uintptr_t>(line + place) & 7) == 0) {
          *reinterpret_cast<uint2*>(line + place) = make_uint2(words[0], words[1]);
          continue;
        }
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          const unsigned short bits = (unsigned short)(words[e >> 1] >> (16 * (e & 1)));
          if (at + e < to.n && to.columns.exists(at + e))
            *reinterpret_cast<unsigned short*>(line + to.columns.at(at + e)) = bits;
        }
      }
    } else {
#pragma unroll
      for (int f = 0; f < 2; ++f) {
        const int at = column + (j + f) * 8 + t * 2;
        if (at >= to.n) continue;
        const bool neighbours = at + 1 < to.n && to.columns.neighbours(at, 2);
        const int64_t place = to.columns.at(at);
#pragma unroll
        for (int h = 0; h < 2; ++h) {
          if (row + h * 8 >= to.m) continue;
          T* line = c + int64_t(row + h * 8) * to.row_step;
          if (neighbours && (reinterpret_cast<uintptr_t>(line + place) & 7) == 0) {
            *reinterpret_cast<float2*>(line + place) = make_float2(values[h][f][0], values[h][f][1]);
          } else {
            if (to.columns.exists(at)) line[place] = values[h][f][0];
            if (at + 1 < to.n && to.columns.exists(at + 1)) line[to.columns.at(at + 1)] = values[h][f][1];
          }
        }
      }
    }
  }
}

// C = act(sum of the parts, first to last, + bias)
template <class T, class Columns>
__global__ void __launch_bounds__(256) combine_parts(const Result<T, Columns> to, int parts) {
  const int64_t size = int64_t(to.m) * to.n, all = size * to.batch;
  for (int64_t i = blockIdx.x * int64_t(blockDim.x) + threadIdx.x; i < all;
       i += int64_t(gridDim.x) * blockDim.x) {
    const int batch = int(i / size), row = int(i % size / to.n), column = int(i % size % to.n);
    if (!to.columns.exists(column)) continue;
    Compute<T> sum = to.parts[i];
    for (int part = 1; part < parts; ++part) sum += to.parts[part * all + i];
    if (to.bias) sum += widen(to.bias[batch * to.bias_batch + (to.bias_by_row ? row : column)]);
    to.c[batch * to.batch_step + row * to.row_step + to.columns.at(column)] =
        narrow<T>(activate(sum, to.relu));
  }
}

}  // namespace pynn::cuda
