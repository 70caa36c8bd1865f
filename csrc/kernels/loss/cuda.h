// Losses on a GPU with their reduction, and their gradients; what they compute is pynn/loss.h's.
#pragma once
#include "cuda/reduce.h"

namespace pynn::cuda {

// Of n elements of x and y, C-contiguous, of one floating-point dtype. options: two numbers, as the kind has.
struct PairLoss {
  pynn_loss_kind kind;
  int dtype;
  int64_t n;
  const void *x, *y;
  double options[2];
  pynn_reduction reduction;
};
size_t loss_workspace(const PairLoss& loss);
// out: n elements, or one. PYNN_UNSUPPORTED for no elements, and 2^31 or more.
Status loss_forward(const PairLoss& loss, void* out, void* workspace, cudaStream_t stream);
// grad: of out. dx, dy: null where not wanted.
Status loss_backward(const PairLoss& loss, const void* grad, void* dx, void* dy, cudaStream_t stream);

// Cross-entropy of logits x (samples, classes, inner) with class indices target (samples, inner), or the
// negative log-likelihood of log-probabilities. C-contiguous. A target that is neither a class nor
// ignore_index makes its loss and gradient NaN: finding it on the host would stop the stream.
struct ClassLoss {
  int dtype;
  int64_t samples, classes, inner;
  const void* x;  // null in the gradient of log-probabilities
  const int64_t* target;
  const void* weight;  // of each class, or null
  int64_t ignore_index;
  double smoothing;
  bool log_probabilities;
  pynn_reduction reduction;
};
size_t class_loss_workspace(const ClassLoss& loss);
// out: (samples, inner), or one element.
Status class_loss_forward(const ClassLoss& loss, void* out, void* workspace, cudaStream_t stream);
Status class_loss_backward(const ClassLoss& loss, const void* grad, void* dx, void* workspace,
                           cudaStream_t stream);

}  // namespace pynn::cuda
