// Cross-entropy with class indices: of planes, where the positions of a class are contiguous, and of rows, where
// the classes of a position are.
#pragma once
#include "kernels/loss/elementwise.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace loss {

using ::pynn::loss::ClassGradient;
using ::pynn::loss::Classes;

template <class T>
PYNN_INLINE T weight_of(const Classes<T>& c, int64_t k) {
  return c.weight != nullptr ? c.weight[k] : T(1);
}

// What the loss of one position is made of: maximum m, log(sum(exp(x - m))), sum(weight * (x - m)) over classes.
template <class T>
PYNN_INLINE T loss_of(const Classes<T>& c, int64_t target, T at_target, T most, T log_sum, T weighted) {
  const T value = weight_of(c, target) * (log_sum - (at_target - most));
  if (!(c.smoothing > 0)) return value;
  const T all = T(c.weight_total) * log_sum - weighted;
  return T(1 - c.smoothing) * value + T(c.smoothing / double(c.classes)) * all;
}

// How a position's gradient follows from its softmax p: p * scale - share * weight, less hit at the target.
template <class T>
struct Shares {
  T scale, share, hit;
};
template <class T>
PYNN_INLINE Shares<T> shares_of(const Classes<T>& c, const ClassGradient<T>& to, int64_t i) {
  const int64_t target = c.target[i];
  if (target == c.ignore_index) return {0, 0, 0};
  const double g = double(to.g[i * to.g_step]) / to.divisor;
  const double hit = g * (1 - c.smoothing) * double(weight_of(c, target));
  const double share = g * c.smoothing / double(c.classes);
  return {T(c.smoothing > 0 ? hit + share * c.weight_total : hit), T(share), T(hit)};
}

// ---- planes ----

constexpr int kPositions = 256;  // whose maxima and sums lie in L1 while all classes pass

// f(i, lanes) over `n` positions in vectors.
template <class T, class F>
PYNN_INLINE void over_positions(int n, const F& f) {
  constexpr int kLanes = Vec<T>::lanes;
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) f(i, kLanes);
  if (i < n) f(i, n - i);
}

template <class T>
PYNN_INLINE Vec<T> load_lanes(const T* p, int lanes) {
  return lanes == Vec<T>::lanes ? load(p) : load_n(p, lanes);
}

// most[i], and sums[i] = log(sum(exp(x - most))), of n positions at x; the lanes behind them hold anything.
template <class T>
PYNN_INLINE void plane_stats(const Classes<T>& c, const T* x, int n, T* most, T* sums) {
  typedef Vec<T> V;
  over_positions<T>(n, [&](int i, int) PYNN_LAMBDA {
    store(most + i, set1(T(-__builtin_inf())));
    store(sums + i, zero<T>());
  });
  for (int64_t k = 0; k < c.classes; ++k) {
    const T* p = x + k * c.channel;
    over_positions<T>(n, [&](int i, int lanes) PYNN_LAMBDA {
      store(most + i, max(load(most + i), load_lanes(p + i, lanes)));
    });
  }
  for (int64_t k = 0; k < c.classes; ++k) {
    const T* p = x + k * c.channel;
    over_positions<T>(n, [&](int i, int lanes) PYNN_LAMBDA {
      store(sums + i, load(sums + i) + exp(load_lanes(p + i, lanes) - load(most + i)));
    });
  }
  over_positions<T>(n, [&](int i, int) PYNN_LAMBDA { store(sums + i, log(V(load(sums + i)))); });
}

template <class T>
void plane_losses(const Classes<T>& c, int64_t n, int64_t first, int64_t last, T* out) {
  alignas(64) T most[kPositions], sums[kPositions], weighted[kPositions];
  for (int64_t start = first; start < last; start += kPositions) {
    const int count = last - start < kPositions ? int(last - start) : kPositions;
    const T* x = c.x + n * c.sample + start;
    plane_stats(c, x, count, most, sums);
    over_positions<T>(count, [&](int i, int) PYNN_LAMBDA { store(weighted + i, zero<T>()); });
    for (int64_t k = 0; c.smoothing > 0 && k < c.classes; ++k) {
      const T* p = x + k * c.channel;
      const Vec<T> w = set1(weight_of(c, k));
      over_positions<T>(count, [&](int i, int lanes) PYNN_LAMBDA {
        store(weighted + i, fma(w, load_lanes(p + i, lanes) - load(most + i), load(weighted + i)));
      });
    }
    for (int i = 0; i < count; ++i) {
      const int64_t at = n * c.inner + start + i, target = c.target[at];
      out[at] = target == c.ignore_index
                    ? T(0)
                    : loss_of(c, target, x[target * c.channel + i], most[i], sums[i], weighted[i]);
    }
  }
}

