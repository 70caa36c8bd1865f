// conv2d, conv3d (x, weight, bias or None, stride, padding, dilation, groups), their gradients as ops of
// their own, conv*_input (g, weight, geometry, size) and conv*_weight (g, x, geometry, kernel), the joint
// backward, and unfold and fold.
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
    if (out->stride[i] < 1 || out->stride[i] > kMost || out->pad_before[i] < 0 ||
        out->pad_before[i] > kMost || out->dilation[i] < 1 || out->dilation[i] > kMost)
      return false;
    out->pad_after[i] = out->pad_before[i];
  }
  return out->groups > 0;
}

bool geometry_of_tuple(int dims, PyObject* attrs, pynn_conv* out) {
  if (!has_items(attrs, 4)) return false;
  PyObject* const items[4] = {PyTuple_GET_ITEM(attrs, 0), PyTuple_GET_ITEM(attrs, 1),
                              PyTuple_GET_ITEM(attrs, 2), PyTuple_GET_ITEM(attrs, 3)};
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

// The shape of the result; false where the kernel does not fit.
bool output_shape(const pynn_conv& conv, PyArrayObject* x, PyArrayObject* weight, npy_intp* shape) {
  shape[0] = PyArray_DIM(x, 0);
  shape[1] = PyArray_DIM(weight, 0);
  for (int d = 0; d < conv.dims; ++d) {
    const int64_t room = PyArray_DIM(x, 2 + d) + conv.pad_before[d] + conv.pad_after[d] -
                         conv.dilation[d] * (PyArray_DIM(weight, 2 + d) - 1) - 1;
    if (room < 0) return false;
    shape[2 + d] = room / conv.stride[d] + 1;
  }
  return true;
}

// The padding behind an input of `size` for which the outputs are as many as g has (a transposed
// convolution's output_padding may leave more room than a stride).
void fit(pynn_conv* conv, PyArrayObject* g, const npy_intp* size, const npy_intp* kernel) {
  for (int d = 0; d < conv->dims; ++d) {
    const int64_t reach = conv->dilation[d] * (kernel[d] - 1) + 1;
    const int64_t need =
        (PyArray_DIM(g, 2 + d) - 1) * conv->stride[d] + reach - size[d] - conv->pad_before[d];
    const int64_t room = conv->pad_after[d] - need;
    if (room < 0 || room >= conv->stride[d]) conv->pad_after[d] = need;
  }
}

// Multiply-adds, on the scale that `run` counts elements by.
int64_t work_of(PyArrayObject* y, PyArrayObject* weight) {
  return PyArray_SIZE(y) *
         (PyArray_SIZE(weight) / (PyArray_DIM(weight, 0) > 0 ? PyArray_DIM(weight, 0) : 1)) / 8;
}

PyObject* convolve(const pynn_conv& conv, PyArrayObject* x, PyArrayObject* weight, PyArrayObject* bias) {
  npy_intp shape[5];
  if (!output_shape(conv, x, weight, shape)) return not_mine();
  PyArrayObject* kernel = row_major(weight);
  PyArrayObject* out = kernel ? new_array(conv.dims + 2, shape, PyArray_TYPE(x)) : nullptr;
  PyObject* result = nullptr;
  if (out) {
    const pynn_array in = describe(x), w = describe(kernel);
    pynn_array b, y = describe(out);
    if (bias) b = describe(bias);
    const pynn_status status = run(work_of(out, weight), [&] {
      return pynn_conv_forward(&conv, &in, &w, bias ? &b : nullptr, PYNN_ACT_NONE, &y);
    });
    result = finish(status, reinterpret_cast<PyObject*>(out));
  }
  Py_XDECREF(kernel);
  return result;
}

template <int kSpatial>
PyObject* conv_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 7) return not_mine();
  PyArrayObject *x = as_array(args[0]), *weight = as_array(args[1]), *bias;
  pynn_conv conv;
  if (!takes(kSpatial, x, weight) || !takes_bias(args[2], x, &bias) || !geometry(kSpatial, args + 3, &conv)) {
    return not_mine();
  }
  return convolve(conv, x, weight, bias);
}

// The gradients of the input, the weight and the bias, each into an array of its shape.
PyObject* data_gradient(const pynn_conv& conv, PyArrayObject* g, PyArrayObject* weight, PyArrayObject* out) {
  PyArrayObject* kernel = out ? row_major(weight) : nullptr;
  if (!kernel) {
    Py_XDECREF(out);
    return nullptr;
  }
  const pynn_array dy = describe(g), w = describe(kernel);
  pynn_array dx = describe(out);
  const pynn_status status = run(work_of(g, weight), [&] {
    return pynn_conv_backward_data(&conv, &dy, &w, nullptr, PYNN_ACT_NONE, 0, &dx);
  });
  Py_DECREF(kernel);
  return finish(status, reinterpret_cast<PyObject*>(out));
}

