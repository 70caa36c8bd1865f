// Forward and backward-data convolution. Both are one job: sums over channels and taps at a grid of
// pixels. Weights are packed once a call; a chunk (an image, a group, a run of pixels) packs its
// patches panel by panel and multiplies. A strided backward-data is a job for each phase of the grid.
#include "kernels/conv/conv.h"

#include <atomic>

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
  return fail(PYNN_NO_MEMORY, "conv2d: no memory for %zu bytes of scratch space", bytes);
}

int cut_pieces(const Grid& grid, const Tap& tap, int64_t first, int64_t count, int lanes, Piece* pieces) {
  int n = 0;
  int64_t oy = first / grid.out_w, ox = first % grid.out_w;
  for (int64_t done = 0; done < count; ++oy, ox = 0) {
    const int64_t in_row = least(count - done, grid.out_w - ox);
    const int64_t y = oy * grid.step_y + tap.dy;
    const bool inside = y >= 0 && y < grid.in_h;
    for (int64_t i = 0; i < in_row; i += lanes) {
      Piece& piece = pieces[n++];
      const int64_t length = least(lanes, in_row - i), x = (ox + i) * grid.step_x + tap.dx;
      const int64_t low = x >= 0 ? 0 : least(length, ceil_div(-x, grid.step_x));
      const int64_t high =
          !inside || x >= grid.in_w ? 0 : least(length, ceil_div(grid.in_w - x, grid.step_x));
      piece.to = int32_t(done + i);
      piece.count = int16_t(length);
      piece.low = int16_t(high > low ? low : 0);
      piece.high = int16_t(high > low ? high : 0);
      piece.source = high > low ? y * grid.in_w + x : 0;
    }
    done += in_row;
  }
  return n;
}

namespace {

using matmul::TileArgs;

constexpr int kMaxPanel = 64;
constexpr int64_t kChunkBytes = 256 << 10;  // a chunk's patches: stay in the L2 cache
constexpr int64_t kFewPixels = 128;         // up to here weights are used where they lie

// Nothing to sum: out = act(bias + beta * out).
template <class T>
pynn_status fill(const Job<T>& job) {
  for (int64_t i = 0; i < job.images * job.groups * job.rows; ++i) {
    const int64_t row = i % job.rows, group = i / job.rows % job.groups, image = i / job.rows / job.groups;
    T* plane = job.out + image * job.out_image + group * job.out_group + row * job.out_plane;
    T value = job.bias != nullptr ? job.bias[group * job.rows + row] : T(0);
    for (int64_t oy = 0; oy < job.grid.out_h; ++oy) {
      for (int64_t ox = 0; ox < job.grid.out_w; ++ox) {
        T* o = plane + oy * job.out_row + ox * job.out_col;
        const T sum = job.beta == T(0) ? value : value + job.beta * *o;
        *o = job.relu && sum < T(0) ? T(0) : sum;
      }
    }
  }
  return PYNN_OK;
}

template <class T>
class Patches {
 public:
  explicit Patches(const Job<T>& job) : job_(job), kernel_(kernels<T>()), gemm_(matmul::kernels<T>()) {
    width_ = kernel_.width;
    vectors_ = job.rows <= gemm_.max_rows[4] ? 4 : 2;
    panel_ = vectors_ * width_;
    max_rows_ = gemm_.max_rows[vectors_];
    tiles_ = ceil_div(job.rows, max_rows_);
    const int64_t most_depth = matmul::depth_block<T>(job.depth());
    const int64_t blocks = ceil_div(job.channels, most(1, most_depth / job.tap_count));
    block_channels_ = ceil_div(job.channels, blocks);
    scattered_ = job.out_col != 1 || job.out_row != job.grid.out_w;
    // Images that leave the last panel partly empty are numbered through, so that panels span them.
    const int64_t pixels = job.pixels();
    span_ = job.images > 1 && pixels <= 512 && pixels % panel_ != 0 ? job.images : 1;
  }

