// What every operation computes, in float64 and by the C library: for the tests.
#pragma once
#include <cmath>
#include <limits>

#include "pynn/pynn.h"

namespace pynn {
namespace testing {

inline double sigmoid(double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
inline double gelu_inner(double x) { return 0.79788456080286535588 * (x + 0.044715 * x * x * x); }

inline double mish_curve(double x) { return std::tanh(x > 20 ? x : std::log1p(std::exp(x))); }
inline double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }
inline constexpr double kSeluAlpha = 1.6732632423543772848170429916717, kSeluScale = 1.0507009873554804934193349852946;

inline double unary_reference(int op, double x, double alpha, double beta) {
  switch (op) {
    case PYNN_RSQRT:
      return 1 / std::sqrt(x);
    case PYNN_SIGN:
      return sign_of(x);
    case PYNN_FLOOR:
      return std::floor(x);
    case PYNN_CEIL:
      return std::ceil(x);
    case PYNN_ROUND:
      return std::nearbyint(x);
    case PYNN_TRUNC:
      return std::trunc(x);
    case PYNN_EXP2:
      return std::exp2(x);
    case PYNN_EXPM1:
      return std::expm1(x);
    case PYNN_LOG2:
      return std::log2(x);
    case PYNN_LOG10:
      return std::log10(x);
    case PYNN_LOG1P:
      return std::log1p(x);
    case PYNN_SIN:
      return std::sin(x);
    case PYNN_COS:
      return std::cos(x);
    case PYNN_TAN:
      return std::tan(x);
    case PYNN_ASIN:
      return std::asin(x);
    case PYNN_ACOS:
      return std::acos(x);
    case PYNN_ATAN:
      return std::atan(x);
    case PYNN_SINH:
      return std::sinh(x);
    case PYNN_COSH:
      return std::cosh(x);
    case PYNN_SELU:
      return kSeluScale * (x < 0 ? kSeluAlpha * std::expm1(x) : x);
    case PYNN_CELU:
      return x < 0 ? alpha * std::expm1(x / alpha) : x;
    case PYNN_MISH:
      return x * mish_curve(x);
    case PYNN_LOGSIGMOID:
      return (x < 0 ? x : 0) - std::log1p(std::exp(-std::fabs(x)));
    case PYNN_SOFTSIGN:
      return x / (1 + std::fabs(x));
    case PYNN_HARDSWISH:
      return std::isnan(x) ? x : x * std::fmin(6, std::fmax(0, x + 3)) / 6;
    case PYNN_HARDSIGMOID:
      return std::isnan(x) ? x : std::fmin(6, std::fmax(0, x + 3)) / 6;
    case PYNN_HARDSHRINK:
      return std::fabs(x) <= alpha ? 0 : x;
    case PYNN_SOFTSHRINK:
      return x > alpha ? x - alpha : x < -alpha ? x + alpha : x * 0;
    case PYNN_TANHSHRINK:
      return x - std::tanh(x);
    case PYNN_THRESHOLD:
      return x <= alpha ? beta : x;
    case PYNN_NEG:
      return -x;
    case PYNN_ABS:
      return std::fabs(x);
    case PYNN_SQUARE:
      return x * x;
    case PYNN_CUBE:
      return x * x * x;
    case PYNN_SQRT:
      return std::sqrt(x);
    case PYNN_RECIPROCAL:
      return 1 / x;
    case PYNN_EXP:
      return std::exp(x);
    case PYNN_LOG:
      return std::log(x);
    case PYNN_RELU:
      return x < 0 ? 0 : x;
    case PYNN_SIGMOID:
      return sigmoid(x);
    case PYNN_TANH:
      return std::tanh(x);
    case PYNN_ERF:
      return std::erf(x);
    case PYNN_LEAKY_RELU:
      return x > 0 ? x : x * alpha;
    case PYNN_ELU:
      return x < 0 ? alpha * std::expm1(x) : x;
    case PYNN_SILU:
      return x * sigmoid(alpha * x);
    case PYNN_GELU:
      return 0.5 * x * (1 + std::erf(x * 0.70710678118654752440));
    case PYNN_GELU_TANH:
      return 0.5 * x * (1 + std::tanh(gelu_inner(x)));
    case PYNN_SOFTPLUS:
      return alpha * x > beta ? x
                              : (std::fmax(alpha * x, 0) + std::log1p(std::exp(-std::fabs(alpha * x))) +
                                 (std::isnan(x) ? x : 0)) /
                                    alpha;
    case PYNN_HARDTANH:
      return x < alpha ? alpha : x > beta ? beta : x;
    case PYNN_ADD_SCALAR:
      return x + alpha;
    case PYNN_MUL_SCALAR:
      return x * alpha;
    case PYNN_RSUB_SCALAR:
      return alpha - x;
    case PYNN_RDIV_SCALAR:
      return alpha / x;
    default:
      return x;
  }
}

inline double remainder_of(double a, double b) {
  const double r = std::fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
inline double floor_divide(double a, double b) {
  if (b == 0) return a / b;
  const double q = (a - remainder_of(a, b)) / b, down = std::floor(q);
  return q - down > 0.5 ? down + 1 : down;
}

inline double binary_reference(int op, double a, double b, double alpha, double beta) {
  const double s = sigmoid(alpha * b), t = std::tanh(b);
  switch (op) {
    case PYNN_POW:
      return std::pow(a, b);
    case PYNN_FMOD:
      return std::fmod(a, b);
    case PYNN_REMAINDER:
      return remainder_of(a, b);
    case PYNN_FLOOR_DIVIDE:
      return floor_divide(a, b);
    case PYNN_PRELU:
      return a > 0 ? a : a * b;
    case PYNN_GLU:
      return a * sigmoid(b);
    case PYNN_SELU_BACKWARD:
      return a * kSeluScale * (b > 0 ? 1 : kSeluAlpha * std::exp(b));
    case PYNN_CELU_BACKWARD:
      return b > 0 ? a : a * std::exp(b / alpha);
    case PYNN_MISH_BACKWARD:
      return a * (mish_curve(b) + b * sigmoid(b) * (1 - mish_curve(b) * mish_curve(b)));
    case PYNN_LOGSIGMOID_BACKWARD:
      return a * sigmoid(-b);
    case PYNN_SOFTSIGN_BACKWARD:
      return a / ((1 + std::fabs(b)) * (1 + std::fabs(b)));
    case PYNN_HARDSWISH_BACKWARD:
      return b <= -3 ? 0 : b < 3 ? a * (b / 3 + 0.5) : a;
    case PYNN_HARDSIGMOID_BACKWARD:
      return b > -3 && b < 3 ? a / 6 : 0;
    case PYNN_SHRINK_BACKWARD:
      return std::fabs(b) <= alpha ? 0 : a;
    case PYNN_TANHSHRINK_BACKWARD:
      return a * t * t;
    case PYNN_THRESHOLD_BACKWARD:
      return b <= alpha ? 0 : a;
    case PYNN_CLAMP_BACKWARD:
      return b >= alpha && b <= beta ? a : 0;
    case PYNN_ABS_BACKWARD:
      return a * sign_of(b);
    case PYNN_SQUARE_BACKWARD:
      return 2 * a * b;
    case PYNN_CUBE_BACKWARD:
      return a * 3 * b * b;
    case PYNN_SQRT_BACKWARD:
      return a / (2 * b);
    case PYNN_RSQRT_BACKWARD:
      return -0.5 * a * b * b * b;
    case PYNN_RECIPROCAL_BACKWARD:
      return -a * b * b;
    case PYNN_EXP2_BACKWARD:
      return a * b * std::log(2.0);
    case PYNN_EXPM1_BACKWARD:
      return a * (b + 1);
    case PYNN_LOG2_BACKWARD:
      return a / (b * std::log(2.0));
    case PYNN_LOG10_BACKWARD:
      return a / (b * std::log(10.0));
    case PYNN_LOG1P_BACKWARD:
      return a / (b + 1);
    case PYNN_SIN_BACKWARD:
      return a * std::cos(b);
    case PYNN_COS_BACKWARD:
      return -a * std::sin(b);
    case PYNN_TAN_BACKWARD:
      return a * (1 + b * b);
    case PYNN_ASIN_BACKWARD:
      return a / std::sqrt(1 - b * b);
    case PYNN_ACOS_BACKWARD:
      return -a / std::sqrt(1 - b * b);
    case PYNN_ATAN_BACKWARD:
      return a / (1 + b * b);
    case PYNN_SINH_BACKWARD:
      return a * std::cosh(b);
    case PYNN_COSH_BACKWARD:
      return a * std::sinh(b);
    case PYNN_ERF_BACKWARD:
      return a * 1.12837916709551257390 * std::exp(-b * b);
    case PYNN_POW_BACKWARD:
      return a * alpha * std::pow(b, beta);
    case PYNN_ADD:
      return a + b;
    case PYNN_SUB:
      return a - b;
    case PYNN_MUL:
      return a * b;
    case PYNN_DIV:
      return a / b;
    case PYNN_MAXIMUM:
      return std::isnan(a) || std::isnan(b) ? std::numeric_limits<double>::quiet_NaN() : a > b ? a : b;
    case PYNN_MINIMUM:
      return std::isnan(a) || std::isnan(b) ? std::numeric_limits<double>::quiet_NaN() : a < b ? a : b;
    case PYNN_RELU_BACKWARD:
      return b <= 0 ? 0 : a;
    case PYNN_LEAKY_RELU_BACKWARD:
      return b > 0 ? a : a * alpha;
    case PYNN_ELU_BACKWARD:
      return b <= 0 ? a * alpha * std::exp(b) : a;
    case PYNN_SIGMOID_BACKWARD:
      return a * (1 - b) * b;
    case PYNN_TANH_BACKWARD:
      return a * (1 - b * b);
    case PYNN_SILU_BACKWARD:
      return a * s * (1 + alpha * b * (1 - s));
    case PYNN_GELU_BACKWARD:
      return a * (0.5 * (1 + std::erf(b * 0.70710678118654752440)) +
                  b * 0.39894228040143267794 * std::exp(-0.5 * b * b));
    case PYNN_GELU_TANH_BACKWARD: {
      const double t = std::tanh(gelu_inner(b));
      return a *
             (0.5 * (1 + t) + 0.5 * b * (1 - t * t) * 0.79788456080286535588 * (1 + 3 * 0.044715 * b * b));
    }
    case PYNN_SOFTPLUS_BACKWARD:
      return alpha * b > beta ? a : a * s;
    default:
      return b <= alpha || b >= beta ? 0 : a;
  }
}

// Parameters an operation is used with.
inline void parameters(bool unary, int op, double* alpha, double* beta) {
  *alpha = 0.75, *beta = 0;
  if (unary ? op == PYNN_HARDTANH : op == PYNN_HARDTANH_BACKWARD || op == PYNN_CLAMP_BACKWARD) {
    *alpha = -0.5, *beta = 1.25;
  }
  if (!unary && op == PYNN_POW_BACKWARD) *alpha = 3, *beta = 2;
  if (unary ? op == PYNN_SOFTPLUS : op == PYNN_SOFTPLUS_BACKWARD) *alpha = 1.5, *beta = 20;
  if (unary && op == PYNN_SILU) *alpha = 1;
}

}  // namespace testing
}  // namespace pynn
