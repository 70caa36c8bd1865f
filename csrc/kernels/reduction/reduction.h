// Reductions over any dimensions: the variants' table and the loops around it.
#pragma once
#include <cstdint>

#include "pynn/pynn.h"

namespace pynn {
namespace reduction {

// Elements added in lanes of their own type before they go to the accumulator, which is wider.
constexpr int64_t kBlock = 2048;

// What the kernels accumulate; what is made of it in the end (a mean, a root) is finish()'s.
enum Op { kSum, kSumAbs, kSumSquares, kSumPowers, kNonzero, kProduct, kMax, kMin, kMaxAbs, kMinAbs, kOps };

// float64 for the floating types, int64 for bool and the integers.
template <class T>
struct AccumulatorOf {
  typedef int64_t Type;
};
template <>
struct AccumulatorOf<float> {
  typedef double Type;
};
template <>
struct AccumulatorOf<double> {
  typedef double Type;
};
template <class T>
using Accumulator = typename AccumulatorOf<T>::Type;

// Strides count elements. p is the exponent of kSumPowers.
template <class T>
struct Panel {
  typedef Accumulator<T> A;
  A (*join)(A a, A b);
  A first;  // the accumulator of no elements
  // out[r] = all of x[r * row_stride + i * stride], i < n
  void (*rows)(int64_t rows, int64_t row_stride, int64_t n, int64_t stride, const T* x, double p, A* out);
  // acc[j] = acc[j] and all of x[i * row_stride + j * stride], i < rows
  void (*columns)(int64_t rows, int64_t row_stride, int64_t columns, int64_t stride, const T* x, double p,
                  A* acc);
};
template <class T>
struct Kernels {
  Panel<T> op[kOps];
};

// Of float32 and float64 only. [0] is for the largest element, [1] for the smallest; NaN is either.
template <class T>
struct FloatKernels {
  // The first place of the extreme element of each of `rows` contiguous rows, and its value (may be null).
  void (*arg_rows[2])(int64_t rows, int64_t n, const T* x, int64_t* place, T* value);
  // The same of `columns` columns, `width` elements apart from row to row.
  void (*arg_columns[2])(int64_t n, int64_t width, int64_t columns, const T* x, int64_t* place, T* value);
  // *sum = sum(x - shift), *squares = sum((x - shift)^2)
  void (*moments)(int64_t n, const T* x, T shift, double* sum, double* squares);
  // The same by column, added to what sum and squares hold.
  void (*column_moments)(int64_t n, int64_t width, int64_t columns, const T* x, const T* shift, double* sum,
                         double* squares);
  // out = (x - shift) * scale, of one row with one shift and scale, or of rows with one for each column
  void (*centre)(int64_t n, const T* x, T shift, T scale, T* out);
  void (*centre_columns)(int64_t n, int64_t width, int64_t columns, const T* x, const T* shift,
                         const T* scale, T* out);
  // dx[i] = x[i] == best ? share : 0; and how many x[i] == best
  void (*mark)(int64_t n, const T* x, T best, T share, T* dx);
  int64_t (*count_equal)(int64_t n, const T* x, T best);
  void (*scale)(int64_t n, T factor, T* x);
  void (*fill)(int64_t n, T value, T* x);
};

struct Table {
  const char* isa;
  Kernels<float> f32;
  Kernels<double> f64;
  Kernels<uint8_t> u8;
  Kernels<int8_t> i8;
  Kernels<int16_t> i16;
  Kernels<int32_t> i32;
  Kernels<int64_t> i64;
  FloatKernels<float> float32;
  FloatKernels<double> float64;
};

const Table& table();  // of the ISA in use

inline const Kernels<float>& kernels_of(const float*) { return table().f32; }
inline const Kernels<double>& kernels_of(const double*) { return table().f64; }
inline const Kernels<uint8_t>& kernels_of(const uint8_t*) { return table().u8; }
inline const Kernels<int8_t>& kernels_of(const int8_t*) { return table().i8; }
inline const Kernels<int16_t>& kernels_of(const int16_t*) { return table().i16; }
inline const Kernels<int32_t>& kernels_of(const int32_t*) { return table().i32; }
inline const Kernels<int64_t>& kernels_of(const int64_t*) { return table().i64; }
inline const FloatKernels<float>& float_kernels_of(const float*) { return table().float32; }
inline const FloatKernels<double>& float_kernels_of(const double*) { return table().float64; }

// x over one shape with strides in elements, and the output's, which are 0 where a dimension is reduced.
struct Strided {
  int ndim;
  int64_t shape[PYNN_MAX_DIMS];
  int64_t x_strides[PYNN_MAX_DIMS];
  int64_t out_strides[PYNN_MAX_DIMS];
};

// Makes an output element of its accumulator.
template <class A>
struct Finish {
  void (*store)(const Finish& finish, int64_t count, const A* acc, char* out, int64_t out_stride);
  double count;   // elements reduced into one
  double number;  // what else the operation needs
};

// No dimension is 0. NO_MEMORY is the only failure.
template <class T>
pynn_status reduce(Op op, double p, const Strided& layout, const T* x, char* out, int64_t out_item,
                   const Finish<Accumulator<T>>& finish);

// Row-major (outer, n, inner), reduced over n; the results are (outer, inner).
template <class T>
pynn_status extreme_place(bool smallest, int64_t outer, int64_t n, int64_t inner, const T* x, int64_t* place,
                          T* value);
// variance and mean may be null
template <class T>
pynn_status variance(int64_t outer, int64_t n, int64_t inner, const T* x, double correction, T* variance,
                     T* mean);
// dx = (x - mean) * grad * 2 / (n - correction)
template <class T>
pynn_status variance_backward(int64_t outer, int64_t n, int64_t inner, const T* x, const T* grad,
                              double correction, T* dx);
// dx = grad shared by the elements equal to `best`, 0 elsewhere
template <class T>
pynn_status extreme_backward(int64_t outer, int64_t n, int64_t inner, const T* x, const T* best,
                             const T* grad, T* dx);

// Over the elements of many tensors together.
template <class T>
pynn_status many(Op op, double p, int64_t count, const int64_t* sizes, const T* const* x, double* out);
template <class T>
pynn_status scale_many(int64_t count, const int64_t* sizes, T factor, T* const* x);
template <class T>
void fill(int64_t n, T value, T* x);

double sum(int64_t n, const float* x);

}  // namespace reduction
}  // namespace pynn
