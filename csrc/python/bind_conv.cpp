// conv2d, conv3d (x, weight, bias or None, stride, padding, dilation, groups), their gradients as ops of their own,
// conv*_input (g, weight, geometry, size) and conv*_weight (g, x, geometry, kernel), and the joint backward.
#include "bindings.h"

namespace pynn::python {
namespace {

// stride, padding, dilation, groups from four consecutive arguments.
bool geometry(int dims, PyObject* const* args, pynn_conv* out) {
  constexpr int64_t kMost = int64_t(1) << 31;  // sums and products of sizes stay far from overflow
  out->dims = dims;
  if (!integers(args[0], dims, out->stride) || !integers(args[1], dims, out->pad_before) ||
      !integers(args[2], dims, out->dilation) || !integer(args[3], &out->groups))
    return false;
  for (int i = 0; i < dims; ++i) {
    if (out->stride[i] < 1 || out->stride[i] > kMost || out->pad_before[i] < 0 || out->pad_before[i] > kMost ||
        out->dilation[i] < 1 || out->dilation[i] > kMost)
      return false;
    out->pad_after[i] = out->pad_before[i];
  }
  return out->groups > 0;
}

bool geometry_of_tuple(int dims, PyObject* attrs, pynn_conv* out) {
  if (!has_items(attrs, 4)) return false;
  PyObject* const items[4] = {PyTuple_GET_ITEM(attrs, 0), PyTuple_GET_ITEM(attrs, 1), PyTuple_GET_ITEM(attrs, 2),
                              PyTuple_GET_ITEM(attrs, 3)};
  return geometry(dims, items, out);
}

bool takes(int dims, PyArrayObject* a, PyArrayObject* b) {
  return a && b && is_float(plain_type(a)) && plain_type(a) == plain_type(b) && PyArray_NDIM(a) == dims + 2 &&
         PyArray_NDIM(b) == dims + 2;
}

bool takes_bias(PyObject* object, PyArrayObject* x, PyArrayObject** bias) {
  *bias = as_array(object);
  if (!*bias) return object == Py_None;
  return plain_type(*bias) == PyArray_TYPE(x) && PyArray_IS_C_CONTIGUOUS(*bias);
}

// The array itself, or a row-major copy of it: weights are read row-major only.
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

// The shape of the result; false where the kernel does not fit.
bool output_shape(const pynn_conv& conv, PyArrayObject* x, PyArrayObject* weight, npy_intp* shape) {
  shape[0] = PyArray_DIM(x, 0);
  shape[1] = PyArray_DIM(weight, 0);
  for (int d = 0; d < conv.dims; ++d) {
    const int64_t room = PyArray_DIM(x, 2 + d) + 2 * conv.pad_before[d] -
                         conv.dilation[d] * (PyArray_DIM(weight, 2 + d) - 1) - 1;
    if (room < 0) return false;
    shape[2 + d] = room / conv.stride[d] + 1;
  }
  return true;
}

// The padding behind an input of `size` for which the outputs are as many as g has (a transposed convolution's
// output_padding may leave more room than a stride).
void fit(pynn_conv* conv, PyArrayObject* g, const npy_intp* size, const npy_intp* kernel) {
  for (int d = 0; d < conv->dims; ++d) {
    const int64_t reach = conv->dilation[d] * (kernel[d] - 1) + 1;
    const int64_t need = (PyArray_DIM(g, 2 + d) - 1) * conv->stride[d] + reach - size[d] - conv->pad_before[d];
    const int64_t room = conv->pad_after[d] - need;
    if (room < 0 || room >= conv->stride[d]) conv->pad_after[d] = need;
  }
}

template <int kSpatial>
PyObject* conv_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 7) return not_mine();
  PyArrayObject *x = as_array(args[0]), *weight = as_array(args[1]), *bias;
  pynn_conv conv;
  npy_intp shape[5];
  if (!takes(kSpatial, x, weight) || !takes_bias(args[2], x, &bias) || !geometry(kSpatial, args + 3, &conv) ||
      !output_shape(conv, x, weight, shape)) {
    return not_mine();
  }
  PyArrayObject* kernel = dense(weight);
  PyArrayObject* out = kernel ? new_array(kSpatial + 2, shape, PyArray_TYPE(x)) : nullptr;
  PyObject* result = nullptr;
  if (out) {
    const pynn_array in = describe(x), w = describe(kernel);
    pynn_array b, y = describe(out);
    if (bias) b = describe(bias);
    const int64_t work = PyArray_SIZE(out) * (PyArray_SIZE(weight) / (shape[1] > 0 ? shape[1] : 1)) / 8;
    const pynn_status status =
        run(work, [&] { return pynn_conv_forward(&conv, &in, &w, bias ? &b : nullptr, PYNN_ACT_NONE, &y); });
    result = finish(status, reinterpret_cast<PyObject*>(out));
  }
  Py_XDECREF(kernel);
  return result;
}

// The gradient of the input (`out` has its shape), the weight or the bias.
PyObject* data_gradient(const pynn_conv& conv, PyArrayObject* g, PyArrayObject* weight, PyArrayObject* bias,
                        PyArrayObject* out) {
  PyArrayObject* kernel = out ? dense(weight) : nullptr;
  if (!kernel) {
    Py_XDECREF(out);
    return nullptr;
  }
  const pynn_array dy = describe(g), w = describe(kernel);
  pynn_array b, dx = describe(out);
  if (bias) b = describe(bias);
  const int64_t work = PyArray_SIZE(g) * (PyArray_SIZE(weight) / (PyArray_DIM(weight, 0) > 0 ? PyArray_DIM(weight, 0) : 1)) / 8;
  const pynn_status status =
      run(work, [&] { return pynn_conv_backward_data(&conv, &dy, &w, bias ? &b : nullptr, PYNN_ACT_NONE, 0, &dx); });
  Py_DECREF(kernel);
  return finish(status, reinterpret_cast<PyObject*>(out));
}

