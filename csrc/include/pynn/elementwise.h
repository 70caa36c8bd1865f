/* Pointwise functions: unary, binary with broadcasting, and their backward forms.
 * float32 and float64, and contiguous arrays of one shape of bfloat16 and float16, which are computed in float32;
 * PYNN_UNSUPPORTED for others or where a and b differ in dtype. */
#ifndef PYNN_ELEMENTWISE_H
#define PYNN_ELEMENTWISE_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pynn_unary_op {
  PYNN_NEG, PYNN_ABS, PYNN_SQUARE, PYNN_CUBE, PYNN_SQRT, PYNN_RSQRT, PYNN_RECIPROCAL,
  PYNN_SIGN, /* 0 for NaN */
  PYNN_FLOOR, PYNN_CEIL, PYNN_ROUND, PYNN_TRUNC, /* round: ties to even */
  PYNN_EXP, PYNN_EXP2, PYNN_EXPM1, PYNN_LOG, PYNN_LOG2, PYNN_LOG10, PYNN_LOG1P,
  PYNN_SIN, PYNN_COS, PYNN_TAN, PYNN_ASIN, PYNN_ACOS, PYNN_ATAN, PYNN_SINH, PYNN_COSH,
  PYNN_RELU, PYNN_SIGMOID, PYNN_TANH, PYNN_ERF,
  PYNN_LEAKY_RELU,  /* alpha = negative slope */
  PYNN_ELU,         /* alpha */
  PYNN_SELU,
  PYNN_CELU,        /* alpha */
  PYNN_SILU,        /* alpha = beta of x * sigmoid(beta x); 1 = SiLU */
  PYNN_GELU, PYNN_GELU_TANH, PYNN_MISH,
  PYNN_SOFTPLUS,    /* alpha = beta, beta = threshold */
  PYNN_LOGSIGMOID, PYNN_SOFTSIGN,
  PYNN_HARDTANH,    /* clamp to [alpha, beta]; NaN stays */
  PYNN_HARDSWISH, PYNN_HARDSIGMOID,
  PYNN_HARDSHRINK, PYNN_SOFTSHRINK, /* alpha = lambda */
  PYNN_TANHSHRINK,
  PYNN_THRESHOLD,   /* x where x > alpha, else beta */
  PYNN_ADD_SCALAR, PYNN_MUL_SCALAR, /* x + alpha, x * alpha */
  PYNN_RSUB_SCALAR, PYNN_RDIV_SCALAR, /* alpha - x, alpha / x */
  PYNN_COPY,        /* strided copy */
  PYNN_UNARY_COUNT
} pynn_unary_op;

typedef enum pynn_binary_op {
  PYNN_ADD, PYNN_SUB, PYNN_MUL, PYNN_DIV, PYNN_MAXIMUM, PYNN_MINIMUM, /* NaN wins, as in torch */
  PYNN_POW,
  PYNN_FMOD, PYNN_REMAINDER, /* with the sign of a; of b */
  PYNN_FLOOR_DIVIDE,
  PYNN_PRELU, /* a where a > 0, else a * b */
  PYNN_GLU,   /* a * sigmoid(b) */
  /* backward forms: a = incoming gradient, b = what the forward saved, alpha/beta = its parameters */
  PYNN_RELU_BACKWARD,       /* b = output: g where b > 0 */
  PYNN_LEAKY_RELU_BACKWARD, /* b = input; alpha = negative slope */
  PYNN_ELU_BACKWARD,        /* b = input; alpha */
  PYNN_SELU_BACKWARD,       /* b = input */
  PYNN_CELU_BACKWARD,       /* b = input; alpha */
  PYNN_SIGMOID_BACKWARD,    /* b = output: g * b * (1 - b) */
  PYNN_TANH_BACKWARD,       /* b = output: g * (1 - b^2) */
  PYNN_SILU_BACKWARD,       /* b = input; alpha = beta of x * sigmoid(beta x) */
  PYNN_GELU_BACKWARD,       /* b = input; exact */
  PYNN_GELU_TANH_BACKWARD,  /* b = input; tanh approximation */
  PYNN_MISH_BACKWARD,       /* b = input */
  PYNN_SOFTPLUS_BACKWARD,   /* b = input; alpha = beta, beta = threshold */
  PYNN_LOGSIGMOID_BACKWARD, PYNN_SOFTSIGN_BACKWARD, /* b = input */
  PYNN_HARDTANH_BACKWARD,   /* b = input; alpha = min, beta = max (relu6: 0, 6): 0 at the bounds */
  PYNN_HARDSWISH_BACKWARD, PYNN_HARDSIGMOID_BACKWARD, /* b = input */
  PYNN_SHRINK_BACKWARD,     /* b = input; alpha = lambda; of hardshrink and softshrink */
  PYNN_TANHSHRINK_BACKWARD, /* b = input */
  PYNN_THRESHOLD_BACKWARD,  /* b = input; alpha = threshold */
  PYNN_CLAMP_BACKWARD,      /* b = input; alpha = min, beta = max: g at the bounds */
  PYNN_ABS_BACKWARD, PYNN_SQUARE_BACKWARD, PYNN_CUBE_BACKWARD,      /* b = input */
  PYNN_SQRT_BACKWARD, PYNN_RSQRT_BACKWARD, PYNN_RECIPROCAL_BACKWARD, /* b = output */
  PYNN_EXP2_BACKWARD, PYNN_EXPM1_BACKWARD,                          /* b = output */
  PYNN_LOG2_BACKWARD, PYNN_LOG10_BACKWARD, PYNN_LOG1P_BACKWARD,     /* b = input */
  PYNN_SIN_BACKWARD, PYNN_COS_BACKWARD,                             /* b = input */
  PYNN_TAN_BACKWARD,                                                /* b = output */
  PYNN_ASIN_BACKWARD, PYNN_ACOS_BACKWARD, PYNN_ATAN_BACKWARD,       /* b = input */
  PYNN_SINH_BACKWARD, PYNN_COSH_BACKWARD, PYNN_ERF_BACKWARD,        /* b = input */
  PYNN_POW_BACKWARD, /* b = input, of b^alpha: g * alpha * b^beta, beta = alpha - 1 */
  PYNN_BINARY_COUNT
} pynn_binary_op;

/* out = op(x); out has x's shape, any strides. */
PYNN_API pynn_status pynn_unary(pynn_unary_op op, const pynn_array* x, double alpha, double beta, pynn_array* out);

/* out = op(a, b); a and b broadcast to out's shape by NumPy's rules. */
PYNN_API pynn_status pynn_binary(pynn_binary_op op, const pynn_array* a, const pynn_array* b, double alpha,
                                 double beta, pynn_array* out);

/* Fast paths over n contiguous elements, no array descriptors: what the small-op path of a binding calls. */
PYNN_API pynn_status pynn_unary_f32(pynn_unary_op op, int64_t n, const float* x, float alpha, float beta, float* out);
PYNN_API pynn_status pynn_binary_f32(pynn_binary_op op, int64_t n, const float* a, const float* b, float alpha,
                                     float beta, float* out);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_ELEMENTWISE_H */
