// Pools on the GPU: pynn/pool.h's, over row-major planes. float, double and 16-bit floats (summed in float).
#pragma once
#include <cstdint>

#include "cuda/device.h"
#include "cuda/status.h"

namespace pynn::cuda {

// Three dimensions, innermost last; missing ones have size 1 and kernel 1. Sizes and kernels below 2^31, their planes
// too. Adaptive pools (bins) have sizes only.
struct PoolShape {
  int64_t planes;
  int in[3], out[3];
  int kernel[3], stride[3], padding[3], dilation[3];
  bool bins;
};

struct PoolAverage {
  bool count_include_pad = true;
  int64_t divisor = 0;  // 0: as many elements as the window has
};

// indices: places in the flattened plane, or null.
template <class T>
Status pool_max(const PoolShape& shape, const T* x, T* out, int64_t* indices, cudaStream_t stream);
// dx = 0 + each dy at its window's maximum: the one that `indices` name or, where that is null, found again in x.
// Scratch memory in the second case: pool_max_backward_bytes().
int64_t pool_max_backward_bytes(const PoolShape& shape);
template <class T>
Status pool_max_backward(const PoolShape& shape, const T* dy, const T* x, const int64_t* indices, T* dx, void* scratch,
                         cudaStream_t stream);

template <class T>
Status pool_average(const PoolShape& shape, const PoolAverage& how, const T* x, T* out, cudaStream_t stream);
template <class T>
Status pool_average_backward(const PoolShape& shape, const PoolAverage& how, const T* dy, T* dx, cudaStream_t stream);

}  // namespace pynn::cuda
