// Python values that are no arrays, read by the bindings of the CPU and of the GPU alike.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdint>

namespace pynn::python {

using FastFunction = PyObject* (*)(PyObject* self, PyObject* const* args, Py_ssize_t count);

// What a kernel returns for arguments it does not take: the reference, or another backend, serves them.
inline PyObject* not_mine() { Py_RETURN_NONE; }

// A Python float or int (not an array) as double; false for anything else.
inline bool number(PyObject* object, double* out) {
  if (PyFloat_Check(object)) {
    *out = PyFloat_AS_DOUBLE(object);
    return true;
  }
  if (PyLong_Check(object)) {
    *out = PyLong_AsDouble(object);
    if (*out == -1.0 && PyErr_Occurred()) {
      PyErr_Clear();
      return false;
    }
    return true;
  }
  return false;
}

// A Python int that 64 bits hold; false for anything else.
inline bool integer(PyObject* object, int64_t* out) {
  if (!PyLong_Check(object)) return false;
  int overflow = 0;
  *out = PyLong_AsLongLongAndOverflow(object, &overflow);
  return overflow == 0;
}

// True or False; false for anything else.
inline bool truth(PyObject* object, bool* out) {
  *out = object == Py_True;
  return PyBool_Check(object);
}

// Whether an object is a tuple of at least `count` items.
inline bool has_items(PyObject* object, Py_ssize_t count) {
  return PyTuple_Check(object) && PyTuple_GET_SIZE(object) >= count;
}

// A tuple of `count` ints; false for anything else.
inline bool integers(PyObject* object, int count, int64_t* out) {
  if (!PyTuple_Check(object) || PyTuple_GET_SIZE(object) != count) return false;
  for (int i = 0; i < count; ++i) {
    if (!integer(PyTuple_GET_ITEM(object, i), &out[i])) return false;
  }
  return true;
}

// Which inputs need a gradient, as a backward kernel is told by its fourth argument.
inline bool read_needs(PyObject* object, int64_t* out) { return integer(object, out) && *out >= 0; }

// Where a draw begins in its generator's stream: the (seed, offset) that a random op has as its last attr.
struct Place {
  uint64_t seed, offset;
};
inline bool read_place(PyObject* object, Place* out) {
  if (!PyTuple_Check(object) || PyTuple_GET_SIZE(object) != 2) return false;
  uint64_t* const to[] = {&out->seed, &out->offset};
  for (int i = 0; i < 2; ++i) {
    PyObject* item = PyTuple_GET_ITEM(object, i);
    if (!PyLong_Check(item)) return false;
    *to[i] = PyLong_AsUnsignedLongLong(item);
    if (PyErr_Occurred()) {
      PyErr_Clear();
      return false;
    }
  }
  return true;
}

}  // namespace pynn::python
