// Triangles of matrices on the GPU.
#pragma once
#include <cstdint>

#include "cuda/device.h"
#include "cuda/status.h"

namespace pynn::cuda {

// out = x where column - row >= diagonal (upper) or <= diagonal (lower), else 0. Row-major (matrices, height, width) of
// elements of 1, 2, 4 or 8 bytes; out may be x.
Status triangle(bool upper, int64_t diagonal, int64_t matrices, int64_t height, int64_t width, int64_t element_bytes,
                const void* x, void* out, cudaStream_t stream);

}  // namespace pynn::cuda
