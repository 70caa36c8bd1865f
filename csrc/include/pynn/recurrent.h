/* Recurrent layers over whole sequences: one layer in one direction. float32 and float64.
 *
 *   rnn   h = act(W_ih x + b_ih + W_hh h' + b_hh), act tanh or relu
 *   lstm  i, f, o = sigmoid, g = tanh (of the same sums); c = f c' + i g; h = o tanh(c), or W_hr (o tanh(c))
 *   gru   r, z = sigmoid (of the same sums); n = tanh(W_in x + b_in + r (W_hn h' + b_hn)); h = (1 - z) n + z h'
 *
 * Rows of the weights are ordered as torch's: lstm i, f, g, o; gru r, z, n. All arrays are C-contiguous. */
#ifndef PYNN_RECURRENT_H
#define PYNN_RECURRENT_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pynn_cell {
  PYNN_CELL_RNN_TANH = 0,
  PYNN_CELL_RNN_RELU = 1,
  PYNN_CELL_LSTM = 2,
  PYNN_CELL_GRU = 3,
  PYNN_CELL_COUNT
} pynn_cell;

typedef struct pynn_recurrent {
  int32_t cell;    /* pynn_cell */
  int32_t dtype;   /* PYNN_FLOAT32 or PYNN_FLOAT64: of every array below */
  int32_t reverse; /* not 0: from the last step to the first */
  int64_t steps, batch, input, hidden;
  int64_t projection;   /* of lstm: size of h, less than hidden; 0: h has size hidden */
  const int64_t* sizes; /* NULL: every step has `batch` rows. Else sequences of several lengths, longest first:
                           how many reach each step; sizes[0] == batch, never growing, at least 1. The rows of
                           all steps follow one another in x and y. */
  const void* w_ih;     /* (gates * hidden, input) */
  const void* w_hh;     /* (gates * hidden, size of h) */
  const void* b_ih;     /* (gates * hidden) or NULL, as the next */
  const void* b_hh;
  const void* w_hr; /* (projection, hidden); NULL where projection is 0 */
} pynn_recurrent;

/* Elements a row of what backward needs beside y: lstm 5 * hidden (the gates i, f, g, o and the cell), gru
 * 4 * hidden (r, z, n and W_hn h' + b_hn), rnn 0. */
PYNN_API int64_t pynn_recurrent_held(const pynn_recurrent* layer);

/* x (rows of all steps, input), h0 (batch, size of h), c0 (batch, hidden; of lstm, else NULL) ->
 * y (rows of all steps, size of h), h_n and c_n as h0 and c0: each sequence's state after its last step.
 * held: (rows of all steps, pynn_recurrent_held()), or NULL where no backward follows: then memory for some steps
 * only is used. Rows without a sequence keep nothing. */
PYNN_API pynn_status pynn_recurrent_forward(const pynn_recurrent* layer, const void* x, const void* h0,
                                            const void* c0, void* y, void* h_n, void* c_n, void* held);

/* What forward was given and gave, the gradients of its results (NULL: zero), and where the gradients of its
 * inputs go (NULL: not wanted). */
typedef struct pynn_recurrent_gradients {
  const void *x, *h0, *c0, *y, *held;
  const void *dy, *dh_n, *dc_n, *dheld;
  void *dx, *dh0, *dc0;
  void *dw_ih, *dw_hh, *db_ih, *db_hh, *dw_hr;
} pynn_recurrent_gradients;

PYNN_API pynn_status pynn_recurrent_backward(const pynn_recurrent* layer,
                                             const pynn_recurrent_gradients* gradients);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_RECURRENT_H */
