/* Copies of arrays with any strides (transposed, reversed, broadcast) to row-major memory, of any dtype. */
#ifndef PYNN_COPY_H
#define PYNN_COPY_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* out: contiguous, of x's shape and dtype. */
PYNN_API pynn_status pynn_copy(const pynn_array* x, pynn_array* out);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_COPY_H */
