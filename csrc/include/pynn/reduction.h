/* Sums over all elements of contiguous float32 arrays, and the squared error with its gradient.
 * Blocks of 2048 elements are added in float32 lanes, the blocks in float64: the relative error is that of
 * the result's rounding plus about 128 float32 roundings of a block's partial sums. */
#ifndef PYNN_REDUCTION_H
#define PYNN_REDUCTION_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* *out = sum of x[0..n); 0 for n == 0 */
PYNN_API pynn_status pynn_sum_f32(int64_t n, const float* x, double* out);

/* *out = sum of (x[i] - y[i])^2 */
PYNN_API pynn_status pynn_squared_error_f32(int64_t n, const float* x, const float* y, double* out);

/* out[i] = scale * (x[i] - y[i]): the gradient of the squared error, scale = 2 * incoming gradient / count */
PYNN_API pynn_status pynn_scaled_difference_f32(int64_t n, const float* x, const float* y, float scale,
                                                float* out);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_REDUCTION_H */
