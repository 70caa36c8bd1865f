// Reductions of row-major (outer, n, inner) that are more than an accumulator: places, variances, gradients.
#include <algorithm>

#include "base/arena.h"
#include "base/pool.h"
#include "base/sizes.h"
#include "base/status.h"
#include "kernels/reduction/reduction.h"

namespace pynn {
namespace reduction {
namespace {

constexpr int64_t kEach = 32 * kBlock;  // elements of a task
constexpr int64_t kWide = 256;          // columns of a task

// f(o, first, wide) over column ranges of each outer slice.
template <class F>
void over_columns(int64_t outer, int64_t n, int64_t inner, const F& f) {
  const int64_t total = outer * n * inner;
  const int64_t wide = total < 2 * kEach ? inner : least(inner, kWide), cuts = ceil_div(inner, wide);
  const int64_t each = most(1, kEach / (n * wide));
  parallel_ranges(outer * cuts, each, [&](int64_t from, int64_t to) {
    for (int64_t task = from; task < to; ++task) {
      const int64_t first = task % cuts * wide;
      f(task / cuts, first, least(wide, inner - first));
    }
  });
}

template <class T>
T sum_of(int64_t n, const T* x, double* exact) {
  double out;
  kernels_of(x).op[kSum].rows(1, 0, n, 1, x, 0, &out);
  *exact = out;
  return T(out);
}

pynn_status no_memory() { return fail(PYNN_NO_MEMORY, "reduction: no memory for partial results"); }

// Sum and sum of squares of one long row about its rounded mean.
template <class T>
pynn_status long_moments(int64_t n, const T* x, T* shift, double* sum, double* squares) {
  const int64_t parts = ceil_div(n, kEach);
  const Scratch scratch(size_t(2 * parts) * sizeof(double));
  if (!scratch) return no_memory();
  double *const a = scratch.as<double>(), *const b = a + parts;
  parallel(parts, [&](int64_t i) { sum_of(least(kEach, n - i * kEach), x + i * kEach, a + i); });
  double total = 0;
  for (int64_t i = 0; i < parts; ++i) total += a[i];
  *shift = T(total / double(n));
  const auto kernel = float_kernels_of(x).moments;
  parallel(parts,
           [&](int64_t i) { kernel(least(kEach, n - i * kEach), x + i * kEach, *shift, a + i, b + i); });
  *sum = *squares = 0;
  for (int64_t i = 0; i < parts; ++i) *sum += a[i], *squares += b[i];
  return PYNN_OK;
}

// each(place, shift, sum, squares) for every output.
template <class T, class Each>
pynn_status over_moments(int64_t outer, int64_t n, int64_t inner, const T* x, const Each& each) {
  const FloatKernels<T>& kernels = float_kernels_of(x);
  if (inner == 1 && n >= 2 * kEach && outer < 4) {
    for (int64_t o = 0; o < outer; ++o) {
      T shift;
      double sum = 0, squares = 0;
      if (pynn_status status = long_moments(n, x + o * n, &shift, &sum, &squares)) return status;
      each(o, shift, sum, squares);
    }
    return PYNN_OK;
  }
  if (inner == 1) {
    parallel_ranges(outer, most(1, kEach / n), [&](int64_t first, int64_t last) {
      for (int64_t o = first; o < last; ++o) {
        double sum = 0, squares = 0;
        sum_of(n, x + o * n, &sum);
        const T shift = T(sum / double(n));
        kernels.moments(n, x + o * n, shift, &sum, &squares);
        each(o, shift, sum, squares);
      }
    });
    return PYNN_OK;
  }
  over_columns(outer, n, inner, [&](int64_t o, int64_t start, int64_t all) {
    const auto columns = kernels_of(x).op[kSum].columns;
    for (int64_t first = start; first < start + all; first += kWide) {
      const int64_t wide = least(kWide, start + all - first);
      double sum[kWide] = {}, squares[kWide] = {};
      T shift[kWide];
      const T* from = x + o * n * inner + first;
      columns(n, inner, wide, 1, from, 0, sum);
      for (int64_t j = 0; j < wide; ++j) shift[j] = T(sum[j] / double(n)), sum[j] = 0;
      kernels.column_moments(n, inner, wide, from, shift, sum, squares);
      for (int64_t j = 0; j < wide; ++j) each(o * inner + first + j, shift[j], sum[j], squares[j]);
    }
  });
  return PYNN_OK;
}

}  // namespace

template <class T>
pynn_status extreme_place(bool smallest, int64_t outer, int64_t n, int64_t inner, const T* x, int64_t* place,
                          T* value) {
  const FloatKernels<T>& kernels = float_kernels_of(x);
  if (inner == 1 && n >= 2 * kEach && outer < 4) {
    const auto kernel = kernels.arg_rows[smallest];
    const auto join = kernels_of(x).op[smallest ? kMin : kMax].join;
    const int64_t parts = ceil_div(n, kEach);
    const Scratch scratch(size_t(parts) * (sizeof(int64_t) + sizeof(T)));
    if (!scratch) return no_memory();
    int64_t* const at = scratch.as<int64_t>();
    T* const best = reinterpret_cast<T*>(at + parts);
    for (int64_t o = 0; o < outer; ++o) {
      parallel(parts, [&](int64_t i) {
        kernel(1, least(kEach, n - i * kEach), x + o * n + i * kEach, at + i, best + i);
      });
      int64_t winner = 0;
      for (int64_t i = 1; i < parts; ++i) {
        const double held = double(best[winner]), joined = join(held, double(best[i]));
        if (held == held && !(joined == held)) winner = i;
      }
      place[o] = winner * kEach + at[winner];
      if (value != nullptr) value[o] = best[winner];
    }
    return PYNN_OK;
  }
  if (inner == 1) {
    const auto kernel = kernels.arg_rows[smallest];
    parallel_ranges(outer, most(1, kEach / n), [&](int64_t first, int64_t last) {
      kernel(last - first, n, x + first * n, place + first, value == nullptr ? nullptr : value + first);
    });
    return PYNN_OK;
  }
  const auto kernel = kernels.arg_columns[smallest];
  over_columns(outer, n, inner, [&](int64_t o, int64_t first, int64_t wide) {
    const int64_t to = o * inner + first;
    kernel(n, inner, wide, x + o * n * inner + first, place + to, value == nullptr ? nullptr : value + to);
  });
  return PYNN_OK;
}

template <class T>
pynn_status variance(int64_t outer, int64_t n, int64_t inner, const T* x, double correction, T* variance,
                     T* mean) {
  const double count = double(n), freedom = count > correction ? count - correction : 0;
  return over_moments(outer, n, inner, x, [&](int64_t place, T shift, double sum, double squares) {
    const double spread = squares - sum * sum / count;  // what rounding the mean left is taken out
    if (variance != nullptr) variance[place] = T((spread < 0 ? 0 : spread) / freedom);
    if (mean != nullptr) mean[place] = T(double(shift) + sum / count);
  });
}

template <class T>
pynn_status variance_backward(int64_t outer, int64_t n, int64_t inner, const T* x, const T* grad,
                              double correction, T* dx) {
  const FloatKernels<T>& kernels = float_kernels_of(x);
  const double count = double(n), freedom = count > correction ? count - correction : 0;
  const double twice = 2 / freedom;
  if (inner == 1 && n >= 2 * kEach && outer < 4) {
    for (int64_t o = 0; o < outer; ++o) {
      double sum = 0;
      const int64_t parts = ceil_div(n, kEach);
      const Scratch scratch(size_t(parts) * sizeof(double));
      if (!scratch) return no_memory();
      double* const a = scratch.as<double>();
      const T* from = x + o * n;
      parallel(parts, [&](int64_t i) { sum_of(least(kEach, n - i * kEach), from + i * kEach, a + i); });
      for (int64_t i = 0; i < parts; ++i) sum += a[i];
      const T shift = T(sum / count), scale = T(double(grad[o]) * twice);
      parallel(parts, [&](int64_t i) {
        kernels.centre(least(kEach, n - i * kEach), from + i * kEach, shift, scale, dx + o * n + i * kEach);
      });
    }
    return PYNN_OK;
  }
  if (inner == 1) {
    parallel_ranges(outer, most(1, kEach / n), [&](int64_t first, int64_t last) {
      for (int64_t o = first; o < last; ++o) {
        double sum;
        sum_of(n, x + o * n, &sum);
        kernels.centre(n, x + o * n, T(sum / count), T(double(grad[o]) * twice), dx + o * n);
      }
    });
    return PYNN_OK;
  }
  over_columns(outer, n, inner, [&](int64_t o, int64_t start, int64_t all) {
    const auto columns = kernels_of(x).op[kSum].columns;
    for (int64_t first = start; first < start + all; first += kWide) {
      const int64_t wide = least(kWide, start + all - first);
      double sum[kWide] = {};
      T shift[kWide], scale[kWide];
      const T* from = x + o * n * inner + first;
      columns(n, inner, wide, 1, from, 0, sum);
      for (int64_t j = 0; j < wide; ++j) {
        shift[j] = T(sum[j] / count);
        scale[j] = T(double(grad[o * inner + first + j]) * twice);
      }
      kernels.centre_columns(n, inner, wide, from, shift, scale, dx + o * n * inner + first);
    }
  });
  return PYNN_OK;
}

template <class T>
pynn_status extreme_backward(int64_t outer, int64_t n, int64_t inner, const T* x, const T* best,
                             const T* grad, T* dx) {
  const FloatKernels<T>& kernels = float_kernels_of(x);
  if (inner == 1) {
    const int64_t parts = outer < 4 ? ceil_div(n, kEach) : 1, each = ceil_div(n, parts);
    const Scratch scratch(size_t(outer * parts) * sizeof(int64_t));
    if (!scratch) return no_memory();
    int64_t* const hits = scratch.as<int64_t>();
    const int64_t group = most(1, kEach / each);
    const auto pieces = [&](const auto& f) {
      parallel_ranges(outer * parts, group, [&](int64_t from, int64_t to) {
        for (int64_t task = from; task < to; ++task) {
          const int64_t first = task % parts * each;
          f(task, task / parts, first, most(0, least(each, n - first)));
        }
      });
    };
    pieces([&](int64_t task, int64_t o, int64_t first, int64_t count) {
      hits[task] = kernels.count_equal(count, x + o * n + first, best[o]);
    });
    pieces([&](int64_t, int64_t o, int64_t first, int64_t count) {
      int64_t all = 0;
      for (int64_t i = 0; i < parts; ++i) all += hits[o * parts + i];
      if (all == 0) {  // NaN, which equals nothing
        std::fill(dx + o * n + first, dx + o * n + first + count, best[o]);
        return;
      }
      const T share = grad[o] / T(all);
      kernels.mark(count, x + o * n + first, best[o], share, dx + o * n + first);
    });
    return PYNN_OK;
  }
  over_columns(outer, n, inner, [&](int64_t o, int64_t first, int64_t wide) {
    for (int64_t j = first; j < first + wide; ++j) {
      const T* from = x + o * n * inner + j;
      const T most_of = best[o * inner + j];
      int64_t hits = 0;
      for (int64_t i = 0; i < n; ++i) hits += from[i * inner] == most_of;
      const T share = grad[o * inner + j] / T(hits);
      T* to = dx + o * n * inner + j;
      for (int64_t i = 0; i < n; ++i) to[i * inner] = from[i * inner] == most_of ? share : hits == 0 ? most_of : T(0);
    }
  });
  return PYNN_OK;
}

#define PYNN_INSTANTIATE(T)                                                                             \
  template pynn_status extreme_place<T>(bool, int64_t, int64_t, int64_t, const T*, int64_t*, T*);       \
  template pynn_status variance<T>(int64_t, int64_t, int64_t, const T*, double, T*, T*);                \
  template pynn_status variance_backward<T>(int64_t, int64_t, int64_t, const T*, const T*, double, T*); \
  template pynn_status extreme_backward<T>(int64_t, int64_t, int64_t, const T*, const T*, const T*, T*);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace reduction
}  // namespace pynn
