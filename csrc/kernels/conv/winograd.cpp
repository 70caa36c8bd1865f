// A job by Winograd's F(4x4, 3x3): weights are transformed once a call; a chunk (some tiles of all images,
// numbered through) transforms its patches, multiplies place by place by matmul's kernels, and turns the sums
// into pixels. A kernel larger than 3x3 is cut into pieces of 3x3, which read patches 3 apart: the products sum over
// (piece, channel), and what is turned into pixels is their sum.
#include <algorithm>
#include <atomic>

#include "base/arena.h"
#include "base/pool.h"
#include "base/status.h"
#include "kernels/conv/shared.h"
#include "kernels/conv/tiles.h"
#include "kernels/matmul/matmul.h"

namespace pynn {
namespace conv {
namespace {

using matmul::TileArgs;

constexpr int64_t kChunkTiles = 32;  // of a chunk: V and M stay in or near the L2 cache
constexpr int64_t kBlockTiles = 6;  // tiles of rows that are multiplied, then turned into pixels
constexpr int64_t kFewTiles = 96, kManyWeights = 128 * 128, kFewBlockTiles = 2;

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
        max_rows_(gemm_.max_rows[2]),
        row_tiles_(ceil_div(job.rows, max_rows_)) {
    block_ = ceil_div(depth_, ceil_div(depth_, matmul::depth_block<T>(depth_)));
    total_ = job.images * tiles_.in_image();
    few_ = total_ <= kFewTiles && job.rows * depth_ >= kManyWeights;
    int64_t chunks = few_ ? 1 : ceil_div(total_, most(kChunkTiles, panel_));
    if (chunks > 1 && chunks % 2 == 1) ++chunks;
    chunk_ = round_up(ceil_div(total_, chunks), panel_);
    v_place_ = depth_ * chunk_ + kPad;
  }

  pynn_status run() {
    if (few_) return run_few();
    const Weights weights = place_weights(0, row_tiles_, nullptr);
    const size_t bytes = size_t(kPlaces * weights.place) * sizeof(T);
    const Scratch scratch(bytes);
    if (!scratch) return no_memory(bytes);
    const Weights u = place_weights(0, row_tiles_, scratch.as<T>());
    const pynn_status status = transform_weights(u);
    return status == PYNN_OK ? run(u) : status;
  }

 private:
  static constexpr int64_t kPad = 16;  // places a multiple of 4 KB apart would share few sets of the L1 cache
  static constexpr int64_t kGroup = 32;  // channels of weights that are transformed together

  // U of some rows: [place][block of (piece, channel)][tile of rows][(piece, channel)][row of the tile]
  struct Weights {
    T* at;
    int64_t place, first, rows;
  };

  Weights place_weights(int64_t begin, int64_t end, T* at) const {
    const int64_t rows = start(end) - start(begin);
    return {at, rows * depth_ + kPad, start(begin), rows};
  }
  int64_t u_offset(const Weights& u, int64_t tile, int64_t k0) const {
    return k0 * u.rows + (start(tile) - u.first) * block_size(k0);
  }
  int64_t taps_size() const { return 9 * max_rows_ * kGroup; }

  // What depends on the weights alone.
  pynn_status transform_weights(const Weights& u) const {
    std::atomic<bool> failed{false};
    const size_t bytes = size_t(taps_size()) * sizeof(T);
    parallel(row_tiles_, [&](int64_t tile) {
      const Scratch own(bytes);
      if (own) {
        transform_tile(u, tile, own.as<T>());
      } else {
        failed.store(true);
      }
    });
    return failed.load() ? no_memory(bytes) : PYNN_OK;
  }

