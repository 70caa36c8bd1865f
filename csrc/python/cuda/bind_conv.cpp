// conv2d, conv3d (x, weight, bias or None, stride, padding, dilation, groups), their gradients as ops of
// their own, conv*_input (g, weight, geometry, size) and conv*_weight (g, x, geometry, kernel), the joint
// backward, and unfold and fold.
#include "kernels/conv/cuda.h"
#include "products.h"

namespace pynn::cuda {
namespace {

// stride, padding, dilation, groups from four consecutive arguments.
bool geometry(int dims, PyObject* const* args, Conv* out) {
  constexpr int64_t kMost = int64_t(1) << 30;
  int64_t values[3][3];
  for (int i = 0; i < 3; ++i) {
    if (!integers(args[i], dims, values[i])) return false;
  }
  if (!integer(args[3], &out->groups) || out->groups < 1) return false;
  for (int d = 0; d < 3; ++d) out->stride[d] = out->dilation[d] = 1, out->before[d] = 0;
  for (int i = 0; i < dims; ++i) {
    const int d = 3 - dims + i;
    out->stride[d] = values[0][i], out->before[d] = values[1][i], out->dilation[d] = values[2][i];
    if (out->stride[d] < 1 || out->stride[d] > kMost || out->before[d] < 0 || out->before[d] > kMost ||
        out->dilation[d] < 1 || out->dilation[d] > kMost) {
      return false;
    }
  }
  return true;
}

bool geometry_of_tuple(int dims, PyObject* attrs, Conv* out) {
  if (!has_items(attrs, 4)) return false;
  PyObject* const items[4] = {PyTuple_GET_ITEM(attrs, 0), PyTuple_GET_ITEM(attrs, 1),
                              PyTuple_GET_ITEM(attrs, 2), PyTuple_GET_ITEM(attrs, 3)};
  return geometry(dims, items, out);
}

bool read_pair(int dims, PyObject* a, PyObject* b, Array* first, Array* second) {
  return first->read(a) && second->read(b) && is_float(first->dtype) && first->dtype == second->dtype &&
         first->ndim == dims + 2 && second->ndim == dims + 2;
}

// The sizes behind the first two dimensions.
void sizes(int dims, const int64_t* shape, int64_t* out) {
  for (int d = 0; d < 3; ++d) out[d] = d < 3 - dims ? 1 : shape[2 + d - (3 - dims)];
}

bool images_of(int dims, const Array& x, Images* out) {
  const int64_t item = int64_t(size_of(x.dtype));
  if (reinterpret_cast<uintptr_t>(x.data) % size_t(item) != 0) return false;
  for (int i = 0; i < x.ndim; ++i) {
    if (x.strides[i] % item != 0) return false;
  }
  out->data = x.data;
  out->image = x.strides[0] / item, out->channel = x.strides[1] / item;
  for (int d = 0; d < 3; ++d) out->at[d] = d < 3 - dims ? 0 : x.strides[2 + d - (3 - dims)] / item;
  return true;
}

// Everything about a convolution of x's shape by weight's into y's; false where they do not belong together.
bool describe(int dims, const int64_t* x, const int64_t* weight, const int64_t* y, int dtype, Conv* c) {
  c->dtype = pynn_dtype(dtype);
  c->images = x[0], c->channels = x[1], c->filters = weight[0];
  sizes(dims, x, c->in);
  sizes(dims, weight, c->kernel);
  sizes(dims, y, c->out);
  return x[1] == weight[1] * c->groups && weight[0] % c->groups == 0 && y[0] == x[0] && y[1] == weight[0] &&
         c->taps() > 0;
}

// The shape of the result; false where the kernel does not fit.
bool output_shape(int dims, const Conv& c, const Array& x, const Array& weight, int64_t* shape) {
  shape[0] = x.shape[0];
  shape[1] = weight.shape[0];
  for (int i = 0; i < dims; ++i) {
    const int d = 3 - dims + i;
    const int64_t room = x.shape[2 + i] + 2 * c.before[d] - c.dilation[d] * (weight.shape[2 + i] - 1) - 1;
    if (room < 0 || weight.shape[2 + i] < 1) return false;
    shape[2 + i] = room / c.stride[d] + 1;
  }
  return true;
}

PyObject* convolve(const Call& call, int dims, Conv c, const Array& x, const Array& weight,
                   const Array* bias) {
  int64_t shape[5];
  Images in;
  if (!output_shape(dims, c, x, weight, shape) || !images_of(dims, x, &in) ||
      !describe(dims, x.shape, weight.shape, shape, x.dtype, &c)) {
    return not_mine();
  }
  Array out, kernel, dense_bias;
  Workspace workspace;
  cudaStream_t stream;
  if (!float32_products("conv", x.dtype, &c.float32) || !current_stream(&stream) ||
      !kernel.make_dense(weight, stream) || (bias && !dense_bias.make_dense(*bias, stream)) ||
      !out.make(dims + 2, shape, x.dtype) || !workspace.make(conv_forward_workspace(c, in))) {
    return nullptr;
  }
  const Status status = conv_forward(c, in, kernel.data, bias ? dense_bias.data : nullptr, PYNN_ACT_NONE,
                                     out.data, workspace.data(), stream);
  return finish(status, call, out.release());
}

PyObject* data_gradient(const Call& call, int dims, Conv c, const Array& g, const Array& weight,
                        const int64_t* shape) {
  Images dy;
  if (!describe(dims, shape, weight.shape, g.shape, g.dtype, &c) || !images_of(dims, g, &dy))
    return not_mine();
  Array out, kernel;
  Workspace workspace;
  cudaStream_t stream;
  if (!float32_products("conv", g.dtype, &c.float32) || !current_stream(&stream) ||
      !kernel.make_dense(weight, stream) || !out.make(dims + 2, shape, g.dtype) ||
      !workspace.make(conv_data_workspace(c, dy))) {
    return nullptr;
  }
  return finish(conv_data(c, dy, kernel.data, out.data, workspace.data(), stream), call, out.release());
}

PyObject* weight_gradient(const Call& call, int dims, Conv c, const Array& g, const Array& x,
                          const int64_t* shape) {
  Images dy, in;
  if (!describe(dims, x.shape, shape, g.shape, g.dtype, &c) || !images_of(dims, g, &dy) ||
      !images_of(dims, x, &in)) {
    return not_mine();
  }
  Array out;
  Workspace workspace;
  cudaStream_t stream;
  if (!float32_products("conv", g.dtype, &c.float32) || !out.make(dims + 2, shape, g.dtype) ||
      !current_stream(&stream) || !workspace.make(conv_weight_workspace(c, in, dy))) {
    return nullptr;
  }
  return finish(conv_weight(c, in, dy, out.data, workspace.data(), stream), call, out.release());
}

PyObject* bias_gradient(const Call& call, int dims, const Array& g) {
  Conv c = {};
  Images dy;
  if (!images_of(dims, g, &dy)) return not_mine();
  c.dtype = pynn_dtype(g.dtype);
  c.images = g.shape[0], c.filters = g.shape[1], c.groups = 1;
  sizes(dims, g.shape, c.out);
  Array out;
  Workspace workspace;
  cudaStream_t stream;
  if (!out.make(1, &c.filters, g.dtype) || !current_stream(&stream) ||
      !workspace.make(conv_bias_workspace(c))) {
    return nullptr;
  }
  return finish(conv_bias(c, dy, out.data, workspace.data(), stream), call, out.release());
}

template <int kDims>
PyObject* conv_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array x, weight, bias;
  Conv c = {};
  if (count != 7 || !read_pair(kDims, args[0], args[1], &x, &weight) || !geometry(kDims, args + 3, &c)) {
    return not_mine();
  }
  const bool has_bias = args[2] != Py_None;
  if (has_bias &&
      (!bias.read(args[2]) || bias.dtype != x.dtype || bias.ndim != 1 || bias.shape[0] != weight.shape[0])) {
    return not_mine();
  }
  return convolve({self, args, count}, kDims, c, x, weight, has_bias ? &bias : nullptr);
}

// (g, (out, x, weight, bias), (stride, padding, dilation, groups), needs)
template <int kDims>
PyObject* conv_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const Call call = {self, args, count};
  Array g, x, weight;
  Conv c = {};
  int64_t needs;
  if (count != 4 || !has_items(args[1], 3) || !read_needs(args[3], &needs) || !g.read(args[0]) ||
      !read_pair(kDims, PyTuple_GET_ITEM(args[1], 1), PyTuple_GET_ITEM(args[1], 2), &x, &weight) ||
      g.dtype != x.dtype || g.ndim != x.ndim || !geometry_of_tuple(kDims, args[2], &c)) {
    return not_mine();
  }
  return gradients(3, needs, [&](int i) {
    return i == 0   ? data_gradient(call, kDims, c, g, weight, x.shape)
           : i == 1 ? weight_gradient(call, kDims, c, g, x, weight.shape)
                    : bias_gradient(call, kDims, g);
  });
}

