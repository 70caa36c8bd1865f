// Elementary functions over Vec<float> and Vec<double>: exp, expm1, exp2, log, log1p, log2, log10, tanh,
// sinh, cosh, sigmoid, erf, and rounding. Trigonometric functions are in simd/trig.h, powers in simd/pow.h.
//
// At most 2 ulp over the whole range (measured: csrc/kernels/elementwise/README.md), right at infinities,
// NaN, signed zeros and denormals. Coefficients are minimax fits made for these ranges. The same operations
// in all ISAs; where there is no fma (portable) a result may differ in its last bit.
#pragma once
#include "simd/vec.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {

// c0 + c2 x^2 + c4 x^4 + ... of c0, c1, c2, ...
template <class T>
PYNN_INLINE Vec<T> every_second(Vec<T>, T c) {
  return set1(c);
}
template <class T>
PYNN_INLINE Vec<T> every_second(Vec<T>, T c, T) {
  return set1(c);
}
template <class T, class... Rest>
PYNN_INLINE Vec<T> every_second(Vec<T> square, T c, T, T next, Rest... rest) {
  return fma(every_second(square, next, rest...), square, set1(c));
}

// c0 + c1 x + c2 x^2 + ... `polynomial` makes two sums side by side, of the even and of the odd powers, so that a
// result takes half the time to come; c0 is added last, which keeps the error near that of Horner's rule.
template <class T>
PYNN_INLINE Vec<T> horner(Vec<T>, T c) {
  return set1(c);
}
template <class T, class... Rest>
PYNN_INLINE Vec<T> horner(Vec<T> x, T c, Rest... rest) {
  return fma(horner(x, rest...), x, set1(c));
}
template <class T, class... Rest>
PYNN_INLINE Vec<T> polynomial(Vec<T> x, T c, T next, Rest... rest) {
  if constexpr (sizeof...(rest) < 3) return horner(x, c, next, rest...);
  const Vec<T> square = x * x, inner = fma(every_second(square, rest...), x, every_second(square, next, rest...));
  return fma(inner, x, set1(c));
}

// ---- rounding ----

#if defined(__AVX512F__)
#define PYNN_ROUNDING(name, mode)                                                        \
  PYNN_INLINE Vec<float> name(Vec<float> x) {                                            \
    return {(Vec<float>::Native)_mm512_roundscale_ps((__m512)x.v, mode | _MM_FROUND_NO_EXC)};    \
  }                                                                                      \
  PYNN_INLINE Vec<double> name(Vec<double> x) {                                          \
    return {(Vec<double>::Native)_mm512_roundscale_pd((__m512d)x.v, mode | _MM_FROUND_NO_EXC)};  \
  }
#elif defined(__AVX2__)
#define PYNN_ROUNDING(name, mode)                                                        \
  PYNN_INLINE Vec<float> name(Vec<float> x) {                                            \
    return {(Vec<float>::Native)_mm256_round_ps((__m256)x.v, mode | _MM_FROUND_NO_EXC)}; \
  }                                                                                      \
  PYNN_INLINE Vec<double> name(Vec<double> x) {                                          \
    return {(Vec<double>::Native)_mm256_round_pd((__m256d)x.v, mode | _MM_FROUND_NO_EXC)}; \
  }
#endif
#if defined(PYNN_ROUNDING)
PYNN_ROUNDING(round_even, _MM_FROUND_TO_NEAREST_INT)
PYNN_ROUNDING(floor, _MM_FROUND_TO_NEG_INF)
PYNN_ROUNDING(ceil, _MM_FROUND_TO_POS_INF)
PYNN_ROUNDING(trunc, _MM_FROUND_TO_ZERO)
#undef PYNN_ROUNDING
#else
// Adding and taking away 2^23 (2^52) leaves no bits behind the point; larger numbers have none.
template <class T>
PYNN_INLINE Vec<T> round_even(Vec<T> x) {
  const Vec<T> big = set1(sizeof(T) == 4 ? T(0x1p23) : T(0x1p52)), a = abs(x);
  return select(a < big, copysign((a + big) - big, x), x);
}
template <class T>
PYNN_INLINE Vec<T> floor(Vec<T> x) {
  const Vec<T> r = round_even(x);
  return copysign(select(r > x, r - set1(T(1)), r), x);
}
template <class T>
PYNN_INLINE Vec<T> ceil(Vec<T> x) {
  return -floor(-x);
}
template <class T>
PYNN_INLINE Vec<T> trunc(Vec<T> x) {
  return copysign(floor(abs(x)), x);
}
#endif

