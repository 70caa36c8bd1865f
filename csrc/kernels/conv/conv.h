// Convolution over 1 to 3 dimensions, and its gradients. Lower ranks have sizes of 1 in front.
#pragma once
#include <cstdint>

#include "base/tables.h"
#include "kernels/conv/winograd.h"
#include "pynn/conv.h"

namespace pynn {
namespace conv {

// Up to a vector of neighbouring pixels of a row for one tap: `count` of them go to dst[to ...];
// those in [low, high) come from src[source + i * step], the others lie in the padding: zeros.
struct Piece {
  int64_t source;
  int32_t to;
  int16_t low, high, count;
};

// Part of a vector of sums that lies in one row of the output: lanes [low, high) go to
// out[to + lane * out_col].
struct Segment {
  int64_t to;
  int32_t low, high;
};

// A tile of rows (filters) x vectors of neighbouring places of a frame (see frame.h):
//   out[i * out_step + segment] = act(sum over k of a[k * rows + i] * x[offsets[k] + v * width ...]
//                                     + bias[i] + beta * out)
// rows is fixed by the kernel. Whole vectors of x are readable. Loose: a[a_offsets[k] + i * a_row] in place
// of a[k * rows + i], the weights where they lie.
template <class T>
struct WideArgs {
  const T* a;
  const int64_t* a_offsets;
  int64_t a_row;
  const T* x;
  const int64_t* offsets;
  int64_t k;
  T* out;
  int64_t out_step;
  int64_t out_col;          // elements from lane to lane
  const Segment* segments;  // of vector v: [first[v], first[v + 1])
  const int32_t* first;
  const T* bias;  // or nullptr
  T beta;
  bool relu;
};

// A tile of rows (pixels) x vectors of filters: out[i * out_step + lane] = act(sum over k of
// w[k * w_step + lane] * x[offsets[k] + i] + bias[lane]), or + out where bias is nullptr. rows and vectors are fixed by
// the kernel. kLaneAhead more offsets are read, of what is prefetched.
constexpr int kLaneAhead = 8;
template <class T>
struct LaneArgs {
  const T* w;
  int64_t w_step;
  const T* x;
  const int64_t* offsets;
  int64_t k;
  T* out;
  int64_t out_step;
  const T* bias;
  bool relu;
  const T* next;  // prefetched: count lines, step apart, which would keep stores waiting
  int64_t next_step, next_count;
};

// sums[(i * columns + j) * width ...] += sum over n whole vectors of dy[i * dy_step + ...] *
// x[offsets[j] + ...], the lanes apart; rows i and columns j are fixed by the kernel.
template <class T>
struct GradArgs {
  const T* dy;
  int64_t dy_step;
  const T* x;
  const int64_t* offsets;
  int64_t n;
  T* sums;
  int64_t sums_row;  // elements from row to row of sums
};

// Planes with a square kernel of their own (depthwise), whose places are `step` apart. The source's rows x columns lie at
// row `top`, column `left` of a frame of zeros; out[y][x] = act(sum of w[r][s] * frame[step * y + r][step * x + s] +
// bias + beta * out). Where kernels are `framed` they copy the source to `frame`, whose other elements stay zero: with a
// step of two a row holds its even columns, and `phase` elements behind them its odd ones. frame has kPlaneRows - 1 rows
// more than are read.
template <class T>
struct PlaneArgs {
  int64_t planes;
  const T* src;
  int64_t src_step, src_row, rows, columns;
  T* frame;
  int64_t pitch, phase, top, left;
  const T* w;
  int64_t w_step;
  bool turned;    // w[size - 1 - i] for w[i]
  const T* bias;  // an element a plane, or nullptr
  T beta;
  bool relu;
  T* out;  // dense planes
  int64_t out_step, height, width;
};

// The weight gradient of one such plane, summed over images: sums[r][s] += dy[y][x] * frame[step * y + r][step * x +
// s].
template <class T>
struct PlaneGradArgs {
  int64_t images;
  const T* src;
  int64_t src_step, src_row, rows, columns;
  T* frame;
  int64_t pitch, phase, top, left;
  const T* dy;
  int64_t dy_step, dy_row, height, width;
  T* sums;
};

constexpr int kPlaneRows = 7;  // output rows side by side, at most

template <class T>
struct Kernels {
  typedef void (*Plane)(const PlaneArgs<T>&);
  typedef void (*PlaneGrad)(const PlaneGradArgs<T>&);
  typedef void (*Wide)(const WideArgs<T>&);
  typedef void (*Lanes)(const LaneArgs<T>&);
  typedef void (*Grad)(const GradArgs<T>&);

