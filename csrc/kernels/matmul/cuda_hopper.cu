// The Hopper path's launches: descriptions of the operands for the copy engine, and the tile.
#include "cuda/gpu.h"
#include "kernels/matmul/cuda_hopper.h"
#include "kernels/matmul/cuda_launch.h"

namespace pynn::cuda {
namespace {

// An operand, extent x k, of `batch` matrices batch_step apart, as the copy engine sees it.
template <class Tile>
Status map_of(const Gemm& g, const void* data, int64_t extent, bool along_k, int64_t step, int64_t batch,
              int64_t batch_step, int rows_of_box, TensorMap* map) {
  constexpr int kItem = int(sizeof(typename Tile::Element));
  MapShape shape = {};
  shape.dtype = g.dtype;
  shape.round_tf32 = g.dtype == PYNN_FLOAT32 && !Tile::kSplit;
  shape.data = data;
  shape.dims = 3;
  const int64_t lines = along_k ? extent : g.k, length = along_k ? g.k : extent;
  if (lines == 1) step = ceil_div(length, 16 / kItem) * (16 / kItem);  // any step reads one line
  if (batch == 1) batch_step = lines * step;
  shape.size[0] = uint64_t(length), shape.size[1] = uint64_t(lines), shape.size[2] = uint64_t(batch);
  shape.step[1] = uint64_t(step * kItem), shape.step[2] = uint64_t(batch_step * kItem);
  shape.box[0] = uint32_t(kHopperLine / kItem);
  shape.box[1] = uint32_t(along_k ? rows_of_box : Tile::kDepth);
  shape.box[2] = 1;
  return make_map(shape, map);
}

template <class Tile>
Status run(const Plan& plan, void* parts, cudaStream_t stream) {
  using T = typename Tile::Element;
  const Gemm& g = plan.g;
  const int64_t batch = batches_of(g), a_step = g.batch.dims ? g.batch.a[0] : 0,
                b_step = g.batch.dims ? g.batch.b[0] : 0;
  HopperProduct<T> p = {};
  p.a_batch = a_step != 0, p.b_batch = b_step != 0;
  p.a_matrices = int(a_step ? batch : 1), p.b_matrices = int(b_step ? batch : 1);
  PYNN_TRY(map_of<Tile>(g, g.a, g.m, Tile::kA, Tile::kA ? g.a_row : g.a_col, p.a_matrices * Tile::kCopies,
                        a_step ? a_step : g.m * g.a_row, Tile::kM, &p.a));
  PYNN_TRY(map_of<Tile>(g, g.b, g.n, Tile::kB, Tile::kB ? g.b_col : g.b_row, p.b_matrices * Tile::kCopies,
                        b_step ? b_step : g.n * g.b_col, Tile::kN, &p.b));
  p.k = int(g.k), p.part = plan.parts.length, p.parts = plan.parts.count;
  p.tiles_m = int(ceil_div(g.m, Tile::kM)), p.tiles_n = int(ceil_div(g.n, Tile::kN));
  p.result = result_of<T>(g, parts);
  const int64_t tiles = int64_t(p.tiles_m) * p.tiles_n * p.parts * batch;
  const int64_t blocks = std::min<int64_t>(tiles, this_gpu().processors);
  PYNN_TRY(launch(hopper_product<Tile>, dim3(unsigned(blocks)), dim3(Tile::kThreads), Tile::kSharedBytes,
                  stream, p));
  return finish(p.result, p.parts, stream);
}

template <class T, int kN>
Status run_half(const Plan& plan, bool a, bool b, void* parts, cudaStream_t stream) {
  if (a) {
    return b ? run<HopperTile<T, kN, true, true, false>>(plan, parts, stream)
             : run<HopperTile<T, kN, true, false, false>>(plan, parts, stream);
  }
  return b ? run<HopperTile<T, kN, false, true, false>>(plan, parts, stream)
           : run<HopperTile<T, kN, false, false, false>>(plan, parts, stream);
}

template <class T>
Status run_half(const Plan& plan, void* parts, cudaStream_t stream) {
  const Gemm& g = plan.g;
  const bool a = lines(g.a, 2, g.m, g.k, g.a_row, g.a_col, g.batch, g.batch.a) == LinesAre::along_k;
  const bool b = lines(g.b, 2, g.n, g.k, g.b_col, g.b_row, g.batch, g.batch.b) == LinesAre::along_k;
  return plan.large ? run_half<T, 256>(plan, a, b, parts, stream)
                    : run_half<T, 128>(plan, a, b, parts, stream);
}

}  // namespace

Status launch_hopper(const Plan& plan, void* parts, cudaStream_t stream) {
  switch (plan.g.dtype) {
    case PYNN_FLOAT16:
      return run_half<__half>(plan, parts, stream);
    case PYNN_BFLOAT16:
      return run_half<__nv_bfloat16>(plan, parts, stream);
    default:
      break;
  }
  if (plan.split()) return run<HopperTile<float, 128, true, true, true>>(plan, parts, stream);
  return plan.large ? run<HopperTile<float, 256, true, true, false>>(plan, parts, stream)
                    : run<HopperTile<float, 128, true, true, false>>(plan, parts, stream);
}

}  // namespace pynn::cuda
