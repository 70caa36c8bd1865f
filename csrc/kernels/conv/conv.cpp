// The entry points, and in one place, by shape alone, which way computes a convolution.
#include "kernels/conv/conv.h"

#include <algorithm>
#include <cmath>

#include "base/arena.h"
#include "base/pool.h"
#include "base/status.h"
#include "kernels/conv/shared.h"
#include "kernels/matmul/matmul.h"

#define PYNN_FAMILY conv
#define PYNN_KERNELS "kernels/conv/kernels.inc"
#include "base/dispatch.inc"

namespace pynn {
namespace conv {

pynn_status no_memory(size_t bytes) {
  return fail(PYNN_NO_MEMORY, "conv: no memory for %zu bytes of scratch space", bytes);
}

void list_taps(const Shape& s, Tap* taps) {
  for (int64_t t = 0, z = 0; z < s.kernel[0]; ++z) {
    for (int64_t y = 0; y < s.kernel[1]; ++y) {
      for (int64_t x = 0; x < s.kernel[2]; ++x, ++t) {
        taps[t] = {{z * s.dilation[0] - s.before[0], y * s.dilation[1] - s.before[1],
                    x * s.dilation[2] - s.before[2]},
                   t};
      }
    }
  }
}

namespace {

// ---- the choice ----

constexpr double kApart = 1.3;              // of a phase by itself: sums stored in steps, frames for each
constexpr int64_t kOneProductPixels = 512;  // up to here the weight gradient of a 1x1 kernel and one image is a product

template <class T>
pynn_status fill(const Job<T>& job);

// Estimates of the ways that keep to one phase; least: of what they choose.
template <class T>
struct Costs {
  explicit Costs(const Job<T>& job) : lanes(lanes_cost(job)), frames(frames_cost(job)), patches(patches_cost(job)) {
    least = std::fmin(lanes, std::fmin(frames, patches));
  }
  double lanes, frames, patches, least;
};

template <class T>
pynn_status run(const Job<T>& job) {
  if (job.images == 0 || job.rows == 0 || job.pixels() == 0) return PYNN_OK;
  if (job.depth() == 0) return fill(job);
  if (planes_suit(job)) return by_planes(job);
  if (winograd_suits(job)) return by_winograd(job);
  const Costs<T> costs(job);
  if (job.dense_out()) {
    PhasedJob<T> alone;
    static_cast<Job<T>&>(alone) = job;
    for (int d = 0; d < 3; ++d) alone.steps[d] = 1, alone.full[d] = job.grid.out[d];
    alone.ends = &job.tap_count;
    if (lane_frames_cost(alone) < costs.least) return by_lane_frames(alone);
  }
  if (costs.lanes == costs.least) return by_lanes(job);
  return costs.frames == costs.least ? by_frames(job) : by_patches(job);
}

template <class T>
pynn_status run(const WeightJob<T>& job) {
  if (planes_suit(job)) return weight_by_planes(job);
  if (winograd_suits(job)) return weight_by_winograd(job);
  return frames_suit(job) ? weight_by_frames(job) : weight_by_patches(job);
}

// A 1x1 kernel that touches every pixel once: a product of matrices an image.
bool is_pointwise(const Shape& s) {
  for (int d = 0; d < 3; ++d) {
    if (s.kernel[d] != 1 || s.stride[d] != 1 || s.before[d] != 0 || s.in[d] != s.out[d]) return false;
  }
  return s.groups == 1;
}

// A pixel's channels lie together, and pixels behind each other with one step: channels_last, or a plain
// array.
template <class T>
bool has_pixel_step(const View<T>& v, const int64_t* size) {
  return v.at[1] == size[2] * v.at[2] && v.at[0] == size[1] * v.at[1];
}

// Of the same as a batch of products: 4 % for the tiles' own ends, half a cycle a weight, packed for each image.
template <class T>
double product_cost(const Job<T>& job) {
  const int64_t pixels = job.pixels();
  return 1.04 * double(round_up(pixels, 2 * kernels<T>().width)) / double(pixels) + 8 / double(pixels);
}

// Products take any layout, and weights as they lie where pixels are few.
template <class T>
bool products_suit(const Shape& s, const View<T>& v, const int64_t* size, const Job<T>& job) {
  if (!is_pointwise(s) || !has_pixel_step(v, size)) return false;
  return v.at[2] != 1 || job.images * job.pixels() <= 16 || product_cost(job) <= lanes_cost(job);
}

// ---- inputs ----

// The steps of sizes of one mean nothing: those of a contiguous array.
template <class T>
View<T> normal(View<T> v, int64_t images, int64_t channels, const int64_t* size) {
  if (size[2] == 1) v.at[2] = 1;
  if (size[1] == 1) v.at[1] = size[2] * v.at[2];
  if (size[0] == 1) v.at[0] = size[1] * v.at[1];
  if (channels == 1) v.channel = size[0] * v.at[0];
  if (images == 1) v.image = channels * v.channel;
  return v;
}

// The input itself where its rows are contiguous, else a contiguous copy of it in `scratch`.
template <class T>
class Rows {
 public:
  Rows(const View<T>& v, int64_t images, int64_t channels, const int64_t* size, bool whole = false)
      : view_(v), scratch_(is_good(v, channels, size, whole) ? 0 : bytes_of(images, channels, size)) {
    if (is_good(v, channels, size, whole) || !scratch_) return;
    T* const to = scratch_.template as<T>();
    const int64_t pixels = size[0] * size[1] * size[2];
    view_ = {to, channels * pixels, pixels, {size[1] * size[2], size[2], 1}};
    const bool together = has_pixel_step(v, size);
    const int64_t lines = together ? 1 : size[0] * size[1], length = pixels / lines;
    const int64_t unit = most(1, (64 << 10) / most(1, channels * pixels));
    parallel_ranges(images, unit, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        for (int64_t l = 0; l < lines; ++l) {
          const T* from = v.data + i * v.image + l / size[1] * v.at[0] + l % size[1] * v.at[1];
          matmul::kernels<T>().pack(from, v.at[2], v.channel, length, channels,
                                    to + i * view_.image + l * length, pixels);
        }
      }
    });
  }
  explicit operator bool() const { return bool(scratch_); }
  const View<T>& view() const { return view_; }

