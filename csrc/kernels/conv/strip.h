// Tiles of planes with their channels in the lanes: the rows of a run are turned into a strip, which stays in the L1
// cache, and transformed from there.
#pragma once
#include "base/sizes.h"
#include "kernels/conv/winograd.h"

namespace pynn {
namespace conv {

template <class T>
class Strip {
 public:
  static constexpr int64_t kWidest = 16;  // lanes
  static constexpr int64_t kSize = (kPatch + 1) * kRunColumns * kWidest;

  // scratch: kSize elements
  Strip(const WinogradKernels<T>& kernel, int64_t width, T* scratch)
      : kernel_(kernel), width_(width), rows_(scratch), zeros_(scratch + kPatch * kRunColumns * kWidest) {
    for (int64_t i = 0; i < kSize; ++i) scratch[i] = T(0);
  }

  // Transforms the tiles of runs of planes: place p of tile t and channels [c, c + width): at(c) + p * place + t * tile.
  template <class At>
  void transform(const T* src, int64_t plane, int64_t row, int64_t channels, const TileRun* runs, int64_t run_count,
                 void (*kernel)(const PatchArgs<T>&), int64_t place, int64_t tile, const At& at) const {
    PatchArgs<T> a;
    a.place = place;
    a.tile = tile;
    for (int64_t c = 0; c < channels; c += width_) {
      a.lanes = int(least(width_, channels - c));
      for (int64_t i = 0; i < run_count; ++i) {
        const TileRun& run = runs[i];
        const int64_t columns = run.right - run.left, rows = run.bottom - run.top;
        if (i + 1 < run_count) {
          fetch(src + c * plane, plane, a.lanes, row, runs[i + 1]);
        } else if (c + width_ < channels) {
          fetch(src + (c + width_) * plane, plane, least(width_, channels - c - width_), row, runs[0]);
        }
        for (int r = 0; r < kPatch; ++r) {
          a.rows[r] = r >= run.top && r < run.bottom ? rows_ + ((r - run.top) * columns - run.left) * width_ : zeros_;
        }
        a.run = &run;
        const bool flat = row == columns && rows > 0;  // rows lie behind each other
        const T* from = src + c * plane + run.from + run.top * row + run.left;
        for (int64_t r = 0; r < (flat ? 1 : rows); ++r) {
          kernel_.turn(from + r * row, plane, a.lanes, flat ? rows * columns : columns, rows_ + r * columns * width_);
        }
        a.v = at(c) + run.tile * tile;
        kernel(a);
      }
    }
  }

 private:
  // What a run reads, to the L2 cache: its channels lie in as many pages, and no line is read twice.
  static void fetch(const T* src, int64_t plane, int64_t channels, int64_t row, const TileRun& run) {
    constexpr int64_t kLine = 64 / sizeof(T);
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t r = run.top; r < run.bottom; ++r) {
        const T* const from = src + c * plane + run.from + r * row;
        for (int64_t x = run.left; x < run.right; x += kLine) __builtin_prefetch(from + x, 0, 2);
      }
    }
  }

  const WinogradKernels<T>& kernel_;
  const int64_t width_;
  T *const rows_, *const zeros_;
};

}  // namespace conv
}  // namespace pynn
