// CUDA's functions on the device: waiting, shuffles, votes, atomics, bits, fast mathematics. Part of emulation.h.
#pragma once

// ---- waiting ----
inline void __syncthreads() { pynn::emulation::block_barrier("__syncthreads()"); }
inline int __syncthreads_count(int predicate) { return pynn::emulation::block_count(predicate != 0); }
inline int __syncthreads_or(int predicate) { return pynn::emulation::block_count(predicate != 0) != 0; }
inline int __syncthreads_and(int predicate) { return pynn::emulation::block_count(predicate == 0) == 0; }
inline void __syncwarp(unsigned mask = 0xffffffffu) { pynn::emulation::ballot("__syncwarp()", mask, 0); }
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}
inline void __nanosleep(unsigned) { pynn::emulation::pause(); }
[[noreturn]] inline void __trap() { pynn::emulation::stop("__trap()"); }

// ---- the warp ----
inline unsigned __activemask() { return pynn::emulation::active_mask(); }
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
  const int lane = int(pynn::emulation::lane());
  return pynn::emulation::shuffle("__shfl_sync()", mask, value, (lane & ~(width - 1)) | (source & (width - 1)));
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  const int lane = int(pynn::emulation::lane()), from = lane + int(delta);
  return pynn::emulation::shuffle("__shfl_down_sync()", mask, value, from > (lane | (width - 1)) ? -1 : from);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  const int lane = int(pynn::emulation::lane()), from = lane - int(delta);
  return pynn::emulation::shuffle("__shfl_up_sync()", mask, value, from < (lane & ~(width - 1)) ? -1 : from);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32) {
  const int lane = int(pynn::emulation::lane()), from = lane ^ bits;
  return pynn::emulation::shuffle("__shfl_xor_sync()", mask, value, from > (lane | (width - 1)) ? -1 : from);
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  return pynn::emulation::ballot("__ballot_sync()", mask, predicate);
}
inline int __any_sync(unsigned mask, int predicate) {
  return pynn::emulation::ballot("__any_sync()", mask, predicate) != 0;
}
inline int __all_sync(unsigned mask, int predicate) {
  return pynn::emulation::ballot("__all_sync()", mask, !predicate) == 0;
}
template <class T>
T __reduce_add_sync(unsigned mask, T value) {
  return pynn::emulation::fold<std::plus<T>>("__reduce_add_sync()", mask, value);
}
template <class T>
T __reduce_min_sync(unsigned mask, T value) {
  return pynn::emulation::fold<pynn::emulation::Least>("__reduce_min_sync()", mask, value);
}
template <class T>
T __reduce_max_sync(unsigned mask, T value) {
  return pynn::emulation::fold<pynn::emulation::Most>("__reduce_max_sync()", mask, value);
}
inline unsigned __reduce_and_sync(unsigned mask, unsigned value) {
  return pynn::emulation::fold<std::bit_and<unsigned>>("__reduce_and_sync()", mask, value);
}
inline unsigned __reduce_or_sync(unsigned mask, unsigned value) {
  return pynn::emulation::fold<std::bit_or<unsigned>>("__reduce_or_sync()", mask, value);
}
inline unsigned __reduce_xor_sync(unsigned mask, unsigned value) {
  return pynn::emulation::fold<std::bit_xor<unsigned>>("__reduce_xor_sync()", mask, value);
}

// ---- atomics: nothing runs beside the calling thread ----
#define PYNN_ATOMIC(name, ...)           \
  template <class T, class Given>        \
  T name(T* place, Given given) {        \
    const T value = T(given);            \
    const T before = *place;             \
    *place = __VA_ARGS__;                \
    return before;                       \
  }
