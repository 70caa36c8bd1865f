// Matrices whose columns are the channels: strips of up to four vectors of columns, all rows of a strip in turn.
#pragma once
#include "kernels/norm/runs.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace norm {

// strip(first column, vectors, lanes of the last vector) over all columns; `vectors` is a compile-time 4 or 1.
template <int kCount>
struct Strip {
  static constexpr int count = kCount;
};
template <class T, class F>
PYNN_INLINE void over_strips(int64_t cols, const F& strip) {
  constexpr int kLanes = Vec<T>::lanes;
  int64_t c = 0;
  for (; c + 4 * kLanes <= cols; c += 4 * kLanes) strip(c, Strip<4>(), kLanes);
  for (; c < cols; c += kLanes) strip(c, Strip<1>(), cols - c < kLanes ? int(cols - c) : kLanes);
}

template <class T>
PYNN_INLINE Vec<T> load_lanes(const T* p, int lanes) {
  return lanes == Vec<T>::lanes ? load(p) : load_n(p, lanes);
}
template <class T>
PYNN_INLINE void store_lanes(T* p, Vec<T> v, int lanes) {
  lanes == Vec<T>::lanes ? store(p, v) : store_n(p, v, lanes);
}

template <class T>
void column_moments(In<T> x, int64_t rows, int64_t cols, int64_t before, double* mean, double* squares) {
  typedef Vec<T> V;
  constexpr int kLanes = V::lanes;
  const double count = double(rows), all = count + double(before), share = count / all,
               spread = double(before) * share;
  over_strips<T>(cols, [&](int64_t c, auto strip, int lanes) PYNN_LAMBDA {
    constexpr int K = decltype(strip)::count;
    V sum[K], off[K], square[K];
    PYNN_UNROLL
    for (int k = 0; k < K; ++k) sum[k] = off[k] = square[k] = zero<T>();
    for (int64_t r = 0; r < rows; ++r) {
      const T* p = x.data + r * x.stride + c;
      PYNN_UNROLL
      for (int k = 0; k < K; ++k) sum[k] = sum[k] + (K > 1 ? load(p + k * kLanes) : load_lanes(p, lanes));
    }
    V middle[K];
    const V each = set1(T(1 / count));
    PYNN_UNROLL
    for (int k = 0; k < K; ++k) middle[k] = sum[k] * each;
    for (int64_t r = 0; r < rows; ++r) {
      const T* p = x.data + r * x.stride + c;
      PYNN_UNROLL
      for (int k = 0; k < K; ++k) {
        const V d = (K > 1 ? load(p + k * kLanes) : load_lanes(p, lanes)) - middle[k];
        off[k] = off[k] + d;
        square[k] = fma(d, d, square[k]);
      }
    }
    T held[3][K * kLanes];
    PYNN_UNROLL
    for (int k = 0; k < K; ++k) {
      store(&held[0][k * kLanes], middle[k]);
      store(&held[1][k * kLanes], off[k]);
      store(&held[2][k * kLanes], square[k]);
    }
    const int found = K > 1 ? K * kLanes : lanes < kLanes ? lanes : kLanes;
    for (int j = 0; j < found; ++j) {
      const double drift = double(held[1][j]), own = double(held[0][j]) + drift / count;
      const double raw = double(held[2][j]) - drift * (drift / count), deviations = raw < 0 ? 0 : raw;
      if (before == 0) {
        mean[c + j] = own;
        squares[c + j] = deviations;
      } else {
        const double delta = own - mean[c + j];
        mean[c + j] += delta * share;
        squares[c + j] += deviations + delta * delta * spread;
      }
    }
  });
}

template <class T, bool kRelu>
PYNN_INLINE void strip_sums(In<T> g, In<T> x, int64_t rows, int64_t cols, const T* shift,
                            const Affines<T>* relu, double* sum_g, double* sum_gx) {
  typedef Vec<T> V;
  constexpr int kLanes = V::lanes;
  over_strips<T>(cols, [&](int64_t c, auto strip, int lanes) PYNN_LAMBDA {
    constexpr int K = decltype(strip)::count;
    V sum[K], product[K], m[K], scale[K], offset[K];
    PYNN_UNROLL
    for (int k = 0; k < K; ++k) {
      sum[k] = product[k] = zero<T>();
      m[k] = load_lanes(shift + c + k * kLanes, lanes);
      if (kRelu) {
        scale[k] = load_lanes(relu->scale + c + k * kLanes, lanes);
        offset[k] = load_lanes(relu->offset + c + k * kLanes, lanes);
      }
    }
    for (int64_t r = 0; r < rows; ++r) {
      const T *gp = g.data + r * g.stride + c, *xp = x.data + r * x.stride + c;
      PYNN_UNROLL
      for (int k = 0; k < K; ++k) {
        V gv = K > 1 ? load(gp + k * kLanes) : load_lanes(gp, lanes);
        const V d = (K > 1 ? load(xp + k * kLanes) : load_lanes(xp, lanes)) - m[k];
        if (kRelu) gv = select(fma(d, scale[k], offset[k]) <= zero<T>(), zero<T>(), gv);
        sum[k] = sum[k] + gv;
        product[k] = fma(gv, d, product[k]);
      }
    }
    T held[2][K * kLanes];
    PYNN_UNROLL
    for (int k = 0; k < K; ++k) {
      store(&held[0][k * kLanes], sum[k]);
      store(&held[1][k * kLanes], product[k]);
    }
    const int found = K > 1 ? K * kLanes : lanes < kLanes ? lanes : kLanes;
    for (int j = 0; j < found; ++j) {
      sum_g[c + j] += double(held[0][j]);
      sum_gx[c + j] += double(held[1][j]);
    }
  });
}

