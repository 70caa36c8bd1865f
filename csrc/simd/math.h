// exp, expm1, log, log1p, tanh, erf, sigmoid over Vec.
//
// float32: own polynomials, at most 2 ulp (measured: csrc/kernels/elementwise/README.md), right at
// infinities, NaN, signed zeros and denormals. The coefficients are weighted minimax fits, rounded
// to float32 one by one with the rest refitted. float64 goes through the C library, lane by lane.
#pragma once
#include "simd/vec.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {

#define PYNN_PER_LANE(name)                                                         \
  PYNN_INLINE Vec<double> name(Vec<double> x) {                                     \
    for (int i = 0; i < Vec<double>::lanes; ++i) x.v[i] = __builtin_##name(x.v[i]); \
    return x;                                                                       \
  }
PYNN_PER_LANE(exp)
PYNN_PER_LANE(expm1)
PYNN_PER_LANE(log)
PYNN_PER_LANE(log1p)
PYNN_PER_LANE(tanh)
PYNN_PER_LANE(erf)
#undef PYNN_PER_LANE

// c0 + c1 x + c2 x^2 + ...
PYNN_INLINE Vec<float> polynomial(Vec<float>, float c) { return set1(c); }
template <class... Rest>
PYNN_INLINE Vec<float> polynomial(Vec<float> x, float c, Rest... rest) {
  return fma(polynomial(x, rest...), x, set1(c));
}

// 2^n for integers -126 <= n <= 127.
PYNN_INLINE Vec<float> power_of_two(Vec<int32_t> n) { return bitcast<float>((n + set1(127)) << 23); }

// x = n ln2 + r with |r| <= ln2 / 2; gives n and exp(r) - 1.
PYNN_INLINE Vec<int32_t> reduce_exp(Vec<float> x, Vec<float>* r_expm1) {
  // ln2 in two parts, the first of 9 bits, so that n times it is exact without fma too.
  const Vec<float> inverse = set1(0x1.715476p+0f), high = set1(0x1.63p-1f), low = set1(-0x1.bd0106p-13f);
  const Vec<int32_t> n = to_int(x * inverse);
  const Vec<float> whole = to_float(n), r = fnma(whole, low, fnma(whole, high, x));
  const Vec<float> p =
      polynomial(r, 0x1.fffffcp-2f, 0x1.555492p-3f, 0x1.5558bep-5f, 0x1.1239e0p-7f, 0x1.6a3fb4p-10f);
  *r_expm1 = fma(r * r, p, r);
  return n;
}

PYNN_INLINE Vec<float> exp(Vec<float> x) {
  // Beyond these bounds the result is 0 or infinity all the same; min and max pass NaN on.
  x = max(set1(-104.0f), min(set1(89.0f), x));
  Vec<float> p;
  const Vec<int32_t> n = reduce_exp(x, &p);
  p = p + set1(1.0f);
#if defined(__AVX512F__)
  return {(Vec<float>::Native)_mm512_scalef_ps((__m512)p.v, (__m512)to_float(n).v)};
#else
  const Vec<int32_t> half = n >> 1;  // in two steps: 2^n itself may be infinite or a denormal
  return p * power_of_two(half) * power_of_two(n - half);
#endif
}

// exp(x) - 1 for x <= 80.
PYNN_INLINE Vec<float> expm1(Vec<float> x) {
  x = max(set1(-30.0f), x);
  Vec<float> p;
  const Vec<float> scale = power_of_two(reduce_exp(x, &p));
  return fma(p, scale, scale - set1(1.0f));
}

// log of a positive normal number.
PYNN_INLINE Vec<float> log_normal(Vec<float> x, Vec<float> exponent_offset) {
  const Vec<int32_t> root_half = set1(0x3f3504f3);
  const Vec<int32_t> bits = bitcast<int32_t>(x) - root_half;
  const Vec<float> e = to_float(bits >> 23) + exponent_offset;
  const Vec<float> f =
      bitcast<float>((bits & set1(0x7fffff)) + root_half) - set1(1.0f);  // in [sqrt(1/2), sqrt(2)) - 1
  const Vec<float> p = polynomial(f, 0x1.555554p-2f, -0x1.000226p-2f, 0x1.99a01cp-3f, -0x1.54728ap-3f,
                                  0x1.22d92ep-3f, -0x1.0d8242p-3f, 0x1.055ec4p-3f, -0x1.38c9d4p-4f);
  const Vec<float> f2 = f * f;
  Vec<float> y = fma(e, set1(-0x1.bd0106p-13f), f2 * f * p);
  y = fma(f2, set1(-0.5f), y);
  return fma(e, set1(0x1.63p-1f), f + y);
}

PYNN_INLINE Vec<float> log(Vec<float> x) {
  const Vec<float> infinity = set1(__builtin_inff()), nothing = zero<float>();
  const Mask<float> tiny = x < set1(0x1p-126f);
  const Vec<float> scaled = select(tiny, x * set1(0x1p23f), x);
  Vec<float> y = log_normal(scaled, select(tiny, set1(-23.0f), nothing));
  y = select(x == nothing, -infinity, y);
  y = select(x < nothing, set1(__builtin_nanf("")), y);
  return select((x == infinity) | (x != x), x, y);
}

// log(1 + x) for 0 <= x <= 1.
PYNN_INLINE Vec<float> log1p(Vec<float> x) {
  const Vec<float> one = set1(1.0f), u = one + x;
  return log_normal(u, zero<float>()) + (x - (u - one)) / u;  // the second term is what rounding u lost
}

PYNN_INLINE Vec<float> tanh(Vec<float> x) {
  const Vec<float> a = abs(x), a2 = a * a, one = set1(1.0f);
  const Vec<float> p =
      polynomial(a2, -0x1.555532p-2f, 0x1.1106f6p-3f, -0x1.b835a4p-5f, 0x1.51f8cep-6f, -0x1.750ce4p-8f);
  const Vec<float> large = one - set1(2.0f) / (exp(a + a) + one);
  return copysign(select(a < set1(0.625f), fma(a * a2, p, a), large), x);
}

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

// exp(-|x|) never overflows, and the quotient keeps tiny results exact.
PYNN_INLINE Vec<float> sigmoid(Vec<float> x) {
  const Vec<float> one = set1(1.0f), e = exp(-abs(x)), sum = one + e;
  const Vec<float> q = select(x < zero<float>(), e, one) / sum;
  return fnma(q, e - (sum - one), q);  // takes back most of what rounding 1 + e did
}
PYNN_INLINE Vec<double> sigmoid(Vec<double> x) {
  const Vec<double> one = set1(1.0), e = exp(-abs(x));
  return select(x < zero<double>(), e, one) / (one + e);
}

}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