 private:
  static bool is_good(const View<T>& v, int64_t channels, const int64_t* size, bool whole) {
    if (v.at[2] != 1) return false;
    return !whole || (has_pixel_step(v, size) && (channels == 0 || v.channel == size[0] * size[1] * size[2]));
  }
  static size_t bytes_of(int64_t images, int64_t channels, const int64_t* size) {
    return size_t(images * channels * size[0] * size[1] * size[2]) * sizeof(T);
  }
  View<T> view_;
  const Scratch scratch_;
};

// Nothing to sum: out = act(bias + beta * out).
template <class T>
pynn_status fill(const Job<T>& job) {
  const int64_t lines = job.grid.out[0] * job.grid.out[1], unit = most(1, (32 << 10) / most(1, job.pixels()));
  parallel_ranges(job.images * job.groups * job.rows, unit, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t row = i % job.rows, group = i / job.rows % job.groups, image = i / job.rows / job.groups;
      T* plane = job.out + image * job.out_image + group * job.out_group + row * job.out_plane;
      const T value = job.bias != nullptr ? job.bias[group * job.rows + row] : T(0);
      if (job.beta == T(0) && job.dense_out()) {
        std::fill(plane, plane + job.pixels(), job.relu && value < T(0) ? T(0) : value);
        continue;
      }
      for (int64_t r = 0; r < lines; ++r) {
        for (int64_t x = 0; x < job.grid.out[2]; ++x) {
          T* o = plane + job.row_offset(r) + x * job.out_at[2];
          const T sum = job.beta == T(0) ? value : value + job.beta * *o;
          *o = job.relu && sum < T(0) ? T(0) : sum;
        }
      }
    }
  });
  return PYNN_OK;
}