PyObject* weight_gradient(const pynn_conv& conv, PyArrayObject* g, PyArrayObject* x, PyArrayObject* out) {
  if (!out) return nullptr;
  const pynn_array dy = describe(g), in = describe(x);
  pynn_array dw = describe(out);
  const pynn_status status =
      run(work_of(g, out), [&] { return pynn_conv_backward_weight(&conv, &in, &dy, 0, &dw); });
  return finish(status, reinterpret_cast<PyObject*>(out));
}

PyObject* bias_gradient(PyArrayObject* g) {
  const npy_intp channels = PyArray_DIM(g, 1);
  PyArrayObject* rows = row_major(g);
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
      made = data_gradient(conv, g, weight, new_like(x));
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
  if (!takes(kSpatial, g, weight) || !geometry(kSpatial, args + 2, &conv) ||
      !integers(args[6], kSpatial, size)) {
    return not_mine();
  }
  npy_intp shape[5] = {PyArray_DIM(g, 0), npy_intp(PyArray_DIM(weight, 1) * conv.groups)};
  for (int d = 0; d < kSpatial; ++d) {
    if (size[d] < 0) return not_mine();
    shape[2 + d] = npy_intp(size[d]);
  }
  fit(&conv, g, shape + 2, PyArray_DIMS(weight) + 2);
  return data_gradient(conv, g, weight, new_array(kSpatial + 2, shape, PyArray_TYPE(g)));
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

// A tuple of the gradients wanted: first() if needs has bit 0, second() if it has bit 1; takes over their
// results.
template <class First, class Second>
PyObject* two_gradients(int64_t needs, const First& first, const Second& second) {
  PyObject* parts[2] = {nullptr, nullptr};
  for (int i = 0; i < 2; ++i) {
    const bool needed = needs >> i & 1;
    parts[i] = !needed ? not_mine() : i == 0 ? first() : second();
    if (!parts[i] || (needed && parts[i] == Py_None)) {  // an error, or no kernel for it
      if (i == 1) Py_DECREF(parts[0]);
      return parts[i];
    }
  }
  PyObject* grads = PyTuple_Pack(2, parts[0], parts[1]);
  Py_DECREF(parts[0]);
  Py_DECREF(parts[1]);
  return grads;
}

// (g, (out, y, weight or x), (stride, padding, dilation, groups, ...), needs): the inputs of a gradient's
// gradient.
template <int kSpatial>
bool second_order(PyObject* const* args, Py_ssize_t count, PyArrayObject** g, PyArrayObject** first,
                  PyArrayObject** second, pynn_conv* conv, int64_t* needs) {
  if (count != 4 || !has_items(args[1], 3) || !read_needs(args[3], needs)) return false;
  *g = as_array(args[0]);
  *first = as_array(PyTuple_GET_ITEM(args[1], 1));
  *second = as_array(PyTuple_GET_ITEM(args[1], 2));
  return takes(kSpatial, *first, *second) && takes(kSpatial, *g, *first) &&
         geometry_of_tuple(kSpatial, args[2], conv);
}

template <int kSpatial>
PyObject* input_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject *g, *y, *weight;
  pynn_conv conv;
  int64_t needs;
  if (!second_order<kSpatial>(args, count, &g, &y, &weight, &conv, &needs)) return not_mine();
  fit(&conv, y, PyArray_DIMS(g) + 2, PyArray_DIMS(weight) + 2);
  return two_gradients(
      needs, [&] { return convolve(conv, g, weight, nullptr); },
      [&] { return weight_gradient(conv, y, g, new_like(weight)); });
}

template <int kSpatial>
PyObject* weight_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject *g, *y, *x;
  pynn_conv conv;
  int64_t needs;
  if (!second_order<kSpatial>(args, count, &g, &y, &x, &conv, &needs)) return not_mine();
  fit(&conv, y, PyArray_DIMS(x) + 2, PyArray_DIMS(g) + 2);
  return two_gradients(
      needs, [&] { return convolve(conv, x, g, nullptr); },
      [&] { return data_gradient(conv, y, g, new_like(x)); });
}

// kernel, dilation, padding, stride from four consecutive arguments.
bool window(PyObject* const* args, pynn_conv* conv, int64_t* kernel) {
  constexpr int64_t kMost = int64_t(1) << 31;
  conv->dims = 2;
  conv->groups = 1;
  if (!integers(args[0], 2, kernel) || !integers(args[1], 2, conv->dilation) ||
      !integers(args[2], 2, conv->pad_before) || !integers(args[3], 2, conv->stride))
    return false;
  for (int d = 0; d < 2; ++d) {
    if (kernel[d] < 1 || kernel[d] > kMost || conv->dilation[d] < 1 || conv->dilation[d] > kMost ||
        conv->pad_before[d] < 0 || conv->pad_before[d] > kMost || conv->stride[d] < 1 ||
        conv->stride[d] > kMost)
      return false;
    conv->pad_after[d] = conv->pad_before[d];
  }
  return true;
}

