// One SIMD vector type per ISA, over compiler vector extensions.
//
// A file that includes this defines PYNN_ISA_NAMESPACE first (portable, avx2, avx512) and
// is compiled with that ISA's flags; everything here then lives in pynn::<isa>, so that no
// two object files share an inline function compiled for different machines.
//
//   Vec<float> x = load(p), y = load_n(p, n);   // n < lanes: the other lanes are zero, not read
//   store_n(q, select(x > y, fma(x, y, x), y), n);
//
// Comparisons give a Mask<T> (a mask register on AVX-512, else a vector of 0 / -1).
// min(a, b) is a < b ? a : b and max(a, b) is a > b ? a : b: b when either is NaN.
// fma is one rounding where the ISA has it, else a product and a sum.
#pragma once
#ifndef PYNN_ISA_NAMESPACE
#error "define PYNN_ISA_NAMESPACE (portable, avx2 or avx512) before including simd/vec.h"
#endif

#define PYNN_QUOTED(text) #text
#define PYNN_QUOTE(macro) PYNN_QUOTED(macro)
#define PYNN_ISA_NAME PYNN_QUOTE(PYNN_ISA_NAMESPACE)

#include <stddef.h>
#include <stdint.h>
#if defined(__SSE2__)
// gcc 12 takes its own _mm512_undefined_* for a mistake of ours.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

#define PYNN_INLINE inline __attribute__((always_inline))

// Before a loop over a fixed number of registers.
#if defined(__clang__)
#define PYNN_UNROLL _Pragma("clang loop unroll(full)")
#else
#define PYNN_UNROLL _Pragma("GCC unroll 32")
#endif

