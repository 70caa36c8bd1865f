/* Scaled dot-product attention, softmax(q k' * scale + mask) v, without the matrix of weights in memory
 * (Vaswani and others, arXiv:1706.03762; Dao, arXiv:2307.08691).
 *
 * q (..., L, E), k (..., S, E), v (..., S, V), all float32 or all float64; the leading dimensions broadcast.
 * The last stride must be one element, all others may be anything (views of one packed projection), a multiple of
 * the element size. A row that sees nothing gives zeros. Threads share batches and runs of queries or keys, cut by
 * shape alone: the same bits for any number of threads.
 */
#ifndef PYNN_ATTENTION_H
#define PYNN_ATTENTION_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pynn_attention {
  const pynn_array *q, *k, *v;
  const pynn_array* mask; /* NULL; bool, true where a key is seen; or added to the scores. Broadcasts to (..., L, S) */
  int is_causal;          /* query i sees keys 0..i */
  double scale;
  /* Weights are dropped with probability dropout_p, 0 <= dropout_p < 1, and the others scaled by 1 / (1 - dropout_p):
   * as pynn_dropout does for an array (..., L, S) of weights. */
  double dropout_p;
  uint64_t seed, offset;
} pynn_attention;

/* out (..., L, V), last stride one element; lse (..., L), contiguous: the logarithm of each row's sum of
 * exponentials, which backward reads. */
PYNN_API pynn_status pynn_attention_forward(const pynn_attention* args, pynn_array* out, pynn_array* lse);

/* The gradients dq, dk, dv of q, k, v (shapes of theirs, last stride one element) from that of out (g) and of lse
 * (g_lse, contiguous, or NULL). q must not be broadcast, and k and v only both along the same dimensions: else
 * PYNN_UNSUPPORTED. The mask gets no gradient. */
PYNN_API pynn_status pynn_attention_backward(const pynn_attention* args, const pynn_array* out,
                                             const pynn_array* lse, const pynn_array* g, const pynn_array* g_lse,
                                             pynn_array* dq, pynn_array* dk, pynn_array* dv);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_ATTENTION_H */
