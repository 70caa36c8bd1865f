// Philox 4x32-10 over vectors: a 64-bit lane a counter, whose words lie in the low halves of four vectors.
// The high halves hold remains of products, which no step reads.
#pragma once
#include "simd/vec.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace random {

typedef Vec<int64_t> L;
typedef Vec<int32_t> I;
constexpr int kCounters = L::lanes;
constexpr int kWords =
    I::lanes;  // a vector of words holds those of half as many counters, or one of two words

template <class T>
PYNN_INLINE Vec<T> shift_right(Vec<T> x, int bits) {  // logical
  return {(typename Vec<T>::Native)((typename Vec<T>::Wrapping)x.v >> bits)};
}

// The products of the lanes' low halves.
PYNN_INLINE L multiply_low(L a, L b) {
#if defined(__AVX512F__)
  return {(L::Native)_mm512_mul_epu32((__m512i)a.v, (__m512i)b.v)};
#elif defined(__AVX2__)
  return {(L::Native)_mm256_mul_epu32((__m256i)a.v, (__m256i)b.v)};
#elif defined(__SSE2__)
  return {(L::Native)_mm_mul_epu32((__m128i)a.v, (__m128i)b.v)};
#else
  const L low = set1(int64_t(0xffffffff));
  return (a & low) * (b & low);
#endif
}

PYNN_INLINE L exclusive_or(L a, L b, L c) {
#if defined(__AVX512F__)
  return {(L::Native)_mm512_ternarylogic_epi64((__m512i)a.v, (__m512i)b.v, (__m512i)c.v, 0x96)};
#else
  return a ^ b ^ c;
#endif
}

// The low halves of a below those of b.
PYNN_INLINE L join(L a, L b) { return (a & set1(int64_t(0xffffffff))) | (b << 32); }

#if defined(__AVX512F__)
#define PYNN_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define PYNN_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#elif defined(__AVX2__)
#define PYNN_LOW 0, 4, 1, 5
#define PYNN_HIGH 2, 6, 3, 7
#else
#define PYNN_LOW 0, 2
#define PYNN_HIGH 1, 3
#endif
// Lanes of a and b in turn: the first half of them, and the second.
template <class T>
PYNN_INLINE Vec<T> zip_low(Vec<T> a, Vec<T> b) {
  return {__builtin_shufflevector(a.v, b.v, PYNN_LOW)};
}
template <class T>
PYNN_INLINE Vec<T> zip_high(Vec<T> a, Vec<T> b) {
  return {__builtin_shufflevector(a.v, b.v, PYNN_HIGH)};
}
#undef PYNN_LOW
#undef PYNN_HIGH

struct Keys {
  int64_t first[10], second[10];
  PYNN_INLINE explicit Keys(uint64_t seed) {
    uint32_t a = uint32_t(seed), b = uint32_t(seed >> 32);
    for (int i = 0; i < 10; ++i, a += 0x9E3779B9u, b += 0xBB67AE85u) {
      first[i] = int64_t(a);
      second[i] = int64_t(b);
    }
  }
};

// Two vectors of counters from `counter` on; their steps fill each other's waits.
struct Draw {
  L word[2][4];

  PYNN_INLINE Draw(const Keys& keys, uint64_t counter) {
    L index = zero<int64_t>();
    PYNN_UNROLL
    for (int i = 0; i < kCounters; ++i) index.v[i] = i;
    PYNN_UNROLL
    for (int b = 0; b < 2; ++b) {
      const L at = index + set1(int64_t(counter + uint64_t(b * kCounters)));
      word[b][0] = at;
      word[b][1] = shift_right(at, 32);
      word[b][2] = word[b][3] = zero<int64_t>();
    }
    const L m0 = set1(int64_t(0xD2511F53)), m1 = set1(int64_t(0xCD9E8D57));
    PYNN_UNROLL
    for (int round = 0; round < 10; ++round) {
      const L k0 = set1(keys.first[round]), k1 = set1(keys.second[round]);
      PYNN_UNROLL
      for (int b = 0; b < 2; ++b) {
        const L p0 = multiply_low(m0, word[b][0]), p1 = multiply_low(m1, word[b][2]);
        word[b][0] = exclusive_or(shift_right(p1, 32), word[b][1], k0);
        word[b][1] = p1;
        word[b][2] = exclusive_or(shift_right(p0, 32), word[b][3], k1);
        word[b][3] = p0;
      }
    }
  }
};

// f(i, n, words) for vectors of words in order; n lanes count from element i.
template <class F>
PYNN_INLINE void each_word(uint64_t seed, uint64_t counter, int64_t count, const F& f) {
  const Keys keys(seed);
  for (int64_t i = 0; i < count; i += 4 * kWords, counter += 2 * kCounters) {
    const Draw draw(keys, counter);
    I words[4];
    PYNN_UNROLL
    for (int b = 0; b < 2; ++b) {
      const L low = join(draw.word[b][0], draw.word[b][1]), high = join(draw.word[b][2], draw.word[b][3]);
      words[2 * b] = bitcast<int32_t>(zip_low(low, high));
      words[2 * b + 1] = bitcast<int32_t>(zip_high(low, high));
    }
    PYNN_UNROLL
    for (int v = 0; v < 4; ++v) {
      const int64_t left = count - i - v * kWords;
      if (left > 0) f(i + v * kWords, left < kWords ? int(left) : kWords, words[v]);
    }
  }
}

// f(i, n, first words, second words) for elements of two words each.
template <class F>
PYNN_INLINE void each_pair(uint64_t seed, uint64_t counter, int64_t count, const F& f) {
  const Keys keys(seed);
  for (int64_t i = 0; i < count; i += 2 * kWords, counter += 2 * kCounters) {
    const Draw draw(keys, counter);
    PYNN_UNROLL
    for (int b = 0; b < 2; ++b) {
      const int64_t left = count - i - b * kWords;
      if (left > 0) {
        f(i + b * kWords, left < kWords ? int(left) : kWords,
          bitcast<int32_t>(join(draw.word[b][0], draw.word[b][2])),
          bitcast<int32_t>(join(draw.word[b][1], draw.word[b][3])));
      }
    }
  }
}

// f(i, n, values) for elements of 64 bits: convert(first word, second word), both in the low halves.
template <class T, class Convert, class F>
PYNN_INLINE void each_wide(uint64_t seed, uint64_t counter, int64_t count, const Convert& convert,
                           const F& f) {
  const Keys keys(seed);
  for (int64_t i = 0; i < count; i += 4 * kCounters, counter += 2 * kCounters) {
    const Draw draw(keys, counter);
    PYNN_UNROLL
    for (int b = 0; b < 2; ++b) {
      const int64_t at = i + 2 * b * kCounters, left = count - at;
      if (left <= 0) continue;
      const Vec<T> even = convert(draw.word[b][0], draw.word[b][1]),
                   odd = convert(draw.word[b][2], draw.word[b][3]);
      f(at, left < kCounters ? int(left) : kCounters, zip_low(even, odd));
      if (left > kCounters) {
        f(at + kCounters, left < 2 * kCounters ? int(left - kCounters) : kCounters, zip_high(even, odd));
      }
    }
  }
}

}  // namespace random
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
