// sin, cos, tan, asin, acos, atan over Vec<float> and Vec<double>: at most 2 ulp over the whole range.
//
// float goes through double with shorter polynomials, rounded once at the end: it is never far from half an
// ulp. Where there is fma, sines and cosines of floats up to 2^16 stay in float. Angles beyond 2^20 are handed to the
// C library, lane by lane.
#pragma once
#include "simd/math.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {

constexpr double kLargeAngle = 0x1p20;

// x = q pi/2 + high + low, |high| <= pi/4, for |x| up to kLargeAngle. pi/2 in parts of 33 bits, so that q
// times one is exact; kShort leaves out what only a double needs.
template <bool kShort>
PYNN_INLINE Vec<int64_t> reduce_angle(Vec<double> x, Vec<double>* high, Vec<double>* low) {
  const Vec<double> shifted = fma(x, set1(0x1.45f306dc9c883p-1), set1(kRounder)),
                    q = shifted - set1(kRounder);
  const Vec<double> t = fnma(q, set1(0x1.921fb544p+0), x);
  if constexpr (kShort) {
    *high = fnma(q, set1(0x1.0b4611a626331p-34), t);
    *low = zero<double>();
  } else {
    const Vec<double> w = q * set1(0x1.0b4611a6p-34), r = t - w, third = q * set1(0x1.3198a2ep-69);
    const Vec<double> lost = ((t - r) - w) - third;
    *high = r + lost;
    *low = fnma(q, set1(0x1.b839a252049c1p-104), (r - *high) + lost);
  }
  return small_integer(shifted);
}

template <bool kShort>
PYNN_INLINE void sin_cos_curves(Vec<double> r, Vec<double> low, Vec<double>* sine, Vec<double>* cosine) {
  const Vec<double> z = r * r, half = set1(0.5) * z, one = set1(1.0);
  Vec<double> s, c;
  if constexpr (kShort) {
    s = polynomial(z, -0x1.555555545df18p-3, 0x1.11110deef0ae3p-7, -0x1.a013a740c35cep-13, 0x1.6dbded5452c9bp-19);
    c = polynomial(z, 0x1.5555555502c6dp-5, -0x1.6c16bf54be1f5p-10, 0x1.a015c4462d9e2p-16, -0x1.25243c2f39550p-22);
    *sine = fma(r * z, s, r);
    *cosine = fma(z * z, c, one - half);
  } else {
    s = polynomial(z, -0x1.5555555555555p-3, 0x1.1111111110bb2p-7, -0x1.a01a019e83816p-13,
                   0x1.71de379654304p-19, -0x1.ae600aca92c64p-26, 0x1.5e0b05bff20f2p-33);
    c = polynomial(z, 0x1.5555555555555p-5, -0x1.6c16c16c16967p-10, 0x1.a01a019f4e9b4p-16,
                   -0x1.27e4fa17bf139p-22, 0x1.1eeb68cd22f56p-29, -0x1.907d8f29fe831p-37);
    *sine = r + fma(r * z, s, low * (one - half));
    const Vec<double> w = one - half;
    *cosine = w + (((one - w) - half) + fma(z * z, c, -(r * low)));
  }
}

// The sine of an angle q quarter turns beyond one whose sine and cosine are given.
PYNN_INLINE Vec<double> turn(Vec<int64_t> q, Vec<double> sine, Vec<double> cosine) {
  const Mask<double> odd = mask_cast<double>((q & set1(int64_t(1))) == set1(int64_t(1)));
  return bitcast<double>(bitcast<int64_t>(select(odd, cosine, sine)) ^ ((q & set1(int64_t(2))) << 62));
}

template <bool kShort>
PYNN_INLINE Vec<double> sin_small(Vec<double> x) {
  Vec<double> r, low, sine, cosine;
  const Vec<int64_t> q = reduce_angle<kShort>(x, &r, &low);
  sin_cos_curves<kShort>(r, low, &sine, &cosine);
  return select(x == zero<double>(), x, turn(q, sine, cosine));
}
template <bool kShort>
PYNN_INLINE Vec<double> cos_small(Vec<double> x) {
  Vec<double> r, low, sine, cosine;
  const Vec<int64_t> q = reduce_angle<kShort>(x, &r, &low);
  sin_cos_curves<kShort>(r, low, &sine, &cosine);
  return turn(q + set1(int64_t(1)), sine, cosine);
}
template <bool kShort>
PYNN_INLINE Vec<double> tan_small(Vec<double> x) {
  Vec<double> r, low, sine, cosine;
  const Vec<int64_t> q = reduce_angle<kShort>(x, &r, &low);
  sin_cos_curves<kShort>(r, low, &sine, &cosine);
  return select(x == zero<double>(), x, turn(q, sine, cosine) / turn(q + set1(int64_t(1)), sine, cosine));
}

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define PYNN_FLOAT_ANGLES 1
constexpr float kLargeFloatAngle = 0x1p16f;

