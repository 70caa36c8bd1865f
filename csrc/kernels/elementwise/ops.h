// The maths of every elementwise operation: struct Op { static Vec<T> run(...) }. Formulas,
// and what happens at NaN and at the kinks, are torch's.
#pragma once
#include "simd/math.h"

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

PYNN_UNARY_OP(Neg, return -x;)
PYNN_UNARY_OP(Abs, return abs(x);)
PYNN_UNARY_OP(Square, return x * x;)
PYNN_UNARY_OP(Sqrt, return sqrt(x);)
PYNN_UNARY_OP(Reciprocal, return set1(T(1)) / x;)
PYNN_UNARY_OP(Exp, return exp(x);)
PYNN_UNARY_OP(Log, return log(x);)
PYNN_UNARY_OP(Relu, return max(zero<T>(), x);)  // max gives x where x is NaN
PYNN_UNARY_OP(Sigmoid, return sigmoid(x);)
PYNN_UNARY_OP(Tanh, return tanh(x);)
PYNN_UNARY_OP(Erf, return erf(x);)
PYNN_UNARY_OP(LeakyRelu, return select(x > zero<T>(), x, x * alpha);)
PYNN_UNARY_OP(Elu, return select(x < zero<T>(), alpha * expm1(min(zero<T>(), x)), x);)
PYNN_UNARY_OP(Silu, return x * sigmoid(alpha * x);)
PYNN_UNARY_OP(Gelu, const Vec<T> half = constant<T>(0.5);
              return half * x * (set1(T(1)) + erf(x * constant<T>(kSqrtHalf)));)
PYNN_UNARY_OP(GeluTanh, const Vec<T> inner = constant<T>(kSqrt2OverPi) * fma(constant<T>(kGeluCubic) * x * x, x, x);
              return constant<T>(0.5) * x * (set1(T(1)) + tanh(inner));)
// log(1 + exp(z)) = max(z, 0) + log1p(exp(-|z|)) never overflows.
PYNN_UNARY_OP(Softplus, const Vec<T> z = alpha * x;
              return select(z > beta, x, (max(zero<T>(), z) + log1p(exp(-abs(z)))) / alpha);)
PYNN_UNARY_OP(Hardtanh, return min(beta, max(alpha, x));)
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

PYNN_BINARY_OP(ReluBackward, g, y, return select(y <= zero<T>(), zero<T>(), g);)
PYNN_BINARY_OP(LeakyReluBackward, g, x, return select(x > zero<T>(), g, g * alpha);)
PYNN_BINARY_OP(EluBackward, g, x, return select(x <= zero<T>(), g * alpha * exp(min(zero<T>(), x)), g);)
PYNN_BINARY_OP(SigmoidBackward, g, y, return g * (set1(T(1)) - y) * y;)
PYNN_BINARY_OP(TanhBackward, g, y, return g * (set1(T(1)) - y * y);)
PYNN_BINARY_OP(SiluBackward, g, x, const Vec<T> one = set1(T(1)), z = alpha * x, s = sigmoid(z);
               return g * s * (one + z * (one - s));)
PYNN_BINARY_OP(GeluBackward, g, x, const Vec<T> half = constant<T>(0.5);
               const Vec<T> cdf = half * (set1(T(1)) + erf(x * constant<T>(kSqrtHalf)));
               const Vec<T> pdf = constant<T>(kInvSqrt2Pi) * exp(-half * x * x);
               return g * (cdf + x * pdf);)
PYNN_BINARY_OP(GeluTanhBackward, g, x, const Vec<T> one = set1(T(1)), half = constant<T>(0.5), x2 = x * x;
               const Vec<T> t = tanh(constant<T>(kSqrt2OverPi) * fma(constant<T>(kGeluCubic) * x2, x, x));
               const Vec<T> inner = constant<T>(kSqrt2OverPi) * fma(constant<T>(3 * kGeluCubic), x2, one);
               return g * (half * (one + t) + half * x * (one - t * t) * inner);)
PYNN_BINARY_OP(SoftplusBackward, g, x, const Vec<T> z = alpha * x; return select(z > beta, g, g * sigmoid(z));)
PYNN_BINARY_OP(HardtanhBackward, g, x, return select((x <= alpha) | (x >= beta), zero<T>(), g);)

#undef PYNN_UNARY_OP
#undef PYNN_BINARY_OP
// clang-format on

}  // namespace elementwise
}  // namespace PYNN_ISA_NAMESPACE
}  // namespace pynn
