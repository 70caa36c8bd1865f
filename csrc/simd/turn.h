// Transposing as rows are loaded.
#pragma once
#include "simd/vec.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {

// Within quarters of vectors (four lanes), lanes of a and b in turn: the first two of each, and the last two.
#if defined(__AVX512F__)
#define PYNN_LOW 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29
#define PYNN_HIGH 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31
#elif defined(__AVX2__)
#define PYNN_LOW 0, 8, 1, 9, 4, 12, 5, 13
#define PYNN_HIGH 2, 10, 3, 11, 6, 14, 7, 15
#else
#define PYNN_LOW 0, 4, 1, 5
#define PYNN_HIGH 2, 6, 3, 7
#endif
PYNN_INLINE Vec<float> unpack_low(Vec<float> a, Vec<float> b) {
  return {__builtin_shufflevector(a.v, b.v, PYNN_LOW)};
}
PYNN_INLINE Vec<float> unpack_high(Vec<float> a, Vec<float> b) {
  return {__builtin_shufflevector(a.v, b.v, PYNN_HIGH)};
}
#undef PYNN_LOW
#undef PYNN_HIGH

// As many rows as there are lanes, `step` apart, addressed from every third one: base, step and twice the step reach them
// all without a pointer a row.
class TurnedRows {
 public:
  PYNN_INLINE TurnedRows(const float* src, int64_t step) : step_(step) {
    PYNN_UNROLL
    for (int g = 0; g < kGroups; ++g) group_[g] = src + 3 * g * step;
  }
  // Four elements of each row, from place `at` on: lane 4 i + j of vector x is row 4 i + j's element x. Quarters of vectors
  // are put together as they are loaded, which takes half the shuffles, and fewer lines are split.
  PYNN_INLINE void load(int64_t at, Vec<float> (&q)[4]) const {
    const auto row = [&](int i) { return group_[i / 3] + (i % 3) * step_ + at; };
    Vec<float> rows[4];
    PYNN_UNROLL
    for (int j = 0; j < 4; ++j) {
#if defined(__AVX512F__)
      __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(row(j)));
      v = _mm512_insertf32x4(v, _mm_loadu_ps(row(4 + j)), 1);
      v = _mm512_insertf32x4(v, _mm_loadu_ps(row(8 + j)), 2);
      v = _mm512_insertf32x4(v, _mm_loadu_ps(row(12 + j)), 3);
#elif defined(__AVX2__)
      const __m256 v = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(row(j))), _mm_loadu_ps(row(4 + j)), 1);
#else
      const Vec<float>::Native v = ::pynn::PYNN_ISA_NAMESPACE::load(row(j)).v;
#endif
      rows[j].v = (Vec<float>::Native)v;
    }
    const Vec<float> a = unpack_low(rows[0], rows[2]), b = unpack_low(rows[1], rows[3]);
    const Vec<float> c = unpack_high(rows[0], rows[2]), d = unpack_high(rows[1], rows[3]);
    q[0] = unpack_low(a, b);
    q[1] = unpack_high(a, b);
    q[2] = unpack_low(c, d);
    q[3] = unpack_high(c, d);
  }

 private:
  static constexpr int kGroups = (Vec<float>::lanes + 2) / 3;
  const float* group_[kGroups];
  int64_t step_;
};

}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
