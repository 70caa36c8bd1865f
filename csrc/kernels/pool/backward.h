// Gradients of pools of one ISA: each row of dx is written as the sum over the windows that reach it, a vector of its
// columns at a time.
#pragma once
#include "kernels/pool/forward.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace pool {

// The elements at `to` as two vectors, n of them.
template <class T>
PYNN_INLINE Pair<T> load_pair(const T* to, int64_t n) {
  constexpr int lanes = Lanes<T>::n;
  if (n >= 2 * lanes) return {load(to), load(to + lanes)};
  return {load_n(to, n < lanes ? int(n) : lanes), n > lanes ? load_n(to + lanes, int(n - lanes)) : zero<T>()};
}

template <class T>
PYNN_INLINE void store_pair(T* to, Pair<T> p, int64_t n) {
  constexpr int lanes = Lanes<T>::n;
  if (n >= 2 * lanes) {
    store(to, p.first);
    store(to + lanes, p.second);
  } else {
    store_n(to, p.first, n < lanes ? int(n) : lanes);
    if (n > lanes) store_n(to + lanes, p.second, int(n - lanes));
  }
}

// f(window, row of it) for the windows along dimension i that reach `at`. `low` goes along: no window before it does.
template <class F>
PYNN_INLINE void over_windows(const Geometry& g, int i, int64_t at, int64_t* low, const F& f) {
  const Range* range = g.range[i];
  const int64_t step = g.step[i], count = g.out[i];
  while (*low < count && range[*low].end <= at) ++*low;
  for (int64_t o = *low; o < count && range[o].begin < at + step; ++o) {
    const int64_t from = at - range[o].begin;  // below 0: a cut window may begin up to a step after the next one
    if (step == 1) {
      f(o, from);
    } else if (from >= 0 && from % step == 0) {
      f(o, from / step);
    }
  }
}

// For the rows of dx of a whole plane: f(row, output row, row of that one's window, whether it is the first) for all
// whose windows reach the row, then finish(row). Rows that none reaches are filled with 0.
template <class T, class F, class Finish>
PYNN_INLINE void over_reached(const Geometry& g, T* dx, const F& f, const Finish& finish) {
  int64_t low_deep = 0;
  for (int64_t d = 0; d < g.in[0]; ++d) {
    int64_t low_high = 0;
    for (int64_t h = 0; h < g.in[1]; ++h, dx += g.in[2]) {
      bool fresh = true;
      over_windows(g, 0, d, &low_deep, [&](int64_t deep, int64_t slice) {
        over_windows(g, 1, h, &low_high, [&](int64_t high, int64_t row) {
          f(dx, deep * g.out[1] + high, slice * g.range[1][high].taps + row, fresh);
          fresh = false;
        });
      });
      fresh ? fill(dx, g.in[2], T(0)) : finish(dx);
    }
  }
}

// to[c] = the sum over the taps k of the windows w with w * stride + k * step - pad == c, added to `to` unless it is
// fresh. part(w, k) gives it for a vector of windows; w may lie Geometry::line's margin outside. Stride 1 or 2.
template <bool kFresh, class T, class Part>
PYNN_INLINE void gather_columns(const Geometry& g, T* to, const Part& part) {
  constexpr int lanes = Lanes<T>::n;
  const int64_t width = g.in[2];
  if (g.stride == 1) {
    for (int64_t c = 0; c < width; c += lanes) {
      const int n = width - c < lanes ? int(width - c) : lanes;
      Vec<T> sum = kFresh ? zero<T>() : load_up_to(to + c, n);
      for (int64_t k = 0; k < g.kernel; ++k) sum = sum + part(c + g.pad - k * g.step[2], k);
      store_up_to(to + c, sum, n);
    }
    return;
  }
  for (int64_t c = 0; c < width; c += 2 * lanes) {
    Vec<T> even = zero<T>(), odd = even;
    for (int64_t k = 0; k < g.kernel; ++k) {
      const int64_t twice = c + g.pad - k * g.step[2];  // of the window whose tap k is at column c
      if (twice % 2 == 0) {
        even = even + part(twice / 2, k);
      } else {
        odd = odd + part((twice + 1) / 2, k);
      }
    }
    Pair<T> sum = interleave(even, odd);
    if (!kFresh) {
      const Pair<T> before = load_pair(to + c, width - c);
      sum = {before.first + sum.first, before.second + sum.second};
    }
    store_pair(to + c, sum, width - c);
  }
}

