// Copies between any strides on a GPU.
#pragma once
#include "cuda/strided.h"

namespace pynn::cuda {

// operands: x, then the output, of one item size. An input without data is its bits, in `whole`.
Status copy(int ndim, const int64_t* shape, const Operand* operands, cudaStream_t stream);

}  // namespace pynn::cuda
