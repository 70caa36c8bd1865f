// Device memory set, filled and copied on a stream; for kernels' hosts and for bindings.
#pragma once
#include <cstdint>
#include <cstring>

#include "cuda/device.h"
#include "cuda/status.h"

namespace pynn::cuda {

#if defined(PYNN_CUDA_EMULATION)

inline Status fill_bytes(void* to, int value, int64_t bytes, cudaStream_t) {
  if (bytes > 0) std::memset(to, value, size_t(bytes));
  return Status();
}
inline Status upload(void* to, const void* from, int64_t bytes, cudaStream_t) {
  if (bytes > 0) std::memcpy(to, from, size_t(bytes));
  return Status();
}
inline Status copy_bytes(void* to, const void* from, int64_t bytes, cudaStream_t stream) {
  return upload(to, from, bytes, stream);
}

#else

inline Status moved(cudaError_t error, int64_t bytes) {
  if (error == cudaSuccess) return Status();
  (void)cudaGetLastError();  // not to be found by the next launch
  return Status(PYNN_INVALID, "%s (%s), at %lld bytes of device memory", cudaGetErrorString(error),
                cudaGetErrorName(error), (long long)bytes);
}

// Every byte becomes `value`.
inline Status fill_bytes(void* to, int value, int64_t bytes, cudaStream_t stream) {
  return bytes > 0 ? moved(cudaMemsetAsync(to, value, size_t(bytes), stream), bytes) : Status();
}
// Host memory, which may change as soon as this returns, to the device.
inline Status upload(void* to, const void* from, int64_t bytes, cudaStream_t stream) {
  return bytes > 0 ? moved(cudaMemcpyAsync(to, from, size_t(bytes), cudaMemcpyHostToDevice, stream), bytes) : Status();
}
inline Status copy_bytes(void* to, const void* from, int64_t bytes, cudaStream_t stream) {
  return bytes > 0 ? moved(cudaMemcpyAsync(to, from, size_t(bytes), cudaMemcpyDeviceToDevice, stream), bytes) : Status();
}

#endif

}  // namespace pynn::cuda
