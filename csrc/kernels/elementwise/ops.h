// The maths of every elementwise operation: struct Op { static Vec<T> run(...) }. Formulas,
// and what happens at NaN and at the kinks, are torch's.
#pragma once
#if !defined(PYNN_CUDA_MATH)  // on a GPU an element is the vector: cuda/math.h
#include "simd/math.h"
#include "simd/pow.h"
#include "simd/trig.h"
#endif

namespace pynn {
namespace PYNN_ISA_NAMESPACE {
namespace elementwise {

// clang-format off: bodies as macro arguments
#define PYNN_UNARY_OP(Name, ...)                                                                          \
  struct Name {                                                                                           \
    template <class T>                                                                                    \
    static PYNN_INLINE Vec<T> run(Vec<T> x, [[maybe_unused]] Vec<T> alpha, [[maybe_unused]] Vec<T> beta) { \
      __VA_ARGS__                                                                                         \
    }                                                                                                     \
  };
#define PYNN_BINARY_OP(Name, a, b, ...)                                       \
  struct Name {                                                               \
    template <class T>                                                        \
    static PYNN_INLINE Vec<T> run(Vec<T> a, Vec<T> b, [[maybe_unused]] Vec<T> alpha, \
                                  [[maybe_unused]] Vec<T> beta) {             \
      __VA_ARGS__                                                             \
    }                                                                         \
  };

template <class T>
PYNN_INLINE Vec<T> constant(double value) { return set1(T(value)); }

constexpr double kSqrtHalf = 0.70710678118654752440, kInvSqrt2Pi = 0.39894228040143267794;
constexpr double kSqrt2OverPi = 0.79788456080286535588, kGeluCubic = 0.044715;

constexpr double kTwoOverSqrtPi = 1.12837916709551257390, kLn2 = 0.69314718055994530942, kLn10 = 2.30258509299404568402;
constexpr double kSeluAlpha = 1.6732632423543772848170429916717, kSeluScale = 1.0507009873554804934193349852946;

template <class T>
PYNN_INLINE Vec<T> one() { return set1(T(1)); }

// The normal distribution's integral up to x, and exp(-x^2 / 2).
PYNN_INLINE Vec<float> normal_cdf(Vec<float> x, Vec<float>* bell) {
  const Vec<float> a = min(set1(14.6f), abs(x)), e = exp_bounded(set1(-0.5f) * a * a), tail = e * normal_tail(a);
  *bell = e;
  return select(x < zero<float>(), tail, set1(1.0f) - tail);
}
PYNN_INLINE Vec<double> normal_cdf(Vec<double> x, Vec<double>* bell) {
  *bell = exp(set1(-0.5) * x * x);
  return set1(0.5) * (set1(1.0) + erf(x * set1(kSqrtHalf)));
}
// tanh(log(1 + e^x)) = n / (n + 2) with n = e (e + 2), e = exp(x); 1 from 20 on.
template <class T>
PYNN_INLINE Vec<T> mish_exp(Vec<T> x) { return exp(min(set1(T(40)), x)); }
template <class T>
PYNN_INLINE Vec<T> sign_of(Vec<T> x) {
  return select(x > zero<T>(), one<T>(), select(x < zero<T>(), -one<T>(), zero<T>()));
}
// The remainder with the sign of b.
template <class T>
PYNN_INLINE Vec<T> remainder(Vec<T> a, Vec<T> b) {
  const Vec<T> r = fmod(a, b), none = zero<T>();
  return select((r != none) & (copysign(one<T>(), r) != copysign(one<T>(), b)), r + b, r);
}

PYNN_UNARY_OP(Neg, return -x;)
PYNN_UNARY_OP(Abs, return abs(x);)
PYNN_UNARY_OP(Square, return x * x;)
PYNN_UNARY_OP(Cube, return x * x * x;)
PYNN_UNARY_OP(Sqrt, return sqrt(x);)
PYNN_UNARY_OP(Rsqrt, return one<T>() / sqrt(x);)
PYNN_UNARY_OP(Reciprocal, return one<T>() / x;)
PYNN_UNARY_OP(Sign, return sign_of(x);)  // 0 for NaN
PYNN_UNARY_OP(Floor, return floor(x);)
PYNN_UNARY_OP(Ceil, return ceil(x);)
PYNN_UNARY_OP(Round, return round_even(x);)
PYNN_UNARY_OP(Trunc, return trunc(x);)
PYNN_UNARY_OP(Exp, return exp(x);)
PYNN_UNARY_OP(Exp2, return exp2(x);)
PYNN_UNARY_OP(Expm1, return expm1(x);)
PYNN_UNARY_OP(Log, return log(x);)
PYNN_UNARY_OP(Log2, return log2(x);)
PYNN_UNARY_OP(Log10, return log10(x);)
PYNN_UNARY_OP(Log1p, return log1p(x);)
// Angles that need more than the narrow reduction are rare: a vector of usual ones takes the shorter way.
#if defined(PYNN_FLOAT_ANGLES)
#define PYNN_ANGLE_OP(Name, function)                                                         \
  struct Name {                                                                               \
    template <class T>                                                                        \
    static PYNN_INLINE Vec<T> run(Vec<T> x, Vec<T>, Vec<T>) {                                 \
      return function(x);                                                                     \
    }                                                                                         \
    static PYNN_INLINE Mask<float> rare(Vec<float> x) { return large_angle(x); }              \
    static PYNN_INLINE Vec<float> usual(Vec<float> x) { return function##_narrow(x); }        \
  };
#else
#define PYNN_ANGLE_OP(Name, function) PYNN_UNARY_OP(Name, return function(x);)
#endif
PYNN_ANGLE_OP(Sin, sin)
PYNN_ANGLE_OP(Cos, cos)
#undef PYNN_ANGLE_OP
PYNN_UNARY_OP(Tan, return tan(x);)
PYNN_UNARY_OP(Asin, return asin(x);)
PYNN_UNARY_OP(Acos, return acos(x);)
PYNN_UNARY_OP(Atan, return atan(x);)
PYNN_UNARY_OP(Sinh, return sinh(x);)
PYNN_UNARY_OP(Cosh, return cosh(x);)
PYNN_UNARY_OP(Relu, return max(zero<T>(), x);)  // max gives x where x is NaN
PYNN_UNARY_OP(Sigmoid, return sigmoid(x);)
PYNN_UNARY_OP(Tanh, return tanh(x);)
PYNN_UNARY_OP(Erf, return erf(x);)
PYNN_UNARY_OP(LeakyRelu, return select(x > zero<T>(), x, x * alpha);)
PYNN_UNARY_OP(Elu, return select(x < zero<T>(), alpha * expm1_negative(min(zero<T>(), x)), x);)
PYNN_UNARY_OP(Selu, return select(x < zero<T>(), constant<T>(kSeluScale * kSeluAlpha) * expm1_negative(min(zero<T>(), x)),
                                  constant<T>(kSeluScale) * x);)
PYNN_UNARY_OP(Celu, const Vec<T> y = alpha * expm1(min(zero<T>(), x) / alpha); return select(x < zero<T>(), y, x);)
PYNN_UNARY_OP(Silu, return x * sigmoid(alpha * x);)
PYNN_UNARY_OP(Gelu, Vec<T> bell; return x * normal_cdf(x, &bell);)
PYNN_UNARY_OP(GeluTanh, const Vec<T> inner = constant<T>(kSqrt2OverPi) * fma(constant<T>(kGeluCubic) * x * x, x, x);
              return constant<T>(0.5) * x * (one<T>() + tanh(inner));)
PYNN_UNARY_OP(Mish, const Vec<T> e = mish_exp(x), n = e * (e + constant<T>(2));
              return select(x > constant<T>(40), x, x * (n / (n + constant<T>(2))));)
PYNN_UNARY_OP(Softplus, const Vec<T> z = alpha * x; return select(z > beta, x, softplus(z) / alpha);)
PYNN_UNARY_OP(LogSigmoid, return min(x, zero<T>()) - log1p_unit(exp(-abs(x)));)
PYNN_UNARY_OP(Softsign, return x / (abs(x) + one<T>());)
PYNN_UNARY_OP(Hardtanh, return min(beta, max(alpha, x));)
PYNN_UNARY_OP(Hardswish, return x * min(constant<T>(6), max(zero<T>(), x + constant<T>(3))) / constant<T>(6);)
PYNN_UNARY_OP(Hardsigmoid, return min(constant<T>(6), max(zero<T>(), x + constant<T>(3))) / constant<T>(6);)
PYNN_UNARY_OP(Hardshrink, return select(abs(x) <= alpha, zero<T>(), x);)
PYNN_UNARY_OP(Softshrink, return select(x > alpha, x - alpha, select(x < -alpha, x + alpha, x * zero<T>()));)
PYNN_UNARY_OP(Tanhshrink, return x - tanh(x);)
PYNN_UNARY_OP(Threshold, return select(x <= alpha, beta, x);)
PYNN_UNARY_OP(AddScalar, return x + alpha;)
PYNN_UNARY_OP(MulScalar, return x * alpha;)
PYNN_UNARY_OP(RsubScalar, return alpha - x;)
PYNN_UNARY_OP(RdivScalar, return alpha / x;)
PYNN_UNARY_OP(Copy, return x;)

PYNN_BINARY_OP(Add, a, b, return a + b;)
PYNN_BINARY_OP(Sub, a, b, return a - b;)
PYNN_BINARY_OP(Mul, a, b, return a * b;)
PYNN_BINARY_OP(Div, a, b, return a / b;)
PYNN_BINARY_OP(Maximum, a, b, return select(a != a, a, max(a, b));)  // max gives b where b is NaN
PYNN_BINARY_OP(Minimum, a, b, return select(a != a, a, min(a, b));)
PYNN_BINARY_OP(Pow, a, b, return pow(a, b);)
PYNN_BINARY_OP(Fmod, a, b, return fmod(a, b);)
PYNN_BINARY_OP(Remainder, a, b, return remainder(a, b);)
// (a - remainder) / b is near an integer: the quotient, rounded down where the remainder says so. b = 0: a / b.
PYNN_BINARY_OP(FloorDivide, a, b, const Vec<T> r = remainder(a, b), q = (a - r) / b, down = floor(q);
               const Vec<T> near = select(q - down > constant<T>(0.5), down + one<T>(), down);
               return select(b == zero<T>(), a / b, select(q == zero<T>(), copysign(zero<T>(), a / b), near));)
PYNN_BINARY_OP(Prelu, x, w, return select(x > zero<T>(), x, x * w);)
PYNN_BINARY_OP(Glu, a, b, return a * sigmoid(b);)

PYNN_BINARY_OP(ReluBackward, g, y, return select(y <= zero<T>(), zero<T>(), g);)
PYNN_BINARY_OP(LeakyReluBackward, g, x, return select(x > zero<T>(), g, g * alpha);)
PYNN_BINARY_OP(EluBackward, g, x, return select(x <= zero<T>(), g * alpha * exp(min(zero<T>(), x)), g);)
PYNN_BINARY_OP(SeluBackward, g, x, const Vec<T> slope = constant<T>(kSeluScale * kSeluAlpha) * exp(min(zero<T>(), x));
               return g * select(x <= zero<T>(), slope, constant<T>(kSeluScale));)
PYNN_BINARY_OP(CeluBackward, g, x, return select(x <= zero<T>(), g * exp(min(zero<T>(), x) / alpha), g);)
PYNN_BINARY_OP(SigmoidBackward, g, y, return g * (one<T>() - y) * y;)
PYNN_BINARY_OP(TanhBackward, g, y, return g * (one<T>() - y * y);)
PYNN_BINARY_OP(SiluBackward, g, x, const Vec<T> z = alpha * x, s = sigmoid(z);
               return g * s * (one<T>() + z * (one<T>() - s));)
PYNN_BINARY_OP(GeluBackward, g, x, Vec<T> bell; const Vec<T> cdf = normal_cdf(x, &bell);
               return g * (cdf + x * (constant<T>(kInvSqrt2Pi) * bell));)
PYNN_BINARY_OP(GeluTanhBackward, g, x, const Vec<T> half = constant<T>(0.5), x2 = x * x;
               const Vec<T> t = tanh(constant<T>(kSqrt2OverPi) * fma(constant<T>(kGeluCubic) * x2, x, x));
               const Vec<T> inner = constant<T>(kSqrt2OverPi) * fma(constant<T>(3 * kGeluCubic), x2, one<T>());
               return g * (half * (one<T>() + t) + half * x * (one<T>() - t * t) * inner);)
// With t = n / (n + 2): sigmoid(x) (1 - t^2) = 4 e (1 + e) / (n + 2)^2.
PYNN_BINARY_OP(MishBackward, g, x, const Vec<T> e = exp(min(constant<T>(20), x)), n = e * (e + constant<T>(2));
               const Vec<T> w = one<T>() / (n + constant<T>(2));
               const Vec<T> slope = w * fma(constant<T>(4) * x * e, (one<T>() + e) * w, n);
               return select(x > constant<T>(20), g, g * slope);)
PYNN_BINARY_OP(SoftplusBackward, g, x, const Vec<T> z = alpha * x; return select(z > beta, g, g * sigmoid(z));)
PYNN_BINARY_OP(LogSigmoidBackward, g, x, return g * sigmoid(-x);)
PYNN_BINARY_OP(SoftsignBackward, g, x, const Vec<T> d = abs(x) + one<T>(); return g / (d * d);)
PYNN_BINARY_OP(HardtanhBackward, g, x, return select((x <= alpha) | (x >= beta), zero<T>(), g);)
PYNN_BINARY_OP(HardswishBackward, g, x, const Vec<T> three = constant<T>(3);
               return select(x <= -three, zero<T>(), select(x < three, g * (x / three + constant<T>(0.5)), g));)
PYNN_BINARY_OP(HardsigmoidBackward, g, x, const Vec<T> three = constant<T>(3);
               return select((x > -three) & (x < three), g / constant<T>(6), zero<T>());)
PYNN_BINARY_OP(ShrinkBackward, g, x, return select(abs(x) <= alpha, zero<T>(), g);)
PYNN_BINARY_OP(TanhshrinkBackward, g, x, const Vec<T> t = tanh(x); return g * (t * t);)
PYNN_BINARY_OP(ThresholdBackward, g, x, return select(x <= alpha, zero<T>(), g);)
PYNN_BINARY_OP(ClampBackward, g, x, return select((x >= alpha) & (x <= beta), g, zero<T>());)
PYNN_BINARY_OP(AbsBackward, g, x, return g * sign_of(x);)
PYNN_BINARY_OP(SquareBackward, g, x, return g * x * constant<T>(2);)
PYNN_BINARY_OP(CubeBackward, g, x, return g * (constant<T>(3) * (x * x));)
PYNN_BINARY_OP(SqrtBackward, g, y, return g / (y + y);)
PYNN_BINARY_OP(RsqrtBackward, g, y, return constant<T>(-0.5) * g * y * y * y;)
PYNN_BINARY_OP(ReciprocalBackward, g, y, return -g * y * y;)
PYNN_BINARY_OP(Exp2Backward, g, y, return g * y * constant<T>(kLn2);)
PYNN_BINARY_OP(Expm1Backward, g, y, return g * (y + one<T>());)
PYNN_BINARY_OP(Log2Backward, g, x, return g / (x * constant<T>(kLn2));)
PYNN_BINARY_OP(Log10Backward, g, x, return g / (x * constant<T>(kLn10));)
PYNN_BINARY_OP(Log1pBackward, g, x, return g / (x + one<T>());)
PYNN_BINARY_OP(SinBackward, g, x, return g * cos(x);)
PYNN_BINARY_OP(CosBackward, g, x, return -g * sin(x);)
PYNN_BINARY_OP(TanBackward, g, y, return g * (one<T>() + y * y);)
PYNN_BINARY_OP(AsinBackward, g, x, return g / sqrt(one<T>() - x * x);)
PYNN_BINARY_OP(AcosBackward, g, x, return -g / sqrt(one<T>() - x * x);)
PYNN_BINARY_OP(AtanBackward, g, x, return g / (one<T>() + x * x);)
PYNN_BINARY_OP(SinhBackward, g, x, return g * cosh(x);)
PYNN_BINARY_OP(CoshBackward, g, x, return g * sinh(x);)
PYNN_BINARY_OP(ErfBackward, g, x, return g * (constant<T>(kTwoOverSqrtPi) * exp(-x * x));)
PYNN_BINARY_OP(PowBackward, g, x, return g * (alpha * pow(x, beta));)

#undef PYNN_UNARY_OP
#undef PYNN_BINARY_OP
// clang-format on

}  // namespace elementwise
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
