/* Pointwise functions of all element types: integer arithmetic, logic, comparisons, choices, conversions.
 * The float32 and float64 functions of one and two arrays are in elementwise.h. */
#ifndef PYNN_POINTWISE_H
#define PYNN_POINTWISE_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pynn_pointwise_op {
  /* integers (uint8, int8 to int64), which wrap around; the bitwise ones and the copy bool too */
  PYNN_P_NEG, PYNN_P_ABS, PYNN_P_SIGN, PYNN_P_SQUARE, PYNN_P_COPY, PYNN_P_BITWISE_NOT,
  /* tests: out is bool */
  PYNN_P_LOGICAL_NOT,                                /* any type */
  PYNN_P_ISNAN, PYNN_P_ISINF, PYNN_P_ISFINITE,       /* float32, float64 */
  PYNN_P_ADD, PYNN_P_SUB, PYNN_P_MUL, PYNN_P_MAXIMUM, PYNN_P_MINIMUM, /* integers */
  PYNN_P_POW,
  PYNN_P_FMOD, PYNN_P_REMAINDER, PYNN_P_FLOOR_DIVIDE, /* integers; PYNN_INVALID for a divisor of 0 */
  PYNN_P_BITWISE_AND, PYNN_P_BITWISE_OR, PYNN_P_BITWISE_XOR, /* integers and bool */
  PYNN_P_LOGICAL_AND, PYNN_P_LOGICAL_OR,             /* any type; out is bool */
  PYNN_P_EQ, PYNN_P_NE, PYNN_P_LT, PYNN_P_LE, PYNN_P_GT, PYNN_P_GE,
  PYNN_P_WHERE, /* input 0 is bool: input 1 where it is true, else input 2; any type */
  PYNN_P_CLAMP, /* input 0 within [input 1, input 2]: the last wins; integers and floats */
  /* float32, float64 */
  PYNN_P_LERP,           /* input 0 + input 2 * (input 1 - input 0) */
  PYNN_P_ADDCMUL,        /* input 0 + alpha * input 1 * input 2 */
  PYNN_P_ADDCDIV,        /* input 0 + alpha * input 1 / input 2 */
  PYNN_P_PRELU_BACKWARD, /* gradient, x, weight: of x */
  PYNN_P_GLU_BACKWARD,   /* gradient, a, b: of b in a * sigmoid(b) */
  PYNN_POINTWISE_COUNT
} pynn_pointwise_op;

/* out = op(inputs); the inputs, as many as op takes, have one type and broadcast to out's shape by NumPy's
 * rules; any strides. PYNN_UNSUPPORTED for a type that op does not take. */
PYNN_API pynn_status pynn_pointwise(pynn_pointwise_op op, const pynn_array* const* inputs, int count, double alpha,
                                    pynn_array* out);

/* The gradients of PReLU over (outer, channels, inner) contiguous arrays: dx = g where x > 0, else g * weight;
 * dweight = sum of g * x where x <= 0, of each channel. weights: channels of them, or 1 for all; dx or dweight
 * may be NULL. float32 and float64 as `dtype` says. */
PYNN_API pynn_status pynn_prelu_backward(int32_t dtype, int64_t outer, int64_t channels, int64_t inner,
                                         int64_t weights, const void* g, const void* x, const void* weight,
                                         void* dx, void* dweight);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_POINTWISE_H */
