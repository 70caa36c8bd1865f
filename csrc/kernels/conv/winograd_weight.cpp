// The weight gradient by Winograd's F(4x4, 3x3): dw = G^T [sum over tiles of (A dy A^T) * (B^T x B)] G. Pieces of a
// larger kernel are gradients beside each other: columns are (piece, channel), a piece's channels rounded up to vectors.
// A block of (filter, column) sums the 36 places over all tiles of a part of the images. Both sides and the sums stay
// in the L2 cache, which takes more transforms (each block makes its own) and still less time: 2.25 elements are
// written for one that is read. Channels lie in the lanes throughout, so that what is transformed is what is multiplied.
#include <atomic>

#include "base/arena.h"
#include "base/pool.h"
#include "base/status.h"
#include "kernels/conv/shared.h"
#include "kernels/conv/strip.h"
#include "kernels/conv/tiles.h"
#include "kernels/matmul/matmul.h"

namespace pynn {
namespace conv {
namespace {

using matmul::TileArgs;

constexpr int64_t kBlockFilters = 32, kBlockColumns = 64;
constexpr int64_t kSidesBytes = 448 << 10;  // both sides of a chunk of tiles, beside the block's sums (288 KB)
constexpr int64_t kChunkTiles = 128;        // at most
constexpr int64_t kPartTiles = 64;          // at least
constexpr int64_t kWantedUnits = 8;

template <class T>
class WinogradWeight {
 public:
  WinogradWeight(const WeightJob<T>& job, const WinogradKernels<T>& kernel)
      : job_(job),
        kernel_(kernel),
        gemm_(matmul::kernels<T>()),
        tiles_(job.grid, job.taps, job.tap_count),
        width_(gemm_.width),
        panel_(2 * gemm_.width),
        piece_(round_up(job.channels, width_)),
        all_columns_(tiles_.pieces() * piece_) {
    total_ = job.images * tiles_.in_image();
    down_ = ceil_div(job.filters, kBlockFilters);
    across_ = ceil_div(all_columns_, kBlockColumns);
    parts_ = most(1, least(ceil_div(kWantedUnits, down_ * across_), total_ / kPartTiles));
    filters_ = round_up(least(job.filters, kBlockFilters), panel_);
    columns_ = round_up(least(all_columns_, kBlockColumns), panel_);
    const int64_t tile_bytes = kPlaces * (filters_ + columns_) * int64_t(sizeof(T));
    const int64_t part = ceil_div(total_, parts_), largest = least(kChunkTiles, kSidesBytes / tile_bytes);
    chunk_ = ceil_div(part, ceil_div(part, largest));
    // Places a multiple of 1 KB apart would share few sets of the caches.
    x_place_ = columns_ * chunk_ + 16;
    dy_place_ = filters_ * chunk_ + 16;
    m_place_ = filters_ * columns_ + 16;
  }

  pynn_status run() {
    const int64_t all = job_.filters * job_.depth(), units = parts_ * down_ * across_;
    const size_t bytes = size_t(kPlaces * (x_place_ + dy_place_ + m_place_) + Strip<T>::kSize) * sizeof(T);
    const size_t sums_bytes = parts_ > 1 ? size_t(parts_ * all) * sizeof(T) : 0;
    const Scratch sums(sums_bytes);
    if (!sums) return no_memory(sums_bytes);
    std::atomic<bool> failed{false};
    parallel(units, [&](int64_t unit) {
      const Scratch own(bytes);
      if (!own) {
        failed.store(true);
        return;
      }
      const int64_t part = unit / (down_ * across_), block = unit % (down_ * across_);
      if (parts_ > 1) {
        sum(part, block, own.template as<T>(), T(0), sums.template as<T>() + part * all);
      } else {
        sum(part, block, own.template as<T>(), job_.beta, job_.dw);
      }
    });
    if (failed.load()) return no_memory(bytes);
    if (parts_ > 1) add_parts(sums.template as<T>(), all);
    return PYNN_OK;
  }

 private:
  // The taps of a block, from one part of the tiles.
  void sum(int64_t part, int64_t block, T* own, T beta, T* out) const {
    const int64_t filter = block / across_ * kBlockFilters, column = block % across_ * kBlockColumns;
    const int64_t filters = least(kBlockFilters, job_.filters - filter),
                  columns = least(kBlockColumns, all_columns_ - column);
    T* const x = own;
    T* const dy = x + kPlaces * x_place_;
    T* const m = dy + kPlaces * dy_place_;
    const Strip<T> strip(kernel_, width_, m + kPlaces * m_place_);
    const int64_t begin = part * total_ / parts_, end = (part + 1) * total_ / parts_;
    const PixelSteps pixels = {job_.dy_image, job_.dy_grid.slab, job_.dy_grid.row};
    for (int64_t first = begin; first < end; first += chunk_) {
      const int64_t count = least(chunk_, end - first);
      TileRun runs[kChunkTiles];
      for (int64_t c = 0, size; c < columns; c += size) {
        const Part of = part_of(column + c, columns - c);
        size = of.columns;
        const int64_t n = tiles_.runs(of.piece, first, count, job_.x_image, {0, 0, 0}, runs);
        strip.transform(job_.x + of.channel * job_.x_plane, job_.x_plane, job_.grid.row, of.channels, runs, n,
                        kernel_.patches, x_place_, panel_, [&](int64_t i) { return in_panels(x, c + i, count); });
      }
      const int64_t n = tiles_.gradient_runs(first, count, pixels, runs);
      strip.transform(job_.dy + filter * job_.dy_plane, job_.dy_plane, job_.dy_grid.row, filters, runs, n,
                      kernel_.gradients, dy_place_, panel_, [&](int64_t i) { return in_panels(dy, i, count); });
      multiply(x, columns, dy, filters, count, first > begin, m);
    }
    TapsArgs<T> taps;
    taps.place = m_place_;
    taps.row = columns_;
    taps.rows = filters;
    taps.beta = beta;
    taps.out_row = job_.depth();
    taps.out_channel = job_.tap_count;
    for (int64_t c = 0, size; c < columns; c += size) {
      const Part of = part_of(column + c, columns - c);
      size = of.columns;
      taps.m = m + c;
      taps.channels = of.channels;
      taps.out = out + filter * job_.depth() + of.channel * job_.tap_count;
      taps.count = 0;
      for (int t = 0; t < 9; ++t) {
        const int64_t weight = tiles_.weight(of.piece, t);
        if (weight >= 0) taps.from[taps.count] = t, taps.to[taps.count++] = weight;
      }
      kernel_.taps(taps);
    }
  }

