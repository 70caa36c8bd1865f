/* Pools over the last dims (1 to 3) dimensions: maxima, averages, their adaptive forms, and gradients.
 * float32 and float64, all arrays of a call alike and contiguous; the leading dimensions, equal in all arrays,
 * count planes. Indices are int64: the place of the maximum in its flattened plane.
 *
 * A maximum over NaN is NaN; of several the last counts as found, of equal maxima the first. */
#ifndef PYNN_POOL_H
#define PYNN_POOL_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Windows: of `kernel` elements, `dilation` apart, each `stride` after the one before, the first `padding` before the
 * input's start. padding is at most half the kernel. How many there are is the output's size: the last must
 * start inside the input, but may end behind it. */
typedef struct pynn_pool {
  int32_t dims;
  int64_t kernel[3], stride[3], padding[3], dilation[3];
} pynn_pool;

/* indices: of out's shape, or NULL. */
PYNN_API pynn_status pynn_max_pool(const pynn_pool* pool, const pynn_array* x, pynn_array* out,
                                   pynn_array* indices);
/* dx: of x's shape. Each element of dy goes to its window's maximum, found anew. */
PYNN_API pynn_status pynn_max_pool_backward(const pynn_pool* pool, const pynn_array* dy, const pynn_array* x,
                                            pynn_array* dx);

/* Sums over windows, divided by `divisor`; where that is 0 by how many elements the window has: with
 * count_include_pad those in the padding too. dilation must be 1. */
PYNN_API pynn_status pynn_avg_pool(const pynn_pool* pool, int count_include_pad, int64_t divisor,
                                   const pynn_array* x, pynn_array* out);
PYNN_API pynn_status pynn_avg_pool_backward(const pynn_pool* pool, int count_include_pad, int64_t divisor,
                                            const pynn_array* dy, pynn_array* dx);

/* Window i of `out` along a dimension of `in` elements: floor(i in / out) to ceil((i + 1) in / out). */
PYNN_API pynn_status pynn_adaptive_max_pool(int dims, const pynn_array* x, pynn_array* out, pynn_array* indices);
PYNN_API pynn_status pynn_adaptive_avg_pool(int dims, const pynn_array* x, pynn_array* out);
PYNN_API pynn_status pynn_adaptive_avg_pool_backward(int dims, const pynn_array* dy, pynn_array* dx);

/* dx = 0, then dy added where its indices say: the gradient of a max pool by its indices. */
PYNN_API pynn_status pynn_pool_scatter(int dims, const pynn_array* dy, const pynn_array* indices, pynn_array* dx);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_POOL_H */
