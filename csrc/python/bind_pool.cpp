// Pools over the last two or three dimensions and their gradients: max_pool{2,3}d(x, kernel, stride, padding,
// dilation, ceil_mode), the same with indices, avg_pool{2,3}d(x, kernel, stride, padding, ceil_mode,
// count_include_pad, divisor or None), adaptive_{max,avg}_pool{2,3}d(x, output size).
#include "bindings.h"

namespace pynn::python {
namespace {

constexpr int64_t kMost = int64_t(1) << 31;

struct Pool {
  const char* name;
  int dims;
};

bool takes(PyArrayObject* x, int dims) {
  return x && is_float(plain_type(x)) && PyArray_NDIM(x) > dims && PyArray_NDIM(x) <= dims + 2;
}

// kernel, stride, padding and, where there is one, dilation.
bool geometry(PyObject* const* attrs, bool dilated, int dims, pynn_pool* out) {
  out->dims = dims;
  if (!integers(attrs[0], dims, out->kernel) || !integers(attrs[1], dims, out->stride) ||
      !integers(attrs[2], dims, out->padding)) {
    return false;
  }
  if (dilated && !integers(attrs[3], dims, out->dilation)) return false;
  for (int i = 0; i < dims; ++i) {
    if (!dilated) out->dilation[i] = 1;
    const int64_t k = out->kernel[i], s = out->stride[i], p = out->padding[i], d = out->dilation[i];
    if (k < 1 || k > kMost || s < 1 || s > kMost || d < 1 || d > kMost || p < 0 || p > k / 2) return false;
  }
  return true;
}

// The shape after pooling; false where no window fits, or a size but the batch's is 0.
bool pooled_shape(PyArrayObject* x, const pynn_pool& pool, bool ceil_mode, npy_intp* shape) {
  const int ndim = PyArray_NDIM(x), lead = ndim - pool.dims;
  for (int i = 0; i < ndim; ++i) {
    shape[i] = PyArray_DIM(x, i);
    if (shape[i] == 0 && i >= lead - 1) return false;
    if (i < lead) continue;
    const int d = i - lead;
    const int64_t n = shape[i], s = pool.stride[d], p = pool.padding[d];
    const int64_t room = n + 2 * p - pool.dilation[d] * (pool.kernel[d] - 1) - 1;
    const int64_t down = room >= 0 ? room / s : -((-room + s - 1) / s);
    int64_t count = down + 1;
    if (ceil_mode && room % s != 0) ++count;
    if (ceil_mode && (count - 1) * s >= n + p) --count;
    if (count < 1) return false;
    shape[i] = count;
  }
  return true;
}

struct Average {
  pynn_pool pool;
  bool ceil_mode, count_include_pad;
  int64_t divisor;
};

bool read_average(PyObject* const* attrs, int dims, Average* out) {
  out->divisor = 0;
  if (!geometry(attrs, false, dims, &out->pool) || !truth(attrs[3], &out->ceil_mode) ||
      !truth(attrs[4], &out->count_include_pad)) {
    return false;
  }
  return attrs[5] == Py_None || (integer(attrs[5], &out->divisor) && out->divisor != 0);
}

// Runs f(x row-major) and gives up what it made row-major.
template <class F>
PyObject* with_rows(PyArrayObject* x, const F& f) {
  PyArrayObject* in = row_major(x);
  if (!in) return nullptr;
  PyObject* result = f(in);
  Py_DECREF(in);
  return result;
}

PyObject* max_pool_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const int dims = code_of<Pool>(self)->dims;
  PyArrayObject* x = count == 6 ? as_array(args[0]) : nullptr;
  pynn_pool pool;
  bool ceil_mode;
  npy_intp shape[5];
  if (!takes(x, dims) || !geometry(args + 1, true, dims, &pool) || !truth(args[5], &ceil_mode) ||
      !pooled_shape(x, pool, ceil_mode, shape)) {
    return not_mine();
  }
  return with_rows(x, [&](PyArrayObject* in) -> PyObject* {
    PyArrayObject* out = new_array(PyArray_NDIM(x), shape, PyArray_TYPE(x));
    if (!out) return nullptr;
    const pynn_array a = describe(in);
    pynn_array y = describe(out);
    return finish(run(PyArray_SIZE(x), [&] { return pynn_max_pool(&pool, &a, &y, nullptr); }),
                  reinterpret_cast<PyObject*>(out));
  });
}

// (values, indices) of what `f(x, values, indices)` fills.
template <class F>
PyObject* pair_of(PyArrayObject* x, const npy_intp* shape, const F& f) {
  return with_rows(x, [&](PyArrayObject* in) -> PyObject* {
    PyArrayObject* out = new_array(PyArray_NDIM(x), shape, PyArray_TYPE(x));
    PyArrayObject* places = out ? new_array(PyArray_NDIM(x), shape, NPY_INT64) : nullptr;
    PyObject* result = nullptr;
    if (places) {
      const pynn_array a = describe(in);
      pynn_array y = describe(out), at = describe(places);
      result = finish(run(2 * PyArray_SIZE(x), [&] { return f(&a, &y, &at); }),
                      PyTuple_Pack(2, reinterpret_cast<PyObject*>(out), reinterpret_cast<PyObject*>(places)));
    }
    Py_XDECREF(out);
    Py_XDECREF(places);
    return result;
  });
}

PyObject* max_pool_indices_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const int dims = code_of<Pool>(self)->dims;
  PyArrayObject* x = count == 6 ? as_array(args[0]) : nullptr;
  pynn_pool pool;
  bool ceil_mode;
  npy_intp shape[5];
  if (!takes(x, dims) || !geometry(args + 1, true, dims, &pool) || !truth(args[5], &ceil_mode) ||
      !pooled_shape(x, pool, ceil_mode, shape)) {
    return not_mine();
  }
  return pair_of(x, shape, [&](const pynn_array* a, pynn_array* y, pynn_array* at) {
    return pynn_max_pool(&pool, a, y, at);
  });
}

