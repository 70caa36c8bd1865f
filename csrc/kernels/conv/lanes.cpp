// A job with filters in the lanes: pixels, numbered through all images, are cut into the rows of matmul's tiles,
// and filters into its vectors. A map of 7 x 7 or 14 x 14 then wastes nothing, as its filters fill the vectors.
// Tiles of sums, [pixel][filter], are turned as they are stored.
#include <atomic>

#include "base/arena.h"
#include "base/pool.h"
#include "base/status.h"
#include "kernels/conv/filters.h"
#include "kernels/matmul/matmul.h"

namespace pynn {
namespace conv {
namespace {

using matmul::TileArgs;

constexpr int kMostRows = 16;               // of a tile
constexpr int64_t kChunkBytes = 256 << 10;  // a chunk's patches and sums: stay in the L2 cache
constexpr int64_t kFewPixels = 256;         // up to here, where filters are more, chunks are of filters
constexpr int64_t kFewPanels = 4;           // of a chunk then, which packs all patches

template <class T>
class Lanes {
 public:
  explicit Lanes(const Job<T>& job)
      : job_(job),
        kernel_(kernels<T>()),
        gemm_(matmul::kernels<T>()),
        panel_(2 * gemm_.width),
        max_rows_(gemm_.max_rows[2]),
        pixels_(job.images * job.pixels()),
        tiles_(ceil_div(pixels_, max_rows_)) {
    const int64_t blocks = ceil_div(job.channels, most(1, matmul::depth_block<T>(job.depth()) / job.tap_count));
    block_channels_ = ceil_div(job.channels, blocks);
    const Grid& g = job.grid;
    flat_ = job.tap_count == 1 && g.row == g.in[2] && g.slab == g.in[1] * g.in[2];
    for (int d = 0; d < 3; ++d) flat_ = flat_ && g.step[d] == 1 && job.taps->at[d] == 0 && g.in[d] == g.out[d];
    dense_ = job.dense_out() && job.beta == T(0);
    few_ = pixels_ <= kFewPixels && pixels_ < job.rows;
    in_place_ = few_ && flat_ && job.images == 1;
  }

  pynn_status run() {
    const Filters<T> filters(job_, panel_, block_channels_, true);
    const int64_t depth = block_channels_ * job_.tap_count, panels = filters.tiles();
    const size_t shared_bytes = few_ ? 0 : size_t(filters.size()) * sizeof(T);
    const Scratch shared(shared_bytes);
    if (!shared) return no_memory(shared_bytes);
    if (!few_) filters.pack(shared.as<T>());
    // A chunk: some tiles of pixels by some panels of filters.
    const bool whole = block_channels_ == job_.channels;
    const int64_t tile_bytes = max_rows_ * (depth + (whole ? 0 : job_.rows)) * int64_t(sizeof(T));
    const int64_t run = few_ ? tiles_ : least(tiles_, most(1, kChunkBytes / tile_bytes));
    const int64_t runs = ceil_div(tiles_, run), places = job_.groups * runs;
    const int64_t place_macs = most(1, job_.rows * job_.depth() * least(run * max_rows_, pixels_));
    const int64_t parts = in_place_ ? panels
                          : few_    ? ceil_div(panels, kFewPanels)
                                    : most(1, least(least(ceil_div(8, places), panels), place_macs / kChunkMacs));
    const int64_t units = places * parts, macs = most(1, place_macs / parts);
    const int64_t group = units * macs <= kSerialMacs ? units : most(1, kChunkMacs / macs);
    const int64_t patches = in_place_ ? 0 : depth * run * max_rows_, weights = few_ ? depth * panel_ : 0;
    const int64_t sums = whole ? 1 : run * ceil_div(panels, parts);
    const size_t bytes = size_t(patches + weights + (sums + 1) * max_rows_ * panel_) * sizeof(T);
    std::atomic<bool> failed{false};
    parallel(ceil_div(units, group), [&](int64_t chunk) {
      const Scratch own(bytes);
      if (!own) {
        failed.store(true);
        return;
      }
      for (int64_t u = chunk * group; u < least((chunk + 1) * group, units); ++u) {
        const int64_t part = u % parts, place = u / parts, g = place / runs;
        Part p;
        p.group = g;
        p.tile = place % runs * tiles_ / runs;
        p.tile_end = (place % runs + 1) * tiles_ / runs;
        p.panel = part * panels / parts;
        p.panel_end = (part + 1) * panels / parts;
        p.patches = own.as<T>();
        p.own_weights = p.patches + patches;
        p.sums = p.own_weights + weights;
        p.turned = p.sums + sums * max_rows_ * panel_;
        p.weights = shared.as<T>();
        multiply(filters, p);
      }
    });
    return failed.load() ? no_memory(bytes) : PYNN_OK;
  }

