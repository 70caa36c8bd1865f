// Steps that the threads of a warp or a block take together.
#pragma once
#include "cuda/types.h"

#ifdef PYNN_KERNELS
namespace pynn::cuda {

constexpr int kWarpSize = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

// T by 32-bit words, so that any trivially copyable accumulator can be shuffled.
template <class T>
PYNN_DEVICE T shuffle_xor(const T& value, int bits) {
  static_assert(sizeof(T) % 4 == 0, "whole words");
  union Words {
    T value;
    unsigned words[sizeof(T) / 4];
    PYNN_DEVICE Words() {}
  } from, to;
  from.value = value;
#pragma unroll
  for (int i = 0; i < int(sizeof(T) / 4); ++i) to.words[i] = __shfl_xor_sync(kAllLanes, from.words[i], bits);
  return to.value;
}

// The combination of all lanes' values, in every lane; join(a, b) takes the lower lane's value first.
template <class T, class Join>
PYNN_DEVICE T warp_reduce(T value, const Join& join) {
  const int lane = int(threadIdx.x) % kWarpSize;
#pragma unroll
  for (int bits = 1; bits < kWarpSize; bits *= 2) {
    const T other = shuffle_xor(value, bits);
    value = lane & bits ? join(other, value) : join(value, other);
  }
  return value;
}

// The combination of the values of kThreads threads, consecutive in threadIdx.x, in each of them; kThreads is
// a warp or the whole block. All threads of the block call it. Always in the same order.
template <int kThreads, class T, class Join>
PYNN_DEVICE T group_reduce(T value, const Join& join) {
  static_assert(kThreads % kWarpSize == 0, "whole warps");
  value = warp_reduce(value, join);
  if constexpr (kThreads > kWarpSize) {
    constexpr int kWarps = kThreads / kWarpSize;
    __shared__ __align__(16) unsigned char memory[kWarps * sizeof(T)];
    T* of_warps = reinterpret_cast<T*>(memory);
    __syncthreads();  // an earlier call may still be read
    if (threadIdx.x % kWarpSize == 0) of_warps[threadIdx.x / kWarpSize] = value;
    __syncthreads();
    value = of_warps[0];
#pragma unroll
    for (int i = 1; i < kWarps; ++i) value = join(value, of_warps[i]);
  }
  return value;
}

struct Sum {
  template <class T>
  PYNN_DEVICE T operator()(const T& a, const T& b) const {
    return a + b;
  }
};
// NaN is larger than every number.
struct Largest {
  template <class T>
  PYNN_DEVICE T operator()(const T& a, const T& b) const {
    return a > b || a != a ? a : b;
  }
};
struct Smallest {
  template <class T>
  PYNN_DEVICE T operator()(const T& a, const T& b) const {
    return a < b || a != a ? a : b;
  }
};

}  // namespace pynn::cuda
#endif
