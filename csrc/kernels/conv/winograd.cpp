// A job by Winograd's F(4x4, 3x3): weights are transformed once a call; a chunk (some tiles of all images,
// numbered through) transforms its patches, multiplies place by place by matmul's kernels, and turns the sums
// into pixels. A kernel larger than 3x3 is cut into pieces of 3x3, which read patches 3 apart: the products sum over
// (piece, channel), and what is turned into pixels is their sum. Tiles are the rows of the products, filters the columns.
#include <algorithm>
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

constexpr int64_t kChunkTiles = 32;     // of a chunk: V and M stay in or near the L2 cache
constexpr int64_t kBlockFilters = 64;   // that are multiplied, then turned into pixels
constexpr int64_t kFewTiles = 96, kManyWeights = 128 * 128;
constexpr int64_t kFewDepth = 128;      // of weights that are transformed, then multiplied: they stay in the L2 cache

template <class T>
class Winograd {
 public:
  Winograd(const Job<T>& job, const WinogradKernels<T>& kernel)
      : job_(job),
        kernel_(kernel),
        gemm_(matmul::kernels<T>()),
        tiles_(job.grid, job.taps, job.tap_count),
        depth_(tiles_.pieces() * job.channels),
        pixels_({job.out_image, job.out_at[0], job.out_at[1]}),
        width_(gemm_.width),
        panel_(2 * width_),
        panels_(ceil_div(job.rows, panel_)),
        group_(most(1, kTaps / job.tap_count)) {
    total_ = job.images * tiles_.in_image();
    few_ = total_ <= kFewTiles && job.rows * depth_ >= kManyWeights;
    block_ = ceil_div(depth_, ceil_div(depth_, few_ ? kFewDepth : matmul::depth_block<T>(depth_)));
    int64_t chunks = few_ ? 1 : ceil_div(total_, kChunkTiles);
    if (chunks > 1 && chunks % 2 == 1) ++chunks;
    chunk_ = ceil_div(total_, chunks);
    // Tiles an odd number of lines apart lie in different sets of the L1 cache.
    const int64_t line = 64 / int64_t(sizeof(T)), lines = ceil_div(depth_, line);
    v_tile_ = (lines + 1 - lines % 2) * line;
    v_place_ = chunk_ * v_tile_ + kPad;
    m_tile_ = round_up(least(job.rows, few_ ? panel_ : kBlockFilters), width_);
    m_place_ = chunk_ * m_tile_ + kPad;
  }

  pynn_status run() {
    if (few_) return run_few();
    const int64_t place = job_.rows * depth_ + kPad;
    const size_t bytes = size_t(kPlaces * place) * sizeof(T);
    const Scratch scratch(bytes);
    if (!scratch) return no_memory(bytes);
    const Weights u = {scratch.as<T>(), place, 0, job_.rows, 0};
    const pynn_status status = transform_weights(u);
    return status == PYNN_OK ? run(u) : status;
  }

 private:
  static constexpr int64_t kPad = 16;  // places a multiple of 4 KB apart would share few sets of the L1 cache
  static constexpr int64_t kGroup = 32;  // channels of patches
  static constexpr int64_t kTaps = 160;  // of all channels whose weights are packed together

  // U of some filters, and of depths from `depth` on: [place][block of depths][panel of filters][depth][filter of the
  // panel]. A depth is a (piece, channel).
  struct Weights {
    T* at;
    int64_t place, filter, filters, depth;
  };

  int64_t u_offset(const Weights& u, int64_t panel, int64_t k0) const {
    return (k0 - u.depth) * u.filters + (panel * panel_ - u.filter) * block_size(k0);
  }
  int64_t filters_of(int64_t panel) const { return least(panel_, job_.rows - panel * panel_); }
  int64_t block_size(int64_t k0) const { return least(block_, depth_ - k0); }
  int64_t taps_size() const { return (1 + group_ * job_.tap_count) * panel_; }

