// Running totals of one ISA, in float64: plain loops over up to kWide columns side by side, which compilers
// vectorise; a single column of a sum takes eight elements a step, so that additions wait for each other once
// in eight.
#pragma once
#include "kernels/scan/scan.h"
#include "simd/vec.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace scan {

using ::pynn::scan::Kernels;
using ::pynn::scan::kWide;
using ::pynn::scan::Table;

// body(first, count) for every kWide columns.
template <class Body>
PYNN_INLINE void by_columns(int64_t columns, const Body& body) {
  for (int64_t first = 0; first < columns; first += kWide)
    body(first, int(columns - first < kWide ? columns - first : kWide));
}

template <class T>
void sum_one(bool reverse, int64_t n, int64_t width, const T* x, T* out) {
  const int64_t step = reverse ? -width : width;
  if (reverse) x += (n - 1) * width, out += (n - 1) * width;
  double total = 0;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8, x += 8 * step, out += 8 * step) {
    double s[8];
    for (int k = 0; k < 8; ++k) s[k] = double(x[k * step]);
    for (int k = 1; k < 8; k += 2) s[k] += s[k - 1];
    s[2] += s[1], s[3] += s[1], s[6] += s[5], s[7] += s[5];
    for (int k = 4; k < 8; ++k) s[k] += s[3];
    for (int k = 0; k < 8; ++k) out[k * step] = T(total + s[k]);
    total += s[7];
  }
  for (; i < n; ++i, x += step, out += step) *out = T(total += double(*x));
}

template <class T, bool kProduct>
void total(bool reverse, int64_t n, int64_t width, int64_t columns, const T* x, T* out) {
  if (!kProduct && columns == 1) return sum_one(reverse, n, width, x, out);
  by_columns(columns, [&](int64_t first, int count) __attribute__((always_inline)) {
    double held[kWide];
    for (int j = 0; j < count; ++j) held[j] = kProduct ? 1 : 0;
    for (int64_t k = 0; k < n; ++k) {
      const int64_t at = (reverse ? n - 1 - k : k) * width + first;
      const T* from = x + at;
      T* to = out + at;
      for (int j = 0; j < count; ++j) {
        held[j] = kProduct ? held[j] * double(from[j]) : held[j] + double(from[j]);
        to[j] = T(held[j]);
      }
    }
  });
}

PYNN_INLINE double log_add(double a, double b) {
  const double most = a > b || a != a ? a : b, least = a > b || a != a ? b : a;
  if (most == least && __builtin_isinf(most)) return most;
  return most + __builtin_log1p(__builtin_exp(least - most));
}

template <class T>
void logsumexp(bool reverse, int64_t n, int64_t width, int64_t columns, const T* x, T* out) {
  by_columns(columns, [&](int64_t first, int count) __attribute__((always_inline)) {
    double held[kWide];
    for (int j = 0; j < count; ++j) held[j] = -__builtin_inf();
    for (int64_t k = 0; k < n; ++k) {
      const int64_t at = (reverse ? n - 1 - k : k) * width + first;
      for (int j = 0; j < count; ++j) {
        held[j] = log_add(held[j], double(x[at + j]));
        out[at + j] = T(held[j]);
      }
    }
  });
}

// dx[k] = (product of x before k) * s[k],  s[k] = grad[k] + x[k + 1] * s[k + 1]: without division, so that
// zeros are no special case.
template <class T>
void product_backward(int64_t n, int64_t width, int64_t columns, const T* x, const T* grad, T* dx) {
  by_columns(columns, [&](int64_t first, int count) __attribute__((always_inline)) {
    double held[kWide];
    for (int j = 0; j < count; ++j) held[j] = 1;
    for (int64_t k = 0; k < n; ++k) {
      const int64_t at = k * width + first;
      for (int j = 0; j < count; ++j) {
        dx[at + j] = T(held[j]);
        held[j] *= double(x[at + j]);
      }
    }
    for (int j = 0; j < count; ++j) held[j] = 0;
    for (int64_t k = n - 1; k >= 0; --k) {
      const int64_t at = k * width + first;
      const T* later = k + 1 < n ? x + at + width : nullptr;
      for (int j = 0; j < count; ++j) {
        held[j] = double(grad[at + j]) + (later != nullptr ? double(later[j]) * held[j] : 0);
        dx[at + j] = T(double(dx[at + j]) * held[j]);
      }
    }
  });
}

// dx[k] = exp(x[k] - out[k]) * t[k],  t[k] = grad[k] + exp(out[k] - out[k + 1]) * t[k + 1]: no power
// exceeds 1.
template <class T>
void logsumexp_backward(int64_t n, int64_t width, int64_t columns, const T* x, const T* out, const T* grad,
                        T* dx) {
  by_columns(columns, [&](int64_t first, int count) __attribute__((always_inline)) {
    double held[kWide];
    for (int j = 0; j < count; ++j) held[j] = 0;
    for (int64_t k = n - 1; k >= 0; --k) {
      for (int j = 0; j < count; ++j) {
        const int64_t at = k * width + first + j;
        const double here = double(out[at]);
        if (k + 1 < n) {
          const double next = double(out[at + width]);
          held[j] *= here == next ? 1 : __builtin_exp(here - next);
        }
        held[j] += double(grad[at]);
        const double own = double(x[at]);
        dx[at] = T(own == -__builtin_inf() ? 0 : held[j] * (own == here ? 1 : __builtin_exp(own - here)));
      }
    }
  });
}

// Of equal elements the later counts; a NaN stays, its place moves on to later ones.
template <class T, bool kSmallest>
void extremes(int64_t n, int64_t width, int64_t columns, const T* x, T* values, int64_t* places) {
  if (columns == 1) {  // new extremes grow rare: a branch that is seldom taken waits for nothing
    T best = x[0];
    int64_t found = 0;
    for (int64_t k = 0; k < n; ++k) {
      const T v = x[k * width];
      if (v != v || (kSmallest ? v <= best : v >= best)) best = v, found = k;
      values[k * width] = best;
      places[k * width] = found;
    }
    return;
  }
  by_columns(columns, [&](int64_t first, int count) __attribute__((always_inline)) {
    T best[kWide];
    int64_t found[kWide];
    for (int j = 0; j < count; ++j) best[j] = x[first + j], found[j] = 0;
    for (int64_t k = 0; k < n; ++k) {
      const int64_t at = k * width + first;
      for (int j = 0; j < count; ++j) {
        const T v = x[at + j];
        const bool better = v != v || (kSmallest ? v <= best[j] : v >= best[j]);
        best[j] = better ? v : best[j];
        found[j] = better ? k : found[j];
        values[at + j] = best[j];
        places[at + j] = found[j];
      }
    }
  });
}

template <class T>
void extreme(bool smallest, int64_t n, int64_t width, int64_t columns, const T* x, T* values,
             int64_t* places) {
  if (smallest) {
    extremes<T, true>(n, width, columns, x, values, places);
  } else {
    extremes<T, false>(n, width, columns, x, values, places);
  }
}

template <class T>
constexpr Kernels<T> kernels() {
  return {{&total<T, false>, &total<T, true>, &logsumexp<T>},
          &product_backward<T>,
          &logsumexp_backward<T>,
          &extreme<T>};
}

extern const Table table;
const Table table = {PYNN_ISA_NAME, kernels<float>(), kernels<double>()};

}  // namespace scan
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
