// pad (x, pads, value), pad_edges (x, pads, mode) and pad_edges_input (g, pads, mode).
#include <cstring>

#include "bindings.h"
#include "pad_args.h"

namespace pynn::python {
namespace {

struct Amounts {
  int64_t before[PYNN_MAX_DIMS], after[PYNN_MAX_DIMS];
};

PyObject* padded(PyArrayObject* x, const Amounts& by, pynn_pad_mode mode, const void* value) {
  npy_intp shape[PYNN_MAX_DIMS];
  const int ndim = PyArray_NDIM(x);
  for (int d = 0; d < ndim; ++d) {
    shape[d] = PyArray_DIM(x, d) + npy_intp(by.before[d] + by.after[d]);
    if (shape[d] < 0) return not_mine();
  }
  PyArrayObject* out = new_array(ndim, shape, PyArray_TYPE(x));
  if (!out) return nullptr;
  const pynn_array in = describe(x);
  pynn_array y = describe(out);
  const pynn_status status =
      run(PyArray_SIZE(out), [&] { return pynn_pad(mode, by.before, by.after, value, &in, &y); });
  return finish(status, reinterpret_cast<PyObject*>(out));
}

// sign: of the amounts.
PyObject* pad_constant(PyArrayObject* x, PyObject* pads, PyObject* value, int sign) {
  Amounts by;
  alignas(8) char bytes[8];
  if (!x || dtype_of(plain_type(x)) < 0 || !read_amounts(pads, PyArray_NDIM(x), by.before, by.after)) return not_mine();
  if (value && !read_element(value, dtype_of(PyArray_TYPE(x)), bytes)) return not_mine();
  for (int d = 0; d < PyArray_NDIM(x); ++d) {
    by.before[d] *= sign;
    by.after[d] *= sign;
  }
  return padded(x, by, PYNN_PAD_CONSTANT, value ? bytes : nullptr);
}

PyObject* pad_edges(PyArrayObject* x, PyObject* pads, PyObject* name) {
  Amounts by;
  pynn_pad_mode mode;
  if (!x || dtype_of(plain_type(x)) < 0 || !read_amounts(pads, PyArray_NDIM(x), by.before, by.after) || !read_edge_mode(name, &mode)) {
    return not_mine();
  }
  return padded(x, by, mode, nullptr);
}

PyObject* pad_edges_input(PyArrayObject* g, PyObject* pads, PyObject* name) {
  Amounts by;
  pynn_pad_mode mode;
  if (!g || !is_float(plain_type(g)) || !read_amounts(pads, PyArray_NDIM(g), by.before, by.after) || !read_edge_mode(name, &mode)) {
    return not_mine();
  }
  npy_intp shape[PYNN_MAX_DIMS];
  const int ndim = PyArray_NDIM(g);
  for (int d = 0; d < ndim; ++d) {
    shape[d] = PyArray_DIM(g, d) - npy_intp(by.before[d] + by.after[d]);
    if (shape[d] < 0) return not_mine();
  }
  PyArrayObject* rows = g;
  if (PyArray_IS_C_CONTIGUOUS(g)) {
    Py_INCREF(rows);
  } else {
    rows = new_like(g);
    if (rows && PyArray_CopyInto(rows, g) < 0) Py_CLEAR(rows);
  }
  PyArrayObject* out = rows ? new_array(ndim, shape, PyArray_TYPE(g)) : nullptr;
  PyObject* result = nullptr;
  if (out) {
    const pynn_array dy = describe(rows);
    pynn_array dx = describe(out);
    const pynn_status status =
        run(PyArray_SIZE(g), [&] { return pynn_pad_backward(mode, by.before, by.after, &dy, &dx); });
    result = finish(status, reinterpret_cast<PyObject*>(out));
  }
  Py_XDECREF(rows);
  return result;
}

PyObject* pad_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return count == 3 ? pad_constant(as_array(args[0]), args[1], args[2], 1) : not_mine();
}

PyObject* pad_edges_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return count == 3 ? pad_edges(as_array(args[0]), args[1], args[2]) : not_mine();
}

PyObject* pad_edges_input_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return count == 3 ? pad_edges_input(as_array(args[0]), args[1], args[2]) : not_mine();
}

// (g, saved, (pads, value or mode), needs)
PyObject* pad_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[2], 2)) return not_mine();
  return pad_constant(as_array(args[0]), PyTuple_GET_ITEM(args[2], 0), nullptr, -1);
}

PyObject* pad_edges_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[2], 2)) return not_mine();
  return pad_edges_input(as_array(args[0]), PyTuple_GET_ITEM(args[2], 0), PyTuple_GET_ITEM(args[2], 1));
}

PyObject* pad_edges_input_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[2], 2)) return not_mine();
  return pad_edges(as_array(args[0]), PyTuple_GET_ITEM(args[2], 0), PyTuple_GET_ITEM(args[2], 1));
}

}  // namespace

bool register_pad(PyObject* kernels) {
  return add_kernel(kernels, "pad", pad_kernel) && add_kernel(kernels, "pad.backward", pad_backward_kernel) &&
         add_kernel(kernels, "pad_edges", pad_edges_kernel) &&
         add_kernel(kernels, "pad_edges.backward", pad_edges_backward_kernel) &&
         add_kernel(kernels, "pad_edges_input", pad_edges_input_kernel) &&
         add_kernel(kernels, "pad_edges_input.backward", pad_edges_input_backward_kernel);
}

}  // namespace pynn::python
