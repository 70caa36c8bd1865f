// What the ways to compute a convolution share: taps, grids, jobs, and how work is cut.
#pragma once
#include "base/sizes.h"
#include "kernels/conv/conv.h"

namespace pynn {
namespace conv {

// Where a tap reads: source place = place * step + at, by dimension; weight: its index in the kernel.
struct Tap {
  int64_t at[3], weight;
};

// A grid of output pixels, and the planes (volumes) they read.
struct Grid {
  int64_t out[3], step[3], in[3];
  bool apart = false;  // zeros lie between the source's rows and columns: depthwise kernels alone take that
  int64_t slab, row;   // elements of the source from depth to depth, from row to row; columns are contiguous

  int64_t pixels() const { return out[0] * out[1] * out[2]; }
};

// Pieces of pixels [first, first + count) for one tap, `to` counted from the first; returns how many.
// `pieces` has room for count (a piece a pixel at worst).
int cut_pieces(const Grid& grid, const Tap& tap, int64_t first, int64_t count, int lanes, Piece* pieces);

// The taps of a kernel over x, in the order of the weights.
void list_taps(const Shape& s, Tap* taps);

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
  int64_t out_image, out_group, out_plane, out_at[3];

  int64_t pixels() const { return grid.pixels(); }
  int64_t depth() const { return channels * tap_count; }
  // Rows of the grid are stored one behind the other.
  bool dense_out() const {
    return out_at[2] == 1 && out_at[1] == grid.out[2] && out_at[0] == grid.out[1] * grid.out[2];
  }
  // Where row r of the grid (a line of pixels) starts in an output plane.
  int64_t row_offset(int64_t r) const { return r / grid.out[1] * out_at[0] + r % grid.out[1] * out_at[1]; }
  // The weights of one row are contiguous in the order of the sum: channel, tap.
  bool plain_weights() const { return plain_taps() && w_channel == tap_count; }
  bool plain_taps() const {
    for (int64_t t = 0; t < tap_count; ++t) {
      if (taps[t].weight != t) return false;
    }
    return true;
  }
};

// A job and those beside it whose places are interleaved with its own: the phases of a data gradient in steps. The grid
// is that of phase 0, the largest; taps are listed phase by phase, those of phase i up to ends[i]. The output is dense.
template <class T>
struct PhasedJob : Job<T> {
  int64_t steps[3], full[3];  // phases by dimension; the size of the output
  const int64_t* ends;

  int64_t phases() const { return steps[0] * steps[1] * steps[2]; }
};

// The weight gradient: dw (filters, channels / groups, taps) from a grid over x.
template <class T>
struct WeightJob {
  Grid grid, dy_grid;  // over x with its taps; dy_grid: dy's own strides
  const Tap* taps;
  int64_t tap_count;
  int64_t images, groups, filters, channels;  // of a group
  const T* x;
  int64_t x_image, x_plane;
  const T* dy;  // contiguous where patches are packed
  int64_t dy_image, dy_plane;
  T beta;
  T* dw;

  int64_t pixels() const { return grid.pixels(); }
  int64_t depth() const { return channels * tap_count; }
};

// Estimates of a way's time over that of its multiplications alone, by shape; where several can compute a job, the
// least one does.
template <class T>
double frames_cost(const Job<T>& job);  // infinite: not by frames
template <class T>
double patches_cost(const Job<T>& job);
template <class T>
double lanes_cost(const Job<T>& job);
template <class T>
double lane_frames_cost(const PhasedJob<T>& job);  // infinite: not by them

// patches.cpp: patches of the image are packed into panels for matmul's kernels.
template <class T>
pynn_status by_patches(const Job<T>& job);
// lanes.cpp: filters in the lanes of vectors, pixels of all images in the rows of matmul's tiles.
template <class T>
pynn_status by_lanes(const Job<T>& job);
// lane_frames.cpp: filters in the lanes, pixels one by one from frames.
template <class T>
pynn_status by_lane_frames(const PhasedJob<T>& job);
// weight.cpp
template <class T>
pynn_status weight_by_patches(const WeightJob<T>& job);
// wide.cpp: kernels that read padded copies of the planes (frames).
template <class T>
pynn_status by_frames(const Job<T>& job);
// wide_weight.cpp
template <class T>
pynn_status weight_by_frames(const WeightJob<T>& job);
template <class T>
bool frames_suit(const WeightJob<T>& job);
// winograd.cpp: kernels of 3x3, or pieces of it, in float32, by fewer products.
template <class T>
pynn_status by_winograd(const Job<T>& job);
template <class T>
bool winograd_suits(const Job<T>& job);
// winograd_weight.cpp
template <class T>
pynn_status weight_by_winograd(const WeightJob<T>& job);
template <class T>
bool winograd_suits(const WeightJob<T>& job);
// depthwise.cpp: one channel and filter a group, a square kernel of 3, 5 or 7, steps of one or two.
template <class T>
pynn_status by_planes(const Job<T>& job);
template <class T>
bool planes_suit(const Job<T>& job);
template <class T>
pynn_status weight_by_planes(const WeightJob<T>& job);
template <class T>
bool planes_suit(const WeightJob<T>& job);

}  // namespace conv
}  // namespace pynn
