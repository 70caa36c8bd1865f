// Depthwise kernels: a vector of the input is loaded once for all rows of the output that it reaches.
#pragma once
#include "simd/shuffle.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace conv {
namespace {

template <class T>
PYNN_INLINE void fill_frame(const T* src, int64_t src_row, int64_t rows, int64_t columns, T* to,
                            int64_t pitch) {
  constexpr int kWidth = Vec<T>::lanes;
  const int64_t whole = columns / kWidth * kWidth;
  const int rest = int(columns - whole);
  for (int64_t y = 0; y < rows; ++y, src += src_row, to += pitch) {
    for (int64_t x = 0; x < whole; x += kWidth) store(to + x, load(src + x));
    if (rest > 0) store_n(to + whole, load_n(src + whole, rest), rest);
  }
}

template <class T>
PYNN_INLINE Vec<T> load_up_to(const T* p, int64_t n) {
  return n >= Vec<T>::lanes ? load(p) : load_n(p, n > 0 ? int(n) : 0);
}

// Even and odd columns of a frame apart. Whole vectors are stored: what is behind a row's end becomes zero.
template <class T>
PYNN_INLINE void fill_phases(const T* src, int64_t src_row, int64_t rows, int64_t columns, int64_t left, T* to,
                             int64_t pitch, int64_t phase) {
  constexpr int kWidth = Vec<T>::lanes;
  T* even = to + left % 2 * phase + left / 2;
  T* odd = to + (left + 1) % 2 * phase + (left + 1) / 2;
  for (int64_t y = 0; y < rows; ++y, src += src_row, even += pitch, odd += pitch) {
    for (int64_t x = 0; x < columns; x += 2 * kWidth) {
      const Pair<T> pair =
          deinterleave(load_up_to(src + x, columns - x), load_up_to(src + x + kWidth, columns - x - kWidth));
      store(even + x / 2, pair.first);
      store(odd + x / 2, pair.second);
    }
  }
}

// Columns of the source that a vector of outputs meets, kStep neighbouring taps of a row at a time. Where masked loads
// cost nothing they come from the source itself, zeros beside it; else from the frame.
#if defined(__AVX512F__)
constexpr bool kFramed = false;
template <class T, int kSize, int kStep>
struct Columns {
  uint32_t first[kSize], second[kSize];  // lanes of the source's one or two vectors
  int64_t from;

  PYNN_INLINE Columns(int64_t x, int64_t left, int64_t columns) : from(kStep * x - left) {
    PYNN_UNROLL
    for (int s = 0; s < kSize; ++s) {
      first[s] = lanes_of(from + s, columns);
      if (kStep == 2) second[s] = lanes_of(from + s + Vec<T>::lanes, columns);
    }
  }
  PYNN_INLINE void load(const T* row, int s, Vec<T> (&v)[kStep]) const {
    const T* p = row + from + s;
    v[0] = load_masked(p, first[s]);
    if constexpr (kStep == 2) {
      const Pair<T> pair = deinterleave(v[0], load_masked(p + Vec<T>::lanes, second[s]));
      v[0] = pair.first;
      v[1] = pair.second;
    }
  }

 private:
  // Those i for which 0 <= from + i < columns.
  static PYNN_INLINE uint32_t lanes_of(int64_t from, int64_t columns) {
    constexpr int64_t kWidth = Vec<T>::lanes;
    const int64_t low = from < 0 ? (-from < kWidth ? -from : kWidth) : 0;
    const int64_t left = columns - from, high = left < 0 ? 0 : left < kWidth ? left : kWidth;
    return high > low ? uint32_t((1u << high) - (1u << low)) : 0;
  }
};
#else
constexpr bool kFramed = true;
template <class T, int kSize, int kStep>
struct Columns {
  int64_t x, phase;

