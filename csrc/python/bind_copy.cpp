// clone(x) of any strides, and flip(x, dims): copies to row-major memory.
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
  return add_kernel(kernels, "clone", clone_kernel) && add_kernel(kernels, "flip", flip_kernel);
}

}  // namespace pynn::python
