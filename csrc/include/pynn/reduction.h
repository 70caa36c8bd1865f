/* Reductions over any dimensions, places of extreme elements, variances, norms of many tensors.
 *
 * float32 is added in float32 lanes over blocks of 2048 elements (128 rows of columns), the blocks in
 * float64, in an order that follows from the shape alone: the same bits for any number of threads. bool and
 * integers are accumulated in int64, which wraps around. NaN is larger and smaller than every number: it
 * comes through. */
#ifndef PYNN_REDUCTION_H
#define PYNN_REDUCTION_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pynn_reduce_op {
  PYNN_REDUCE_SUM = 0,  /* of floats: out of x's dtype; of bool and integers: int64 */
  PYNN_REDUCE_MEAN = 1, /* floats only; NaN of nothing */
  PYNN_REDUCE_PROD = 2, /* dtypes as SUM; float32 multiplies in float64 */
  PYNN_REDUCE_MAX = 3,  /* out of x's dtype; INVALID where there are no elements */
  PYNN_REDUCE_MIN = 4,
  PYNN_REDUCE_NORM = 5,  /* sum(|x|^p)^(1/p), floats only; p 0 counts what is not 0, +-inf give the largest
                            and the smallest magnitude */
  PYNN_REDUCE_COUNT = 6, /* how many elements are not 0: int64 */
  PYNN_REDUCE_ANY = 7,   /* bool */
  PYNN_REDUCE_ALL = 8,
  PYNN_REDUCE_OPS
} pynn_reduce_op;

/* out, whose shape broadcasts to x's: the dimensions where it has size 1, or which it lacks at the front, are
 * reduced. That is also how a gradient is summed to the shape of what was broadcast. Any strides. p: NORM's.
 */
PYNN_API pynn_status pynn_reduce(pynn_reduce_op op, const pynn_array* x, double p, pynn_array* out);

/* The functions below reduce the adjacent dimensions first <= d < last of a C-contiguous float array; the
 * results are C-contiguous with as many elements as the others hold. */

/* Where, counted in row-major order over the reduced dimensions, the first largest (smallest != 0: smallest)
 * element is, the first NaN where there is one; and its value (NULL: not wanted). INVALID for no elements. */
PYNN_API pynn_status pynn_extreme(int smallest, const pynn_array* x, int first, int last, int64_t* place,
                                  pynn_array* value);
/* Gradient of MAX and MIN: what equals `best` shares grad equally. */
PYNN_API pynn_status pynn_extreme_backward(const pynn_array* x, int first, int last, const pynn_array* best,
                                           const pynn_array* grad, pynn_array* dx);

/* sum((x - mean)^2) / max(0, count - correction), in two passes; variance or mean may be NULL. */
PYNN_API pynn_status pynn_variance(const pynn_array* x, int first, int last, double correction,
                                   pynn_array* variance, pynn_array* mean);
PYNN_API pynn_status pynn_variance_backward(const pynn_array* x, int first, int last, double correction,
                                            const pynn_array* grad, pynn_array* dx);

/* The p-norm (p > 0, inf too) of the elements of `count` contiguous arrays of a dtype (float32 or float64),
 * taken together, before rounding to that dtype. */
PYNN_API pynn_status pynn_total_norm(pynn_dtype dtype, int64_t count, const int64_t* sizes,
                                     const void* const* x, double p, double* out);
/* x[t][i] *= factor for all of them. */
PYNN_API pynn_status pynn_scale_many(pynn_dtype dtype, int64_t count, const int64_t* sizes, void* const* x,
                                     double factor);

/* Every element of a C-contiguous float array set to a value. */
PYNN_API pynn_status pynn_fill(pynn_array* out, double value);

/* *out = sum of x[0..n); 0 for n == 0 */
PYNN_API pynn_status pynn_sum_f32(int64_t n, const float* x, double* out);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_REDUCTION_H */
