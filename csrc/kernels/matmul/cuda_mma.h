// Products of matrices on the tensor cores of sm_80 and later (mma.sync), by the tiles of cuda_tile.h.
#pragma once
#include "kernels/matmul/cuda_plan.h"
#include "kernels/matmul/cuda_result.h"
#include "kernels/matmul/cuda_tile.h"

namespace pynn::cuda {

// A matrix whose lines (along K or across it) are contiguous, `step` elements apart, and aligned to 16 bytes.
template <class T>
struct Lines {
  const T* data;
  int64_t step;
};

template <class T>
struct MmaProduct {
  Lines<T> a, b;
  int k, part;
  int tiles_m, tiles_n, parts;
  BatchSteps batch;
  Result<T, DenseColumns> result;
};

// A block's own tile of all that its warps have summed up.
template <class Tile, class T, class Columns>
PYNN_DEVICE void store_tile(const Result<T, Columns>& to, const Place& place, const Sums<Tile>& sums) {
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  const int row = place.row * Tile::kM + warp % Tile::kWarpsM * (Tile::kI * 16) + lane / 4;
  const int column = place.column * Tile::kN + warp / Tile::kWarpsM * (Tile::kJ * 8);
#pragma unroll
  for (int i = 0; i < Tile::kI; ++i) {
    store_fragments(to, place.batch, place.part, row + i * 16, column, sums[i]);
  }
}

template <class Tile, bool kA, bool kB>
__global__ void __launch_bounds__(Tile::kThreads)
    mma_product(const __grid_constant__ MmaProduct<typename Tile::Element> p) {
  using T = typename Tile::Element;
  PYNN_DYNAMIC_SHARED(unsigned char, shared);
  const Place place = place_of_block(int64_t(blockIdx.x), p.tiles_m, p.tiles_n, p.parts);
  const int first = place.part * p.part, end = min(p.k, first + p.part);
  MatrixCursor<T, Tile::kM, kA, Tile::kThreads> a(p.a.data + p.batch.a_offset(place.batch), p.a.step,
                                                  p.result.m, place.row * Tile::kM, first, end);
  MatrixCursor<T, Tile::kN, kB, Tile::kThreads> b(p.b.data + p.batch.b_offset(place.batch), p.b.step,
                                                  p.result.n, place.column * Tile::kN, first, end);
  Sums<Tile> sums = {};
  multiply<Tile, kA, kB>(shared, a, b, (end - first + kPanelDepth<T> - 1) / kPanelDepth<T>, sums);
  store_tile<Tile>(p.result, place, sums);
}

// The tiles there are. Large ones read less for each product, small ones give more blocks.
template <class T>
using LargeTile = Tile<T, 1, 128, 128, 2, 2, 4>;
template <class T>
using SmallTile = Tile<T, 1, 64, 64, 2, 2, 4>;
using LargeSplitTile = Tile<float, 3, 128, 128, 2, 4, 3>;
using SmallSplitTile = Tile<float, 3, 64, 64, 2, 2, 4>;

}  // namespace pynn::cuda
