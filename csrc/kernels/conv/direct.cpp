// Groups of few channels and filters, where packing patches would cost more than the sums: the planes
// of a group are copied once into a padded scratch, and the kernels read all taps from there.
#include <atomic>
#include <cstring>

#include "base/arena.h"
#include "base/pool.h"
#include "base/status.h"
#include "kernels/conv/shared.h"

namespace pynn {
namespace conv {
namespace {

// The part of a plane that a grid's taps read, padding included, and room for whole vectors at the right.
struct Frame {
  int64_t top, left;  // rows and columns before the plane's own
  int64_t rows, pitch;

  Frame(const Grid& grid, const Tap* taps, int64_t tap_count, int lanes) {
    int64_t first_y = 0, first_x = 0, last_y = 0, last_x = 0;
    for (int64_t t = 0; t < tap_count; ++t) {
      first_y = least(first_y, taps[t].dy);
      first_x = least(first_x, taps[t].dx);
      last_y = most(last_y, taps[t].dy);
      last_x = most(last_x, taps[t].dx);
    }
    top = -first_y;
    left = -first_x;
    rows = top + (grid.out_h - 1) * grid.step_y + last_y + 1;
    pitch = round_up(left + (round_up(grid.out_w, lanes) - 1) * grid.step_x + last_x + 2, 16);
  }

  int64_t size() const { return rows * pitch; }
  int64_t offset(const Tap& tap) const { return (tap.dy + top) * pitch + tap.dx + left; }

