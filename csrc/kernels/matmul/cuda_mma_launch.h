// The launch of mma_product for one element type; cuda_half.cu and cuda_float.cu compile it for theirs.
#pragma once
#include "kernels/matmul/cuda_launch.h"
#include "kernels/matmul/cuda_mma.h"

namespace pynn::cuda {

template <class Tile, bool kA, bool kB>
Status run_mma(const Plan& plan, void* parts, cudaStream_t stream) {
  using T = typename Tile::Element;
  const Gemm& g = plan.g;
  MmaProduct<T> p = {};
  p.a = {static_cast<const T*>(g.a), kA ? g.a_row : g.a_col};
  p.b = {static_cast<const T*>(g.b), kB ? g.b_col : g.b_row};
  p.k = int(g.k), p.part = plan.parts.length, p.parts = plan.parts.count;
  p.tiles_m = int(ceil_div(g.m, Tile::kM)), p.tiles_n = int(ceil_div(g.n, Tile::kN));
  p.batch = steps_of(g.batch);
  p.result = result_of<T>(g, parts);
  const int64_t blocks = int64_t(p.tiles_m) * p.tiles_n * p.parts * p.result.batch;
  PYNN_TRY(launch(mma_product<Tile, kA, kB>, dim3(unsigned(blocks)), dim3(Tile::kThreads), Tile::kSharedBytes,
                  stream, p));
  return finish(p.result, p.parts, stream);
}

template <class Tile>
Status run_mma(const Plan& plan, void* parts, cudaStream_t stream) {
  using T = typename Tile::Element;
  const Gemm& g = plan.g;
  const bool a = lines(g.a, sizeof(T), g.m, g.k, g.a_row, g.a_col, g.batch, g.batch.a) == LinesAre::along_k;
  const bool b = lines(g.b, sizeof(T), g.n, g.k, g.b_col, g.b_row, g.batch, g.batch.b) == LinesAre::along_k;
  if (a)
    return b ? run_mma<Tile, true, true>(plan, parts, stream)
             : run_mma<Tile, true, false>(plan, parts, stream);
  return b ? run_mma<Tile, false, true>(plan, parts, stream)
           : run_mma<Tile, false, false>(plan, parts, stream);
}

}  // namespace pynn::cuda