// (g, weight, stride, padding, dilation, groups, size)
template <int kDims>
PyObject* input_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array g, weight;
  Conv c = {};
  int64_t shape[5];
  if (count != 7 || !read_pair(kDims, args[0], args[1], &g, &weight) || !geometry(kDims, args + 2, &c) ||
      !integers(args[6], kDims, shape + 2)) {
    return not_mine();
  }
  shape[0] = g.shape[0], shape[1] = weight.shape[1] * c.groups;
  for (int d = 0; d < kDims; ++d) {
    if (shape[2 + d] < 0) return not_mine();
  }
  return data_gradient({self, args, count}, kDims, c, g, weight, shape);
}

// (g, x, stride, padding, dilation, groups, kernel)
template <int kDims>
PyObject* weight_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array g, x;
  Conv c = {};
  int64_t shape[5];
  if (count != 7 || !read_pair(kDims, args[0], args[1], &g, &x) || !geometry(kDims, args + 2, &c) ||
      !integers(args[6], kDims, shape + 2)) {
    return not_mine();
  }
  shape[0] = g.shape[1], shape[1] = x.shape[1] / c.groups;
  for (int d = 0; d < kDims; ++d) {
    if (shape[2 + d] < 1) return not_mine();
  }
  return weight_gradient({self, args, count}, kDims, c, g, x, shape);
}

