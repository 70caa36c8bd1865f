// How x[pattern] places its index arrays, for the bindings of the CPU and of the GPU alike.
#pragma once
#include "values.h"

namespace pynn::python {

inline bool is_full_slice(PyObject* item) {
  if (!PySlice_Check(item)) return false;
  const auto* slice = reinterpret_cast<PySliceObject*>(item);
  return slice->start == Py_None && slice->stop == Py_None && slice->step == Py_None;
}

// Full slices, at most one ellipsis and "tensor" for each of `arrays` index arrays that stand side by side, over
// `ndim` dimensions of which they take `consumed`: how many dimensions lie before them. False for any other pattern.
inline bool read_pattern(PyObject* pattern, int ndim, int consumed, Py_ssize_t arrays, int* before) {
  if (!PyTuple_Check(pattern)) return false;
  int leading = 0, trailing = 0, dots = 0;  // dots: 1 before the arrays, 2 after
  Py_ssize_t found = 0;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(pattern); ++i) {
    PyObject* item = PyTuple_GET_ITEM(pattern, i);
    if (is_full_slice(item)) {
      ++(found ? trailing : leading);
    } else if (item == Py_Ellipsis && dots == 0) {
      dots = found ? 2 : 1;
    } else if (PyUnicode_Check(item) && PyUnicode_CompareWithASCIIString(item, "tensor") == 0) {
      if (found && (trailing || dots == 2)) return false;  // arrays apart
      ++found;
    } else {
      return false;
    }
  }
  const int rest = ndim - consumed - leading - trailing;
  if (found != arrays || rest < 0) return false;
  *before = dots == 1 ? leading + rest : leading;
  return true;
}

}  // namespace pynn::python