PyObject* unfold(PyArrayObject* x, PyObject* const* geometry) {
  pynn_conv conv;
  int64_t kernel[2];
  if (!x || !is_float(plain_type(x)) || PyArray_NDIM(x) != 4 || !window(geometry, &conv, kernel))
    return not_mine();
  npy_intp shape[3] = {PyArray_DIM(x, 0), npy_intp(PyArray_DIM(x, 1) * kernel[0] * kernel[1]), 1};
  for (int d = 0; d < 2; ++d) {
    const int64_t room =
        PyArray_DIM(x, 2 + d) + 2 * conv.pad_before[d] - conv.dilation[d] * (kernel[d] - 1) - 1;
    if (room < 0) return not_mine();
    shape[2] *= npy_intp(room / conv.stride[d] + 1);
  }
  if (PyArray_DIM(x, 3) <= 1 || PyArray_STRIDE(x, 3) == PyArray_ITEMSIZE(x)) {
    Py_INCREF(x);
  } else if (!(x = row_major(x))) {
    return nullptr;
  }
  PyArrayObject* out = new_array(3, shape, PyArray_TYPE(x));
  PyObject* result = nullptr;
  if (out) {
    const pynn_array in = describe(x);
    pynn_array y = describe(out);
    const pynn_status status = run(PyArray_SIZE(out), [&] { return pynn_unfold(&conv, kernel, &in, &y); });
    result = finish(status, reinterpret_cast<PyObject*>(out));
  }
  Py_DECREF(x);
  return result;
}

PyObject* fold(PyArrayObject* y, const int64_t* size, PyObject* const* geometry) {
  pynn_conv conv;
  int64_t kernel[2];
  if (!y || !is_float(plain_type(y)) || PyArray_NDIM(y) != 3 || size[0] < 0 || size[1] < 0 ||
      !window(geometry, &conv, kernel)) {
    return not_mine();
  }
  const npy_intp shape[4] = {PyArray_DIM(y, 0), npy_intp(PyArray_DIM(y, 1) / (kernel[0] * kernel[1])),
                             npy_intp(size[0]), npy_intp(size[1])};
  if (!(y = row_major(y))) return nullptr;
  PyArrayObject* out = new_array(4, shape, PyArray_TYPE(y));
  PyObject* result = nullptr;
  if (out) {
    const pynn_array columns = describe(y);
    pynn_array x = describe(out);
    const pynn_status status = run(PyArray_SIZE(y), [&] { return pynn_fold(&conv, kernel, &columns, &x); });
    result = finish(status, reinterpret_cast<PyObject*>(out));
  }
  Py_DECREF(y);
  return result;
}

// (x, kernel, dilation, padding, stride)
PyObject* unfold_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return count == 5 ? unfold(as_array(args[0]), args + 1) : not_mine();
}

// (columns, size, kernel, dilation, padding, stride)
PyObject* fold_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  int64_t size[2];
  return count == 6 && integers(args[1], 2, size) ? fold(as_array(args[0]), size, args + 2) : not_mine();
}

// (g, (out, x's shape), (kernel, dilation, padding, stride), needs)
PyObject* unfold_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  int ndim;
  npy_intp shape[PYNN_MAX_DIMS];
  if (count != 4 || !has_items(args[1], 2) || !has_items(args[2], 4) ||
      !shape_of(PyTuple_GET_ITEM(args[1], 1), &ndim, shape) || ndim != 4) {
    return not_mine();
  }
  const int64_t size[2] = {shape[2], shape[3]};
  PyObject* const items[4] = {PyTuple_GET_ITEM(args[2], 0), PyTuple_GET_ITEM(args[2], 1),
                              PyTuple_GET_ITEM(args[2], 2), PyTuple_GET_ITEM(args[2], 3)};
  return fold(as_array(args[0]), size, items);
}

// (g, (), (size, kernel, dilation, padding, stride), needs)
PyObject* fold_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[2], 5)) return not_mine();
  PyObject* const items[4] = {PyTuple_GET_ITEM(args[2], 1), PyTuple_GET_ITEM(args[2], 2),
                              PyTuple_GET_ITEM(args[2], 3), PyTuple_GET_ITEM(args[2], 4)};
  return unfold(as_array(args[0]), items);
}

}  // namespace

bool register_conv(PyObject* kernels) {
  const struct {
    const char* name;
    FastFunction function;
  } all[] = {{"conv2d", conv_kernel<2>},
             {"conv2d.backward", conv_backward_kernel<2>},
             {"conv2d_input", input_kernel<2>},
             {"conv2d_input.backward", input_backward_kernel<2>},
             {"conv2d_weight", weight_kernel<2>},
             {"conv2d_weight.backward", weight_backward_kernel<2>},
             {"conv3d", conv_kernel<3>},
             {"conv3d.backward", conv_backward_kernel<3>},
             {"conv3d_input", input_kernel<3>},
             {"conv3d_input.backward", input_backward_kernel<3>},
             {"conv3d_weight", weight_kernel<3>},
             {"conv3d_weight.backward", weight_backward_kernel<3>},
             {"unfold", unfold_kernel},
             {"unfold.backward", unfold_backward_kernel},
             {"fold", fold_kernel},
             {"fold.backward", fold_backward_kernel}};
  for (const auto& kernel : all) {
    if (!add_kernel(kernels, kernel.name, kernel.function)) return false;
  }
  return true;
}

}  // namespace pynn::python
