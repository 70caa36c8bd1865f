// Tiles of 4x4 pixels over a grid, numbered through images, planes and rows of tiles, and the 3x3 pieces of a kernel:
// see winograd.h.
#pragma once
#include "kernels/conv/shared.h"

namespace pynn {
namespace conv {

// Places of an array of pixels: elements from image to image, plane to plane, row to row.
struct PixelSteps {
  int64_t image, slab, row;
};

class Tiling {
 public:
  static constexpr double kLeastSaving = 2.2;

  // The taps are those of a box, one step apart, in order or backwards, and more than a line.
  static bool fits(const Grid& grid, const Tap* taps, int64_t tap_count) {
    if (grid.apart || tap_count < 4) return false;
    for (int d = 0; d < 3; ++d) {
      if (grid.step[d] != 1) return false;
    }
    const Box box(taps, tap_count);
    if (box.size[1] < 2 || box.size[2] < 2 || box.taps() != tap_count) return false;
    for (int64_t t = 0; t < tap_count; ++t) {
      const int64_t i = box.backwards ? tap_count - 1 - t : t;
      const int64_t at[3] = {i / box.size[2] / box.size[1], i / box.size[2] % box.size[1], i % box.size[2]};
      for (int d = 0; d < 3; ++d) {
        if (taps[t].at[d] - box.at[d] != at[d]) return false;
      }
    }
    return true;
  }

  Tiling(const Grid& grid, const Tap* taps, int64_t tap_count)
      : grid_(grid), taps_(taps), box_(taps, tap_count) {
    down_ = ceil_div(grid.out[1], kTile);
    across_ = ceil_div(grid.out[2], kTile);
    pieces_down_ = ceil_div(box_.size[1], 3);
    pieces_across_ = ceil_div(box_.size[2], 3);
  }

  int64_t in_image() const { return grid_.out[0] * down_ * across_; }
  int64_t pieces() const { return box_.size[0] * pieces_down_ * pieces_across_; }
  // Whether a kernel of so many taps takes few enough products: a tile's 36 in place of 16 for each tap.
  bool saves() const { return 16 * box_.taps() >= kLeastSaving * kPlaces * pieces(); }
  // Where the weight of tap (t / 3, t % 3) of a piece lies; -1: the kernel ends before it.
  int64_t weight(int64_t piece, int t) const {
    const int64_t z = piece / (pieces_down_ * pieces_across_), y = 3 * (piece / pieces_across_ % pieces_down_) + t / 3,
                  x = 3 * (piece % pieces_across_) + t % 3;
    if (y >= box_.size[1] || x >= box_.size[2]) return -1;
    const int64_t i = (z * box_.size[1] + y) * box_.size[2] + x;
    return taps_[box_.backwards ? box_.taps() - 1 - i : i].weight;
  }

  // Tiles [first, first + count) as a piece reads them, in runs; returns how many (count at most). The source is the
  // grid's; where pixels go and how many there are is the same for every piece.
  int64_t runs(int64_t piece, int64_t first, int64_t count, int64_t src_image, const PixelSteps& out,
               TileRun* to) const {
    const int64_t at[3] = {box_.at[0] + piece / (pieces_down_ * pieces_across_),
                           box_.at[1] + 3 * (piece / pieces_across_ % pieces_down_),
                           box_.at[2] + 3 * (piece % pieces_across_)};
    int64_t n = 0;
    for (int64_t done = 0; done < count; ++n) {
      const int64_t line = (first + done) / across_, column = (first + done) % across_;
      const int64_t image = line / down_ / grid_.out[0], z = line / down_ % grid_.out[0], y = line % down_ * kTile,
                    x = column * kTile;
      TileRun& run = to[n];
      const int64_t length = least(kRunTiles, least(count - done, across_ - column));
      run.tile = int32_t(done);
      run.count = int32_t(length);
      run.from = image * src_image + (z + at[0]) * grid_.slab + (y + at[1]) * grid_.row + x + at[2];
      run.to = image * out.image + z * out.slab + y * out.row + x;
      cut(y + at[1], grid_.in[1], kPatch, &run.top, &run.bottom);
      cut(x + at[2], grid_.in[2], kTile * length + kPatch - kTile, &run.left, &run.right);
      if (z + at[0] < 0 || z + at[0] >= grid_.in[0]) run.bottom = run.top;
      run.height = int32_t(least(kTile, grid_.out[1] - y));
      run.width = int32_t(least(kTile * length, grid_.out[2] - x));
      done += length;
    }
    return n;
  }

  // The same tiles read from an array of the grid's pixels.
  int64_t gradient_runs(int64_t first, int64_t count, const PixelSteps& pixels, TileRun* to) const {
    const int64_t n = runs(0, first, count, 0, pixels, to);
    for (int64_t i = 0; i < n; ++i) {
      to[i].from = to[i].to;
      to[i].top = to[i].left = 0;
      to[i].bottom = to[i].height;
      to[i].right = to[i].width;
    }
    return n;
  }

 private:
  struct Box {
    Box(const Tap* taps, int64_t count) {
      const Tap &first = taps[0], &last = taps[count - 1];
      backwards = false;
      for (int d = 0; d < 3; ++d) {
        backwards = backwards || last.at[d] < first.at[d];
        at[d] = least(first.at[d], last.at[d]);
        size[d] = most(first.at[d], last.at[d]) - at[d] + 1;
      }
    }
    int64_t taps() const { return size[0] * size[1] * size[2]; }
    int64_t at[3], size[3];
    bool backwards;
  };

  // Of places [first, first + count), those within [0, size): [*low, *high), counted from the first.
  static void cut(int64_t first, int64_t size, int64_t count, int32_t* low, int32_t* high) {
    *low = int32_t(least(most(-first, 0), count));
    *high = int32_t(most(*low, least(count, size - first)));
  }

  const Grid grid_;
  const Tap* const taps_;
  const Box box_;
  int64_t down_, across_, pieces_down_, pieces_across_;
};

}  // namespace conv
}  // namespace pynn
