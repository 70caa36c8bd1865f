/* Padding of any dimensions, with a constant or with the input's own edge, and the gradient of the latter. */
#ifndef PYNN_PAD_H
#define PYNN_PAD_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pynn_pad_mode {
  PYNN_PAD_CONSTANT = 0,
  PYNN_PAD_REFLECT = 1,   /* 2 1 | 0 1 2 3 | 2 1 */
  PYNN_PAD_REPLICATE = 2, /* 0 0 | 0 1 2 3 | 3 3 */
  PYNN_PAD_CIRCULAR = 3,  /* 2 3 | 0 1 2 3 | 0 1 */
  PYNN_PAD_COUNT
} pynn_pad_mode;

/* y = x with before[d] elements in front of dimension d and after[d] behind it; negative amounts crop.
 * x of any dtype and strides, y C-contiguous of the same dtype and of shape x + before + after.
 * value: one element of that dtype; NULL: zero. Only PYNN_PAD_CONSTANT reads it.
 * PYNN_PAD_REFLECT takes less than the dimension's size on each side, PYNN_PAD_CIRCULAR at most that size. */
PYNN_API pynn_status pynn_pad(pynn_pad_mode mode, const int64_t* before, const int64_t* after, const void* value,
                              const pynn_array* x, pynn_array* y);

/* dx = the gradient of x from that of y: every place the sum of where it went to. float32 and float64, C-contiguous;
 * not PYNN_PAD_CONSTANT, whose gradient is pynn_pad with the amounts negated. */
PYNN_API pynn_status pynn_pad_backward(pynn_pad_mode mode, const int64_t* before, const int64_t* after,
                                       const pynn_array* dy, pynn_array* dx);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_PAD_H */