  pynn_status run() {
    const int64_t pixels = job_.pixels() * span_, depth = block_channels_ * job_.tap_count;
    direct_weights_ = job_.plain_weights() && job_.images * job_.pixels() <= kFewPixels;
    const int64_t w_size = direct_weights_ ? 0 : job_.groups * job_.rows * job_.depth();
    const Scratch weights(size_t(w_size) * sizeof(T));
    if (!weights) return no_memory(size_t(w_size) * sizeof(T));
    if (!direct_weights_) pack_weights(weights.as<T>());
    packed_ = weights.as<T>();

    const int64_t largest = most(panel_, kChunkBytes / (depth * int64_t(sizeof(T))) / panel_ * panel_);
    const int64_t runs = ceil_div(pixels, largest), run = round_up(ceil_div(pixels, runs), panel_);
    const int64_t in_image = ceil_div(pixels, run), places = job_.images / span_ * job_.groups * in_image;
    // Too few places for several threads: the rows are cut as well, and each part packs the patches again.
    const int64_t place_macs = most(1, job_.rows * job_.depth() * least(run, pixels));
    const int64_t parts = most(1, least(least(ceil_div(8, places), tiles_ / 4), place_macs / kChunkMacs));
    const int64_t units = places * parts, macs = most(1, place_macs / parts);
    const int64_t group = units * macs <= kSerialMacs ? units : most(1, kChunkMacs / macs);
    const size_t bytes = size_t(depth * run + max_rows_ * panel_) * sizeof(T);
    std::atomic<bool> failed{false};
    parallel(ceil_div(units, group), [&](int64_t chunk) {
      const Scratch own(bytes);
      if (!own) {
        failed.store(true);
        return;
      }
      for (int64_t u = chunk * group; u < least((chunk + 1) * group, units); ++u) {
        const int64_t part = u % parts, place = u / parts;
        const int64_t first = place % in_image * run, g = place / in_image % job_.groups;
        const Tiles tiles = {part * tiles_ / parts, (part + 1) * tiles_ / parts};
        pixels_of(place / in_image / job_.groups, g, tiles, first, least(run, pixels - first), own.as<T>(),
                  own.as<T>() + depth * run);
      }
    });
    return failed.load() ? no_memory(bytes) : PYNN_OK;
  }

 private:
  struct Tiles {
    int64_t begin, end;
  };

  // Rows [start, start + height) of tile i: heights differ by one at most.
  int64_t tile_start(int64_t i) const { return i * (job_.rows / tiles_) + least(i, job_.rows % tiles_); }
  int64_t tile_height(int64_t i) const { return job_.rows / tiles_ + (i < job_.rows % tiles_); }

  // [group][block of channels][tile][channel, tap][row of the tile]
  void pack_weights(T* to) const {
    const int64_t blocks = ceil_div(job_.channels, block_channels_);
    const int64_t pieces = job_.groups * blocks * tiles_;
    const int64_t group = most(1, (32 << 10) / (block_channels_ * job_.tap_count * max_rows_));
    const bool plain = job_.plain_weights(), taps = job_.plain_taps();
    parallel(ceil_div(pieces, group), [&](int64_t chunk) {
      for (int64_t i = chunk * group; i < least((chunk + 1) * group, pieces); ++i) {
        const int64_t tile = i % tiles_, c0 = i / tiles_ % blocks * block_channels_, g = i / tiles_ / blocks;
        const int64_t channels = least(block_channels_, job_.channels - c0),
                      depth = channels * job_.tap_count;
        const int64_t start = tile_start(tile), height = tile_height(tile);
        const T* w = job_.w + g * job_.w_group + start * job_.w_row + c0 * job_.w_channel;
        T* d = to + (g * job_.channels + c0) * job_.tap_count * job_.rows + start * depth;
        if (plain) {
          gemm_.pack(w, job_.w_row, 1, height, depth, d, height);
        } else if (taps) {
          for (int64_t c = 0; c < channels; ++c) {
            gemm_.pack(w + c * job_.w_channel, job_.w_row, 1, height, job_.tap_count,
                       d + c * job_.tap_count * height, height);
          }
        } else {
          for (int64_t t = 0; t < job_.tap_count; ++t) {
            gemm_.pack(w + job_.taps[t].weight, job_.w_row, job_.w_channel, height, channels, d + t * height,
                       job_.tap_count * height);
          }
        }
      }
    });
  }