// The sine of x plus kQuarters pi / 2, for |x| up to kLargeFloatAngle: x = n pi/2 + r. x and n times the first part of
// pi/2 are multiples of 2^-23 and their difference is below 1, so that it is exact; near the zeros the other parts give
// r its last bits.
template <int kQuarters>
PYNN_INLINE Vec<float> sin_turned(Vec<float> x) {
  const Vec<float> rounder = set1(0x1.8p23f), shifted = fma(x, set1(0x1.45f306p-1f), rounder), n = shifted - rounder;
  const Vec<float> r = fnma(n, set1(0x1.846988p-48f), fnma(n, set1(0x1.4442dp-24f), fnma(n, set1(0x1.921fb4p+0f), x)));
  const Vec<float> z = r * r;
  const Vec<float> s = polynomial(z, -0x1.555544p-3f, 0x1.1106c6p-7f, -0x1.991bf4p-13f);
  const Vec<float> c = polynomial(z, 0x1.55554ap-5f, -0x1.6c0c2p-10f, 0x1.99e42cp-16f);
  const Vec<float> sine = fma(r * z, s, r), cosine = fma(z * z, c, fma(z, set1(-0.5f), set1(1.0f)));
  const Vec<int32_t> q = bitcast<int32_t>(shifted) + set1(kQuarters);
  const Mask<float> odd = mask_cast<float>((q & set1(1)) == set1(1));
  return bitcast<float>(bitcast<int32_t>(select(odd, cosine, sine)) ^ ((q & set1(2)) << 30));
}
#endif

