// The launches of implicit products on sm_90a.
#include "cuda/gpu.h"
#include "kernels/conv/cuda_hopper.h"
#include "kernels/conv/cuda_ways.h"
#include "kernels/matmul/cuda_launch.h"

namespace pynn::cuda {
namespace {

// The source as the copy engine walks it, 128 bytes of channels at a time, and the taps beside its windows.
// grid: the places that windows stand at.
PixelMapShape pixels_of(pynn_dtype dtype, bool round_tf32, const PackedImages& x, int64_t images,
                        const Taps& taps, const int64_t* grid, int pixels, WindowTaps* out) {
  const uint64_t item = size_of(dtype);
  PixelMapShape s = {};
  s.dtype = dtype, s.round_tf32 = round_tf32, s.data = x.data;
  s.size[0] = uint64_t(x.filled), s.size[1] = uint64_t(taps.size[2]), s.size[2] = uint64_t(taps.size[1]);
  s.size[3] = uint64_t(images);
  s.step[1] = uint64_t(x.pixel) * item;
  s.step[2] = s.step[1] * s.size[1], s.step[3] = s.step[2] * s.size[2];
  s.channels = uint32_t(kHopperChannels / item), s.pixels = uint32_t(pixels);
  for (int d = 0; d < 2; ++d) {  // height, width; the map has them the other way round
    const int of = d + 1, reach = (taps.count[of] - 1) * taps.tap_step[of];
    out->count[d] = taps.count[of], out->step[d] = taps.step[of], out->tap_step[d] = taps.tap_step[of];
    out->base[d] = reach < 0 ? -reach : 0;
    out->lower[d] = taps.origin[of] - out->base[d];
    s.lower[1 - d] = out->lower[d];
    s.upper[1 - d] = out->lower[d] + (int(grid[of]) - 1) * taps.step[of] - (taps.size[of] - 1);
    s.stride[1 - d] = uint32_t(taps.step[of]);
  }
  return s;
}

bool can_walk(const Taps& taps, const int64_t* grid, int64_t groups) {
  if (path() == Path::mma || path() == Path::simt || !hopper_is_there()) return false;
  const bool flat = taps.size[0] == 1 && grid[0] == 1 && taps.count[0] == 1 && taps.origin[0] == 0;
  if (!flat || groups != 1) return false;  // a block of channels would reach into the next group
  for (int d = 1; d < 3; ++d) {
    if (taps.count[d] < 1 || std::abs((taps.count[d] - 1) * taps.tap_step[d]) > 255) return false;
  }
  WindowTaps unused;
  return has_pixel_map(
      pixels_of(PYNN_FLOAT16, false, PackedImages{nullptr, 8, 8}, 1, taps, grid, 128, &unused));
}

template <class Tile>
Status run(const GatherJob& job, const GatherPlan& plan, const void* weights, void* parts,
           cudaStream_t stream) {
  using T = typename Tile::Element;
  const bool round_tf32 = job.dtype == PYNN_FLOAT32;
  const uint64_t item = sizeof(T), taps = uint64_t(job.taps.count[1]) * uint64_t(job.taps.count[2]);
  HopperGather<T> p = {};
  MapShape shape = {};
  shape.dtype = job.dtype, shape.round_tf32 = round_tf32, shape.data = weights, shape.dims = 3;
  shape.size[0] = uint64_t(job.source.filled), shape.size[1] = taps, shape.size[2] = uint64_t(job.rows);
  shape.step[1] = shape.size[0] * item, shape.step[2] = shape.step[1] * taps;
  shape.box[0] = uint32_t(kHopperChannels / item), shape.box[1] = 1, shape.box[2] = Tile::kM;
  PYNN_TRY(make_map(shape, &p.a));
  PYNN_TRY(make_map(
      pixels_of(job.dtype, round_tf32, job.source, job.images, job.taps, job.grid, Tile::kN, &p.taps), &p.b));
  p.blocks = channel_blocks(job.source.filled, int64_t(item));
  p.k = int(taps) * p.blocks * Tile::kDepth, p.part = plan.parts.length, p.parts = plan.parts.count;
  p.result = result_of<T>(job, parts);
  p.tiles_m = int(ceil_div(p.result.m, Tile::kM)), p.tiles_n = int(ceil_div(p.result.n, Tile::kN));
  const int64_t blocks = std::min<int64_t>(int64_t(p.tiles_m) * p.tiles_n * p.parts, this_gpu().processors);
  PYNN_TRY(launch(hopper_gather<Tile>, dim3(unsigned(blocks)), dim3(Tile::kThreads), Tile::kSharedBytes,
                  stream, p));
  return finish(p.result, p.parts, stream);
}

template <class Tile>
Status run(const WeightJob& job, const WeightPlan& plan, void* parts, cudaStream_t stream) {
  using T = typename Tile::Element;
  HopperWeight<T> p = {};
  p.k = int(job.images * job.grid[0] * job.grid[1] * job.grid[2]);
  MapShape shape = {};
  shape.dtype = job.dtype, shape.data = job.dy.data, shape.dims = 3;
  shape.size[0] = uint64_t(job.dy.filled), shape.size[1] = uint64_t(p.k), shape.size[2] = 1;
  shape.step[1] = uint64_t(job.dy.pixel) * sizeof(T), shape.step[2] = shape.step[1] * shape.size[1];
  shape.box[0] = Tile::kLineElements, shape.box[1] = Tile::kDepth, shape.box[2] = 1;
  PYNN_TRY(make_map(shape, &p.a));
  PYNN_TRY(make_map(pixels_of(job.dtype, false, job.x, job.images, job.taps, job.grid, Tile::kDepth, &p.taps),
                    &p.b));
  p.blocks = channel_blocks(job.x.filled, sizeof(T));
  p.part = plan.parts.length, p.parts = plan.parts.count;
  p.grid = grid_of(job.grid);
  p.result = result_of<T>(job, p.blocks * Tile::kLineElements, parts);
  p.tiles_m = int(ceil_div(p.result.m, Tile::kM)), p.tiles_n = int(ceil_div(p.result.n, Tile::kN));
  const int64_t blocks = std::min<int64_t>(int64_t(p.tiles_m) * p.tiles_n * p.parts, this_gpu().processors);
  PYNN_TRY(launch(hopper_weight<Tile>, dim3(unsigned(blocks)), dim3(Tile::kThreads), Tile::kSharedBytes,
                  stream, p));
  return finish(p.result, p.parts, stream);
}

template <class T>
using Large = HopperTile<T, 256, true, true, false>;
template <class T>
using Small = HopperTile<T, 128, true, true, false>;
template <class T>
using LargeAcross = HopperTile<T, 256, false, false, false>;
template <class T>
using SmallAcross = HopperTile<T, 128, false, false, false>;

}  // namespace

bool on_hopper(const GatherJob& job) {
  if (job.dtype == PYNN_FLOAT32 && job.float32 != Float32::tf32) return false;
  if (!can_walk(job.taps, job.grid, job.groups)) return false;
  const int64_t item = int64_t(size_of(job.dtype));
  return path() == Path::hopper || (job.rows > 64 && job.source.filled * item >= kHopperChannels / 2);
}

bool on_hopper(const WeightJob& job) {
  if (job.dtype == PYNN_FLOAT32) return false;  // wgmma takes 32-bit words along K alone
  if (!can_walk(job.taps, job.grid, job.groups)) return false;
  return path() == Path::hopper || (job.filters > 64 && job.x.filled * 2 >= kHopperChannels / 2);
}

Status launch_hopper(const GatherJob& job, const GatherPlan& plan, const void* weights, void* parts,
                     cudaStream_t stream) {
  if (job.dtype == PYNN_FLOAT16) {
    return plan.large ? run<Large<__half>>(job, plan, weights, parts, stream)
                      : run<Small<__half>>(job, plan, weights, parts, stream);
  }
  if (job.dtype == PYNN_BFLOAT16) {
    return plan.large ? run<Large<__nv_bfloat16>>(job, plan, weights, parts, stream)
                      : run<Small<__nv_bfloat16>>(job, plan, weights, parts, stream);
  }
  return plan.large ? run<Large<float>>(job, plan, weights, parts, stream)
                    : run<Small<float>>(job, plan, weights, parts, stream);
}

Status launch_hopper(const WeightJob& job, const WeightPlan& plan, void* parts, cudaStream_t stream) {
  if (job.dtype == PYNN_FLOAT16) {
    return plan.large ? run<LargeAcross<__half>>(job, plan, parts, stream)
                      : run<SmallAcross<__half>>(job, plan, parts, stream);
  }
  return plan.large ? run<LargeAcross<__nv_bfloat16>>(job, plan, parts, stream)
                    : run<SmallAcross<__nv_bfloat16>>(job, plan, parts, stream);
}

}  // namespace pynn::cuda
