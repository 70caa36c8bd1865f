// The weight gradient by Winograd's F(4x4, 3x3): dw = G^T [sum over tiles of (A dy A^T) * (B^T x B)] G.
// In batches of tiles: both sides are transformed, x's with channels contiguous; then blocks of (filter,
// channel) are multiplied place by place over the batch's tiles, turned into taps while they are in the
// cache, and added to dw.
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

constexpr int64_t kBatchBytes = 16 << 20;  // a batch's two sides: stay in the L3 cache
constexpr int64_t kDepth = 448;            // tiles of a batch at most
constexpr int64_t kSegment = 64;           // tiles that are transformed together

template <class T>
class WinogradWeight {
 public:
  WinogradWeight(const WeightJob<T>& job, const WinogradKernels<T>& kernel)
      : job_(job),
        kernel_(kernel),
        gemm_(matmul::kernels<T>()),
        tiles_(job.grid, job.taps),
        panel_(2 * gemm_.width),
        max_rows_(gemm_.max_rows[2]),
        row_tiles_(ceil_div(job.filters, max_rows_)),
        panels_(ceil_div(job.channels, panel_)) {
    total_ = job.images * tiles_.in_image();
    const int64_t bytes = kPlaces * (panels_ * panel_ + job.filters) * int64_t(sizeof(T));
    const int64_t largest = most(kSegment, least(kDepth, kBatchBytes / bytes));
    batch_ = round_up(ceil_div(total_, ceil_div(total_, largest)), panel_);
    pitch_ = batch_ + 16;  // rows a multiple of 1 KB apart would share few sets of the L1 cache
    if (pitch_ * int64_t(sizeof(T)) % 1024 == 0) pitch_ += 16;
    x_place_ = panels_ * panel_ * batch_ + 16;
    dy_place_ = job.filters * pitch_ + 16;
    const bool few = job.filters * job.channels <= 128 * 128;
    block_tiles_ = few ? 3 : 6;
    block_panels_ = few ? 2 : 3;
  }

  pynn_status run() {
    const size_t bytes = size_t(kPlaces * (x_place_ + dy_place_)) * sizeof(T);
    const Scratch sides(bytes);
    if (!sides) return no_memory(bytes);
    T* const x = sides.as<T>();
    T* const dy = x + kPlaces * x_place_;
    for (int64_t first = 0; first < total_; first += batch_) {
      const int64_t count = least(batch_, total_ - first);
      if (!transform(first, count, x, dy) || !multiply(x, dy, count, first == 0 ? job_.beta : T(1))) {
        return no_memory(0);
      }
    }
    return PYNN_OK;
  }

 private:
  int64_t start(int64_t i) const {
    return i * (job_.filters / row_tiles_) + least(i, job_.filters % row_tiles_);
  }

  // x: [place][panel of channels][tile][channel of the panel]; dy: [place][filter][tile]
  bool transform(int64_t first, int64_t count, T* x, T* dy) const {
    const int64_t segments = ceil_div(count, kSegment), groups = ceil_div(job_.filters, panel_);
    const int64_t pitch = kSegment + 16, place = panel_ * pitch + 16, scratch = patch_scratch(kSegment);
    const size_t bytes = size_t(kPlaces * place + scratch) * sizeof(T) + size_t(kSegment) * sizeof(TileRun);
    std::atomic<bool> failed{false};
    parallel(segments * (panels_ + groups), [&](int64_t unit) {
      const Scratch own(bytes);
      if (!own) {
        failed.store(true);
        return;
      }
      T* const v = own.as<T>();
      T* const buffer = v + kPlaces * place;
      TileRun* const runs = reinterpret_cast<TileRun*>(buffer + scratch);
      const int64_t t = unit % segments * kSegment, n = least(kSegment, count - t), i = unit / segments;
      PatchArgs<T> a;
      a.runs = runs;
      a.tiles = n;
      a.scratch = buffer;
      a.panel = kSegment;
      a.panel_step = 0;
      if (i < panels_) {
        const int64_t channel = i * panel_;
        a.src = job_.x + channel * job_.x_plane;
        a.src_row = job_.grid.row;
        a.src_plane = job_.x_plane;
        a.channels = least(panel_, job_.channels - channel);
        a.run_count = tiles_.runs(first + t, n, job_.x_image, 0, 0, runs);
        a.v = v;
        a.place = place;
        a.channel = pitch;
        kernel_.patches(a);
        for (int p = 0; p < kPlaces; ++p) {
          gemm_.pack(v + p * place, pitch, 1, a.channels, n, x + p * x_place_ + channel * batch_ + t * panel_,
                     panel_);
        }
      } else {
        const int64_t filter = (i - panels_) * panel_;
        a.src = job_.dy + filter * job_.dy_plane;
        a.src_row = job_.dy_grid.row;
        a.src_plane = job_.dy_plane;
        a.channels = least(panel_, job_.filters - filter);
        a.run_count = tiles_.gradient_runs(first + t, n, job_.dy_image, job_.dy_grid.row, runs);
        a.v = dy + filter * pitch_ + t;
        a.place = dy_place_;
        a.channel = pitch_;
        kernel_.gradients(a);
      }
    });
    return !failed.load();
  }

