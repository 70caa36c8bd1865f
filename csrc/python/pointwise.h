// What the bindings of pointwise kernels share.
#pragma once
#include "arrays.h"

namespace pynn::python {

// The broadcast shape of two arrays; false where their shapes do not broadcast.
bool broadcast(PyArrayObject* a, PyArrayObject* b, int* ndim, npy_intp* shape);

// Whether x, written to, may be read as y too: apart from it, or the very same elements.
bool safe_alias(PyArrayObject* x, PyArrayObject* y);

// op over `count` arrays and Python numbers, into a new array or into `out` (a borrowed reference: an array
// that the operands broadcast to). None for "not mine".
PyObject* run_pointwise(pynn_pointwise_op op, PyObject* const* operands, int count, double alpha = 0,
                        PyArrayObject* out = nullptr);

// The float kernels of bind_elementwise.cpp: into a new array, or into `out` (whose reference is taken over).
PyObject* run_unary(pynn_unary_op op, PyArrayObject* x, double alpha, double beta, PyArrayObject* out = nullptr);
PyObject* run_binary(pynn_binary_op op, PyArrayObject* a, PyArrayObject* b, double alpha, double beta,
                     PyArrayObject* out);

// A new reference to x, or to a C-contiguous copy of it; nullptr with an exception set, or for no float array.
PyArrayObject* dense(PyArrayObject* x);

}  // namespace pynn::python
