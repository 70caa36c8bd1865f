/* Pointwise functions: unary, binary with broadcasting, and their backward forms.
 * float32 and float64, and contiguous arrays of one shape of bfloat16 and float16, which are computed in float32;
 * PYNN_UNSUPPORTED for others or where a and b differ in dtype. */
#ifndef PYNN_ELEMENTWISE_H
#define PYNN_ELEMENTWISE_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pynn_binary_op {
  PYNN_ADD, PYNN_SUB, PYNN_MUL, PYNN_DIV, PYNN_MAXIMUM, PYNN_MINIMUM, /* NaN wins, as in torch */
  /* backward forms: a = incoming gradient, b = what the forward saved, alpha/beta = its parameters */
  PYNN_RELU_BACKWARD,       /* b = output: g where b > 0 */
  PYNN_LEAKY_RELU_BACKWARD, /* b = input; alpha = negative slope */
  PYNN_ELU_BACKWARD,        /* b = input; alpha */
  PYNN_SIGMOID_BACKWARD,    /* b = output: g * b * (1 - b) */
  PYNN_TANH_BACKWARD,       /* b = output: g * (1 - b^2) */
  PYNN_SILU_BACKWARD,       /* b = input; alpha = beta of x * sigmoid(beta x) */
  PYNN_GELU_BACKWARD,       /* b = input; exact, through erf */
  PYNN_GELU_TANH_BACKWARD,  /* b = input; tanh approximation */
  PYNN_SOFTPLUS_BACKWARD,   /* b = input; alpha = beta, beta = threshold */
  PYNN_HARDTANH_BACKWARD,   /* b = input; alpha = min, beta = max (relu6: 0, 6) */
  PYNN_BINARY_COUNT
} pynn_binary_op;

typedef enum pynn_unary_op {
  PYNN_NEG, PYNN_ABS, PYNN_SQUARE, PYNN_SQRT, PYNN_RECIPROCAL, PYNN_EXP, PYNN_LOG,
  PYNN_RELU, PYNN_SIGMOID, PYNN_TANH, PYNN_ERF,
  PYNN_LEAKY_RELU,  /* alpha = negative slope */
  PYNN_ELU,         /* alpha */
  PYNN_SILU,        /* alpha = beta of x * sigmoid(beta x); 1 = SiLU */
  PYNN_GELU, PYNN_GELU_TANH,
  PYNN_SOFTPLUS,    /* alpha = beta, beta = threshold */
  PYNN_HARDTANH,    /* clamp to [alpha, beta]; NaN stays */
  PYNN_ADD_SCALAR, PYNN_MUL_SCALAR, /* x + alpha, x * alpha */
  PYNN_RSUB_SCALAR, PYNN_RDIV_SCALAR, /* alpha - x, alpha / x */
  PYNN_COPY,        /* strided copy */
  PYNN_UNARY_COUNT
} pynn_unary_op;

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
