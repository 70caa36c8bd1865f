// Losses of two tensors element by element (ops.h): the loops over all of them.
#pragma once
#include "kernels/loss/loss.h"
#include "kernels/loss/ops.h"

// Behind a lambda's parameters: one that is not inlined keeps its accumulators in memory.
#define PYNN_LAMBDA __attribute__((always_inline))

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace loss {

using ::pynn::loss::Elementwise;

template <class T>
PYNN_INLINE Vec<T> load_or(const T* p, int n, double rest) {
  return select(first_n<T>(n), load_n(p, n), set1(T(rest)));
}

template <class Loss, class T>
double total(int64_t n, const T* x, const T* y, const double* options) {
  typedef Vec<T> V;
  constexpr int kLanes = V::lanes;
  const typename Loss::template Of<T> loss(options);
  V sum[4] = {zero<T>(), zero<T>(), zero<T>(), zero<T>()};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    PYNN_UNROLL
    for (int k = 0; k < 4; ++k) {
      sum[k] = sum[k] + loss.value(load(x + i + k * kLanes), load(y + i + k * kLanes));
    }
  }
  for (; i + kLanes <= n; i += kLanes) sum[0] = sum[0] + loss.value(load(x + i), load(y + i));
  if (i < n) {
    const int left = int(n - i);
    const double rest = Loss::template Of<T>::rest;
    const V v = loss.value(load_or(x + i, left, rest), load_or(y + i, left, rest));
    sum[1] = sum[1] + select(first_n<T>(left), v, zero<T>());
  }
  return double(reduce_add((sum[0] + sum[1]) + (sum[2] + sum[3])));
}

template <class Loss, class T>
void each(int64_t n, const T* x, const T* y, const double* options, T* out) {
  constexpr int kLanes = Vec<T>::lanes;
  const typename Loss::template Of<T> loss(options);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(out + i, loss.value(load(x + i), load(y + i)));
  if (i < n) {
    const int left = int(n - i);
    const double rest = Loss::template Of<T>::rest;
    store_n(out + i, loss.value(load_or(x + i, left, rest), load_or(y + i, left, rest)), left);
  }
}

template <class Loss, bool kTarget, class T>
void slope(int64_t n, const T* g, int64_t g_step, T factor, const T* x, const T* y, const double* options,
           T* out) {
  typedef Vec<T> V;
  constexpr int kLanes = V::lanes;
  const typename Loss::template Of<T> loss(options);
  const V scale = set1(factor), one = set1(T(g[0] * factor));
  const auto of = [&](V xv, V yv) PYNN_LAMBDA { return kTarget ? loss.by_y(xv, yv) : loss.by_x(xv, yv); };
  int64_t i = 0;
  if (g_step == 0) {
    for (; i + kLanes <= n; i += kLanes) store(out + i, of(load(x + i), load(y + i)) * one);
  } else {
    for (; i + kLanes <= n; i += kLanes) store(out + i, of(load(x + i), load(y + i)) * (load(g + i) * scale));
  }
  if (i < n) {
    const int left = int(n - i);
    const double rest = Loss::template Of<T>::rest;
    const V v = of(load_or(x + i, left, rest), load_or(y + i, left, rest));
    store_n(out + i, v * (g_step == 0 ? one : load_n(g + i, left) * scale), left);
  }
}

template <class Loss, class T>
constexpr Elementwise<T> elementwise() {
  return {&total<Loss, T>, &each<Loss, T>, &slope<Loss, false, T>, &slope<Loss, true, T>};
}

}  // namespace loss
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
