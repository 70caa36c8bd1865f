// Running sums, products and extremes along a dimension on the GPU: pynn/scan.h's. Row-major (outer, n, inner), along n;
// float and double, accumulated in double.
#pragma once
#include <cstdint>

#include "cuda/device.h"
#include "cuda/status.h"
#include "pynn/scan.h"

namespace pynn::cuda {

struct ScanShape {
  int64_t outer, n, inner;
};

// Scratch memory of any of the functions below.
int64_t scan_bytes(const ScanShape& shape);

// reverse: from the last element to the first.
template <class T>
Status scan(pynn_scan_op op, bool reverse, const ScanShape& shape, const T* x, T* out, void* scratch,
            cudaStream_t stream);
// The gradients of a product and of logcumsumexp; that of a sum is the sum in reverse.
template <class T>
Status scan_product_backward(const ScanShape& shape, const T* x, const T* dy, T* dx, void* scratch,
                             cudaStream_t stream);
template <class T>
Status scan_logsumexp_backward(const ScanShape& shape, const T* x, const T* out, const T* dy, T* dx, void* scratch,
                               cudaStream_t stream);
// Extremes so far and their places; of equal elements the later place, a NaN stays.
template <class T>
Status scan_extreme(bool smallest, const ScanShape& shape, const T* x, T* values, int64_t* places, void* scratch,
                    cudaStream_t stream);

}  // namespace pynn::cuda
