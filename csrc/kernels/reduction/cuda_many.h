// One norm of many tensors on the GPU, and their scaling by it; nothing is read back.
#pragma once
#include <cstdint>

#include "cuda/device.h"
#include "cuda/status.h"

namespace pynn::cuda {

// *norm = (sum |x|^p)^(1/p) over all elements of `count` tensors, the largest |x| for p = infinity, 0 where there are
// none; p > 0; float and double, summed in double in an order that the sizes alone decide. Lists of device pointers in host
// memory. Scratch memory: total_norm_bytes().
int64_t total_norm_bytes(int64_t count, const int64_t* sizes);
template <class T>
Status total_norm(int64_t count, const int64_t* sizes, const T* const* x, double p, T* norm, void* scratch,
                  cudaStream_t stream);

// Every element times min(1, largest / (*norm + 1e-6)).
template <class T>
Status clip_by_norm(int64_t count, const int64_t* sizes, T* const* x, const T* norm, double largest,
                    cudaStream_t stream);

}  // namespace pynn::cuda
