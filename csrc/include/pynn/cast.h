/* Copies from one dtype to another: bool, uint8, int8 to int64, float32 and float64 (16-bit floats:
 * pynn/half.h). */
#ifndef PYNN_CAST_H
#define PYNN_CAST_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* out (C-contiguous) = x (any strides, the same shape) in out's dtype. Floats to integers drop the fraction;
 * NaN and numbers beyond int64 (int32, for narrower types) become the lowest integer, whose low bits a
 * narrower type gets; integers to narrower ones keep their low bits; to bool: whether an element is not 0,
 * NaN is not. */
PYNN_API pynn_status pynn_cast(const pynn_array* x, pynn_array* out);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_CAST_H */
