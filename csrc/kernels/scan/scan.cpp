#include "kernels/scan/scan.h"

#include "base/pool.h"
#include "base/sizes.h"

#define PYNN_FAMILY scan
#define PYNN_KERNELS "kernels/scan/kernels.inc"
#include "base/dispatch.inc"

namespace pynn {
namespace scan {
namespace {

constexpr int64_t kEach = 32 << 10;  // elements of a task

// f(place of a column range's first element, columns) over all columns. A column is never cut: each element
// depends on the one before it.
template <class F>
void over_columns(int64_t outer, int64_t n, int64_t inner, const F& f) {
  const int64_t total = outer * n * inner;
  if (total == 0) return;
  const int64_t wide = total < 2 * kEach ? inner : least(inner, kWide), cuts = ceil_div(inner, wide);
  parallel_ranges(outer * cuts, most(1, kEach / (n * wide)), [&](int64_t from, int64_t to) {
    for (int64_t task = from; task < to; ++task) {
      const int64_t first = task % cuts * wide;
      f(task / cuts * n * inner + first, least(wide, inner - first));
    }
  });
}

}  // namespace

template <class T>
void run(pynn_scan_op op, bool reverse, int64_t outer, int64_t n, int64_t inner, const T* x, T* out) {
  const auto kernel = table().of<T>().scan[op];
  over_columns(outer, n, inner,
               [&](int64_t at, int64_t columns) { kernel(reverse, n, inner, columns, x + at, out + at); });
}

template <class T>
void run_product_backward(int64_t outer, int64_t n, int64_t inner, const T* x, const T* grad, T* dx) {
  const auto kernel = table().of<T>().product_backward;
  over_columns(outer, n, inner,
               [&](int64_t at, int64_t columns) { kernel(n, inner, columns, x + at, grad + at, dx + at); });
}

template <class T>
void run_logsumexp_backward(int64_t outer, int64_t n, int64_t inner, const T* x, const T* out, const T* grad,
                            T* dx) {
  const auto kernel = table().of<T>().logsumexp_backward;
  over_columns(outer, n, inner, [&](int64_t at, int64_t columns) {
    kernel(n, inner, columns, x + at, out + at, grad + at, dx + at);
  });
}

template <class T>
void run_extreme(bool smallest, int64_t outer, int64_t n, int64_t inner, const T* x, T* values,
                 int64_t* places) {
  const auto kernel = table().of<T>().extreme;
  over_columns(outer, n, inner, [&](int64_t at, int64_t columns) {
    kernel(smallest, n, inner, columns, x + at, values + at, places + at);
  });
}

#define PYNN_INSTANTIATE(T)                                                                             \
  template void run<T>(pynn_scan_op, bool, int64_t, int64_t, int64_t, const T*, T*);                    \
  template void run_product_backward<T>(int64_t, int64_t, int64_t, const T*, const T*, T*);             \
  template void run_logsumexp_backward<T>(int64_t, int64_t, int64_t, const T*, const T*, const T*, T*); \
  template void run_extreme<T>(bool, int64_t, int64_t, int64_t, const T*, T*, int64_t*);
PYNN_INSTANTIATE(float)
PYNN_INSTANTIATE(double)
#undef PYNN_INSTANTIATE

}  // namespace scan
}  // namespace pynn
