// sum(x, dims, keepdim) and mean over all dimensions, mse_loss(x, y, reduction), and their gradients.
#include "bindings.h"

namespace pynn::python {
namespace {

PyObject* scalar_array(double value) {
  PyArrayObject* out = new_array(0, nullptr, NPY_FLOAT32);
  if (out) floats(out)[0] = float(value);
  return reinterpret_cast<PyObject*>(out);
}

struct Whole {
  const char* name;
  const char* backward_name;
  bool mean;
};
constexpr Whole kWhole[] = {{"sum", "sum.backward", false}, {"mean", "mean.backward", true}};

// (x, dims, keepdim): only over all dimensions and without keepdim.
PyObject* whole_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 3 ? as_array(args[0]) : nullptr;
  if (!is_dense_f32(x) || !PyTuple_Check(args[1]) || PyTuple_GET_SIZE(args[1]) != PyArray_NDIM(x) ||
      args[2] != Py_False) {
    return not_mine();
  }
  const int64_t n = PyArray_SIZE(x);
  double total;
  const pynn_status status = run(n, [&] { return pynn_sum_f32(n, floats(x), &total); });
  if (status != PYNN_OK) return not_mine();
  return scalar_array(code_of<Whole>(self)->mean ? total / double(n) : total);
}

// (g, (None, Like of x), (dims, keepdim), needs): every element gets g, for mean g / count.
PyObject* whole_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !PyTuple_Check(args[1]) || PyTuple_GET_SIZE(args[1]) != 2 || !PyTuple_Check(args[2]))
    return not_mine();
  PyArrayObject* g = as_array(args[0]);
  if (!is_dense_f32(g) || PyArray_NDIM(g) != 0) return not_mine();
  int ndim;
  npy_intp shape[PYNN_MAX_DIMS];
  if (!shape_of(PyTuple_GET_ITEM(args[1], 1), &ndim, shape)) return not_mine();
  PyArrayObject* out = new_array(ndim, shape, NPY_FLOAT32);
  if (!out) return nullptr;
  const int64_t n = PyArray_SIZE(out);
  const float value = code_of<Whole>(self)->mean && n > 0 ? floats(g)[0] / float(n) : floats(g)[0];
  float* to = floats(out);
  run(n, [&] {
    for (int64_t i = 0; i < n; ++i) to[i] = value;
    return PYNN_OK;
  });
  return reinterpret_cast<PyObject*>(out);
}

// 0 sum, 1 mean, -1 for "none" or anything else
int reduction_of(PyObject* name) {
  if (!PyUnicode_Check(name)) return -1;
  if (PyUnicode_CompareWithASCIIString(name, "mean") == 0) return 1;
  return PyUnicode_CompareWithASCIIString(name, "sum") == 0 ? 0 : -1;
}

PyObject* mse_loss_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 3) return not_mine();
  PyArrayObject *x = as_array(args[0]), *y = as_array(args[1]);
  const int mean = reduction_of(args[2]);
  if (!is_dense_f32(x) || !is_dense_f32(y) || mean < 0 || !same_shape(x, y)) return not_mine();
  const int64_t n = PyArray_SIZE(x);
  double total;
  const pynn_status status = run(n, [&] { return pynn_squared_error_f32(n, floats(x), floats(y), &total); });
  if (status != PYNN_OK) return not_mine();
  return scalar_array(mean ? total / double(n) : total);
}

// (g, (None, x, y), (reduction,), needs)
PyObject* mse_loss_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !PyTuple_Check(args[1]) || PyTuple_GET_SIZE(args[1]) != 3 || !has_items(args[2], 1)) {
    return not_mine();
  }
  PyArrayObject* g = as_array(args[0]);
  PyArrayObject* x = as_array(PyTuple_GET_ITEM(args[1], 1));
  PyArrayObject* y = as_array(PyTuple_GET_ITEM(args[1], 2));
  const int mean = reduction_of(PyTuple_GET_ITEM(args[2], 0));
  if (!is_dense_f32(g) || PyArray_NDIM(g) != 0 || !is_dense_f32(x) || !is_dense_f32(y) || mean < 0 ||
      !same_shape(x, y)) {
    return not_mine();
  }
  int64_t needs;
  if (!read_needs(args[3], &needs)) return not_mine();
  const int64_t n = PyArray_SIZE(x);
  const float scale = mean && n > 0 ? 2 * floats(g)[0] / float(n) : 2 * floats(g)[0];
  PyObject* grads = PyTuple_New(2);
  for (int i = 0; grads && i < 2; ++i) {
    PyObject* made = Py_None;
    if (needs >> i & 1) {
      PyArrayObject* out = new_like(x);
      if (!out) {
        Py_DECREF(grads);
        return nullptr;
      }
      run(n, [&] {
        return pynn_scaled_difference_f32(n, floats(x), floats(y), i == 0 ? scale : -scale, floats(out));
      });
      made = reinterpret_cast<PyObject*>(out);
    } else {
      Py_INCREF(made);
    }
    PyTuple_SET_ITEM(grads, i, made);
  }
  return grads;
}

}  // namespace

bool register_reduction(PyObject* kernels) {
  bool ok = true;
  for (const Whole& entry : kWhole) {
    ok = ok && add_kernel(kernels, entry.name, whole_kernel, &entry) &&
         add_kernel(kernels, entry.backward_name, whole_backward_kernel, &entry);
  }
  return ok && add_kernel(kernels, "mse_loss", mse_loss_kernel) &&
         add_kernel(kernels, "mse_loss.backward", mse_loss_backward_kernel);
}

}  // namespace pynn::python
