// A job by Winograd's F(4x4, 3x3): weights are transformed once a call; a chunk (some tiles of all images,
// numbered through) transforms its patches, multiplies place by place by matmul's kernels, and turns the sums
// into pixels.
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

constexpr int64_t kChunkPanels =
    2;  // tiles of a chunk, in panels of two vectors: V and M stay in or near the L2 cache
constexpr int64_t kBlockTiles = 6;  // tiles of rows that are multiplied, then turned into pixels

template <class T>
class Winograd {
 public:
  Winograd(const Job<T>& job, const WinogradKernels<T>& kernel)
      : job_(job),
        kernel_(kernel),
        gemm_(matmul::kernels<T>()),
        tiles_(job.grid, job.taps),
        width_(gemm_.width),
        panel_(2 * width_),
        max_rows_(gemm_.max_rows[2]),
        row_tiles_(ceil_div(job.rows, max_rows_)),
        u_place_(job.rows * job.channels + kPad) {
    const int64_t blocks = ceil_div(job.channels, matmul::depth_block<T>(job.channels));
    block_channels_ = ceil_div(job.channels, blocks);
    total_ = job.images * tiles_.in_image();
    int64_t chunks = ceil_div(total_, kChunkPanels * panel_);
    if (chunks > 1 && chunks % 2 == 1) ++chunks;
    chunk_ = round_up(ceil_div(total_, chunks), panel_);
    block_rows_ = kBlockTiles;
  }

  pynn_status run() {
    const size_t bytes = size_t(kPlaces * u_place_) * sizeof(T);
    const Scratch weights(bytes);
    if (!weights) return no_memory(bytes);
    pynn_status status = transform_weights(weights.as<T>());
    return status == PYNN_OK ? run(weights.as<T>()) : status;
  }

  // U: [place][block of channels][tile of rows][channel][row of the tile]
  pynn_status transform_weights(T* u) const {
    const int64_t group_channels = most(1, least(block_channels_, kWeights / (9 * max_rows_)));
    const int64_t groups = ceil_div(job_.channels, group_channels);
    std::atomic<bool> failed{false};
    const size_t bytes = size_t(9 * max_rows_ * group_channels) * sizeof(T);
    parallel(row_tiles_, [&](int64_t tile) {
      const Scratch own(bytes);
      if (!own) {
        failed.store(true);
        return;
      }
      const int64_t rows = height(tile);
      for (int64_t i = 0; i < groups; ++i) {
        const int64_t c = i * group_channels;
        // the group may cross a block's end
        for (int64_t c0 = c; c0 < least(c + group_channels, job_.channels);) {
          const int64_t block = c0 / block_channels_ * block_channels_;
          const int64_t c1 = least(least(c + group_channels, job_.channels), block + block_channels_);
          const int64_t n = (c1 - c0) * rows;
          for (int t = 0; t < 9; ++t) {
            gemm_.pack(job_.w + start(tile) * job_.w_row + c0 * job_.w_channel + tiles_.weight(t), job_.w_row,
                       job_.w_channel, rows, c1 - c0, own.as<T>() + t * n, rows);
          }
          kernel_.weights(own.as<T>(), n, n, u + u_offset(tile, block) + (c0 - block) * rows, u_place_);
          c0 = c1;
        }
      }
    });
    return failed.load() ? no_memory(bytes) : PYNN_OK;
  }

 private:
  static constexpr int64_t kPad = 16;  // places a multiple of 4 KB apart would share few sets of the L1 cache
  static constexpr int64_t kWeights = 8 << 10;

  int64_t start(int64_t i) const { return i * (job_.rows / row_tiles_) + least(i, job_.rows % row_tiles_); }
  int64_t height(int64_t i) const { return job_.rows / row_tiles_ + (i < job_.rows % row_tiles_); }
  int64_t block_size(int64_t c0) const { return least(block_channels_, job_.channels - c0); }
  int64_t u_offset(int64_t tile, int64_t c0) const { return c0 * job_.rows + start(tile) * block_size(c0); }

