#include "cuda/device.h"
#include "cuda/gpu.h"

namespace pynn::cuda {

#if defined(PYNN_CUDA_EMULATION)

namespace {
Gpu emulated = {8, 0, 2};
}
const Gpu& this_gpu() { return emulated; }
void set_gpu(const Gpu& gpu) { emulated = gpu; }

#else

const Gpu& this_gpu() {
  static thread_local Gpu gpu = {0, 0, 1};
  static thread_local int known = -1;  // the device that gpu describes
  int device = 0;
  if (cudaGetDevice(&device) != cudaSuccess) {
    (void)cudaGetLastError();
    device = -1;
  }
  if (device == known) return gpu;
  gpu = {0, 0, 1};
  known = device;
  if (device >= 0 &&
      (cudaDeviceGetAttribute(&gpu.major, cudaDevAttrComputeCapabilityMajor, device) != cudaSuccess ||
       cudaDeviceGetAttribute(&gpu.minor, cudaDevAttrComputeCapabilityMinor, device) != cudaSuccess ||
       cudaDeviceGetAttribute(&gpu.processors, cudaDevAttrMultiProcessorCount, device) != cudaSuccess)) {
    (void)cudaGetLastError();
    gpu = {0, 0, 1};
  }
  return gpu;
}

#endif

}  // namespace pynn::cuda