  // What depends on the weights alone.
  pynn_status transform_weights(const Weights& u) const {
    std::atomic<bool> failed{false};
    const size_t bytes = size_t(taps_size()) * sizeof(T);
    const int64_t blocks = ceil_div(depth_, block_);
    parallel(panels_ * blocks, [&](int64_t unit) {
      const Scratch own(bytes);
      if (own) {
        transform_panel(u, unit / blocks, unit % blocks * block_, own.as<T>());
      } else {
        failed.store(true);
      }
    });
    return failed.load() ? no_memory(bytes) : PYNN_OK;
  }

  // A panel's filters in the block of depths k0.
  void transform_panel(const Weights& u, int64_t panel, int64_t k0, T* scratch) const {
    const int64_t filters = filters_of(panel), size = block_size(k0);
    T* const to = u.at + u_offset(u, panel, k0);
    T* const zeros = scratch;
    T* const taps = zeros + panel_;
    std::fill(zeros, taps, T(0));
    for (int64_t k = 0, count; k < size; k += count) {
      const int64_t piece = (k0 + k) / job_.channels, c = (k0 + k) % job_.channels;
      count = least(group_, least(size - k, job_.channels - c));
      // [channel][tap][filter]
      const T* w = job_.w + panel * panel_ * job_.w_row + c * job_.w_channel;
      if (job_.w_channel == job_.tap_count) {  // a filter's taps of all channels lie behind each other
        gemm_.pack(w, job_.w_row, 1, filters, count * job_.tap_count, taps, filters);
      } else {
        for (int64_t i = 0; i < count; ++i) {
          gemm_.pack(w + i * job_.w_channel, job_.w_row, 1, filters, job_.tap_count,
                     taps + i * job_.tap_count * filters, filters);
        }
      }
      const T* tap[9];
      for (int t = 0; t < 9; ++t) {
        const int64_t weight = tiles_.weight(piece, t);
        tap[t] = weight < 0 ? zeros : taps + weight * filters;
      }
      for (int64_t i = 0; i < count; ++i) {
        kernel_.weights(tap, filters, to + (k + i) * filters, u.place);
        for (int t = 0; t < 9; ++t) tap[t] += tap[t] == zeros ? 0 : job_.tap_count * filters;
      }
    }
  }

  pynn_status run(const Weights& u) const {
    const size_t bytes =
        size_t(kPlaces * (v_place_ + m_place_) + 2 * Strip<T>::kSize) * sizeof(T) + size_t(chunk_) * sizeof(TileRun);
    std::atomic<bool> failed{false};
    parallel(ceil_div(total_, chunk_), [&](int64_t chunk) {
      const Scratch own(bytes);
      if (!own) {
        failed.store(true);
        return;
      }
      T* const v = own.as<T>();
      T* const m = v + kPlaces * v_place_;
      T* const pixels = m + kPlaces * m_place_;
      const Strip<T> strip(kernel_, width_, pixels + Strip<T>::kSize);
      TileRun* const runs = reinterpret_cast<TileRun*>(pixels + 2 * Strip<T>::kSize);
      const int64_t first = chunk * chunk_, count = least(chunk_, total_ - first);
      int64_t run_count = 0;
      for (int64_t piece = 0; piece < tiles_.pieces(); ++piece) {
        run_count = tiles_.runs(piece, first, count, job_.src_image, pixels_, runs);
        transform_patches(strip, piece, 0, job_.channels, runs, run_count, v);
      }
      const int64_t together = kBlockFilters / panel_;
      for (int64_t begin = 0; begin < panels_; begin += together) {
        const int64_t end = least(begin + together, panels_);
        for (int64_t k0 = 0; k0 < depth_; k0 += block_) multiply(u, k0, begin, end, v, count, m);
        finish(begin, end, runs, run_count, m, pixels);
      }
    });
    return failed.load() ? no_memory(bytes) : PYNN_OK;
  }

