/* Batch, layer, root-mean-square and group normalization with their gradients. float32 and float64, one dtype
 * for all arrays of a call.
 *
 * Statistics are right to the last digits for data of any mean: blocks of elements take their deviations from
 * the block's own mean, and join in float64. The variance is the biased one.
 *
 * Layouts: of x (N, C, ...) the dimensions behind C must lie as one contiguous run ("runs"; samples and
 * channels may be any distance apart), or C must be contiguous and all others lie as rows of one distance
 * ("columns": (N, C), channels last). All arrays of x's shape in a call need the same one of the two; other
 * strides are PYNN_UNSUPPORTED. Rows of layer and root-mean-square norm are contiguous, at any one distance.
 * weight, bias, their gradients and statistics are contiguous. Outputs may be the inputs of their shape. */
#ifndef PYNN_NORM_H
#define PYNN_NORM_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y = act((x - mean) / sqrt(var + eps) * weight + bias), mean and var (C) of each channel over all else, which
 * are results too. weight, bias (C): NULL for 1 and 0. */
PYNN_API pynn_status pynn_batch_norm(const pynn_array* x, const pynn_array* weight, const pynn_array* bias,
                                     double eps, pynn_activation act, pynn_array* y, pynn_array* mean,
                                     pynn_array* var);

/* The same with mean and var (C) given: a trained layer at work. */
PYNN_API pynn_status pynn_batch_norm_fixed(const pynn_array* x, const pynn_array* mean,
                                           const pynn_array* var, const pynn_array* weight,
                                           const pynn_array* bias, double eps, pynn_activation act,
                                           pynn_array* y);

/* running = (1 - momentum) * running + momentum * batch for n values each; the batch's variance is first
 * multiplied by `correction`, count / (count - 1) for torch's. */
PYNN_API pynn_status pynn_batch_norm_update(const pynn_array* mean, const pynn_array* var, double momentum,
                                            double correction, pynn_array* running_mean,
                                            pynn_array* running_var);

/* What a backward pass is to compute; NULL: not wanted. mean, var: only of given statistics. */
typedef struct pynn_norm_gradients {
  pynn_array *x, *weight, *bias, *mean, *var;
} pynn_norm_gradients;

/* grad: of y. mean, var: as the forward pass gave or got them; `given` != 0 for the latter. bias is read for
 * act only: where the activation let nothing pass, grad counts as 0. */
PYNN_API pynn_status pynn_batch_norm_backward(const pynn_array* grad, const pynn_array* x,
                                              const pynn_array* mean, const pynn_array* var,
                                              const pynn_array* weight, const pynn_array* bias, double eps,
                                              pynn_activation act, int given,
                                              const pynn_norm_gradients* out);

/* y = (x - mean) * rstd * weight + bias over the last `dims` dimensions, rstd = 1 / sqrt(var + eps).
 * weight, bias: as many elements as those dimensions, or NULL. mean, rstd: an element a row. */
PYNN_API pynn_status pynn_layer_norm(const pynn_array* x, int dims, const pynn_array* weight,
                                     const pynn_array* bias, double eps, pynn_array* y, pynn_array* mean,
                                     pynn_array* rstd);
PYNN_API pynn_status pynn_layer_norm_backward(const pynn_array* grad, const pynn_array* x, int dims,
                                              const pynn_array* mean, const pynn_array* rstd,
                                              const pynn_array* weight, const pynn_norm_gradients* out);

/* y = x / sqrt(mean(x^2) + eps) * weight over the last `dims` dimensions. */
PYNN_API pynn_status pynn_rms_norm(const pynn_array* x, int dims, const pynn_array* weight, double eps,
                                   pynn_array* y);
PYNN_API pynn_status pynn_rms_norm_backward(const pynn_array* grad, const pynn_array* x, int dims,
                                            const pynn_array* weight, double eps,
                                            const pynn_norm_gradients* out);

/* As layer norm over each of `groups` groups of channels of x (N, C, ...), row-major; weight, bias (C);
 * mean, rstd (N, groups). groups == C is instance normalization. */
PYNN_API pynn_status pynn_group_norm(const pynn_array* x, int64_t groups, const pynn_array* weight,
                                     const pynn_array* bias, double eps, pynn_array* y, pynn_array* mean,
                                     pynn_array* rstd);
PYNN_API pynn_status pynn_group_norm_backward(const pynn_array* grad, const pynn_array* x, int64_t groups,
                                              const pynn_array* mean, const pynn_array* rstd,
                                              const pynn_array* weight, const pynn_norm_gradients* out);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_NORM_H */
