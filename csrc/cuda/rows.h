// Kernels of one result a row of contiguous elements: how many threads take a row, and loops over its packs.
#pragma once
#include <initializer_list>

#include "cuda/launch.h"
#include "cuda/types.h"
#include "cuda/warp.h"

namespace pynn::cuda {

constexpr int kRowThreads = 256;    // of a block
constexpr int64_t kWarpRow = 1024;  // the longest row that a warp takes; a block takes longer ones

// f(i, values) over the packs of a row of `size` elements that are this thread's, and over its last elements
// one by one: values is Pack<T, N> or Pack<T, 1>. kGroup threads take the row.
template <int kGroup, int N, class T, class F>
PYNN_DEVICE void over_row(const T* row, int64_t size, const F& f) {
  const int64_t whole = size / N * N;
#pragma unroll 4
  for (int64_t i = int64_t(threadIdx.x % kGroup) * N; i < whole; i += kGroup * N)
    f(i, load_pack<T, N>(row + i));
  if constexpr (N > 1) {
    for (int64_t i = whole + threadIdx.x % kGroup; i < size; i += kGroup) f(i, load_pack<T, 1>(row + i));
  }
}

// The row of this thread: rows of a block lie one after another.
template <int kGroup>
PYNN_DEVICE int64_t own_row() {
  return int64_t(blockIdx.x) * (kRowThreads / kGroup) + threadIdx.x / kGroup;
}
inline dim3 row_grid(int64_t rows, int64_t size) {
  return dim3(unsigned(size <= kWarpRow ? ceil_div(rows, kRowThreads / kWarpSize) : rows));
}
// Whether packs of N may be used for rows that start at all of these.
template <class T>
bool rows_packed(int64_t size, std::initializer_list<const void*> starts) {
  bool packed = size * int64_t(sizeof(T)) % 16 == 0;
  for (const void* start : starts) packed = packed && is_aligned(start, 16);
  return packed;
}

}  // namespace pynn::cuda
