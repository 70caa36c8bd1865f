// What module.cpp puts together: one function a file.
#pragma once
#include "arrays.h"

namespace pynn::python {

// Each adds its family's kernels to the table that the native backend reads; false with an exception set.
#define PYNN_BINDING(family) bool register_##family(PyObject* kernels);
#include "families.inc"
#undef PYNN_BINDING

// bind_half.cpp: x between a 16-bit float and float32; nullptr, no exception set, for any other pair of dtypes.
PyObject* convert_half(PyArrayObject* x, int type);
// Conversions to and from 16-bit floats, which the door asks for by name.
PyObject* convert_function(PyObject*, PyObject* const* args, Py_ssize_t count);
PyObject* set_bfloat16_function(PyObject*, PyObject* dtype);

// bind_loss.cpp: cross_entropy and its gradient where the float32 rows of bind_softmax.cpp are not what came.
PyObject* any_cross_entropy(PyObject* const* args, Py_ssize_t count);
PyObject* any_cross_entropy_backward(PyObject* const* args, Py_ssize_t count);

}  // namespace pynn::python
