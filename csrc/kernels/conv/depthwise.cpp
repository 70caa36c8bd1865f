// Depthwise convolution with a square kernel, in steps of one or two: planes are read where they lie, or, where the
// ISA has no masked loads, from a padded frame of their own.
#include <atomic>
#include <cstring>

#include "base/arena.h"
#include "base/pool.h"
#include "base/status.h"
#include "kernels/conv/shared.h"

namespace pynn {
namespace conv {
namespace {

constexpr int64_t kMostElements = 1 << 18;  // of a frame

// The square of taps [low, low + size) in both dimensions, in the order of the weights or turned.
struct Square {
  int64_t size = 0, step = 1, low_y = 0, low_x = 0;
  bool turned = false;

  Square(const Grid& grid, const Tap* taps, int64_t count) {
    int64_t n = 1;
    while (n * n < count) ++n;
    if (n * n != count || n > 7) return;
    if (grid.in[0] != 1 || grid.step[0] != 1 || grid.step[1] != grid.step[2] || grid.step[1] > 2) return;
    step = grid.step[1];
    turned = taps[0].at[2] > taps[count - 1].at[2];
    const Tap& first = taps[turned ? count - 1 : 0];
    for (int64_t t = 0; t < count; ++t) {
      const Tap& tap = taps[turned ? count - 1 - t : t];
      if (tap.at[0] != 0 || tap.at[1] != first.at[1] + t / n || tap.at[2] != first.at[2] + t % n ||
          taps[t].weight != t)
        return;
    }
    // Zeros before the plane, and none of it left out.
    if (first.at[1] > 0 || first.at[2] > 0) return;
    size = n;
    low_y = first.at[1];
    low_x = first.at[2];
  }
};

// Where a plane lies in its frame.
struct Layout {
  int64_t pitch, phase, elements, top, left, rows, columns;

