// Device memory set and filled on a stream.
#pragma once
#include <cstdint>
#include <cstring>

#include "cuda/launch.h"

namespace pynn::cuda {

// Every byte becomes `value`.
inline Status fill_bytes(void* to, int value, int64_t bytes, cudaStream_t stream) {
  if (bytes == 0) return Status();
#if defined(PYNN_CUDA_EMULATION)
  (void)stream;
  std::memset(to, value, size_t(bytes));
  return Status();
#else
  return check(cudaMemsetAsync(to, value, size_t(bytes), stream), Configuration{dim3(0), dim3(0)});
#endif
}

// Host memory, which may change as soon as this returns, to the device.
inline Status upload(void* to, const void* from, int64_t bytes, cudaStream_t stream) {
  if (bytes == 0) return Status();
#if defined(PYNN_CUDA_EMULATION)
  (void)stream;
  std::memcpy(to, from, size_t(bytes));
  return Status();
#else
  return check(cudaMemcpyAsync(to, from, size_t(bytes), cudaMemcpyHostToDevice, stream), Configuration{dim3(0), dim3(0)});
#endif
}

inline Status copy_bytes(void* to, const void* from, int64_t bytes, cudaStream_t stream) {
  if (bytes == 0) return Status();
#if defined(PYNN_CUDA_EMULATION)
  (void)stream;
  std::memcpy(to, from, size_t(bytes));
  return Status();
#else
  return check(cudaMemcpyAsync(to, from, size_t(bytes), cudaMemcpyDeviceToDevice, stream),
               Configuration{dim3(0), dim3(0)});
#endif
}

}  // namespace pynn::cuda
