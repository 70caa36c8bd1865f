// Normalizations: the variants' table and the loops around it.
//
// Three layouts, each with kernels of its own:
//   runs     a channel's elements are runs of contiguous ones: (N, C, ...) row-major; its numbers are scalars
//   columns  a channel is a column of a matrix: (N, C), channels last; its numbers fill a vector's lanes
//   rows     one mean and deviation a row, a weight and bias a column: layer and root-mean-square norm
#pragma once
#include <cstdint>

#include "base/tables.h"

namespace pynn {
namespace norm {

// Elements whose statistics are taken in lanes of T before they join the others' in float64.
constexpr int64_t kBlock = 4096;
// Rows of the same for columns, and for the parameters' gradients of rows.
constexpr int64_t kBlockRows = 128;
// Elements a thread takes at a time, some 10 us of work.
constexpr int64_t kChunk = 24 << 10;

// Lines (runs or rows) of one operand, `stride` elements apart.
template <class T>
struct In {
  const T* data;
  int64_t stride;
};
template <class T>
struct Out {
  T* data;
  int64_t stride;
};

// y = (x - shift) * scale + offset
template <class T>
struct Affine {
  T shift, scale, offset;
};
template <class T>
struct Affines {  // an array of each; those of channel c
  const T *shift, *scale, *offset;
};

// dx = g * scale + (x - shift) * slope + offset; g counts where the forward's ReLU let pass, if it had one.
template <class T>
struct Gradient {
  T shift, scale, slope, offset;
};
template <class T>
struct Gradients {
  const T *shift, *scale, *slope, *offset;
};

// Mean and sum of squared deviations of `count` elements, in float64.
struct Moments {
  double count, mean, squares;
  __attribute__((always_inline)) void add(const Moments& other) {  // Chan, Golub, LeVeque (1979)
    if (other.count == 0) return;
    const double all = count + other.count, delta = other.mean - mean;
    mean += delta * (other.count / all);
    squares += other.squares + delta * delta * (count * (other.count / all));
    count = all;
  }
};

// sum(g), and sum(g * (x - shift))
struct Sums {
  double g, gx;
  __attribute__((always_inline)) void add(const Sums& other) {
    g += other.g;
    gx += other.gx;
  }
};

template <class T>
struct LayerForward {
  In<T> x;
  Out<T> y;
  int64_t cols;
  const T *weight, *bias;  // nullptr: 1 and 0
  double eps;
  T *mean, *rstd;  // of row r at r * stat_stride; nullptr of a root-mean-square norm
  int64_t stat_stride;
};
template <class T>
struct LayerBackward {
  In<T> g, x;
  Out<T> dx;  // data nullptr: not wanted
  int64_t cols;
  const T* weight;
  double eps;  // of a root-mean-square norm, whose deviations are computed anew
  const T *mean, *rstd;
  int64_t stat_stride;
  T *weight_sums, *bias_sums;  // of the rows of one call, added to; nullptr: not wanted
};

template <class T>
struct Kernels {
  // ---- runs: `runs` lines of `length` elements, at most kBlock in all for sums ----
  Moments (*moments)(In<T> x, int64_t runs, int64_t length);
  Sums (*sums)(In<T> g, In<T> x, int64_t runs, int64_t length, T shift, const Affine<T>* relu);
  // ahead: how far behind its operands lies what is worked on next, for the cache to fetch meanwhile
  void (*affine)(In<T> x, Out<T> y, int64_t runs, int64_t length, Affine<T> a, bool relu, int64_t ahead);
  void (*affine_each)(In<T> x, Out<T> y, int64_t runs, int64_t length, Affines<T> a, bool relu);
  void (*gradient)(In<T> g, In<T> x, Out<T> dx, int64_t runs, int64_t length, Gradient<T> d,
                   const Affine<T>* relu, int64_t ahead);
  // ---- columns: statistics of at most kBlockRows rows join those of `before` rows in mean and squares ----
  void (*column_moments)(In<T> x, int64_t rows, int64_t cols, int64_t before, double* mean, double* squares);
  void (*column_sums)(In<T> g, In<T> x, int64_t rows, int64_t cols, const T* shift, const Affines<T>* relu,
                      double* sum_g, double* sum_gx);
  void (*column_affine)(In<T> x, Out<T> y, int64_t rows, int64_t cols, Affines<T> a, bool relu);
  void (*column_gradient)(In<T> g, In<T> x, Out<T> dx, int64_t rows, int64_t cols, Gradients<T> d,
                          const Affines<T>* relu);
  // ---- rows: [0] layer norm, [1] root mean square ----
  void (*layer[2])(int64_t first, int64_t last, const LayerForward<T>& f);
  void (*layer_backward[2])(int64_t first, int64_t last, const LayerBackward<T>& b);
};
using Table = FloatTable<Kernels>;

const Table& table();  // of the ISA in use

// ---- batch normalization: x (samples, channels, inner) ----

// Distances between elements. With `columns` the inner one is that of rows: element (n, c, s) lies at
// (n * inner + s) * sample + c; else at n * sample + c * channel + s.
struct Layout {
  bool columns;
  int64_t sample, channel;
};
struct Sizes {
  int64_t samples, channels, inner;
  int64_t count() const { return samples * inner; }  // elements a channel
};

template <class T>
struct Batch {
  Sizes size;
  const T* x;
  Layout x_layout;
  const T *weight, *bias;  // nullptr: 1 and 0
  double eps;
  bool relu;
};

// All return false where memory ran out.
template <class T>
bool batch_norm(const Batch<T>& b, T* y, Layout y_layout, T* mean, T* var);
template <class T>
bool batch_norm_fixed(const Batch<T>& b, const T* mean, const T* var, T* y, Layout y_layout);
// fixed: the statistics were given, and may have gradients: dmean and dvar; else those are nullptr.
// dx, dweight, dbias: nullptr where not wanted.
template <class T>
bool batch_norm_backward(const Batch<T>& b, const T* g, Layout g_layout, const T* mean, const T* var,
                         bool fixed, T* dx, Layout dx_layout, T* dweight, T* dbias, T* dmean, T* dvar);

// ---- over rows ----

// Rows [0, rows) of f; a root-mean-square norm has no mean, and its bias is nullptr.
template <class T>
void layer_norm(bool rms, int64_t rows, const LayerForward<T>& f);
// dweight, dbias: cols elements, nullptr where not wanted.
template <class T>
bool layer_norm_backward(bool rms, int64_t rows, LayerBackward<T> b, T* dweight, T* dbias);

// x (samples, channels, inner) row-major; mean and rstd (samples, groups)
template <class T>
bool group_norm(const Sizes& size, int64_t groups, const T* x, const T* weight, const T* bias, double eps,
                T* y, T* mean, T* rstd);
template <class T>
bool group_norm_backward(const Sizes& size, int64_t groups, const T* g, const T* x, const T* weight,
                         const T* mean, const T* rstd, T* dx, T* dweight, T* dbias);

}  // namespace norm
}  // namespace pynn
