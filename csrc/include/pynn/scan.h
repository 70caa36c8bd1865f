/* Running totals and extremes along one dimension of C-contiguous float32 and float64 arrays, accumulated in
 * float64; a dimension is walked in order, so the bits depend on nothing. */
#ifndef PYNN_SCAN_H
#define PYNN_SCAN_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pynn_scan_op {
  PYNN_SCAN_SUM = 0,
  PYNN_SCAN_PROD = 1,
  PYNN_SCAN_LOGSUMEXP = 2, /* log(sum(exp(x))) */
  PYNN_SCAN_OPS
} pynn_scan_op;

/* out[i] = all of x[0..i] along dim; with reverse != 0 all of x[i..]. out's shape is x's. */
PYNN_API pynn_status pynn_scan(pynn_scan_op op, int reverse, const pynn_array* x, int dim, pynn_array* out);

/* The gradient of pynn_scan (forward order); `out` is its result, read for LOGSUMEXP only (else NULL), x is
 * not read for SUM (may be NULL). Exact where elements are 0, too. */
PYNN_API pynn_status pynn_scan_backward(pynn_scan_op op, const pynn_array* x, const pynn_array* out,
                                        const pynn_array* grad, int dim, pynn_array* dx);

/* The largest (smallest != 0: smallest) element so far, and where it is: of equal ones the last, NaN before
 * all numbers. places is contiguous, with x's shape. */
PYNN_API pynn_status pynn_scan_extreme(int smallest, const pynn_array* x, int dim, pynn_array* values,
                                       int64_t* places);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_SCAN_H */