  PYNN_INLINE Columns(int64_t x, int64_t phase) : x(x), phase(phase) {}
  PYNN_INLINE void load(const T* row, int s, Vec<T> (&v)[kStep]) const {
    const T* p = row + x + s / kStep;
    v[0] = pynn::PYNN_ISA_NAMESPACE::load(p);
    if constexpr (kStep == 2) v[1] = pynn::PYNN_ISA_NAMESPACE::load(p + phase);
  }
};
#endif

// The rows of a plane, with what lies above and below as zeros: in the frame, or left out.
template <class T>
struct PlaneRows {
  const T* at;
  int64_t pitch, top, rows;

  PYNN_INLINE bool has(int64_t y) const { return kFramed || uint64_t(y - top) < uint64_t(rows); }
  PYNN_INLINE const T* row(int64_t y) const { return at + (kFramed ? y : y - top) * pitch; }
};

// kRows rows of the output, a vector wide.
template <class T, int kSize, int kStep, int kRows>
PYNN_INLINE void plane_rows(const PlaneArgs<T>& a, const PlaneRows<T>& from, const Columns<T, kSize, kStep>& columns,
                            int64_t first, const T* w, T bias, T* out, int lanes) {
  constexpr int kWidth = Vec<T>::lanes;
  const int64_t width = a.width;
  Vec<T> acc[kRows];
  PYNN_UNROLL
  for (int i = 0; i < kRows; ++i) acc[i] = set1(bias);
  PYNN_UNROLL
  for (int s = 0; s < kSize; s += kStep) {
    Vec<T> weight[kSize][kStep];
    PYNN_UNROLL
    for (int r = 0; r < kSize; ++r) {
      weight[r][0] = set1(w[r * kSize + s]);
      if (kStep == 2 && s + 1 < kSize) weight[r][kStep - 1] = set1(w[r * kSize + s + 1]);
    }
    PYNN_UNROLL
    for (int y = 0; y < kStep * (kRows - 1) + kSize; ++y) {
      if (!from.has(kStep * first + y)) continue;
      Vec<T> v[kStep];
      columns.load(from.row(kStep * first + y), s, v);
      PYNN_UNROLL
      for (int i = 0; i < kRows; ++i) {
        const int r = y - kStep * i;
        if (r < 0 || r >= kSize) continue;
        acc[i] = fma(weight[r][0], v[0], acc[i]);
        if (kStep == 2 && s + 1 < kSize) acc[i] = fma(weight[r][kStep - 1], v[kStep - 1], acc[i]);
      }
    }
  }
  const bool plain = a.beta == T(0) && !a.relu;
  PYNN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    T* o = out + i * width;
    if (!plain) {
      if (a.beta != T(0)) acc[i] = fma(set1(a.beta), lanes == kWidth ? load(o) : load_n(o, lanes), acc[i]);
      if (a.relu) acc[i] = max(zero<T>(), acc[i]);
    }
    if (lanes == kWidth) {
      store(o, acc[i]);
    } else {
      store_n(o, acc[i], lanes);
    }
  }
}

// A plane's rows as the kernels read them: a frame is filled where one is needed.
template <class T, int kStep, class Args>
PYNN_INLINE PlaneRows<T> plane_source(const Args& a, const T* src) {
  if (!kFramed) return {src, a.src_row, a.top, a.rows};
  T* const inner = a.frame + a.top * a.pitch;
  if (kStep == 2) {
    fill_phases(src, a.src_row, a.rows, a.columns, a.left, inner, a.pitch, a.phase);
  } else {
    fill_frame(src, a.src_row, a.rows, a.columns, inner + a.left, a.pitch);
  }
  return {a.frame, a.pitch, a.top, a.rows};
}

template <class T, int kSize, int kStep, class Args>
PYNN_INLINE Columns<T, kSize, kStep> plane_columns(const Args& a, int64_t x) {
#if defined(__AVX512F__)
  return {x, a.left, a.columns};
#else
  return {x, a.phase};
#endif
}

