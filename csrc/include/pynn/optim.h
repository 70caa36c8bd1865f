/* Optimizer steps over many float32 tensors in one call: torch's single-tensor formulas.
 *
 * count tensors of sizes[i] contiguous elements; params[i], grads[i] and the states are their
 * data. A tensor whose gradient is NULL is left alone, its step count too. */
#ifndef PYNN_OPTIM_H
#define PYNN_OPTIM_H
#include "pynn/pynn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pynn_sgd {
  double lr, momentum, dampening, weight_decay;
  int nesterov, maximize;
} pynn_sgd;

/* buffers: momentum buffers, may be NULL where momentum is 0. first[i] != 0: buffers[i] holds nothing yet
 * and is set to the gradient; first NULL: all hold something. */
PYNN_API pynn_status pynn_sgd_f32(const pynn_sgd* options, int64_t count, const int64_t* sizes,
                                  float* const* params, const float* const* grads, float* const* buffers,
                                  const uint8_t* first);

typedef struct pynn_adam {
  double lr, beta1, beta2, eps, weight_decay;
  int decoupled; /* 1 = AdamW: the weights shrink by lr * weight_decay, the gradient stays */
  int amsgrad, maximize;
} pynn_adam;

/* steps[i]: one float32, how many steps tensor i has taken; incremented here. max_exp_avg_sqs may be NULL
 * without amsgrad. */
PYNN_API pynn_status pynn_adam_f32(const pynn_adam* options, int64_t count, const int64_t* sizes,
                                   float* const* params, const float* const* grads, float* const* exp_avgs,
                                   float* const* exp_avg_sqs, float* const* max_exp_avg_sqs,
                                   float* const* steps);

typedef struct pynn_rmsprop {
  double lr, alpha, eps, momentum, weight_decay;
  int centered, maximize;
} pynn_rmsprop;

/* grad_avgs may be NULL where not centered, buffers where momentum is 0. steps may be NULL: the formulas do
 * not need it; else each is incremented. */
PYNN_API pynn_status pynn_rmsprop_f32(const pynn_rmsprop* options, int64_t count, const int64_t* sizes,
                                      float* const* params, const float* const* grads,
                                      float* const* square_avgs, float* const* grad_avgs,
                                      float* const* buffers, float* const* steps);

#ifdef __cplusplus
}
#endif
#endif /* PYNN_OPTIM_H */
