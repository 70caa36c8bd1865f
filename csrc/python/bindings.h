// What module.cpp puts together: one function a file.
#pragma once
#include "arrays.h"

namespace pynn::python {

// Each adds its family's kernels to the table that the native backend reads; false with an exception set.
bool register_elementwise(PyObject* kernels);
bool register_matmul(PyObject* kernels);
bool register_conv(PyObject* kernels);
bool register_softmax(PyObject* kernels);
bool register_optim(PyObject* kernels);
bool register_reduction(PyObject* kernels);
bool register_norm(PyObject* kernels);
bool register_loss(PyObject* kernels);

// cross_entropy and its gradient where the float32 rows of bind_softmax.cpp are not what came.
PyObject* any_cross_entropy(PyObject* const* args, Py_ssize_t count);
PyObject* any_cross_entropy_backward(PyObject* const* args, Py_ssize_t count);

}  // namespace pynn::python