  void transform_tile(const Weights& u, int64_t tile, T* taps) const {
    const int64_t rows = height(tile);
    for (int64_t k0 = 0; k0 < depth_; k0 += block_) {
      const int64_t size = block_size(k0);
      T* const to = u.at + u_offset(u, tile, k0);
      for (int64_t k = 0, count; k < size; k += count) {
        const int64_t piece = (k0 + k) / job_.channels, c = (k0 + k) % job_.channels;
        count = least(kGroup, least(size - k, job_.channels - c));
        const int64_t n = count * rows;
        const T* w = job_.w + start(tile) * job_.w_row + c * job_.w_channel;
        for (int t = 0; t < 9; ++t) {
          const int64_t weight = tiles_.weight(piece, t);
          if (weight < 0) {
            std::fill(taps + t * n, taps + (t + 1) * n, T(0));
          } else {
            gemm_.pack(w + weight, job_.w_row, job_.w_channel, rows, count, taps + t * n, rows);
          }
        }
        kernel_.weights(taps, n, n, to + k * rows, u.place);
      }
    }
  }

  int64_t start(int64_t i) const { return i * (job_.rows / row_tiles_) + least(i, job_.rows % row_tiles_); }
  int64_t height(int64_t i) const { return job_.rows / row_tiles_ + (i < job_.rows % row_tiles_); }
  int64_t block_size(int64_t k0) const { return least(block_, depth_ - k0); }

  pynn_status run(const Weights& u) const {
    const int64_t m_place = least(kBlockTiles * max_rows_, job_.rows) * chunk_ + kPad;
    const int64_t stage = most(patch_scratch(chunk_), tile_scratch(chunk_));
    const size_t bytes =
        size_t(kPlaces * (v_place_ + m_place) + stage) * sizeof(T) + size_t(chunk_) * sizeof(TileRun);
    std::atomic<bool> failed{false};
    parallel(ceil_div(total_, chunk_), [&](int64_t chunk) {
      const Scratch own(bytes);
      if (!own) {
        failed.store(true);
        return;
      }
      T* const v = own.as<T>();
      T* const m = v + kPlaces * v_place_;
      T* const scratch = m + kPlaces * m_place;
      TileRun* const runs = reinterpret_cast<TileRun*>(scratch + stage);
      const int64_t first = chunk * chunk_, count = least(chunk_, total_ - first);
      int64_t run_count = 0;
      for (int64_t piece = 0; piece < tiles_.pieces(); ++piece) {
        run_count = tiles_.runs(piece, first, count, job_.src_image, pixels_, runs);
        transform_patches(piece, 0, job_.channels, runs, run_count, count, v, scratch);
      }
      for (int64_t t = 0; t < row_tiles_; t += kBlockTiles) {
        const int64_t last = least(t + kBlockTiles, row_tiles_);
        multiply(u, t, last, v, count, m, m_place);
        finish(t, last, runs, run_count, count, m, m_place, scratch);
      }
    });
    return failed.load() ? no_memory(bytes) : PYNN_OK;
  }

  // Few tiles for many weights, whose transforms would not fit into the cache: patches are transformed for
  // all, and a chunk (some rows) transforms its own weights.
  pynn_status run_few() const {
    const int64_t m_place = least(kFewBlockTiles * max_rows_, job_.rows) * chunk_ + kPad;
    const int64_t u_size = kPlaces * (least(kFewBlockTiles * max_rows_, job_.rows) * depth_ + kPad);
    const int64_t stage = most(taps_size(), most(patch_scratch(chunk_), tile_scratch(chunk_)));
    const int64_t pieces = tiles_.pieces(), groups = ceil_div(job_.channels, kGroup);
    const size_t shared_bytes = size_t(kPlaces * v_place_) * sizeof(T) + size_t(pieces * chunk_) * sizeof(TileRun);
    const size_t bytes = size_t(u_size + kPlaces * m_place + stage) * sizeof(T);
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
      const Scratch own(size_t(patch_scratch(chunk_)) * sizeof(T));
      if (!own) {
        failed.store(true);
        return;
      }
      const int64_t piece = unit / groups, c = unit % groups * kGroup;
      transform_patches(piece, c, least(kGroup, job_.channels - c), runs + piece * chunk_, run_count, total_, v,
                        own.as<T>());
    });
    if (failed.load()) return no_memory(bytes);
    parallel(ceil_div(row_tiles_, kFewBlockTiles), [&](int64_t chunk) {
      const Scratch own(bytes);
      if (!own) {
        failed.store(true);
        return;
      }
      T* const m = own.as<T>() + u_size;
      T* const scratch = m + kPlaces * m_place;
      const int64_t first = chunk * kFewBlockTiles, last = least(first + kFewBlockTiles, row_tiles_);
      const Weights u = place_weights(first, last, own.as<T>());
      for (int64_t tile = first; tile < last; ++tile) transform_tile(u, tile, scratch);
      multiply(u, first, last, v, total_, m, m_place);
      finish(first, last, runs, run_count, total_, m, m_place, scratch);
    });
    return failed.load() ? no_memory(bytes) : PYNN_OK;
  }

