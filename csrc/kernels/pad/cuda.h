// Padding on the GPU: pynn/pad.h's.
#pragma once
#include <cstdint>

#include "cuda/device.h"
#include "cuda/status.h"
#include "pynn/pad.h"

namespace pynn::cuda {

struct PadShape {
  pynn_pad_mode mode;
  int ndim;
  int64_t in[PYNN_MAX_DIMS], before[PYNN_MAX_DIMS], after[PYNN_MAX_DIMS];
  int64_t step[PYNN_MAX_DIMS];  // of the unpadded array, in elements
};

// y = x padded, row-major; elements of 1, 2, 4 or 8 bytes. value: one element in host memory, null for zero.
Status pad(const PadShape& shape, int64_t element_bytes, const void* value, const void* x, void* y,
           cudaStream_t stream);
// dx (row-major; step is not read) = of every place the sum of where it went to. Not PYNN_PAD_CONSTANT. float, double and
// 16-bit floats.
template <class T>
Status pad_backward(const PadShape& shape, const T* dy, T* dx, cudaStream_t stream);

}  // namespace pynn::cuda