// Shape of an adaptive pool's result; false for what it does not take.
bool adaptive_shape(PyArrayObject* x, PyObject* size, int dims, npy_intp* shape) {
  int64_t out[3];
  if (!takes(x, dims) || !integers(size, dims, out)) return false;
  const int lead = PyArray_NDIM(x) - dims;
  for (int i = 0; i < PyArray_NDIM(x); ++i) {
    shape[i] = i < lead ? PyArray_DIM(x, i) : out[i - lead];
    if ((PyArray_DIM(x, i) == 0 && i >= lead - 1) || shape[i] < 0 || (i >= lead && shape[i] >= kMost)) return false;
  }
  return true;
}

PyObject* adaptive_max_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const int dims = code_of<Pool>(self)->dims;
  PyArrayObject* x = count == 2 ? as_array(args[0]) : nullptr;
  npy_intp shape[5];
  if (count != 2 || !adaptive_shape(x, args[1], dims, shape)) return not_mine();
  return pair_of(x, shape, [&](const pynn_array* a, pynn_array* y, pynn_array* at) {
    return pynn_adaptive_max_pool(dims, a, y, at);
  });
}

PyObject* adaptive_average_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const int dims = code_of<Pool>(self)->dims;
  PyArrayObject* x = count == 2 ? as_array(args[0]) : nullptr;
  npy_intp shape[5];
  if (count != 2 || !adaptive_shape(x, args[1], dims, shape)) return not_mine();
  return with_rows(x, [&](PyArrayObject* in) -> PyObject* {
    PyArrayObject* out = new_array(PyArray_NDIM(x), shape, PyArray_TYPE(x));
    if (!out) return nullptr;
    const pynn_array a = describe(in);
    pynn_array y = describe(out);
    return finish(run(PyArray_SIZE(x), [&] { return pynn_adaptive_avg_pool(dims, &a, &y); }),
                  reinterpret_cast<PyObject*>(out));
  });
}

PyObject* average_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const int dims = code_of<Pool>(self)->dims;
  PyArrayObject* x = count == 7 ? as_array(args[0]) : nullptr;
  Average average;
  npy_intp shape[5];
  if (!takes(x, dims) || !read_average(args + 1, dims, &average) ||
      !pooled_shape(x, average.pool, average.ceil_mode, shape)) {
    return not_mine();
  }
  return with_rows(x, [&](PyArrayObject* in) -> PyObject* {
    PyArrayObject* out = new_array(PyArray_NDIM(x), shape, PyArray_TYPE(x));
    if (!out) return nullptr;
    const pynn_array a = describe(in);
    pynn_array y = describe(out);
    return finish(run(PyArray_SIZE(x),
                      [&] {
                        return pynn_avg_pool(&average.pool, average.count_include_pad, average.divisor, &a, &y);
                      }),
                  reinterpret_cast<PyObject*>(out));
  });
}

