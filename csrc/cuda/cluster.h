// How the blocks of a cluster wait for one another (sm_90).
#pragma once
#include "cuda/device.h"

namespace pynn::cuda {

// All threads of the cluster arrive, then wait; what any of them wrote before is there for all of them afterwards, in
// device memory if it is read past the first-level cache. Every arrival needs its wait before the next.
PYNN_DEVICE void cluster_arrive() {
#if defined(__CUDA_ARCH__)
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
#else
  __trap();  // never launched as clusters
#endif
#endif
}
PYNN_DEVICE void cluster_wait() {
#if defined(__CUDA_ARCH__)
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#else
  __trap();
#endif
#elif defined(PYNN_CUDA_EMULATION)
  emulation::cluster_barrier();  // arrival and waiting in one
#endif
}

}  // namespace pynn::cuda