// (g, (out, y, weight or x), (stride, padding, dilation, groups, ...), needs): the inputs of a gradient's
// gradient.
template <int kDims>
bool second_order(PyObject* const* args, Py_ssize_t count, Array* g, Array* first, Array* second, Conv* c,
                  int64_t* needs) {
  return count == 4 && has_items(args[1], 3) && read_needs(args[3], needs) && g->read(args[0]) &&
         read_pair(kDims, PyTuple_GET_ITEM(args[1], 1), PyTuple_GET_ITEM(args[1], 2), first, second) &&
         g->dtype == first->dtype && g->ndim == first->ndim && geometry_of_tuple(kDims, args[2], c);
}

template <int kDims>
PyObject* input_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const Call call = {self, args, count};
  Array g, y, weight;
  Conv c = {};
  int64_t needs;
  if (!second_order<kDims>(args, count, &g, &y, &weight, &c, &needs)) return not_mine();
  return gradients(2, needs, [&](int i) {
    return i == 0 ? convolve(call, kDims, c, g, weight, nullptr)
                  : weight_gradient(call, kDims, c, y, g, weight.shape);
  });
}

template <int kDims>
PyObject* weight_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const Call call = {self, args, count};
  Array g, y, x;
  Conv c = {};
  int64_t needs;
  if (!second_order<kDims>(args, count, &g, &y, &x, &c, &needs)) return not_mine();
  return gradients(2, needs, [&](int i) {
    return i == 0 ? convolve(call, kDims, c, x, g, nullptr) : data_gradient(call, kDims, c, y, g, x.shape);
  });
}

