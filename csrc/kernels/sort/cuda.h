// Sorting pairs on the GPU, for kernels that need equal keys side by side.
#pragma once
#include <cstdint>

#include "cuda/device.h"
#include "cuda/status.h"

namespace pynn::cuda {

// Sorts n pairs by the lowest `bits` bits of their keys, stably, in place; n < 2^31. Scratch memory:
// sort_pairs_bytes(n). The keys' higher bits must be 0.
int64_t sort_pairs_bytes(int64_t n);
Status sort_pairs(int64_t n, int bits, uint32_t* keys, uint32_t* values, void* scratch, cudaStream_t stream);

}  // namespace pynn::cuda
