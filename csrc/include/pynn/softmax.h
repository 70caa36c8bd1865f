/* Softmax along a dimension (float32, float64), and over rows, and cross-entropy with class indices (float32).
 *
 * A matrix is rows x cols with contiguous columns; its stride is the distance of two rows in
 * elements. Outputs may be the input itself. Rows with NaN or +inf, or of -inf only, give NaN. */
#ifndef PYNN_SOFTMAX_H
#define PYNN_SOFTMAX_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pynn_softmax_op {
  PYNN_SOFTMAX, PYNN_LOG_SOFTMAX,
  PYNN_LOGSUMEXP, /* log(sum(exp(x))): out has no dimension `dim`; a row of -inf gives -inf */
  PYNN_SOFTMAX_COUNT
} pynn_softmax_op;

/* out = op(x) along dim; contiguous arrays of float32 or float64. No array is transposed or copied. */
PYNN_API pynn_status pynn_softmax(pynn_softmax_op op, const pynn_array* x, int dim, pynn_array* out);
/* The gradient of PYNN_SOFTMAX and PYNN_LOG_SOFTMAX from that of its output y. */
PYNN_API pynn_status pynn_softmax_backward(pynn_softmax_op op, const pynn_array* grad, const pynn_array* y, int dim,
                                           pynn_array* dx);

/* The same over the rows of a matrix. */
PYNN_API pynn_status pynn_softmax_f32(int64_t rows, int64_t cols, const float* x, int64_t x_stride,
                                      float* out, int64_t out_stride);
PYNN_API pynn_status pynn_log_softmax_f32(int64_t rows, int64_t cols, const float* x, int64_t x_stride,
                                          float* out, int64_t out_stride);

/* grad: of the output y; dx = y * (grad - sum(grad * y)) */
PYNN_API pynn_status pynn_softmax_backward_f32(int64_t rows, int64_t cols, const float* grad,
                                               int64_t grad_stride, const float* y, int64_t y_stride,
                                               float* dx, int64_t dx_stride);
/* dx = grad - exp(y) * sum(grad) */
PYNN_API pynn_status pynn_log_softmax_backward_f32(int64_t rows, int64_t cols, const float* grad,
                                                   int64_t grad_stride, const float* y, int64_t y_stride,
                                                   float* dx, int64_t dx_stride);

/* What a cross-entropy is taken of: torch.nn.functional.cross_entropy with class indices. */
typedef struct pynn_cross_entropy {
  int64_t rows, cols; /* samples, classes */
  const float* x;     /* logits */
  int64_t x_stride;
  const int64_t* target; /* class of each row */
  const float* weight;   /* of each class, or NULL: all 1 */
  int64_t ignore_index;  /* rows with this target count nothing */
  float label_smoothing; /* 0 to 1 */
} pynn_cross_entropy;

/* loss[rows], and for the backward stats[2 * rows]: of each row its maximum m and log(sum(exp(x - m))), apart
 * because their sum, the log-sum-exp, would lose what is small beside a large m. A target that is neither a
 * class nor ignore_index is PYNN_INVALID. */
PYNN_API pynn_status pynn_cross_entropy_f32(const pynn_cross_entropy* args, float* loss, float* stats);

/* The mean of the rows' losses, weighted as torch does: *loss = sum(loss) / *total with *total the sum of the
 * targets' weights over the rows that count (0 of them: NaN). Summed in float64 in the order of rows. */
PYNN_API pynn_status pynn_cross_entropy_mean_f32(const pynn_cross_entropy* args, float* loss, float* total,
                                                 float* stats);

/* dx[rows, cols] for the gradient of each row's loss: grad[i * grad_stride], stride 0 = one for all rows.
 * divisor: NULL, or what every gradient is divided by: the mean's total. */
PYNN_API pynn_status pynn_cross_entropy_backward_f32(const pynn_cross_entropy* args, const float* stats,
                                                     const float* grad, int64_t grad_stride,
                                                     const float* divisor, float* dx, int64_t dx_stride);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_SOFTMAX_H */
