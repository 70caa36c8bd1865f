// Box and Muller's transform of two words: the steps of pynn/_box_muller.py, rounded alike, so that every
// instruction set and the reference give the same bits. No fma here.
#pragma once
#include "kernels/random/philox.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace random {

template <class T>
PYNN_INLINE Vec<T> horner(Vec<T>, T c) {
  return set1(c);
}
template <class T, class... Rest>
PYNN_INLINE Vec<T> horner(Vec<T> x, T c, Rest... rest) {
  return horner(x, rest...) * x + set1(c);
}

PYNN_INLINE Vec<float> word_to_float(I w) {
  return to_float(shift_right(w, 16)) * set1(65536.0f) + to_float(w & set1(0xffff));
}
// The low halves of the lanes.
PYNN_INLINE Vec<double> word_to_double(L w) {
  const L exponent = set1(int64_t(0x4330000000000000));  // 2^52
  return bitcast<double>((w & set1(int64_t(0xffffffff))) | exponent) - set1(0x1p52);
}

// sqrt(-2 log((w + 1) / 2^32))
PYNN_INLINE Vec<float> radius(I w) {
  const I root_half = set1(0x3f3504f3);
  const I bits = bitcast<int32_t>(word_to_float(w) + set1(1.0f)) - root_half;
  const I e = shift_right(bits, 23) - set1(32);
  const Vec<float> whole = bitcast<float>((bits & set1(0x7fffff)) + root_half) - set1(1.0f);
  const Vec<float> near = -word_to_float(w ^ set1(-1)) * set1(0x1p-32f);
  const Vec<float> f = select(mask_cast<float>(e == zero<int32_t>()), near, whole);
  const Vec<float> k = to_float(e), f2 = f * f;
  Vec<float> y = k * set1(-0x1.bd0106p-13f) + f2 * f *
                                                  horner(f, 0x1.555554p-2f, -0x1.000226p-2f, 0x1.99a01cp-3f,
                                                         -0x1.54728ap-3f, 0x1.22d92ep-3f, -0x1.0d8242p-3f,
                                                         0x1.055ec4p-3f, -0x1.38c9d4p-4f);
  y = f2 * set1(-0.5f) + y;
  return sqrt((k * set1(0x1.63p-1f) + (f + y)) * set1(-2.0f));
}
PYNN_INLINE Vec<double> radius(L w) {
  const L root_half = set1(int64_t(0x3FE6A09E667F3BCD));
  const L bits = bitcast<int64_t>(word_to_double(w) + set1(1.0)) - root_half;
  const Vec<double> k = word_to_double(shift_right(bits, 52)) - set1(32.0);
  const Vec<double> f = bitcast<double>((bits & set1(int64_t(0xFFFFFFFFFFFFF))) + root_half) - set1(1.0);
  const Vec<double> s = f / (set1(2.0) + f), z = s * s, half = f * f * set1(0.5);
  const Vec<double> p = horner(z, 2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11, 2.0 / 13, 2.0 / 15, 2.0 / 17,
                               2.0 / 19, 2.0 / 21);
  const Vec<double> y = s * (half + z * p) + k * set1(0x1.473de6af278edp-34);
  return sqrt((k * set1(0x1.62e42fefp-1) + (f + (y - half))) * set1(-2.0));
}

// cos(2 pi w / 2^32): quarter turns, and what is left of at most half of one.
PYNN_INLINE Vec<float> cosine(I w) {
  const I quarter = shift_right(w + set1(1 << 29), 30);
  const Vec<float> y = to_float(w - (quarter << 30)) * set1(0x1p-29f), y2 = y * y;
  const Vec<float> s = y * horner(y2, 0x1.921fb6p-1f, -0x1.4abbbap-4f, 0x1.465ec4p-9f, -0x1.2d9b40p-15f);
  const Vec<float> c =
      y2 * horner(y2, -0x1.3bd3ccp-2f, 0x1.03c1eap-6f, -0x1.55cb98p-12f, 0x1.db6492p-19f) + set1(1.0f);
  const Vec<float> value = select(mask_cast<float>((quarter & set1(1)) == set1(1)), s, c);
  return bitcast<float>(bitcast<int32_t>(value) ^ (((quarter + set1(1)) & set1(2)) << 30));
}
PYNN_INLINE Vec<double> cosine(L word) {
  const L w = word & set1(int64_t(0xffffffff)), half = set1(int64_t(1) << 29);
  const L quarter = shift_right(w + half, 30);
  // The rest is negative in half of the cases: moved by 2^29 and back, exactly.
  const Vec<double> rest = word_to_double(w - (quarter << 30) + half) - set1(0x1p29);
  const Vec<double> y = rest * set1(0x1p-29), y2 = y * y;
  const Vec<double> s = y * horner(y2, 0x1.921fb54442d18p-1, -0x1.4abbce625be53p-4, 0x1.466bc6775aae2p-9,
                                   -0x1.32d2cce62bd86p-15, 0x1.50783487ee782p-22, -0x1.e3074fde8871fp-30,
                                   0x1.e8f434d018d63p-38, -0x1.6fadb9f155744p-46);
  const Vec<double> c = y2 * horner(y2, -0x1.3bd3cc9be45dep-2, 0x1.03c1f081b5ac4p-6, -0x1.55d3c7e3cbffap-12,
                                    0x1.e1f506891babbp-19, -0x1.a6d1f2a204a8cp-26, 0x1.f9d38a3763cc3p-34,
                                    -0x1.b6e24f44b128fp-42, 0x1.20c62c2f2d7f5p-50) +
                        set1(1.0);
  const L one = set1(int64_t(1));
  const Vec<double> value = select(mask_cast<double>((quarter & one) == one), s, c);
  return bitcast<double>(bitcast<int64_t>(value) ^ (((quarter + one) & set1(int64_t(2))) << 62));
}

}  // namespace random
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