template <class T, int kSize, int kStep>
void plane(const PlaneArgs<T>& args) {
  constexpr int kWidth = Vec<T>::lanes;
#if defined(__AVX512F__)
  constexpr int kTall = kPlaneRows;
#else
  constexpr int kTall = 4;
#endif
  const PlaneArgs<T> a = args;
  T weights[kSize * kSize];
  for (int64_t p = 0; p < a.planes; ++p) {
    const PlaneRows<T> from = plane_source<T, kStep>(a, a.src + p * a.src_step);
    const T* w = a.w + p * a.w_step;
    for (int i = 0; i < kSize * kSize; ++i) weights[i] = w[a.turned ? kSize * kSize - 1 - i : i];
    const T bias = a.bias != nullptr ? a.bias[p] : T(0);
    for (int64_t x = 0; x < a.width; x += kWidth) {
      const int lanes = int(a.width - x < kWidth ? a.width - x : kWidth);
      const Columns<T, kSize, kStep> columns = plane_columns<T, kSize, kStep>(a, x);
      T* out = a.out + p * a.out_step + x;
      int64_t y = 0;
      for (; y + kTall <= a.height; y += kTall) {
        plane_rows<T, kSize, kStep, kTall>(a, from, columns, y, weights, bias, out + y * a.width, lanes);
      }
      for (; y + 2 <= a.height; y += 2) {
        plane_rows<T, kSize, kStep, 2>(a, from, columns, y, weights, bias, out + y * a.width, lanes);
      }
      if (y < a.height)
        plane_rows<T, kSize, kStep, 1>(a, from, columns, y, weights, bias, out + y * a.width, lanes);
    }
  }
}

// Two columns of the output side by side: of an even one and the odd one behind it, the taps that reach them from the
// source's rows. kOdd: whether the padding before a row is. rows[t] meets the row w[t] of the kernel.
template <class T, int kSize, int kOdd>
PYNN_INLINE void apart_row(const PlaneArgs<T>& a, const T* const* rows, const T* const* w, int n, T bias, T* out) {
  constexpr int kWidth = Vec<T>::lanes;
  const bool plain = a.beta == T(0) && !a.relu;
  for (int64_t x = 0; x < a.width; x += 2 * kWidth) {
    Vec<T> even = set1(bias), odd = even;
    for (int t = 0; t < n; ++t) {
      const T* const from = rows[t] + x / 2;
      PYNN_UNROLL
      for (int s = 0; s < kSize; ++s) {
        if (s % 2 == kOdd) {
          even = fma(set1(w[t][s]), load(from - s / 2), even);
        } else {
          odd = fma(set1(w[t][s]), load(from + kOdd - s / 2), odd);
        }
      }
    }
    Pair<T> pair = interleave(even, odd);
    const int64_t left = a.width - x;
    if (!plain) {
      if (a.beta != T(0)) {
        pair.first = fma(set1(a.beta), load_up_to(out + x, left), pair.first);
        pair.second = fma(set1(a.beta), load_up_to(out + x + kWidth, left - kWidth), pair.second);
      }
      if (a.relu) pair = {max(zero<T>(), pair.first), max(zero<T>(), pair.second)};
    }
    if (left >= 2 * kWidth) {
      store(out + x, pair.first);
      store(out + x + kWidth, pair.second);
    } else if (left > kWidth) {
      store(out + x, pair.first);
      store_n(out + x + kWidth, pair.second, int(left - kWidth));
    } else {
      store_n(out + x, pair.first, int(left));
    }
  }
}