// A gradient of shape `shape` that `f(dy, dx)` fills.
template <class F>
PyObject* gradient_of(PyArrayObject* g, int ndim, const npy_intp* shape, const F& f) {
  return with_rows(g, [&](PyArrayObject* in) -> PyObject* {
    PyArrayObject* out = new_array(ndim, shape, PyArray_TYPE(g));
    if (!out) return nullptr;
    const pynn_array dy = describe(in);
    pynn_array dx = describe(out);
    return finish(run(2 * PyArray_SIZE(out), [&] { return f(&dy, &dx); }), reinterpret_cast<PyObject*>(out));
  });
}

// Shapes agree but for the last `dims` dimensions.
bool same_planes(PyArrayObject* g, int ndim, const npy_intp* shape, int dims) {
  if (PyArray_NDIM(g) != ndim) return false;
  for (int i = 0; i < ndim - dims; ++i) {
    if (PyArray_DIM(g, i) != shape[i]) return false;
  }
  return true;
}

// avg_pool{2,3}d_input(g, kernel, stride, padding, ceil_mode, count_include_pad, divisor, size)
PyObject* average_input_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const int dims = code_of<Pool>(self)->dims;
  PyArrayObject* g = count == 8 ? as_array(args[0]) : nullptr;
  Average average;
  int64_t size[3];
  if (!takes(g, dims) || !read_average(args + 1, dims, &average) || !integers(args[7], dims, size)) {
    return not_mine();
  }
  npy_intp shape[5];
  const int lead = PyArray_NDIM(g) - dims;
  for (int i = 0; i < PyArray_NDIM(g); ++i) {
    shape[i] = i < lead ? PyArray_DIM(g, i) : size[i - lead];
    if (shape[i] < 0 || shape[i] >= kMost) return not_mine();
  }
  return gradient_of(g, PyArray_NDIM(g), shape, [&](const pynn_array* dy, pynn_array* dx) {
    return pynn_avg_pool_backward(&average.pool, average.count_include_pad, average.divisor, dy, dx);
  });
}

// adaptive_avg_pool{2,3}d_input(g, size)
PyObject* adaptive_average_input_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const int dims = code_of<Pool>(self)->dims;
  PyArrayObject* g = count == 2 ? as_array(args[0]) : nullptr;
  int64_t size[3];
  if (!takes(g, dims) || !integers(args[1], dims, size)) return not_mine();
  npy_intp shape[5];
  const int lead = PyArray_NDIM(g) - dims;
  for (int i = 0; i < PyArray_NDIM(g); ++i) {
    shape[i] = i < lead ? PyArray_DIM(g, i) : size[i - lead];
    if (shape[i] < 0 || shape[i] >= kMost) return not_mine();
  }
  return gradient_of(g, PyArray_NDIM(g), shape, [&](const pynn_array* dy, pynn_array* dx) {
    return pynn_adaptive_avg_pool_backward(dims, dy, dx);
  });
}

// Backward of the averages: (g, (None, Like of x), attrs, needs), by the input ops' kernels.
template <FastFunction kernel, int kAttrs>
PyObject* average_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 2) || !PyTuple_Check(args[2]) || PyTuple_GET_SIZE(args[2]) != kAttrs) {
    return not_mine();
  }
  const int dims = code_of<Pool>(self)->dims;
  int ndim;
  npy_intp shape[PYNN_MAX_DIMS];
  PyArrayObject* g = as_array(args[0]);
  if (!g || !shape_of(PyTuple_GET_ITEM(args[1], 1), &ndim, shape) || ndim < dims ||
      !same_planes(g, ndim, shape, dims)) {
    return not_mine();
  }
  PyObject* size = PyTuple_New(dims);
  if (!size) return nullptr;
  for (int i = 0; i < dims; ++i) PyTuple_SET_ITEM(size, i, PyLong_FromSsize_t(shape[ndim - dims + i]));
  constexpr int kKept = kAttrs == 1 ? 0 : kAttrs;  // an adaptive pool's attr is the size of its output
  PyObject* all[kKept + 2] = {args[0]};
  for (int i = 0; i < kKept; ++i) all[i + 1] = PyTuple_GET_ITEM(args[2], i);
  all[kKept + 1] = size;
  PyObject* result = kernel(self, all, kKept + 2);
  Py_DECREF(size);
  return result;
}