 private:
  struct Part {
    int64_t group, tile, tile_end, panel, panel_end;
    T *patches, *own_weights, *sums, *turned;
    const T* weights;
  };

  // Pixels [start, start + height) of tile i: heights differ by one at most.
  int64_t start(int64_t i) const { return i * (pixels_ / tiles_) + least(i, pixels_ % tiles_); }
  int64_t height(int64_t i) const { return pixels_ / tiles_ + (i < pixels_ % tiles_); }

  // Calls f(first pixel of the tile, image, pixel, count) for a tile's pixels, image by image.
  template <class F>
  void each_image(int64_t tile, const F& f) const {
    const int64_t first = start(tile), count = height(tile);
    for (int64_t done = 0; done < count;) {
      const int64_t image = (first + done) / job_.pixels(), pixel = (first + done) % job_.pixels();
      const int64_t n = least(count - done, job_.pixels() - pixel);
      f(done, image, pixel, n);
      done += n;
    }
  }

  // A tile's patches for a block of channels: [channel, tap][pixel of the tile].
  void pack_tile(int64_t g, int64_t c0, int64_t channels, int64_t tile, T* to) const {
    const T* src = job_.src + g * job_.src_group + c0 * job_.src_plane;
    const int64_t rows = height(tile);
    each_image(tile, [&](int64_t done, int64_t image, int64_t pixel, int64_t count) {
      const T* from = src + image * job_.src_image;
      if (flat_) {
        gemm_.pack(from + pixel, 1, job_.src_plane, count, channels, to + done, rows);
        return;
      }
      for (int64_t t = 0; t < job_.tap_count; ++t) {
        Piece pieces[kMostRows];
        const int n = cut_pieces(job_.grid, job_.taps[t], pixel, count, kernel_.width, pieces);
        kernel_.pack(from, job_.src_plane, job_.grid.step[2], channels, pieces, n, to + t * rows + done,
                     job_.tap_count * rows);
      }
    });
  }

  void multiply(const Filters<T>& filters, const Part& p) const {
    const bool whole = block_channels_ == job_.channels;
    TileArgs<T> t;
    t.alpha = T(1);
    t.bias_row = nullptr;
    t.a_rows = false;
    t.c_step = panel_;
    for (int64_t c0 = 0; c0 < job_.channels; c0 += block_channels_) {
      const int64_t channels = least(block_channels_, job_.channels - c0), depth = channels * job_.tap_count;
      const bool last = c0 + channels == job_.channels;
      for (int64_t i = p.tile; i < p.tile_end && !in_place_; ++i) {
        pack_tile(p.group, c0, channels, i, p.patches + (start(i) - start(p.tile)) * depth);
      }
      t.k = depth;
      t.beta = c0 == 0 ? T(0) : T(1);
      t.relu = last && job_.relu && dense_;
      for (int64_t panel = p.panel; panel < p.panel_end; ++panel) {
        const int64_t row = filters.start(panel), count = filters.height(panel);
        if (few_) filters.pack_tile(p.group, c0, panel, p.own_weights);
        t.b = few_ ? p.own_weights : p.weights + filters.offset(p.group, c0, channels, panel);
        t.b_step = count;
        t.cols = int(count);
        t.bias_col = c0 == 0 && job_.bias != nullptr ? job_.bias + p.group * job_.rows + row : nullptr;
        const int vectors = count > gemm_.width ? 2 : 1;
        T* sums = p.sums + (panel - p.panel) * (whole ? 0 : p.tile_end - p.tile) * max_rows_ * panel_;
        for (int64_t i = p.tile; i < p.tile_end; ++i) {
          const int64_t rows = height(i);
          t.a = in_place_ ? job_.src + p.group * job_.src_group + c0 * job_.src_plane + start(i)
                          : p.patches + (start(i) - start(p.tile)) * depth;
          t.a_step = in_place_ ? job_.src_plane : rows;
          t.c = sums;
          gemm_.tile[vectors][rows](t);
          if (last) turn(p, i, row, count, sums);
          if (!whole) sums += max_rows_ * panel_;
        }
      }
    }
  }

