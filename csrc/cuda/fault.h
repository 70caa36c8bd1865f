// Indices out of range. Reading one index back would make the host wait for the device, so kernels leave such places out
// and say so in memory that both sides see; the extension looks there at its next call and raises what it finds.
#pragma once
#include <cstdint>

#include "cuda/device.h"

namespace pynn::cuda {

struct Fault {
  int64_t index, size;  // one of the wrong indices, and the size it is outside of
  int32_t raised;
};

#if defined(__CUDACC__) || defined(PYNN_CUDA_EMULATION)
PYNN_DEVICE void report(Fault* fault, int64_t index, int64_t size) {
  volatile Fault* to = fault;
  if (to->raised) return;
  to->index = index;
  to->size = size;
  __threadfence_system();
  to->raised = 1;
}

// The place that an index means in a dimension, where negative ones count from its end if `wrap`; -1, and reported, where
// there is none.
PYNN_DEVICE int64_t place_of(int64_t index, int64_t size, bool wrap, Fault* fault) {
  const int64_t place = wrap && index < 0 ? index + size : index;
  if (uint64_t(place) < uint64_t(size)) return place;
  report(fault, index, size);
  return -1;
}
#endif

}  // namespace pynn::cuda
