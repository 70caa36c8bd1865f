// 2-D convolution on the matrix micro-kernels: patches of the image are packed straight into panels.
#pragma once
#include <cstdint>

#include "base/tables.h"
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

// One output plane: out[i][j] = act(sum over t of weights[t] * x[i * row_step + j * step_x + offsets[t]] +
// bias
// + beta * out). x is padded: every read of whole vectors lies inside, so only stores look at the edge.
template <class T>
struct PlaneArgs {
  const T* x;
  int64_t row_step, step_x, taps;
  const int64_t* offsets;
  const T* weights;
  int64_t height, width;  // of out
  T* out;
  int64_t out_row, out_col;
  T bias, beta;
  bool relu;
};

// sums[t] += sum over i, j of dy[i * width + j] * x[i * row_step + j * step_x + offsets[t]], x padded
// likewise.
template <class T>
struct GradArgs {
  const T* x;
  int64_t row_step, step_x, taps;
  const int64_t* offsets;
  const T* dy;
  int64_t height, width;
  T* sums;
};

template <class T>
struct Kernels {
  int width;  // lanes of a vector
  // For every channel c: writes the pieces to dst + c * dst_step, from src + c * src_step.
  void (*pack)(const T* src, int64_t src_step, int64_t step, int64_t channels, const Piece* pieces, int count,
               T* dst, int64_t dst_step);
  void (*plane)(const PlaneArgs<T>&);
  void (*grad)(const GradArgs<T>&);
};

using Table = FloatTable<Kernels>;

const Table& table();  // of the ISA in use
template <class T>
inline const Kernels<T>& kernels() {
  return table().of<T>();
}

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
