// Resizing of one ISA: the rows an output row is made of are summed first, then the sum is resized along its width.
// The gradient takes the same way back.
#pragma once
#include "kernels/resample/resample.h"
#include "simd/shuffle.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace resample {

using ::pynn::resample::Axis;
using ::pynn::resample::Geometry;
using ::pynn::resample::Table;

template <class T>
PYNN_INLINE Vec<T> load_up_to(const T* p, int n) {
  return n == Vec<T>::lanes ? load(p) : load_n(p, n);
}
template <class T>
PYNN_INLINE void store_up_to(T* p, Vec<T> x, int n) {
  n == Vec<T>::lanes ? store(p, x) : store_n(p, x, n);
}

// to = weight * from, or added to it
template <class T>
PYNN_INLINE void scale_row(T* to, const T* from, T weight, int64_t n, bool add) {
  constexpr int lanes = Vec<T>::lanes;
  const Vec<T> w = set1(weight);
  for (int64_t i = 0; i < n; i += lanes) {
    const int count = n - i < lanes ? int(n - i) : lanes;
    const Vec<T> v = load_up_to(from + i, count) * w;
    store_up_to(to + i, add ? load_up_to(to + i, count) + v : v, count);
  }
}

// f(start of an input row in its plane, weight) for the rows that output row r of a plane is made of.
template <class T, class F>
PYNN_INLINE void over_rows(const Geometry<T>& g, int64_t r, const F& f) {
  const Axis<T>&deep = g.axis[0], &high = g.axis[1];
  const int64_t d = r / high.out, h = r % high.out;
  for (int a = 0; a < deep.taps; ++a) {
    for (int b = 0; b < high.taps; ++b) {
      const int64_t row = deep.indices[a * deep.out + d] * high.in + high.indices[b * high.out + h];
      f(row * g.axis[2].in, deep.weights[a * deep.out + d] * high.weights[b * high.out + h]);
    }
  }
}

template <int kTaps, class T>
PYNN_INLINE void resize_row(const Axis<T>& wide, const T* row, T* out) {
  const int64_t n = wide.out;
  const int64_t* at = wide.indices;
  const T* w = wide.weights;
  for (int64_t i = 0; i < n; ++i) {
    T sum = w[i] * row[at[i]];
    PYNN_UNROLL
    for (int t = 1; t < kTaps; ++t) sum += w[t * n + i] * row[at[t * n + i]];
    out[i] = sum;
  }
}

template <class T>
PYNN_INLINE void pick_row(const Axis<T>& wide, bool twice, const T* row, T* out) {
  constexpr int lanes = Vec<T>::lanes;
  int64_t i = 0;
  if (twice) {
    for (; i + 2 * lanes <= wide.out; i += 2 * lanes) {
      const Vec<T> v = load(row + i / 2);
      const Pair<T> doubled = interleave(v, v);
      store(out + i, doubled.first);
      store(out + i + lanes, doubled.second);
    }
  }
  for (; i < wide.out; ++i) out[i] = row[wide.indices[i]];
}

template <class T>
void forward(const Geometry<T>& g, int64_t first, int64_t last, const T* x, T* out, T* row) {
  const Axis<T>& wide = g.axis[2];
  const int64_t rows = g.axis[0].out * g.axis[1].out;
  const T* before = nullptr;  // what the output row before was picked from
  for (int64_t r = first; r < last; ++r) {
    const T* plane = x + r / rows * g.plane_in();
    T* to = out + r * wide.out;
    if (g.copies) {
      const T* from = plane;
      over_rows(g, r % rows, [&](int64_t start, T) { from += start; });
      if (from == before) {
        scale_row(to, to - wide.out, T(1), wide.out, false);
      } else {
        pick_row(wide, g.twice, from, to);
      }
      before = from;
      continue;
    }
    bool add = false;
    over_rows(g, r % rows, [&](int64_t start, T weight) {
      scale_row(row, plane + start, weight, wide.in, add);
      add = true;
    });
    if (wide.taps == 1) {
      pick_row(wide, g.twice, row, to);
    } else if (wide.taps == 2) {
      resize_row<2>(wide, row, to);
    } else {
      resize_row<4>(wide, row, to);
    }
  }
}

template <class T>
void backward(const Geometry<T>& g, int64_t first, int64_t last, const T* grad, T* dx, T* row) {
  const Axis<T>& wide = g.axis[2];
  const int64_t rows = g.axis[0].out * g.axis[1].out;
  for (int64_t p = first; p < last; ++p) {
    T* plane = dx + p * g.plane_in();
    for (int64_t i = 0; i < g.plane_in(); ++i) plane[i] = 0;
    for (int64_t r = 0; r < rows; ++r) {
      const T* from = grad + (p * rows + r) * wide.out;
      for (int64_t i = 0; i < wide.in; ++i) row[i] = 0;
      for (int t = 0; t < wide.taps; ++t) {
        const int64_t* at = wide.indices + t * wide.out;
        const T* w = wide.weights + t * wide.out;
        if (g.copies) {
          for (int64_t i = 0; i < wide.out; ++i) row[at[i]] += from[i];
        } else {
          for (int64_t i = 0; i < wide.out; ++i) row[at[i]] += w[i] * from[i];
        }
      }
      over_rows(g, r, [&](int64_t start, T weight) { scale_row(plane + start, row, weight, wide.in, true); });
    }
  }
}

extern const Table table;
const Table table = {PYNN_ISA_NAME, {&forward<float>, &backward<float>}, {&forward<double>, &backward<double>}};

}  // namespace resample
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
