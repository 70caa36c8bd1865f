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
using pynn::conv::kLaneAhead;
using pynn::conv::kPlaneRows;
using pynn::conv::LaneArgs;
using pynn::conv::Piece;
using pynn::conv::PlaneArgs;
using pynn::conv::PlaneGradArgs;
using pynn::conv::Segment;
using pynn::conv::Table;
using pynn::conv::WideArgs;

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

#if defined(__AVX2__) && !defined(__AVX512F__)
// Lanes [low, high) are p[i], the others zero and not read; low and high may lie outside of the vector.
template <class T>
PYNN_INLINE Vec<T> load_between(const T* p, int low, int high) {
  if constexpr (sizeof(T) == 4) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i mask = _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(low), lane),
                                             _mm256_cmpgt_epi32(_mm256_set1_epi32(high), lane));
    return {(typename Vec<T>::Native)_mm256_maskload_ps(p, mask)};
  } else {
    const __m256i lane = _mm256_setr_epi64x(0, 1, 2, 3);
    const __m256i mask = _mm256_andnot_si256(_mm256_cmpgt_epi64(_mm256_set1_epi64x(low), lane),
                                             _mm256_cmpgt_epi64(_mm256_set1_epi64x(high), lane));
    return {(typename Vec<T>::Native)_mm256_maskload_pd(p, mask)};
  }
}
#endif

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
#elif defined(__AVX2__)
  if constexpr (kStep == 1) {
    return low == 0 && high == kWidth ? load(p) : load_between(p, low, high);
  } else if constexpr (kStep == 2) {
    if (low == 0 && high == kWidth) return even_lanes(load(p), load_between(p + kWidth, 0, kWidth - 1));
    return even_lanes(load_between(p, 2 * low, 2 * high - 1),
                      load_between(p + kWidth, 2 * low - kWidth, 2 * high - 1 - kWidth));
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

// ---- frames: padded copies of planes ----

template <class T>
PYNN_INLINE int64_t round_to_vector(int64_t n) {
  return (n + Vec<T>::lanes - 1) / Vec<T>::lanes * Vec<T>::lanes;
}

template <class T>
void rows(const T* src, int64_t src_step, int64_t step, int64_t count_rows, int64_t left, int64_t count,
          int64_t total, T* dst, int64_t dst_step) {
  constexpr int kWidth = Vec<T>::lanes;
  for (int64_t r = 0; r < count_rows; ++r, src += src_step, dst += dst_step) {
    for (int64_t i = 0; i < left; i += kWidth) store(dst + i, zero<T>());
    T* d = dst + left;
    int64_t i = 0;
    if (step == 1) {
      for (; i + kWidth <= count; i += kWidth) store(d + i, load(src + i));
      if (i < count) store(d + i, load_n(src + i, int(count - i)));
    } else if (step == 2) {
      for (; i + kWidth <= count; i += kWidth) store(d + i, load_range<T, 2>(src + 2 * i, 2, 0, kWidth));
      if (i < count) store(d + i, load_range<T, 2>(src + 2 * i, 2, 0, int(count - i)));
    } else {
      for (; i < count; i += kWidth) {
        const int64_t n = count - i < kWidth ? count - i : kWidth;
        store(d + i, load_spread(src + i * step, step, 0, int(n)));
      }
    }
    for (i = round_to_vector<T>(count); i < total - left; i += kWidth) store(d + i, zero<T>());
  }
}

template <class T>
void add(const T* src, int64_t src_step, int64_t count_rows, int64_t count, T* dst, int64_t dst_step,
         int64_t step) {
  constexpr int kWidth = Vec<T>::lanes;
  for (int64_t r = 0; r < count_rows; ++r, src += src_step, dst += dst_step) {
    int64_t i = 0;
    if (step == 1) {
      for (; i + kWidth <= count; i += kWidth) store(dst + i, load(dst + i) + load(src + i));
      if (i < count) {
        const int n = int(count - i);
        store_n(dst + i, load_n(dst + i, n) + load_n(src + i, n), n);
      }
    } else {
      for (; i < count; ++i) dst[i * step] += src[i];
    }
  }
}

// Lanes [low, high) to p + lane; the others are neither read nor written.
template <class T>
PYNN_INLINE void store_range(T* p, Vec<T> x, int low, int high) {
#if defined(__AVX512F__)
  const uint32_t bits = uint32_t((uint64_t(1) << high) - (uint64_t(1) << low));
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_epi32(p, __mmask16(bits), (__m512i)x.v);
  } else {
    _mm512_mask_storeu_epi64(p, __mmask8(bits), (__m512i)x.v);
  }
#else
  if (low == 0) {
    if (high == Vec<T>::lanes) {
      store(p, x);
    } else {
      store_n(p, x, high);
    }
  } else {
    T lanes[Vec<T>::lanes];
    store(lanes, x);
    for (int i = low; i < high; ++i) p[i] = lanes[i];
  }
#endif
}

