// Pools of one ISA. A row of output is made in two steps: the window's rows are reduced, vector by vector, into
// one padded row (in the first-level cache), and that along the width.
#pragma once
#include "kernels/pool/pool.h"
#include "simd/shuffle.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace pool {

using ::pynn::pool::Geometry;
using ::pynn::pool::kTogether;
using ::pynn::pool::Range;

template <class T>
struct Lanes {
  static constexpr int n = Vec<T>::lanes;
};

template <class T>
PYNN_INLINE T lowest() {
  return T(-__builtin_inf());
}

template <class T>
PYNN_INLINE Mask<T> is_nan(Vec<T> x) {
  return x != x;
}

template <class T>
PYNN_INLINE bool better(T x, T most) {  // x comes later: the last NaN counts, the first of equal numbers
  return x > most || x != x;
}

struct Largest {
  template <class T>
  static PYNN_INLINE Vec<T> both(Vec<T> most, Vec<T> x) {
    return select(is_nan(x), x, max(x, most));
  }
  template <class T>
  static PYNN_INLINE T both(T most, T x) {
    return better(x, most) ? x : most;
  }
  template <class T>
  static PYNN_INLINE T nothing() {
    return lowest<T>();
  }
};

struct Sum {
  template <class T>
  static PYNN_INLINE Vec<T> both(Vec<T> a, Vec<T> b) {
    return a + b;
  }
  template <class T>
  static PYNN_INLINE T both(T a, T b) {
    return a + b;
  }
  template <class T>
  static PYNN_INLINE T nothing() {
    return T(0);
  }
};

// n elements, most often a whole vector.
template <class T>
PYNN_INLINE Vec<T> load_up_to(const T* p, int n) {
  return n == Lanes<T>::n ? load(p) : load_n(p, n);
}
template <class T>
PYNN_INLINE void store_up_to(T* p, Vec<T> x, int n) {
  n == Lanes<T>::n ? store(p, x) : store_n(p, x, n);
}

template <class T>
PYNN_INLINE void fill(T* to, int64_t n, T value) {
  const Vec<T> v = set1(value);
  int64_t i = 0;
  for (; i + Lanes<T>::n <= n; i += Lanes<T>::n) store(to + i, v);
  if (i < n) store_n(to + i, v, int(n - i));
}

template <class T>
PYNN_INLINE void copy(T* to, const T* from, int64_t n) {
  int64_t i = 0;
  for (; i + Lanes<T>::n <= n; i += Lanes<T>::n) store(to + i, load(from + i));
  if (i < n) store_n(to + i, load_n(from + i, int(n - i)), int(n - i));
}

// The rows of one window: at(0), at(1), ... count() of them, from the start of a plane.
struct Rows {
  const Geometry& g;
  Range deep, high;

  PYNN_INLINE Rows(const Geometry& geometry, int64_t d, int64_t h)
      : g(geometry), deep(g.range[0][d]), high(g.range[1][h]) {}
  PYNN_INLINE int64_t count() const { return high.taps * deep.taps; }
  PYNN_INLINE int64_t row(int64_t i) const {
    int64_t slice = deep.begin;
    for (; i >= high.taps; i -= high.taps) slice += g.step[0];  // a few times, where a division takes longer
    return slice * g.in[1] + high.begin + i * g.step[1];
  }
  PYNN_INLINE int64_t at(int64_t i) const { return row(i) * g.in[2]; }  // its first element
};

// to = the reduction of kRows rows, and of `to` itself unless it is fresh.
template <class Op, int kRows, bool kFresh, class T>
PYNN_INLINE void reduce_into(T* to, const T* const* row, int64_t width) {
  for (int64_t x = 0; x < width; x += Lanes<T>::n) {
    const int n = width - x < Lanes<T>::n ? int(width - x) : Lanes<T>::n;
    Vec<T> v = load_up_to(row[0] + x, n);
    if (!kFresh) v = Op::both(load_up_to(to + x, n), v);
    PYNN_UNROLL
    for (int j = 1; j < kRows; ++j) v = Op::both(v, load_up_to(row[j] + x, n));
    store_up_to(to + x, v, n);
  }
}

// A padded row's both sides, which the rows reduced into it leave as they are.
template <class Op, class T>
PYNN_INLINE void fill_sides(const Geometry& g, T* buffer) {
  fill(buffer, g.pad, Op::template nothing<T>());
  fill(buffer + g.pad + g.in[2], g.buffer - g.pad - g.in[2], Op::template nothing<T>());
}