  int width;  // lanes of a vector
  // For every channel c: writes the pieces to dst + c * dst_step, from src + c * src_step.
  void (*pack)(const T* src, int64_t src_step, int64_t step, int64_t channels, const Piece* pieces, int count,
               T* dst, int64_t dst_step);
  // Rows of a frame: dst[r * dst_step + i] for i < total is 0, but src[r * src_step + (i - left) * step] for
  // left <= i < left + count. Whole vectors are stored: up to one of zeros behind a row, which the next one
  // overwrites.
  void (*rows)(const T* src, int64_t src_step, int64_t step, int64_t rows, int64_t left, int64_t count,
               int64_t total, T* dst, int64_t dst_step);
  // dst[r * dst_step + i * step] += src[r * src_step + i] for r < rows, i < count
  void (*add)(const T* src, int64_t src_step, int64_t rows, int64_t count, T* dst, int64_t dst_step,
              int64_t step);
  int wide_rows[5];     // [vectors]: tallest tile of that many vectors; 0: there is none
  const Wide* wide[5];  // [vectors][rows]
  const Wide* loose[5];
  int lane_rows[3];       // [vectors]: most pixels
  const Lanes* lanes[3];  // [vectors][pixels]
  int grad_columns[5];  // [rows]: most columns
  const Grad* grad[5];  // [rows][columns]
  // out[i] = the sum of the lanes of x[i * width ...], i < n
  void (*reduce)(const T* x, int64_t n, T* out);
  bool framed;                  // planes are copied to frames; by plane_apart on every ISA
  Plane plane[3][8];            // [step][kernel size]: 1 and 2; 3, 5 and 7
  Plane plane_apart[8];         // of a source whose elements are two apart; w is turned
  PlaneGrad plane_grad[3][8];   // nullptr where it has too many sums for the registers
  WinogradKernels<T> winograd;  // of float alone
};

using Table = FloatTable<Kernels>;

const Table& table();  // of the ISA in use
template <class T>
inline const Kernels<T>& kernels() {
  return table().of<T>();
}

// Which way computes a convolution where several can: by shape, never Winograd's, Winograd's wherever it is
// defined.
enum class Algorithm { automatic, direct, winograd };
Algorithm algorithm();  // in use
void set_algorithm(Algorithm algorithm);
const char* algorithm_name(Algorithm algorithm);
bool find_algorithm(const char* name, Algorithm* algorithm);  // false where none is called so

struct Shape {
  int64_t images, channels, filters, groups;
  int64_t in[3], kernel[3], out[3];  // depth, height, width
  int64_t stride[3], before[3], dilation[3];

  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
};

// An input (images, channels, depth, height, width) in memory; steps in elements.
template <class T>
struct View {
  const T* data;
  int64_t image, channel, at[3];
};

// Weights (filters, channels / groups, kernel), outputs and results are contiguous.
template <class T>
pynn_status forward(const Shape& s, const View<T>& x, const T* w, const T* bias, pynn_activation act, T* y);
// bias: of the channels of dx, or nullptr (a transposed convolution's)
template <class T>
pynn_status backward_data(const Shape& s, const View<T>& dy, const T* w, const T* bias, pynn_activation act,
                          T beta, T* dx);
template <class T>
pynn_status backward_weight(const Shape& s, const View<T>& x, const View<T>& dy, T beta, T* dw);
// db[o] = sum over images and pixels of dy (images, filters, pixels) + beta * db[o]
template <class T>
pynn_status backward_bias(int64_t images, int64_t filters, int64_t pixels, const T* dy, T beta, T* db);

// Windows as columns y (images, channels, taps, out), and their adjoint; s.filters and s.groups are not read.
template <class T>
pynn_status unfold(const Shape& s, const View<T>& x, T* y);
template <class T>
pynn_status fold(const Shape& s, const T* y, T* x);

}  // namespace conv
}  // namespace pynn
