// Copies: clone(x) and flip(x, dims) to row-major memory, lay_out(x, order) to memory of another order.
#include "bindings.h"

namespace pynn::python {
namespace {

bool takes(PyArrayObject* x) {
  return x && plain_type(x) >= 0 && dtype_of(PyArray_TYPE(x)) >= 0 && PyArray_NDIM(x) <= PYNN_MAX_DIMS;
}

PyObject* clone_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 1 ? as_array(args[0]) : nullptr;
  if (!takes(x)) return not_mine();
  return reinterpret_cast<PyObject*>(row_major_copy(x));
}

// x over new memory in which its dimensions, in that order, lie from the outermost to the innermost.
PyObject* lay_out_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 2 ? as_array(args[0]) : nullptr;
  if (!takes(x) || !PyTuple_Check(args[1]) || PyTuple_GET_SIZE(args[1]) != PyArray_NDIM(x)) return not_mine();
  const int ndim = PyArray_NDIM(x);
  npy_intp sizes[PYNN_MAX_DIMS], back[PYNN_MAX_DIMS];
  int64_t strides[PYNN_MAX_DIMS];
  bool seen[PYNN_MAX_DIMS] = {};
  pynn_array from = describe(x);
  for (int i = 0; i < ndim; ++i) {
    int64_t dim;
    if (!integer(PyTuple_GET_ITEM(args[1], i), &dim) || dim < 0 || dim >= ndim || seen[dim]) {
      return not_mine();
    }
    seen[dim] = true;
    sizes[i] = PyArray_DIM(x, int(dim));
    strides[i] = from.strides[dim];
    back[dim] = i;
  }
  PyArrayObject* copy = new_array(ndim, sizes, PyArray_TYPE(x));
  if (!copy) return nullptr;
  from.shape = reinterpret_cast<const int64_t*>(sizes);
  from.strides = strides;
  pynn_array to = describe(copy);
  PyObject* done =
      finish(run(PyArray_SIZE(x), [&] { return pynn_copy(&from, &to); }), reinterpret_cast<PyObject*>(copy));
  if (!done || done == Py_None) return done;
  PyArray_Dims axes = {back, ndim};
  PyObject* out = PyArray_Transpose(copy, &axes);
  Py_DECREF(done);
  return out;
}

// The same array read backwards along dims, a tuple of distinct dimensions.
PyObject* flip_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 2 ? as_array(args[0]) : nullptr;
  if (!takes(x) || !PyTuple_Check(args[1]) || PyArray_SIZE(x) == 0) return not_mine();
  int64_t strides[PYNN_MAX_DIMS];
  bool flipped[PYNN_MAX_DIMS] = {};
  pynn_array from = describe(x);
  for (int i = 0; i < from.ndim; ++i) strides[i] = from.strides[i];
  from.strides = strides;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args[1]); ++i) {
    int64_t dim;
    if (!integer(PyTuple_GET_ITEM(args[1], i), &dim) || dim < 0 || dim >= from.ndim || flipped[dim]) return not_mine();
    flipped[dim] = true;
    from.data = static_cast<char*>(from.data) + (from.shape[dim] - 1) * strides[dim];
    strides[dim] = -strides[dim];
  }
  PyArrayObject* out = new_like(x);
  if (!out) return nullptr;
  pynn_array to = describe(out);
  return finish(run(PyArray_SIZE(x), [&] { return pynn_copy(&from, &to); }), reinterpret_cast<PyObject*>(out));
}

}  // namespace

bool register_copy(PyObject* kernels) {
  return add_kernel(kernels, "clone", clone_kernel) && add_kernel(kernels, "lay_out", lay_out_kernel) &&
         add_kernel(kernels, "flip", flip_kernel);
}

}  // namespace pynn::python