// The source's elements lie two apart, as in the data gradient of a step of two: a place of the output meets every
// second tap of every second row. frame holds the source as it is, behind kSize / 2 zeros; top and left are the
// padding before the output.
template <class T, int kSize>
void plane_apart(const PlaneArgs<T>& args) {
  const PlaneArgs<T> a = args;
  constexpr int kBefore = kSize / 2, kMost = (kSize + 1) / 2;
  for (int64_t p = 0; p < a.planes; ++p) {
    fill_frame(a.src + p * a.src_step, a.src_row, a.rows, a.columns, a.frame + kBefore * a.pitch + kBefore,
               a.pitch);
    const T* const w = a.w + p * a.w_step;
    const T bias = a.bias != nullptr ? a.bias[p] : T(0);
    T* out = a.out + p * a.out_step;
    for (int64_t y = 0; y < a.height; ++y, out += a.width) {
      const T *rows[kMost], *taps[kMost];
      int n = 0;
      for (int64_t r = (y + a.top) % 2; r < kSize; r += 2, ++n) {
        rows[n] = a.frame + ((y + a.top - r) / 2 + kBefore) * a.pitch + kBefore + a.left / 2;
        taps[n] = w + r * kSize;
      }
      if (a.left % 2) {
        apart_row<T, kSize, 1>(a, rows, taps, n, bias, out);
      } else {
        apart_row<T, kSize, 0>(a, rows, taps, n, bias, out);
      }
    }
  }
}

template <class T, int kSize, int kStep>
void plane_grad(const PlaneGradArgs<T>& args) {
  constexpr int kWidth = Vec<T>::lanes;
  const PlaneGradArgs<T> a = args;
  Vec<T> acc[kSize][kSize];
  PYNN_UNROLL
  for (int r = 0; r < kSize; ++r) {
    PYNN_UNROLL
    for (int s = 0; s < kSize; ++s) acc[r][s] = zero<T>();
  }
  for (int64_t p = 0; p < a.images; ++p) {
    const PlaneRows<T> from = plane_source<T, kStep>(a, a.src + p * a.src_step);
    for (int64_t x = 0; x < a.width; x += kWidth) {
      const int lanes = int(a.width - x < kWidth ? a.width - x : kWidth);
      const Columns<T, kSize, kStep> columns = plane_columns<T, kSize, kStep>(a, x);
      const T* dy = a.dy + p * a.dy_step + x;
      if (kStep == 2) {
        for (int64_t y = 0; y < a.height; ++y, dy += a.dy_row) {
          const Vec<T> d = lanes == kWidth ? load(dy) : load_n(dy, lanes);
          PYNN_UNROLL
          for (int r = 0; r < kSize; ++r) {
            if (!from.has(2 * y + r)) continue;
            const T* const row = from.row(2 * y + r);
            PYNN_UNROLL
            for (int s = 0; s < kSize; s += kStep) {
              Vec<T> v[kStep];
              columns.load(row, s, v);
              acc[r][s] = fma(d, v[0], acc[r][s]);
              if (s + 1 < kSize) acc[r][s + 1] = fma(d, v[kStep - 1], acc[r][s + 1]);
            }
          }
        }
        continue;
      }
      // Row y of the source meets the rows y, y - 1, ... of dy.
      Vec<T> d[kSize];
      PYNN_UNROLL
      for (int r = 0; r < kSize; ++r) d[r] = zero<T>();
      for (int64_t y = 0; y < a.height + kSize - 1; ++y, dy += a.dy_row) {
        PYNN_UNROLL
        for (int r = kSize - 1; r > 0; --r) d[r] = d[r - 1];
        d[0] = y >= a.height ? zero<T>() : lanes == kWidth ? load(dy) : load_n(dy, lanes);
        if (!from.has(y)) continue;
        const T* const row = from.row(y);
        PYNN_UNROLL
        for (int s = 0; s < kSize; ++s) {
          Vec<T> v[kStep];
          columns.load(row, s, v);
          PYNN_UNROLL
          for (int r = 0; r < kSize; ++r) acc[r][s] = fma(d[r], v[0], acc[r][s]);
        }
      }
    }
  }
  PYNN_UNROLL
  for (int r = 0; r < kSize; ++r) {
    PYNN_UNROLL
    for (int s = 0; s < kSize; ++s) a.sums[r * kSize + s] += reduce_add(acc[r][s]);
  }
}

}  // namespace
}  // namespace conv
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