namespace pynn {
namespace PYNN_ISA_NAMESPACE {

#if defined(__AVX512F__)
constexpr int kVecBytes = 64;
#elif defined(__AVX2__)
constexpr int kVecBytes = 32;
#else
constexpr int kVecBytes = 16;
#endif

template <class T>
struct VecTraits;
template <>
struct VecTraits<float> {
  typedef float Native __attribute__((vector_size(kVecBytes)));
  typedef Native Wrapping;  // integer arithmetic wraps around
  typedef int32_t Int;
  static constexpr bool kFloat = true;
};
template <>
struct VecTraits<double> {
  typedef double Native __attribute__((vector_size(kVecBytes)));
  typedef Native Wrapping;  // integer arithmetic wraps around
  typedef int64_t Int;
  static constexpr bool kFloat = true;
};
template <>
struct VecTraits<int32_t> {
  typedef int32_t Native __attribute__((vector_size(kVecBytes)));
  typedef uint32_t Wrapping __attribute__((vector_size(kVecBytes)));
  typedef int32_t Int;
  static constexpr bool kFloat = false;
};
template <>
struct VecTraits<int64_t> {
  typedef int64_t Native __attribute__((vector_size(kVecBytes)));
  typedef uint64_t Wrapping __attribute__((vector_size(kVecBytes)));
  typedef int64_t Int;
  static constexpr bool kFloat = false;
};

template <class T>
struct Vec {
  static constexpr int lanes = kVecBytes / int(sizeof(T));
  typedef T Scalar;
  typedef typename VecTraits<T>::Native Native;
  typedef typename VecTraits<T>::Wrapping Wrapping;
  Native v;
  PYNN_INLINE T operator[](int i) const { return v[i]; }
};

template <class T>
using IntVec = Vec<typename VecTraits<T>::Int>;

// ---- load, store, broadcast ----

template <class T>
PYNN_INLINE Vec<T> set1(T x) {
  typename Vec<T>::Native v = {};
  return {v + x};
}
template <>
PYNN_INLINE Vec<float> set1<float>(float x) {
#if defined(__AVX512F__)
  return {(Vec<float>::Native)_mm512_set1_ps(x)};
#elif defined(__AVX2__)
  return {(Vec<float>::Native)_mm256_set1_ps(x)};
#else
  return {Vec<float>::Native{x, x, x, x}};
#endif
}
template <>
PYNN_INLINE Vec<double> set1<double>(double x) {
#if defined(__AVX512F__)
  return {(Vec<double>::Native)_mm512_set1_pd(x)};
#elif defined(__AVX2__)
  return {(Vec<double>::Native)_mm256_set1_pd(x)};
#else
  return {Vec<double>::Native{x, x}};
#endif
}
template <class T>
PYNN_INLINE Vec<T> zero() {
  return {typename Vec<T>::Native{}};
}

template <class T>
PYNN_INLINE Vec<T> load(const T* p) {
  Vec<T> r;
  __builtin_memcpy(&r.v, p, kVecBytes);
  return r;
}
template <class T>
PYNN_INLINE void store(T* p, Vec<T> x) {
  __builtin_memcpy(p, &x.v, kVecBytes);
}

#if defined(__AVX512F__)
template <class T>
PYNN_INLINE Vec<T> load_n(const T* p, int n) {
  if constexpr (sizeof(T) == 4) {
    return {(typename Vec<T>::Native)_mm512_maskz_loadu_epi32(__mmask16((1u << n) - 1), p)};
  } else {
    return {(typename Vec<T>::Native)_mm512_maskz_loadu_epi64(__mmask8((1u << n) - 1), p)};
  }
}
template <class T>
PYNN_INLINE void store_n(T* p, Vec<T> x, int n) {
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_epi32(p, __mmask16((1u << n) - 1), (__m512i)x.v);
  } else {
    _mm512_mask_storeu_epi64(p, __mmask8((1u << n) - 1), (__m512i)x.v);
  }
}
#elif defined(__AVX2__)
template <class T>
PYNN_INLINE __m256i tail_mask(int n) {
  if constexpr (sizeof(T) == 4) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  } else {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
  }
}
template <class T>
PYNN_INLINE Vec<T> load_n(const T* p, int n) {
  if constexpr (sizeof(T) == 4) {
    return {(typename Vec<T>::Native)_mm256_maskload_epi32((const int*)p, tail_mask<T>(n))};
  } else {
    return {(typename Vec<T>::Native)_mm256_maskload_epi64((const long long*)p, tail_mask<T>(n))};
  }
}
template <class T>
PYNN_INLINE void store_n(T* p, Vec<T> x, int n) {  // in pieces: AMD's masked stores take 12 cycles
  constexpr int kLanes = Vec<T>::lanes;
  if (n >= kLanes) return store(p, x);
  if (n <= 0) return;
  const __m256i whole = (__m256i)x.v;
  __m128i rest = _mm256_castsi256_si128(whole);
  char* to = (char*)p;
  if (n & (kLanes / 2)) {
    _mm_storeu_si128((__m128i*)to, rest);
    rest = _mm256_extracti128_si256(whole, 1);
    to += 16;
  }
  if constexpr (sizeof(T) == 4) {
    if (n & 2) {
      _mm_storel_epi64((__m128i*)to, rest);
      rest = _mm_unpackhi_epi64(rest, rest);
      to += 8;
    }
    if (n & 1) _mm_storeu_si32(to, rest);
  } else if (n & 1) {
    _mm_storel_epi64((__m128i*)to, rest);
  }
}
#else
template <class T>
PYNN_INLINE Vec<T> load_n(const T* p, int n) {
  Vec<T> r = zero<T>();
  for (int i = 0; i < Vec<T>::lanes; ++i) {
    if (i < n) r.v[i] = p[i];
  }
  return r;
}
template <class T>
PYNN_INLINE void store_n(T* p, Vec<T> x, int n) {
  for (int i = 0; i < Vec<T>::lanes; ++i) {
    if (i < n) p[i] = x.v[i];
  }
}
#endif

// ---- arithmetic ----

template <class T>
PYNN_INLINE Vec<T> operator+(Vec<T> a, Vec<T> b) {
  typedef typename Vec<T>::Wrapping W;
  return {(typename Vec<T>::Native)((W)a.v + (W)b.v)};
}
template <class T>
PYNN_INLINE Vec<T> operator-(Vec<T> a, Vec<T> b) {
  typedef typename Vec<T>::Wrapping W;
  return {(typename Vec<T>::Native)((W)a.v - (W)b.v)};
}
template <class T>
PYNN_INLINE Vec<T> operator*(Vec<T> a, Vec<T> b) {
  typedef typename Vec<T>::Wrapping W;
  return {(typename Vec<T>::Native)((W)a.v * (W)b.v)};
}
template <class T>
PYNN_INLINE Vec<T> operator/(Vec<T> a, Vec<T> b) {
  return {a.v / b.v};
}
template <class T>
PYNN_INLINE Vec<T> operator-(Vec<T> a) {
  return {-a.v};
}
template <class T>
PYNN_INLINE Vec<T> operator&(Vec<T> a, Vec<T> b) {
  return {a.v & b.v};
}  // integer vectors
template <class T>
PYNN_INLINE Vec<T> operator|(Vec<T> a, Vec<T> b) {
  return {a.v | b.v};
}
template <class T>
PYNN_INLINE Vec<T> operator^(Vec<T> a, Vec<T> b) {
  return {a.v ^ b.v};
}
template <class T>
PYNN_INLINE Vec<T> operator<<(Vec<T> a, int bits) {
  return {(typename Vec<T>::Native)((typename Vec<T>::Wrapping)a.v << bits)};
}
template <class T>
PYNN_INLINE Vec<T> operator>>(Vec<T> a, int bits) {
  return {a.v >> bits};
}  // arithmetic

