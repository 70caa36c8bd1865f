// What every kernel file includes first: CUDA C++ as nvcc has it, or its emulation on the CPU (emulation.h).
//
// Kernels are plain CUDA C++ with four rules, so that one source is both:
//   * launched by launch() (launch.h), never by <<< >>>;
//   * dynamic shared memory by PYNN_DYNAMIC_SHARED;
//   * PTX only in the inline functions of csrc/cuda/, which have an emulated form beside the assembly;
//   * a thread that waits for another block calls __nanosleep() in its loop.
#pragma once

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#elif defined(PYNN_CUDA_EMULATION)
#include "cuda/emulation.h"
#else  // the host's side of the extension: streams, error codes and the names of element types
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>
#endif

#if defined(__CUDACC__)
// `name` points to the block's dynamic shared memory, aligned to 1024 bytes.
#define PYNN_DYNAMIC_SHARED(type, name)                                  \
  extern __shared__ __align__(1024) unsigned char pynn_dynamic_shared[]; \
  type* const name = reinterpret_cast<type*>(pynn_dynamic_shared)
#endif

#if defined(__CUDACC__) || defined(PYNN_CUDA_EMULATION)
#define PYNN_KERNELS 1  // kernels are being compiled, not only what calls their launching functions
#define PYNN_DEVICE __device__ __forceinline__
#define PYNN_DEVICE_CALL __device__ __noinline__  // a function of its own: for large switches
#else
#define PYNN_DEVICE inline
#define PYNN_DEVICE_CALL inline
#endif
