// Two vectors dealt into their even and odd elements, and back.
#pragma once
#include "simd/vec.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {

template <class T>
struct Pair {
  Vec<T> first, second;
};

// Of the elements of a and then b: those at even places, those at odd places.
template <class T>
PYNN_INLINE Pair<T> deinterleave(Vec<T> a, Vec<T> b) {
  typedef typename Vec<T>::Native N;
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    return {{(N)_mm512_permutex2var_epi32((__m512i)a.v, even, (__m512i)b.v)},
            {(N)_mm512_permutex2var_epi32((__m512i)a.v, odd, (__m512i)b.v)}};
  } else {
    const __m512i even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
    const __m512i odd = _mm512_add_epi64(even, _mm512_set1_epi64(1));
    return {{(N)_mm512_permutex2var_epi64((__m512i)a.v, even, (__m512i)b.v)},
            {(N)_mm512_permutex2var_epi64((__m512i)a.v, odd, (__m512i)b.v)}};
  }
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4) {
    const __m256 even = _mm256_shuffle_ps((__m256)a.v, (__m256)b.v, 0x88);
    const __m256 odd = _mm256_shuffle_ps((__m256)a.v, (__m256)b.v, 0xdd);
    return {{(N)_mm256_permute4x64_epi64((__m256i)even, 0xd8)},
            {(N)_mm256_permute4x64_epi64((__m256i)odd, 0xd8)}};
  } else {
    const __m256d even = _mm256_unpacklo_pd((__m256d)a.v, (__m256d)b.v);
    const __m256d odd = _mm256_unpackhi_pd((__m256d)a.v, (__m256d)b.v);
    return {{(N)_mm256_permute4x64_epi64((__m256i)even, 0xd8)},
            {(N)_mm256_permute4x64_epi64((__m256i)odd, 0xd8)}};
  }
#elif defined(__SSE2__)
  if constexpr (sizeof(T) == 4) {
    return {{(N)_mm_shuffle_ps((__m128)a.v, (__m128)b.v, 0x88)},
            {(N)_mm_shuffle_ps((__m128)a.v, (__m128)b.v, 0xdd)}};
  } else {
    return {{(N)_mm_unpacklo_pd((__m128d)a.v, (__m128d)b.v)},
            {(N)_mm_unpackhi_pd((__m128d)a.v, (__m128d)b.v)}};
  }
#else
  constexpr int n = Vec<T>::lanes;
  N even = {}, odd = {};
  for (int i = 0; i < n; ++i) {
    even[i] = 2 * i < n ? a.v[2 * i] : b.v[2 * i - n];
    odd[i] = 2 * i + 1 < n ? a.v[2 * i + 1] : b.v[2 * i + 1 - n];
  }
  return {{even}, {odd}};
#endif
}

// a and b in turn: what deinterleave takes apart.
template <class T>
PYNN_INLINE Pair<T> interleave(Vec<T> a, Vec<T> b) {
  typedef typename Vec<T>::Native N;
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
    return {{(N)_mm512_permutex2var_epi32((__m512i)a.v, low, (__m512i)b.v)},
            {(N)_mm512_permutex2var_epi32((__m512i)a.v, high, (__m512i)b.v)}};
  } else {
    const __m512i low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    const __m512i high = _mm512_add_epi64(low, _mm512_set1_epi64(4));
    return {{(N)_mm512_permutex2var_epi64((__m512i)a.v, low, (__m512i)b.v)},
            {(N)_mm512_permutex2var_epi64((__m512i)a.v, high, (__m512i)b.v)}};
  }
#elif defined(__AVX2__)
  __m256i low, high;
  if constexpr (sizeof(T) == 4) {
    low = _mm256_unpacklo_epi32((__m256i)a.v, (__m256i)b.v);
    high = _mm256_unpackhi_epi32((__m256i)a.v, (__m256i)b.v);
  } else {
    low = _mm256_unpacklo_epi64((__m256i)a.v, (__m256i)b.v);
    high = _mm256_unpackhi_epi64((__m256i)a.v, (__m256i)b.v);
  }
  return {{(N)_mm256_permute2x128_si256(low, high, 0x20)}, {(N)_mm256_permute2x128_si256(low, high, 0x31)}};
#elif defined(__SSE2__)
  if constexpr (sizeof(T) == 4) {
    return {{(N)_mm_unpacklo_ps((__m128)a.v, (__m128)b.v)}, {(N)_mm_unpackhi_ps((__m128)a.v, (__m128)b.v)}};
  } else {
    return {{(N)_mm_unpacklo_pd((__m128d)a.v, (__m128d)b.v)},
            {(N)_mm_unpackhi_pd((__m128d)a.v, (__m128d)b.v)}};
  }
#else
  constexpr int n = Vec<T>::lanes;
  N low = {}, high = {};
  for (int i = 0; i < n; ++i) {
    low[i] = i % 2 == 0 ? a.v[i / 2] : b.v[i / 2];
    high[i] = i % 2 == 0 ? a.v[(n + i) / 2] : b.v[(n + i) / 2];
  }
  return {{low}, {high}};
#endif
}

}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