// The window's rows reduced to one: buffer[pad ..], whose sides are filled.
template <class Op, class T>
PYNN_INLINE void reduce_rows(const Geometry& g, const Rows& rows, const T* plane, T* buffer) {
  const int64_t width = g.in[2], count = rows.count();
  T* to = buffer + g.pad;
  if (count == 0) {
    fill(to, width, Op::template nothing<T>());
    return;
  }
  if (count == 1) {
    copy(to, plane + rows.at(0), width);
    return;
  }
  for (int64_t i = 0; i < count; i += 3) {
    const T* row[3];
    for (int64_t j = 0; j < 3; ++j) row[j] = plane + rows.at(i + j < count ? i + j : i);
    const int64_t left = count - i;
    if (i == 0) {
      left == 2 ? reduce_into<Op, 2, true>(to, row, width) : reduce_into<Op, 3, true>(to, row, width);
    } else if (left == 1) {
      reduce_into<Op, 1, false>(to, row, width);
    } else {
      left == 2 ? reduce_into<Op, 2, false>(to, row, width) : reduce_into<Op, 3, false>(to, row, width);
    }
  }
}

// f(i, n, v) with v the windows i .. i + n along a padded row, a vector at a time.
template <class Op, class T, class F>
PYNN_INLINE void reduce_columns(const Geometry& g, const T* buffer, const F& f) {
  constexpr int lanes = Lanes<T>::n;
  const int64_t step = g.step[2];
  for (int64_t i = 0; i < g.out[2]; i += lanes) {
    const int n = g.out[2] - i < lanes ? int(g.out[2] - i) : lanes;
    Vec<T> v;
    if (g.stride == 1) {
      v = load(buffer + i);
      for (int64_t k = 1; k < g.kernel; ++k) v = Op::both(v, load(buffer + i + k * step));
    } else if (g.stride == 2) {
      const T* at = buffer + 2 * i;
      v = set1(Op::template nothing<T>());
      int64_t k = 0;
      if (step == 1) {
        for (; k + 2 <= g.kernel; k += 2) {
          const Pair<T> p = deinterleave(load(at + k), load(at + k + lanes));
          v = Op::both(Op::both(v, p.first), p.second);
        }
      }
      for (; k < g.kernel; ++k) {
        v = Op::both(v, deinterleave(load(at + k * step), load(at + k * step + lanes)).first);
      }
    } else {
      T each[lanes] = {};
      for (int j = 0; j < n; ++j) {
        const T* at = buffer + (i + j) * g.stride;
        T found = at[0];
        for (int64_t k = 1; k < g.kernel; ++k) found = Op::both(found, at[k * step]);
        each[j] = found;
      }
      v = load(each);
    }
    f(i, n, v);
  }
}

// Where an output row lies; ++ goes on to the next.
struct Place {
  const Geometry& g;
  int64_t plane, d, h;
  PYNN_INLINE Place(const Geometry& geometry, int64_t row) : g(geometry) {
    h = row % g.out[1];
    d = row / g.out[1] % g.out[0];
    plane = row / (g.out[1] * g.out[0]);
  }
  PYNN_INLINE void operator++() {
    if (++h < g.out[1]) return;
    h = 0;
    if (++d < g.out[0]) return;
    d = 0;
    ++plane;
  }
};

// f(i, n, a, b, c, d): of the windows i .. i + n of 2 x 2, the elements: two of the upper row, two of the lower.
template <class T, class F>
PYNN_INLINE void over_halves(int64_t out, const T* upper, const T* lower, const F& f) {
  constexpr int lanes = Lanes<T>::n;
  int64_t i = 0;
  for (; i + lanes <= out; i += lanes) {
    const Pair<T> u = deinterleave(load(upper + 2 * i), load(upper + 2 * i + lanes));
    const Pair<T> l = deinterleave(load(lower + 2 * i), load(lower + 2 * i + lanes));
    f(i, lanes, u.first, u.second, l.first, l.second);
  }
  if (i < out) {
    const int n = int(out - i), near = 2 * n < lanes ? 2 * n : lanes, far = 2 * n - near;
    const auto read = [&](const T* p) {
      return deinterleave(load_n(p, near), far > 0 ? load_n(p + lanes, far) : zero<T>());
    };
    const Pair<T> u = read(upper + 2 * i), l = read(lower + 2 * i);
    f(i, n, u.first, u.second, l.first, l.second);
  }
}

