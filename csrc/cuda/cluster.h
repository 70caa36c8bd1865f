// Waiting beyond the block: named barriers of some of its warps, clusters (sm_90) and whole grids of cooperative
// launches.
#pragma once
#include "cuda/device.h"

#if defined(__CUDACC__)
#include <cooperative_groups.h>
#endif

namespace pynn::cuda {

// Waits for `threads` threads, whole warps, at barrier `id`: 1 to 15; __syncthreads() is 0.
PYNN_DEVICE void named_barrier(int id, int threads) {
#if defined(PYNN_CUDA_EMULATION)
  emulation::named_barrier(id, threads);
#else
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
#endif
}

// All threads of a cooperative launch. Writes before it are seen after it.
PYNN_DEVICE void grid_sync() {
#if defined(PYNN_CUDA_EMULATION)
  emulation::grid_barrier();
#else
  cooperative_groups::this_grid().sync();
#endif
}

#if defined(PYNN_CUDA_EMULATION)
PYNN_DEVICE void cluster_sync() { emulation::cluster_barrier(); }
PYNN_DEVICE unsigned cluster_rank() { return emulation::cluster_rank(); }
// Where a pointer into dynamic shared memory points in another block of the cluster.
template <class T>
PYNN_DEVICE T* cluster_shared(T* own, unsigned rank) {
  char* base = static_cast<char*>(emulation::dynamic_shared());
  return reinterpret_cast<T*>(static_cast<char*>(emulation::dynamic_shared_of(rank)) +
                              (reinterpret_cast<char*>(own) - base));
}
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
PYNN_DEVICE void cluster_sync() { cooperative_groups::this_cluster().sync(); }
PYNN_DEVICE unsigned cluster_rank() { return cooperative_groups::this_cluster().block_rank(); }
template <class T>
PYNN_DEVICE T* cluster_shared(T* own, unsigned rank) {
  return cooperative_groups::this_cluster().map_shared_rank(own, rank);
}
#endif

// cluster_sync() in two parts, with work between them. What any thread of the cluster wrote before it arrived is there for
// all of them after waiting, in device memory if it is read past the first-level cache. Every arrival needs its wait
// before the next. Kernels that are launched with and without clusters may have them: below sm_90 they trap.
PYNN_DEVICE void cluster_arrive() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
#elif defined(__CUDA_ARCH__)
  __trap();
#endif
}
PYNN_DEVICE void cluster_wait() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#elif defined(__CUDA_ARCH__)
  __trap();
#elif defined(PYNN_CUDA_EMULATION)
  emulation::cluster_barrier();  // arrival and waiting in one
#endif
}

}  // namespace pynn::cuda
