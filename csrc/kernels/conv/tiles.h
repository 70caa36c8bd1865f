// Tiles of 4x4 pixels over a grid, numbered through images and rows of tiles: see winograd.h.
#pragma once
#include "kernels/conv/shared.h"

namespace pynn {
namespace conv {

class Tiling {
 public:
  // The taps are those of a plane's 3x3 kernel, one step apart, in any order.
  static bool fits(const Grid& grid, const Tap* taps, int64_t tap_count) {
    if (tap_count != 9 || grid.in[0] != 1 || grid.out[0] != 1) return false;
    for (int d = 0; d < 3; ++d) {
      if (grid.step[d] != 1 || grid.apart) return false;
    }
    unsigned seen = 0;
    int64_t at[2];
    origin(taps, at);
    for (int t = 0; t < 9; ++t) {
      const int64_t y = taps[t].at[1] - at[0], x = taps[t].at[2] - at[1];
      if (taps[t].at[0] != 0 || y > 2 || x > 2) return false;
      seen |= 1u << (3 * y + x);
    }
    return seen == 0x1ff;
  }

  Tiling(const Grid& grid, const Tap* taps) : grid_(grid) {
    origin(taps, at_);
    for (int t = 0; t < 9; ++t)
      weight_[3 * (taps[t].at[1] - at_[0]) + taps[t].at[2] - at_[1]] = taps[t].weight;
    down_ = ceil_div(grid.out[1], kTile);
    across_ = ceil_div(grid.out[2], kTile);
  }

  int64_t in_image() const { return down_ * across_; }
  // Where the weight of tap (t / 3, t % 3) lies, counted from the upper left one.
  int64_t weight(int t) const { return weight_[t]; }

  // Tiles [first, first + count) as runs of up to `longest`; returns how many (count at most). The source is the
  // job's.
  int64_t runs(int64_t first, int64_t count, int64_t src_image, int64_t out_image, int64_t out_row, TileRun* to,
               int64_t longest = INT64_MAX) const {
    int64_t n = 0;
    for (int64_t done = 0; done < count; ++n) {
      const int64_t line = (first + done) / across_, column = (first + done) % across_;
      const int64_t image = line / down_, y = line % down_ * kTile, x = column * kTile;
      TileRun& run = to[n];
      const int64_t length = least(longest, least(count - done, across_ - column));
      run.tile = int32_t(done);
      run.count = int32_t(length);
      run.from = image * src_image + (y + at_[0]) * grid_.row + x + at_[1];
      run.to = image * out_image + y * out_row + x;
      cut(y + at_[0], grid_.in[1], kPatch, &run.top, &run.bottom);
      cut(x + at_[1], grid_.in[2], kTile * length + kPatch - kTile, &run.left, &run.right);
      run.height = int32_t(least(kTile, grid_.out[1] - y));
      run.width = int32_t(least(kTile * length, grid_.out[2] - x));
      run.whole = length == across_;
      done += length;
    }
    return n;
  }

  // The same tiles read from an array of the grid's pixels.
  int64_t gradient_runs(int64_t first, int64_t count, int64_t image_step, int64_t row, TileRun* to,
                        int64_t longest) const {
    const int64_t n = runs(first, count, 0, image_step, row, to, longest);
    for (int64_t i = 0; i < n; ++i) {
      to[i].from = to[i].to;
      to[i].top = to[i].left = 0;
      to[i].bottom = to[i].height;
      to[i].right = to[i].width;
    }
    return n;
  }

 private:
  static void origin(const Tap* taps, int64_t* at) {
    at[0] = taps[0].at[1], at[1] = taps[0].at[2];
    for (int t = 1; t < 9; ++t) at[0] = least(at[0], taps[t].at[1]), at[1] = least(at[1], taps[t].at[2]);
  }

  // Of places [first, first + count), those within [0, size): [*low, *high), counted from the first.
  static void cut(int64_t first, int64_t size, int64_t count, int32_t* low, int32_t* high) {
    *low = int32_t(least(most(-first, 0), count));
    *high = int32_t(most(*low, least(count, size - first)));
  }

  const Grid grid_;
  int64_t at_[2], weight_[9], down_, across_;
};

}  // namespace conv
}  // namespace pynn
