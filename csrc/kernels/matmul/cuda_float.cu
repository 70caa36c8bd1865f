// Products of float32 on the tensor cores of sm_80: TF32 in one pass, or in three as accurate as float32.
#include "kernels/matmul/cuda_mma_launch.h"

namespace pynn::cuda {

Status launch_mma_float(const Plan& plan, void* parts, cudaStream_t stream) {
  if (plan.split()) {
    return plan.large ? run_mma<LargeSplitTile>(plan, parts, stream)
                      : run_mma<SmallSplitTile>(plan, parts, stream);
  }
  return plan.large ? run_mma<LargeTile<float>>(plan, parts, stream)
                    : run_mma<SmallTile<float>>(plan, parts, stream);
}

}  // namespace pynn::cuda
