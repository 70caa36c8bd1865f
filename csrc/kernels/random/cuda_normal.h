// Box and Muller's transform of two words, one element at a time: the steps of normal.h and pynn/_box_muller.py,
// rounded alike. Products and sums are written so that no compiler makes an fma of them.
#pragma once
#include "cuda/device.h"

namespace pynn::cuda {

PYNN_DEVICE float times(float a, float b) { return __fmul_rn(a, b); }
PYNN_DEVICE double times(double a, double b) { return __dmul_rn(a, b); }
PYNN_DEVICE float plus(float a, float b) { return __fadd_rn(a, b); }
PYNN_DEVICE double plus(double a, double b) { return __dadd_rn(a, b); }

template <class T>
PYNN_DEVICE T horner(T, T c) {
  return c;
}
template <class T, class... Rest>
PYNN_DEVICE T horner(T x, T c, Rest... rest) {
  return plus(times(horner(x, rest...), x), c);
}

PYNN_DEVICE float word_to_float(uint32_t w) {
  return plus(times(float(w >> 16), 65536.0f), float(w & 0xffffu));
}

// sqrt(-2 log((w + 1) / 2^32))
PYNN_DEVICE float radius(uint32_t w, float) {
  constexpr int kRootHalf = 0x3f3504f3;
  const int bits = __float_as_int(plus(word_to_float(w), 1.0f)) - kRootHalf;
  const int e = (bits >> 23) - 32;
  // Near 1 from the integer below it, so that no digit is lost.
  const float f = e == 0 ? times(-word_to_float(~w), 0x1p-32f)
                         : plus(__int_as_float((bits & 0x7fffff) + kRootHalf), -1.0f);
  const float k = float(e), f2 = times(f, f);
  float y = plus(times(k, -0x1.bd0106p-13f),
                 times(times(f2, f), horner(f, 0x1.555554p-2f, -0x1.000226p-2f, 0x1.99a01cp-3f, -0x1.54728ap-3f,
                                            0x1.22d92ep-3f, -0x1.0d8242p-3f, 0x1.055ec4p-3f, -0x1.38c9d4p-4f)));
  y = plus(times(f2, -0.5f), y);
  return __fsqrt_rn(times(plus(times(k, 0x1.63p-1f), plus(f, y)), -2.0f));
}
PYNN_DEVICE double radius(uint32_t w, double) {
  constexpr long long kRootHalf = 0x3FE6A09E667F3BCDll;
  const long long bits = __double_as_longlong(plus(double(w), 1.0)) - kRootHalf;
  const double k = double(int(bits >> 52) - 32);
  const double f = plus(__longlong_as_double((bits & 0xFFFFFFFFFFFFFll) + kRootHalf), -1.0);
  const double s = __ddiv_rn(f, plus(2.0, f)), z = times(s, s), half = times(times(f, f), 0.5);
  const double p = horner(z, 2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11, 2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19,
                          2.0 / 21);
  const double y = plus(times(s, plus(half, times(z, p))), times(k, 0x1.473de6af278edp-34));
  return __dsqrt_rn(times(plus(times(k, 0x1.62e42fefp-1), plus(f, plus(y, -half))), -2.0));
}

// cos(2 pi w / 2^32): quarter turns, and what is left of at most half of one.
PYNN_DEVICE float cosine(uint32_t w, float) {
  const uint32_t quarter = (w + (1u << 29)) >> 30;
  const float y = times(float(int32_t(w - (quarter << 30))), 0x1p-29f), y2 = times(y, y);
  const float s =
      times(y, horner(y2, 0x1.921fb6p-1f, -0x1.4abbbap-4f, 0x1.465ec4p-9f, -0x1.2d9b40p-15f));
  const float c =
      plus(times(y2, horner(y2, -0x1.3bd3ccp-2f, 0x1.03c1eap-6f, -0x1.55cb98p-12f, 0x1.db6492p-19f)), 1.0f);
  const float value = quarter & 1 ? s : c;
  return (quarter + 1) & 2 ? -value : value;
}
PYNN_DEVICE double cosine(uint32_t w, double) {
  const long long wide = w;
  const long long quarter = (wide + (1ll << 29)) >> 30;
  const double y = times(double(wide - (quarter << 30)), 0x1p-29), y2 = times(y, y);
  const double s = times(y, horner(y2, 0x1.921fb54442d18p-1, -0x1.4abbce625be53p-4, 0x1.466bc6775aae2p-9,
                                   -0x1.32d2cce62bd86p-15, 0x1.50783487ee782p-22, -0x1.e3074fde8871fp-30,
                                   0x1.e8f434d018d63p-38, -0x1.6fadb9f155744p-46));
  const double c =
      plus(times(y2, horner(y2, -0x1.3bd3cc9be45dep-2, 0x1.03c1f081b5ac4p-6, -0x1.55d3c7e3cbffap-12,
                            0x1.e1f506891babbp-19, -0x1.a6d1f2a204a8cp-26, 0x1.f9d38a3763cc3p-34,
                            -0x1.b6e24f44b128fp-42, 0x1.20c62c2f2d7f5p-50)),
           1.0);
  const double value = quarter & 1 ? s : c;
  return (quarter + 1) & 2 ? -value : value;
}

}  // namespace pynn::cuda