// ---- float through double: for functions that a float polynomial would not do justice ----

struct Halves {
  Vec<double> low, high;
};
PYNN_INLINE Halves widen(Vec<float> x) {
#if defined(__AVX512F__)
  return {{(Vec<double>::Native)_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)x.v))},
          {(Vec<double>::Native)_mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)x.v, 1))}};
#elif defined(__AVX2__)
  return {{(Vec<double>::Native)_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)x.v))},
          {(Vec<double>::Native)_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)x.v, 1))}};
#elif defined(__SSE2__)
  return {{(Vec<double>::Native)_mm_cvtps_pd((__m128)x.v)},
          {(Vec<double>::Native)_mm_cvtps_pd(_mm_movehl_ps((__m128)x.v, (__m128)x.v))}};
#else
  Halves r = {zero<double>(), zero<double>()};
  for (int i = 0; i < Vec<double>::lanes; ++i) {
    r.low.v[i] = double(x.v[i]);
    r.high.v[i] = double(x.v[i + Vec<double>::lanes]);
  }
  return r;
#endif
}
PYNN_INLINE Vec<float> narrow(Vec<double> low, Vec<double> high) {
#if defined(__AVX512F__)
  return {(Vec<float>::Native)_mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps((__m512d)low.v)),
                                                 _mm512_cvtpd_ps((__m512d)high.v), 1)};
#elif defined(__AVX2__)
  return {(Vec<float>::Native)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps((__m256d)low.v)),
                                                   _mm256_cvtpd_ps((__m256d)high.v), 1)};
#elif defined(__SSE2__)
  return {(Vec<float>::Native)_mm_movelh_ps(_mm_cvtpd_ps((__m128d)low.v), _mm_cvtpd_ps((__m128d)high.v))};
#else
  Vec<float> r = zero<float>();
  for (int i = 0; i < Vec<double>::lanes; ++i) {
    r.v[i] = float(low.v[i]);
    r.v[i + Vec<double>::lanes] = float(high.v[i]);
  }
  return r;
#endif
}

// ---- exponentials ----

// 2^n for integers -126 <= n <= 127 (double: -1022 to 1023).
PYNN_INLINE Vec<float> power_of_two(Vec<int32_t> n) { return bitcast<float>((n + set1(127)) << 23); }
PYNN_INLINE Vec<double> power_of_two(Vec<int64_t> n) {
  return bitcast<double>((n + set1(int64_t(1023))) << 52);
}

// Added to a double of modest size, it leaves the nearest integer in the low bits.
constexpr double kRounder = 0x1.8p52;

PYNN_INLINE Vec<int64_t> small_integer(Vec<double> shifted) {  // of x + kRounder
  return bitcast<int64_t>(shifted) - bitcast<int64_t>(set1(kRounder));
}
PYNN_INLINE Vec<double> small_double(Vec<int64_t> n) {  // |n| < 2^51
  return bitcast<double>(n + bitcast<int64_t>(set1(kRounder))) - set1(kRounder);
}

// x 2^n in two steps, for 2^n itself may be infinite or a denormal.
PYNN_INLINE Vec<float> scale(Vec<float> x, Vec<int32_t> n) {
#if defined(__AVX512F__)
  return {(Vec<float>::Native)_mm512_scalef_ps((__m512)x.v, (__m512)to_float(n).v)};
#else
  const Vec<int32_t> half = n >> 1;
  return x * power_of_two(half) * power_of_two(n - half);
#endif
}
PYNN_INLINE Vec<double> scale(Vec<double> x, Vec<int64_t> n) {
#if defined(__AVX512F__)
  return {(Vec<double>::Native)_mm512_scalef_pd((__m512d)x.v, (__m512d)small_double(n).v)};
#else
  const Vec<int64_t> half = n >> 1;
  return x * power_of_two(half) * power_of_two(n - half);
#endif
}

// Added to a float of modest size, it leaves the nearest integer, plus 127, in the low bits.
constexpr float kFloatRounder = 0x1.8p23f + 127;