  // Few tiles for many weights, whose transforms would not fit into the cache: patches are transformed for
  // all, and a chunk (a panel of filters) transforms its own weights, block by block.
  pynn_status run_few() const {
    const int64_t pieces = tiles_.pieces(), groups = ceil_div(job_.channels, kGroup), u_place = panel_ * block_ + kPad;
    const size_t shared_bytes = size_t(kPlaces * v_place_) * sizeof(T) + size_t(pieces * chunk_) * sizeof(TileRun);
    const size_t bytes = size_t(kPlaces * (u_place + m_place_) + most(taps_size(), Strip<T>::kSize)) * sizeof(T);
    const Scratch shared(shared_bytes);
    if (!shared) return no_memory(shared_bytes);
    T* const v = shared.as<T>();
    TileRun* const runs = reinterpret_cast<TileRun*>(v + kPlaces * v_place_);
    int64_t run_count = 0;
    for (int64_t i = 0; i < pieces; ++i) {
      run_count = tiles_.runs(i, 0, total_, job_.src_image, pixels_, runs + i * chunk_);
    }
    std::atomic<bool> failed{false};
    parallel(pieces * groups, [&](int64_t unit) {
      const Scratch own(size_t(Strip<T>::kSize) * sizeof(T));
      if (!own) {
        failed.store(true);
        return;
      }
      const int64_t piece = unit / groups, c = unit % groups * kGroup;
      const Strip<T> strip(kernel_, width_, own.as<T>());
      transform_patches(strip, piece, c, least(kGroup, job_.channels - c), runs + piece * chunk_, run_count, v);
    });
    if (failed.load()) return no_memory(bytes);
    parallel(panels_, [&](int64_t panel) {
      const Scratch own(bytes);
      if (!own) {
        failed.store(true);
        return;
      }
      T* const m = own.as<T>() + kPlaces * u_place;
      T* const scratch = m + kPlaces * m_place_;
      for (int64_t k0 = 0; k0 < depth_; k0 += block_) {
        const Weights u = {own.as<T>(), u_place, panel * panel_, filters_of(panel), k0};
        transform_panel(u, panel, k0, scratch);
        multiply(u, k0, panel, panel + 1, v, total_, m);
      }
      finish(panel, panel + 1, runs, run_count, m, scratch);
    });
    return failed.load() ? no_memory(bytes) : PYNN_OK;
  }

  // v: [place][tile][(piece, channel)]
  void transform_patches(const Strip<T>& strip, int64_t piece, int64_t channel, int64_t channels, const TileRun* runs,
                         int64_t run_count, T* v) const {
    T* const to = v + piece * job_.channels + channel;
    strip.transform(job_.src + channel * job_.src_plane, job_.src_plane, job_.grid.row, channels, runs, run_count,
                    kernel_.patches, v_place_, v_tile_, [&](int64_t c) { return to + c; });
  }

  // m[place][tile][filter] for panels [begin, end): V times U over the block of depths k0, added but for the first.
  void multiply(const Weights& u, int64_t k0, int64_t begin, int64_t end, const T* v, int64_t count, T* m) const {
    const int64_t groups = ceil_div(count, gemm_.max_rows[2]);
    TileArgs<T> t;
    t.k = block_size(k0);
    t.alpha = T(1);
    t.beta = k0 == 0 ? T(0) : T(1);
    t.bias_row = t.bias_col = nullptr;
    t.relu = false;
    t.a_rows = true;
    t.a_step = v_tile_;
    t.c_step = m_tile_;
    for (int p = 0; p < kPlaces; ++p) {
      for (int64_t panel = begin; panel < end; ++panel) {
        t.cols = int(filters_of(panel));
        t.b = u.at + p * u.place + u_offset(u, panel, k0);
        t.b_step = t.cols;
        const typename matmul::Kernels<T>::Tile* kernels = gemm_.tile[t.cols > width_ ? 2 : 1];
        for (int64_t i = 0; i < groups; ++i) {
          const int64_t start = i * count / groups, stop = (i + 1) * count / groups;
          t.a = v + p * v_place_ + start * v_tile_ + k0;
          t.c = m + p * m_place_ + start * m_tile_ + (panel - begin) * panel_;
          kernels[stop - start](t);
        }
      }
    }
  }

