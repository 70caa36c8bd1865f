// Panels of float32 and float64: rows in four vectors of partial results, columns eight rows at a time.
#pragma once
#include "kernels/reduction/reduction.h"
#include "simd/vec.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace reduction {

using ::pynn::reduction::kBlock;
using ::pynn::reduction::Kernels;
using ::pynn::reduction::Panel;

// ---- what is done with an element: step() by vector, scalar() one at a time ----

template <class T>
struct Adding {
  static constexpr bool kZeroIsNeutral = true;
  static constexpr double kFirst = 0;
  static PYNN_INLINE Vec<T> start() { return zero<T>(); }
  static PYNN_INLINE Vec<T> merge(Vec<T> a, Vec<T> b) { return a + b; }
  static PYNN_INLINE double collect(Vec<T> a) { return double(reduce_add(a)); }
  static double join(double a, double b) { return a + b; }
};

template <class T>
struct Sum : Adding<T> {
  static PYNN_INLINE Vec<T> step(Vec<T> a, Vec<T> x, double) { return a + x; }
  static PYNN_INLINE double scalar(double a, double x, double) { return a + x; }
};
template <class T>
struct SumAbs : Adding<T> {
  static PYNN_INLINE Vec<T> step(Vec<T> a, Vec<T> x, double) { return a + abs(x); }
  static PYNN_INLINE double scalar(double a, double x, double) { return a + __builtin_fabs(x); }
};
template <class T>
struct SumSquares : Adding<T> {
  static PYNN_INLINE Vec<T> step(Vec<T> a, Vec<T> x, double) { return fma(x, x, a); }
  static PYNN_INLINE double scalar(double a, double x, double) { return a + x * x; }
};
template <class T>
struct SumPowers : Adding<T> {
  static constexpr bool kZeroIsNeutral = false;  // 0 to a negative power is infinite
  static PYNN_INLINE Vec<T> step(Vec<T> a, Vec<T> x, double p) {
    for (int i = 0; i < Vec<T>::lanes; ++i) a.v[i] += T(__builtin_pow(__builtin_fabs(double(x.v[i])), p));
    return a;
  }
  static PYNN_INLINE double scalar(double a, double x, double p) {
    return a + __builtin_pow(__builtin_fabs(x), p);
  }
};
template <class T>
struct Nonzero : Adding<T> {
  static PYNN_INLINE Vec<T> step(Vec<T> a, Vec<T> x, double) {
    return a + select(x != zero<T>(), set1(T(1)), zero<T>());
  }
  static PYNN_INLINE double scalar(double a, double x, double) { return a + (x != 0 ? 1 : 0); }
};

// The largest (or smallest), NaN before all numbers.
template <class T, bool kLargest, bool kMagnitude>
struct Extreme {
  static constexpr bool kZeroIsNeutral = false;
  static constexpr double kFirst = kLargest ? -__builtin_inf() : __builtin_inf();
  static PYNN_INLINE Vec<T> start() { return set1(T(kFirst)); }
  static PYNN_INLINE Vec<T> merge(Vec<T> a, Vec<T> x) {
    return select((kLargest ? x > a : x < a) | (x != x), x, a);
  }
  static PYNN_INLINE Vec<T> step(Vec<T> a, Vec<T> x, double) { return merge(a, kMagnitude ? abs(x) : x); }
  static double join(double a, double x) { return (kLargest ? x > a : x < a) || x != x ? x : a; }
  static PYNN_INLINE double scalar(double a, double x, double) {
    return join(a, kMagnitude ? __builtin_fabs(x) : x);
  }
  static PYNN_INLINE double collect(Vec<T> a) {
    double out = double(a[0]);
    for (int i = 1; i < Vec<T>::lanes; ++i) out = join(out, double(a[i]));
    return out;
  }
};

// ---- rows ----

template <class O, class T>
PYNN_INLINE double block(int64_t n, const T* x, double p) {
  typedef Vec<T> V;
  V a = O::start(), b = a, c = a, d = a;
  int64_t i = 0;
  for (; i + 4 * V::lanes <= n; i += 4 * V::lanes) {
    a = O::step(a, load(x + i), p);
    b = O::step(b, load(x + i + V::lanes), p);
    c = O::step(c, load(x + i + 2 * V::lanes), p);
    d = O::step(d, load(x + i + 3 * V::lanes), p);
  }
  for (; i + V::lanes <= n; i += V::lanes) a = O::step(a, load(x + i), p);
  if (i < n) {
    const int left = int(n - i);
    const V tail = O::step(b, load_n(x + i, left), p);
    b = O::kZeroIsNeutral ? tail : select(first_n<T>(left), tail, b);
  }
  return O::collect(O::merge(O::merge(a, b), O::merge(c, d)));
}

template <class O, class T>
void rows(int64_t rows, int64_t row_stride, int64_t n, int64_t stride, const T* x, double p, double* out) {
  if (stride == 1 && n <= Vec<T>::lanes) {  // in one vector each
    for (int64_t r = 0; r < rows; ++r) {
      const Vec<T> v = O::step(O::start(), load_n(x + r * row_stride, int(n)), p);
      out[r] = O::collect(O::kZeroIsNeutral ? v : select(first_n<T>(int(n)), v, O::start()));
    }
    return;
  }
  for (int64_t r = 0; r < rows; ++r) {
    const T* row = x + r * row_stride;
    double total = O::kFirst;
    if (stride == 1) {
      for (int64_t at = 0; at < n; at += kBlock) {
        const int64_t count = n - at < kBlock ? n - at : kBlock;
        total = O::join(total, block<O>(count, row + at, p));
      }
    } else {
      double a = total, b = total, c = total, d = total;
      int64_t i = 0;
      for (; i + 4 <= n; i += 4) {
        a = O::scalar(a, double(row[i * stride]), p);
        b = O::scalar(b, double(row[(i + 1) * stride]), p);
        c = O::scalar(c, double(row[(i + 2) * stride]), p);
        d = O::scalar(d, double(row[(i + 3) * stride]), p);
      }
      for (; i < n; ++i) a = O::scalar(a, double(row[i * stride]), p);
      total = O::join(O::join(a, b), O::join(c, d));
    }
    out[r] = total;
  }
}