  Layout(const Grid& grid, const Square& square, int width) {
    if (grid.apart) {
      const int64_t before = square.size / 2;
      top = square.low_y + square.size - 1;  // the padding of the forward pass
      left = square.low_x + square.size - 1;
      const int64_t used = (grid.out[1] - 1 + top) / 2 + 1;
      phase = round_up(ceil_div(grid.out[2], 2), width) + left / 2 + 1;
      pitch = before + phase;
      elements = pitch * (used + before) + width;
      rows = least(grid.in[1], used);
      columns = least(grid.in[2], phase);
      return;
    }
    const int64_t used = (grid.out[1] - 1) * square.step + square.size;
    const int64_t across = round_up(grid.out[2], width) + (square.size - 1) / square.step;
    phase = square.step == 1 ? across : across + width;  // a vector of zeros behind the columns
    pitch = square.step * phase;
    elements = pitch * (used + square.step * (kPlaneRows - 1)) + width;
    top = -square.low_y;
    left = -square.low_x;
    rows = most(0, least(grid.in[1], used - top));
    columns = most(0, least(grid.in[2], square.step * across - left));
  }
};

template <class T>
bool suits(const Grid& grid, const Tap* taps, int64_t count, bool gradient) {
  if (grid.out[0] != 1 || double(grid.out[1] + 16) * double(grid.out[2] + 16) > double(kMostElements))
    return false;
  const Square square(grid, taps, count);
  if (square.size == 0) return false;
  if (grid.apart && least(square.low_y, square.low_x) + square.size < 1) return false;
  const Kernels<T>& kernel = kernels<T>();
  return (gradient ? kernel.plane_grad[square.step][square.size] != nullptr
                   : kernel.plane[square.step][square.size] != nullptr);
}

}  // namespace

template <class T>
bool planes_suit(const Job<T>& job) {
  return job.rows == 1 && job.channels == 1 && job.tap_count >= 9 && job.dense_out() &&
         suits<T>(job.grid, job.taps, job.tap_count, false);
}

template <class T>
bool planes_suit(const WeightJob<T>& job) {
  return job.filters == 1 && job.channels == 1 && job.tap_count >= 9 &&
         suits<T>(job.grid, job.taps, job.tap_count, true);
}

template <class T>
pynn_status by_planes(const Job<T>& job) {
  const Kernels<T>& kernel = kernels<T>();
  const Square square(job.grid, job.taps, job.tap_count);
  const Layout layout(job.grid, square, kernel.width);
  const int64_t planes = job.images * job.groups;
  const int64_t work = most(1, job.pixels() * (job.tap_count + 16));
  const int64_t group = planes * work <= kSerialMacs ? planes : most(1, kChunkMacs / work);
  const size_t bytes = kernel.framed || job.grid.apart ? size_t(layout.elements) * sizeof(T) : 0;
  std::atomic<bool> failed{false};
  parallel(ceil_div(planes, group), [&](int64_t chunk) {
    const Scratch own(bytes);
    if (!own) {
      failed.store(true);
      return;
    }
    memset(own.as<T>(), 0, bytes);
    for (int64_t p = chunk * group, end = least(p + group, planes); p < end;) {
      const int64_t image = p / job.groups, g = p % job.groups;
      PlaneArgs<T> a;
      a.planes = least(end - p, job.groups - g);
      a.src = job.src + image * job.src_image + g * job.src_group;
      a.src_step = job.src_group;
      a.src_row = job.grid.row;
      a.rows = layout.rows;
      a.columns = layout.columns;
      a.frame = own.as<T>();
      a.pitch = layout.pitch;
      a.phase = layout.phase;
      a.top = layout.top;
      a.left = layout.left;
      a.w = job.w + g * job.w_group;
      a.w_step = job.w_group;
      a.turned = square.turned;
      a.bias = job.bias != nullptr ? job.bias + g : nullptr;
      a.beta = job.beta;
      a.relu = job.relu;
      a.out = job.out + image * job.out_image + g * job.out_group;
      a.out_step = job.out_group;
      a.height = job.grid.out[1];
      a.width = job.grid.out[2];
      (job.grid.apart ? kernel.plane_apart : kernel.plane[square.step])[square.size](a);
      p += a.planes;
    }
  });
  return failed.load() ? no_memory(bytes) : PYNN_OK;
}

// Each plane goes through all images in order.
template <class T>
pynn_status weight_by_planes(const WeightJob<T>& job) {
  const Kernels<T>& kernel = kernels<T>();
  const Square square(job.grid, job.taps, job.tap_count);
  const Layout layout(job.grid, square, kernel.width);
  const int64_t work = most(1, job.images * job.pixels() * (job.tap_count + 16));
  const int64_t group = job.groups * work <= kSerialMacs ? job.groups : most(1, kChunkMacs / work);
  const size_t bytes = kernel.framed ? size_t(layout.elements) * sizeof(T) : 0;
  std::atomic<bool> failed{false};
  parallel(ceil_div(job.groups, group), [&](int64_t chunk) {
    const Scratch own(bytes);
    if (!own) {
      failed.store(true);
      return;
    }
    memset(own.as<T>(), 0, bytes);
    for (int64_t g = chunk * group; g < least((chunk + 1) * group, job.groups); ++g) {
      T sums[49] = {};
      PlaneGradArgs<T> a;
      a.images = job.images;
      a.src = job.x + g * job.x_plane;
      a.src_step = job.x_image;
      a.src_row = job.grid.row;
      a.rows = layout.rows;
      a.columns = layout.columns;
      a.frame = own.as<T>();
      a.pitch = layout.pitch;
      a.phase = layout.phase;
      a.top = layout.top;
      a.left = layout.left;
      a.dy = job.dy + g * job.dy_plane;
      a.dy_step = job.dy_image;
      a.dy_row = job.dy_grid.row;
      a.height = job.grid.out[1];
      a.width = job.grid.out[2];
      a.sums = sums;
      kernel.plane_grad[square.step][square.size](a);
      for (int64_t t = 0; t < job.tap_count; ++t) {
        T* to = job.dw + g * job.tap_count + t;
        *to = job.beta == T(0) ? sums[t] : sums[t] + job.beta * *to;
      }
    }
  });
  return failed.load() ? no_memory(bytes) : PYNN_OK;
}

#define PYNN_INSTANTIATE(T)                          \
  template bool planes_suit<T>(const Job<T>&);       \
  template bool planes_suit<T>(const WeightJob<T>&); \
  template pynn_status by_planes<T>(const Job<T>&);  \
  template pynn_status weight_by_planes<T>(const WeightJob<T>&);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace conv
}  // namespace pynn
