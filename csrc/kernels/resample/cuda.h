// Resizing on the GPU: pynn/resample.h's modes.
#pragma once
#include <cstdint>

#include "cuda/device.h"
#include "cuda/status.h"
#include "pynn/resample.h"

namespace pynn::cuda {

// Up to three dimensions, innermost last; missing ones have size 1. Row-major planes; sizes from 1 to 2^31.
struct ResampleShape {
  pynn_resample_mode mode;
  bool align_corners;
  int64_t planes;
  int64_t in[3], out[3];
  double scale[3];  // input elements an output element; 0: in / out
};

// Scratch memory of the two: tables of places and weights, made on the device.
int64_t resample_bytes(const ResampleShape& shape);
// float, double and 16-bit floats.
template <class T>
Status resample(const ResampleShape& shape, const T* x, T* out, void* scratch, cudaStream_t stream);
template <class T>
Status resample_backward(const ResampleShape& shape, const T* dy, T* dx, void* scratch, cudaStream_t stream);

}  // namespace pynn::cuda
