// The conversions of one ISA: see half.h. A tail goes through the same code by way of a padded block, so an
// element's result never depends on its place.
#pragma once
#include "kernels/half/half.h"
#include "simd/vec.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace half {
namespace {

using ::pynn::half::Table;

constexpr int kLanes = kVecBytes / 4;
typedef uint16_t Bits __attribute__((vector_size(kVecBytes / 2), aligned(2), may_alias));
typedef uint32_t Words __attribute__((vector_size(kVecBytes)));
typedef int32_t Truth __attribute__((vector_size(kVecBytes)));
typedef float Floats __attribute__((vector_size(kVecBytes)));
typedef float LooseFloats __attribute__((vector_size(kVecBytes), aligned(4), may_alias));

PYNN_INLINE Words words(uint32_t value) { return Words{} + value; }
PYNN_INLINE Words pick(Truth test, Words yes, Words no) { return (Words(test) & yes) | (~Words(test) & no); }

struct Bfloat16 {
  static PYNN_INLINE Floats widen(Bits x) { return Floats(__builtin_convertvector(x, Words) << words(16)); }
  static PYNN_INLINE Bits narrow(Floats x) {
    const Words w = Words(x), top = w >> words(16);
    const Words rounded = (w + words(0x7fff) + (top & words(1))) >> words(16);
    return __builtin_convertvector(pick(x != x, top | words(0x40), rounded), Bits);
  }
};

#if defined(__AVX512F__)
struct Float16 {
  static PYNN_INLINE Floats widen(Bits x) { return Floats(_mm512_cvtph_ps(__m256i(x))); }
  static PYNN_INLINE Bits narrow(Floats x) {
    return Bits(_mm512_cvtps_ph(__m512(x), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
};
#elif defined(__F16C__)
struct Float16 {
  static PYNN_INLINE Floats widen(Bits x) { return Floats(_mm256_cvtph_ps(__m128i(x))); }
  static PYNN_INLINE Bits narrow(Floats x) {
    return Bits(_mm256_cvtps_ph(__m256(x), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
};
#else
struct Float16 {
  // Exponent and mantissa moved into place, the exponent's bias mended by an exact product; that makes
  // normal numbers of denormal ones.
  static PYNN_INLINE Floats widen(Bits x) {
    const Words w = __builtin_convertvector(x, Words), magnitude = w & words(0x7fff);
    const Words special = (magnitude << words(13)) | words(0x7f800000);
    const Words quiet = pick(magnitude > words(0x7c00), special | words(0x400000), special);
    const Words finite = Words(Floats(magnitude << words(13)) * 0x1p112f);
    return Floats(pick(magnitude >= words(0x7c00), quiet, finite) | ((w & words(0x8000)) << words(16)));
  }
  // Below the normal range, adding 0.5 leaves the rounded denormal in the sum's last bits.
  static PYNN_INLINE Bits narrow(Floats x) {
    const Words w = Words(x), sign = (w >> words(16)) & words(0x8000), a = w & words(0x7fffffff);
    const Words small = Words(Floats(a) + 0.5f) - words(0x3f000000);
    const Words usual = (a - words(112u << 23) + words(0xfff) + ((a >> words(13)) & words(1))) >> words(13);
    const Words nan = words(0x7e00) | ((a >> words(13)) & words(0x3ff));
    Words out = pick(a < words(113u << 23), small, usual);
    out = pick(a >= words(0x477ff000), words(0x7c00), out);  // from 65520 on
    out = pick(a > words(0x7f800000), nan, out);
    return __builtin_convertvector(out | sign, Bits);
  }
};
#endif

template <class Format>
void widen(int64_t n, const uint16_t* x, float* out) {
  const auto at = [](const uint16_t* p) { return *reinterpret_cast<const Bits*>(p); };
  const auto put = [](float* p, Floats v) { *reinterpret_cast<LooseFloats*>(p) = v; };
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    const Floats first = Format::widen(at(x + i)), second = Format::widen(at(x + i + kLanes));
    put(out + i, first);
    put(out + i + kLanes, second);
  }
  for (; i + kLanes <= n; i += kLanes) put(out + i, Format::widen(at(x + i)));
  if (i < n) {
    uint16_t block[kLanes] = {};
    float wide[kLanes];
    for (int64_t j = i; j < n; ++j) block[j - i] = x[j];
    put(wide, Format::widen(at(block)));
    for (int64_t j = i; j < n; ++j) out[j] = wide[j - i];
  }
}

template <class Format>
void narrow(int64_t n, const float* x, uint16_t* out) {
  const auto at = [](const float* p) { return Floats(*reinterpret_cast<const LooseFloats*>(p)); };
  const auto put = [](uint16_t* p, Bits v) { *reinterpret_cast<Bits*>(p) = v; };
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    const Bits first = Format::narrow(at(x + i)), second = Format::narrow(at(x + i + kLanes));
    put(out + i, first);
    put(out + i + kLanes, second);
  }
  for (; i + kLanes <= n; i += kLanes) put(out + i, Format::narrow(at(x + i)));
  if (i < n) {
    float block[kLanes] = {};
    uint16_t tight[kLanes];
    for (int64_t j = i; j < n; ++j) block[j - i] = x[j];
    put(tight, Format::narrow(at(block)));
    for (int64_t j = i; j < n; ++j) out[j] = tight[j - i];
  }
}

}  // namespace

extern const Table table;
const Table table = {PYNN_ISA_NAME, widen<Bfloat16>, widen<Float16>, narrow<Bfloat16>, narrow<Float16>};

}  // namespace half
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