  // Pixels [first, first + count) of an image, or of all images numbered through.
  void pixels_of(int64_t image, int64_t g, Tiles tiles, int64_t first, int64_t count, T* patches,
                 T* stage) const {
    const T* src = job_.src + image * job_.src_image + g * job_.src_group;
    T* out = job_.out + image * job_.out_image + g * job_.out_group;
    for (int64_t c0 = 0; c0 < job_.channels; c0 += block_channels_) {
      const int64_t channels = least(block_channels_, job_.channels - c0), depth = channels * job_.tap_count;
      for (int64_t p = 0; p < count; p += panel_) {
        const int64_t columns = least(panel_, count - p);
        for (int64_t t = 0; t < job_.tap_count; ++t) {
          Piece pieces[kMaxPanel];
          const int n = cut_panel(job_.taps[t], first + p, columns, pieces);
          kernel_.pack(src + c0 * job_.src_plane, job_.src_plane, job_.grid.step_x, channels, pieces, n,
                       patches + p * depth + t * panel_, job_.tap_count * panel_);
        }
      }
      multiply(g, tiles, c0, depth, first, count, patches, out, stage);
    }
  }

  int cut_panel(const Tap& tap, int64_t first, int64_t columns, Piece* pieces) const {
    if (span_ == 1) return cut_pieces(job_.grid, tap, first, columns, width_, pieces);
    int n = 0;
    const int64_t pixels = job_.pixels();
    for (int64_t done = 0; done < columns;) {
      const int64_t image = (first + done) / pixels, pixel = (first + done) % pixels;
      const int64_t count = least(columns - done, pixels - pixel);
      const int own = cut_pieces(job_.grid, tap, pixel, count, width_, pieces + n);
      for (int i = n; i < n + own; ++i) {
        pieces[i].to += int32_t(done);
        pieces[i].source += image * job_.src_image;
      }
      n += own;
      done += count;
    }
    return n;
  }

  void multiply(int64_t g, Tiles tiles, int64_t c0, int64_t depth, int64_t first, int64_t count,
                const T* patches, T* out, T* stage) const {
    const bool last = c0 + block_channels_ >= job_.channels;
    TileArgs<T> t;
    t.k = depth;
    t.alpha = T(1);
    t.beta = c0 == 0 ? job_.beta : T(1);
    t.bias_col = nullptr;
    t.relu = last && job_.relu;
    t.b_step = panel_;
    t.a_rows = direct_weights_;
    for (int64_t tile = tiles.begin; tile < tiles.end; ++tile) {
      const int64_t start = tile_start(tile), height = tile_height(tile);
      if (direct_weights_) {
        t.a = job_.w + g * job_.w_group + start * job_.w_row + c0 * job_.w_channel;
        t.a_step = job_.w_row;
      } else {
        t.a = packed_ + (g * job_.channels + c0) * job_.tap_count * job_.rows + start * depth;
        t.a_step = height;
      }
      t.bias_row = last && job_.bias != nullptr ? job_.bias + g * job_.rows + start : nullptr;
      for (int64_t p = 0; p < count;) {
        const int64_t in_panel = p % panel_, left = least(panel_ - in_panel, count - p);
        const int vectors = left > 3 * width_ ? 4 : left > width_ ? 2 : 1;
        t.cols = int(least(left, vectors * width_));
        t.b = patches + (p - in_panel) * depth + in_panel;
        const int64_t image = span_ == 1 ? 0 : (first + p) / job_.pixels(),
                      pixel = first + p - image * job_.pixels();
        if (!scattered_ && pixel + t.cols <= job_.pixels()) {
          t.c = out + image * job_.out_image + start * job_.out_plane + pixel;
          t.c_step = job_.out_plane;
          gemm_.tile[vectors][height](t);
        } else {
          t.c = stage;
          t.c_step = panel_;
          if (t.beta != T(0)) scatter(start, height, first + p, t.cols, out, stage, false);
          gemm_.tile[vectors][height](t);
          scatter(start, height, first + p, t.cols, out, stage, true);
        }
        p += t.cols;
      }
    }
  }