  pynn_status run(const T* u) const {
    const int64_t v_place = job_.channels * chunk_ + kPad, block_rows = block_rows_ * max_rows_;
    const int64_t m_place = least(block_rows, job_.rows) * chunk_ + kPad;
    const int64_t stage = most(patch_scratch(chunk_), tile_scratch(chunk_));
    const size_t bytes =
        size_t(kPlaces * (v_place + m_place) + stage) * sizeof(T) + size_t(chunk_) * sizeof(TileRun);
    std::atomic<bool> failed{false};
    parallel(ceil_div(total_, chunk_), [&](int64_t chunk) {
      const Scratch own(bytes);
      if (!own) {
        failed.store(true);
        return;
      }
      T* const v = own.as<T>();
      T* const m = v + kPlaces * v_place;
      T* const scratch = m + kPlaces * m_place;
      TileRun* const runs = reinterpret_cast<TileRun*>(scratch + stage);
      const int64_t first = chunk * chunk_, count = least(chunk_, total_ - first);
      const int64_t run_count =
          tiles_.runs(first, count, job_.src_image, job_.out_image, job_.out_at[1], runs);
      PatchArgs<T> patches = {
          job_.src, job_.grid.row, job_.src_plane, job_.channels,          runs,  run_count, count, scratch,
          v,        v_place,       panel_,         job_.channels * panel_, panel_};
      kernel_.patches(patches);
      for (int64_t t = 0; t < row_tiles_; t += block_rows_) {
        const int64_t last = least(t + block_rows_, row_tiles_);
        multiply(u, t, last, v, v_place, count, m, m_place);
        const int64_t row = start(t);
        PixelArgs<T> out = {m,
                            m_place,
                            chunk_,
                            start(last) - row,
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
        kernel_.pixels(out);
      }
    });
    return failed.load() ? no_memory(bytes) : PYNN_OK;
  }

  // m[place][row][tile] for tiles of rows [begin, end).
  void multiply(const T* u, int64_t begin, int64_t end, const T* v, int64_t v_place, int64_t count, T* m,
                int64_t m_place) const {
    TileArgs<T> t;
    t.alpha = T(1);
    t.bias_row = t.bias_col = nullptr;
    t.relu = false;
    t.a_rows = false;
    t.b_step = panel_;
    t.c_step = chunk_;
    for (int p = 0; p < kPlaces; ++p) {
      for (int64_t c0 = 0; c0 < job_.channels; c0 += block_channels_) {
        t.k = block_size(c0);
        t.beta = c0 == 0 ? T(0) : T(1);
        for (int64_t j = 0; j < count; j += panel_) {
          t.cols = int(least(panel_, count - j));
          t.b = v + p * v_place + j * job_.channels + c0 * panel_;
          const typename matmul::Kernels<T>::Tile* kernels = gemm_.tile[t.cols > width_ ? 2 : 1];
          for (int64_t tile = begin; tile < end; ++tile) {
            t.a_step = height(tile);
            t.a = u + p * u_place_ + u_offset(tile, c0);
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
  int width_;
  int64_t panel_, max_rows_, row_tiles_, u_place_, block_channels_, total_, chunk_, block_rows_;
};

int64_t tiles(const Grid& grid) { return ceil_div(grid.out[1], kTile) * ceil_div(grid.out[2], kTile); }

// Whether fewer products make up for the transforms: enough rows and channels that share them, and enough
// tiles that share the weights': more of them where those do not fit into the cache.
bool pays(int64_t tiles, int64_t rows, int64_t channels) {
  return rows >= 16 && channels >= 16 && tiles >= (rows * channels <= 256 * 256 ? 16 : 40);
}

}  // namespace

template <class T>
bool winograd_suits(const Job<T>& job) {
  const Algorithm wanted = algorithm();
  if (wanted == Algorithm::direct || kernels<T>().winograd.patches == nullptr || job.groups != 1)
    return false;
  if (!Tiling::fits(job.grid, job.taps, job.tap_count)) return false;
  return wanted == Algorithm::winograd || pays(job.images * tiles(job.grid), job.rows, job.channels);
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
