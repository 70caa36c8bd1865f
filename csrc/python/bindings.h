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
bool register_pool(PyObject* kernels);
bool register_index(PyObject* kernels);
bool register_resample(PyObject* kernels);
bool register_copy(PyObject* kernels);

}  // namespace pynn::python
