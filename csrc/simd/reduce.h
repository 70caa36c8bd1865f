// The lanes of a vector to one value; part of simd/vec.h, which includes it.
#pragma once
#include "simd/vec.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {

// The upper half of the lanes onto the lower, down to one: always in the same order. reduce_max is max: not
// for NaN.

#if defined(__SSE2__)
#define PYNN_REDUCE(name, op)                                        \
  PYNN_INLINE float name##_4(__m128 x) {                             \
    x = _mm_##op##_ps(x, _mm_movehl_ps(x, x));                       \
    return _mm_cvtss_f32(_mm_##op##_ss(x, _mm_shuffle_ps(x, x, 1))); \
  }                                                                  \
  PYNN_INLINE double name##_2(__m128d x) { return _mm_cvtsd_f64(_mm_##op##_sd(x, _mm_unpackhi_pd(x, x))); }
PYNN_REDUCE(reduce_add, add)
PYNN_REDUCE(reduce_max, max)
#undef PYNN_REDUCE
#if defined(__AVX2__)
#define PYNN_REDUCE(name, op)                                                               \
  PYNN_INLINE float name##_8(__m256 x) {                                                    \
    return name##_4(_mm_##op##_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1))); \
  }                                                                                         \
  PYNN_INLINE double name##_4(__m256d x) {                                                  \
    return name##_2(_mm_##op##_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1))); \
  }
PYNN_REDUCE(reduce_add, add)
PYNN_REDUCE(reduce_max, max)
#undef PYNN_REDUCE
#endif
#if defined(__AVX512F__)
#define PYNN_REDUCE(name, op)                                                                             \
  PYNN_INLINE float name(Vec<float> x) {                                                                  \
    return name##_8(                                                                                      \
        _mm256_##op##_ps(_mm512_castps512_ps256((__m512)x.v), _mm512_extractf32x8_ps((__m512)x.v, 1)));   \
  }                                                                                                       \
  PYNN_INLINE double name(Vec<double> x) {                                                                \
    return name##_4(                                                                                      \
        _mm256_##op##_pd(_mm512_castpd512_pd256((__m512d)x.v), _mm512_extractf64x4_pd((__m512d)x.v, 1))); \
  }
#elif defined(__AVX2__)
#define PYNN_REDUCE(name, op)                                            \
  PYNN_INLINE float name(Vec<float> x) { return name##_8((__m256)x.v); } \
  PYNN_INLINE double name(Vec<double> x) { return name##_4((__m256d)x.v); }
#else
#define PYNN_REDUCE(name, op)                                            \
  PYNN_INLINE float name(Vec<float> x) { return name##_4((__m128)x.v); } \
  PYNN_INLINE double name(Vec<double> x) { return name##_2((__m128d)x.v); }
#endif
PYNN_REDUCE(reduce_add, add)
PYNN_REDUCE(reduce_max, max)
#undef PYNN_REDUCE
#else
template <class T>
PYNN_INLINE T reduce_add(Vec<T> x) {
  for (int half = Vec<T>::lanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) x.v[i] += x.v[i + half];
  }
  return x.v[0];
}
template <class T>
PYNN_INLINE T reduce_max(Vec<T> x) {
  for (int half = Vec<T>::lanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) x.v[i] = x.v[i] > x.v[i + half] ? x.v[i] : x.v[i + half];
  }
  return x.v[0];
}
#endif

}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