PYNN_ATOMIC(atomicAdd, T(before + value))
PYNN_ATOMIC(atomicSub, T(before - value))
PYNN_ATOMIC(atomicMax, value > before ? value : before)
PYNN_ATOMIC(atomicMin, value < before ? value : before)
PYNN_ATOMIC(atomicAnd, T(before & value))
PYNN_ATOMIC(atomicOr, T(before | value))
PYNN_ATOMIC(atomicXor, T(before ^ value))
PYNN_ATOMIC(atomicExch, value)
#undef PYNN_ATOMIC
template <class T, class Expected, class Given>
T atomicCAS(T* place, Expected expected, Given value) {
  const T before = *place;
  if (before == T(expected)) *place = T(value);
  return before;
}
inline unsigned atomicInc(unsigned* place, unsigned limit) {
  const unsigned before = *place;
  *place = before >= limit ? 0 : before + 1;
  return before;
}

// ---- memory ----
template <class T>
T __ldg(const T* place) { return *place; }
template <class T>
T __ldcs(const T* place) { return *place; }
template <class T>
T __ldcg(const T* place) { return *place; }
template <class T>
T __ldca(const T* place) { return *place; }
template <class T>
void __stcs(T* place, T value) { *place = value; }
template <class T>
void __stcg(T* place, T value) { *place = value; }

// ---- bits ----
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz(unsigned(x)) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)(x)) : 64; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline unsigned __brev(unsigned x) {
  unsigned y = 0;
  for (int i = 0; i < 32; ++i) y |= (x >> i & 1) << (31 - i);
  return y;
}
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned(uint64_t(a) * b >> 32); }
inline int __mulhi(int a, int b) { return int(int64_t(a) * b >> 32); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned long long)((unsigned __int128)(a) * b >> 64);
}
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
  const uint64_t both = uint64_t(b) << 32 | a;
  unsigned out = 0;
  for (int i = 0; i < 4; ++i) out |= unsigned(both >> (8 * (selector >> (4 * i) & 7)) & 0xff) << (8 * i);
  return out;
}
inline float __int_as_float(int x) { return pynn::emulation::float_of(uint32_t(x)); }
inline float __uint_as_float(unsigned x) { return pynn::emulation::float_of(x); }
inline int __float_as_int(float x) { return int(pynn::emulation::bits_of(x)); }
inline unsigned __float_as_uint(float x) { return pynn::emulation::bits_of(x); }
inline long long __double_as_longlong(double x) {
  long long bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
inline double __longlong_as_double(long long bits) {
  double x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

// ---- mathematics ----
using std::max;
using std::min;
inline float rsqrtf(float x) { return float(1 / std::sqrt(double(x))); }
inline double rsqrt(double x) { return 1 / std::sqrt(x); }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __log2f(float x) { return log2f(x); }
inline float __exp10f(float x) { return float(std::pow(10.0, double(x))); }
inline float __sinf(float x) { return sinf(x); }
inline float __cosf(float x) { return cosf(x); }
inline float __powf(float x, float y) { return powf(x, y); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1 / x; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline double __ddiv_rn(double x, double y) { return x / y; }
inline double __dsqrt_rn(double x) { return std::sqrt(x); }
inline float __frsqrt_rn(float x) { return rsqrtf(x); }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline double __fma_rn(double x, double y, double z) { return fma(x, y, z); }
// Never contracted into an fma: the emulation is compiled with -ffp-contract=off.
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fsub_rn(float x, float y) { return x - y; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline double __dadd_rn(double x, double y) { return x + y; }
inline double __dsub_rn(double x, double y) { return x - y; }
inline double __dmul_rn(double x, double y) { return x * y; }
inline float __saturatef(float x) { return x > 1 ? 1 : x > 0 ? x : 0; }
inline int __float2int_rn(float x) { return int(nearbyintf(x)); }
inline int __float2int_rd(float x) { return int(floorf(x)); }
inline int __float2int_rz(float x) { return int(x); }
inline int __float2int_ru(float x) { return int(ceilf(x)); }
inline float __int2float_rn(int x) { return float(x); }
inline float __uint2float_rn(unsigned x) { return float(x); }
inline float __ull2float_rn(unsigned long long x) { return float(x); }
inline double __ull2double_rn(unsigned long long x) { return double(x); }
// exp(x^2) erfc(x), x >= 0.
inline float erfcxf(float x) { return float(x < 26 ? std::exp(double(x) * x) * std::erfc(double(x)) : 0.56418958 / x); }