// f(output row, its place, the window's rows reduced to one) for rows first <= r < last. Some rows are reduced before
// the first of them is read: a load that spans two stores waits until they are done.
template <class Op, class T, class F>
PYNN_INLINE void over_reduced(const Geometry& g, int64_t first, int64_t last, const T* x, T* scratch, const F& f) {
  for (int64_t i = 0; i < kTogether; ++i) fill_sides<Op>(g, scratch + i * g.buffer);
  Place at(g, first);
  for (int64_t r = first; r < last; r += kTogether) {
    const int64_t count = last - r < kTogether ? last - r : kTogether;
    Place ahead = at;
    for (int64_t i = 0; i < count; ++i, ++ahead) {
      reduce_rows<Op>(g, Rows(g, ahead.d, ahead.h), x + ahead.plane * g.plane_in(), scratch + i * g.buffer);
    }
    for (int64_t i = 0; i < count; ++i, ++at) f(r + i, at, scratch + i * g.buffer);
  }
}

// scratch: kTogether padded rows; null of halves.
template <class T>
void max_rows(const Geometry& g, int64_t first, int64_t last, const T* x, T* out, T* scratch) {
  const int64_t width = g.out[2];
  if (!g.halves) {
    over_reduced<Largest>(g, first, last, x, scratch, [&](int64_t r, const Place&, const T* row) {
      reduce_columns<Largest>(g, row, [&](int64_t i, int n, Vec<T> v) { store_up_to(out + r * width + i, v, n); });
    });
    return;
  }
  Place at(g, first);
  for (int64_t r = first; r < last; ++r, ++at) {
    T* to = out + r * width;
    const T* upper = x + at.plane * g.plane_in() + (at.d * g.in[1] + 2 * at.h) * g.in[2];
    over_halves(width, upper, upper + g.in[2], [&](int64_t i, int n, Vec<T> a, Vec<T> b, Vec<T> c, Vec<T> d) {
      store_up_to(to + i, Largest::both(Largest::both(a, b), Largest::both(c, d)), n);
    });
  }
}

// The place of a window's maximum in its plane, -1 of an empty window.
template <class T>
PYNN_INLINE int64_t find_max(const Rows& rows, const Range& wide, const T* plane) {
  const int64_t count = rows.count(), step = rows.g.step[2];
  if (count == 0 || wide.begin >= wide.end) return -1;
  int64_t found = rows.at(0) + wide.begin;
  T most = plane[found];
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = rows.at(i);
    for (int64_t c = row + wide.begin; c < row + wide.end; c += step) {
      const bool here = better(plane[c], most);  // no branch: which element is largest cannot be foretold
      most = here ? plane[c] : most;
      found = here ? c : found;
    }
  }
  return found;
}

// A row of n elements dealt into those at even and at odd columns.
template <class T>
PYNN_INLINE void deal(T* even, T* odd, const T* from, int64_t n) {
  constexpr int lanes = Lanes<T>::n;
  int64_t c = 0;
  for (; c + 2 * lanes <= n; c += 2 * lanes) {
    const Pair<T> p = deinterleave(load(from + c), load(from + c + lanes));
    store(even + c / 2, p.first);
    store(odd + c / 2, p.second);
  }
  if (c == n) return;
  const int rest = int(n - c), near = rest < lanes ? rest : lanes;
  const Pair<T> p =
      deinterleave(load_n(from + c, near), rest > lanes ? load_n(from + c + lanes, rest - lanes) : zero<T>());
  store_n(even + c / 2, p.first, (rest + 1) / 2);
  store_n(odd + c / 2, p.second, rest / 2);
}

// A padded row, of stride 2 its even and then its odd elements: `to` has lowest() beside what is written.
template <class T>
PYNN_INLINE void set_row(const Geometry& g, T* to, const T* from) {
  if (g.stride == 2) {
    T *const even = to + g.pad / 2, *const odd = even + g.buffer / 2;
    g.pad % 2 == 0 ? deal(even, odd, from, g.in[2]) : deal(odd, even + 1, from, g.in[2]);
  } else {
    copy(to + g.pad, from, g.in[2]);
  }
}

// Where the windows' maxima are looked for: the padded rows that a window of a plane reaches, held from one output row
// to the next, and for each tap, row by row, where its elements for the windows from the first on begin.
template <class T>
class TapFinder {
 public:
  static_assert(sizeof(int32_t) <= sizeof(T), "an offset takes no more than an element");

  // scratch: Geometry::finder elements.
  TapFinder(const Geometry& g, T* scratch)
      : g_(g), rows_(scratch), offsets_(reinterpret_cast<int32_t*>(scratch + g.window_rows * g.buffer)),
        held_(offsets_ + g.window_rows * g.kernel),
        nan_(held_ + g.window_rows) {
    fill(rows_, g.window_rows * g.buffer, lowest<T>());
    forget();
  }

