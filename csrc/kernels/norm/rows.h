// Rows with a mean and deviation each, and a weight and bias a column.
#pragma once
#include "kernels/norm/runs.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace norm {

template <class T>
PYNN_INLINE double mean_square(const T* x, int64_t cols) {
  typedef Vec<T> V;
  double all = 0;
  for (int64_t start = 0; start < cols; start += ::pynn::norm::kBlock) {
    const int64_t n = cols - start < ::pynn::norm::kBlock ? cols - start : ::pynn::norm::kBlock;
    const T* p = x + start;
    V square[4] = {zero<T>(), zero<T>(), zero<T>(), zero<T>()};
    in_fours<T>(
        n,
        [&](int64_t i, int k) PYNN_LAMBDA {
          const V v = load(p + i);
          square[k] = fma(v, v, square[k]);
        },
        [&](int64_t i, int left) PYNN_LAMBDA {
          const V v = load_n(p + i, left);
          square[3] = fma(v, v, square[3]);
        });
    all += total(square);
  }
  return all / double(cols);
}

// kWeight, kBias: whether there are any.
template <class T, bool kWeight, bool kBias>
PYNN_INLINE void affine_row(const T* x, T* y, int64_t cols, const AffineVectors<T>& a, const T* weight,
                            const T* bias) {
  typedef Vec<T> V;
  in_fours<T>(
      cols,
      [&](int64_t i, int) PYNN_LAMBDA {
        V v = a(load(x + i));
        if (kWeight) v = kBias ? fma(v, load(weight + i), load(bias + i)) : v * load(weight + i);
        if (!kWeight && kBias) v = v + load(bias + i);
        store(y + i, v);
      },
      [&](int64_t i, int n) PYNN_LAMBDA {
        V v = a(load_n(x + i, n));
        if (kWeight) v = v * load_n(weight + i, n);
        if (kBias) v = v + load_n(bias + i, n);
        store_n(y + i, v, n);
      });
}

template <class T, bool kRms>
void layer(int64_t first, int64_t last, const LayerForward<T>& f) {
  for (int64_t r = first; r < last; ++r) {
    const T* x = f.x.data + r * f.x.stride;
    T* y = f.y.data + r * f.y.stride;
    Affine<T> a = {0, 0, 0};
    if (kRms) {
      a.scale = T(1 / __builtin_sqrt(mean_square(x, f.cols) + f.eps));
    } else {
      const Moments m = row_moments(x, f.cols);
      const double rstd = 1 / __builtin_sqrt(m.squares / m.count + f.eps);
      a.shift = T(m.mean);
      a.scale = T(rstd);
      a.offset = T((double(a.shift) - m.mean) * rstd);  // what rounding the mean left
      f.mean[r * f.stat_stride] = a.shift;
      f.rstd[r * f.stat_stride] = a.scale;
    }
    const AffineVectors<T> v(a);
    if (f.weight != nullptr) {
      f.bias != nullptr ? affine_row<T, true, true>(x, y, f.cols, v, f.weight, f.bias)
                        : affine_row<T, true, false>(x, y, f.cols, v, f.weight, f.bias);
    } else {
      f.bias != nullptr ? affine_row<T, false, true>(x, y, f.cols, v, f.weight, f.bias)
                        : affine_row<T, false, false>(x, y, f.cols, v, f.weight, f.bias);
    }
  }
}

// What one row's gradient is made of: dx = gw * scale + (x - shift) * slope + offset with gw = g * weight.
template <class T>
struct RowGradient {
  Vec<T> shift, rstd, slope, offset, drift;  // drift: -rstd times what rounding the mean to T left
};