template <class T>
pynn_status pointwise(const Shape& s, int64_t rows, int64_t channels, const View<T>& src, const T* w,
                      int64_t w_row, int64_t w_col, const T* bias, pynn_activation act, T beta, T* out) {
  const int64_t pixels = s.in_size();
  const Scratch offsets(size_t(3 * s.images) * sizeof(int64_t));
  if (!offsets) return no_memory(size_t(3 * s.images) * sizeof(int64_t));
  int64_t *a = offsets.as<int64_t>(), *b = a + s.images, *c = b + s.images;
  for (int64_t i = 0; i < s.images; ++i) a[i] = 0, b[i] = i * src.image, c[i] = i * rows * pixels;
  const matmul::Gemm<T> g = {rows, pixels, channels, w,    w_row,   w_col, src.data, src.channel, src.at[2],
                             out,  pixels, 1,        bias, nullptr, T(1),  beta,     act};
  return matmul::gemm_batch(g, s.images, a, b, c);
}

template <class T>
void set_source(Job<T>& job, const View<T>& v) {
  job.src = v.data;
  job.src_image = v.image;
  job.src_plane = v.channel;
  job.src_group = job.channels * v.channel;
  job.grid.slab = v.at[0];
  job.grid.row = v.at[1];
}

}  // namespace

template <class T>
pynn_status forward(const Shape& s, const View<T>& given, const T* w, const T* bias, pynn_activation act,
                    T* y) {
  const View<T> x = normal(given, s.images, s.channels, s.in);
  const int64_t taps = s.taps();
  const Scratch list(size_t(taps) * sizeof(Tap));
  if (!list) return no_memory(size_t(taps) * sizeof(Tap));
  list_taps(s, list.as<Tap>());
  Job<T> job;
  for (int d = 0; d < 3; ++d)
    job.grid.out[d] = s.out[d], job.grid.step[d] = s.stride[d], job.grid.in[d] = s.in[d];
  job.taps = list.as<Tap>();
  job.tap_count = taps;
  job.images = s.images;
  job.groups = s.groups;
  job.rows = s.filters / s.groups;
  job.channels = s.channels / s.groups;
  if (products_suit(s, x, s.in, job)) {
    return pointwise(s, s.filters, s.channels, x, w, s.channels, 1, bias, act, T(0), y);
  }
  const Rows<T> source(x, s.images, s.channels, s.in);
  if (!source) return no_memory(0);
  set_source(job, source.view());
  job.w = w;
  job.w_channel = taps;
  job.w_row = job.channels * taps;
  job.w_group = job.rows * job.w_row;
  job.bias = bias;
  job.relu = act == PYNN_ACT_RELU;
  job.beta = T(0);
  job.out = y;
  job.out_at[2] = 1;
  job.out_at[1] = s.out[2];
  job.out_at[0] = s.out[1] * s.out[2];
  job.out_plane = s.out_size();
  job.out_group = job.rows * job.out_plane;
  job.out_image = s.filters * job.out_plane;
  return run(job);
}