PYNN_INLINE Vec<int32_t> small_integer(Vec<float> shifted) {  // of x + kFloatRounder
  return bitcast<int32_t>(shifted) - bitcast<int32_t>(set1(kFloatRounder));
}
// x 2^n and 2^n of n + kFloatRounder; the second for -126 <= n <= 127.
PYNN_INLINE Vec<float> scale_shifted(Vec<float> x, Vec<float> shifted) {
#if defined(__AVX512F__)
  return {(Vec<float>::Native)_mm512_scalef_ps((__m512)x.v, (__m512)(shifted - set1(kFloatRounder)).v)};
#else
  return scale(x, small_integer(shifted));
#endif
}
PYNN_INLINE Vec<float> power_of_shifted(Vec<float> shifted) { return bitcast<float>(bitcast<int32_t>(shifted) << 23); }

// x = n ln2 + r with |r| <= ln2 / 2; gives n + kFloatRounder. ln2 in two parts, the first so short that n times it is
// exact without fma too.
PYNN_INLINE Vec<float> reduce_ln2(Vec<float> x, Vec<float>* r) {
  const Vec<float> shifted = fma(x, set1(0x1.715476p+0f), set1(kFloatRounder)), n = shifted - set1(kFloatRounder);
  *r = fnma(n, set1(-0x1.bd0106p-13f), fnma(n, set1(0x1.63p-1f), x));
  return shifted;
}
// (exp(r) - 1 - r) / r^2 for |r| <= ln2 / 2.
PYNN_INLINE Vec<float> exp_curve(Vec<float> r, Vec<float> square) {
  const Vec<float> low = fma(set1(0x1.555492p-3f), r, set1(0x1.fffffcp-2f));
  const Vec<float> high = fma(set1(0x1.1239e0p-7f), r, set1(0x1.5558bep-5f));
  return fma(fma(set1(0x1.6a3fb4p-10f), square, high), square, low);
}
// reduce_ln2 with exp(r) - 1 in place of r.
PYNN_INLINE Vec<float> reduce_exp_shifted(Vec<float> x, Vec<float>* r_expm1) {
  Vec<float> r;
  const Vec<float> shifted = reduce_ln2(x, &r), square = r * r;
  *r_expm1 = fma(exp_curve(r, square), square, r);
  return shifted;
}
PYNN_INLINE Vec<int32_t> reduce_exp(Vec<float> x, Vec<float>* r_expm1) {
  return small_integer(reduce_exp_shifted(x, r_expm1));
}
// `extra` is added to x after the reduction: what rounding x lost.
PYNN_INLINE Vec<int64_t> reduce_exp(Vec<double> x, Vec<double> extra, Vec<double>* r_expm1) {
  const Vec<double> shifted = fma(x, set1(0x1.71547652b82fep+0), set1(kRounder)),
                    whole = shifted - set1(kRounder);
  const Vec<double> r =
      fnma(whole, set1(0x1.a39ef35793c76p-33), fnma(whole, set1(0x1.62e42fee00000p-1), x)) + extra;
  const Vec<double> p = polynomial(
      r, 0x1.0000000000001p-1, 0x1.5555555555556p-3, 0x1.5555555553d68p-5, 0x1.11111111109b5p-7,
      0x1.6c16c17889ef1p-10, 0x1.a01a01a7c2efep-13, 0x1.a019b9149a41cp-16, 0x1.71de0db2f6b19p-19,
      0x1.28917c89a43a7p-22, 0x1.af389ecfc4b9cp-26);
  *r_expm1 = fma(r * r, p, r);
  return small_integer(shifted);
}
PYNN_INLINE Vec<int64_t> reduce_exp(Vec<double> x, Vec<double>* r_expm1) {
  return reduce_exp(x, zero<double>(), r_expm1);
}

// Beyond these bounds exp is 0 or infinity all the same; min and max pass NaN on.
PYNN_INLINE Vec<float> within_exp(Vec<float> x) { return max(set1(-104.0f), min(set1(89.5f), x)); }
PYNN_INLINE Vec<double> within_exp(Vec<double> x) { return max(set1(-746.0), min(set1(711.0), x)); }

template <class T>
PYNN_INLINE Vec<T> exp(Vec<T> x) {
  Vec<T> p;
  const auto n = reduce_exp(within_exp(x), &p);
  return scale(p + set1(T(1)), n);
}

// The same without bounds: for -150 <= x <= 127.
PYNN_INLINE Vec<float> exp_bounded(Vec<float> x) {
  Vec<float> p;
  const Vec<float> shifted = reduce_exp_shifted(x, &p);
  return scale_shifted(p + set1(1.0f), shifted);
}
PYNN_INLINE Vec<float> exp(Vec<float> x) { return exp_bounded(within_exp(x)); }

