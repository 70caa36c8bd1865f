// Matrix products of a warp on the tensor cores (mma.sync, sm_80), and loading their operands from shared
// memory (ldmatrix). In 32-bit words a lane l holds, with g = l / 4 and t = l % 4 and K words in a row (8):
//   a (16 x K, row by row)     a[0] (g, t)  a[1] (g + 8, t)  a[2] (g, t + 4)  a[3] (g + 8, t + 4)
//   b (K x 8, column by column) b[0] (t, g)  b[1] (t + 4, g)
//   d (16 x 8, float)           d[0] (g, 2t)  d[1] (g, 2t + 1)  d[2] (g + 8, 2t)  d[3] (g + 8, 2t + 1)
// A word is one float in TF32 (its last 13 bits are ignored) or two neighbours along K of a 16-bit type.
#pragma once
#include "cuda/device.h"

namespace pynn::cuda {

#if defined(__CUDACC__)

#define PYNN_MMA(shape, types)                                   \
  asm volatile("mma.sync.aligned." shape ".row.col." types       \
               " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, " \
               "{%0, %1, %2, %3};"                               \
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])  \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))

// d += a b. T says what the words hold: __half, __nv_bfloat16, or float for TF32.
template <class T>
PYNN_DEVICE void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);
template <>
PYNN_DEVICE void mma<__half>(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  PYNN_MMA("m16n8k16", "f32.f16.f16.f32");
}
template <>
PYNN_DEVICE void mma<__nv_bfloat16>(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  PYNN_MMA("m16n8k16", "f32.bf16.bf16.f32");
}
template <>
PYNN_DEVICE void mma<float>(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  PYNN_MMA("m16n8k8", "f32.tf32.tf32.f32");
}
#undef PYNN_MMA

// Four 8 x 8 matrices of 16-bit elements (or 8 x 4 words): lane l gives the address of row l % 8 of matrix l
// / 8, 16 bytes, and gets of every matrix i the word out[i] = (row g, word t).
PYNN_DEVICE void load_matrices(uint32_t (&out)[4], const void* row) {
  const unsigned place = unsigned(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(place)
               : "memory");
}

// The same transposed: lane l gets elements 2t and 2t + 1 of column g.
PYNN_DEVICE void load_matrices_transposed(uint32_t (&out)[4], const void* row) {
  const unsigned place = unsigned(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(place)
               : "memory");
}

#else

namespace emulated_mma {

// Element `i` of a row of words that hold T.
template <class T>
inline float element(uint32_t word, int i) {
  T value;
  const uint16_t bits = uint16_t(word >> (16 * i));
  std::memcpy(&value, &bits, sizeof bits);
  return float(value);
}
template <>
inline float element<float>(uint32_t word, int) {
  return emulation::float_of(word & 0xffffe000u);
}

struct Product {
  float* d;
  const uint32_t *a, *b;
};

template <class T>
void resolve_product(void* const* lanes, unsigned mask) {
  if (mask != 0xffffffffu) emulation::stop("mma() takes all lanes of a warp, got mask %08x", mask);
  constexpr int kElements = 4 / int(sizeof(T));
  float a[16][8 * kElements], b[8][8 * kElements];
  for (int l = 0; l < 32; ++l) {
    const Product& own = *static_cast<const Product*>(lanes[l]);
    const int g = l / 4, t = l % 4;
    for (int i = 0; i < kElements; ++i) {
      for (int r = 0; r < 4; ++r) a[g + r % 2 * 8][(t + r / 2 * 4) * kElements + i] = element<T>(own.a[r], i);
      for (int r = 0; r < 2; ++r) b[g][(t + r * 4) * kElements + i] = element<T>(own.b[r], i);
    }
  }
  for (int l = 0; l < 32; ++l) {
    float* d = static_cast<const Product*>(lanes[l])->d;
    for (int r = 0; r < 4; ++r) {
      const int row = l / 4 + r / 2 * 8, column = l % 4 * 2 + r % 2;
      for (int k = 0; k < 8 * kElements; ++k) d[r] += a[row][k] * b[column][k];
    }
  }
}

struct Load {
  const unsigned char* row;
  uint32_t* out;
  bool transposed;
};

inline void resolve_load(void* const* lanes, unsigned mask) {
  if (mask != 0xffffffffu) emulation::stop("load_matrices() takes all lanes of a warp, got mask %08x", mask);
  for (int l = 0; l < 32; ++l) {
    const Load& own = *static_cast<const Load*>(lanes[l]);
    for (int i = 0; i < 4; ++i) {
      const auto row = [&](int r) { return static_cast<const Load*>(lanes[i * 8 + r])->row; };
      const int g = l / 4, t = l % 4;
      if (!own.transposed) {
        std::memcpy(own.out + i, row(g) + 4 * t, 4);
      } else {
        uint16_t low, high;
        std::memcpy(&low, row(2 * t) + 2 * g, 2);
        std::memcpy(&high, row(2 * t + 1) + 2 * g, 2);
        own.out[i] = uint32_t(high) << 16 | low;
      }
    }
  }
}

inline void load(uint32_t (&out)[4], const void* row, bool transposed) {
  if (reinterpret_cast<uintptr_t>(row) & 15) {
    emulation::stop("load_matrices(): the address %p is not aligned to 16 bytes", row);
  }
  Load own = {static_cast<const unsigned char*>(row), out, transposed};
  emulation::collective("load_matrices()", 0xffffffffu, &own, &resolve_load);
}

}  // namespace emulated_mma

template <class T>
inline void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  emulated_mma::Product own = {d, a, b};
  emulation::collective("mma()", 0xffffffffu, &own, &emulated_mma::resolve_product<T>);
}
inline void load_matrices(uint32_t (&out)[4], const void* row) { emulated_mma::load(out, row, false); }
inline void load_matrices_transposed(uint32_t (&out)[4], const void* row) {
  emulated_mma::load(out, row, true);
}

#endif

// A float as the sum of two that TF32 holds exactly: rounding to 11 bits leaves a rest of at most 11. What is
// not finite, or would round to infinity (above 3.4020e38, which keeps 11 bits), is all in `small`: big times
// the other one's small part, which may be 0, must not be an infinity times 0.
PYNN_DEVICE void split_tf32(uint32_t bits, uint32_t& big, uint32_t& small) {
  big = (bits + 0x1000u) & 0xffffe000u;
  if (!(fabsf(__uint_as_float(big)) < __uint_as_float(0x7f800000u))) big = 0;
  small = __float_as_uint(__fsub_rn(__uint_as_float(bits), __uint_as_float(big)));
}

// A float rounded to TF32 (to nearest, ties away from zero).
PYNN_DEVICE uint32_t round_tf32(uint32_t bits) {
  const bool finite = (bits & 0x7f800000u) != 0x7f800000u;
  return finite ? (bits + 0x1000u) & 0xffffe000u : bits;
}

}  // namespace pynn::cuda