// The ReLU's shift is the statistics' own.
template <class T>
void column_sums(In<T> g, In<T> x, int64_t rows, int64_t cols, const T* shift, const Affines<T>* relu,
                 double* sum_g, double* sum_gx) {
  relu != nullptr ? strip_sums<T, true>(g, x, rows, cols, shift, relu, sum_g, sum_gx)
                  : strip_sums<T, false>(g, x, rows, cols, shift, relu, sum_g, sum_gx);
}

template <class T, bool kRelu>
PYNN_INLINE void strip_affine(In<T> x, Out<T> y, int64_t rows, int64_t cols, Affines<T> a) {
  typedef Vec<T> V;
  constexpr int kLanes = V::lanes;
  over_strips<T>(cols, [&](int64_t c, auto strip, int lanes) PYNN_LAMBDA {
    constexpr int K = decltype(strip)::count;
    V shift[K], scale[K], offset[K];
    PYNN_UNROLL
    for (int k = 0; k < K; ++k) {
      shift[k] = load_lanes(a.shift + c + k * kLanes, lanes);
      scale[k] = load_lanes(a.scale + c + k * kLanes, lanes);
      offset[k] = load_lanes(a.offset + c + k * kLanes, lanes);
    }
    for (int64_t r = 0; r < rows; ++r) {
      const T* from = x.data + r * x.stride + c;
      T* to = y.data + r * y.stride + c;
      PYNN_UNROLL
      for (int k = 0; k < K; ++k) {
        V v = K > 1 ? load(from + k * kLanes) : load_lanes(from, lanes);
        v = fma(v - shift[k], scale[k], offset[k]);
        if (kRelu) v = rectified(v);
        K > 1 ? store(to + k * kLanes, v) : store_lanes(to, v, lanes);
      }
    }
  });
}

template <class T>
void column_affine(In<T> x, Out<T> y, int64_t rows, int64_t cols, Affines<T> a, bool relu) {
  relu ? strip_affine<T, true>(x, y, rows, cols, a) : strip_affine<T, false>(x, y, rows, cols, a);
}

template <class T, bool kRelu>
PYNN_INLINE void strip_gradient(In<T> g, In<T> x, Out<T> dx, int64_t rows, int64_t cols, Gradients<T> d,
                                const Affines<T>* relu) {
  typedef Vec<T> V;
  constexpr int kLanes = V::lanes;
  over_strips<T>(cols, [&](int64_t c, auto strip, int lanes) PYNN_LAMBDA {
    constexpr int K = decltype(strip)::count;
    V shift[K], scale[K], slope[K], offset[K], forward[K], floor[K];
    PYNN_UNROLL
    for (int k = 0; k < K; ++k) {
      shift[k] = load_lanes(d.shift + c + k * kLanes, lanes);
      scale[k] = load_lanes(d.scale + c + k * kLanes, lanes);
      slope[k] = load_lanes(d.slope + c + k * kLanes, lanes);
      offset[k] = load_lanes(d.offset + c + k * kLanes, lanes);
      if (kRelu) {
        forward[k] = load_lanes(relu->scale + c + k * kLanes, lanes);
        floor[k] = load_lanes(relu->offset + c + k * kLanes, lanes);
      }
    }
    for (int64_t r = 0; r < rows; ++r) {
      const T *gp = g.data + r * g.stride + c, *xp = x.data + r * x.stride + c;
      T* to = dx.data + r * dx.stride + c;
      PYNN_UNROLL
      for (int k = 0; k < K; ++k) {
        V gv = K > 1 ? load(gp + k * kLanes) : load_lanes(gp, lanes);
        const V off = (K > 1 ? load(xp + k * kLanes) : load_lanes(xp, lanes)) - shift[k];
        if (kRelu) gv = select(fma(off, forward[k], floor[k]) <= zero<T>(), zero<T>(), gv);
        const V v = fma(gv, scale[k], fma(off, slope[k], offset[k]));
        K > 1 ? store(to + k * kLanes, v) : store_lanes(to, v, lanes);
      }
    }
  });
}

template <class T>
void column_gradient(In<T> g, In<T> x, Out<T> dx, int64_t rows, int64_t cols, Gradients<T> d,
                     const Affines<T>* relu) {
  relu != nullptr ? strip_gradient<T, true>(g, x, dx, rows, cols, d, relu)
                  : strip_gradient<T, false>(g, x, dx, rows, cols, d, relu);
}

}  // namespace norm
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
