// CUDA C++ as host code: what csrc/kernels/*/cuda*.cu use of it, for tests where there is no GPU.
//
// A launch runs its blocks one after another on the calling thread; a block's threads are fibers that change
// over where they wait: at __syncthreads(), __syncwarp(), shuffles, votes and reductions of a warp, named
// barriers. A cooperative launch runs all its blocks at once, a cluster launch those of a cluster. Nothing
// runs in parallel, so atomics are plain arithmetic; memory is the host's.
//
// What a GPU leaves undefined is an error here, and the launch says which thread of which block: a barrier
// that some threads do not reach, a shuffle from a lane outside its mask, lanes of one mask in different
// collectives, a launch over the device's limits, a write past the end of dynamic shared memory. Shared
// memory starts as NaN (all bits set). PYNN_EMULATION_ORDER=reverse, or set_order(), runs threads last first:
// a race for shared memory that the order of threads hides in one run shows in the other.
//
// `__shared__` variables are static: one copy for all blocks, so kernels of cooperative and cluster launches
// use dynamic shared memory, which each block has of its own.
#pragma once
#include <math.h>  // exp(float) and the like without std::, as CUDA has them

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __shared__ static
#define __noinline__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __grid_constant__
#ifndef __restrict__
#define __restrict__ __restrict
#endif

#include "cuda/emulation_half.h"
#include "cuda/emulation_types.h"

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

namespace pynn::emulation {

struct Launch {
  dim3 grid, block;
  size_t shared_bytes = 0;
  unsigned cluster = 1;  // blocks of one cluster, along x
  bool cooperative = false;
};

// Runs `body` once a thread of the grid. "" on success, else what went wrong and where.
std::string run(const Launch& launch, const std::function<void()>& body);

enum class Order { forward, reverse };
void set_order(Order order);

// The calling thread's place.
void* dynamic_shared();
void* dynamic_shared_of(unsigned rank);  // that of another block of the cluster
unsigned cluster_rank();
unsigned lane();
unsigned active_mask();  // the lanes of the warp that have not returned

// ---- waiting ----
void block_barrier(const char* name);
void named_barrier(int id, int threads);
void grid_barrier();
void cluster_barrier();
void pause();  // lets the others run

// All threads of the block give a number: how many are not 0 (the block's votes).
int block_count(int predicate);

// A step that the lanes of `mask` take together: each gives the address of its arguments, and where the last
// one arrives `resolve` is called once with all of them (null for lanes that are not in the mask) and writes
// their results into them.
using Resolve = void (*)(void* const* lanes, unsigned mask);
void collective(const char* name, unsigned mask, void* arguments, Resolve resolve);

// Ends the launch with this message; does not return. printf-style.
[[noreturn]] void stop(const char* format, ...) __attribute__((format(printf, 1, 2)));

template <class T>
struct Shuffle {
  T value;
  int source;  // the lane it reads, -1 for its own
  T result;
};
template <class T>
void resolve_shuffle(void* const* lanes, unsigned mask) {
  for (int i = 0; i < 32; ++i) {
    if (!(mask >> i & 1)) continue;
    auto* own = static_cast<Shuffle<T>*>(lanes[i]);
    const int from = own->source < 0 ? i : own->source;
    if (!lanes[from]) stop("lane %d shuffles from lane %d, which takes no part (mask %08x)", i, from, mask);
    own->result = static_cast<Shuffle<T>*>(lanes[from])->value;
  }
}
template <class T>
T shuffle(const char* name, unsigned mask, T value, int source) {
  Shuffle<T> own = {value, source, value};
  collective(name, mask, &own, &resolve_shuffle<T>);
  return own.result;
}

struct Vote {
  unsigned value, result;
};
inline void resolve_ballot(void* const* lanes, unsigned mask) {
  unsigned bits = 0;
  for (int i = 0; i < 32; ++i) bits |= mask >> i & 1 && static_cast<Vote*>(lanes[i])->value ? 1u << i : 0;
  for (int i = 0; i < 32; ++i) {
    if (mask >> i & 1) static_cast<Vote*>(lanes[i])->result = bits;
  }
}
inline unsigned ballot(const char* name, unsigned mask, int predicate) {
  Vote own = {unsigned(predicate != 0), 0};
  collective(name, mask, &own, &resolve_ballot);
  return own.result;
}

template <class T, class Op>
struct Folded {
  T value, result;
  static void resolve(void* const* lanes, unsigned mask) {
    bool first = true;
    T all{};
    for (int i = 0; i < 32; ++i) {
      if (!(mask >> i & 1)) continue;
      const T own = static_cast<Folded*>(lanes[i])->value;
      all = first ? own : Op()(all, own);
      first = false;
    }
    for (int i = 0; i < 32; ++i) {
      if (mask >> i & 1) static_cast<Folded*>(lanes[i])->result = all;
    }
  }
};
template <class Op, class T>
T fold(const char* name, unsigned mask, T value) {
  Folded<T, Op> own = {value, value};
  collective(name, mask, &own, &Folded<T, Op>::resolve);
  return own.result;
}
struct Least {
  template <class T>
  T operator()(T a, T b) const {
    return b < a ? b : a;
  }
};
struct Most {
  template <class T>
  T operator()(T a, T b) const {
    return a < b ? b : a;
  }
};

}  // namespace pynn::emulation

#define PYNN_DYNAMIC_SHARED(type, name) \
  type* const name = static_cast<type*>(::pynn::emulation::dynamic_shared())

#include "cuda/emulation_intrinsics.h"