#define PYNN_ANGLE(name)                                                       \
  template <bool kShort>                                                       \
  PYNN_INLINE Vec<double> name##_any(Vec<double> x) {                          \
    Vec<double> y = name##_small<kShort>(x);                                   \
    const Mask<double> large = abs(x) > set1(kLargeAngle);                     \
    if (__builtin_expect(any(large), 0)) {                                     \
      for (int i = 0; i < Vec<double>::lanes; ++i) {                           \
        const double lane = x.v[i];                                            \
        if (__builtin_fabs(lane) > kLargeAngle) y.v[i] = __builtin_##name(lane); \
      }                                                                        \
    }                                                                          \
    return y;                                                                  \
  }                                                                            \
  PYNN_INLINE Vec<double> name(Vec<double> x) { return name##_any<false>(x); } \
  PYNN_INLINE Vec<float> name##_wide(Vec<float> x) {                           \
    const Halves h = widen(x);                                                 \
    return narrow(name##_any<true>(h.low), name##_any<true>(h.high));          \
  }
PYNN_ANGLE(sin)
PYNN_ANGLE(cos)
PYNN_ANGLE(tan)
#undef PYNN_ANGLE

PYNN_INLINE Vec<float> tan(Vec<float> x) { return tan_wide(x); }
#if defined(PYNN_FLOAT_ANGLES)
PYNN_INLINE Mask<float> large_angle(Vec<float> x) { return abs(x) > set1(kLargeFloatAngle); }
PYNN_INLINE Vec<float> sin_narrow(Vec<float> x) { return select(x == zero<float>(), x, sin_turned<0>(x)); }
PYNN_INLINE Vec<float> cos_narrow(Vec<float> x) { return sin_turned<1>(x); }
PYNN_INLINE Vec<float> sin(Vec<float> x) {
  return __builtin_expect(any(large_angle(x)), 0) ? sin_wide(x) : sin_narrow(x);
}
PYNN_INLINE Vec<float> cos(Vec<float> x) {
  return __builtin_expect(any(large_angle(x)), 0) ? cos_wide(x) : cos_narrow(x);
}
#else
PYNN_INLINE Vec<float> sin(Vec<float> x) { return sin_wide(x); }
PYNN_INLINE Vec<float> cos(Vec<float> x) { return cos_wide(x); }
#endif

// atan(x) = base + atan(q), |q| <= tan(pi/8): q is x, (x - 1) / (x + 1) or -1 / x.
template <bool kShort>
PYNN_INLINE Vec<double> atan_any(Vec<double> x) {
  const Vec<double> a = abs(x), one = set1(1.0), none = zero<double>();
  const Mask<double> middle = a > set1(0x1.a827999fcef32p-2), far = a > set1(0x1.3504f333f9de6p+1);
  const Vec<double> q = select(far, -one, select(middle, a - one, a)) / select(far, a, select(middle, a + one, one));
  const Vec<double> base = select(far, set1(0x1.921fb54442d18p+0), select(middle, set1(0x1.921fb54442d18p-1), none));
  const Vec<double> rest = select(far, set1(0x1.1a62633145c07p-54), select(middle, set1(0x1.1a62633145c07p-55), none));
  const Vec<double> z = q * q;
  Vec<double> p;
  if constexpr (kShort) {
    p = polynomial(z, -0x1.55555555018d3p-2, 0x1.9999982386384p-3, -0x1.2491bfec7eaaap-3, 0x1.c6f664c251f89p-4,
                   -0x1.71d214eaeb143p-4, 0x1.2439d1666cb6dp-4, -0x1.4b107f787f968p-5);
  } else {
    p = polynomial(z, -0x1.5555555555555p-2, 0x1.9999999999997p-3, -0x1.24924924920a3p-3, 0x1.c71c71c6dd2d8p-4,
                   -0x1.745d173542f7ap-4, 0x1.3b13aea53b18fp-4, -0x1.1110ce80547d7p-4, 0x1.e1d8ddf459f4dp-5,
                   -0x1.aebcad6415c5dp-5, 0x1.829a09d7f37d9p-5, -0x1.5030c28013686p-5, 0x1.f5ba271a2a8e8p-6,
                   -0x1.c7a6bc6dde7fap-7);
  }
  return copysign(base + (q + fma(q * z, p, rest)), x);
}

// asin(s) / s - 1 over s^2, for s <= 1/2.
template <bool kShort>
PYNN_INLINE Vec<double> asin_curve(Vec<double> z) {
  if constexpr (kShort) {
    return polynomial(z, 0x1.55555554ee47bp-3, 0x1.333334ceb6520p-4, 0x1.6db5cfb6af282p-5, 0x1.f208eb1ddd0fbp-6,
                      0x1.6a9e3262c37dbp-6, 0x1.3c5053c2afce1p-6, 0x1.64b97e009bd03p-8, 0x1.e0231588b1e55p-6);
  } else {
    return polynomial(z, 0x1.5555555555555p-3, 0x1.3333333333388p-4, 0x1.6db6db6dac1e0p-5, 0x1.f1c71c7a52ba3p-6,
                      0x1.6e8ba123e494cp-6, 0x1.1c4efce23019fp-6, 0x1.c990ad3d8fdcap-7, 0x1.7b027ee1dd585p-7,
                      0x1.3b49de7121487p-7, 0x1.31622469ce5adp-7, 0x1.8f193743418ffp-9, 0x1.406192d124629p-6,
                      -0x1.3b416bb7d9257p-6, 0x1.e529c6fce9bb4p-6);
  }
}
// Beyond 1/2 by asin(a) = pi/2 - 2 asin(sqrt((1 - a) / 2)); a NaN root makes NaN of |x| > 1.
template <bool kShort>
PYNN_INLINE Vec<double> asin_any(Vec<double> x) {
  const Vec<double> a = abs(x), half = set1(0.5);
  const Mask<double> far = a > half;
  const Vec<double> far_z = half * (set1(1.0) - a), z = select(far, far_z, a * a), s = select(far, sqrt(far_z), a);
  const Vec<double> y = fma(s * z, asin_curve<kShort>(z), s);
  return copysign(select(far, set1(0x1.921fb54442d18p+0) - (y + y), y), x);
}
template <bool kShort>
PYNN_INLINE Vec<double> acos_any(Vec<double> x) {
  const Vec<double> a = abs(x), half = set1(0.5);
  const Mask<double> far = a > half, left = x < zero<double>();
  const Vec<double> far_z = half * (set1(1.0) - a), z = select(far, far_z, a * a), s = select(far, sqrt(far_z), x);
  const Vec<double> y = fma(s * z, asin_curve<kShort>(z), s), two = y + y;
  const Vec<double> near = set1(0x1.921fb54442d18p+0) - (y - set1(0x1.1a62633145c07p-54));
  return select(far, select(left, set1(0x1.921fb54442d18p+1) - two, two), near);
}

#define PYNN_INVERSE(name)                                                     \
  PYNN_INLINE Vec<double> name(Vec<double> x) { return name##_any<false>(x); } \
  PYNN_INLINE Vec<float> name(Vec<float> x) {                                  \
    const Halves h = widen(x);                                                 \
    return narrow(name##_any<true>(h.low), name##_any<true>(h.high));          \
  }
PYNN_INVERSE(atan)
PYNN_INVERSE(asin)
PYNN_INVERSE(acos)
#undef PYNN_INVERSE

}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
