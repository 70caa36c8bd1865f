// The arguments of a padding, for the bindings of the CPU and of the GPU alike.
#pragma once
#include <cstring>

#include "pynn/pynn.h"
#include "values.h"

namespace pynn::python {

// Amounts before and after each dimension: a pair a dimension, none so large that sums overflow.
inline bool read_amounts(PyObject* pads, int ndim, int64_t* before, int64_t* after) {
  if (ndim > PYNN_MAX_DIMS || !PyTuple_Check(pads) || PyTuple_GET_SIZE(pads) != ndim) return false;
  for (int d = 0; d < ndim; ++d) {
    int64_t pair[2];
    if (!integers(PyTuple_GET_ITEM(pads, d), 2, pair)) return false;
    for (const int64_t n : pair) {
      if (n > INT32_MAX || n < -INT32_MAX) return false;
    }
    before[d] = pair[0];
    after[d] = pair[1];
  }
  return true;
}

inline bool read_edge_mode(PyObject* object, pynn_pad_mode* mode) {
  if (!PyUnicode_Check(object)) return false;
  constexpr struct {
    const char* name;
    pynn_pad_mode mode;
  } kModes[] = {{"reflect", PYNN_PAD_REFLECT}, {"replicate", PYNN_PAD_REPLICATE}, {"circular", PYNN_PAD_CIRCULAR}};
  for (const auto& known : kModes) {
    if (PyUnicode_CompareWithASCIIString(object, known.name) == 0) {
      *mode = known.mode;
      return true;
    }
  }
  return false;
}

// One element of a pynn_dtype, at most 8 bytes; false for numbers it may not hold exactly.
inline bool read_element(PyObject* value, int dtype, void* out) {
  double real;
  int64_t whole;
  if (dtype == PYNN_FLOAT32 && number(value, &real)) {
    const float f = float(real);
    std::memcpy(out, &f, sizeof f);
  } else if (dtype == PYNN_FLOAT64 && number(value, &real)) {
    std::memcpy(out, &real, sizeof real);
  } else if (dtype == PYNN_INT64 && integer(value, &whole)) {
    std::memcpy(out, &whole, sizeof whole);
  } else {
    // Zero is zero in every type.
    if (dtype < 0 || !number(value, &real) || real != 0) return false;
    std::memset(out, 0, 8);
  }
  return true;
}

}  // namespace pynn::python
