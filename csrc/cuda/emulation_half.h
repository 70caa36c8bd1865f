// __half and __nv_bfloat16 as CUDA names them: 16 bits, converted to and from float, rounded to nearest even. Part of
// emulation.h. Kernels compute in float, so there is no arithmetic here.
#pragma once
#include <cstdint>
#include <cstring>

#include "cuda/emulation_types.h"

namespace pynn::emulation {

inline uint32_t bits_of(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
inline float float_of(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

inline uint16_t half_bits(float x) {
  const uint32_t bits = bits_of(x), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return uint16_t(sign | 0x7fff);  // NaN, as cvt.rn.f16.f32 makes it
  if (magnitude >= 0x477ff000) return uint16_t(sign | 0x7c00);  // 65520 and more: infinity
  if (magnitude < 0x38800000) {  // below 2^-14: units of 2^-24, which adding 0.5 leaves in the last bits
    return uint16_t(sign | (bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f)));
  }
  const uint32_t odd = magnitude >> 13 & 1;
  return uint16_t(sign | ((magnitude + 0xfff + odd - 0x38000000) >> 13));
}
inline float half_value(uint16_t half) {
  const uint32_t sign = uint32_t(half & 0x8000) << 16, magnitude = half & 0x7fff;
  if (magnitude >= 0x7c00) return float_of(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
  if (magnitude >= 0x400) return float_of(sign | ((magnitude << 13) + 0x38000000));
  const float small = float(magnitude) * 0x1p-24f;
  return sign ? -small : small;
}
inline uint16_t bfloat16_bits(float x) {
  const uint32_t bits = bits_of(x);
  if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fff;  // NaN, as cvt.rn.bf16.f32 makes it
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

}  // namespace pynn::emulation

struct __half {
  uint16_t x;
  __half() = default;
  explicit __half(float value) : x(pynn::emulation::half_bits(value)) {}
  explicit operator float() const { return pynn::emulation::half_value(x); }
};
struct alignas(4) __half2 {
  __half x, y;
};
struct __nv_bfloat16 {
  uint16_t x;
  __nv_bfloat16() = default;
  explicit __nv_bfloat16(float value) : x(pynn::emulation::bfloat16_bits(value)) {}
  explicit operator float() const { return pynn::emulation::float_of(uint32_t(x) << 16); }
};
struct alignas(4) __nv_bfloat162 {
  __nv_bfloat16 x, y;
};
typedef __half half;
typedef __half2 half2;
typedef __nv_bfloat16 nv_bfloat16;
typedef __nv_bfloat162 nv_bfloat162;

inline float __half2float(__half a) { return float(a); }
inline __half __float2half(float a) { return __half(a); }
inline __half __float2half_rn(float a) { return __half(a); }
inline float __bfloat162float(__nv_bfloat16 a) { return float(a); }
inline __nv_bfloat16 __float2bfloat16(float a) { return __nv_bfloat16(a); }
inline __nv_bfloat16 __float2bfloat16_rn(float a) { return __nv_bfloat16(a); }

inline __half2 __halves2half2(__half a, __half b) { return {a, b}; }
inline __half2 __floats2half2_rn(float a, float b) { return {__half(a), __half(b)}; }
inline __half2 __float22half2_rn(float2 a) { return {__half(a.x), __half(a.y)}; }
inline float2 __half22float2(__half2 a) { return {float(a.x), float(a.y)}; }
inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 a, __nv_bfloat16 b) { return {a, b}; }
inline __nv_bfloat162 __floats2bfloat162_rn(float a, float b) { return {__nv_bfloat16(a), __nv_bfloat16(b)}; }
inline __nv_bfloat162 __float22bfloat162_rn(float2 a) { return {__nv_bfloat16(a.x), __nv_bfloat16(a.y)}; }
inline float2 __bfloat1622float2(__nv_bfloat162 a) { return {float(a.x), float(a.y)}; }
inline unsigned short __half_as_ushort(__half a) { return a.x; }
inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 a) { return a.x; }
inline __half __ushort_as_half(unsigned short bits) {
  __half a;
  a.x = bits;
  return a;
}
inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) {
  __nv_bfloat16 a;
  a.x = bits;
  return a;
}
