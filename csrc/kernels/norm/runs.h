// Runs of contiguous elements with one mean and deviation.
#pragma once
#include "kernels/norm/norm.h"
#include "simd/vec.h"

// Behind a lambda's parameters: one that is not inlined keeps its accumulators in memory.
#define PYNN_LAMBDA __attribute__((always_inline))

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace norm {

using ::pynn::norm::Affine;
using ::pynn::norm::Affines;
using ::pynn::norm::Gradient;
using ::pynn::norm::Gradients;
using ::pynn::norm::In;
using ::pynn::norm::Kernels;
using ::pynn::norm::LayerBackward;
using ::pynn::norm::LayerForward;
using ::pynn::norm::Moments;
using ::pynn::norm::Out;
using ::pynn::norm::Sums;

template <class T>
PYNN_INLINE Vec<T> load_or(const T* p, int n, Vec<T> rest) {
  return select(first_n<T>(n), load_n(p, n), rest);
}

// full(i, k) for whole vectors from element i, k = 0..3 in turn (the accumulator to use), tail(i, n) for the rest.
template <class T, class Full, class Tail>
PYNN_INLINE void in_fours(int64_t n, const Full& full, const Tail& tail) {
  constexpr int kLanes = Vec<T>::lanes;
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    full(i, 0);
    full(i + kLanes, 1);
    full(i + 2 * kLanes, 2);
    full(i + 3 * kLanes, 3);
  }
  if (i + 2 * kLanes <= n) {
    full(i, 0);
    full(i + kLanes, 1);
    i += 2 * kLanes;
  }
  if (i + kLanes <= n) {
    full(i, 2);
    i += kLanes;
  }
  if (i < n) tail(i, int(n - i));
}

template <class T>
PYNN_INLINE double total(const Vec<T>* a) {
  return double(reduce_add((a[0] + a[1]) + (a[2] + a[3])));
}

// Of at most kBlock elements. The first mean is off by the rounding of the sum; the deviations from it say by
// how much, so that neither a large mean nor a long run costs digits.
template <class T>
PYNN_INLINE Moments block_moments(In<T> x, int64_t runs, int64_t length) {
  typedef Vec<T> V;
  V sum[4] = {zero<T>(), zero<T>(), zero<T>(), zero<T>()};
  for (int64_t r = 0; r < runs; ++r) {
    const T* p = x.data + r * x.stride;
    in_fours<T>(
        length, [&](int64_t i, int k) PYNN_LAMBDA { sum[k] = sum[k] + load(p + i); },
        [&](int64_t i, int n) PYNN_LAMBDA { sum[3] = sum[3] + load_n(p + i, n); });
  }
  const double count = double(runs * length);
  const T middle = T(total(sum) / count);
  const V m = set1(middle);
  V off[4] = {zero<T>(), zero<T>(), zero<T>(), zero<T>()}, square[4] = {off[0], off[0], off[0], off[0]};
  const auto add = [&](V value, int k) PYNN_LAMBDA {
    const V d = value - m;
    off[k] = off[k] + d;
    square[k] = fma(d, d, square[k]);
  };
  for (int64_t r = 0; r < runs; ++r) {
    const T* p = x.data + r * x.stride;
    in_fours<T>(
        length, [&](int64_t i, int k) PYNN_LAMBDA { add(load(p + i), k); },
        [&](int64_t i, int n) PYNN_LAMBDA { add(load_or(p + i, n, m), 3); });
  }
  const double drift = total(off), spread = total(square) - drift * (drift / count);
  return {count, double(middle) + drift / count, spread < 0 ? 0 : spread};
}

template <class T>
Moments moments(In<T> x, int64_t runs, int64_t length) {
  return block_moments(x, runs, length);
}

// Of a row of any length.
template <class T>
PYNN_INLINE Moments row_moments(const T* x, int64_t length) {
  if (length <= ::pynn::norm::kBlock) return block_moments(In<T>{x, 0}, 1, length);
  Moments all = {0, 0, 0};
  for (int64_t i = 0; i < length; i += ::pynn::norm::kBlock) {
    const int64_t n = length - i < ::pynn::norm::kBlock ? length - i : ::pynn::norm::kBlock;
    all.add(moments(In<T>{x + i, 0}, 1, n));
  }
  return all;
}

// ---- y = (x - shift) * scale + offset ----

template <class T>
struct AffineVectors {
  Vec<T> shift, scale, offset;
  PYNN_INLINE explicit AffineVectors(const Affine<T>& a)
      : shift(set1(a.shift)), scale(set1(a.scale)), offset(set1(a.offset)) {}
  PYNN_INLINE AffineVectors(Vec<T> shift, Vec<T> scale, Vec<T> offset)
      : shift(shift), scale(scale), offset(offset) {}
  PYNN_INLINE Vec<T> operator()(Vec<T> x) const { return fma(x - shift, scale, offset); }
  // g where the value is above 0 or NaN, as torch's ReLU passes it on.
  PYNN_INLINE Vec<T> pass(Vec<T> g, Vec<T> x) const {
    return select((*this)(x) <= zero<T>(), zero<T>(), g);
  }
};