// exp(x) / 2 for x >= 0, which is finite where exp(x) just is not.
template <class T>
PYNN_INLINE Vec<T> half_exp(Vec<T> x) {
  Vec<T> p;
  const auto n = reduce_exp(within_exp(x), &p);
  return scale(p + set1(T(1)), n - set1(typename VecTraits<T>::Int(1)));
}

// exp(x) - 1 for x <= 0.
template <class T>
PYNN_INLINE Vec<T> expm1_negative(Vec<T> x) {
  Vec<T> p;
  const Vec<T> factor = power_of_two(reduce_exp(max(set1(T(sizeof(T) == 4 ? -30 : -60)), x), &p));
  return fma(p, factor, factor - set1(T(1)));
}

PYNN_INLINE Vec<float> expm1_negative(Vec<float> x) {
  Vec<float> p;
  const Vec<float> factor = power_of_shifted(reduce_exp_shifted(max(set1(-30.0f), x), &p));
  return fma(p, factor, factor - set1(1.0f));
}

template <class T>
PYNN_INLINE Vec<T> expm1(Vec<T> x) {
  Vec<T> p;
  const auto n = reduce_exp(max(set1(T(sizeof(T) == 4 ? -30 : -60)), min(set1(T(sizeof(T) == 4 ? 89 : 710)), x)), &p);
  const Vec<T> half = power_of_two(n - set1(typename VecTraits<T>::Int(1)));
  const Vec<T> y = fma(p, half, half - set1(T(0.5)));
  return select(abs(x) < set1(T(sizeof(T) == 4 ? 0x1p-30 : 0x1p-60)), x, y + y);
}

PYNN_INLINE Vec<float> exp2(Vec<float> x) {
  x = max(set1(-151.0f), min(set1(129.0f), x));
  const Vec<int32_t> n = to_int(x);
  const Vec<float> r = x - to_float(n);
  const Vec<float> p = polynomial(r, 0x1.62e430p-1f, 0x1.ebfbe0p-3f, 0x1.c6b08ep-5f, 0x1.3b2a1cp-7f,
                                  0x1.5d879ep-10f, 0x1.444000p-13f, 0x1.00a582p-16f);
  return scale(fma(r, p, set1(1.0f)), n);
}
PYNN_INLINE Vec<double> exp2(Vec<double> x) {
  x = max(set1(-1076.0), min(set1(1025.0), x));
  const Vec<double> shifted = x + set1(kRounder), r = x - (shifted - set1(kRounder));
  const Vec<double> p = polynomial(
      r, 0x1.62e42fefa39efp-1, 0x1.ebfbdff82c58fp-3, 0x1.c6b08d704a0c6p-5, 0x1.3b2ab6fba4e79p-7,
      0x1.5d87fe78a3f9cp-10, 0x1.430912f86b7dbp-13, 0x1.ffcbfc6da6ed1p-17, 0x1.62c02242b879cp-20,
      0x1.b524ebd13a55fp-24, 0x1.e4cf10dec0f59p-28, 0x1.e9ec1fcb69a7fp-32, 0x1.c4a29324a1038p-36);
  return scale(fma(r, p, set1(1.0)), small_integer(shifted));
}

// ---- logarithms ----

// x = 2^e m of a positive normal number, m in [sqrt(1/2), sqrt(2)); gives m - 1.
PYNN_INLINE Vec<float> split_exponent(Vec<float> x, Vec<float>* e) {
  const Vec<int32_t> root_half = set1(0x3f3504f3), bits = bitcast<int32_t>(x) - root_half;
  *e = to_float(bits >> 23);
  return bitcast<float>((bits & set1(0x7fffff)) + root_half) - set1(1.0f);
}
PYNN_INLINE Vec<double> split_exponent(Vec<double> x, Vec<double>* e) {
  const Vec<int64_t> root_half = set1(int64_t(0x3fe6a09e667f3bcd)), bits = bitcast<int64_t>(x) - root_half;
  *e = small_double(bits >> 52);
  return bitcast<double>((bits & set1(int64_t(0xfffffffffffff))) + root_half) - set1(1.0);
}

