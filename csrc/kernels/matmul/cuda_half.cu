// Products of 16-bit floats on the tensor cores of sm_80.
#include "kernels/matmul/cuda_mma_launch.h"

namespace pynn::cuda {
namespace {

template <class T>
Status run(const Plan& plan, void* parts, cudaStream_t stream) {
  return plan.large ? run_mma<LargeTile<T>>(plan, parts, stream) : run_mma<SmallTile<T>>(plan, parts, stream);
}

}  // namespace

Status launch_mma_half(const Plan& plan, void* parts, cudaStream_t stream) {
  return plan.g.dtype == PYNN_FLOAT16 ? run<__half>(plan, parts, stream)
                                      : run<__nv_bfloat16>(plan, parts, stream);
}

}  // namespace pynn::cuda
