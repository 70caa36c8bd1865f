// Softmax, log-softmax and log-sum-exp along a dimension on a GPU, and the gradients of the first two.
#pragma once
#include "cuda/device.h"
#include "cuda/status.h"
#include "pynn/softmax.h"

namespace pynn::cuda {

// A C-contiguous array seen as (outer, size, inner), worked on along `size`.
struct Along {
  int64_t outer, size, inner;
};

// out: x's shape, of LOGSUMEXP (outer, inner). Floating-point dtypes, computed in float32 or float64. Rows
// with NaN, or of -inf only, give NaN; log-sum-exp of -inf only is -inf. out may be x.
Status softmax(pynn_softmax_op op, int dtype, const Along& shape, const void* x, void* out,
               cudaStream_t stream);
// From the gradient of the output y. dx may be grad.
Status softmax_backward(pynn_softmax_op op, int dtype, const Along& shape, const void* grad, const void* y,
                        void* dx, cudaStream_t stream);

}  // namespace pynn::cuda
