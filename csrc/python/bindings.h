// What module.cpp puts together: one function a file.
#pragma once
#include "arrays.h"

namespace pynn::python {

// Each adds its family's kernels to the table that the native backend reads; false with an exception set.
#define PYNN_BINDING(family) bool register_##family(PyObject* kernels);
#include "families.inc"
#undef PYNN_BINDING

}  // namespace pynn::python