  void finish(int64_t begin, int64_t end, const TileRun* runs, int64_t run_count, const T* m, T* pixels) const {
    const int64_t first = begin * panel_, last = least(end * panel_, job_.rows);
    PixelArgs<T> a;
    a.place = m_place_;
    a.tile = m_tile_;
    a.relu = job_.relu && job_.beta == T(0);
    a.to = pixels;
    for (int64_t f = first; f < last; f += width_) {
      a.lanes = int(least(width_, last - f));
      a.bias = job_.bias != nullptr ? job_.bias + f : nullptr;
      for (int64_t i = 0; i < run_count; ++i) {
        const TileRun& run = runs[i];
        a.run = &run;
        fetch(job_.out + f * job_.out_plane + run.to, a.lanes, run);
        a.m = m + run.tile * m_tile_ + f - first;
        kernel_.pixels(a);
        const bool flat = run.width == job_.out_at[1];  // rows lie behind each other
        const int64_t columns = flat ? run.height * run.width : run.width;
        for (int64_t r = 0; r < (flat ? 1 : run.height); ++r) {
          put(pixels + r * columns * width_, columns, a.lanes,
              job_.out + f * job_.out_plane + run.to + r * job_.out_at[1]);
        }
      }
    }
  }

  // The lines that are stored next, which would keep the stores waiting: planes lie far apart.
  void fetch(const T* out, int64_t lanes, const TileRun& run) const {
    constexpr int64_t kLine = 64 / sizeof(T);
    for (int64_t i = 0; i < lanes; ++i) {
      for (int64_t r = 0; r < run.height; ++r) {
        const T* const to = out + i * job_.out_plane + r * job_.out_at[1];
        for (int64_t x = 0; x < run.width; x += kLine) __builtin_prefetch(to + x, 1, 2);
      }
    }
  }

  // Columns of pixels, filters in the lanes, to the filters' planes.
  void put(const T* pixels, int64_t columns, int64_t lanes, T* out) const {
    if (job_.beta == T(0)) return gemm_.pack(pixels, width_, 1, columns, lanes, out, job_.out_plane);
    for (int64_t i = 0; i < lanes; ++i, out += job_.out_plane) {
      for (int64_t x = 0; x < columns; ++x) {
        const T sum = pixels[x * width_ + i] + job_.beta * out[x];
        out[x] = job_.relu && sum < T(0) ? T(0) : sum;
      }
    }
  }

  const Job<T> job_;
  const WinogradKernels<T>& kernel_;
  const matmul::Kernels<T>& gemm_;
  const Tiling tiles_;
  const int64_t depth_;  // of the products: (piece, channel)
  const PixelSteps pixels_;
  const int64_t width_, panel_, panels_, group_;
  int64_t block_, total_, chunk_, v_tile_, v_place_, m_tile_, m_place_;
  bool few_;
};

// Whether fewer products make up for the transforms: rows and channels that share them, and tiles that share
// the weights'.
template <class T>
bool pays(const Job<T>& job) {
  const Tiling tiles(job.grid, job.taps, job.tap_count);
  return job.rows >= 12 && job.channels >= 12 && job.images * tiles.in_image() >= 4 && tiles.saves();
}

}  // namespace

template <class T>
bool winograd_suits(const Job<T>& job) {
  const Algorithm wanted = algorithm();
  if (wanted == Algorithm::direct || kernels<T>().winograd.patches == nullptr || job.groups != 1)
    return false;
  if (job.out_at[2] != 1 || !Tiling::fits(job.grid, job.taps, job.tap_count)) return false;
  return wanted == Algorithm::winograd || pays(job);
}

template <class T>
pynn_status by_winograd(const Job<T>& job) {
  return Winograd<T>(job, kernels<T>().winograd).run();
}

#define PYNN_INSTANTIATE(T)                       \
  template bool winograd_suits<T>(const Job<T>&); \
  template pynn_status by_winograd<T>(const Job<T>&);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace conv
}  // namespace pynn
