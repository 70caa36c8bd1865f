// cast(x, dtype) and its gradient.
#include "bindings.h"

namespace pynn::python {
namespace {

bool has_kernel(int type) {
  const int dtype = dtype_of(type);
  return dtype >= 0 && dtype != PYNN_FLOAT16 && dtype != PYNN_BFLOAT16;
}

// x in another type, its dimensions in the order that x's lie in; nullptr without an exception where there is
// no kernel.
PyObject* converted(PyArrayObject* x, int type) {
  if (!x) return nullptr;
  if (is_half(plain_type(x)) || is_half(type)) return convert_half(x, type);
  if (!has_kernel(plain_type(x)) || !has_kernel(type) || PyArray_NDIM(x) > PYNN_MAX_DIMS) {
    return nullptr;
  }
  PyArrayObject* out = new_ordered_like(x, type);
  if (!out) return nullptr;
  pynn_array in = describe(x), result = describe(out);
  int64_t shape[PYNN_MAX_DIMS], strides[2][PYNN_MAX_DIMS];
  if (!PyArray_IS_C_CONTIGUOUS(out)) {  // the kernel writes row by row: hand it the dimensions in that order
    int order[PYNN_MAX_DIMS];
    order_of(in.ndim, PyArray_DIMS(x), &x, 1, order);
    for (int i = 0; i < in.ndim; ++i) {
      shape[i] = in.shape[order[i]];
      strides[0][i] = in.strides[order[i]];
      strides[1][i] = result.strides[order[i]];
    }
    in.shape = result.shape = shape;
    in.strides = strides[0];
    result.strides = strides[1];
  }
  const pynn_status status = run(PyArray_SIZE(x), [&] { return pynn_cast(&in, &result); });
  return finish(status, reinterpret_cast<PyObject*>(out));
}

PyObject* cast_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  const int type = count == 2 ? type_of(args[1]) : -1;
  PyObject* out = type >= 0 ? converted(as_array(args[0]), type) : nullptr;
  return out || PyErr_Occurred() ? out : not_mine();
}

// (g, (None, Like of x), (dtype,), needs)
PyObject* cast_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyObject* out = nullptr;
  if (count == 4 && has_items(args[1], 2)) {
    PyObject* like = PyTuple_GET_ITEM(args[1], 1);
    PyObject* dtype = PyObject_GetAttrString(like, "dtype");
    if (!dtype) PyErr_Clear();
    const int type = dtype ? type_of(dtype) : -1;
    if (is_float(type) || is_half(type)) out = converted(as_array(args[0]), type);
    Py_XDECREF(dtype);
  }
  return out || PyErr_Occurred() ? out : not_mine();
}

}  // namespace

bool register_cast(PyObject* kernels) {
  return add_kernel(kernels, "cast", cast_kernel) &&
         add_kernel(kernels, "cast.backward", cast_backward_kernel);
}

}  // namespace pynn::python
