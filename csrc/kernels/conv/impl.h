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
using pynn::conv::PlaneArgs;
using pynn::conv::Table;

#if defined(__AVX512F__)
PYNN_INLINE Vec<float> load_masked(const float* p, uint32_t bits) {
  return {(Vec<float>::Native)_mm512_maskz_loadu_ps(__mmask16(bits), p)};
}
PYNN_INLINE Vec<double> load_masked(const double* p, uint32_t bits) {
  return {(Vec<double>::Native)_mm512_maskz_loadu_pd(__mmask8(bits), p)};
}
#endif

#define PYNN_EVEN(type, ...)                                   \
  PYNN_INLINE Vec<type> even_lanes(Vec<type> a, Vec<type> b) { \
    return {__builtin_shufflevector(a.v, b.v, __VA_ARGS__)};   \
  }
#if defined(__AVX512F__)
PYNN_EVEN(float, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
PYNN_EVEN(double, 0, 2, 4, 6, 8, 10, 12, 14)
#elif defined(__AVX2__)
PYNN_EVEN(float, 0, 2, 4, 6, 8, 10, 12, 14)
PYNN_EVEN(double, 0, 2, 4, 6)
#else
PYNN_EVEN(float, 0, 2, 4, 6)
PYNN_EVEN(double, 0, 2)
#endif
#undef PYNN_EVEN

// Lane by lane, for the steps and ISAs that have no better way; apart, so that it costs the others nothing.
template <class T>
__attribute__((noinline)) Vec<T> load_spread(const T* p, int64_t step, int low, int high) {
  T lanes[Vec<T>::lanes] = {};
  for (int i = low; i < high; ++i) lanes[i] = p[i * step];
  return load(lanes);
}

// Lanes [low, high) are p[i * step], the others zero and not read. kStep: the step where it is 1 or 2, else
// 0.
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
void pack_pieces(const T* src, int64_t src_step, int64_t step, int64_t channels, const Piece* pieces,
                 int count, T* dst, int64_t dst_step) {
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
void pack(const T* src, int64_t src_step, int64_t step, int64_t channels, const Piece* pieces, int count,
          T* dst, int64_t dst_step) {
  if (step == 1) {
    pack_pieces<T, 1>(src, src_step, step, channels, pieces, count, dst, dst_step);
  } else if (step == 2) {
    pack_pieces<T, 2>(src, src_step, step, channels, pieces, count, dst, dst_step);
  } else {
    pack_pieces<T, 0>(src, src_step, step, channels, pieces, count, dst, dst_step);
  }
}

// ---- few channels: planes, directly ----

// A vector of p[i * step], all lanes readable (and, for a step of 2, one element more).
template <class T, int kStep>
PYNN_INLINE Vec<T> load_step(const T* p, int64_t step) {
  if constexpr (kStep == 1) {
    return load(p);
  } else if constexpr (kStep == 2) {
    return even_lanes(load(p), load(p + Vec<T>::lanes));
  } else {
    return load_spread(p, step, 0, Vec<T>::lanes);
  }
}

template <class T, int kStep, int kVectors>
PYNN_INLINE void plane_block(const PlaneArgs<T>& a, const T* x, T* out, int last) {
  constexpr int kWidth = Vec<T>::lanes;
  const int64_t step = kStep == 0 ? a.step_x : kStep;
  Vec<T> acc[kVectors];
  PYNN_UNROLL
  for (int v = 0; v < kVectors; ++v) acc[v] = zero<T>();
  for (int64_t t = 0; t < a.taps; ++t) {
    const Vec<T> w = set1(a.weights[t]);
    const T* p = x + a.offsets[t];
    PYNN_UNROLL
    for (int v = 0; v < kVectors; ++v)
      acc[v] = fma(load_step<T, kStep>(p + v * kWidth * step, step), w, acc[v]);
  }
  const Vec<T> bias = set1(a.bias), beta = set1(a.beta);
  PYNN_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    const int lanes = v == kVectors - 1 ? last : kWidth;
    T* o = out + v * kWidth * a.out_col;
    acc[v] = acc[v] + bias;
    if (a.out_col == 1) {
      if (a.beta != T(0)) acc[v] = fma(lanes == kWidth ? load(o) : load_n(o, lanes), beta, acc[v]);
      if (a.relu) acc[v] = max(zero<T>(), acc[v]);
      if (lanes == kWidth) {
        store(o, acc[v]);
      } else {
        store_n(o, acc[v], lanes);
      }
    } else {
      if (a.beta != T(0)) acc[v] = fma(load_spread(o, a.out_col, 0, lanes), beta, acc[v]);
      if (a.relu) acc[v] = max(zero<T>(), acc[v]);
      T lane[kWidth];
      store(lane, acc[v]);
      for (int i = 0; i < lanes; ++i) o[i * a.out_col] = lane[i];
    }
  }
}

template <class T, int kStep>
void plane_of(const PlaneArgs<T>& a) {
  constexpr int kWidth = Vec<T>::lanes;
  const int64_t step = kStep == 0 ? a.step_x : kStep;
  for (int64_t i = 0; i < a.height; ++i) {
    const T* x = a.x + i * a.row_step;
    T* out = a.out + i * a.out_row;
    for (int64_t j = 0; j < a.width; j += 4 * kWidth) {
      const int64_t left = a.width - j;
      const T* from = x + j * step;
      T* to = out + j * a.out_col;
      if (left > 3 * kWidth) {
        plane_block<T, kStep, 4>(a, from, to, int(left < 4 * kWidth ? left - 3 * kWidth : kWidth));
      } else if (left > 2 * kWidth) {
        plane_block<T, kStep, 3>(a, from, to, int(left - 2 * kWidth));
      } else if (left > kWidth) {
        plane_block<T, kStep, 2>(a, from, to, int(left - kWidth));
      } else {
        plane_block<T, kStep, 1>(a, from, to, int(left));
      }
    }
  }
}

template <class T>
void plane(const PlaneArgs<T>& args) {
  const PlaneArgs<T> a = args;
  if (a.step_x == 1) {
    plane_of<T, 1>(a);
  } else if (a.step_x == 2) {
    plane_of<T, 2>(a);
  } else {
    plane_of<T, 0>(a);
  }
}

// Up to five taps side by side over the whole plane.
template <class T, int kStep, int kTaps>
PYNN_INLINE void grad_taps(const GradArgs<T>& a, int64_t first) {
  constexpr int kWidth = Vec<T>::lanes;
  const int64_t step = kStep == 0 ? a.step_x : kStep;
  Vec<T> acc[kTaps];
  int64_t offset[kTaps];
  PYNN_UNROLL
  for (int t = 0; t < kTaps; ++t) {
    acc[t] = zero<T>();
    offset[t] = a.offsets[first + t];
  }
  for (int64_t i = 0; i < a.height; ++i) {
    const T* x = a.x + i * a.row_step;
    const T* dy = a.dy + i * a.width;
    int64_t j = 0;
    for (; j + kWidth <= a.width; j += kWidth) {
      const Vec<T> d = load(dy + j);
      PYNN_UNROLL
      for (int t = 0; t < kTaps; ++t)
        acc[t] = fma(d, load_step<T, kStep>(x + j * step + offset[t], step), acc[t]);
    }
    if (j < a.width) {  // what lies beyond in x may be infinite: zero it as well as dy
      const int lanes = int(a.width - j);
      const Vec<T> d = load_n(dy + j, lanes);
      const auto inside = first_n<T>(lanes);
      PYNN_UNROLL
      for (int t = 0; t < kTaps; ++t) {
        const Vec<T> v = select(inside, load_step<T, kStep>(x + j * step + offset[t], step), zero<T>());
        acc[t] = fma(d, v, acc[t]);
      }
    }
  }
  PYNN_UNROLL
  for (int t = 0; t < kTaps; ++t) a.sums[first + t] += reduce_add(acc[t]);
}

template <class T, int kStep>
void grad_of(const GradArgs<T>& a) {
  int64_t t = 0;
  for (; t + 5 <= a.taps; t += 5) grad_taps<T, kStep, 5>(a, t);
  switch (a.taps - t) {
    case 4:
      grad_taps<T, kStep, 4>(a, t);
      break;
    case 3:
      grad_taps<T, kStep, 3>(a, t);
      break;
    case 2:
      grad_taps<T, kStep, 2>(a, t);
      break;
    case 1:
      grad_taps<T, kStep, 1>(a, t);
      break;
    default:
      break;
  }
}

template <class T>
void grad(const GradArgs<T>& args) {
  const GradArgs<T> a = args;
  if (a.step_x == 1) {
    grad_of<T, 1>(a);
  } else if (a.step_x == 2) {
    grad_of<T, 2>(a);
  } else {
    grad_of<T, 0>(a);
  }
}

template <class T>
constexpr Kernels<T> all_kernels() {
  return {Vec<T>::lanes, pack<T>, plane<T>, grad<T>};
}

}  // namespace

extern const Table table;
const Table table = {PYNN_ISA_NAME, all_kernels<float>(), all_kernels<double>()};

}  // namespace conv
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
