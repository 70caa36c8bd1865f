// The launches of implicit products: forward and data gradient.
#include "kernels/conv/cuda_gather.h"
#include "kernels/conv/cuda_pack.h"
#include "kernels/conv/cuda_ways.h"
#include "kernels/matmul/cuda_launch.h"

namespace pynn::cuda {

GatherPlan plan_of(const GatherJob& job) {
  const int64_t item = int64_t(size_of(job.dtype)), n = job.images * job.grid[0] * job.grid[1] * job.grid[2];
  const int64_t taps = int64_t(job.taps.count[0]) * job.taps.count[1] * job.taps.count[2];
  const int64_t k = job.source.filled * taps, tiles = ceil_div(job.rows, 128) * ceil_div(n, 128) * job.groups;
  GatherPlan p;
  p.hopper = on_hopper(job);
  if (p.hopper) {
    p.large = ceil_div(job.rows, 128) * ceil_div(n, 256) >= kNominalProcessors * 3 / 4;
    const int64_t steps = taps * channel_blocks(job.source.filled, item), depth = kHopperChannels / item;
    p.parts = cut(p.large ? tiles / 2 : tiles, steps * depth, int(depth), 8, 1);
  } else {
    p.large = job.rows > 64 && tiles >= kNominalProcessors / 2;
    const int side = p.large ? 128 : 64;
    p.parts = cut(ceil_div(job.rows, side) * ceil_div(n, side) * job.groups, k, int(kPanelBytes / item), 8,
                  p.large ? 1 : 2);
  }
  p.weights_bytes = rounded(job.groups * job.rows * k * item);
  p.parts_bytes = p.parts.count > 1 ? rounded(p.parts.count * job.groups * job.rows * n * 4) : 0;
  return p;
}

namespace {

// The weights in the order in which a product reads them; K is what one row has.
template <class Word>
Status pack_for(const GatherJob& job, void* to, int64_t* k, cudaStream_t stream) {
  PackWeights<Word> weights = {};
  weights.from = static_cast<const Word*>(job.w), weights.to = static_cast<Word*>(to);
  weights.rows = int(job.rows), weights.channels = int(job.channels), weights.filled = job.source.filled;
  weights.turned = job.turned;
  *k = job.source.filled;
  for (int d = 0; d < 3; ++d) {
    weights.count[d] = job.taps.count[d], weights.first[d] = int(job.first[d]);
    weights.step[d] = int(job.tap_apart[d]), weights.kernel[d] = int(job.kernel[d]);
    *k *= job.taps.count[d];
  }
  weights.size = job.groups * job.rows * *k;
  return launch(pack_weights<Word>, dim3(unsigned(ceil_div(weights.size, 256))), dim3(256), 0, stream,
                weights);
}

template <class Tile>
Status run(const GatherJob& job, const GatherPlan& plan, void* workspace, cudaStream_t stream) {
  using T = typename Tile::Element;
  using Word = std::conditional_t<sizeof(T) == 2, uint16_t, uint32_t>;
  void* const parts = plan.parts.count > 1 ? static_cast<char*>(workspace) + plan.weights_bytes : nullptr;
  int64_t k;
  PYNN_TRY(pack_for<Word>(job, workspace, &k, stream));
  if (plan.hopper) return launch_hopper(job, plan, workspace, parts, stream);
  GatherProduct<T> p = {};
  p.source = static_cast<const T*>(job.source.data), p.weights = static_cast<const T*>(workspace);
  p.pixel = job.source.pixel, p.channels = job.source.filled, p.pixels = int(job.source_pixels);
  p.taps = job.taps;
  for (int& count : p.taps.count)
    count = std::max(count, 1);  // a phase without taps has no K, but divides by these
  p.k = int(k), p.part = plan.parts.length, p.parts = plan.parts.count;
  p.result = result_of<T>(job, parts);
  const auto& to = p.result;
  p.tiles_m = int(ceil_div(to.m, Tile::kM)), p.tiles_n = int(ceil_div(to.n, Tile::kN));
  const int64_t blocks = int64_t(p.tiles_m) * p.tiles_n * p.parts * to.batch;
  PYNN_TRY(launch(gather_product<Tile>, dim3(unsigned(blocks)), dim3(Tile::kThreads), Tile::kSharedBytes,
                  stream, p));
  return finish(to, p.parts, stream);
}

}  // namespace

size_t gather_workspace(const GatherJob& job) {
  const GatherPlan plan = plan_of(job);
  return plan.weights_bytes + plan.parts_bytes;
}

Status gather(const GatherJob& job, void* workspace, cudaStream_t stream) {
  const GatherPlan plan = plan_of(job);
  switch (job.dtype) {
    case PYNN_FLOAT16:
      return plan.large ? run<LargeTile<__half>>(job, plan, workspace, stream)
                        : run<SmallTile<__half>>(job, plan, workspace, stream);
    case PYNN_BFLOAT16:
      return plan.large ? run<LargeTile<__nv_bfloat16>>(job, plan, workspace, stream)
                        : run<SmallTile<__nv_bfloat16>>(job, plan, workspace, stream);
    default:
      break;
  }
  if (job.float32 == Float32::split) {
    return plan.large ? run<LargeSplitTile>(job, plan, workspace, stream)
                      : run<SmallSplitTile>(job, plan, workspace, stream);
  }
  return plan.large ? run<LargeTile<float>>(job, plan, workspace, stream)
                    : run<SmallTile<float>>(job, plan, workspace, stream);
}

}  // namespace pynn::cuda
