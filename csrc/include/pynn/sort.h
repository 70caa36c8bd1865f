/* Order along one dimension: sort, the k first, the k-th, and the gradient of what picks elements by place.
 *
 * dtypes: float32, float64, int32, int64, uint8 and bool; x is C-contiguous, so are the results. NaN comes
 * after all numbers (first in descending order), 0 and -0 are equal, and equal elements keep their order. */
#ifndef PYNN_SORT_H
#define PYNN_SORT_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* values (x's shape and dtype; NULL: not wanted) in order along dim, places: where in x they were. */
PYNN_API pynn_status pynn_sort(const pynn_array* x, int dim, int descending, pynn_array* values,
                               int64_t* places);

/* The k first of the sorted elements, in order; of equal ones those that stand first in x. values has size k
 * along dim. */
PYNN_API pynn_status pynn_topk(const pynn_array* x, int64_t k, int dim, int largest, pynn_array* values,
                               int64_t* places);

/* The k-th smallest element, k from 0; nan_first != 0: the first NaN where there is one. values has size 1
 * along dim. */
PYNN_API pynn_status pynn_select(const pynn_array* x, int64_t k, int dim, int nan_first, pynn_array* values,
                                 int64_t* places);

/* dx (float32 or float64) = 0 with grad added at its places along dim: the gradient of all of the above, of
 * the largest element and of running ones. places has grad's shape; INVALID for a place outside dx. */
PYNN_API pynn_status pynn_put_along(const pynn_array* grad, const int64_t* places, int dim, pynn_array* dx);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_SORT_H */