template <class T>
PYNN_INLINE Vec<T> fma(Vec<T> a, Vec<T> b, Vec<T> c) {  // a * b + c
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    return {(typename Vec<T>::Native)_mm512_fmadd_ps((__m512)a.v, (__m512)b.v, (__m512)c.v)};
  } else {
    return {(typename Vec<T>::Native)_mm512_fmadd_pd((__m512d)a.v, (__m512d)b.v, (__m512d)c.v)};
  }
#elif defined(__FMA__)
  if constexpr (sizeof(T) == 4) {
    return {(typename Vec<T>::Native)_mm256_fmadd_ps((__m256)a.v, (__m256)b.v, (__m256)c.v)};
  } else {
    return {(typename Vec<T>::Native)_mm256_fmadd_pd((__m256d)a.v, (__m256d)b.v, (__m256d)c.v)};
  }
#elif defined(__ARM_FEATURE_FMA)
  Vec<T> r = c;
  for (int i = 0; i < Vec<T>::lanes; ++i) {
    r.v[i] =
        sizeof(T) == 4 ? T(__builtin_fmaf(a.v[i], b.v[i], c.v[i])) : T(__builtin_fma(a.v[i], b.v[i], c.v[i]));
  }
  return r;
#else
  return {a.v * b.v + c.v};
#endif
}
template <class T>
PYNN_INLINE Vec<T> fnma(Vec<T> a, Vec<T> b, Vec<T> c) {
  return fma(-a, b, c);
}  // c - a * b

template <class T>
PYNN_INLINE Vec<T> sqrt(Vec<T> x) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    return {(typename Vec<T>::Native)_mm512_sqrt_ps((__m512)x.v)};
  } else {
    return {(typename Vec<T>::Native)_mm512_sqrt_pd((__m512d)x.v)};
  }
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4) {
    return {(typename Vec<T>::Native)_mm256_sqrt_ps((__m256)x.v)};
  } else {
    return {(typename Vec<T>::Native)_mm256_sqrt_pd((__m256d)x.v)};
  }
#elif defined(__SSE2__)
  if constexpr (sizeof(T) == 4) {
    return {(typename Vec<T>::Native)_mm_sqrt_ps((__m128)x.v)};
  } else {
    return {(typename Vec<T>::Native)_mm_sqrt_pd((__m128d)x.v)};
  }
#else
  for (int i = 0; i < Vec<T>::lanes; ++i)
    x.v[i] = sizeof(T) == 4 ? __builtin_sqrtf(x.v[i]) : __builtin_sqrt(x.v[i]);
  return x;
#endif
}

// ---- bits and conversions ----

template <class To, class From>
PYNN_INLINE Vec<To> bitcast(Vec<From> x) {
  return {(typename Vec<To>::Native)x.v};
}
template <class T>
PYNN_INLINE Vec<T> abs(Vec<T> x) {
  typedef typename VecTraits<T>::Int I;
  return bitcast<T>(bitcast<I>(x) & set1(I(~(I(1) << (8 * sizeof(I) - 1)))));
}
template <class T>
PYNN_INLINE Vec<T> copysign(Vec<T> magnitude, Vec<T> sign) {
  typedef typename VecTraits<T>::Int I;
  const Vec<I> bit = set1(I(1)) << int(8 * sizeof(I) - 1);
  return bitcast<T>((bitcast<I>(abs(magnitude))) | (bitcast<I>(sign) & bit));
}

// Nearest integer, ties to even, for |x| < 2^31.
PYNN_INLINE Vec<int32_t> to_int(Vec<float> x) {
#if defined(__AVX512F__)
  return {(Vec<int32_t>::Native)_mm512_cvtps_epi32((__m512)x.v)};
#elif defined(__AVX2__)
  return {(Vec<int32_t>::Native)_mm256_cvtps_epi32((__m256)x.v)};
#elif defined(__SSE2__)
  return {(Vec<int32_t>::Native)_mm_cvtps_epi32((__m128)x.v)};
#else
  Vec<int32_t> r = zero<int32_t>();
  for (int i = 0; i < Vec<float>::lanes; ++i) r.v[i] = int32_t(__builtin_rintf(x.v[i]));
  return r;
#endif
}
PYNN_INLINE Vec<float> to_float(Vec<int32_t> x) {
#if defined(__AVX512F__)
  return {(Vec<float>::Native)_mm512_cvtepi32_ps((__m512i)x.v)};
#elif defined(__AVX2__)
  return {(Vec<float>::Native)_mm256_cvtepi32_ps((__m256i)x.v)};
#elif defined(__SSE2__)
  return {(Vec<float>::Native)_mm_cvtepi32_ps((__m128i)x.v)};
#else
  return {__builtin_convertvector(x.v, Vec<float>::Native)};
#endif
}

