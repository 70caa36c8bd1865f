// Starts a kernel: on a stream of the GPU, or at once on the CPU where CUDA is emulated.
//
//   PYNN_TRY(launch(softmax_rows<float>, dim3(rows), dim3(256), shared_bytes, stream, x, out, columns));
//
// Arguments are converted to the kernel's parameter types. A grid without blocks is no launch and no error.
#pragma once
#include <utility>

#include "cuda/device.h"
#include "cuda/status.h"

#if defined(PYNN_CUDA_EMULATION)
#include <tuple>
#endif

namespace pynn::cuda {

// How a kernel is to be run where a plain grid is not enough.
struct Configuration {
  dim3 grid, block;
  size_t shared_bytes = 0;
  cudaStream_t stream = nullptr;
  unsigned cluster = 1;      // blocks of one cluster, along x (sm_90)
  bool cooperative = false;  // all blocks are resident at once and may wait for one another
};

#if defined(PYNN_CUDA_EMULATION)

template <class... Params, class... Args>
Status launch(void (*kernel)(Params...), const Configuration& how, Args&&... args) {
  if (how.grid.x == 0 || how.grid.y == 0 || how.grid.z == 0) return Status();
  const std::tuple<Params...> values(Params(std::forward<Args>(args))...);
  const std::string error =
      emulation::run({how.grid, how.block, how.shared_bytes, how.cluster, how.cooperative},
                     [&] { std::apply(kernel, values); });
  return error.empty() ? Status() : Status(PYNN_INVALID, "%s", error.c_str());
}

#elif defined(__CUDACC__)

inline Status check(cudaError_t error, const Configuration& how) {
  if (error == cudaSuccess) return Status();
  (void)cudaGetLastError();  // not to be found by the next launch
  return Status(
      error == cudaErrorMemoryAllocation ? PYNN_NO_MEMORY : PYNN_INVALID,
      "%s (%s), at a grid of (%u, %u, %u) blocks of (%u, %u, %u) threads with %zu bytes of shared memory",
      cudaGetErrorString(error), cudaGetErrorName(error), how.grid.x, how.grid.y, how.grid.z, how.block.x,
      how.block.y, how.block.z, how.shared_bytes);
}

template <class... Params, class... Args>
Status launch(void (*kernel)(Params...), const Configuration& how, Args&&... args) {
  if (how.grid.x == 0 || how.grid.y == 0 || how.grid.z == 0) return Status();
  if (how.shared_bytes > 48 * 1024) {  // more than every kernel may have
    PYNN_TRY(check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                        cudaFuncAttributeMaxDynamicSharedMemorySize, int(how.shared_bytes)),
                   how));
  }
  cudaLaunchAttribute attributes[2] = {};
  cudaLaunchConfig_t config = {};
  config.gridDim = how.grid;
  config.blockDim = how.block;
  config.dynamicSmemBytes = how.shared_bytes;
  config.stream = how.stream;
  config.attrs = attributes;
  if (how.cooperative) {
    attributes[config.numAttrs].id = cudaLaunchAttributeCooperative;
    attributes[config.numAttrs++].val.cooperative = 1;
  }
  if (how.cluster > 1) {
    attributes[config.numAttrs].id = cudaLaunchAttributeClusterDimension;
    attributes[config.numAttrs].val.clusterDim.x = how.cluster;
    attributes[config.numAttrs].val.clusterDim.y = 1;
    attributes[config.numAttrs++].val.clusterDim.z = 1;
  }
  return check(cudaLaunchKernelEx(&config, kernel, Params(std::forward<Args>(args))...), how);
}

#endif

template <class... Params, class... Args>
Status launch(void (*kernel)(Params...), dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
              Args&&... args) {
  return launch(kernel, Configuration{grid, block, shared_bytes, stream}, std::forward<Args>(args)...);
}

}  // namespace pynn::cuda
