// Threads over n independent elements: each takes every stride_of_grid()-th from first_of_thread() on, so that any grid
// covers all.
#pragma once
#include <cstdint>

#include "cuda/types.h"

namespace pynn::cuda {

constexpr int kThreads = 256;             // of a block, where nothing asks for another number
constexpr int64_t kMostBlocks = 1 << 14;  // enough to fill any GPU many times over

// Blocks for n pieces of work, `each` of them a block.
inline dim3 blocks_for(int64_t n, int64_t each = kThreads) {
  const int64_t blocks = ceil_div(n, each);
  return dim3(unsigned(blocks < 1 ? 1 : blocks < kMostBlocks ? blocks : kMostBlocks));
}

// The smallest power of two that is at least n, at most `most`.
inline unsigned power_of_two(int64_t n, unsigned most) {
  unsigned power = 1;
  while (power < most && power < n) power *= 2;
  return power;
}

PYNN_DEVICE int64_t first_of_thread() { return int64_t(blockIdx.x) * blockDim.x + threadIdx.x; }
PYNN_DEVICE int64_t stride_of_grid() { return int64_t(gridDim.x) * blockDim.x; }

// kCount elements in accesses of at most 16 bytes.
template <class T, int kCount>
constexpr int kRunBytes = int(sizeof(T)) * kCount < 16 ? int(sizeof(T)) * kCount : 16;
template <class T, int kCount>
PYNN_DEVICE bool is_run(const T* p) {
  return reinterpret_cast<uintptr_t>(p) % kRunBytes<T, kCount> == 0;
}
template <class T, int kCount>
PYNN_DEVICE void load_run(const T* from, T (&to)[kCount]) {
  constexpr int kWide = kRunBytes<T, kCount> / int(sizeof(T));
#pragma unroll
  for (int i = 0; i < kCount; i += kWide) {
    const Pack<T, kWide> pack = load_pack<T, kWide>(from + i);
#pragma unroll
    for (int j = 0; j < kWide; ++j) to[i + j] = pack.at[j];
  }
}
template <class T, int kCount>
PYNN_DEVICE void store_run(T* to, const T (&from)[kCount]) {
  constexpr int kWide = kRunBytes<T, kCount> / int(sizeof(T));
#pragma unroll
  for (int i = 0; i < kCount; i += kWide) {
    Pack<T, kWide> pack;
#pragma unroll
    for (int j = 0; j < kWide; ++j) pack.at[j] = from[i + j];
    store_pack<T, kWide>(to + i, pack);
  }
}

}  // namespace pynn::cuda
