// What the bindings of matrix products and of convolutions share.
#pragma once
#include "arrays.h"
#include "kernels/matmul/cuda.h"

namespace pynn::cuda {

// How float32 is multiplied now, "matmul" or "conv", as torch's switches say (pynn._switches); other dtypes
// are not asked about. False with an exception set.
bool float32_products(const char* of, int dtype, Float32* out);

// activation: None or "relu"; false for one that has no fused kernel.
bool activation(PyObject* object, pynn_activation* out);

// A tuple of `count` gradients; make(i) gives gradient i, for those that `needs` has a bit for. An error, or
// None for one of them, is the result.
template <class Make>
PyObject* gradients(int count, int64_t needs, const Make& make) {
  PyObject* grads = PyTuple_New(count);
  for (int i = 0; grads && i < count; ++i) {
    PyObject* made = needs >> i & 1 ? make(i) : not_mine();
    if (!made || (made == Py_None && needs >> i & 1)) {
      Py_DECREF(grads);
      return made;
    }
    PyTuple_SET_ITEM(grads, i, made);
  }
  return grads;
}

// _cuda.set_path(name): "auto", "simt", "mma" or "hopper"; ValueError for others.
PyObject* set_path_function(PyObject*, PyObject* name);

}  // namespace pynn::cuda
