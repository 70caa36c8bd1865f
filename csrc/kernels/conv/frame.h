// Frames: padded copies of the planes that a grid reads, in which every tap is a fixed offset.
//
// A place of the frame is a pixel of the grid: place = (z * height + y) * pitch + x, so that neighbouring
// places are neighbouring pixels, but for a few places at the end of a row that are none. The zeros at the
// end of a row and at the start of the next are shared where both are needed. A step of the grid becomes one
// plane a phase (the sources with the same remainder), so that neighbouring pixels always read neighbouring
// elements.
#pragma once
#include <cstring>

#include "kernels/conv/shared.h"

namespace pynn {
namespace conv {

constexpr int64_t kMostTaps = 512;  // of a way by frames: one offset each

class Frame {
 public:
  // Of at most depth x height rows of the grid at a time. `phases` has room for a number a tap.
  Frame(const Grid& grid, const Tap* taps, int64_t tap_count, int64_t* phases)
      : grid_(grid), taps_(taps), tap_count_(tap_count), phases_(phases) {
    for (int d = 0; d < 3; ++d) {
      int64_t low = INT64_MAX, high = INT64_MIN;
      for (int64_t t = 0; t < tap_count; ++t) {
        const int64_t q = quotient(taps[t].at[d], d);
        low = least(low, q);
        high = most(high, q);
      }
      low_[d] = low;
      spread_[d] = high - low;
    }
    for (int64_t t = 0; t < tap_count; ++t) {
      const int64_t id = phase_of(taps[t]);
      int64_t i = 0;
      while (i < phase_count_ && phases_[i] != id) ++i;
      if (i == phase_count_) phases_[phase_count_++] = id;
    }
    const int64_t extent = grid.out[2] + spread_[2], left = most(0, -low_[2]);
    int64_t shared = left;
    for (int64_t i = 0; i < phase_count_; ++i)
      shared = least(shared, most(0, extent - end(2, phases_[i] % grid.step[2])));
    pitch_ = extent - least(shared, spread_[2]);
    cut(grid.out[0], grid.out[1]);
  }

  void cut(int64_t depth, int64_t height) {
    depth_ = depth;
    height_ = height;
    rows_ = height + spread_[1];
    phase_size_ = estimate() < 0x1p40 ? (depth + spread_[0]) * rows_ * pitch_ : 0;  // else nobody uses it
  }

  // Elements of one channel, as a number that cannot overflow; places of one depth of `height` rows.
  double estimate() const {
    return double(phase_count_) * double(depth_ + spread_[0]) * double(height_ + spread_[1]) * double(pitch_);
  }
  int64_t size() const { return phase_count_ * phase_size_; }
  int64_t slack(int width) const { return spread_[2] + 4 * width; }  // read behind the last channel
  int64_t pitch() const { return pitch_; }
  int64_t depth() const { return depth_; }
  int64_t height() const { return height_; }
  int64_t slab() const { return rows_ * pitch_; }  // places from depth to depth
  int64_t places(int64_t height) const { return (height - 1) * pitch_ + grid_.out[2]; }

  int64_t offset(const Tap& tap) const {
    const int64_t id = phase_of(tap);
    int64_t i = 0;
    while (phases_[i] != id) ++i;
    return i * phase_size_ + (at(tap, 0) * rows_ + at(tap, 1)) * pitch_ + at(tap, 2);
  }

  // One channel's part for the rows [z, z + depth) x [y, y + height) of the grid.
  template <class T>
  void copy(const Kernels<T>& kernel, const T* plane, int64_t z0, int64_t y0, T* to) const {
    for (int64_t i = 0; i < phase_count_; ++i) {
      const int64_t id = phases_[i], rx = id % grid_.step[2], ry = id / grid_.step[2] % grid_.step[1],
                    rz = id / grid_.step[2] / grid_.step[1];
      const int64_t left = least(most(0, -low_[2]), pitch_), first_x = most(0, low_[2]);
      const int64_t count = most(0, least(end(2, rx), pitch_) - left);
      const int64_t top = least(most(0, -(y0 + low_[1])), rows_);
      const int64_t bottom = most(top, least(rows_, end(1, ry) - y0));
      for (int64_t z = 0; z < depth_ + spread_[0]; ++z, to += rows_ * pitch_) {
        const int64_t source = (z0 + z + low_[0]) * grid_.step[0] + rz;
        if (source < 0 || source >= grid_.in[0] || count == 0) {
          memset(to, 0, size_t(rows_ * pitch_) * sizeof(T));
          continue;
        }
        const T* from = plane + source * grid_.slab +
                        ((y0 + top + low_[1]) * grid_.step[1] + ry) * grid_.row + first_x * grid_.step[2] +
                        rx;
        if (top > 0) memset(to, 0, size_t(top * pitch_) * sizeof(T));
        if (bottom > top) {
          kernel.rows(from, grid_.step[1] * grid_.row, grid_.step[2], bottom - top, left, count, pitch_,
                      to + top * pitch_, pitch_);
        }
        if (rows_ > bottom) memset(to + bottom * pitch_, 0, size_t((rows_ - bottom) * pitch_) * sizeof(T));
      }
    }
  }

 private:
  int64_t quotient(int64_t at, int d) const {
    const int64_t step = grid_.step[d];
    return at >= 0 ? at / step : -ceil_div(-at, step);
  }
  int64_t remainder(const Tap& tap, int d) const {
    return tap.at[d] - quotient(tap.at[d], d) * grid_.step[d];
  }
  int64_t phase_of(const Tap& tap) const {
    return (remainder(tap, 0) * grid_.step[1] + remainder(tap, 1)) * grid_.step[2] + remainder(tap, 2);
  }
  int64_t at(const Tap& tap, int d) const { return quotient(tap.at[d], d) - low_[d]; }
  // The first place along d whose source lies behind the input.
  int64_t end(int d, int64_t phase) const {
    const int64_t left = grid_.in[d] - phase;
    return (left > 0 ? ceil_div(left, grid_.step[d]) : 0) - low_[d];
  }

  const Grid grid_;
  const Tap* taps_;
  int64_t tap_count_;
  int64_t* phases_;
  int64_t phase_count_ = 0, low_[3], spread_[3], pitch_, depth_, height_, rows_, phase_size_;
};

}  // namespace conv
}  // namespace pynn
