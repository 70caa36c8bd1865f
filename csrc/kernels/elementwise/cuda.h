// Pointwise functions on a GPU: those of pynn/elementwise.h by the same formulas (ops.h).
#pragma once
#include "cuda/strided.h"

namespace pynn::cuda {

// out = op(x) and op(a, b) over `shape`. operands: the inputs, then the output; all of one floating-point
// dtype (float16 and bfloat16 are computed in float32 and rounded once), any strides; an input without data
// is a number. The output may be an input, element for element. PYNN_UNSUPPORTED for other dtypes.
Status unary(pynn_unary_op op, int ndim, const int64_t* shape, const Operand* operands, double alpha,
             double beta, cudaStream_t stream);
Status binary(pynn_binary_op op, int ndim, const int64_t* shape, const Operand* operands, double alpha,
              double beta, cudaStream_t stream);

}  // namespace pynn::cuda
