/* Elements and rows by index: embeddings, index_select, gather, scatter, masks, and their gradients.
 *
 * Indices are int64, row-major. Sums are made in the order of the indices, each by one thread: the same bits for any
 * number of threads. An index out of range is PYNN_INVALID, and nothing is written. */
#ifndef PYNN_INDEX_H
#define PYNN_INDEX_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An array (outer, count, row) of contiguous rows of `bytes` bytes, indexed along its middle by `indices`
 * indices; the selected rows are (outer, indices, row). wrap: indices from -count on count from the end. */
typedef struct pynn_rows {
  int64_t outer, count, indices, bytes;
  int32_t wrap;
} pynn_rows;

/* out[o, j] = x[o, index[j]] */
PYNN_API pynn_status pynn_take_rows(const pynn_rows* rows, const void* x, const int64_t* index, void* out);
/* x[o, index[j]] = source[o, j], of equal indices the last; one: source is one row, for all. */
PYNN_API pynn_status pynn_put_rows(const pynn_rows* rows, const int64_t* index, const void* source, int one, void* x);
/* x[o, index[j]] += scale[j] * source[o, j] for rows of float32 or float64 (dtype). scale: NULL for 1. skip: an
 * index that is left out, or -1. clear: x is set to 0 first. */
PYNN_API pynn_status pynn_add_rows(const pynn_rows* rows, int dtype, const int64_t* index, const void* source,
                                   const void* scale, int64_t skip, int clear, void* x);

/* out[.., j, ..] = x[.., index[.., j, ..], ..] along dim. index and out: of one shape, contiguous; x: any strides,
 * in the other dimensions at least as large. */
PYNN_API pynn_status pynn_gather(const pynn_array* x, int dim, const pynn_array* index, int wrap, pynn_array* out);
/* x[.., index[.., j, ..], ..] = source[.., j, ..] along dim, of equal indices the last; or, with add, += (float32
 * and float64). x: contiguous. source: at least as large as index, any strides, or a single element without
 * dimensions (not with add). */
PYNN_API pynn_status pynn_scatter(const pynn_array* index, int dim, int wrap, const pynn_array* source, int add,
                                  pynn_array* x);

/* index[0 .. *count): the places of bytes that are not 0; index has room for as many as there are. */
PYNN_API pynn_status pynn_nonzero(int64_t n, const unsigned char* mask, int64_t* index, int64_t* count);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_INDEX_H */
