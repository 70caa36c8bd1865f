// pow, fmod and the remainder over Vec<float> and Vec<double>.
//
// pow is at most 2 ulp: float through double, double by a logarithm of some 64 bits kept in two doubles.
#pragma once
#include "simd/math.h"

namespace pynn {
namespace PYNN_ISA_NAMESPACE {

// a b = the result + *low, exactly (but for overflow).
PYNN_INLINE Vec<double> two_product(Vec<double> a, Vec<double> b, Vec<double>* low) {
  const Vec<double> p = a * b;
#if defined(__FMA__) || defined(__AVX512F__)
  *low = fma(a, b, -p);
#else
  const Vec<double> splitter = set1(0x1.0000002p27), at = a * splitter, bt = b * splitter;  // Dekker
  const Vec<double> a1 = at - (at - a), b1 = bt - (bt - b), a2 = a - a1, b2 = b - b1;
  *low = ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2;
#endif
  return p;
}
PYNN_INLINE Vec<double> two_sum(Vec<double> a, Vec<double> b, Vec<double>* low) {
  const Vec<double> sum = a + b, part = sum - a;
  *low = (a - (sum - part)) + (b - part);
  return sum;
}

// log(x) = the result + *low for positive numbers, denormals too.
PYNN_INLINE Vec<double> log_pair(Vec<double> x, Vec<double>* low) {
  Vec<double> e, z_low, t_low, u_low, sum_low, last_low;
  const Vec<double> f = split_any(x, &e), two = set1(2.0), den = two + f, den_low = f - (den - two);
  const Vec<double> s = f / den;
  Vec<double> product_low;
  const Vec<double> product = two_product(s, den, &product_low);
  const Vec<double> s_low = (((f - product) - product_low) - s * den_low) / den;
  const Vec<double> z = two_product(s, s, &z_low);
  z_low = z_low + two * s * s_low;
  const Vec<double> t = two_product(s, z, &t_low);  // s^3
  t_low = t_low + fma(s, z_low, s_low * z);
  const Vec<double> u = two_product(t, set1(0x1.5555555555555p-1), &u_low);  // 2/3 s^3
  u_low = u_low + fma(t, set1(0x1.5555555555555p-55), t_low * set1(0x1.5555555555555p-1));
  const Vec<double> tail = t * z *
                           polynomial(z, 0x1.999999999999ep-2, 0x1.249249248e53bp-2, 0x1.c71c71d7e5cbbp-3,
                                      0x1.745d09f1d2e07p-3, 0x1.3b18b888c578fp-3, 0x1.1018bb6af787ep-3,
                                      0x1.0877e906b72d3p-3);
  const Vec<double> main = two_sum(e * set1(0x1.62e42feep-1), s + s, &sum_low);
  const Vec<double> sum = two_sum(main, u, &last_low);
  const Vec<double> rest =
      sum_low + last_low + (fma(e, set1(0x1.a39ef35793c76p-33), s_low + s_low) + (u_low + tail));
  const Vec<double> result = sum + rest;
  *low = (sum - result) + rest;
  return result;
}

PYNN_INLINE Vec<double> pow_magnitude(Vec<double> a, Vec<double> y) {
  const Vec<double> nothing = zero<double>(), infinity = set1(__builtin_inf());
  Vec<double> log_low, low, p;
  const Vec<double> log_high = log_pair(a, &log_low);
  const Vec<double> high = two_product(log_high, y, &low);
  low = fma(log_low, y, low);
  low = select(low == low, low, nothing);  // a huge y, with log(a) = 0
  // 0 and infinity as bases, and products that overflow: the sign of log(a) y is all that counts.
  const Vec<double> plain = select(a == nothing, -infinity, select(a == infinity, infinity, log_high)) * y;
  const Mask<double> usable = (abs(plain) < set1(760.0)) & (a < infinity) & (a > nothing);
  const Vec<double> clamped = within_exp(select(usable, high, plain));
  const Vec<int64_t> n = reduce_exp(clamped, select(usable, low, nothing), &p);
  return scale(p + set1(1.0), n);
}
// The same, good for a float: 2^(y log2(a)).
PYNN_INLINE Vec<double> pow_magnitude_short(Vec<double> a, Vec<double> y) {
  const Vec<double> nothing = zero<double>(), infinity = set1(__builtin_inf());
  Vec<double> e;
  const Vec<double> f = split_exponent(a, &e);  // a float is no denormal as a double
  Vec<double> log2_a = fma(log_short(f), set1(0x1.71547652b82fep+0), e);
  log2_a = select(a == nothing, -infinity, select(a == infinity, infinity, log2_a));
  const Vec<double> t = max(set1(-400.0), min(set1(400.0), log2_a * y));
  const Vec<double> shifted = t + set1(kRounder), r = t - (shifted - set1(kRounder));
  const Vec<double> p = polynomial(r, 0x1.62e42fefa39efp-1, 0x1.ebfbe045f4d3cp-3, 0x1.c6b08d883dca1p-5,
                                   0x1.3b2a1b7152befp-7, 0x1.5d879ead06a82p-10, 0x1.443fffc90db59p-13,
                                   0x1.00a581594758ep-16);
  return fma(r, p, set1(1.0)) * power_of_two(small_integer(shifted));
}

template <bool kShort>
PYNN_INLINE Vec<double> pow_any(Vec<double> x, Vec<double> y) {
  const Vec<double> nothing = zero<double>(), one = set1(1.0), infinity = set1(__builtin_inf()), a = abs(x);
  Vec<double> m = kShort ? pow_magnitude_short(a, y) : pow_magnitude(a, y);
  const Vec<double> half = y * set1(0.5), whole = trunc(y);
  const Mask<double> is_whole = whole == y, even = (trunc(half) == half) | (abs(y) == infinity);
  m = select((x != x) | (y != y), x + y, m);
  m = select((x < nothing) & (x > -infinity) & (whole != y), set1(__builtin_nan("")), m);
  const Vec<double> flipped = copysign(m, select(is_whole, x, one));
  m = select(even | (m != m), m, flipped);
  const Mask<double> unit = (x == one) | (y == nothing) | ((a == one) & (abs(y) == infinity));
  return select(unit, one, m);
}
PYNN_INLINE Vec<double> pow(Vec<double> x, Vec<double> y) { return pow_any<false>(x, y); }
PYNN_INLINE Vec<float> pow(Vec<float> x, Vec<float> y) {
  const Halves a = widen(x), b = widen(y);
  return narrow(pow_any<true>(a.low, b.low), pow_any<true>(a.high, b.high));
}

// ---- remainders: exact ----

// a - trunc(a / b) b. Where the quotient has few enough bits it is found by division and put right by one;
// other lanes go to the C library.
PYNN_INLINE Vec<double> fmod_lanes(Vec<double> a, Vec<double> b, Vec<double> wanted, Vec<double> r) {
  for (int i = 0; i < Vec<double>::lanes; ++i) {
    const double x = a.v[i], y = b.v[i];
    if (wanted.v[i] != 0) r.v[i] = __builtin_fmod(x, y);
  }
  return r;
}
// most: up to which quotient q the product q b, or its difference from a, is exact.
PYNN_INLINE Vec<double> fmod_by_division(Vec<double> a, Vec<double> b, double most) {
  const Vec<double> x = abs(a), y = abs(b), nothing = zero<double>();
  const Vec<double> ratio = x / y, q = trunc(ratio);
  Vec<double> r = fnma(q, y, x);
  r = select(r < nothing, r + y, r);
  r = select(r >= y, r - y, r);
  const Mask<double> good = (ratio < set1(most)) & (y > set1(0x1p-900)) & (y < set1(__builtin_inf()));
  const Vec<double> bad = select(good, nothing, set1(1.0));
  r = copysign(r, a);
  return __builtin_expect(any(bad != nothing), 0) ? fmod_lanes(a, b, bad, r) : r;
}
PYNN_INLINE Vec<float> fmod(Vec<float> a, Vec<float> b) {
  const Halves x = widen(a), y = widen(b);  // 24 bits of b and 28 of the quotient: exact without fma
  return narrow(fmod_by_division(x.low, y.low, 0x1p28), fmod_by_division(x.high, y.high, 0x1p28));
}
PYNN_INLINE Vec<double> fmod(Vec<double> a, Vec<double> b) {
#if defined(__FMA__) || defined(__AVX512F__)
  return fmod_by_division(a, b, 0x1p50);
#else
  return fmod_lanes(a, b, set1(1.0), a);
#endif
}

}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
