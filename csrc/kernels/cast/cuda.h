// Conversions between all dtypes on a GPU.
#pragma once
#include "cuda/strided.h"

namespace pynn::cuda {

// operands: x, then the output of any dtype; any strides. To bool: whether an element is not 0. Floats to
// integers are cut; those out of range, and NaN, are whatever the GPU makes of them, as in torch.
Status cast(int ndim, const int64_t* shape, const Operand* operands, cudaStream_t stream);

}  // namespace pynn::cuda