// ---- comparison, selection ----

#if defined(__AVX512F__)
template <class T>
struct Mask {
  uint32_t bits;
};
#define PYNN_COMPARE(op, predicate, int_predicate)                                       \
  PYNN_INLINE Mask<float> operator op(Vec<float> a, Vec<float> b) {                      \
    return {uint32_t(_mm512_cmp_ps_mask((__m512)a.v, (__m512)b.v, predicate))};          \
  }                                                                                      \
  PYNN_INLINE Mask<double> operator op(Vec<double> a, Vec<double> b) {                   \
    return {uint32_t(_mm512_cmp_pd_mask((__m512d)a.v, (__m512d)b.v, predicate))};        \
  }                                                                                      \
  PYNN_INLINE Mask<int32_t> operator op(Vec<int32_t> a, Vec<int32_t> b) {                \
    return {uint32_t(_mm512_cmp_epi32_mask((__m512i)a.v, (__m512i)b.v, int_predicate))}; \
  }                                                                                      \
  PYNN_INLINE Mask<int64_t> operator op(Vec<int64_t> a, Vec<int64_t> b) {                \
    return {uint32_t(_mm512_cmp_epi64_mask((__m512i)a.v, (__m512i)b.v, int_predicate))}; \
  }
PYNN_COMPARE(<, _CMP_LT_OQ, _MM_CMPINT_LT)
PYNN_COMPARE(<=, _CMP_LE_OQ, _MM_CMPINT_LE)
PYNN_COMPARE(>, _CMP_GT_OQ, _MM_CMPINT_NLE)
PYNN_COMPARE(>=, _CMP_GE_OQ, _MM_CMPINT_NLT)
PYNN_COMPARE(==, _CMP_EQ_OQ, _MM_CMPINT_EQ)
PYNN_COMPARE(!=, _CMP_NEQ_UQ, _MM_CMPINT_NE)
#undef PYNN_COMPARE

template <class T>
PYNN_INLINE Mask<T> operator&(Mask<T> a, Mask<T> b) {
  return {a.bits & b.bits};
}
template <class T>
PYNN_INLINE Mask<T> operator|(Mask<T> a, Mask<T> b) {
  return {a.bits | b.bits};
}
template <class T>
PYNN_INLINE Mask<T> first_n(int n) {
  return {(1u << n) - 1};
}  // n < 32
template <class T>
PYNN_INLINE bool any(Mask<T> m) {
  return m.bits != 0;
}
template <class T>
PYNN_INLINE Vec<T> select(Mask<T> m, Vec<T> yes, Vec<T> no) {
  if constexpr (sizeof(T) == 4) {
    return {
        (typename Vec<T>::Native)_mm512_mask_blend_epi32(__mmask16(m.bits), (__m512i)no.v, (__m512i)yes.v)};
  } else {
    return {
        (typename Vec<T>::Native)_mm512_mask_blend_epi64(__mmask8(m.bits), (__m512i)no.v, (__m512i)yes.v)};
  }
}
// A mask for another element type of the same width (float and int32_t, double and int64_t).
template <class To, class From>
PYNN_INLINE Mask<To> mask_cast(Mask<From> m) {
  return {m.bits};
}
#else
template <class T>
struct Mask {
  typename IntVec<T>::Native v;
};
#define PYNN_COMPARE(op)                                \
  template <class T>                                    \
  PYNN_INLINE Mask<T> operator op(Vec<T> a, Vec<T> b) { \
    return {(typename IntVec<T>::Native)(a.v op b.v)};  \
  }
PYNN_COMPARE(<)
PYNN_COMPARE(<=)
PYNN_COMPARE(>)
PYNN_COMPARE(>=)
PYNN_COMPARE(==)
PYNN_COMPARE(!=)
#undef PYNN_COMPARE