template <class T>
__attribute__((noinline)) void store_spread(T* p, Vec<T> x, int64_t step, int low, int high) {
  T lanes[Vec<T>::lanes];
  store(lanes, x);
  for (int i = low; i < high; ++i) p[i * step] = lanes[i];
}

// Sums [row][vector] to their segments. Apart from the kernels, so that those keep their sums in registers.
template <class T>
__attribute__((noinline)) void store_sums(const WideArgs<T>& a, const T* sums, int rows, int vectors) {
  constexpr int kWidth = Vec<T>::lanes;
  const Vec<T> beta = set1(a.beta);
  const bool simple = a.out_col == 1 && a.beta == T(0) && !a.relu;
  for (int v = 0; v < vectors; ++v) {
    for (int32_t s = a.first[v]; s < a.first[v + 1]; ++s) {
      const Segment segment = a.segments[s];
      const int low = segment.low, high = segment.high;
      const T* from = sums + v * kWidth;
      T* o = a.out + segment.to;
      if (low == 0 && high == kWidth && a.out_col == 1) {
        for (int i = 0; i < rows; ++i, o += a.out_step, from += vectors * kWidth) {
          Vec<T> sum = load(from);
          if (a.beta != T(0)) sum = fma(beta, load(o), sum);
          if (a.relu) sum = max(zero<T>(), sum);
          store(o, sum);
        }
        continue;
      }
      for (int i = 0; i < rows; ++i, o += a.out_step, from += vectors * kWidth) {
        Vec<T> sum = load(from);
        if (!simple) {
          if (a.beta != T(0)) {
            const Vec<T> old =
                a.out_col == 1 ? load_range<T, 1>(o, 1, low, high) : load_spread(o, a.out_col, low, high);
            sum = fma(beta, old, sum);
          }
          if (a.relu) sum = max(zero<T>(), sum);
          if (a.out_col != 1) {
            store_spread(o, sum, a.out_col, low, high);
            continue;
          }
        }
        store_range(o, sum, low, high);
      }
    }
  }
}

template <class T, int kRows, int kVectors, bool kLoose>
void wide(const WideArgs<T>& a) {
  constexpr int kWidth = Vec<T>::lanes;
  Vec<T> acc[kRows][kVectors];
  PYNN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    const Vec<T> bias = a.bias != nullptr ? set1(a.bias[i]) : zero<T>();
    PYNN_UNROLL
    for (int v = 0; v < kVectors; ++v) acc[i][v] = bias;
  }
  const T* w = a.a;
  const T* const x = a.x;
  const int64_t* const offsets = a.offsets;
  const int64_t depth = a.k;
  constexpr int kGroups = (kRows + 2) / 3;  // rows are addressed from every third one
  const int64_t* const a_offsets = a.a_offsets;
  const int64_t step = a.a_row;
  for (int64_t k = 0; k < depth; ++k, w += kLoose ? 0 : kRows) {
    const T* p = x + offsets[k];
    Vec<T> b[kVectors];
    PYNN_UNROLL
    for (int v = 0; v < kVectors; ++v) b[v] = load(p + v * kWidth);
    const T* group[kGroups];
    if (kLoose) {
      group[0] = w + a_offsets[k];
      PYNN_UNROLL
      for (int g = 1; g < kGroups; ++g) group[g] = group[g - 1] + 3 * step;
    }
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      const Vec<T> weight = set1(kLoose ? group[i / 3][(i % 3) * step] : w[i]);
      PYNN_UNROLL
      for (int v = 0; v < kVectors; ++v) acc[i][v] = fma(weight, b[v], acc[i][v]);
    }
  }
  T sums[kRows * kVectors * kWidth];
  PYNN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    PYNN_UNROLL
    for (int v = 0; v < kVectors; ++v) store(sums + (i * kVectors + v) * kWidth, acc[i][v]);
  }
  store_sums(a, sums, kRows, kVectors);
}

