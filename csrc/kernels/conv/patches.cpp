// A job by patches: weights are packed once a call; a chunk (an image, a group, a run of pixels) packs its
// patches panel by panel and multiplies them by matmul's kernels.
#include <atomic>

#include "base/arena.h"
#include "base/pool.h"
#include "base/status.h"
#include "kernels/conv/filters.h"
#include "kernels/matmul/matmul.h"

namespace pynn {
namespace conv {

int cut_pieces(const Grid& grid, const Tap& tap, int64_t first, int64_t count, int lanes, Piece* pieces) {
  int n = 0;
  const int64_t width = grid.out[2], step = grid.step[2];
  int64_t line = first / width, ox = first % width;
  for (int64_t done = 0; done < count; ++line, ox = 0) {
    const int64_t in_row = least(count - done, width - ox);
    const int64_t z = line / grid.out[1] * grid.step[0] + tap.at[0];
    const int64_t y = line % grid.out[1] * grid.step[1] + tap.at[1];
    const bool inside = z >= 0 && z < grid.in[0] && y >= 0 && y < grid.in[1];
    for (int64_t i = 0; i < in_row; i += lanes) {
      Piece& piece = pieces[n++];
      const int64_t length = least(lanes, in_row - i), x = (ox + i) * step + tap.at[2];
      const int64_t low = x >= 0 ? 0 : least(length, ceil_div(-x, step));
      const int64_t high = !inside || x >= grid.in[2] ? 0 : least(length, ceil_div(grid.in[2] - x, step));
      piece.to = int32_t(done + i);
      piece.count = int16_t(length);
      piece.low = int16_t(high > low ? low : 0);
      piece.high = int16_t(high > low ? high : 0);
      piece.source = high > low ? z * grid.slab + y * grid.row + x : 0;
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
    scattered_ = !job.dense_out();
    // Images that leave the last panel partly empty are numbered through, so that panels span them.
    const int64_t pixels = job.pixels();
    span_ = job.images > 1 && pixels <= 512 && pixels % panel_ != 0 ? job.images : 1;
  }

  pynn_status run() {
    const int64_t pixels = job_.pixels() * span_, depth = block_channels_ * job_.tap_count;
    direct_weights_ = job_.plain_weights() && job_.images * job_.pixels() <= kFewPixels;
    const Filters<T> filters(job_, max_rows_, block_channels_);
    filters_ = &filters;
    const int64_t w_size = direct_weights_ ? 0 : filters.size();
    const Scratch weights(size_t(w_size) * sizeof(T));
    if (!weights) return no_memory(size_t(w_size) * sizeof(T));
    if (!direct_weights_) filters.pack(weights.as<T>());
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
          kernel_.pack(src + c0 * job_.src_plane, job_.src_plane, job_.grid.step[2], channels, pieces, n,
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
      const int64_t start = filters_->start(tile), height = filters_->height(tile);
      if (direct_weights_) {
        t.a = job_.w + g * job_.w_group + start * job_.w_row + c0 * job_.w_channel;
        t.a_step = job_.w_row;
      } else {
        t.a = packed_ + filters_->offset(g, c0, depth / job_.tap_count, tile);
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
    const int64_t pixels = job_.pixels(), width = job_.grid.out[2], col = job_.out_at[2];
    for (int64_t j = 0; j < count;) {
      const int64_t image = span_ == 1 ? 0 : (first + j) / pixels, pixel = first + j - image * pixels;
      const int64_t ox = pixel % width;
      const int64_t run = least(count - j, scattered_ ? width - ox : pixels - pixel);
      T* o = out + image * job_.out_image + start * job_.out_plane;
      o += scattered_ ? job_.row_offset(pixel / width) + ox * col : pixel;
      T* d = stage + j;
      for (int64_t i = 0; i < height; ++i, o += job_.out_plane, d += panel_) {
        if (to_out) {
          for (int64_t c = 0; c < run; ++c) o[c * col] = d[c];
        } else {
          for (int64_t c = 0; c < run; ++c) d[c] = o[c * col];
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
  const Filters<T>* filters_ = nullptr;
};

}  // namespace

// Measured, as lanes_cost; steps above two gather their pixels one by one.
template <class T>
double patches_cost(const Job<T>& job) {
  const int64_t width = kernels<T>().width, pixels = job.pixels() <= 512 ? job.images * job.pixels() : job.pixels();
  const double panel = 2 * double(width), filled = double(round_up(pixels, width)) / double(pixels);
  const double step = double(job.rows) * 2 * double(width * int64_t(sizeof(T))) / 64;
  const double piece = job.grid.step[2] > 2 ? 40 : 5;
  return 1.06 * filled * (1 + piece * (1 + panel / double(job.grid.out[2])) / step) +
         8 / double(job.images * job.pixels());
}

template <class T>
pynn_status by_patches(const Job<T>& job) {
  return Patches<T>(job).run();
}

template double patches_cost<float>(const Job<float>&);
template double patches_cost<double>(const Job<double>&);
template pynn_status by_patches<float>(const Job<float>&);
template pynn_status by_patches<double>(const Job<double>&);

}  // namespace conv
}  // namespace pynn
