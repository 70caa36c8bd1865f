// What conv.cpp and weight.cpp share: how work is cut, and patches into pieces.
#pragma once
#include "base/sizes.h"
#include "kernels/conv/conv.h"

namespace pynn {
namespace conv {

// Where a tap reads: source row = oy * step_y + dy, column = ox * step_x + dx; weight index r * kernel_w + s.
struct Tap {
  int64_t dy, dx, weight;
};

// The grid of output pixels, and the plane they read.
struct Grid {
  int64_t out_h, out_w, step_y, step_x, in_h, in_w;
};

// Pieces of pixels [first, first + count) for one tap, `to` counted from the first; returns how many.
// `pieces` has room for count (a piece a pixel at worst).
int cut_pieces(const Grid& grid, const Tap& tap, int64_t first, int64_t count, int lanes, Piece* pieces);

// Multiply-adds under which a call stays on one thread, and those a chunk should have. As in matmul,
// shape alone decides how work is cut.
constexpr int64_t kSerialMacs = 1 << 20;
constexpr int64_t kChunkMacs = 1 << 19;

pynn_status no_memory(size_t bytes);

// Sums over channels and taps at a grid of pixels: what forward and backward-data have in common.
template <class T>
struct Job {
  Grid grid;
  const Tap* taps;
  int64_t tap_count;
  int64_t images, groups, rows, channels;  // a group's rows of output from its channels of source
  const T* src;
  int64_t src_image, src_group, src_plane;
  const T* w;  // weight of (group, row, channel, tap): w[group * w_group + row * w_row + channel * w_channel
               // + tap.weight]
  int64_t w_group, w_row, w_channel;
  const T* bias;  // groups * rows, or nullptr
  bool relu;
  T beta;
  T* out;
  int64_t out_image, out_group, out_plane, out_row, out_col;

  int64_t pixels() const { return grid.out_h * grid.out_w; }
  int64_t depth() const { return channels * tap_count; }
  // The weights of one row are contiguous in the order of the sum: channel, tap.
  bool plain_weights() const { return plain_taps() && w_channel == tap_count; }
  bool plain_taps() const {
    for (int64_t t = 0; t < tap_count; ++t) {
      if (taps[t].weight != t) return false;
    }
    return true;
  }
};

// Few channels and rows in a group (depthwise above all): planes are padded and read where they lie. Not
// where stride and padding are so large that the padded planes would be mostly zeros.
template <class T>
bool is_direct(int64_t rows, int64_t channels, const Grid& grid, const Tap* taps, int64_t tap_count);
template <class T>
pynn_status direct(const Job<T>& job);
template <class T>
pynn_status direct_weight(const Shape& s, const Grid& grid, const Tap* taps, int64_t tap_count, const T* x,
                          const T* dy, T beta, T* dw);

}  // namespace conv
}  // namespace pynn