template <class T>
PYNN_INLINE Mask<T> operator&(Mask<T> a, Mask<T> b) {
  return {a.v & b.v};
}
template <class T>
PYNN_INLINE Mask<T> operator|(Mask<T> a, Mask<T> b) {
  return {a.v | b.v};
}
template <class T>
PYNN_INLINE Mask<T> first_n(int n) {
  typedef typename VecTraits<T>::Int I;
  Vec<I> index = zero<I>();
  for (int i = 0; i < Vec<T>::lanes; ++i) index.v[i] = i;
  return {(typename IntVec<T>::Native)(index.v < set1(I(n)).v)};
}
template <class T>
PYNN_INLINE bool any(Mask<T> m) {
#if defined(__AVX2__)
  return !_mm256_testz_si256((__m256i)m.v, (__m256i)m.v);
#elif defined(__SSE2__)
  return _mm_movemask_epi8((__m128i)m.v) != 0;
#else
  bool result = false;
  for (int i = 0; i < Vec<T>::lanes; ++i) result |= m.v[i] != 0;
  return result;
#endif
}
template <class T>
PYNN_INLINE Vec<T> select(Mask<T> m, Vec<T> yes, Vec<T> no) {
#if defined(__AVX2__)
  return {(typename Vec<T>::Native)_mm256_blendv_epi8((__m256i)no.v, (__m256i)yes.v, (__m256i)m.v)};
#else
  typedef typename IntVec<T>::Native I;
  return {(typename Vec<T>::Native)((m.v & (I)yes.v) | (~m.v & (I)no.v))};
#endif
}
template <class To, class From>
PYNN_INLINE Mask<To> mask_cast(Mask<From> m) {
  return {(typename IntVec<To>::Native)m.v};
}
#endif

template <class T>
PYNN_INLINE Vec<T> min(Vec<T> a, Vec<T> b) {
#if defined(__AVX512F__)
  if constexpr (VecTraits<T>::kFloat && sizeof(T) == 4) {
    return {(typename Vec<T>::Native)_mm512_min_ps((__m512)a.v, (__m512)b.v)};
  }
  if constexpr (VecTraits<T>::kFloat && sizeof(T) == 8) {
    return {(typename Vec<T>::Native)_mm512_min_pd((__m512d)a.v, (__m512d)b.v)};
  }
#elif defined(__AVX2__)
  if constexpr (VecTraits<T>::kFloat && sizeof(T) == 4) {
    return {(typename Vec<T>::Native)_mm256_min_ps((__m256)a.v, (__m256)b.v)};
  }
  if constexpr (VecTraits<T>::kFloat && sizeof(T) == 8) {
    return {(typename Vec<T>::Native)_mm256_min_pd((__m256d)a.v, (__m256d)b.v)};
  }
#elif defined(__SSE2__)
  if constexpr (VecTraits<T>::kFloat && sizeof(T) == 4) {
    return {(typename Vec<T>::Native)_mm_min_ps((__m128)a.v, (__m128)b.v)};
  }
  if constexpr (VecTraits<T>::kFloat && sizeof(T) == 8) {
    return {(typename Vec<T>::Native)_mm_min_pd((__m128d)a.v, (__m128d)b.v)};
  }
#endif
  return select(a < b, a, b);
}
template <class T>
PYNN_INLINE Vec<T> max(Vec<T> a, Vec<T> b) {
#if defined(__AVX512F__)
  if constexpr (VecTraits<T>::kFloat && sizeof(T) == 4) {
    return {(typename Vec<T>::Native)_mm512_max_ps((__m512)a.v, (__m512)b.v)};
  }
  if constexpr (VecTraits<T>::kFloat && sizeof(T) == 8) {
    return {(typename Vec<T>::Native)_mm512_max_pd((__m512d)a.v, (__m512d)b.v)};
  }
#elif defined(__AVX2__)
  if constexpr (VecTraits<T>::kFloat && sizeof(T) == 4) {
    return {(typename Vec<T>::Native)_mm256_max_ps((__m256)a.v, (__m256)b.v)};
  }
  if constexpr (VecTraits<T>::kFloat && sizeof(T) == 8) {
    return {(typename Vec<T>::Native)_mm256_max_pd((__m256d)a.v, (__m256d)b.v)};
  }
#elif defined(__SSE2__)
  if constexpr (VecTraits<T>::kFloat && sizeof(T) == 4) {
    return {(typename Vec<T>::Native)_mm_max_ps((__m128)a.v, (__m128)b.v)};
  }
  if constexpr (VecTraits<T>::kFloat && sizeof(T) == 8) {
    return {(typename Vec<T>::Native)_mm_max_pd((__m128d)a.v, (__m128d)b.v)};
  }
#endif
  return select(a > b, a, b);
}

}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn

#include "simd/reduce.h"