template <class T>
pynn_status backward_data(const Shape& s, const View<T>& given, const T* w, const T* bias,
                          pynn_activation act, T beta, T* dx) {
  const View<T> dy = normal(given, s.images, s.filters, s.out);
  const int64_t taps = s.taps();
  const Scratch list(size_t(2 * taps) * sizeof(Tap));
  if (!list) return no_memory(size_t(2 * taps) * sizeof(Tap));
  Tap* const used = list.as<Tap>();
  Tap* const all = used + taps;
  list_taps(s, all);
  Job<T> job;
  job.taps = used;
  job.images = s.images;
  job.groups = s.groups;
  job.rows = s.channels / s.groups;
  job.channels = s.filters / s.groups;
  for (int d = 0; d < 3; ++d) {
    job.grid.out[d] = s.in[d];
    job.grid.step[d] = 1;
    job.grid.in[d] = s.out[d];
  }
  job.tap_count = taps;
  if (products_suit(s, dy, s.out, job)) {
    return pointwise(s, s.channels, s.filters, dy, w, 1, s.channels, bias, act, beta, dx);
  }
  const Rows<T> source(dy, s.images, s.filters, s.out);
  if (!source) return no_memory(0);
  set_source(job, source.view());
  job.w = w;
  job.w_row = taps;
  job.w_channel = job.rows * taps;
  job.w_group = job.channels * job.w_channel;
  job.bias = bias;
  job.relu = act == PYNN_ACT_RELU;
  job.beta = beta;
  job.out_at[2] = s.stride[2];
  job.out_at[1] = s.stride[1] * s.in[2];
  job.out_at[0] = s.stride[0] * s.in[1] * s.in[2];
  job.out_plane = s.in_size();
  job.out_group = job.rows * job.out_plane;
  job.out_image = s.channels * job.out_plane;
  // Depthwise, in steps of two: the phases side by side.
  if (job.rows == 1 && job.channels == 1 && s.stride[0] == 1 && s.stride[1] == 2 && s.stride[2] == 2) {
    Job<T> whole = job;
    for (int d = 0; d < 3; ++d) {
      whole.grid.out[d] = s.in[d];
      whole.grid.step[d] = 1;
      whole.grid.in[d] = s.out[d];
    }
    whole.grid.apart = true;
    for (int64_t t = 0; t < taps; ++t) used[t] = {{-all[t].at[0], -all[t].at[1], -all[t].at[2]}, t};
    whole.tap_count = taps;
    whole.out_at[2] = 1;
    whole.out_at[1] = s.in[2];
    whole.out_at[0] = s.in[1] * s.in[2];
    whole.out = dx;
    if (whole.images * whole.groups * s.in_size() > 0 && planes_suit(whole)) return by_planes(whole);
  }
  // Places a + stride * i meet only the taps for which a - (r * dilation - before) is a multiple of the
  // stride.
  int64_t phases[3];
  for (int d = 0; d < 3; ++d) phases[d] = least(s.stride[d], s.in[d]);
  const int64_t count = phases[0] * phases[1] * phases[2];
  const auto select = [&](int64_t phase) {
    const int64_t a[3] = {phase / phases[2] / phases[1], phase / phases[2] % phases[1], phase % phases[2]};
    job.tap_count = 0;
    for (int64_t t = 0; t < taps; ++t) {
      Tap tap = {{0, 0, 0}, t};
      bool meets = true;
      for (int d = 0; d < 3; ++d) {
        const int64_t at = a[d] - all[t].at[d];
        meets = meets && at % s.stride[d] == 0;
        tap.at[d] = at / s.stride[d];
      }
      if (meets) used[job.tap_count++] = tap;
    }
    for (int d = 0; d < 3; ++d) job.grid.out[d] = ceil_div(s.in[d] - a[d], s.stride[d]);
    job.out = dx + (a[0] * s.in[1] + a[1]) * s.in[2] + a[2];
    return job.tap_count;
  };
  if (count > 1) {
    // The phases side by side, where each meets a tap.
    const Scratch lists(size_t(taps) * sizeof(Tap) + size_t(count) * sizeof(int64_t));
    if (!lists) return no_memory(0);
    Tap* const listed = lists.as<Tap>();
    int64_t* const ends = reinterpret_cast<int64_t*>(listed + taps);
    int64_t n = 0;
    bool all_meet = true;
    for (int64_t phase = 0; phase < count; ++phase) {
      const int64_t own = select(phase);
      for (int64_t t = 0; t < own; ++t) listed[n++] = used[t];
      ends[phase] = n;
      all_meet = all_meet && own > 0;
    }
    select(0);
    if (all_meet && n == taps && job.depth() > 0 && job.images * job.groups * job.rows * job.pixels() > 0) {
      PhasedJob<T> whole;
      static_cast<Job<T>&>(whole) = job;
      whole.taps = listed;
      whole.tap_count = n;
      whole.ends = ends;
      for (int d = 0; d < 3; ++d) whole.steps[d] = phases[d], whole.full[d] = s.in[d];
      if (lane_frames_cost(whole) < kApart * Costs<T>(job).least) return by_lane_frames(whole);
    }
  }
  // Where phases meet no tap, all places are filled at once, in memory's order.
  int64_t empty = 0;
  for (int64_t phase = 0; phase < count; ++phase) empty += select(phase) == 0;
  const bool filled = empty > 0 && beta == T(0);
  if (filled) {
    Job<T> whole = job;
    whole.tap_count = 0;
    for (int d = 0; d < 3; ++d) whole.grid.out[d] = s.in[d];
    whole.out_at[2] = 1;
    whole.out_at[1] = s.in[2];
    whole.out_at[0] = s.in[1] * s.in[2];
    whole.out = dx;
    const pynn_status status = run(whole);
    if (status != PYNN_OK) return status;
  }
  for (int64_t phase = 0; phase < count; ++phase) {
    if (select(phase) == 0 && filled) continue;
    const pynn_status status = run(job);
    if (status != PYNN_OK) return status;
  }
  return PYNN_OK;
}

