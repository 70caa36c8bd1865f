// The device in use, as far as kernels are chosen by it.
#pragma once

namespace pynn::cuda {

struct Gpu {
  int major, minor;  // compute capability; 0, 0 where there is no device
  int processors;    // multiprocessors
};
// Of the calling thread's current device. Emulated: a small one of capability 8.0.
const Gpu& this_gpu();
#if defined(PYNN_CUDA_EMULATION)
void set_gpu(const Gpu& gpu);  // for tests: what the emulated one is from now on
#endif

}  // namespace pynn::cuda