  // Before another plane.
  void forget() {
    for (int64_t i = 0; i < g_.window_rows; ++i) held_[i] = -1;
  }

  // Which tap, counted row by row of the window, holds the maximum of each window of an output row, -1 for empty ones.
  PYNN_INLINE void find(const Rows& rows, const T* plane, T* places) {
    const int64_t taps = rows.count() * g_.kernel, out = g_.out[2];
    const bool nan = set_rows(rows, plane);
    int64_t w = 0;
    for (; w + lanes < out; w += 2 * lanes) {
      nan ? find_vectors<true, 2>(w, taps, places) : find_vectors<false, 2>(w, taps, places);
    }
    if (w < out) nan ? find_vectors<true, 1>(w, taps, places) : find_vectors<false, 1>(w, taps, places);
    if (__builtin_expect(!empty_, 1)) return;
    empty_ = false;
    for (w = 0; w < out; ++w) {  // nothing but -inf: the first that is no padding
      const Range wide = g_.range[2][w];
      if (places[w] >= 0 || taps == 0 || wide.begin >= wide.end) continue;
      places[w] = T((wide.begin + g_.pad - w * g_.stride) / g_.step[2]);
    }
  }

 private:
  static constexpr int lanes = Lanes<T>::n;

  static PYNN_INLINE bool has_nan(const T* row, int64_t n) {
    Mask<T> found = is_nan(zero<T>());
    int64_t i = 0;
    for (; i + lanes <= n; i += lanes) found = found | is_nan(load(row + i));
    if (i < n) found = found | is_nan(load_n(row + i, int(n - i)));
    return any<T>(found);
  }

  // Whether some element is NaN.
  PYNN_INLINE bool set_rows(const Rows& rows, const T* plane) {
    const int64_t width = g_.in[2], kernel = g_.kernel, step = g_.step[2], half = g_.buffer / 2;
    const bool shared = g_.in[0] == 1 && g_.step[1] == 1;  // the windows' rows follow each other
    int64_t at = shared && rows.count() > 0 ? rows.row(0) % g_.window_rows : 0;
    int32_t nan = 0;
    for (int64_t i = 0, t = 0; i < rows.count(); ++i, at = at + 1 < g_.window_rows ? at + 1 : 0) {
      const int64_t row = rows.row(i);
      if (held_[at] != int32_t(row)) {
        set_row(g_, rows_ + at * g_.buffer, plane + row * width);
        held_[at] = int32_t(row);
        nan_[at] = has_nan(plane + row * width, width);
      }
      nan |= nan_[at];
      for (int64_t k = 0; k < kernel; ++k, ++t) {
        const int64_t ahead = k * step;
        offsets_[t] = int32_t(at * g_.buffer + (g_.stride == 2 ? ahead % 2 * half + ahead / 2 : ahead));
      }
    }
    return nan != 0;
  }

  PYNN_INLINE Vec<T> tap(const T* from) const {
    if (g_.stride <= 2) return load(from);
    T each[lanes];
    for (int j = 0; j < lanes; ++j) each[j] = from[j * g_.stride];
    return load(each);
  }

  // Of the windows from w on, kVectors of them.
  template <bool kNan, int kVectors>
  PYNN_INLINE void find_vectors(int64_t w, int64_t taps, T* places) {
    const T* const from = rows_ + w * (g_.stride <= 2 ? 1 : g_.stride);
    const int64_t next = lanes * (g_.stride <= 2 ? 1 : g_.stride);
    Vec<T> most[kVectors], at[kVectors], code = zero<T>();
    PYNN_UNROLL
    for (int v = 0; v < kVectors; ++v) most[v] = set1(lowest<T>()), at[v] = set1(T(-1));
    for (int64_t t = 0; t < taps; ++t) {
      PYNN_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        const Vec<T> x = tap(from + offsets_[t] + v * next);
        const auto here = kNan ? (x > most[v]) | is_nan(x) : x > most[v];
        most[v] = kNan ? select(here, x, most[v]) : max(x, most[v]);
        at[v] = select(here, code, at[v]);
      }
      code = code + set1(T(1));
    }
    PYNN_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      store(places + w + v * lanes, at[v]);
      const int64_t left = g_.out[2] - w - v * lanes;  // behind them, windows of nothing
      empty_ = empty_ | any<T>((left < lanes ? load_n(places + w + v * lanes, int(left)) : at[v]) < zero<T>());
    }
  }

  const Geometry& g_;
  T* const rows_;
  int32_t *const offsets_, *const held_, *const nan_;  // nan_: whether a row held has one
  bool empty_ = false;
};