  // Between a dense tile and pixels that lie apart: the rows of an image, and images.
  void scatter(int64_t start, int64_t height, int64_t first, int64_t count, T* out, T* stage,
               bool to_out) const {
    const int64_t pixels = job_.pixels(), width = job_.grid.out_w;
    for (int64_t j = 0; j < count;) {
      const int64_t image = span_ == 1 ? 0 : (first + j) / pixels, pixel = first + j - image * pixels;
      const int64_t oy = pixel / width, ox = pixel % width;
      const int64_t run = least(count - j, scattered_ ? width - ox : pixels - pixel);
      T* o = out + image * job_.out_image + start * job_.out_plane;
      o += scattered_ ? oy * job_.out_row + ox * job_.out_col : pixel;
      T* d = stage + j;
      for (int64_t i = 0; i < height; ++i, o += job_.out_plane, d += panel_) {
        if (to_out) {
          for (int64_t c = 0; c < run; ++c) o[c * job_.out_col] = d[c];
        } else {
          for (int64_t c = 0; c < run; ++c) d[c] = o[c * job_.out_col];
        }
      }
      j += run;
    }
  }

  const Job<T> job_;
  const Kernels<T>& kernel_;
  const matmul::Kernels<T>& gemm_;
  int width_, vectors_;
  int64_t panel_, max_rows_, tiles_, block_channels_, span_;
  bool scattered_, direct_weights_ = false;
  const T* packed_ = nullptr;
};

template <class T>
pynn_status run(const Job<T>& job) {
  if (job.images == 0 || job.rows == 0 || job.pixels() == 0) return PYNN_OK;
  if (job.depth() == 0) return fill(job);
  if (is_direct<T>(job.rows, job.channels, job.grid, job.taps, job.tap_count)) return direct(job);
  return Patches<T>(job).run();
}

// A 1x1 kernel that touches every pixel once: a product of matrices an image.
template <class T>
pynn_status pointwise(const Shape& s, int64_t rows, int64_t channels, const T* src, const T* w, int64_t w_row,
                      int64_t w_col, const T* bias, pynn_activation act, T beta, T* out) {
  const int64_t pixels = s.height * s.width;
  const Scratch offsets(size_t(3 * s.images) * sizeof(int64_t));
  if (!offsets) return no_memory(size_t(3 * s.images) * sizeof(int64_t));
  int64_t *a = offsets.as<int64_t>(), *b = a + s.images, *c = b + s.images;
  for (int64_t i = 0; i < s.images; ++i) a[i] = 0, b[i] = i * channels * pixels, c[i] = i * rows * pixels;
  const matmul::Gemm<T> g = {rows, pixels, channels, w,    w_row,   w_col, src,  pixels, 1,
                             out,  pixels, 1,        bias, nullptr, T(1),  beta, act};
  return matmul::gemm_batch(g, s.images, a, b, c);
}

bool is_pointwise(const Shape& s) {
  const pynn_conv2d& c = s.conv;
  return s.kernel_h == 1 && s.kernel_w == 1 && c.stride_h == 1 && c.stride_w == 1 && c.groups == 1 &&
         c.pad_top == 0 && c.pad_bottom == 0 && c.pad_left == 0 && c.pad_right == 0;
}

}  // namespace