PyObject* weight_gradient(const pynn_conv& conv, PyArrayObject* g, PyArrayObject* x, PyArrayObject* out) {
  if (!out) return nullptr;
  const pynn_array dy = describe(g), in = describe(x);
  pynn_array dw = describe(out);
  const int64_t filters = PyArray_DIM(out, 0) > 0 ? PyArray_DIM(out, 0) : 1;
  const int64_t work = PyArray_SIZE(g) * (PyArray_SIZE(out) / filters) / 8;
  const pynn_status status = run(work, [&] { return pynn_conv_backward_weight(&conv, &in, &dy, 0, &dw); });
  return finish(status, reinterpret_cast<PyObject*>(out));
}

PyObject* bias_gradient(PyArrayObject* g) {
  const npy_intp channels = PyArray_DIM(g, 1);
  PyArrayObject* rows = dense(g);
  PyArrayObject* out = rows ? new_array(1, &channels, PyArray_TYPE(g)) : nullptr;
  PyObject* result = nullptr;
  if (out) {
    const pynn_array dy = describe(rows);
    pynn_array db = describe(out);
    const pynn_status status = run(PyArray_SIZE(g), [&] { return pynn_conv_backward_bias(&dy, 0, &db); });
    result = finish(status, reinterpret_cast<PyObject*>(out));
  }
  Py_XDECREF(rows);
  return result;
}

// (g, (out, x, weight, bias), (stride, padding, dilation, groups), needs)
template <int kSpatial>
PyObject* conv_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 3)) return not_mine();
  PyArrayObject* g = as_array(args[0]);
  PyArrayObject* x = as_array(PyTuple_GET_ITEM(args[1], 1));
  PyArrayObject* weight = as_array(PyTuple_GET_ITEM(args[1], 2));
  pynn_conv conv;
  int64_t needs;
  if (!takes(kSpatial, x, weight) || !takes(kSpatial, g, x) || !read_needs(args[3], &needs) ||
      !geometry_of_tuple(kSpatial, args[2], &conv)) {
    return not_mine();
  }
  PyObject* grads = PyTuple_New(3);
  for (int i = 0; grads && i < 3; ++i) {
    PyObject* made = Py_None;
    if (!(needs >> i & 1)) {
      Py_INCREF(made);
    } else if (i == 0) {
      made = data_gradient(conv, g, weight, nullptr, new_like(x));
    } else {
      made = i == 1 ? weight_gradient(conv, g, x, new_like(weight)) : bias_gradient(g);
    }
    if (!made || (made == Py_None && needs >> i & 1)) {  // an error, or no kernel for it
      Py_DECREF(grads);
      return made;
    }
    PyTuple_SET_ITEM(grads, i, made);
  }
  return grads;
}

// (g, weight, stride, padding, dilation, groups, size)
template <int kSpatial>
PyObject* input_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 7) return not_mine();
  PyArrayObject *g = as_array(args[0]), *weight = as_array(args[1]);
  pynn_conv conv;
  int64_t size[3];
  if (!takes(kSpatial, g, weight) || !geometry(kSpatial, args + 2, &conv) || !integers(args[6], kSpatial, size)) {
    return not_mine();
  }
  npy_intp shape[5] = {PyArray_DIM(g, 0), npy_intp(PyArray_DIM(weight, 1) * conv.groups)};
  for (int d = 0; d < kSpatial; ++d) {
    if (size[d] < 0) return not_mine();
    shape[2 + d] = npy_intp(size[d]);
  }
  fit(&conv, g, shape + 2, PyArray_DIMS(weight) + 2);
  return data_gradient(conv, g, weight, nullptr, new_array(kSpatial + 2, shape, PyArray_TYPE(g)));
}

// (g, x, stride, padding, dilation, groups, kernel)
template <int kSpatial>
PyObject* weight_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 7) return not_mine();
  PyArrayObject *g = as_array(args[0]), *x = as_array(args[1]);
  pynn_conv conv;
  int64_t size[3];
  if (!takes(kSpatial, g, x) || !geometry(kSpatial, args + 2, &conv) || !integers(args[6], kSpatial, size)) {
    return not_mine();
  }
  npy_intp shape[5] = {PyArray_DIM(g, 1), npy_intp(PyArray_DIM(x, 1) / conv.groups)};
  for (int d = 0; d < kSpatial; ++d) {
    if (size[d] < 1) return not_mine();
    shape[2 + d] = npy_intp(size[d]);
  }
  fit(&conv, g, PyArray_DIMS(x) + 2, shape + 2);
  return weight_gradient(conv, g, x, new_array(kSpatial + 2, shape, PyArray_TYPE(g)));
}

}  // namespace

bool register_conv(PyObject* kernels) {
  return add_kernel(kernels, "conv2d", conv_kernel<2>) && add_kernel(kernels, "conv3d", conv_kernel<3>) &&
         add_kernel(kernels, "conv2d.backward", conv_backward_kernel<2>) &&
         add_kernel(kernels, "conv3d.backward", conv_backward_kernel<3>) &&
         add_kernel(kernels, "conv2d_input", input_kernel<2>) &&
         add_kernel(kernels, "conv3d_input", input_kernel<3>) &&
         add_kernel(kernels, "conv2d_weight", weight_kernel<2>) &&
         add_kernel(kernels, "conv3d_weight", weight_kernel<3>);
}

}  // namespace pynn::python
