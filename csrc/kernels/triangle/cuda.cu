// A block is (columns, rows); a thread walks along its row.
#include "kernels/triangle/cuda.h"

#include "cuda/grid.h"
#include "cuda/launch.h"

namespace pynn::cuda {
namespace {

template <class E>
__global__ void triangle_kernel(bool upper, int64_t diagonal, int64_t rows, int64_t height, int64_t width, const E* x,
                                E* out) {
  for (int64_t r = int64_t(blockIdx.x) * blockDim.y + threadIdx.y; r < rows; r += int64_t(gridDim.x) * blockDim.y) {
    const int64_t cut = r % height + diagonal;
    for (int64_t c = threadIdx.x; c < width; c += blockDim.x) {
      const bool inside = upper ? c >= cut : c <= cut;
      out[r * width + c] = inside ? x[r * width + c] : E(0);
    }
  }
}

}  // namespace

Status triangle(bool upper, int64_t diagonal, int64_t matrices, int64_t height, int64_t width, int64_t element_bytes,
                const void* x, void* out, cudaStream_t stream) {
  const int64_t rows = matrices * height;
  if (rows == 0 || width == 0) return Status();
  const unsigned lanes = power_of_two(width, kThreads);
  const dim3 block(lanes, unsigned(kThreads) / lanes);
  const auto run = [&](auto element) {
    typedef decltype(element) E;
    return launch(triangle_kernel<E>, blocks_for(rows, block.y), block, 0, stream, upper, diagonal, rows, height, width,
                  static_cast<const E*>(x), static_cast<E*>(out));
  };
  switch (element_bytes) {
    case 1:
      return run(uint8_t());
    case 2:
      return run(uint16_t());
    case 4:
      return run(uint32_t());
    case 8:
      return run(uint64_t());
    default:
      return Status(PYNN_UNSUPPORTED, "triangle: elements have %lld bytes: expected 1, 2, 4 or 8",
                    (long long)element_bytes);
  }
}

}  // namespace pynn::cuda
