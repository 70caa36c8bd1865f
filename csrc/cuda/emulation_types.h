// CUDA's vector types, streams and error codes, as far as kernels use them. Part of emulation.h.
#pragma once
#include <cstdint>
#include <string>

#define PYNN_VECTOR_TYPES(T, name, bytes)                                              \
  struct name##1 { T x; };                                                             \
  struct alignas(2 * bytes) name##2 { T x, y; };                                       \
  struct name##3 { T x, y, z; };                                                       \
  struct alignas(4 * bytes > 16 ? 16 : 4 * bytes) name##4 { T x, y, z, w; };           \
  inline name##2 make_##name##2(T x, T y) { return {x, y}; }                           \
  inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }                   \
  inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
PYNN_VECTOR_TYPES(signed char, char, 1)
PYNN_VECTOR_TYPES(unsigned char, uchar, 1)
PYNN_VECTOR_TYPES(short, short, 2)
PYNN_VECTOR_TYPES(unsigned short, ushort, 2)
PYNN_VECTOR_TYPES(int, int, 4)
PYNN_VECTOR_TYPES(unsigned, uint, 4)
PYNN_VECTOR_TYPES(long long, longlong, 8)
PYNN_VECTOR_TYPES(unsigned long long, ulonglong, 8)
PYNN_VECTOR_TYPES(float, float, 4)
PYNN_VECTOR_TYPES(double, double, 8)
#undef PYNN_VECTOR_TYPES

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

typedef struct CUstream_st* cudaStream_t;
