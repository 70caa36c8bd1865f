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

// Lane by lane, for the steps and ISAs that have no better way; apart, so that it costs the others nothing.
template <class T>
__attribute__((noinline)) Vec<T> load_spread(const T* p, int64_t step, int low, int high) {
  T lanes[Vec<T>::lanes] = {};
  for (int i = low; i < high; ++i) lanes[i] = p[i * step];
  return load(lanes);
}

// Lanes [low, high) are p[i * step], the others zero and not read. kStep: the step where it is 1 or 2, else 0.
template <class T, int kStep>
PYNN_INLINE Vec<T> load_range(const T* p, int64_t step, int low, int high) {
  constexpr int kWidth = Vec<T>::lanes;
#if defined(__AVX512F__)
  if constexpr (kStep == 1) {
    return load_masked(p, uint32_t((uint64_t(1) << high) - (uint64_t(1) << low)));
  } else if constexpr (kStep == 2) {
    const uint64_t bits = ((uint64_t(1) << (2 * high)) - (uint64_t(1) << (2 * low))) & 0x55555555u;
    return even_lanes(load_masked(p, uint32_t(bits & ((1u << kWidth) - 1))),
                      load_masked(p + kWidth, uint32_t(bits >> kWidth)));
  }
#else
  if (kStep == 1 && low == 0) return high == kWidth ? load(p) : load_n(p, high);
#endif
  return load_spread(p, step, low, high);
}

template <class T, int kStep>
void pack_pieces(const T* src, int64_t src_step, int64_t step, int64_t channels, const Piece* pieces, int count,
                 T* dst, int64_t dst_step) {
  constexpr int kWidth = Vec<T>::lanes;
  for (int i = 0; i < count; ++i) {
    const Piece piece = pieces[i];
    const T* s = src + piece.source;
    T* d = dst + piece.to;
    if (kStep == 1 && piece.low == 0 && piece.high == kWidth) {
      for (int64_t c = 0; c < channels; ++c, s += src_step, d += dst_step) store(d, load(s));
    } else if (piece.count == kWidth) {
      for (int64_t c = 0; c < channels; ++c, s += src_step, d += dst_step) {
        store(d, load_range<T, kStep>(s, step, piece.low, piece.high));
      }
    } else {
      for (int64_t c = 0; c < channels; ++c, s += src_step, d += dst_step) {
        store_n(d, load_range<T, kStep>(s, step, piece.low, piece.high), piece.count);
      }
    }
  }
}

template <class T>
void pack(const T* src, int64_t src_step, int64_t step, int64_t channels, const Piece* pieces, int count, T* dst,
          int64_t dst_step) {
  if (step == 1) {
    pack_pieces<T, 1>(src, src_step, step, channels, pieces, count, dst, dst_step);
  } else if (step == 2) {
    pack_pieces<T, 2>(src, src_step, step, channels, pieces, count, dst, dst_step);
  } else {
    pack_pieces<T, 0>(src, src_step, step, channels, pieces, count, dst, dst_step);
  }
}

// Lanes of a vector whose first one reads column `at` and that lie inside [0, in_width).
struct Range {
  int low, high;
};
template <int kStep>
PYNN_INLINE Range inside(int64_t at, int64_t step, int64_t in_width, int lanes) {
  if (kStep != 0) step = kStep;
  int64_t low = at >= 0 ? 0 : kStep == 1 ? -at : (step - 1 - at) / step;
  int64_t high = at >= in_width ? 0 : kStep == 1 ? in_width - at : (in_width - at + step - 1) / step;
  high = high < lanes ? high : lanes;
  low = low < high ? low : high;
  return {int(low), int(high)};
}

template <class T, int kStep>
void row_of(const RowArgs<T>& a) {
  constexpr int kWidth = Vec<T>::lanes;
  const int64_t step = kStep == 0 ? a.step_x : kStep, taps = a.taps, channels = a.channels;
  for (int64_t j = 0; j < a.width; j += kWidth) {
    const int lanes = int(a.width - j < kWidth ? a.width - j : kWidth);
    Vec<T> acc = zero<T>();
    for (int64_t t = 0; t < taps; ++t) {
      const int64_t at = j * step + a.tap_column[t];
      const Range r = inside<kStep>(at, step, a.in_width, lanes);
      const T* x = a.x + a.tap_row[t] + at;
      const T* w = a.w + a.tap_weight[t];
      for (int64_t c = 0; c < channels; ++c, x += a.x_plane, w += a.w_channel) {
        acc = fma(load_range<T, kStep>(x, step, r.low, r.high), set1(*w), acc);
      }
    }
    acc = acc + set1(a.bias);
    T* out = a.out + j * a.out_col;
    if (a.out_col == 1) {
      if (a.beta != T(0)) acc = fma(load_range<T, 1>(out, 1, 0, lanes), set1(a.beta), acc);
      if (a.relu) acc = max(zero<T>(), acc);
      if (lanes == kWidth) {
        store(out, acc);
      } else {
        store_n(out, acc, lanes);
      }
    } else {
      if (a.beta != T(0)) acc = fma(load_spread(out, a.out_col, 0, lanes), set1(a.beta), acc);
      if (a.relu) acc = max(zero<T>(), acc);
      T lane[kWidth];
      store(lane, acc);
      for (int i = 0; i < lanes; ++i) out[i * a.out_col] = lane[i];
    }
  }
}

template <class T>
void row(const RowArgs<T>& args) {
  const RowArgs<T> a = args;
  if (a.step_x == 1) {
    row_of<T, 1>(a);
  } else if (a.step_x == 2) {
    row_of<T, 2>(a);
  } else {
    row_of<T, 0>(a);
  }
}

template <class T, int kStep>
void grad_row_of(const GradArgs<T>& a) {
  constexpr int kWidth = Vec<T>::lanes;
  const int64_t step = kStep == 0 ? a.step_x : kStep;
  for (int64_t j = 0; j < a.width; j += kWidth) {
    const int lanes = int(a.width - j < kWidth ? a.width - j : kWidth);
    const Vec<T> dy = lanes == kWidth ? load(a.dy + j) : load_n(a.dy + j, lanes);
    for (int64_t t = 0; t < a.taps; ++t) {
      const int64_t at = j * step + a.tap_column[t];
      const Range r = inside<kStep>(at, step, a.in_width, lanes);
      const Vec<T> x = load_range<T, kStep>(a.x + a.tap_row[t] + at, step, r.low, r.high);
      T* sum = a.sums + a.tap_sum[t] * kWidth;
      store(sum, fma(dy, x, load(sum)));
    }
  }
}

template <class T>
void grad_row(const GradArgs<T>& args) {
  const GradArgs<T> a = args;
  if (a.step_x == 1) {
    grad_row_of<T, 1>(a);
  } else if (a.step_x == 2) {
    grad_row_of<T, 2>(a);
  } else {
    grad_row_of<T, 0>(a);
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