template <class T, int kRows, int kVectors>
void lane_tile(const LaneArgs<T>& a) {
  constexpr int kWidth = Vec<T>::lanes;
  Vec<T> acc[kRows][kVectors];
  const T* const start = a.bias != nullptr ? a.bias : a.out;
  const int64_t start_step = a.bias != nullptr ? 0 : a.out_step;
  PYNN_UNROLL
  for (int i = 0; i < kRows; ++i) {
    PYNN_UNROLL
    for (int v = 0; v < kVectors; ++v) acc[i][v] = load(start + i * start_step + v * kWidth);
  }
  const T* w = a.w;
  const T* const x = a.x;
  const int64_t* const offsets = a.offsets;
  const int64_t depth = a.k, step = a.w_step;
  const auto multiply = [&](int64_t k) __attribute__((always_inline)) {
    const T* const p = x + offsets[k];
    Vec<T> b[kVectors];
    PYNN_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      b[v] = load(w + v * kWidth);
      if (v * kWidth * int(sizeof(T)) % 64 == 0) __builtin_prefetch(w + 8 * step + v * kWidth);
    }
    w += step;
    __builtin_prefetch(x + offsets[k + kLaneAhead]);
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      const Vec<T> pixel = set1(p[i]);
      PYNN_UNROLL
      for (int v = 0; v < kVectors; ++v) acc[i][v] = fma(pixel, b[v], acc[i][v]);
    }
  };
  const int64_t first = a.next_count < depth ? a.next_count : depth;
  const T* next = a.next;
  int64_t k = 0;
  for (; k < first; ++k, next += a.next_step) {
    __builtin_prefetch(next, 1);
    multiply(k);
  }
  for (; k < depth; ++k) multiply(k);
  if (a.relu) {
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) {
      PYNN_UNROLL
      for (int v = 0; v < kVectors; ++v) acc[i][v] = max(zero<T>(), acc[i][v]);  // NaN in the second stays
    }
  }
  T* out = a.out;
  PYNN_UNROLL
  for (int i = 0; i < kRows; ++i, out += a.out_step) {
    PYNN_UNROLL
    for (int v = 0; v < kVectors; ++v) store(out + v * kWidth, acc[i][v]);
  }
}

template <class T, int kRows, int kColumns>
void grad(const GradArgs<T>& a) {
  constexpr int kWidth = Vec<T>::lanes;
  Vec<T> acc[kRows][kColumns];
  const T* x[kColumns];
  PYNN_UNROLL
  for (int j = 0; j < kColumns; ++j) {
    x[j] = a.x + a.offsets[j];
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) acc[i][j] = load(a.sums + i * a.sums_row + j * kWidth);
  }
  const T* dy = a.dy;
  const int64_t step = a.dy_step, count = a.n * kWidth;
  for (int64_t k = 0; k < count; k += kWidth) {
    Vec<T> d[kRows];
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) d[i] = load(dy + i * step + k);
    PYNN_UNROLL
    for (int j = 0; j < kColumns; ++j) {
      const Vec<T> v = load(x[j] + k);
      PYNN_UNROLL
      for (int i = 0; i < kRows; ++i) acc[i][j] = fma(d[i], v, acc[i][j]);
    }
  }
  PYNN_UNROLL
  for (int j = 0; j < kColumns; ++j) {
    PYNN_UNROLL
    for (int i = 0; i < kRows; ++i) store(a.sums + i * a.sums_row + j * kWidth, acc[i][j]);
  }
}