  void transform_patches(int64_t piece, int64_t channel, int64_t channels, const TileRun* runs, int64_t run_count,
                         int64_t count, T* v, T* scratch) const {
    const PatchArgs<T> patches = {job_.src + channel * job_.src_plane,
                                  job_.grid.row,
                                  job_.src_plane,
                                  channels,
                                  runs,
                                  run_count,
                                  count,
                                  scratch,
                                  v + (piece * job_.channels + channel) * panel_,
                                  v_place_,
                                  panel_,
                                  depth_ * panel_,
                                  panel_};
    kernel_.patches(patches);
  }

  void finish(int64_t begin, int64_t end, const TileRun* runs, int64_t run_count, int64_t count, const T* m,
              int64_t m_place, T* scratch) const {
    const int64_t row = start(begin);
    const PixelArgs<T> pixels = {m,
                                 m_place,
                                 chunk_,
                                 start(end) - row,
                                 count,
                                 runs,
                                 run_count,
                                 scratch,
                                 job_.bias ? job_.bias + row : nullptr,
                                 job_.relu,
                                 job_.beta,
                                 job_.out + row * job_.out_plane,
                                 job_.out_at[1],
                                 job_.out_plane};
    kernel_.pixels(pixels);
  }

  // m[place][row][tile] for tiles of rows [begin, end).
  void multiply(const Weights& u, int64_t begin, int64_t end, const T* v, int64_t count, T* m,
                int64_t m_place) const {
    TileArgs<T> t;
    t.alpha = T(1);
    t.bias_row = t.bias_col = nullptr;
    t.relu = false;
    t.a_rows = false;
    t.b_step = panel_;
    t.c_step = chunk_;
    for (int p = 0; p < kPlaces; ++p) {
      for (int64_t k0 = 0; k0 < depth_; k0 += block_) {
        t.k = block_size(k0);
        t.beta = k0 == 0 ? T(0) : T(1);
        for (int64_t j = 0; j < count; j += panel_) {
          t.cols = int(least(panel_, count - j));
          t.b = v + p * v_place_ + j * depth_ + k0 * panel_;
          const typename matmul::Kernels<T>::Tile* kernels = gemm_.tile[t.cols > width_ ? 2 : 1];
          for (int64_t tile = begin; tile < end; ++tile) {
            t.a_step = height(tile);
            t.a = u.at + p * u.place + u_offset(u, tile, k0);
            t.c = m + p * m_place + (start(tile) - start(begin)) * chunk_ + j;
            kernels[t.a_step](t);
          }
        }
      }
    }
  }

  const Job<T> job_;
  const WinogradKernels<T>& kernel_;
  const matmul::Kernels<T>& gemm_;
  const Tiling tiles_;
  const int64_t depth_;  // of the products: (piece, channel)
  const PixelSteps pixels_;
  int width_;
  int64_t panel_, max_rows_, row_tiles_, block_, total_, chunk_, v_place_;
  bool few_;
};

// Whether fewer products make up for the transforms: rows and channels that share them, and tiles that share
// the weights'.
template <class T>
bool pays(const Job<T>& job) {
  const Tiling tiles(job.grid, job.taps, job.tap_count);
  return job.rows >= 16 && job.channels >= 16 && job.images * tiles.in_image() >= 8 && tiles.saves();
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