  // A tile's sums, [pixel][filter], to the planes of `count` filters.
  void turn(const Part& p, int64_t tile, int64_t row, int64_t count, const T* sums) const {
    T* const out = job_.out + p.group * job_.out_group + row * job_.out_plane;
    if (!dense_) gemm_.pack(sums, panel_, 1, height(tile), count, p.turned, max_rows_);
    each_image(tile, [&](int64_t done, int64_t image, int64_t pixel, int64_t n) {
      T* const o = out + image * job_.out_image;
      if (dense_) {
        gemm_.pack(sums + done * panel_, panel_, 1, n, count, o + pixel, job_.out_plane);
      } else {
        scatter(p.turned + done, pixel, n, count, o);
      }
    });
  }

  void scatter(const T* turned, int64_t pixel, int64_t n, int64_t count, T* out) const {
    const int64_t width = job_.grid.out[2], col = job_.out_at[2];
    for (int64_t j = 0; j < n;) {
      const int64_t ox = (pixel + j) % width, run = least(n - j, width - ox);
      T* o = out + job_.row_offset((pixel + j) / width) + ox * col;
      const T* d = turned + j;
      for (int64_t i = 0; i < count; ++i, o += job_.out_plane, d += max_rows_) {
        for (int64_t c = 0; c < run; ++c) {
          const T sum = job_.beta == T(0) ? d[c] : d[c] + job_.beta * o[c * col];
          o[c * col] = job_.relu && sum < T(0) ? T(0) : sum;
        }
      }
      j += run;
    }
  }

  const Job<T>& job_;
  const Kernels<T>& kernel_;
  const matmul::Kernels<T>& gemm_;
  int64_t panel_, max_rows_, pixels_, tiles_, block_channels_;
  bool flat_, dense_, few_, in_place_;
};

}  // namespace

// Measured: 3 % for the tiles' own ends, 16 steps of a tile's sum to turn it, 5 cycles a piece of patches, half a cycle
// a weight.
template <class T>
double lanes_cost(const Job<T>& job) {
  const matmul::Kernels<T>& gemm = matmul::kernels<T>();
  const double rows = double(job.rows), pixels = double(job.images) * double(job.pixels());
  const double filled = double(round_up(job.rows, gemm.width)) / rows;
  const double height = pixels / double(ceil_div(int64_t(pixels), gemm.max_rows[2]));
  const double width = double(job.grid.out[2]), vector = double(gemm.width * int(sizeof(T))) / 64;
  const double pieces = 1 + height / width, step = height * 2 * vector * double(ceil_div(job.rows, 2 * gemm.width));
  return 1.03 * filled * (1 + 2 / height - 2.0 / gemm.max_rows[2]) * (1 + 16 / double(job.depth())) *
             (1 + 5 * pieces / step) +
         8 / pixels;
}

template <class T>
pynn_status by_lanes(const Job<T>& job) {
  return Lanes<T>(job).run();
}

#define PYNN_INSTANTIATE(T)                   \
  template double lanes_cost<T>(const Job<T>&); \
  template pynn_status by_lanes<T>(const Job<T>&);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace conv
}  // namespace pynn