// f(output row, the first of its two rows in the plane) for 2 x 2 windows; what they leave of dx is filled with 0.
template <class T, class F>
PYNN_INLINE void over_halved_rows(const Geometry& g, T* dx, const F& f) {
  const int64_t width = g.in[2], used = 2 * g.out[2], slice = g.in[1] * width, done = 2 * g.out[1] * width;
  for (int64_t d = 0, r = 0; d < g.out[0]; ++d) {
    for (int64_t h = 0; h < g.out[1]; ++h, ++r) {
      const int64_t start = d * slice + 2 * h * width;
      f(r, start);
      if (width > used) {
        fill(dx + start + used, width - used, T(0));
        fill(dx + start + width + used, width - used, T(0));
      }
    }
    fill(dx + d * slice + done, slice - done, T(0));
  }
}

template <class T>
PYNN_INLINE void halves_max_backward(const Geometry& g, const T* grad, const T* x, T* dx) {
  const int64_t width = g.in[2];
  over_halved_rows(g, dx, [&](int64_t r, int64_t start) {
    const T *upper = x + start, *from = grad + r * g.out[2];
    T* to = dx + start;
    over_halves(g.out[2], upper, upper + width, [&](int64_t i, int n, Vec<T> a, Vec<T> b, Vec<T> c, Vec<T> d) {
      const Vec<T> none = zero<T>();
      Vec<T> rest = load_up_to(from + i, n);
      const auto at_b = (b > a) | is_nan(b);
      const Vec<T> ab = select(at_b, b, a);
      const auto at_c = (c > ab) | is_nan(c);
      const Vec<T> abc = select(at_c, c, ab);
      const auto at_d = (d > abc) | is_nan(d);
      const Vec<T> gd = select(at_d, rest, none);
      rest = select(at_d, none, rest);
      const Vec<T> gc = select(at_c, rest, none);
      rest = select(at_c, none, rest);
      store_pair(to + 2 * i, interleave(select(at_b, none, rest), select(at_b, rest, none)), 2 * n);
      store_pair(to + width + 2 * i, interleave(gc, gd), 2 * n);
    });
  });
}

// Window by window: where taps are not found by vectors, or the stride leaves gaps.
template <class T>
PYNN_INLINE void scatter_max(const Geometry& g, const T* grad, const T* x, T* dx, TapFinder<T>* finder, T* taps) {
  const int64_t out = g.out[2];
  fill(dx, g.plane_in(), T(0));
  for (int64_t d = 0; d < g.out[0]; ++d) {
    for (int64_t h = 0; h < g.out[1]; ++h, grad += out) {
      const Rows rows(g, d, h);
      if (finder != nullptr) finder->find(rows, x, taps);
      for (int64_t w = 0; w < out; ++w) {
        const int64_t found =
            finder == nullptr ? find_max(rows, g.range[2][w], x) : place_of(g, rows, w, taps[w]);
        if (found >= 0) dx[found] += grad[w];
      }
    }
  }
}

template <class T>
PYNN_INLINE void gather_max(const Geometry& g, const T* grad, const T* x, T* dx, TapFinder<T>* finder, T* scratch) {
  const int64_t out = g.out[2], margin = g.margin, line = g.line, lines = g.out[0] * g.out[1] * line;
  T *const taps = scratch, *const shares = taps + lines, *const codes = shares + lines;
  for (int64_t k = 0; k < g.window_rows * g.kernel; ++k) codes[k] = T(k);
  for (int64_t d = 0, r = 0; d < g.out[0]; ++d) {
    for (int64_t h = 0; h < g.out[1]; ++h, ++r) {
      T* const row = taps + r * line;
      finder->find(Rows(g, d, h), x, row + margin);
      fill(row, margin, T(-1));  // no tap of the gradient
      fill(row + margin + out, line - margin - out, T(-1));
      copy(shares + r * line + margin, grad + r * out, out);
    }
  }
  const auto add_row = [&](T* row, int64_t r, int64_t i, bool fresh) {
    const T *at = taps + r * line + margin, *share = shares + r * line + margin, *code = codes + i * g.kernel;
    const auto part = [&](int64_t w, int64_t k) {
      return select(load(at + w) == set1(code[k]), load(share + w), zero<T>());
    };
    fresh ? gather_columns<true>(g, row, part) : gather_columns<false>(g, row, part);
  };
  over_reached(g, dx, add_row, [](T*) {});
}

