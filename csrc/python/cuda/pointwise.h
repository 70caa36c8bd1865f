// Pointwise kernels over arrays and numbers: what bind_elementwise.cpp and its neighbours share.
#pragma once
#include "arrays.h"
#include "pynn/elementwise.h"
#include "pynn/pointwise.h"

namespace pynn::cuda {

// out = op(x), where `out` is null into a new array of x's order. None for dtypes that have no kernel.
PyObject* run_unary(const Call& call, pynn_unary_op op, const Array& x, double alpha, double beta,
                    const Array* out = nullptr);

// out = op(a, b) broadcast; a null pointer stands for `value`, a Python number.
PyObject* run_binary(const Call& call, pynn_binary_op op, const Array* a, const Array* b, double value,
                     double alpha, double beta, const Array* out = nullptr);

// The same of pynn/pointwise.h's operations, over Python objects that are arrays or numbers; `out`: to write
// to.
PyObject* run_pointwise(const Call& call, pynn_pointwise_op op, PyObject* const* operands, int count,
                        double alpha = 0, const Array* out = nullptr);

}  // namespace pynn::cuda
