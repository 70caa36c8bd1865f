// 2-D convolution on the matrix micro-kernels: patches of the image are packed straight into panels.
#pragma once
#include <cstdint>

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

// One output row of one plane: out[j * out_col] for j < width, summed over channels and taps.
template <class T>
struct RowArgs {
  const T* x;           // first channel's source plane
  int64_t x_plane;      // from channel to channel
  int64_t channels;
  int64_t in_width, step_x;
  const T* w;           // weight of channel c and tap t: w[c * w_channel + tap_weight[t]]
  int64_t w_channel;
  int64_t taps;         // those whose source row lies inside
  const int64_t* tap_row;     // offset of the tap's source row in the plane
  const int64_t* tap_column;  // source column of pixel 0; may lie outside
  const int64_t* tap_weight;
  int64_t width, out_col;
  T bias, beta;
  bool relu;
  T* out;
};

// One image plane's share of a small weight gradient: sum[t] += sum over j of dy[j] * x[row(t) + j * step_x]
template <class T>
struct GradArgs {
  const T* x;
  int64_t in_width, step_x;
  const T* dy;
  int64_t width, taps;
  const int64_t* tap_row;
  const int64_t* tap_column;
  const int64_t* tap_sum;  // which of the sums a tap adds to
  T* sums;                 // vectors of `width()` lanes
};

template <class T>
struct Kernels {
  int width;  // lanes of a vector
  // For every channel c: writes the pieces to dst + c * dst_step, from src + c * src_step.
  void (*pack)(const T* src, int64_t src_step, int64_t step, int64_t channels, const Piece* pieces, int count, T* dst,
               int64_t dst_step);
  void (*row)(const RowArgs<T>&);
  void (*grad_row)(const GradArgs<T>&);
};

struct Table {
  Kernels<float> f32;
  Kernels<double> f64;
};

const Table& table();
template <class T>
const Kernels<T>& kernels();
template <>
inline const Kernels<float>& kernels<float>() { return table().f32; }
template <>
inline const Kernels<double>& kernels<double>() { return table().f64; }

struct Shape {
  int64_t images, channels, height, width;  // x
  int64_t filters, kernel_h, kernel_w;      // w: (filters, channels / groups, kernel_h, kernel_w)
  int64_t out_h, out_w;                     // y: (images, filters, out_h, out_w)
  pynn_conv2d conv;
};

template <class T>
pynn_status forward(const Shape& s, const T* x, const T* w, const T* bias, pynn_activation act, T* y);
template <class T>
pynn_status backward_data(const Shape& s, const T* dy, const T* w, T beta, T* dx);
template <class T>
pynn_status backward_weight(const Shape& s, const T* x, const T* dy, T beta, T* dw);
// db[o] = sum over images and pixels of dy (images, filters, pixels) + beta * db[o]
template <class T>
pynn_status backward_bias(int64_t images, int64_t filters, int64_t pixels, const T* dy, T beta, T* db);

}  // namespace conv
}  // namespace pynn
