// Which reduction each op of Python is, what it makes and over which dimensions: for the bindings of the CPU and of the
// GPU alike.
#pragma once
#include "pynn/pynn.h"
#include "values.h"

namespace pynn::python {

struct Reducing {
  const char* name;
  pynn_reduce_op op;
};
inline constexpr Reducing kReducing[] = {
    {"sum", PYNN_REDUCE_SUM},  {"mean", PYNN_REDUCE_MEAN}, {"prod", PYNN_REDUCE_PROD},
    {"amax", PYNN_REDUCE_MAX}, {"amin", PYNN_REDUCE_MIN},  {"any", PYNN_REDUCE_ANY},
    {"all", PYNN_REDUCE_ALL},  {"count_nonzero", PYNN_REDUCE_COUNT},
};

// The pynn_dtype of a result, -1 where there is no kernel.
inline int reduced_dtype(pynn_reduce_op op, int dtype) {
  if (dtype < 0) return -1;
  if (op == PYNN_REDUCE_ANY || op == PYNN_REDUCE_ALL) return PYNN_BOOL;
  if (op == PYNN_REDUCE_COUNT) return PYNN_INT64;
  if (dtype >= PYNN_FLOAT16 && dtype <= PYNN_FLOAT64) return dtype;
  if (op == PYNN_REDUCE_MEAN || op == PYNN_REDUCE_NORM) return -1;
  return op == PYNN_REDUCE_MAX || op == PYNN_REDUCE_MIN ? dtype : int(PYNN_INT64);
}

// (dims, keepdim): which of `ndim` dimensions are reduced, all false before, and whether they stay, with a size of 1.
inline bool read_dims(PyObject* dims, PyObject* keepdim, int ndim, bool* reduced, bool* keep) {
  if (ndim > PYNN_MAX_DIMS || !PyTuple_Check(dims) || !truth(keepdim, keep)) return false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(dims); ++i) {
    int64_t d;
    if (!integer(PyTuple_GET_ITEM(dims, i), &d) || d < 0 || d >= ndim || reduced[d]) return false;
    reduced[d] = true;
  }
  return true;
}

// (dim or None, keepdim) of argmax: a single dimension, or all as one, which do not stay.
inline bool read_dim(PyObject* dim, PyObject* keepdim, int ndim, bool* reduced, bool* keep) {
  int64_t one = -1;
  if (ndim > PYNN_MAX_DIMS || !truth(keepdim, keep)) return false;
  if (dim != Py_None && (!integer(dim, &one) || one < 0 || one >= ndim)) return false;
  for (int i = 0; i < ndim; ++i) reduced[i] = one < 0 || i == one;
  *keep = *keep && one >= 0;
  return true;
}

}  // namespace pynn::python
