// The random kernels of one ISA: see random.h for what each computes.
#pragma once
#include "kernels/random/normal.h"
#include "kernels/random/random.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace random {

using ::pynn::random::Stream;
using ::pynn::random::Table;

template <class T>
PYNN_INLINE void put(T* p, Vec<T> x, int n) {
  if (n == Vec<T>::lanes) {
    store(p, x);
  } else {
    store_n(p, x, n);
  }
}

void words(Stream s, int64_t n, uint32_t* out) {
  int32_t* const to = reinterpret_cast<int32_t*>(out);
  each_word(s.seed, s.counter, n,
            [&](int64_t i, int count, I w) __attribute__((always_inline)) { put(to + i, w, count); });
}

void uniform_float(Stream s, int64_t n, float low, float range, float* out) {
  const Vec<float> from = set1(low), factor = set1(range);
  each_word(s.seed, s.counter, n, [&](int64_t i, int count, I w) __attribute__((always_inline)) {
    const Vec<float> u = to_float(shift_right(w, 8)) * set1(0x1p-24f);
    put(out + i, from + factor * u, count);
  });
}

void uniform_double(Stream s, int64_t n, double low, double range, double* out) {
  const Vec<double> from = set1(low), factor = set1(range);
  each_wide<double>(
      s.seed, s.counter, n,
      [&](L first, L second) __attribute__((always_inline)) {  // 32 bits and 21
        const Vec<double> high = word_to_double(first) * set1(0x1p21),
                          rest = word_to_double(shift_right(second & set1(int64_t(0xffffffff)), 11));
        return from + factor * ((high + rest) * set1(0x1p-53));
      },
      [&](int64_t i, int count, Vec<double> x) __attribute__((always_inline)) { put(out + i, x, count); });
}

void normal_float(Stream s, int64_t n, float mean, float std, float* out) {
  const Vec<float> m = set1(mean), d = set1(std);
  each_pair(s.seed, s.counter, n,
            [&](int64_t i, int count, I first, I second) __attribute__((always_inline)) {
              put(out + i, m + d * (radius(first) * cosine(second) + zero<float>()), count);
            });
}

void normal_double(Stream s, int64_t n, double mean, double std, double* out) {
  const Vec<double> m = set1(mean), d = set1(std);
  each_wide<double>(
      s.seed, s.counter, n,
      [&](L first, L second) __attribute__((always_inline)) {
        return m + d * (radius(first) * cosine(second) + zero<double>());
      },
      [&](int64_t i, int count, Vec<double> x) __attribute__((always_inline)) { put(out + i, x, count); });
}

// The words' mask in which u < p.
PYNN_INLINE Mask<int32_t> below(I w, I threshold) { return shift_right(w, 8) < threshold; }

void bernoulli_float(Stream s, int64_t n, uint32_t threshold, float* out) {
  const I t = set1(int32_t(threshold));
  each_word(s.seed, s.counter, n, [&](int64_t i, int count, I w) __attribute__((always_inline)) {
    put(out + i, select(mask_cast<float>(below(w, t)), set1(1.0f), zero<float>()), count);
  });
}

void dropout_float(Stream s, int64_t n, uint32_t threshold, float scale, const float* x, float* out) {
  const I t = set1(int32_t(threshold));
  const Vec<float> kept = set1(scale), nothing = zero<float>();
  each_word(s.seed, s.counter, n, [&](int64_t i, int count, I w) __attribute__((always_inline)) {
    const Vec<float> factor = select(mask_cast<float>(below(w, t)), nothing, kept);
    if (count == kWords) {
      store(out + i, load(x + i) * factor);
    } else {
      store_n(out + i, load_n(x + i, count) * factor, count);
    }
  });
}

// For results of another width: f(i, whether u < p), by way of a buffer.
template <class F>
PYNN_INLINE void each_flag(Stream s, int64_t n, uint32_t threshold, const F& f) {
  constexpr int64_t kBuffer = 256;
  uint32_t buffer[kBuffer];
  for (int64_t i = 0; i < n; i += kBuffer) {
    const int64_t count = n - i < kBuffer ? n - i : kBuffer;
    words({s.seed, s.counter + uint64_t(i / 4)}, count, buffer);
    for (int64_t j = 0; j < count; ++j) f(i + j, (buffer[j] >> 8) < threshold);
  }
}

void bernoulli_double(Stream s, int64_t n, uint32_t threshold, double* out) {
  each_flag(s, n, threshold, [&](int64_t i, bool hit) { out[i] = hit ? 1.0 : 0.0; });
}
void flags(Stream s, int64_t n, uint32_t threshold, uint8_t* out) {
  each_flag(s, n, threshold, [&](int64_t i, bool hit) { out[i] = hit; });
}
void dropout_double(Stream s, int64_t n, uint32_t threshold, double scale, const double* x, double* out) {
  each_flag(s, n, threshold, [&](int64_t i, bool hit) { out[i] = x[i] * (hit ? 0.0 : scale); });
}

// bits % range by a product with 2^64 / range, of which the quotient is at most one too small.
struct Divisor {
  uint64_t range, inverse;
  PYNN_INLINE explicit Divisor(uint64_t r) : range(r), inverse(r == 0 ? 0 : ~uint64_t(0) / r) {}
  PYNN_INLINE uint64_t remainder(uint64_t bits) const {
    __extension__ typedef unsigned __int128 Wide;
    uint64_t rest = bits - uint64_t(Wide(bits) * inverse >> 64) * range;
    const uint64_t less = rest - range;  // wraps around where nothing is to take off; no branch to guess
    rest = less < rest ? less : rest;
    if (range == 0) return bits;
    return rest;
  }
};

void integers(Stream s, int64_t n, int64_t low, uint64_t range, int64_t* out) {
  const Divisor divisor(range);
  each_wide<int64_t>(
      s.seed, s.counter, n,
      [&](L first, L second) __attribute__((always_inline)) { return join(second, first); },
      [&](int64_t i, int count, L bits) __attribute__((always_inline)) {
        int64_t lane[kCounters];
        store(lane, bits);
        for (int j = 0; j < count; ++j)
          out[i + j] = int64_t(uint64_t(low) + divisor.remainder(uint64_t(lane[j])));
      });
}

extern const Table table;
const Table table = {PYNN_ISA_NAME,
                     {&uniform_float, &normal_float, &bernoulli_float, &dropout_float},
                     {&uniform_double, &normal_double, &bernoulli_double, &dropout_double},
                     &words,
                     &flags,
                     &integers};

}  // namespace random
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