// The place in its plane of a tap of window w, -1 of none.
template <class T>
PYNN_INLINE int64_t place_of(const Geometry& g, const Rows& rows, int64_t w, T tap) {
  if (tap < 0) return -1;
  const int64_t kernel = g.kernel;
  int64_t row = 0, rest = int64_t(tap);
  while (rest >= kernel) rest -= kernel, ++row;  // a few steps, where a division takes more
  return rows.at(row) + w * g.stride + rest * g.step[2] - g.pad;
}

// With the place of each maximum. scratch: of a TapFinder, then a row of taps; null where find_max must do.
template <class T>
void max_rows_indices(const Geometry& g, int64_t first, int64_t last, const T* x, T* out, int64_t* indices,
                      T* scratch) {
  const auto write = [&](const T* plane, int64_t at, int64_t found) {
    out[at] = found < 0 ? lowest<T>() : plane[found];
    indices[at] = found < 0 ? 0 : found;
  };
  const int64_t width = g.out[2];
  Place at(g, first);
  if (scratch == nullptr) {
    for (int64_t r = first; r < last; ++r, ++at) {
      const T* plane = x + at.plane * g.plane_in();
      const Rows rows(g, at.d, at.h);
      for (int64_t w = 0; w < width; ++w) write(plane, r * width + w, find_max(rows, g.range[2][w], plane));
    }
    return;
  }
  TapFinder<T> finder(g, scratch);
  T* const taps = scratch + g.finder;
  for (int64_t r = first; r < last; ++r, ++at) {
    const T* plane = x + at.plane * g.plane_in();
    const Rows rows(g, at.d, at.h);
    if (at.d + at.h == 0) finder.forget();
    finder.find(rows, plane, taps);
    for (int64_t w = 0; w < width; ++w) write(plane, r * width + w, place_of(g, rows, w, taps[w]));
  }
}

template <class T>
PYNN_INLINE T sum_all(const T* x, int64_t n) {
  constexpr int lanes = Lanes<T>::n;
  Vec<T> a = zero<T>(), b = a, c = a, d = a;
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    a = a + load(x + i);
    b = b + load(x + i + lanes);
    c = c + load(x + i + 2 * lanes);
    d = d + load(x + i + 3 * lanes);
  }
  for (; i + lanes <= n; i += lanes) a = a + load(x + i);
  if (i < n) b = b + load_n(x + i, int(n - i));
  return reduce_add((a + b) + (c + d));
}

template <class T>
PYNN_INLINE void halves_average(const Geometry& g, int64_t first, int64_t last, const T* x, T count, T* out) {
  const Vec<T> share = set1(T(1) / count);
  Place at(g, first);
  for (int64_t r = first; r < last; ++r, ++at) {
    const T* upper = x + at.plane * g.plane_in() + (at.d * g.in[1] + 2 * at.h) * g.in[2];
    T* to = out + r * g.out[2];
    over_halves(g.out[2], upper, upper + g.in[2], [&](int64_t i, int n, Vec<T> a, Vec<T> b, Vec<T> c, Vec<T> d) {
      const Vec<T> sum = (a + c) + (b + d);
      store_up_to(to + i, count == T(4) ? sum * share : sum / set1(count), n);  // of 4, or of one divisor for all
    });
  }
}

// scratch: kTogether padded rows; null of halves and whole planes.
template <class T>
void average_rows(const Geometry& g, int64_t first, int64_t last, const T* x, const T* counts, T* out,
                  T* scratch) {
  const int64_t width = g.out[2], plane = g.plane_in();
  const T all = T(g.range[0][0].count) * T(g.range[1][0].count) * counts[0];  // of the first window
  if (g.whole) {
    for (int64_t r = first; r < last; ++r) out[r] = sum_all(x + r * plane, plane) / all;
    return;
  }
  if (g.halves) {
    halves_average(g, first, last, x, all, out);
    return;
  }
  over_reduced<Sum>(g, first, last, x, scratch, [&](int64_t r, const Place& at, const T* row) {
    const T rows_count = T(g.range[0][at.d].count) * T(g.range[1][at.h].count);
    T* to = out + r * width;
    if (!g.bins) {
      reduce_columns<Sum>(g, row, [&](int64_t i, int n, Vec<T> v) {
        store_up_to(to + i, v / (set1(rows_count) * load_up_to(counts + i, n)), n);
      });
      return;
    }
    for (int64_t w = 0; w < width; ++w) {
      const Range wide = g.range[2][w];
      T sum = T(0);
      for (int64_t c = wide.begin; c < wide.end; ++c) sum += row[c];
      to[w] = sum / (rows_count * counts[w]);
    }
  });
}

}  // namespace pool
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