// kernel, dilation, padding, stride from four consecutive arguments, in two dimensions.
bool window(PyObject* const* args, Conv* c) {
  PyObject* const groups = PyLong_FromLong(1);
  PyObject* const items[4] = {args[3], args[2], args[1], groups};
  const bool read = groups && geometry(2, items, c) && integers(args[0], 2, c->kernel + 1);
  Py_XDECREF(groups);
  c->kernel[0] = 1;
  return read && c->kernel[1] > 0 && c->kernel[2] > 0;
}

// The number of windows by dimension; false where one does not fit.
bool windows_of(Conv* c) {
  for (int d = 0; d < 3; ++d) {
    const int64_t room = c->in[d] + 2 * c->before[d] - c->dilation[d] * (c->kernel[d] - 1) - 1;
    if (room < 0) return false;
    c->out[d] = room / c->stride[d] + 1;
  }
  return true;
}

PyObject* unfolded(const Call& call, PyObject* object, PyObject* const* attrs) {
  Array x, out;
  Conv c = {};
  Images in;
  if (!x.read(object) || !is_float(x.dtype) || x.ndim != 4 || !window(attrs, &c) || !images_of(2, x, &in)) {
    return not_mine();
  }
  c.dtype = pynn_dtype(x.dtype), c.images = x.shape[0], c.channels = x.shape[1];
  sizes(2, x.shape, c.in);
  if (!windows_of(&c)) return not_mine();
  const int64_t shape[3] = {c.images, c.channels * c.taps(), c.out_size()};
  cudaStream_t stream;
  if (!current_stream(&stream) || !out.make(3, shape, x.dtype)) return nullptr;
  return finish(unfold(c, in, out.data, stream), call, out.release());
}

PyObject* folded(const Call& call, PyObject* object, const int64_t* size, PyObject* const* attrs) {
  Array y, dense, out;
  Conv c = {};
  if (!y.read(object) || !is_float(y.dtype) || y.ndim != 3 || size[0] < 0 || size[1] < 0 ||
      !window(attrs, &c)) {
    return not_mine();
  }
  c.dtype = pynn_dtype(y.dtype), c.images = y.shape[0], c.channels = y.shape[1] / c.taps();
  c.in[0] = 1, c.in[1] = size[0], c.in[2] = size[1];
  if (!windows_of(&c) || c.channels * c.taps() != y.shape[1] || c.out_size() != y.shape[2]) return not_mine();
  const int64_t shape[4] = {c.images, c.channels, size[0], size[1]};
  cudaStream_t stream;
  if (!current_stream(&stream) || !dense.make_dense(y, stream) || !out.make(4, shape, y.dtype))
    return nullptr;
  return finish(fold(c, dense.data, out.data, stream), call, out.release());
}

// (x, kernel, dilation, padding, stride)
PyObject* unfold_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return count == 5 ? unfolded({self, args, count}, args[0], args + 1) : not_mine();
}

// (columns, size, kernel, dilation, padding, stride)
PyObject* fold_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  int64_t size[2];
  return count == 6 && integers(args[1], 2, size) ? folded({self, args, count}, args[0], size, args + 2)
                                                  : not_mine();
}

// (g, (out, x's shape), (kernel, dilation, padding, stride), needs)
PyObject* unfold_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  int ndim;
  int64_t shape[PYNN_MAX_DIMS];
  if (count != 4 || !has_items(args[1], 2) || !has_items(args[2], 4) ||
      !shape_of(PyTuple_GET_ITEM(args[1], 1), &ndim, shape) || ndim != 4) {
    return not_mine();
  }
  return folded({self, args, count}, args[0], shape + 2, &PyTuple_GET_ITEM(args[2], 0));
}

// (g, (), (size, kernel, dilation, padding, stride), needs)
PyObject* fold_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[2], 5)) return not_mine();
  return unfolded({self, args, count}, args[0], &PyTuple_GET_ITEM(args[2], 0) + 1);
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

}  // namespace pynn::cuda