// log(2^e (1 + f)) + extra.
PYNN_INLINE Vec<float> log_split(Vec<float> f, Vec<float> e, Vec<float> extra) {
  const Vec<float> p = polynomial(f, 0x1.555554p-2f, -0x1.000226p-2f, 0x1.99a01cp-3f, -0x1.54728ap-3f,
                                  0x1.22d92ep-3f, -0x1.0d8242p-3f, 0x1.055ec4p-3f, -0x1.38c9d4p-4f);
  const Vec<float> f2 = f * f;
  Vec<float> y = fma(e, set1(-0x1.bd0106p-13f), fma(f2 * f, p, extra));
  y = fma(f2, set1(-0.5f), y);
  return fma(e, set1(0x1.63p-1f), f + y);
}
// With s = f / (2 + f): log(1 + f) = f - f^2/2 + s (f^2/2 + s^2 p(s^2)).
PYNN_INLINE Vec<double> log_tail(Vec<double> f, Vec<double> half_square) {
  const Vec<double> s = f / (set1(2.0) + f), z = s * s;
  const Vec<double> p =
      polynomial(z, 0x1.5555555555558p-1, 0x1.99999999952e2p-2, 0x1.2492492df148dp-2, 0x1.c71c62e5800a1p-3,
                 0x1.7462b4ab2ef6bp-3, 0x1.39fe606542ddep-3, 0x1.2b584aae78a57p-3);
  return s * fma(z, p, half_square);
}
PYNN_INLINE Vec<double> log_split(Vec<double> f, Vec<double> e, Vec<double> extra) {
  const Vec<double> half_square = set1(0.5) * f * f;
  const Vec<double> small = fma(e, set1(0x1.a39ef35793c76p-33), log_tail(f, half_square) + extra);
  return fma(e, set1(0x1.62e42fee00000p-1), f - (half_square - small));
}

// What a logarithm is at 0, below, and at infinity and NaN; y elsewhere.
template <class T>
PYNN_INLINE Vec<T> log_edges(Vec<T> x, Vec<T> y) {
  const Vec<T> infinity = set1(T(__builtin_inf())), nothing = zero<T>();
  y = select(x == nothing, -infinity, y);
  y = select(x < nothing, set1(T(__builtin_nan(""))), y);
  return select((x == infinity) | (x != x), x, y);
}

// split_exponent for denormals too.
template <class T>
PYNN_INLINE Vec<T> split_any(Vec<T> x, Vec<T>* e) {
  const Mask<T> tiny = x < set1(T(sizeof(T) == 4 ? 0x1p-126 : 0x1p-1022));
  const Vec<T> f = split_exponent(select(tiny, x * set1(T(0x1p54)), x), e);
  *e = *e + select(tiny, set1(T(-54)), zero<T>());
  return f;
}

template <class T>
PYNN_INLINE Vec<T> log(Vec<T> x) {
  Vec<T> e;
  const Vec<T> f = split_any(x, &e);
  return log_edges(x, log_split(f, e, zero<T>()));
}

