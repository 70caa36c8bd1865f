// Batch, layer, root-mean-square and group normalization on a GPU, and their gradients; what they compute is
// pynn/norm.h's. float32 and float64, one dtype for all arrays of a call.
#pragma once
#include "cuda/reduce.h"
#include "pynn/norm.h"

namespace pynn::cuda {

// A dense array seen as (outer, channels, inner): row-major (N, C, ...), or with inner 1 where channels lie
// last.
struct Channels {
  int dtype;
  int64_t outer, channels, inner;
};
size_t batch_norm_workspace(const Channels& shape);
// Mean and biased variance of each channel, and y = (x - mean) / sqrt(var + eps) * weight + bias. weight,
// bias: or null.
Status batch_norm(const Channels& shape, const void* x, const void* weight, const void* bias, double eps,
                  void* y, void* mean, void* var, void* workspace, cudaStream_t stream);
// The same with mean and var given.
Status batch_norm_fixed(const Channels& shape, const void* x, const void* mean, const void* var,
                        const void* weight, const void* bias, double eps, void* y, cudaStream_t stream);
// running = (1 - momentum) running + momentum batch, the variance times `correction` first.
Status batch_norm_update(int dtype, int64_t channels, const void* mean, const void* var, double momentum,
                         double correction, void* running_mean, void* running_var, cudaStream_t stream);

// What is wanted of a gradient; null where not. mean, var: of given statistics.
struct NormGradients {
  void *x, *weight, *bias, *mean, *var;
};
// given: mean and var were arguments, not x's own.
Status batch_norm_backward(const Channels& shape, const void* grad, const void* x, const void* mean,
                           const void* var, const void* weight, double eps, bool given,
                           const NormGradients& out, void* workspace, cudaStream_t stream);

// Rows of contiguous elements that are normalised each: of layer norm (rows, columns), groups = inner = 1; of
// group norm rows are (N, groups), and each has columns / inner channels of `inner` elements. Parameters: one
// a column, or one a channel.
struct Rows {
  int dtype;
  int64_t rows, columns, groups, inner;
  int64_t channels() const { return groups * (columns / inner); }
};
// y = (x - mean) rstd weight + bias; mean and rstd (rows) are results too. centred false: of root-mean-square
// norm, which takes mean for 0 and writes neither (null).
Status row_norm(const Rows& shape, bool centred, const void* x, const void* weight, const void* bias,
                double eps, void* y, void* mean, void* rstd, cudaStream_t stream);
size_t row_norm_workspace(const Rows& shape);
// mean and rstd as row_norm made them; of root-mean-square norm null, and found again with eps.
Status row_norm_backward(const Rows& shape, bool centred, const void* grad, const void* x, const void* mean,
                         const void* rstd, const void* weight, double eps, const NormGradients& out,
                         void* workspace, cudaStream_t stream);

}  // namespace pynn::cuda