  bool multiply(const T* x, const T* dy, int64_t count, T beta) const {
    const int64_t down = ceil_div(row_tiles_, block_tiles_), across = ceil_div(panels_, block_panels_);
    const int64_t row = block_panels_ * panel_, place = block_tiles_ * max_rows_ * row + 16;
    const size_t bytes = size_t(kPlaces * place) * sizeof(T);
    std::atomic<bool> failed{false};
    parallel(down * across, [&](int64_t unit) {
      const Scratch own(bytes);
      if (!own) {
        failed.store(true);
        return;
      }
      T* const m = own.as<T>();
      const int64_t tile0 = unit / across * block_tiles_, tile1 = least(tile0 + block_tiles_, row_tiles_);
      const int64_t panel0 = unit % across * block_panels_, panel1 = least(panel0 + block_panels_, panels_);
      TileArgs<T> t;
      t.k = count;
      t.alpha = T(1);
      t.beta = T(0);
      t.bias_row = t.bias_col = nullptr;
      t.relu = false;
      t.a_rows = true;
      t.a_step = pitch_;
      t.b_step = panel_;
      t.c_step = row;
      for (int p = 0; p < kPlaces; ++p) {
        for (int64_t j = panel0; j < panel1; ++j) {
          t.cols = int(least(panel_, job_.channels - j * panel_));
          t.b = x + p * x_place_ + j * panel_ * batch_;
          const typename matmul::Kernels<T>::Tile* kernels = gemm_.tile[t.cols > gemm_.width ? 2 : 1];
          for (int64_t i = tile0; i < tile1; ++i) {
            t.a = dy + p * dy_place_ + start(i) * pitch_;
            t.c = m + p * place + (start(i) - start(tile0)) * row + (j - panel0) * panel_;
            kernels[start(i + 1) - start(i)](t);
          }
        }
      }
      const int64_t channel = panel0 * panel_, filter = start(tile0);
      const TapsArgs<T> taps = {m,
                                place,
                                row,
                                start(tile1) - filter,
                                least(panel1 * panel_, job_.channels) - channel,
                                beta,
                                job_.dw + (filter * job_.channels + channel) * 9,
                                job_.channels * 9};
      kernel_.taps(taps);
    });
    return !failed.load();
  }

  const WeightJob<T> job_;
  const WinogradKernels<T>& kernel_;
  const matmul::Kernels<T>& gemm_;
  const Tiling tiles_;
  int64_t panel_, max_rows_, row_tiles_, panels_, total_, batch_, pitch_, x_place_, dy_place_, block_tiles_,
      block_panels_;
};

// Whether fewer products make up for the transforms; sums over few tiles do where there are many of them.
bool pays(int64_t tiles, int64_t filters, int64_t channels) {
  return filters >= 16 && channels >= 16 && tiles >= (filters * channels >= 256 * 256 ? 16 : 32);
}

}  // namespace

template <class T>
bool winograd_suits(const WeightJob<T>& job) {
  const Algorithm wanted = algorithm();
  if (wanted == Algorithm::direct || kernels<T>().winograd.patches == nullptr || job.groups != 1)
    return false;
  if (!Tiling::fits(job.grid, job.taps, job.tap_count)) return false;
  return wanted == Algorithm::winograd ||
         pays(job.images * ceil_div(job.grid.out[1], kTile) * ceil_div(job.grid.out[2], kTile), job.filters,
              job.channels);
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