#if defined(__AVX512F__)
// x = 2^e m with m in [3/4, 3/2), which is (1 + r) / c for one of 16 c that m's first bits select; c is 1 on both sides
// of m = 1. The instructions know denormals, infinities, zero and NaN, and make NaN of what is negative.
PYNN_INLINE Vec<float> log(Vec<float> x) {
  const __m512 inverse = _mm512_setr_ps(
      1.0f, 0x1.d40f4ep-1f, 0x1.badefep-1f, 0x1.a42dbp-1f, 0x1.8f9708p-1f, 0x1.7cf1b6p-1f, 0x1.6c138p-1f,
      0x1.5caeb8p-1f, 0x1.4e5f7ep+0f, 0x1.41525ap+0f, 0x1.352496p+0f, 0x1.29e368p+0f, 0x1.1f81eep+0f,
      0x1.159aaep+0f, 0x1.0cadccp+0f, 1.0f);
  // -log(c): each c is chosen so that this float is within some 2^-10 ulp of it.
  const __m512 logarithms = _mm512_setr_ps(
      0.0f, 0x1.6f874p-4f, 0x1.290ddap-3f, 0x1.94c6f2p-3f, 0x1.fbab7ep-3f, 0x1.2ec494p-2f, 0x1.5d2504p-2f,
      0x1.8961fep-2f, -0x1.117d5ap-2f, -0x1.d1707ap-3f, -0x1.824e78p-3f, -0x1.365b36p-3f, -0x1.db6deep-4f,
      -0x1.4bda8ep-4f, -0x1.8bff52p-5f, 0.0f);
  const __m512 m = _mm512_getmant_ps((__m512)x.v, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
  const __m512 exponent = _mm512_sub_ps(_mm512_getexp_ps((__m512)x.v), _mm512_getexp_ps(m));
  const __m512i place = _mm512_srli_epi32(_mm512_castps_si512(m), 19);
  const Vec<float> e = {(Vec<float>::Native)exponent};
  const Vec<float> c = {(Vec<float>::Native)_mm512_permutexvar_ps(place, inverse)};
  const Vec<float> whole = {(Vec<float>::Native)_mm512_permutexvar_ps(place, logarithms)};
  const Vec<float> r = fma(Vec<float>{(Vec<float>::Native)m}, c, set1(-1.0f)), square = r * r;
  const Vec<float> low = fma(set1(0x1.555844p-2f), r, set1(-0.5f));
  const Vec<float> high = fma(set1(0x1.81f78p-3f), r, set1(-0x1.001p-2f));
  const Vec<float> p = fma(fma(high, square, low), square, fma(e, set1(0x1.7f7d1cp-20f), r));
  return fma(e, set1(0x1.62e4p-1f), whole + p);
}
#endif

template <class T>
PYNN_INLINE Vec<T> log1p(Vec<T> x) {
  const Vec<T> one = set1(T(1)), u = one + x;
  // What rounding u lost.
  const Vec<T> lost = select(x < one, x - (u - one), one - (u - x)) / u;
  Vec<T> e;
  const Vec<T> f = split_exponent(u, &e), y = log_split(f, e, lost);
  return select(u == one, x, log_edges(u, y));
}

// f, or a double's log1p(f) = high + low, by a factor in two parts: e + factor log1p(f).
PYNN_INLINE Vec<double> log_base(Vec<double> f, Vec<double> e_high, Vec<double> e_low, double factor_high,
                                 double factor_low) {
  const Vec<double> half_square = set1(0.5) * f * f, tail = log_tail(f, half_square);
  const Vec<int64_t> top = set1(int64_t(0xffffffff00000000));
  const Vec<double> high = bitcast<double>(bitcast<int64_t>(f - half_square) & top);
  const Vec<double> low = ((f - high) - half_square) + tail;
  const Vec<double> main = high * set1(factor_high);  // exact: 20 bits and 24
  const Vec<double> rest = fma(low + high, set1(factor_low), fma(low, set1(factor_high), e_low));
  const Vec<double> sum = e_high + main;
  return sum + (((e_high - sum) + main) + rest);
}
PYNN_INLINE Vec<double> log2(Vec<double> x) {
  Vec<double> e;
  const Vec<double> f = split_any(x, &e);
  return log_edges(x, log_base(f, e, zero<double>(), 0x1.715476p+0, 0x1.4ae0bf85ddf44p-26));
}
PYNN_INLINE Vec<double> log10(Vec<double> x) {
  Vec<double> e;
  const Vec<double> f = split_any(x, &e);
  return log_edges(x, log_base(f, e * set1(0x1.34413508p-2), e * set1(0x1.f79fef311f12bp-34), 0x1.bcb7bp-2,
                               0x1.526e50e32a6abp-26));
}

// log(x) / factor of floats: a double of some 35 good bits, rounded once.
PYNN_INLINE Vec<double> log_short(Vec<double> f) {
  const Vec<double> s = f / (set1(2.0) + f), z = s * s;
  return s * fma(z, polynomial(z, 0x1.5555555564e96p-1, 0x1.999998cafbf2ap-2, 0x1.249323e4d7fc7p-2, 0x1.c67ada017cf97p-3,
                               0x1.8c8c11e54d389p-3), set1(2.0));
}
PYNN_INLINE Vec<float> log_wide(Vec<float> x, double per_e, double per_log) {
  const Halves h = widen(x);
  Vec<double> e0, e1;
  const Vec<double> f0 = split_exponent(h.low, &e0), f1 = split_exponent(h.high, &e1);
  return log_edges(x, narrow(fma(e0, set1(per_e), log_short(f0) * set1(per_log)),
                             fma(e1, set1(per_e), log_short(f1) * set1(per_log))));
}
PYNN_INLINE Vec<float> log2(Vec<float> x) { return log_wide(x, 1.0, 0x1.71547652b82fep+0); }
PYNN_INLINE Vec<float> log10(Vec<float> x) { return log_wide(x, 0x1.34413509f79ffp-2, 0x1.bcb7b1526e50ep-2); }

// log(1 + y) for 0 <= y <= 1.
PYNN_INLINE Vec<float> log1p_unit(Vec<float> y) {
  const Vec<float> p = horner(y, -0x1.000000p-1f, 0x1.555514p-2f, -0x1.ffef04p-3f, 0x1.98b6a0p-3f,
                                  -0x1.4f2888p-3f, 0x1.0aec5ep-3f, -0x1.7659b4p-4f, 0x1.93f282p-5f,
                                  -0x1.198c0ap-6f, 0x1.6f3782p-9f);
  return fma(y * y, p, y);
}
PYNN_INLINE Vec<double> log1p_unit(Vec<double> y) { return log1p(y); }

// ---- hyperbolic and logistic ----

// -expm1(-2a) / (2 + expm1(-2a)) loses nothing near 0, and never overflows.
template <class T>
PYNN_INLINE Vec<T> tanh(Vec<T> x) {
  const Vec<T> two = set1(T(2)), a = abs(x), e = expm1_negative(-(a + a)), sum = two + e, q = e / sum;
  // Takes back what rounding 2 + e did; the factor is near 1 / sum, which lies between 1/2 and 1.
  return copysign(fnma(q * fnma(set1(T(0.5)), sum, set1(T(1.5))), e - (sum - two), q), x);
}

// With u = 2^n near exp(2a) and 1 + 2p = exp(2a) / u: (u / 2 - 1/2 - p) / (u / 2 + 1/2 + p). Near 0 n is 0, so that
// nothing is lost.
PYNN_INLINE Vec<float> tanh(Vec<float> x) {
  const Vec<float> a = min(set1(10.0f), abs(x)), half = set1(0.5f), rounder = set1(kFloatRounder - 1);
  const Vec<float> shifted = fma(a, set1(0x1.715476p+1f), rounder), n = shifted - rounder;
  const Vec<float> r = fnma(n, set1(0x1.62e43p-2f), a), square = r * r;
  const Vec<float> low = fma(set1(-0x1.5554aap-1f), r, set1(0x1.fffffep-1f));
  const Vec<float> high = fma(set1(-0x1.122dp-3f), r, set1(0x1.55568p-2f));
  const Vec<float> curve = fma(fma(set1(0x1.6beb2ep-5f), square, high), square, low), p = fma(curve, square, -r);
  const Vec<float> half_u = power_of_shifted(shifted);
  return copysign(((half_u - half) - p) / ((half_u + half) + p), x);
}

template <class T>
PYNN_INLINE Vec<T> cosh(Vec<T> x) {
  const Vec<T> h = half_exp(abs(x));
  return h + set1(T(0.25)) / h;
}

PYNN_INLINE Vec<float> sinh_curve(Vec<float> z) {
  return polynomial(z, 0x1.555556p-3f, 0x1.111110p-7f, 0x1.a00900p-13f, 0x1.78a70ep-19f);
}
PYNN_INLINE Vec<double> sinh_curve(Vec<double> z) {
  return polynomial(z, 0x1.5555555555555p-3, 0x1.1111111111111p-7, 0x1.a01a01a01a001p-13,
                    0x1.71de3a556f96cp-19, 0x1.ae6456792a77fp-26, 0x1.612467ccb2260p-33,
                    0x1.ae777c36fd5b6p-41, 0x1.99f0806c2628dp-49);
}
template <class T>
PYNN_INLINE Vec<T> sinh(Vec<T> x) {
  const Vec<T> a = abs(x), z = a * a, h = half_exp(a);
  const Vec<T> large = h - set1(T(0.25)) / h, small = fma(a * z, sinh_curve(z), a);
  return copysign(select(a < set1(T(1)), small, large), x);
}

// exp(-|x|) never overflows, and the quotient keeps tiny results exact.
template <class T>
PYNN_INLINE Vec<T> sigmoid(Vec<T> x) {
  const Vec<T> one = set1(T(1)), e = exp(-abs(x)), sum = one + e;
  const Vec<T> q = select(x < zero<T>(), e, one) / sum;
  return fnma(q, e - (sum - one), q);  // takes back most of what rounding 1 + e did
}

// With u = 2^n near exp(x) and 1 + p = u exp(-x): u / (1 + u + p), and 1 from 30 on.
PYNN_INLINE Vec<float> sigmoid(Vec<float> x) {
  Vec<float> r;
  const Vec<float> shifted = reduce_ln2(max(set1(-104.0f), min(set1(30.0f), x)), &r), square = r * r;
  const Vec<float> p = fma(exp_curve(-r, square), square, -r), one = set1(1.0f);
  const Vec<float> u = scale_shifted(one, shifted), sum = u + one, lost = u - (sum - one);
  return u / (sum + (p + lost));
}

// log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)) never overflows.
template <class T>
PYNN_INLINE Vec<T> softplus(Vec<T> x) {
  return max(zero<T>(), x) + log1p_unit(exp(-abs(x)));
}

// ---- the error function ----

PYNN_INLINE Vec<float> erf(Vec<float> x) {
  const Vec<float> a = abs(x), a2 = a * a;
  const Vec<float> p = polynomial(a2, 0x1.06eba8p-3f, -0x1.812740p-2f, 0x1.ce2d64p-4f, -0x1.b80116p-6f,
                                  0x1.54499ep-8f, -0x1.a60192p-11f, 0x1.4f392ap-14f);
  // log(1 - erf) as a polynomial; erf(4) rounds to 1.
  const Vec<float> t = min(set1(4.0f), a);
  const Vec<float> q = polynomial(t, 0x1.6e5682p-13f, -0x1.2127e4p+0f, -0x1.44460cp-1f, -0x1.bb83d8p-4f,
                                  0x1.9b8e26p-6f, -0x1.1159d6p-8f, 0x1.c78c44p-12f, -0x1.61e188p-16f);
  return copysign(select(a < set1(0.92f), fma(a, p, a), set1(1.0f) - exp(q)), x);
}

// Beyond 1: 1 - exp(-a^2) erfcx(a), where (1 + 2a) erfcx(a) is a polynomial in (a - 4) / (a + 4)
// (after Shepherd and Laframboise, Math. Comp. 36, 1981); erf(6) rounds to 1.
PYNN_INLINE Vec<double> erf(Vec<double> x) {
  const Vec<double> a = abs(x), z = min(set1(1.0), a) * min(set1(1.0), a), c = min(set1(6.0), a);
  const Vec<double> p = polynomial(
      z, 0x1.06eba8214db69p-3, -0x1.812746b0379e7p-2, 0x1.ce2f21a042bdep-4, -0x1.b82ce312889bap-6,
      0x1.565bcd0e6502dp-8, -0x1.c02db3feeb579p-11, 0x1.f9a326c233146p-14, -0x1.f4d2561aeafd4p-17,
      0x1.b9e6509b9867dp-20, -0x1.5f6d925a0bc7ap-23, 0x1.fc4356498c2d9p-27, -0x1.4e607b41a6416p-30,
      0x1.7f072188e194dp-34, -0x1.29b9f1b3df556p-38);
  const Vec<double> t = (c - set1(4.0)) / (c + set1(4.0));
  const Vec<double> q = polynomial(
      t, 0x1.3ba5916e9fd7fp+0, -0x1.1df1ad154a289p-3, 0x1.f7f5df66f6737p-7, 0x1.16ecefcfa13dfp-4,
      -0x1.9ddb23c368fbcp-4, 0x1.7fee005144530p-4, -0x1.0fb06e133f890p-4, 0x1.3079ec5355cc6p-5,
      -0x1.096238d38a04fp-6, 0x1.49c7a092cb8c9p-8, -0x1.8d2ba1c212592p-11, -0x1.a24069cab012bp-13,
      0x1.35fac95bc9a75p-13, -0x1.0c4949c7f9e5ep-15, -0x1.601b6b6cec647p-16);
  const Vec<double> large = set1(1.0) - exp(-c * c) * q / fma(c, set1(2.0), set1(1.0));
  return copysign(select(a < set1(1.0), fma(a, p, a), large), x);
}

// The normal distribution left of -a, a >= 0, over exp(-a^2 / 2): a quotient of polynomials for a <= 14.6.
PYNN_INLINE Vec<float> normal_tail(Vec<float> a) {
  const Vec<float> p =
      polynomial(a, 0x1.000000p-1f, 0x1.c104bap-2f, 0x1.779194p-3f, 0x1.4d46bep-5f, 0x1.0e40a4p-8f);
  const Vec<float> q = polynomial(a, 0x1.000000p+0f, 0x1.acc48ep+0f, 0x1.33ff86p+0f, 0x1.e12358p-2f,
                                  0x1.a1b9e0p-4f, 0x1.52b51ap-7f);
  return p / q;
}

}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
