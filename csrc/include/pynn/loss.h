/* Losses with their reduction, and their gradients: element by element, and over classes. float32 and float64,
 * one dtype for all arrays of a call but class indices. Sums join in float64 in a fixed order.
 * Arrays are contiguous (PYNN_UNSUPPORTED otherwise). */
#ifndef PYNN_LOSS_H
#define PYNN_LOSS_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pynn_reduction {
  PYNN_LOSS_NONE = 0, /* a loss an element, or a class index */
  PYNN_LOSS_MEAN = 1,
  PYNN_LOSS_SUM = 2
} pynn_reduction;

/* Of prediction x and target y, with the options that follow in this order. */
typedef enum pynn_loss_kind {
  PYNN_LOSS_MSE = 0,        /* (x - y)^2 */
  PYNN_LOSS_L1 = 1,         /* |x - y| */
  PYNN_LOSS_SMOOTH_L1 = 2,  /* beta */
  PYNN_LOSS_HUBER = 3,      /* delta */
  PYNN_LOSS_BCE = 4,        /* -(y log x + (1 - y) log(1 - x)), logarithms at least -100 */
  PYNN_LOSS_BCE_LOGITS = 5, /* the same of sigmoid(x) */
  PYNN_LOSS_KL_DIV = 6,     /* y (log y - x) */
  PYNN_LOSS_KL_DIV_LOG = 7, /* exp(y) (y - x) */
  PYNN_LOSS_POISSON_LOG = 8, /* exp(x) - x y; full (0 or 1): with Stirling's approximation of log(y!) for y > 1 */
  PYNN_LOSS_POISSON = 9,     /* x - y log(x + eps); full, eps */
  PYNN_LOSS_HINGE = 10,      /* x where y is not -1, plus max(0, margin - x) where y is not 1; margin */
  PYNN_LOSS_SOFT_MARGIN = 11, /* log(1 + exp(-x y)) */
  PYNN_LOSS_COUNT
} pynn_loss_kind;

/* options: as many as the kind has, at most 2; NULL where it has none. out: x's shape, or one element. The mean
 * over no elements is NaN. */
PYNN_API pynn_status pynn_loss(pynn_loss_kind kind, const pynn_array* x, const pynn_array* y,
                               const double* options, pynn_reduction reduction, pynn_array* out);

/* grad: of out. dx, dy: x's shape; NULL where not wanted. */
PYNN_API pynn_status pynn_loss_backward(pynn_loss_kind kind, const pynn_array* grad, const pynn_array* x,
                                        const pynn_array* y, const double* options,
                                        pynn_reduction reduction, pynn_array* dx, pynn_array* dy);

/* Cross-entropy of logits x (N, C, ...) with class indices target (N, ...), int64; with log_probabilities, x
 * holds those instead (torch's nll_loss). A mean divides by the weights of the targets that count. */
typedef struct pynn_class_loss {
  const pynn_array *x, *target;
  const pynn_array* weight; /* (C), or NULL */
  int64_t ignore_index;     /* targets that count nothing */
  double label_smoothing;   /* 0 to 1; 0 with log_probabilities */
  int log_probabilities;
  pynn_reduction reduction;
} pynn_class_loss;

/* out: target's shape, or one element. A target that is neither a class nor ignore_index is PYNN_INVALID. */
PYNN_API pynn_status pynn_class_loss_forward(const pynn_class_loss* args, pynn_array* out);
PYNN_API pynn_status pynn_class_loss_backward(const pynn_class_loss* args, const pynn_array* grad,
                                              pynn_array* dx);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_LOSS_H */
