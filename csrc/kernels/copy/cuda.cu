#include "cuda/map.h"
#include "cuda/reduce.h"
#include "kernels/copy/cuda.h"

namespace pynn::cuda {
namespace {

struct Same {
  template <class C>
  PYNN_DEVICE C operator()(C x, C, C) const {
    return x;
  }
};

constexpr int kTile = 32, kTileRows = 8;

// One tile of a transposition: dimension `across` is contiguous in x, `down` in the output. Read row by row
// into shared memory, written column by column; the odd pitch keeps both free of bank conflicts.
struct Transposition {
  const char* x;
  char* out;
  uint32_t across, down;       // sizes
  int64_t down_x, across_out;  // strides in bytes of the other of the two
  uint32_t tiles_across, tiles_down;
  Walk<2> outer;
};

template <class T>
__global__ void __launch_bounds__(kTile* kTileRows) transpose_kernel(const Transposition shape) {
  __shared__ T tile[kTile][kTile + 1];
  const uint32_t per_plane = shape.tiles_across * shape.tiles_down;
  const uint32_t plane = blockIdx.x / per_plane, own = blockIdx.x % per_plane;
  const uint32_t a0 = own % shape.tiles_across * kTile, d0 = own / shape.tiles_across * kTile;
  const uint32_t column = threadIdx.x % kTile, row = threadIdx.x / kTile;
  int64_t at[2];
  shape.outer.offsets(plane, at);
#pragma unroll
  for (int r = 0; r < kTile; r += kTileRows) {
    if (a0 + column < shape.across && d0 + row + r < shape.down) {
      const char* from = shape.x + at[0] + int64_t(d0 + row + r) * shape.down_x;
      tile[row + r][column] = reinterpret_cast<const T*>(from)[a0 + column];
    }
  }
  __syncthreads();
#pragma unroll
  for (int r = 0; r < kTile; r += kTileRows) {
    if (d0 + column < shape.down && a0 + row + r < shape.across) {
      char* to = shape.out + at[1] + int64_t(a0 + row + r) * shape.across_out;
      reinterpret_cast<T*>(to)[d0 + column] = tile[column][row + r];
    }
  }
}

// Whether the copy is one of tiles: the output's contiguous dimension is not x's.
bool is_transposition(int ndim, const int64_t* shape, const Operand* operands, Transposition* out) {
  const int64_t item = int64_t(size_of(operands[1].dtype));
  int across = -1, down = -1;
  for (int d = 0; d < ndim; ++d) {
    if (shape[d] < 2) continue;
    if (operands[0].strides[d] == item) across = d;
    if (operands[1].strides[d] == item) down = d;
  }
  if (across < 0 || down < 0 || across == down || shape[across] < kTile / 2 || shape[down] < kTile / 2)
    return false;
  int64_t planes = 1;
  *out = {static_cast<const char*>(operands[0].data),
          static_cast<char*>(const_cast<void*>(operands[1].data)),
          uint32_t(shape[across]),
          uint32_t(shape[down]),
          operands[0].strides[down],
          operands[1].strides[across],
          uint32_t(ceil_div(shape[across], kTile)),
          uint32_t(ceil_div(shape[down], kTile)),
          {}};
  for (int d = ndim - 1; d >= 0; --d) {
    if (d == across || d == down) continue;
    planes *= shape[d];
    if (planes >= int64_t(1) << 31) return false;
    out->outer.add(shape[d], {operands[0].strides[d], operands[1].strides[d]});
  }
  return planes > 0 && planes * out->tiles_across * out->tiles_down < int64_t(1) << 31 &&
         shape[across] < int64_t(1) << 31 && shape[down] < int64_t(1) << 31;
}

template <class T>
Status run(int ndim, const int64_t* shape, const Operand* operands, cudaStream_t stream) {
  Transposition tiles;
  if (operands[0].data && is_transposition(ndim, shape, operands, &tiles)) {
    int64_t elements = 1;
    for (int d = 0; d < ndim; ++d) elements *= shape[d];
    const int64_t planes = elements / (int64_t(tiles.across) * tiles.down);
    const dim3 grid(unsigned(planes * tiles.tiles_across * tiles.tiles_down));
    return launch(&transpose_kernel<T>, grid, dim3(kTile * kTileRows), 0, stream, tiles);
  }
  return map<T, T, T, 1>(Same(), Same(), ndim, shape, operands, 0, 0, stream);
}

}  // namespace

Status copy(int ndim, const int64_t* shape, const Operand* operands, cudaStream_t stream) {
  switch (size_of(operands[1].dtype)) {
    case 1:
      return run<uint8_t>(ndim, shape, operands, stream);
    case 2:
      return run<uint16_t>(ndim, shape, operands, stream);
    case 4:
      return run<uint32_t>(ndim, shape, operands, stream);
    default:
      return run<uint64_t>(ndim, shape, operands, stream);
  }
}

}  // namespace pynn::cuda
