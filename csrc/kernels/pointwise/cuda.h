// Integer arithmetic, logic, comparisons and choices on a GPU: the operations of pynn/pointwise.h by its
// formulas (ops.h), and for 16-bit floats too where they take floats.
#pragma once
#include "cuda/strided.h"

namespace pynn::cuda {

// out = op(inputs...) over `shape`. operands: the inputs, then the output; inputs have one dtype, but for the
// condition of PYNN_P_WHERE, which is bool; the output's is theirs, of tests bool. Any strides; an input
// without data is a number (of WHERE its bits, in `whole`). The output may be an input, element for element.
// PYNN_UNSUPPORTED for dtypes that the operation does not take.
Status pointwise(pynn_pointwise_op op, int ndim, const int64_t* shape, const Operand* operands, double alpha,
                 cudaStream_t stream);

// The bits of a number as an element of that dtype: what an immediate of a copy or a choice is.
int64_t bits_of(double number, int64_t whole, int dtype);

}  // namespace pynn::cuda
