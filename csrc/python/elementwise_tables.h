// Which operation of pynn/elementwise.h each op of Python is, forward and backward: for the bindings of the
// CPU and of the GPU alike.
#pragma once
#include "pynn/pynn.h"

namespace pynn::python {

struct Unary {
  const char* name;
  const char* inplace_name;
  pynn_unary_op op;
  int attrs;  // how many number attributes follow the array: alpha, beta
  int other;  // the pynn_pointwise_op for integers and bool, or -1
};

// The gradient is binary(g, saved[place]); place 0 is the output, 1 the input.
struct Backward {
  const char* name;
  pynn_binary_op op;
  int place;
  int attrs;
};

struct Binary {
  const char* name;
  const char* inplace_name;
  pynn_binary_op op;
  int other;  // the pynn_pointwise_op for integers, or -1
};

inline constexpr Unary kUnary[] = {
    {"neg", "neg_", PYNN_NEG, 0, PYNN_P_NEG},
    {"abs", "abs_", PYNN_ABS, 0, PYNN_P_ABS},
    {"square", "square_", PYNN_SQUARE, 0, PYNN_P_SQUARE},
    {"sqrt", "sqrt_", PYNN_SQRT, 0, -1},
    {"rsqrt", "rsqrt_", PYNN_RSQRT, 0, -1},
    {"reciprocal", "reciprocal_", PYNN_RECIPROCAL, 0, -1},
    {"sign", "sign_", PYNN_SIGN, 0, PYNN_P_SIGN},
    {"floor", "floor_", PYNN_FLOOR, 0, -1},
    {"ceil", "ceil_", PYNN_CEIL, 0, -1},
    {"round", "round_", PYNN_ROUND, 0, -1},
    {"trunc", "trunc_", PYNN_TRUNC, 0, -1},
    {"exp", "exp_", PYNN_EXP, 0, -1},
    {"exp2", "exp2_", PYNN_EXP2, 0, -1},
    {"expm1", "expm1_", PYNN_EXPM1, 0, -1},
    {"log", "log_", PYNN_LOG, 0, -1},
    {"log2", "log2_", PYNN_LOG2, 0, -1},
    {"log10", "log10_", PYNN_LOG10, 0, -1},
    {"log1p", "log1p_", PYNN_LOG1P, 0, -1},
    {"sin", "sin_", PYNN_SIN, 0, -1},
    {"cos", "cos_", PYNN_COS, 0, -1},
    {"tan", "tan_", PYNN_TAN, 0, -1},
    {"asin", "asin_", PYNN_ASIN, 0, -1},
    {"acos", "acos_", PYNN_ACOS, 0, -1},
    {"atan", "atan_", PYNN_ATAN, 0, -1},
    {"sinh", "sinh_", PYNN_SINH, 0, -1},
    {"cosh", "cosh_", PYNN_COSH, 0, -1},
    {"relu", "relu_", PYNN_RELU, 0, -1},
    {"sigmoid", "sigmoid_", PYNN_SIGMOID, 0, -1},
    {"tanh", "tanh_", PYNN_TANH, 0, -1},
    {"erf", "erf_", PYNN_ERF, 0, -1},
    {"selu", "selu_", PYNN_SELU, 0, -1},
    {"mish", "mish_", PYNN_MISH, 0, -1},
    {"logsigmoid", "logsigmoid_", PYNN_LOGSIGMOID, 0, -1},
    {"softsign", "softsign_", PYNN_SOFTSIGN, 0, -1},
    {"hardswish", "hardswish_", PYNN_HARDSWISH, 0, -1},
    {"hardsigmoid", "hardsigmoid_", PYNN_HARDSIGMOID, 0, -1},
    {"tanhshrink", "tanhshrink_", PYNN_TANHSHRINK, 0, -1},
    {"leaky_relu", "leaky_relu_", PYNN_LEAKY_RELU, 1, -1},
    {"elu", "elu_", PYNN_ELU, 1, -1},
    {"celu", "celu_", PYNN_CELU, 1, -1},
    {"silu", "silu_", PYNN_SILU, 1, -1},
    {"hardshrink", "hardshrink_", PYNN_HARDSHRINK, 1, -1},
    {"softshrink", "softshrink_", PYNN_SOFTSHRINK, 1, -1},
    {"softplus", "softplus_", PYNN_SOFTPLUS, 2, -1},
    {"hardtanh", "hardtanh_", PYNN_HARDTANH, 2, -1},
    {"threshold", "threshold_", PYNN_THRESHOLD, 2, -1},
};

inline constexpr Backward kBackward[] = {
    {"exp.backward", PYNN_MUL, 0, 0},
    {"log.backward", PYNN_DIV, 1, 0},
    {"relu.backward", PYNN_RELU_BACKWARD, 0, 0},
    {"sigmoid.backward", PYNN_SIGMOID_BACKWARD, 0, 0},
    {"tanh.backward", PYNN_TANH_BACKWARD, 0, 0},
    {"sqrt.backward", PYNN_SQRT_BACKWARD, 0, 0},
    {"rsqrt.backward", PYNN_RSQRT_BACKWARD, 0, 0},
    {"reciprocal.backward", PYNN_RECIPROCAL_BACKWARD, 0, 0},
    {"exp2.backward", PYNN_EXP2_BACKWARD, 0, 0},
    {"expm1.backward", PYNN_EXPM1_BACKWARD, 0, 0},
    {"tan.backward", PYNN_TAN_BACKWARD, 0, 0},
    {"square.backward", PYNN_SQUARE_BACKWARD, 1, 0},
    {"abs.backward", PYNN_ABS_BACKWARD, 1, 0},
    {"log2.backward", PYNN_LOG2_BACKWARD, 1, 0},
    {"log10.backward", PYNN_LOG10_BACKWARD, 1, 0},
    {"log1p.backward", PYNN_LOG1P_BACKWARD, 1, 0},
    {"sin.backward", PYNN_SIN_BACKWARD, 1, 0},
    {"cos.backward", PYNN_COS_BACKWARD, 1, 0},
    {"asin.backward", PYNN_ASIN_BACKWARD, 1, 0},
    {"acos.backward", PYNN_ACOS_BACKWARD, 1, 0},
    {"atan.backward", PYNN_ATAN_BACKWARD, 1, 0},
    {"sinh.backward", PYNN_SINH_BACKWARD, 1, 0},
    {"cosh.backward", PYNN_COSH_BACKWARD, 1, 0},
    {"erf.backward", PYNN_ERF_BACKWARD, 1, 0},
    {"selu.backward", PYNN_SELU_BACKWARD, 1, 0},
    {"mish.backward", PYNN_MISH_BACKWARD, 1, 0},
    {"logsigmoid.backward", PYNN_LOGSIGMOID_BACKWARD, 1, 0},
    {"softsign.backward", PYNN_SOFTSIGN_BACKWARD, 1, 0},
    {"hardswish.backward", PYNN_HARDSWISH_BACKWARD, 1, 0},
    {"hardsigmoid.backward", PYNN_HARDSIGMOID_BACKWARD, 1, 0},
    {"tanhshrink.backward", PYNN_TANHSHRINK_BACKWARD, 1, 0},
    {"leaky_relu.backward", PYNN_LEAKY_RELU_BACKWARD, 1, 1},
    {"elu.backward", PYNN_ELU_BACKWARD, 1, 1},
    {"celu.backward", PYNN_CELU_BACKWARD, 1, 1},
    {"silu.backward", PYNN_SILU_BACKWARD, 1, 1},
    {"threshold.backward", PYNN_THRESHOLD_BACKWARD, 1, 1},
    {"hardshrink.backward", PYNN_SHRINK_BACKWARD, 1, 1},
    {"softshrink.backward", PYNN_SHRINK_BACKWARD, 1, 1},
    {"softplus.backward", PYNN_SOFTPLUS_BACKWARD, 1, 2},
    {"hardtanh.backward", PYNN_HARDTANH_BACKWARD, 1, 2},
};
inline constexpr Backward kGeluBackward = {"gelu.backward", PYNN_GELU_BACKWARD, 1, 0};
inline constexpr Backward kClampBackward = {"clamp.backward", PYNN_CLAMP_BACKWARD, 1, 2};

inline constexpr Binary kBinary[] = {
    {"add", "add_", PYNN_ADD, PYNN_P_ADD},
    {"sub", "sub_", PYNN_SUB, PYNN_P_SUB},
    {"mul", "mul_", PYNN_MUL, PYNN_P_MUL},
    {"div", "div_", PYNN_DIV, -1},
    {"maximum", "maximum_", PYNN_MAXIMUM, PYNN_P_MAXIMUM},
    {"minimum", "minimum_", PYNN_MINIMUM, PYNN_P_MINIMUM},
    {"pow", "pow_", PYNN_POW, PYNN_P_POW},
    {"fmod", "fmod_", PYNN_FMOD, PYNN_P_FMOD},
    {"remainder", "remainder_", PYNN_REMAINDER, PYNN_P_REMAINDER},
    {"floor_divide", "floor_divide_", PYNN_FLOOR_DIVIDE, PYNN_P_FLOOR_DIVIDE},
};

// Powers that are cheaper by another name; false where the exponent is none of them.
inline bool short_power(double exponent, pynn_unary_op* op) {
  if (exponent == 2) {
    *op = PYNN_SQUARE;
  } else if (exponent == 3) {
    *op = PYNN_CUBE;
  } else if (exponent == 0.5) {
    *op = PYNN_SQRT;
  } else if (exponent == -1) {
    *op = PYNN_RECIPROCAL;
  } else if (exponent == -0.5) {
    *op = PYNN_RSQRT;
  } else {
    return false;
  }
  return true;
}

}  // namespace pynn::python