// scratch: null of halves and where find_max must do. Else of a TapFinder, then a row of taps, or for gather_max of all
// output rows of a plane the taps and the gradients, and the numbers of taps.
template <class T>
void max_backward(const Geometry& g, int64_t first, int64_t last, const T* grad, const T* x, T* dx, T* scratch) {
  if (scratch == nullptr) {
    for (int64_t p = first; p < last; ++p) {
      const T *from = grad + p * g.plane_out(), *plane = x + p * g.plane_in();
      T* to = dx + p * g.plane_in();
      g.halves ? halves_max_backward(g, from, plane, to)
               : scatter_max(g, from, plane, to, static_cast<TapFinder<T>*>(nullptr), scratch);
    }
    return;
  }
  TapFinder<T> finder(g, scratch);
  for (int64_t p = first; p < last; ++p) {
    const T *from = grad + p * g.plane_out(), *plane = x + p * g.plane_in();
    T* to = dx + p * g.plane_in();
    finder.forget();
    g.stride <= 2 ? gather_max(g, from, plane, to, &finder, scratch + g.finder)
                  : scatter_max(g, from, plane, to, &finder, scratch + g.finder);
  }
}

// grad divided by what its window counts, n of a row.
template <class T>
PYNN_INLINE Vec<T> share(const T* grad, const T* counts, T rows_count, int n) {
  return load_up_to(grad, n) / (set1(rows_count) * load_up_to(counts, n));
}

template <class T>
PYNN_INLINE void halves_average_backward(const Geometry& g, const T* grad, const T* counts, T* dx) {
  constexpr int lanes = Lanes<T>::n;
  const int64_t width = g.in[2], out = g.out[2];
  over_halved_rows(g, dx, [&](int64_t r, int64_t start) {
    const T rows_count = T(g.range[0][0].count) * T(g.range[1][0].count);  // the same of all, none is cut
    for (int64_t w = 0; w < out; w += lanes) {
      const int n = out - w < lanes ? int(out - w) : lanes;
      const Vec<T> v = share(grad + r * out + w, counts + w, rows_count, n);
      const Pair<T> twice = interleave(v, v);
      store_pair(dx + start + 2 * w, twice, 2 * n);
      store_pair(dx + start + width + 2 * w, twice, 2 * n);
    }
  });
}

// scratch: a row of `line`, then the shares of all windows of a plane; null of whole planes and halves.
template <class T>
void average_backward(const Geometry& g, int64_t first, int64_t last, const T* grad, const T* counts, T* dx,
                      T* scratch) {
  constexpr int lanes = Lanes<T>::n;
  const int64_t out = g.out[2];
  if (scratch == nullptr) {
    for (int64_t p = first; p < last; ++p) {
      const T* from = grad + p * g.plane_out();
      T* to = dx + p * g.plane_in();
      if (g.whole) {
        fill(to, g.plane_in(), from[0] / (T(g.range[0][0].count) * T(g.range[1][0].count) * counts[0]));
      } else {
        halves_average_backward(g, from, counts, to);
      }
    }
    return;
  }
  T *const sum = scratch + g.margin, *const shares = scratch + g.line;
  fill(scratch, g.line, T(0));  // beside the sums it stays so
  for (int64_t p = first; p < last; ++p) {
    const T* from = grad + p * g.plane_out();
    T* to = dx + p * g.plane_in();
    for (int64_t d = 0, r = 0; d < g.out[0]; ++d) {
      for (int64_t h = 0; h < g.out[1]; ++h, ++r) {
        const T rows_count = T(g.range[0][d].count) * T(g.range[1][h].count);
        for (int64_t w = 0; w < out; w += lanes) {
          const int n = out - w < lanes ? int(out - w) : lanes;
          store_up_to(shares + r * out + w, share(from + r * out + w, counts + w, rows_count, n), n);
        }
      }
    }
    const auto add_row = [&](T*, int64_t r, int64_t, bool fresh) {
      for (int64_t w = 0; w < out; w += lanes) {
        const int n = out - w < lanes ? int(out - w) : lanes;
        const Vec<T> v = load_up_to(shares + r * out + w, n);
        store_up_to(sum + w, fresh ? v : load_up_to(sum + w, n) + v, n);
      }
    };
    over_reached(g, to, add_row, [&](T* row) {
      if (!g.bins && g.stride <= 2) {
        gather_columns<true>(g, row, [&](int64_t w, int64_t) { return load(sum + w); });
        return;
      }
      fill(row, g.in[2], T(0));
      for (int64_t w = 0; w < out; ++w) {
        const Range wide = g.range[2][w];
        for (int64_t c = wide.begin; c < wide.end; ++c) row[c] += sum[w];
      }
    });
  }
}

}  // namespace pool
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
