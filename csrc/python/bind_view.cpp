// Views over an array's memory: view(x, shape), permute(x, dims), expand(x, shape), slice(x, index), and the gradients of the
// first two. NumPy makes them; what is saved are the layers of Python around it. Errors are left to the reference.
#include "bindings.h"
#include "operands.h"

namespace pynn::python {
namespace {

// A tuple of ints as a shape or an order of dimensions; false for anything else.
bool read_ints(PyObject* object, int* count, npy_intp* values) {
  if (!PyTuple_Check(object) || PyTuple_GET_SIZE(object) > PYNN_MAX_DIMS) return false;
  *count = int(PyTuple_GET_SIZE(object));
  for (int i = 0; i < *count; ++i) {
    int64_t value;
    if (!integer(PyTuple_GET_ITEM(object, i), &value)) return false;
    values[i] = npy_intp(value);
  }
  return true;
}

PyObject* or_not_mine(PyObject* made) {
  if (made) return made;
  PyErr_Clear();
  return not_mine();
}

PyObject* reshaped(PyArrayObject* x, int ndim, npy_intp* shape) {
  PyArray_Dims sizes = {shape, ndim};
  return or_not_mine(PyArray_Newshape(x, &sizes, NPY_CORDER));
}

PyObject* view_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 2 ? as_array(args[0]) : nullptr;
  int ndim;
  npy_intp shape[PYNN_MAX_DIMS];
  if (!x || !read_ints(args[1], &ndim, shape)) return not_mine();
  return reshaped(x, ndim, shape);
}

// Whether x is to be copied by all threads before it is reshaped. Small arrays are not worth it, and what was expanded
// may be reshaped as it is.
bool needs_copy(PyArrayObject* x) {
  if (PyArray_IS_C_CONTIGUOUS(x) || PyArray_SIZE(x) < kReleaseGil || PyArray_NDIM(x) > PYNN_MAX_DIMS ||
      plain_type(x) < 0 || dtype_of(PyArray_TYPE(x)) < 0) {
    return false;
  }
  for (int i = 0; i < PyArray_NDIM(x); ++i) {
    if (PyArray_STRIDE(x, i) == 0) return false;
  }
  return true;
}

// (g, (out, x or its likeness), (shape,), needs): g in x's shape.
PyObject* view_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* g = count == 4 ? as_array(args[0]) : nullptr;
  int ndim;
  npy_intp shape[PYNN_MAX_DIMS];
  if (!g || !has_items(args[1], 2) || !shape_of(PyTuple_GET_ITEM(args[1], 1), &ndim, shape)) return not_mine();
  if (!needs_copy(g)) return reshaped(g, ndim, shape);
  const Held copy(row_major(g));
  return copy ? reshaped(copy.get(), ndim, shape) : nullptr;
}

PyObject* permute_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 2 ? as_array(args[0]) : nullptr;
  int ndim;
  npy_intp dims[PYNN_MAX_DIMS];
  if (!x || !read_ints(args[1], &ndim, dims)) return not_mine();
  PyArray_Dims order = {dims, ndim};
  return or_not_mine(PyArray_Transpose(x, &order));
}

// (g, saved, (dims,), needs): g with its dimensions back in their places.
PyObject* permute_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* g = count == 4 ? as_array(args[0]) : nullptr;
  int ndim;
  npy_intp dims[PYNN_MAX_DIMS], back[PYNN_MAX_DIMS];
  if (!g || !has_items(args[2], 1) || !read_ints(PyTuple_GET_ITEM(args[2], 0), &ndim, dims)) return not_mine();
  for (int i = 0; i < ndim; ++i) {
    if (dims[i] < 0 || dims[i] >= ndim) return not_mine();
    back[dims[i]] = i;
  }
  PyArray_Dims order = {back, ndim};
  return or_not_mine(PyArray_Transpose(g, &order));
}

// Stretched dimensions have steps of 0, and such an array may not be written.
PyObject* expand_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 2 ? as_array(args[0]) : nullptr;
  int ndim;
  npy_intp shape[PYNN_MAX_DIMS], strides[PYNN_MAX_DIMS];
  if (!x || !read_ints(args[1], &ndim, shape) || ndim < PyArray_NDIM(x)) return not_mine();
  const int lead = ndim - PyArray_NDIM(x);
  bool stretched = false;
  for (int i = 0; i < ndim; ++i) {
    const npy_intp n = i < lead ? 1 : PyArray_DIM(x, i - lead);
    if (shape[i] < 0 || (n != shape[i] && n != 1)) return not_mine();
    stretched = stretched || n != shape[i];
    strides[i] = i < lead || n != shape[i] ? 0 : PyArray_STRIDE(x, i - lead);
  }
  Py_INCREF(PyArray_DESCR(x));
  PyObject* made = PyArray_NewFromDescr(&PyArray_Type, PyArray_DESCR(x), ndim, shape, strides, PyArray_DATA(x),
                                        stretched ? 0 : PyArray_FLAGS(x) & NPY_ARRAY_WRITEABLE, nullptr);
  if (!made) return or_not_mine(nullptr);  // too large to count
  Py_INCREF(x);
  if (PyArray_SetBaseObject(reinterpret_cast<PyArrayObject*>(made), reinterpret_cast<PyObject*>(x)) < 0) {
    Py_DECREF(made);
    return nullptr;
  }
  return made;
}

// index: a tuple of ints, slices, None and Ellipsis.
PyObject* slice_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2 || !as_array(args[0])) return not_mine();
  PyObject* part = PyObject_GetItem(args[0], args[1]);
  if (!part || as_array(part)) return or_not_mine(part);
  Py_DECREF(part);  // a number, where no Ellipsis kept the array
  return not_mine();
}

}  // namespace

bool register_view(PyObject* kernels) {
  return add_kernel(kernels, "view", view_kernel) && add_kernel(kernels, "view.backward", view_backward_kernel) &&
         add_kernel(kernels, "permute", permute_kernel) &&
         add_kernel(kernels, "permute.backward", permute_backward_kernel) &&
         add_kernel(kernels, "expand", expand_kernel) && add_kernel(kernels, "slice", slice_kernel);
}

}  // namespace pynn::python
