// Optimizer steps on the GPU, all tensors of a step in one launch: pynn/optim.h's formulas in its order of operations.
#pragma once
#include <cstdint>

#include "cuda/device.h"
#include "cuda/status.h"
#include "pynn/optim.h"

namespace pynn::cuda {

// float32 tensors, `count` of them; lists of device pointers in host memory. Step counts are device memory of one
// float each, counted up here: a launch of its own before the step, which also works out what follows from the count.
// Empty tensors may have null pointers.

// buffers: null where momentum is 0. first: the buffers hold nothing yet and become the gradients.
Status optim_sgd(const pynn_sgd& options, int64_t count, const int64_t* sizes, float* const* params,
                 const float* const* grads, float* const* buffers, bool first, cudaStream_t stream);

// max_exp_avg_sqs: null without amsgrad. Scratch memory: optim_adam_bytes(count).
int64_t optim_adam_bytes(int64_t count);
Status optim_adam(const pynn_adam& options, int64_t count, const int64_t* sizes, float* const* params,
                  const float* const* grads, float* const* exp_avgs, float* const* exp_avg_sqs,
                  float* const* max_exp_avg_sqs, float* const* steps, void* scratch, cudaStream_t stream);

// grad_avgs: null unless centered; buffers: null where momentum is 0.
Status optim_rmsprop(const pynn_rmsprop& options, int64_t count, const int64_t* sizes, float* const* params,
                     const float* const* grads, float* const* square_avgs, float* const* grad_avgs,
                     float* const* buffers, float* const* steps, cudaStream_t stream);

}  // namespace pynn::cuda