template <class T>
void reduce(const T* x, int64_t n, T* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = reduce_add(load(x + i * Vec<T>::lanes));
}

}  // namespace
}  // namespace conv
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn

#include "kernels/conv/impl_plane.h"
#include "kernels/conv/impl_winograd.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace conv {
namespace {

// ---- the table ----

// 32 registers hold 14 x 2 or 6 x 4 sums, and of the weight gradient's 4 x 6; 16 hold 6 x 2 and 4 x 2.
#define PYNN_WIDE_2(v, l) wide<T, 1, v, l>, wide<T, 2, v, l>
#define PYNN_WIDE_6(v, l) \
  PYNN_WIDE_2(v, l), wide<T, 3, v, l>, wide<T, 4, v, l>, wide<T, 5, v, l>, wide<T, 6, v, l>
#define PYNN_WIDE_14(v, l)                                                                    \
  PYNN_WIDE_6(v, l), wide<T, 7, v, l>, wide<T, 8, v, l>, wide<T, 9, v, l>, wide<T, 10, v, l>, \
      wide<T, 11, v, l>, wide<T, 12, v, l>, wide<T, 13, v, l>, wide<T, 14, v, l>
#define PYNN_LANES_6(v)                                                                                          \
  nullptr, lane_tile<T, 1, v>, lane_tile<T, 2, v>, lane_tile<T, 3, v>, lane_tile<T, 4, v>, lane_tile<T, 5, v>, \
      lane_tile<T, 6, v>
#define PYNN_LANES_14(v)                                                                                           \
  PYNN_LANES_6(v), lane_tile<T, 7, v>, lane_tile<T, 8, v>, lane_tile<T, 9, v>, lane_tile<T, 10, v>,                \
      lane_tile<T, 11, v>, lane_tile<T, 12, v>, lane_tile<T, 13, v>, lane_tile<T, 14, v>
#define PYNN_GRAD_2(r) nullptr, grad<T, r, 1>, grad<T, r, 2>
#define PYNN_GRAD_3(r) PYNN_GRAD_2(r), grad<T, r, 3>
#define PYNN_GRAD_5(r) PYNN_GRAD_3(r), grad<T, r, 4>, grad<T, r, 5>
#define PYNN_GRAD_6(r) PYNN_GRAD_5(r), grad<T, r, 6>
#define PYNN_GRAD_7(r) PYNN_GRAD_6(r), grad<T, r, 7>
#define PYNN_GRAD_9(r) PYNN_GRAD_7(r), grad<T, r, 8>, grad<T, r, 9>
#define PYNN_GRAD_10(r) PYNN_GRAD_9(r), grad<T, r, 10>

template <class T>
struct Tables {
  typedef typename Kernels<T>::Wide Wide;
  typedef typename Kernels<T>::Lanes Lanes;
  typedef typename Kernels<T>::Grad Grad;
#if defined(__AVX512F__)
  static constexpr Wide one[] = {nullptr, PYNN_WIDE_14(1, false)};
  static constexpr Wide two[] = {nullptr, PYNN_WIDE_14(2, false)};
  static constexpr Wide four[] = {nullptr, PYNN_WIDE_6(4, false)};
  static constexpr Wide loose1[] = {nullptr, PYNN_WIDE_14(1, true)};
  static constexpr Wide loose2[] = {nullptr, PYNN_WIDE_14(2, true)};
  static constexpr Wide loose4[] = {nullptr, PYNN_WIDE_6(4, true)};
  static constexpr Lanes lanes1[] = {PYNN_LANES_14(1)};
  static constexpr Lanes lanes2[] = {PYNN_LANES_14(2)};
  static constexpr Grad grad1[] = {PYNN_GRAD_10(1)};
  static constexpr Grad grad2[] = {PYNN_GRAD_9(2)};
  static constexpr Grad grad3[] = {PYNN_GRAD_7(3)};
  static constexpr Grad grad4[] = {PYNN_GRAD_6(4)};
  static constexpr int rows2 = 14, rows4 = 6, lane_rows = 14, columns1 = 10, columns2 = 9, columns3 = 7, columns4 = 6;
  static constexpr typename Kernels<T>::PlaneGrad plane_grad5[] = {plane_grad<T, 5, 1>, plane_grad<T, 5, 2>};
#else
  static constexpr Wide one[] = {nullptr, PYNN_WIDE_6(1, false)};
  static constexpr Wide two[] = {nullptr, PYNN_WIDE_6(2, false)};
  static constexpr Wide four[] = {nullptr, PYNN_WIDE_2(4, false)};
  static constexpr Wide loose1[] = {nullptr, PYNN_WIDE_6(1, true)};
  static constexpr Wide loose2[] = {nullptr, PYNN_WIDE_6(2, true)};
  static constexpr Wide loose4[] = {nullptr, PYNN_WIDE_2(4, true)};
  static constexpr Lanes lanes1[] = {PYNN_LANES_6(1)};
  static constexpr Lanes lanes2[] = {PYNN_LANES_6(2)};
  static constexpr Grad grad1[] = {PYNN_GRAD_10(1)};
  static constexpr Grad grad2[] = {PYNN_GRAD_5(2)};
  static constexpr Grad grad3[] = {PYNN_GRAD_3(3)};
  static constexpr Grad grad4[] = {PYNN_GRAD_2(4)};
  static constexpr int rows2 = 6, rows4 = 2, lane_rows = 6, columns1 = 10, columns2 = 5, columns3 = 3, columns4 = 2;
  static constexpr typename Kernels<T>::PlaneGrad plane_grad5[] = {nullptr, nullptr};
#endif
};

template <class T>
constexpr WinogradKernels<T> winograd_kernels() {
  if constexpr (sizeof(T) == 4) {
    return {winograd_weights<T>,        turn,
            winograd_patches<T, kPatch>, winograd_patches<T, kTile>,
            winograd_pixels<T>,          winograd_taps<T>};
  } else {
    return {};
  }
}

template <class T>
constexpr Kernels<T> all_kernels() {
  typedef Tables<T> All;
  return {Vec<T>::lanes,
          pack<T>,
          rows<T>,
          add<T>,
          {0, All::rows2, All::rows2, 0, All::rows4},
          {nullptr, All::one, All::two, nullptr, All::four},
          {nullptr, All::loose1, All::loose2, nullptr, All::loose4},
          {0, All::lane_rows, All::lane_rows},
          {nullptr, All::lanes1, All::lanes2},
          {0, All::columns1, All::columns2, All::columns3, All::columns4},
          {nullptr, All::grad1, All::grad2, All::grad3, All::grad4},
          reduce<T>,
          kFramed,
          {{},
           {nullptr, nullptr, nullptr, plane<T, 3, 1>, nullptr, plane<T, 5, 1>, nullptr, plane<T, 7, 1>},
           {nullptr, nullptr, nullptr, plane<T, 3, 2>, nullptr, plane<T, 5, 2>, nullptr, plane<T, 7, 2>}},
          {nullptr, nullptr, nullptr, plane_apart<T, 3>, nullptr, plane_apart<T, 5>, nullptr, plane_apart<T, 7>},
          {{},
           {nullptr, nullptr, nullptr, plane_grad<T, 3, 1>, nullptr, All::plane_grad5[0]},
           {nullptr, nullptr, nullptr, plane_grad<T, 3, 2>, nullptr, All::plane_grad5[1]}},
          winograd_kernels<T>()};
}

}  // namespace

extern const Table table;
const Table table = {PYNN_ISA_NAME, all_kernels<float>(), all_kernels<double>()};

}  // namespace conv
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