template <class T>
pynn_status forward(const Shape& s, const T* x, const T* w, const T* bias, pynn_activation act, T* y) {
  if (is_pointwise(s)) return pointwise(s, s.filters, s.channels, x, w, s.channels, 1, bias, act, T(0), y);
  const int64_t taps = s.kernel_h * s.kernel_w;
  const Scratch list(size_t(taps) * sizeof(Tap));
  if (!list) return no_memory(size_t(taps) * sizeof(Tap));
  for (int64_t t = 0; t < taps; ++t) {
    list.as<Tap>()[t] = {t / s.kernel_w * s.conv.dilation_h - s.conv.pad_top,
                         t % s.kernel_w * s.conv.dilation_w - s.conv.pad_left, t};
  }
  Job<T> job;
  job.grid = {s.out_h, s.out_w, s.conv.stride_h, s.conv.stride_w, s.height, s.width};
  job.taps = list.as<Tap>();
  job.tap_count = taps;
  job.images = s.images;
  job.groups = s.conv.groups;
  job.rows = s.filters / job.groups;
  job.channels = s.channels / job.groups;
  job.src = x;
  job.src_plane = s.height * s.width;
  job.src_group = job.channels * job.src_plane;
  job.src_image = s.channels * job.src_plane;
  job.w = w;
  job.w_channel = taps;
  job.w_row = job.channels * taps;
  job.w_group = job.rows * job.w_row;
  job.bias = bias;
  job.relu = act == PYNN_ACT_RELU;
  job.beta = T(0);
  job.out = y;
  job.out_col = 1;
  job.out_row = s.out_w;
  job.out_plane = s.out_h * s.out_w;
  job.out_group = job.rows * job.out_plane;
  job.out_image = s.filters * job.out_plane;
  return run(job);
}

template <class T>
pynn_status backward_data(const Shape& s, const T* dy, const T* w, T beta, T* dx) {
  if (is_pointwise(s)) {
    return pointwise(s, s.channels, s.filters, dy, w, 1, s.channels, static_cast<const T*>(nullptr),
                     PYNN_ACT_NONE, beta, dx);
  }
  const pynn_conv2d& c = s.conv;
  const int64_t taps = s.kernel_h * s.kernel_w;
  const Scratch list(size_t(taps) * sizeof(Tap));
  if (!list) return no_memory(size_t(taps) * sizeof(Tap));
  Job<T> job;
  job.taps = list.as<Tap>();
  job.images = s.images;
  job.groups = c.groups;
  job.rows = s.channels / c.groups;
  job.channels = s.filters / c.groups;
  job.src = dy;
  job.src_plane = s.out_h * s.out_w;
  job.src_group = job.channels * job.src_plane;
  job.src_image = s.filters * job.src_plane;
  job.w = w;
  job.w_row = taps;
  job.w_channel = job.rows * taps;
  job.w_group = job.channels * job.w_channel;
  job.bias = nullptr;
  job.relu = false;
  job.beta = beta;
  job.out_col = c.stride_w;
  job.out_row = c.stride_h * s.width;
  job.out_plane = s.height * s.width;
  job.out_group = job.rows * job.out_plane;
  job.out_image = s.channels * job.out_plane;
  // Pixels h = a + stride * i meet only the taps whose row a + pad - r * dilation is a multiple of the
  // stride.
  for (int64_t a = 0; a < least(c.stride_h, s.height); ++a) {
    for (int64_t b = 0; b < least(c.stride_w, s.width); ++b) {
      int64_t n = 0;
      for (int64_t t = 0; t < taps; ++t) {
        const int64_t y = a + c.pad_top - t / s.kernel_w * c.dilation_h;
        const int64_t x = b + c.pad_left - t % s.kernel_w * c.dilation_w;
        if (y % c.stride_h == 0 && x % c.stride_w == 0)
          list.as<Tap>()[n++] = {y / c.stride_h, x / c.stride_w, t};
      }
      job.tap_count = n;
      job.grid = {
          ceil_div(s.height - a, c.stride_h), ceil_div(s.width - b, c.stride_w), 1, 1, s.out_h, s.out_w};
      job.out = dx + a * s.width + b;
      const pynn_status status = run(job);
      if (status != PYNN_OK) return status;
    }
  }
  return PYNN_OK;
}

#define PYNN_INSTANTIATE(T)                                                                         \
  template pynn_status forward<T>(const Shape&, const T*, const T*, const T*, pynn_activation, T*); \
  template pynn_status backward_data<T>(const Shape&, const T*, const T*, T, T*);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace conv
}  // namespace pynn