template <class T>
void plane_gradient(const Classes<T>& c, int64_t n, int64_t first, int64_t last, const ClassGradient<T>& to) {
  typedef Vec<T> V;
  alignas(64) T most[kPositions], sums[kPositions], scale[kPositions], share[kPositions], hit[kPositions];
  for (int64_t start = first; start < last; start += kPositions) {
    const int count = last - start < kPositions ? int(last - start) : kPositions;
    const T* x = c.x + n * c.sample + start;
    T* dx = to.dx + n * to.sample + start;
    plane_stats(c, x, count, most, sums);
    for (int i = 0; i < count; ++i) {
      const Shares<T> s = shares_of(c, to, n * c.inner + start + i);
      scale[i] = s.scale;
      share[i] = s.share;
      hit[i] = s.hit;
    }
    for (int64_t k = 0; k < c.classes; ++k) {
      const T* p = x + k * c.channel;
      T* q = dx + k * to.channel;
      const V w = set1(weight_of(c, k));
      over_positions<T>(count, [&](int i, int lanes) PYNN_LAMBDA {
        const V by = load_lanes(scale + i, lanes);
        const V e = exp(load_lanes(p + i, lanes) - load(most + i) - load(sums + i)) * by;
        const V v = select(by == zero<T>(), zero<T>(), e) - load_lanes(share + i, lanes) * w;
        lanes == V::lanes ? store(q + i, v) : store_n(q + i, v, lanes);
      });
    }
    for (int i = 0; i < count; ++i) {
      const int64_t target = c.target[n * c.inner + start + i];
      if (target != c.ignore_index) dx[target * to.channel + i] -= hit[i];
    }
  }
}

// ---- rows ----

template <class T>
PYNN_INLINE void row_stats(const T* x, int64_t classes, T* most, T* log_sum) {
  typedef Vec<T> V;
  constexpr int kLanes = V::lanes;
  V m = set1(T(-__builtin_inf()));
  int64_t i = 0;
  for (; i + kLanes <= classes; i += kLanes) m = max(m, load(x + i));
  if (i < classes) m = max(m, select(first_n<T>(int(classes - i)), load_n(x + i, int(classes - i)), m));
  *most = reduce_max(m);
  m = set1(*most);
  V sum = zero<T>();
  for (i = 0; i + kLanes <= classes; i += kLanes) sum = sum + exp(load(x + i) - m);
  if (i < classes) {
    const int left = int(classes - i);
    sum = sum + select(first_n<T>(left), exp(load_n(x + i, left) - m), zero<T>());
  }
  *log_sum = log(set1(reduce_add(sum)))[0];
}

template <class T>
void row_losses(const Classes<T>& c, int64_t, int64_t first, int64_t last, T* out) {
  for (int64_t r = first; r < last; ++r) {
    const int64_t target = c.target[r];
    out[r] = 0;
    if (target == c.ignore_index) continue;
    const T* x = c.x + r * c.sample;
    T most, log_sum, weighted = 0;
    row_stats(x, c.classes, &most, &log_sum);
    for (int64_t k = 0; c.smoothing > 0 && k < c.classes; ++k) weighted += weight_of(c, k) * (x[k] - most);
    out[r] = loss_of(c, target, x[target], most, log_sum, weighted);
  }
}

template <class T>
void row_gradient(const Classes<T>& c, int64_t, int64_t first, int64_t last, const ClassGradient<T>& to) {
  typedef Vec<T> V;
  constexpr int kLanes = V::lanes;
  for (int64_t r = first; r < last; ++r) {
    const T* x = c.x + r * c.sample;
    T* dx = to.dx + r * to.sample;
    const int64_t target = c.target[r];
    if (target == c.ignore_index) {
      for (int64_t k = 0; k < c.classes; ++k) dx[k] = 0;
      continue;
    }
    T most, log_sum;
    row_stats(x, c.classes, &most, &log_sum);
    const Shares<T> s = shares_of(c, to, r);
    const V m = set1(most), l = set1(log_sum), scale = set1(s.scale), share = set1(s.share), one = set1(T(1));
    int64_t i = 0;
    for (; i + kLanes <= c.classes; i += kLanes) {
      const V w = c.weight != nullptr ? load(c.weight + i) : one;
      store(dx + i, exp(load(x + i) - m - l) * scale - share * w);
    }
    if (i < c.classes) {
      const int left = int(c.classes - i);
      const V w = c.weight != nullptr ? load_n(c.weight + i, left) : one;
      store_n(dx + i, exp(load_n(x + i, left) - m - l) * scale - share * w, left);
    }
    dx[target] -= s.hit;
  }
}

}  // namespace loss
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