template <class T, bool kRms, bool kWeight>
PYNN_INLINE RowGradient<T> row_gradient(const T* g, const T* x, const LayerBackward<T>& b, T mean, T saved) {
  typedef Vec<T> V;
  const V shift = set1(mean);
  double sum = 0, product = 0, other = 0;  // other: of squares, or of deviations from the mean
  for (int64_t start = 0; start < b.cols; start += ::pynn::norm::kBlock) {
    const int64_t n = b.cols - start < ::pynn::norm::kBlock ? b.cols - start : ::pynn::norm::kBlock;
    const T *gp = g + start, *xp = x + start, *wp = kWeight ? b.weight + start : nullptr;
    V s[4] = {zero<T>(), zero<T>(), zero<T>(), zero<T>()}, p[4] = {s[0], s[0], s[0], s[0]},
      q[4] = {s[0], s[0], s[0], s[0]};
    const auto add = [&](V gv, V d, int k) PYNN_LAMBDA {
      if (kRms) {
        q[k] = fma(d, d, q[k]);
      } else {
        s[k] = s[k] + gv;
        q[k] = q[k] + d;
      }
      p[k] = fma(gv, d, p[k]);
    };
    in_fours<T>(
        n,
        [&](int64_t i, int k) PYNN_LAMBDA {
          const V gv = kWeight ? load(gp + i) * load(wp + i) : load(gp + i);
          add(gv, kRms ? load(xp + i) : load(xp + i) - shift, k);
        },
        [&](int64_t i, int left) PYNN_LAMBDA {
          const V gv = kWeight ? load_n(gp + i, left) * load_n(wp + i, left) : load_n(gp + i, left);
          add(gv, kRms ? load_n(xp + i, left) : load_or(xp + i, left, shift) - shift, 3);
        });
    sum += total(s);
    product += total(p);
    other += total(q);
  }
  const double count = double(b.cols);
  const double rstd = kRms ? 1 / __builtin_sqrt(other / count + b.eps) : double(saved);
  const double left = kRms ? 0 : other / count;
  const double slope = -rstd * rstd * rstd * (product - left * sum) / count;
  return {shift, set1(T(rstd)), set1(T(slope)), set1(T(-rstd * sum / count - slope * left)),
          set1(T(-rstd * left))};
}

template <class T, bool kRms, bool kWeight>
PYNN_INLINE void layer_backward_rows(int64_t first, int64_t last, const LayerBackward<T>& b) {
  typedef Vec<T> V;
  constexpr int kLanes = V::lanes, kRows = 4;  // rows that share a visit to the parameters' sums
  for (int64_t r = first; r < last; r += kRows) {
    const int rows = last - r < kRows ? int(last - r) : kRows;
    RowGradient<T> d[kRows];
    const T *g[kRows], *x[kRows];
    T* dx[kRows];
    for (int j = 0; j < rows; ++j) {
      g[j] = b.g.data + (r + j) * b.g.stride;
      x[j] = b.x.data + (r + j) * b.x.stride;
      dx[j] = b.dx.data != nullptr ? b.dx.data + (r + j) * b.dx.stride : nullptr;
      const int64_t at = (r + j) * b.stat_stride;
      d[j] = row_gradient<T, kRms, kWeight>(g[j], x[j], b, kRms ? T(0) : b.mean[at], kRms ? T(0) : b.rstd[at]);
    }
    const auto column = [&](int64_t i, int n) PYNN_LAMBDA {
      const bool full = n == kLanes;
      const V w = !kWeight ? set1(T(1)) : full ? load(b.weight + i) : load_n(b.weight + i, n);
      V gw = zero<T>(), gb = zero<T>();
      const auto row = [&](int j) PYNN_LAMBDA {
        const V gv = full ? load(g[j] + i) : load_n(g[j] + i, n);
        const V xv = full ? load(x[j] + i) : load_n(x[j] + i, n);
        const V off = kRms ? xv : xv - d[j].shift;
        gb = gb + gv;
        gw = fma(gv, kRms ? off * d[j].rstd : fma(off, d[j].rstd, d[j].drift), gw);
        if (dx[j] == nullptr) return;
        const V inner = kRms ? off * d[j].slope : fma(off, d[j].slope, d[j].offset);
        const V value = fma(kWeight ? gv * w : gv, d[j].rstd, inner);
        full ? store(dx[j] + i, value) : store_n(dx[j] + i, value, n);
      };
      if (rows == kRows) {
        row(0);
        row(1);
        row(2);
        row(3);
      } else {
        for (int j = 0; j < rows; ++j) row(j);
      }
      if (b.weight_sums != nullptr) {
        T* to = b.weight_sums + i;
        full ? store(to, load(to) + gw) : store_n(to, load_n(to, n) + gw, n);
      }
      if (b.bias_sums != nullptr) {
        T* to = b.bias_sums + i;
        full ? store(to, load(to) + gb) : store_n(to, load_n(to, n) + gb, n);
      }
    };
    int64_t i = 0;
    for (; i + kLanes <= b.cols; i += kLanes) column(i, kLanes);
    if (i < b.cols) column(i, int(b.cols - i));
  }
}

template <class T, bool kRms>
void layer_backward(int64_t first, int64_t last, const LayerBackward<T>& b) {
  b.weight != nullptr ? layer_backward_rows<T, kRms, true>(first, last, b)
                      : layer_backward_rows<T, kRms, false>(first, last, b);
}

}  // namespace norm
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
