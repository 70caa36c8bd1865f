// Random numbers by element index: the variants' table and the loops around it.
#pragma once
#include <cmath>
#include <cstdint>

#include "pynn/random.h"

namespace pynn {
namespace random {

// Philox 4x32-10 (Salmon and others, SC 2011): word i of a stream is word i % 4 of counter offset + i / 4.
// A kernel starts at the first word of a counter.
struct Stream {
  uint64_t seed, counter;
};

// Uniform float32 numbers are words >> 8 over 2^24; this is how many of those integers are below p.
inline uint32_t threshold(float p) {
  if (!(p > 0)) return 0;
  return p >= 1 ? 1u << 24 : uint32_t(std::ceil(double(p) * 0x1p24));
}

template <class T>
struct Kernels {
  // out = low + range * u, one word an element (float) or two (double)
  void (*uniform)(Stream, int64_t n, T low, T range, T* out);
  // out = mean + std * z, two words an element
  void (*normal)(Stream, int64_t n, T mean, T std, T* out);
  // out = u < p ? 1 : 0, one word an element
  void (*bernoulli)(Stream, int64_t n, uint32_t threshold, T* out);
  // out = x * (u >= p ? scale : 0), one word an element
  void (*dropout)(Stream, int64_t n, uint32_t threshold, T scale, const T* x, T* out);
};

struct Table {
  const char* isa;
  Kernels<float> f32;
  Kernels<double> f64;
  void (*words)(Stream, int64_t n, uint32_t* out);
  void (*flags)(Stream, int64_t n, uint32_t threshold, uint8_t* out);  // u < p
  // out = low + (64 bits % range), two words an element; range 0 stands for 2^64
  void (*integers)(Stream, int64_t n, int64_t low, uint64_t range, int64_t* out);

  template <class T>
  const Kernels<T>& of() const {
    if constexpr (sizeof(T) == sizeof(float)) {
      return f32;
    } else {
      return f64;
    }
  }
};

const Table& table();  // of the ISA in use

// Whole arrays on the pool's threads; the same bits for any number of them.
void words(Stream s, int64_t n, uint32_t* out);
template <class T>
void uniform(Stream s, int64_t n, T low, T range, T* out);
template <class T>
void normal(Stream s, int64_t n, T mean, T std, T* out);
template <class T>
void bernoulli(Stream s, int64_t n, float p, T* out);
void flags(Stream s, int64_t n, float p, uint8_t* out);
void integers(Stream s, int64_t n, int64_t low, uint64_t range, int64_t* out);
template <class T>
void dropout(Stream s, int64_t n, float p, T scale, const T* x, T* out);
// The order that sorts n words; false where there is no memory.
bool permutation(Stream s, int64_t n, int64_t* out);

}  // namespace random
}  // namespace pynn
