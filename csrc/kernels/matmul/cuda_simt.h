// Matrix products without tensor cores: float64, exact float32, few rows or columns, and matrices of any
// strides. A block computes a tile from panels of A and B in shared memory, kept [k][row] and [k][column]; a
// thread has kRows x kColumns sums, the next panel on its way in registers meanwhile. The order of the sums
// depends on the shape.
#pragma once
#include "cuda/launch.h"
#include "kernels/matmul/cuda_plan.h"
#include "kernels/matmul/cuda_result.h"

namespace pynn::cuda {

template <class T>
struct SimtProduct {
  const T *a, *b;
  int64_t a_row, a_col, b_row, b_col;
  int k, part;  // of K, and what one part of the sum has of it
  int tiles_m, tiles_n, parts;
  BatchSteps batch;
  Result<T, SteppedColumns> result;
};

// A thread's part of a panel of kExtent rows (or columns) x kDepth. Neighbouring threads read neighbours in
// memory.
template <class T, int kExtent, int kDepth, int kThreads>
struct SimtShare {
  static constexpr int kEach = kExtent * kDepth / kThreads;
  static_assert(kEach * kThreads == kExtent * kDepth, "every thread loads as many elements");
  bool deep;  // memory runs along K
  PYNN_DEVICE void place(int i, int& row, int& k) const {
    const int at = int(threadIdx.x) + i * kThreads;
    row = deep ? at / kDepth : at % kExtent;
    k = deep ? at % kDepth : at / kExtent;
  }
  PYNN_DEVICE void load(const T* from, int64_t step, int64_t k_step, int rows, int depth,
                        Compute<T> (&out)[kEach]) const {
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      int row, k;
      place(i, row, k);
      out[i] = row < rows && k < depth ? widen(from[row * step + k * k_step]) : Compute<T>(0);
    }
  }
  template <class Panel>
  PYNN_DEVICE void store(Panel& panel, const Compute<T> (&values)[kEach]) const {
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      int row, k;
      place(i, row, k);
      panel.at[k][row] = values[i];
    }
  }
};

template <class Sum, int kExtent, int kDepth>
struct alignas(16) SimtPanel {
  Sum at[kDepth][kExtent + 16 / sizeof(Sum)];  // a line more of 16 bytes: other banks from k to k
};

template <class T, int kM, int kN, int kDepth, int kRows, int kColumns>
__global__ void __launch_bounds__(kM / kRows * (kN / kColumns))
    simt_product(const __grid_constant__ SimtProduct<T> p) {
  constexpr int kThreads = kM / kRows * (kN / kColumns);
  using Sum = Compute<T>;
  __shared__ SimtPanel<Sum, kM, kDepth> left;
  __shared__ SimtPanel<Sum, kN, kDepth> right;
  const Place place = place_of_block(int64_t(blockIdx.x), p.tiles_m, p.tiles_n, p.parts);
  const int row0 = place.row * kM, column0 = place.column * kN, first = place.part * p.part;
  const int end = min(p.k, first + p.part);
  const T* a = p.a + p.batch.a_offset(place.batch) + row0 * p.a_row + first * p.a_col;
  const T* b = p.b + p.batch.b_offset(place.batch) + column0 * p.b_col + first * p.b_row;
  const SimtShare<T, kM, kDepth, kThreads> share_a = {p.a_col == 1};
  const SimtShare<T, kN, kDepth, kThreads> share_b = {p.b_row == 1};
  Sum next_a[share_a.kEach], next_b[share_b.kEach], sums[kRows][kColumns] = {};
  const int rows = p.result.m - row0, columns = p.result.n - column0;
  const int row = int(threadIdx.x) / (kN / kColumns) * kRows;
  const int column = int(threadIdx.x) % (kN / kColumns) * kColumns;
  share_a.load(a, p.a_row, p.a_col, rows, end - first, next_a);
  share_b.load(b, p.b_col, p.b_row, columns, end - first, next_b);
  for (int k = first; k < end; k += kDepth) {
    share_a.store(left, next_a);
    share_b.store(right, next_b);
    __syncthreads();
    a += kDepth * p.a_col;
    b += kDepth * p.b_row;
    share_a.load(a, p.a_row, p.a_col, rows, end - k - kDepth, next_a);
    share_b.load(b, p.b_col, p.b_row, columns, end - k - kDepth, next_b);
#pragma unroll
    for (int d = 0; d < kDepth; ++d) {
      Sum x[kRows], y[kColumns];
#pragma unroll
      for (int i = 0; i < kRows; ++i) x[i] = left.at[d][row + i];
#pragma unroll
      for (int j = 0; j < kColumns; ++j) y[j] = right.at[d][column + j];
#pragma unroll
      for (int i = 0; i < kRows; ++i) {
#pragma unroll
        for (int j = 0; j < kColumns; ++j) sums[i][j] = fma(x[i], y[j], sums[i][j]);
      }
    }
    __syncthreads();
  }
  const Result<T, SteppedColumns>& to = p.result;
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
#pragma unroll
    for (int j = 0; j < kColumns; ++j) {
      const int r = row0 + row + i, c = column0 + column + j;
      if (r >= to.m || c >= to.n) continue;
      if (to.parts) {
        to.parts[((int64_t(place.part) * to.batch + place.batch) * to.m + r) * to.n + c] = sums[i][j];
        continue;
      }
      const Sum bias = to.bias ? widen(to.bias[to.bias_by_row ? r : c]) : Sum(0);
      to.c[place.batch * to.batch_step + r * to.row_step + to.columns.at(c)] =
          narrow<T>(activate(sums[i][j] + bias, to.relu));
    }
  }
}

}  // namespace pynn::cuda