// (g, (None, x), attrs, needs)
PyObject* max_pool_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 2) || !has_items(args[2], 5)) return not_mine();
  const int dims = code_of<Pool>(self)->dims;
  PyArrayObject *g = as_array(args[0]), *x = as_array(PyTuple_GET_ITEM(args[1], 1));
  PyObject* attrs[4];
  for (int i = 0; i < 4; ++i) attrs[i] = PyTuple_GET_ITEM(args[2], i);
  pynn_pool pool;
  if (!takes(x, dims) || !takes(g, dims) || PyArray_TYPE(g) != PyArray_TYPE(x) ||
      !same_planes(g, PyArray_NDIM(x), PyArray_DIMS(x), dims) || !geometry(attrs, true, dims, &pool)) {
    return not_mine();
  }
  return with_rows(x, [&](PyArrayObject* in) {
    const pynn_array a = describe(in);
    return gradient_of(g, PyArray_NDIM(x), PyArray_DIMS(x), [&](const pynn_array* dy, pynn_array* dx) {
      return pynn_max_pool_backward(&pool, dy, &a, dx);
    });
  });
}

// ((g, None), ((None, indices), Like of x), attrs, needs)
PyObject* indices_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[0], 1) || !has_items(args[1], 2) || !has_items(PyTuple_GET_ITEM(args[1], 0), 2)) {
    return not_mine();
  }
  const int dims = code_of<Pool>(self)->dims;
  PyArrayObject* g = as_array(PyTuple_GET_ITEM(args[0], 0));
  PyArrayObject* places = as_array(PyTuple_GET_ITEM(PyTuple_GET_ITEM(args[1], 0), 1));
  int ndim;
  npy_intp shape[PYNN_MAX_DIMS];
  if (!takes(g, dims) || !places || plain_type(places) != NPY_INT64 || !PyArray_IS_C_CONTIGUOUS(places) ||
      !same_shape(g, places) || !shape_of(PyTuple_GET_ITEM(args[1], 1), &ndim, shape) ||
      !same_planes(g, ndim, shape, dims)) {
    return not_mine();
  }
  const pynn_array at = describe(places);
  return gradient_of(g, ndim, shape, [&](const pynn_array* dy, pynn_array* dx) {
    return pynn_pool_scatter(dims, dy, &at, dx);
  });
}

struct Entry {
  Pool pool;
  FastFunction kernel;
};
constexpr FastFunction kAverageBackward = average_backward_kernel<average_input_kernel, 6>;
constexpr FastFunction kAdaptiveBackward = average_backward_kernel<adaptive_average_input_kernel, 1>;
constexpr Entry kEntries[] = {
    {{"max_pool2d", 2}, max_pool_kernel},
    {{"max_pool3d", 3}, max_pool_kernel},
    {{"max_pool2d.backward", 2}, max_pool_backward_kernel},
    {{"max_pool3d.backward", 3}, max_pool_backward_kernel},
    {{"max_pool2d_with_indices", 2}, max_pool_indices_kernel},
    {{"max_pool3d_with_indices", 3}, max_pool_indices_kernel},
    {{"max_pool2d_with_indices.backward", 2}, indices_backward_kernel},
    {{"max_pool3d_with_indices.backward", 3}, indices_backward_kernel},
    {{"adaptive_max_pool2d", 2}, adaptive_max_kernel},
    {{"adaptive_max_pool3d", 3}, adaptive_max_kernel},
    {{"adaptive_max_pool2d.backward", 2}, indices_backward_kernel},
    {{"adaptive_max_pool3d.backward", 3}, indices_backward_kernel},
    {{"avg_pool2d", 2}, average_kernel},
    {{"avg_pool3d", 3}, average_kernel},
    {{"avg_pool2d.backward", 2}, kAverageBackward},
    {{"avg_pool3d.backward", 3}, kAverageBackward},
    {{"avg_pool2d_input", 2}, average_input_kernel},
    {{"avg_pool3d_input", 3}, average_input_kernel},
    {{"adaptive_avg_pool2d", 2}, adaptive_average_kernel},
    {{"adaptive_avg_pool3d", 3}, adaptive_average_kernel},
    {{"adaptive_avg_pool2d.backward", 2}, kAdaptiveBackward},
    {{"adaptive_avg_pool3d.backward", 3}, kAdaptiveBackward},
    {{"adaptive_avg_pool2d_input", 2}, adaptive_average_input_kernel},
    {{"adaptive_avg_pool3d_input", 3}, adaptive_average_input_kernel},
};

}  // namespace

bool register_pool(PyObject* kernels) {
  for (const Entry& entry : kEntries) {
    if (!add_kernel(kernels, entry.pool.name, entry.kernel, &entry.pool)) return false;
  }
  return true;
}

}  // namespace pynn::python
