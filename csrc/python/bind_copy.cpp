// Copies: clone(x) and flip(x, dims) to row-major memory, lay_out(x, order) to memory of another order; a slice's
// gradient among zeros.
#include "bindings.h"
#include "operands.h"

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

// (g, (out, x or its likeness), (index,), needs): zeros of x's shape with g at [index].
PyObject* slice_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* g = count == 4 ? as_array(args[0]) : nullptr;
  int ndim;
  npy_intp shape[PYNN_MAX_DIMS];
  if (!takes(g) || !is_float(plain_type(g)) || !has_items(args[1], 2) || !has_items(args[2], 1) ||
      !shape_of(PyTuple_GET_ITEM(args[1], 1), &ndim, shape)) {
    return not_mine();
  }
  Held whole(new_array(ndim, shape, PyArray_TYPE(g)));
  if (!whole) return nullptr;
  pynn_array zeros = describe(whole.get());
  pynn_status status = run(PyArray_SIZE(whole.get()), [&] { return pynn_fill(&zeros, 0); });
  if (status != PYNN_OK) return finish(status, nullptr);
  PyObject* item = PyObject_GetItem(reinterpret_cast<PyObject*>(whole.get()), PyTuple_GET_ITEM(args[2], 0));
  if (!item) return nullptr;
  const Held part(reinterpret_cast<PyArrayObject*>(item));
  PyArrayObject* view = as_array(item);
  if (!view || !PyArray_SAMESHAPE(view, g)) return not_mine();
  if (PyArray_IS_C_CONTIGUOUS(view)) {
    const pynn_array from = describe(g);
    pynn_array to = describe(view);
    status = run(PyArray_SIZE(g), [&] { return pynn_copy(&from, &to); });
    if (status != PYNN_OK) return finish(status, nullptr);
  } else if (PyArray_CopyInto(view, g) < 0) {
    return nullptr;
  }
  return whole.release();
}

}  // namespace

bool register_copy(PyObject* kernels) {
  return add_kernel(kernels, "clone", clone_kernel) && add_kernel(kernels, "lay_out", lay_out_kernel) &&
         add_kernel(kernels, "flip", flip_kernel) && add_kernel(kernels, "slice.backward", slice_backward_kernel);
}

}  // namespace pynn::python