template <class T>
PYNN_INLINE Vec<T> rectified(Vec<T> y) {
  return select(y < zero<T>(), zero<T>(), y);
}

template <class T, bool kRelu>
PYNN_INLINE void affine_run(const T* x, T* y, int64_t length, const AffineVectors<T>& a, int64_t ahead) {
  const auto value = [&](Vec<T> v) PYNN_LAMBDA { return kRelu ? rectified(a(v)) : a(v); };
  in_fours<T>(
      length,
      [&](int64_t i, int) PYNN_LAMBDA {
        __builtin_prefetch(x + i + ahead, 0, 2);
        __builtin_prefetch(y + i + ahead, 1, 2);
        store(y + i, value(load(x + i)));
      },
      [&](int64_t i, int n) PYNN_LAMBDA { store_n(y + i, value(load_n(x + i, n)), n); });
}

template <class T>
void affine(In<T> x, Out<T> y, int64_t runs, int64_t length, Affine<T> a, bool relu, int64_t ahead) {
  const AffineVectors<T> v(a);
  for (int64_t r = 0; r < runs; ++r) {
    const T* from = x.data + r * x.stride;
    T* to = y.data + r * y.stride;
    relu ? affine_run<T, true>(from, to, length, v, ahead)
         : affine_run<T, false>(from, to, length, v, ahead);
  }
}

template <class T>
void affine_each(In<T> x, Out<T> y, int64_t runs, int64_t length, Affines<T> a, bool relu) {
  for (int64_t r = 0; r < runs; ++r) {
    const AffineVectors<T> v({a.shift[r], a.scale[r], a.offset[r]});
    const T* from = x.data + r * x.stride;
    T* to = y.data + r * y.stride;
    relu ? affine_run<T, true>(from, to, length, v, 0) : affine_run<T, false>(from, to, length, v, 0);
  }
}

// ---- backward ----

template <class T, bool kRelu>
PYNN_INLINE Sums block_sums(In<T> g, In<T> x, int64_t runs, int64_t length, T shift, const Affine<T>* relu) {
  typedef Vec<T> V;
  const V m = set1(shift);
  const AffineVectors<T> forward(kRelu ? *relu : Affine<T>{0, 0, 0});
  V sum[4] = {zero<T>(), zero<T>(), zero<T>(), zero<T>()}, product[4] = {sum[0], sum[0], sum[0], sum[0]};
  const auto add = [&](V gv, V xv, int k) PYNN_LAMBDA {
    if (kRelu) gv = forward.pass(gv, xv);
    sum[k] = sum[k] + gv;
    product[k] = fma(gv, xv - m, product[k]);
  };
  for (int64_t r = 0; r < runs; ++r) {
    const T *gp = g.data + r * g.stride, *xp = x.data + r * x.stride;
    in_fours<T>(
        length, [&](int64_t i, int k) PYNN_LAMBDA { add(load(gp + i), load(xp + i), k); },
        [&](int64_t i, int n) PYNN_LAMBDA { add(load_n(gp + i, n), load_or(xp + i, n, m), 3); });
  }
  return {total(sum), total(product)};
}

template <class T>
Sums sums(In<T> g, In<T> x, int64_t runs, int64_t length, T shift, const Affine<T>* relu) {
  return relu != nullptr ? block_sums<T, true>(g, x, runs, length, shift, relu)
                         : block_sums<T, false>(g, x, runs, length, shift, relu);
}

template <class T, bool kRelu>
PYNN_INLINE void gradient_runs(In<T> g, In<T> x, Out<T> dx, int64_t runs, int64_t length, Gradient<T> d,
                               const Affine<T>* relu, int64_t ahead) {
  typedef Vec<T> V;
  const V shift = set1(d.shift), scale = set1(d.scale), slope = set1(d.slope), offset = set1(d.offset);
  const AffineVectors<T> forward(kRelu ? *relu : Affine<T>{0, 0, 0});
  const auto value = [&](V gv, V xv) PYNN_LAMBDA {
    if (kRelu) gv = forward.pass(gv, xv);
    return fma(gv, scale, fma(xv - shift, slope, offset));
  };
  for (int64_t r = 0; r < runs; ++r) {
    const T *gp = g.data + r * g.stride, *xp = x.data + r * x.stride;
    T* to = dx.data + r * dx.stride;
    in_fours<T>(
        length,
        [&](int64_t i, int) PYNN_LAMBDA {
          __builtin_prefetch(gp + i + ahead, 0, 2);
          __builtin_prefetch(xp + i + ahead, 0, 2);
          __builtin_prefetch(to + i + ahead, 1, 2);
          store(to + i, value(load(gp + i), load(xp + i)));
        },
        [&](int64_t i, int n) PYNN_LAMBDA { store_n(to + i, value(load_n(gp + i, n), load_n(xp + i, n)), n); });
  }
}

template <class T>
void gradient(In<T> g, In<T> x, Out<T> dx, int64_t runs, int64_t length, Gradient<T> d,
              const Affine<T>* relu, int64_t ahead) {
  relu != nullptr ? gradient_runs<T, true>(g, x, dx, runs, length, d, relu, ahead)
                  : gradient_runs<T, false>(g, x, dx, runs, length, d, relu, ahead);
}

}  // namespace norm
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