  // What a piece has of columns [column, column + count), count > 0: channels [channel, channel + channels) in
  // as many columns, rounded up to vectors.
  struct Part {
    int64_t piece, channel, channels, columns;
  };
  Part part_of(int64_t column, int64_t count) const {
    const int64_t channel = column % piece_, columns = least(count, piece_ - channel);
    return {column / piece_, channel, least(columns, job_.channels - channel), columns};
  }

  // Where column i of the first tile lies in a side: [place][panel of columns][tile][column of the panel].
  T* in_panels(T* side, int64_t i, int64_t count) const { return side + i / panel_ * panel_ * count + i % panel_; }

  void multiply(const T* x, int64_t columns, const T* dy, int64_t filters, int64_t count, bool add, T* m) const {
    TileArgs<T> t;
    t.k = count;
    t.alpha = T(1);
    t.beta = add ? T(1) : T(0);
    t.bias_row = t.bias_col = nullptr;
    t.relu = false;
    t.a_rows = false;
    t.a_step = t.b_step = panel_;
    t.c_step = columns_;
    for (int p = 0; p < kPlaces; ++p) {
      for (int64_t c = 0; c < columns; c += panel_) {
        t.cols = int(least(panel_, columns - c));
        t.b = x + p * x_place_ + c * count;
        const typename matmul::Kernels<T>::Tile* kernels = gemm_.tile[t.cols > width_ ? 2 : 1];
        for (int64_t f = 0; f < filters; f += panel_) {
          const int64_t rows = least(panel_, filters - f), tiles = ceil_div(rows, gemm_.max_rows[2]);
          for (int64_t i = 0; i < tiles; ++i) {
            const int64_t start = i * rows / tiles, stop = (i + 1) * rows / tiles;
            t.a = dy + p * dy_place_ + f * count + start;
            t.c = m + p * m_place_ + (f + start) * columns_ + c;
            kernels[stop - start](t);
          }
        }
      }
    }
  }

  void add_parts(T* sums, int64_t all) const {
    const T beta = job_.beta;
    parallel_ranges(all, 16 << 10, [&](int64_t first, int64_t last) {
      T* const to = job_.dw + first;
      if (beta == T(0)) return gemm_.add_rows(sums + first, all, parts_, last - first, to);
      gemm_.add_rows(sums + first, all, parts_, last - first, sums + first);
      for (int64_t i = 0; i < last - first; ++i) to[i] = sums[first + i] + beta * to[i];
    });
  }

  const WeightJob<T> job_;
  const WinogradKernels<T>& kernel_;
  const matmul::Kernels<T>& gemm_;
  const Tiling tiles_;
  const int64_t width_, panel_, piece_, all_columns_;
  int64_t total_, down_, across_, parts_, filters_, columns_, chunk_, x_place_, dy_place_, m_place_;
};

// Whether fewer products make up for the transforms. Sums over few tiles write many weights for little.
template <class T>
bool pays(const WeightJob<T>& job) {
  const Tiling tiles(job.grid, job.taps, job.tap_count);
  return job.filters >= 12 && job.channels >= 12 && tiles.saves() &&
         job.images * tiles.in_image() >= (job.filters * job.channels >= 128 * 128 ? 8 : 4);
}

}  // namespace

template <class T>
bool winograd_suits(const WeightJob<T>& job) {
  const Algorithm wanted = algorithm();
  if (wanted == Algorithm::direct || kernels<T>().winograd.patches == nullptr || job.groups != 1)
    return false;
  if (!Tiling::fits(job.grid, job.taps, job.tap_count)) return false;
  return wanted == Algorithm::winograd || pays(job);
}

template <class T>
pynn_status weight_by_winograd(const WeightJob<T>& job) {
  return WinogradWeight<T>(job, kernels<T>().winograd).run();
}

#define PYNN_INSTANTIATE(T)                             \
  template bool winograd_suits<T>(const WeightJob<T>&); \
  template pynn_status weight_by_winograd<T>(const WeightJob<T>&);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace conv
}  // namespace pynn