// ---- columns ----

// Columns whose partial results stay in the first-level cache, and rows that are added in lanes of T.
constexpr int64_t kStrip = 1024;
constexpr int64_t kDeep = 128;

template <class O, class T, class Get>
PYNN_INLINE Vec<T> eight_rows(const Get& get, Vec<T> a, double p) {
  Vec<T> b = O::step(O::start(), get(1), p);
  a = O::step(a, get(0), p);
  a = O::step(a, get(2), p);
  b = O::step(b, get(3), p);
  a = O::step(a, get(4), p);
  b = O::step(b, get(5), p);
  a = O::step(a, get(6), p);
  b = O::step(b, get(7), p);
  return O::merge(a, b);
}

// part[j] over `rows` rows; lanes of part beyond `columns` hold anything.
template <class O, class T>
PYNN_INLINE void strip(int64_t rows, int64_t row_stride, int64_t columns, const T* x, double p, T* part) {
  typedef Vec<T> V;
  for (int64_t j = 0; j < columns; j += V::lanes) store(part + j, O::start());
  int64_t i = 0;
  for (; i + 8 <= rows; i += 8) {
    const T* from = x + i * row_stride;
    int64_t j = 0;
    for (; j + V::lanes <= columns; j += V::lanes) {
      store(part + j,
            eight_rows<O, T>([&](int k) { return load(from + k * row_stride + j); }, load(part + j), p));
    }
    if (j < columns) {
      const int left = int(columns - j);
      store(part + j, eight_rows<O, T>([&](int k) { return load_n(from + k * row_stride + j, left); },
                                       load(part + j), p));
    }
  }
  for (; i < rows; ++i) {
    const T* from = x + i * row_stride;
    int64_t j = 0;
    for (; j + V::lanes <= columns; j += V::lanes)
      store(part + j, O::step(load(part + j), load(from + j), p));
    if (j < columns) store(part + j, O::step(load(part + j), load_n(from + j, int(columns - j)), p));
  }
}

template <class O, class T>
void columns(int64_t rows, int64_t row_stride, int64_t columns, int64_t stride, const T* x, double p,
             double* acc) {
  if (stride != 1) {
    for (int64_t i = 0; i < rows; ++i) {
      const T* row = x + i * row_stride;
      for (int64_t j = 0; j < columns; ++j) acc[j] = O::scalar(acc[j], double(row[j * stride]), p);
    }
    return;
  }
  alignas(64) T part[kStrip];
  for (int64_t first = 0; first < columns; first += kStrip) {
    const int64_t wide = columns - first < kStrip ? columns - first : kStrip;
    for (int64_t i = 0; i < rows; i += kDeep) {
      const int64_t deep = rows - i < kDeep ? rows - i : kDeep;
      strip<O>(deep, row_stride, wide, x + i * row_stride + first, p, part);
      for (int64_t j = 0; j < wide; ++j) acc[first + j] = O::join(acc[first + j], double(part[j]));
    }
  }
}

// ---- products: in float64 throughout, whose range float32's intermediate products do not leave so soon ----

inline double join_product(double a, double b) { return a * b; }

template <class T>
void product_rows(int64_t rows, int64_t row_stride, int64_t n, int64_t stride, const T* x, double,
                  double* out) {
  constexpr int kWays = 8;
  for (int64_t r = 0; r < rows; ++r) {
    const T* row = x + r * row_stride;
    double part[kWays];
    for (double& one : part) one = 1;
    int64_t i = 0;
    if (stride == 1) {
      for (; i + kWays <= n; i += kWays) {
        for (int k = 0; k < kWays; ++k) part[k] *= double(row[i + k]);
      }
    }
    for (; i < n; ++i) part[0] *= double(row[i * stride]);
    out[r] = ((part[0] * part[1]) * (part[2] * part[3])) * ((part[4] * part[5]) * (part[6] * part[7]));
  }
}

template <class T>
void product_columns(int64_t rows, int64_t row_stride, int64_t columns, int64_t stride, const T* x, double,
                     double* acc) {
  for (int64_t i = 0; i < rows; ++i) {
    const T* row = x + i * row_stride;
    if (stride == 1) {
      for (int64_t j = 0; j < columns; ++j) acc[j] *= double(row[j]);
    } else {
      for (int64_t j = 0; j < columns; ++j) acc[j] *= double(row[j * stride]);
    }
  }
}

template <class O, class T>
constexpr Panel<T> panel_of() {
  return {&O::join, O::kFirst, &rows<O, T>, &columns<O, T>};
}
template <class T>
constexpr Kernels<T> float_panels() {
  return {{panel_of<Sum<T>, T>(),
           panel_of<SumAbs<T>, T>(),
           panel_of<SumSquares<T>, T>(),
           panel_of<SumPowers<T>, T>(),
           panel_of<Nonzero<T>, T>(),
           {&join_product, 1, &product_rows<T>, &product_columns<T>},
           panel_of<Extreme<T, true, false>, T>(),
           panel_of<Extreme<T, false, false>, T>(),
           panel_of<Extreme<T, true, true>, T>(),
           panel_of<Extreme<T, false, true>, T>()}};
}

}  // namespace reduction
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
