// conv2d(x, weight, bias or None, stride, padding, dilation, groups) and its gradients.
#include "bindings.h"

namespace pynn::python {
namespace {

bool geometry(PyObject* stride, PyObject* padding, PyObject* dilation, PyObject* groups, pynn_conv2d* out) {
  constexpr int64_t kMost = int64_t(1) << 31;  // sums and products of sizes stay far from overflow
  int64_t s[2], p[2], d[2], parts;
  if (!integers(stride, 2, s) || !integers(padding, 2, p) || !integers(dilation, 2, d) ||
      !integer(groups, &parts))
    return false;
  for (int i = 0; i < 2; ++i) {
    if (s[i] < 1 || s[i] > kMost || p[i] < 0 || p[i] > kMost || d[i] < 1 || d[i] > kMost) return false;
  }
  *out = {s[0], s[1], p[0], p[0], p[1], p[1], d[0], d[1], parts};
  return parts > 0;
}

bool takes(PyArrayObject* x, PyArrayObject* weight) {
  if (!x || !weight) return false;
  const int type = plain_type(x);
  return (type == NPY_FLOAT32 || type == NPY_FLOAT64) && plain_type(weight) == type && PyArray_NDIM(x) == 4 &&
         PyArray_NDIM(weight) == 4;
}

// The array itself, or a row-major copy of it: the kernels read row-major only.
PyArrayObject* dense(PyArrayObject* x) {
  if (PyArray_IS_C_CONTIGUOUS(x)) {
    Py_INCREF(x);
    return x;
  }
  PyArrayObject* copy = new_like(x);
  if (copy && PyArray_CopyInto(copy, x) < 0) {
    Py_DECREF(copy);
    return nullptr;
  }
  return copy;
}

npy_intp output_size(npy_intp in, int64_t before, int64_t after, int64_t dilation, npy_intp kernel,
                     int64_t stride) {
  return (in + before + after - dilation * (kernel - 1) - 1) / stride + 1;
}

PyObject* conv2d_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 7) return not_mine();
  PyArrayObject *x = as_array(args[0]), *weight = as_array(args[1]), *bias = as_array(args[2]);
  pynn_conv2d conv;
  if (!takes(x, weight) || (!bias && args[2] != Py_None)) return not_mine();
  if (bias && (plain_type(bias) != PyArray_TYPE(x) || !PyArray_IS_C_CONTIGUOUS(bias))) return not_mine();
  if (!geometry(args[3], args[4], args[5], args[6], &conv)) return not_mine();
  const npy_intp shape[4] = {PyArray_DIM(x, 0), PyArray_DIM(weight, 0),
                             output_size(PyArray_DIM(x, 2), conv.pad_top, conv.pad_bottom, conv.dilation_h,
                                         PyArray_DIM(weight, 2), conv.stride_h),
                             output_size(PyArray_DIM(x, 3), conv.pad_left, conv.pad_right, conv.dilation_w,
                                         PyArray_DIM(weight, 3), conv.stride_w)};
  if (shape[2] < 1 || shape[3] < 1) return not_mine();
  PyArrayObject* in = dense(x);
  PyArrayObject* kernel = dense(weight);
  PyArrayObject* out = in && kernel ? new_array(4, shape, PyArray_TYPE(x)) : nullptr;
  PyObject* result = nullptr;
  if (out) {
    const pynn_array a = describe(in), w = describe(kernel);
    pynn_array b, y = describe(out);
    if (bias) b = describe(bias);
    const pynn_status status = run(kReleaseGil, [&] {
      return pynn_conv2d_forward(&conv, &a, &w, bias ? &b : nullptr, PYNN_ACT_NONE, &y);
    });
    result = finish(status, reinterpret_cast<PyObject*>(out));
  }
  Py_XDECREF(in);
  Py_XDECREF(kernel);
  return result;
}

// One gradient: of the input (0), the weight (1) or the bias (2).
PyObject* gradient(int which, const pynn_conv2d& conv, PyArrayObject* g, PyArrayObject* x,
                   PyArrayObject* weight) {
  const npy_intp channels = PyArray_DIM(weight, 0);
  PyArrayObject* out = which == 0   ? new_like(x)
                       : which == 1 ? new_like(weight)
                                    : new_array(1, &channels, PyArray_TYPE(g));
  if (!out) return nullptr;
  const pynn_array dy = describe(g), in = describe(x), w = describe(weight);
  pynn_array result = describe(out);
  const pynn_status status = run(kReleaseGil, [&] {
    if (which == 0) return pynn_conv2d_backward_data(&conv, &dy, &w, 0, &result);
    if (which == 1) return pynn_conv2d_backward_weight(&conv, &in, &dy, 0, &result);
    return pynn_conv2d_backward_bias(&dy, 0, &result);
  });
  return finish(status, reinterpret_cast<PyObject*>(out));
}

// (g, (out, x, weight, bias), (stride, padding, dilation, groups), needs)
PyObject* conv2d_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 3) || !has_items(args[2], 4)) return not_mine();
  PyObject* attrs = args[2];
  PyArrayObject* g = as_array(args[0]);
  PyArrayObject* x = as_array(PyTuple_GET_ITEM(args[1], 1));
  PyArrayObject* weight = as_array(PyTuple_GET_ITEM(args[1], 2));
  pynn_conv2d conv;
  int64_t needs;
  if (!g || !takes(x, weight) || plain_type(g) != PyArray_TYPE(x) || PyArray_NDIM(g) != 4 ||
      !read_needs(args[3], &needs) ||
      !geometry(PyTuple_GET_ITEM(attrs, 0), PyTuple_GET_ITEM(attrs, 1), PyTuple_GET_ITEM(attrs, 2),
                PyTuple_GET_ITEM(attrs, 3), &conv)) {
    return not_mine();
  }
  PyArrayObject* parts[3] = {dense(g), dense(x), dense(weight)};
  PyObject* grads = parts[0] && parts[1] && parts[2] ? PyTuple_New(3) : nullptr;
  for (int i = 0; grads && i < 3; ++i) {
    PyObject* made = Py_None;
    if (needs >> i & 1) {
      made = gradient(i, conv, parts[0], parts[1], parts[2]);
    } else {
      Py_INCREF(made);
    }
    if (!made || (made == Py_None && needs >> i & 1)) {  // an error, or no kernel for it
      Py_DECREF(grads);
      grads = made;
      break;
    }
    PyTuple_SET_ITEM(grads, i, made);
  }
  for (PyArrayObject* part : parts) Py_XDECREF(part);
  return grads;
}

}  // namespace

bool register_conv(PyObject* kernels) {
  return add_kernel(kernels, "conv2d", conv2d_kernel) &&
         add_kernel(kernels, "conv2d.backward", conv2d_backward_kernel);
}

}  // namespace pynn::python