  template <class T>
  void copy(const Grid& grid, const T* plane, T* to) const {
    memset(to, 0, size_t(size()) * sizeof(T));
    const int64_t width = least(grid.in_w, pitch - left);
    if (width <= 0) return;
    for (int64_t y = 0; y < least(grid.in_h, rows - top); ++y) {
      memcpy(to + (y + top) * pitch + left, plane + y * grid.in_w, size_t(width) * sizeof(T));
    }
  }
};

}  // namespace

template <class T>
bool is_direct(int64_t rows, int64_t channels, const Grid& grid, const Tap* taps, int64_t tap_count) {
  if (rows * channels > 8) return false;
  const Frame frame(grid, taps, tap_count, kernels<T>().width);
  const double padded = double(frame.rows) * double(frame.pitch);  // as an integer it may overflow
  return padded <= (1 << 16) + 16.0 * double(grid.in_h * grid.in_w + grid.out_h * grid.out_w);
}

template <class T>
pynn_status direct(const Job<T>& job) {
  const Kernels<T>& kernel = kernels<T>();
  const Frame frame(job.grid, job.taps, job.tap_count, kernel.width);
  const int64_t units = job.images * job.groups, depth = job.depth();
  const int64_t macs = most(1, job.pixels() * depth * job.rows);
  const int64_t group = units * macs <= kSerialMacs / 4 ? units : most(1, kChunkMacs / 4 / macs);
  const size_t bytes =
      size_t(depth) * sizeof(int64_t) + size_t(depth + job.channels * frame.size()) * sizeof(T);
  std::atomic<bool> failed{false};
  parallel(ceil_div(units, group), [&](int64_t chunk) {
    const Scratch own(bytes);
    if (!own) {
      failed.store(true);
      return;
    }
    int64_t* const offsets = own.as<int64_t>();
    T* const weights = reinterpret_cast<T*>(offsets + depth);
    T* const planes = weights + depth;
    for (int64_t i = 0; i < depth; ++i) {
      offsets[i] = i / job.tap_count * frame.size() + frame.offset(job.taps[i % job.tap_count]);
    }
    for (int64_t u = chunk * group; u < least((chunk + 1) * group, units); ++u) {
      const int64_t g = u % job.groups, image = u / job.groups;
      const T* src = job.src + image * job.src_image + g * job.src_group;
      for (int64_t c = 0; c < job.channels; ++c) {
        frame.copy(job.grid, src + c * job.src_plane, planes + c * frame.size());
      }
      for (int64_t row = 0; row < job.rows; ++row) {
        const T* w = job.w + g * job.w_group + row * job.w_row;
        for (int64_t i = 0; i < depth; ++i) {
          weights[i] = w[i / job.tap_count * job.w_channel + job.taps[i % job.tap_count].weight];
        }
        PlaneArgs<T> args;
        args.x = planes;
        args.row_step = job.grid.step_y * frame.pitch;
        args.step_x = job.grid.step_x;
        args.taps = depth;
        args.offsets = offsets;
        args.weights = weights;
        args.height = job.grid.out_h;
        args.width = job.grid.out_w;
        args.out = job.out + image * job.out_image + g * job.out_group + row * job.out_plane;
        args.out_row = job.out_row;
        args.out_col = job.out_col;
        args.bias = job.bias != nullptr ? job.bias[g * job.rows + row] : T(0);
        args.beta = job.beta;
        args.relu = job.relu;
        kernel.plane(args);
      }
    }
  });
  return failed.load() ? no_memory(bytes) : PYNN_OK;
}

// Each (filter, channel) pair goes through all images in order.
template <class T>
pynn_status direct_weight(const Shape& s, const Grid& grid, const Tap* taps, int64_t tap_count, const T* x,
                          const T* dy, T beta, T* dw) {
  const Kernels<T>& kernel = kernels<T>();
  const Frame frame(grid, taps, tap_count, kernel.width);
  const int64_t filters = s.filters / s.conv.groups, channels = s.channels / s.conv.groups;
  const int64_t pairs = s.filters * channels, pixels = grid.out_h * grid.out_w, plane = grid.in_h * grid.in_w;
  const int64_t macs = most(1, s.images * pixels * tap_count);
  const int64_t group = pairs * macs <= kSerialMacs / 4 ? pairs : most(1, kChunkMacs / 4 / macs);
  const size_t bytes = size_t(tap_count) * sizeof(int64_t) + size_t(tap_count + frame.size()) * sizeof(T);
  std::atomic<bool> failed{false};
  parallel(ceil_div(pairs, group), [&](int64_t chunk) {
    const Scratch own(bytes);
    if (!own) {
      failed.store(true);
      return;
    }
    int64_t* const offsets = own.as<int64_t>();
    T* const sums = reinterpret_cast<T*>(offsets + tap_count);
    T* const padded = sums + tap_count;
    for (int64_t t = 0; t < tap_count; ++t) offsets[t] = frame.offset(taps[t]);
    for (int64_t i = chunk * group; i < least((chunk + 1) * group, pairs); ++i) {
      const int64_t filter = i / channels, channel = filter / filters * channels + i % channels;
      for (int64_t t = 0; t < tap_count; ++t) sums[t] = T(0);
      for (int64_t image = 0; image < s.images; ++image) {
        frame.copy(grid, x + (image * s.channels + channel) * plane, padded);
        GradArgs<T> args;
        args.x = padded;
        args.row_step = grid.step_y * frame.pitch;
        args.step_x = grid.step_x;
        args.taps = tap_count;
        args.offsets = offsets;
        args.dy = dy + (image * s.filters + filter) * pixels;
        args.height = grid.out_h;
        args.width = grid.out_w;
        args.sums = sums;
        kernel.grad(args);
      }
      for (int64_t t = 0; t < tap_count; ++t) {
        T* to = dw + i * tap_count + t;
        *to = beta == T(0) ? sums[t] : sums[t] + beta * *to;
      }
    }
  });
  return failed.load() ? no_memory(bytes) : PYNN_OK;
}

#define PYNN_INSTANTIATE(T)                                                                                 \
  template bool is_direct<T>(int64_t, int64_t, const Grid&, const Tap*, int64_t);                           \
  template pynn_status direct<T>(const Job<T>&);                                                            \
  template pynn_status direct_weight<T>(const Shape&, const Grid&, const Tap*, int64_t, const T*, const T*, \
                                        T, T*);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace conv
}  // namespace pynn