template <class T>
pynn_status backward_weight(const Shape& s, const View<T>& x, const View<T>& dy, T beta, T* dw) {
  const int64_t taps = s.taps(), size = s.filters * (s.channels / s.groups) * taps;
  if (size == 0) return PYNN_OK;
  if (s.images * s.out_size() == 0) {
    for (int64_t i = 0; i < size; ++i) dw[i] = beta == T(0) ? T(0) : beta * dw[i];
    return PYNN_OK;
  }
  const View<T> from = normal(x, s.images, s.channels, s.in), by = normal(dy, s.images, s.filters, s.out);
  // One small image has more weights than pixels: packed patches would be used too seldom.
  if (s.images == 1 && s.out_size() <= kOneProductPixels && is_pointwise(s) && from.at[2] == 1 && by.at[2] == 1 &&
      has_pixel_step(from, s.in) && has_pixel_step(by, s.out)) {
    const matmul::Gemm<T> g = {s.filters,    s.channels, s.in_size(), by.data, by.channel, 1,    from.data, 1,
                               from.channel, dw,         s.channels,  1,       nullptr,    nullptr, T(1),   beta,
                               PYNN_ACT_NONE};
    return matmul::gemm(g);
  }
  const Rows<T> source(from, s.images, s.channels, s.in);
  const Rows<T> result(by, s.images, s.filters, s.out, true);
  const Scratch list(size_t(taps) * sizeof(Tap));
  if (!source || !result || !list) return no_memory(0);
  list_taps(s, list.as<Tap>());
  WeightJob<T> job;
  for (int d = 0; d < 3; ++d) {
    job.grid.out[d] = job.dy_grid.out[d] = job.dy_grid.in[d] = s.out[d];
    job.grid.step[d] = s.stride[d];
    job.grid.in[d] = s.in[d];
    job.dy_grid.step[d] = 1;
  }
  job.grid.slab = source.view().at[0];
  job.grid.row = source.view().at[1];
  job.dy_grid.slab = result.view().at[0];
  job.dy_grid.row = result.view().at[1];
  job.taps = list.as<Tap>();
  job.tap_count = taps;
  job.images = s.images;
  job.groups = s.groups;
  job.filters = s.filters / s.groups;
  job.channels = s.channels / s.groups;
  job.x = source.view().data;
  job.x_image = source.view().image;
  job.x_plane = source.view().channel;
  job.dy = result.view().data;
  job.dy_image = result.view().image;
  job.dy_plane = result.view().channel;
  job.beta = beta;
  job.dw = dw;
  return run(job);
}

#define PYNN_INSTANTIATE(T)                                                                                \
  template pynn_status forward<T>(const Shape&, const View<T>&, const T*, const T*, pynn_activation, T*);  \
  template pynn_status backward_data<T>(const Shape&, const View<T>&, const T*, const T*, pynn_activation, \
                                        T, T*);                                                            \
  template pynn_status backward_weight<T>(const Shape&, const View<T>&, const View<T>&, T, T*);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace conv
}  // namespace pynn
