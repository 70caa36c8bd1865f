// The launch of the implicit product that is a weight gradient.
#include "kernels/conv/cuda_ways.h"
#include "kernels/matmul/cuda_launch.h"

namespace pynn::cuda {

WeightPlan plan_of(const WeightJob& job) {
  const int64_t item = int64_t(size_of(job.dtype)), taps = job.kernel[0] * job.kernel[1] * job.kernel[2];
  const int64_t k = job.images * job.grid[0] * job.grid[1] * job.grid[2];
  WeightPlan p;
  p.hopper = on_hopper(job);
  if (p.hopper) {
    const int64_t n = taps * channel_blocks(job.x.filled, item) * kHopperChannels / item;
    p.large = n >= 256;
    p.parts = cut(ceil_div(job.filters, 128) * ceil_div(n, p.large ? 256 : 128), k,
                  int(kHopperChannels / item), 8, 1);
    return p;
  }
  const int64_t n = job.x.filled * taps;
  p.large = job.filters > 64 && n > 64;
  const int side = p.large ? 128 : 64;
  p.parts = cut(ceil_div(job.filters, side) * ceil_div(n, side) * job.groups, k, int(kPanelBytes / item), 8,
                p.large ? 2 : 4);
  return p;
}

namespace {

// The columns of a tap: channels filled up to chunks, or on Hopper to whole panels.
int tap_columns(const WeightJob& job, const WeightPlan& plan) {
  const int64_t item = int64_t(size_of(job.dtype));
  return plan.hopper ? int(channel_blocks(job.x.filled, item) * kHopperChannels / item) : job.x.filled;
}

size_t parts_bytes(const WeightJob& job, const WeightPlan& plan) {
  const int64_t n = int64_t(tap_columns(job, plan)) * job.kernel[0] * job.kernel[1] * job.kernel[2];
  return plan.parts.count > 1 ? rounded(plan.parts.count * job.groups * job.filters * n * 4) : 0;
}

template <class Tile>
Status run(const WeightJob& job, const WeightPlan& plan, void* workspace, cudaStream_t stream) {
  using T = typename Tile::Element;
  void* const parts = plan.parts.count > 1 ? workspace : nullptr;
  if (plan.hopper) return launch_hopper(job, plan, parts, stream);
  WeightProduct<T> p = {};
  p.x = static_cast<const T*>(job.x.data), p.dy = static_cast<const T*>(job.dy.data);
  p.x_pixel = job.x.pixel, p.dy_pixel = job.dy.pixel;
  p.channels = job.x.filled, p.filters = job.dy.filled, p.pixels = int(job.x_pixels);
  p.grid = grid_of(job.grid);
  p.taps = job.taps;
  p.k = int(job.images * job.grid[0] * job.grid[1] * job.grid[2]);
  p.part = plan.parts.length, p.parts = plan.parts.count;
  p.result = result_of<T>(job, job.x.filled, parts);
  const auto& to = p.result;
  p.tiles_m = int(ceil_div(to.m, Tile::kM)), p.tiles_n = int(ceil_div(to.n, Tile::kN));
  const int64_t blocks = int64_t(p.tiles_m) * p.tiles_n * p.parts * to.batch;
  PYNN_TRY(launch(weight_product<Tile>, dim3(unsigned(blocks)), dim3(Tile::kThreads), Tile::kSharedBytes,
                  stream, p));
  return finish(to, p.parts, stream);
}

}  // namespace

size_t weight_workspace(const WeightJob& job) { return parts_bytes(job, plan_of(job)); }

Status weight(const WeightJob& job, void* workspace, cudaStream_t stream) {
  const WeightPlan plan = plan_of(job);
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
