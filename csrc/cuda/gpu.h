// The device in use, as far as kernels are chosen by it.
#pragma once

namespace pynn::cuda {

struct Gpu {
  int major, minor;  // compute capability; 0, 0 where there is no device
  int processors;    // multiprocessors
};
// Of the calling thread's current device. Emulated: a small one of capability 8.0.
const Gpu& this_gpu();

}  // namespace pynn::cuda
