/* Copies of arrays with any strides (transposed, reversed, broadcast) to row-major memory, of any dtype, and arrays joined. */
#ifndef PYNN_COPY_H
#define PYNN_COPY_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* out: contiguous, of x's shape and dtype. */
PYNN_API pynn_status pynn_copy(const pynn_array* x, pynn_array* out);

/* Rows joined side by side: row r of out is the rows r of the parts, one behind the other. A part's rows hold bytes[i] bytes
 * and lie steps[i] bytes apart; those of out lie behind each other. */
PYNN_API pynn_status pynn_join(int64_t rows, int64_t parts, const void* const* x, const int64_t* bytes, const int64_t* steps,
                               void* out);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_COPY_H */
