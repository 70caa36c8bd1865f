// What the launching functions of the paths share.
#pragma once
#include <algorithm>

#include "cuda/launch.h"
#include "kernels/matmul/cuda_plan.h"
#include "kernels/matmul/cuda_result.h"

namespace pynn::cuda {

inline BatchSteps steps_of(const Batches& batch) {
  BatchSteps steps = {};
  steps.dims = batch.dims;
  for (int d = 0; d < batch.dims; ++d) {
    steps.size[d] = int(batch.size[d]);
    steps.a[d] = batch.a[d];
    steps.b[d] = batch.b[d];
  }
  return steps;
}

inline int batches_of(const Gemm& g) {
  int64_t count = 1;
  for (int d = 0; d < g.batch.dims; ++d) count *= g.batch.size[d];
  return int(count);
}

// Where a product of matrices goes, row by row.
template <class T>
Result<T, DenseColumns> result_of(const Gemm& g, void* parts) {
  Result<T, DenseColumns> to = {};
  to.c = static_cast<T*>(g.c);
  to.row_step = g.n;
  to.batch_step = g.m * g.n;
  to.bias = static_cast<const T*>(g.bias);
  to.relu = g.act == PYNN_ACT_RELU;
  to.m = int(g.m), to.n = int(g.n), to.batch = batches_of(g);
  to.parts = static_cast<Compute<T>*>(parts);
  return to;
}

// Adds the parts of the sums where there are any.
template <class T, class Columns>
Status finish(const Result<T, Columns>& to, int parts, cudaStream_t stream) {
  if (!to.parts) return Status();
  const int64_t blocks = std::min<int64_t>(ceil_div(int64_t(to.m) * to.n * to.batch, 256), 4096);
  return launch(combine_parts<T, Columns>, dim3(unsigned(blocks)), dim3(256), 0, stream, to, parts);
}

}  // namespace pynn::cuda
