/* Triangles of matrices. */
#ifndef PYNN_TRIANGLE_H
#define PYNN_TRIANGLE_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* out = x (any dtype, at least two dimensions) on and below the diagonal that lies `diagonal` places above
 * the main one (upper != 0: on and above), 0 elsewhere. The last two dimensions are the matrices'. Both are
 * C-contiguous; out may be x. */
PYNN_API pynn_status pynn_triangle(int upper, const pynn_array* x, int64_t diagonal, pynn_array* out);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_TRIANGLE_H */
