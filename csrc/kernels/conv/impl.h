// The kernels, for one ISA: see conv.h for what each computes.
#pragma once
#include "kernels/conv/conv.h"
#include "simd/vec.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace conv {
namespace {

using pynn::conv::GradArgs;
using pynn::conv::Kernels;
using pynn::conv::Piece;
using pynn::conv::RowArgs;
using pynn::conv::Table;

#if defined(__AVX512F__)
PYNN_INLINE Vec<float> load_masked(const float* p, uint32_t bits) {
  return {(Vec<float>::Native)_mm512_maskz_loadu_ps(__mmask16(bits), p)};
}
PYNN_INLINE Vec<double> load_masked(const double* p, uint32_t bits) {
  return {(Vec<double>::Native)_mm512_maskz_loadu_pd(__mmask8(bits), p)};
}
PYNN_INLINE Vec<float> even_lanes(Vec<float> a, Vec<float> b) {
  return {__builtin_shufflevector(a.v, b.v, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)};
}
PYNN_INLINE Vec<double> even_lanes(Vec<double> a, Vec<double> b) {
  return {__builtin_shufflevector(a.v, b.v, 0, 2, 4, 6, 8, 10, 12, 14)};
}
#endif

// Lanes [low, high) are p[i * step], the others zero and not read.
template <class T>
PYNN_INLINE Vec<T> load_range(const T* p, int64_t step, int low, int high) {
  constexpr int kWidth = Vec<T>::lanes;
  if (step == 1 && low == 0 && high == kWidth) return load(p);
#if defined(__AVX512F__)
  const uint64_t bits = high > low ? (uint64_t(1) << high) - (uint64_t(1) << low) : 0;
  if (step == 1) return load_masked(p, uint32_t(bits));
  if (step == 2) {
    const uint64_t spread = high > low ? ((uint64_t(1) << (2 * high)) - (uint64_t(1) << (2 * low))) & 0x55555555u : 0;
    return even_lanes(load_masked(p, uint32_t(spread & ((1u << kWidth) - 1))),
                      load_masked(p + kWidth, uint32_t(spread >> kWidth)));
  }
#endif
  T lanes[kWidth] = {};
  for (int i = low; i < high; ++i) lanes[i] = p[i * step];
  return load(lanes);
}

template <class T>
void pack(const T* src, int64_t src_step, int64_t step, int64_t channels, const Piece* pieces, int count, T* dst,
          int64_t dst_step) {
  constexpr int kWidth = Vec<T>::lanes;
  for (int i = 0; i < count; ++i) {
    const Piece piece = pieces[i];
    const T* s = src + piece.source;
    T* d = dst + piece.to;
    if (step == 1 && piece.low == 0 && piece.high == kWidth) {
      for (int64_t c = 0; c < channels; ++c, s += src_step, d += dst_step) store(d, load(s));
    } else if (piece.count == kWidth) {
      for (int64_t c = 0; c < channels; ++c, s += src_step, d += dst_step) {
        store(d, load_range(s, step, piece.low, piece.high));
      }
    } else {
      for (int64_t c = 0; c < channels; ++c, s += src_step, d += dst_step) {
        store_n(d, load_range(s, step, piece.low, piece.high), piece.count);
      }
    }
  }
}

PYNN_INLINE int clamp(int64_t x, int high) { return x < 0 ? 0 : x > high ? high : int(x); }

// Lanes of a vector at pixel j whose source column j * step + column lies inside [0, in_width).
struct Range {
  int low, high;
};
PYNN_INLINE Range inside(int64_t j, int64_t step, int64_t column, int64_t in_width, int lanes) {
  const int64_t at = j * step + column;
  if (at >= 0 && at + (lanes - 1) * step < in_width) return {0, lanes};
  const int64_t low = at >= 0 ? 0 : (-at + step - 1) / step;
  const int64_t high = at >= in_width ? 0 : (in_width - at + step - 1) / step;
  Range r;
  r.low = clamp(low, lanes);
  r.high = clamp(high, lanes);
  if (r.high < r.low) r.high = r.low;
  return r;
}

template <class T>
void row(const RowArgs<T>& args) {
  constexpr int kWidth = Vec<T>::lanes;
  const RowArgs<T> a = args;
  for (int64_t j = 0; j < a.width; j += kWidth) {
    const int lanes = int(a.width - j < kWidth ? a.width - j : kWidth);
    Vec<T> acc = zero<T>();
    for (int64_t t = 0; t < a.taps; ++t) {
      const Range r = inside(j, a.step_x, a.tap_column[t], a.in_width, lanes);
      const T* x = a.x + a.tap_row[t] + j * a.step_x + a.tap_column[t];
      const T* w = a.w + a.tap_weight[t];
      for (int64_t c = 0; c < a.channels; ++c, x += a.x_plane, w += a.w_channel) {
        acc = fma(load_range(x, a.step_x, r.low, r.high), set1(*w), acc);
      }
    }
    acc = acc + set1(a.bias);
    T* out = a.out + j * a.out_col;
    if (a.beta != T(0)) acc = fma(load_range(out, a.out_col, 0, lanes), set1(a.beta), acc);
    if (a.relu) acc = max(zero<T>(), acc);
    if (a.out_col == 1) {
      if (lanes == kWidth) {
        store(out, acc);
      } else {
        store_n(out, acc, lanes);
      }
    } else {
      for (int i = 0; i < lanes; ++i) out[i * a.out_col] = acc[i];
    }
  }
}

template <class T>
void grad_row(const GradArgs<T>& args) {
  constexpr int kWidth = Vec<T>::lanes;
  const GradArgs<T> a = args;
  for (int64_t j = 0; j < a.width; j += kWidth) {
    const int lanes = int(a.width - j < kWidth ? a.width - j : kWidth);
    const Vec<T> dy = lanes == kWidth ? load(a.dy + j) : load_n(a.dy + j, lanes);
    for (int64_t t = 0; t < a.taps; ++t) {
      const Range r = inside(j, a.step_x, a.tap_column[t], a.in_width, lanes);
      const Vec<T> x = load_range(a.x + a.tap_row[t] + j * a.step_x + a.tap_column[t], a.step_x, r.low, r.high);
      T* sum = a.sums + a.tap_sum[t] * kWidth;
      store(sum, fma(dy, x, load(sum)));
    }
  }
}

template <class T>
constexpr Kernels<T> all_kernels() {
  return {Vec<T>::lanes, pack<T>, row<T>, grad_row<T>};
}

}  // namespace

extern const Table table;
const Table table = {all_kernels<float>(), all_kernels<double>()};

}  // namespace conv
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
