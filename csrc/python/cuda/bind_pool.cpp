// Pools over the last two or three dimensions and their gradients: max_pool{2,3}d(x, kernel, stride, padding, dilation,
// ceil_mode), the same with indices, avg_pool{2,3}d(x, kernel, stride, padding, ceil_mode, count_include_pad, divisor or
// None), adaptive_{max,avg}_pool{2,3}d(x, output size).
#include "arrays.h"
#include "kernels/pool/cuda.h"

namespace pynn::cuda {
namespace {

constexpr int64_t kMost = int64_t(1) << 31;

struct Pool {
  const char* name;
  int dims;
};

bool takes(PyObject* object, int dims, Array* x) {
  return x->read(object) && is_float(x->dtype) && x->ndim > dims && x->ndim <= dims + 2;
}

// Sizes of planes: the last dims of a shape, which is otherwise the batch's.
bool planes(const int64_t* shape, int ndim, int dims, PoolShape* out, int (&to)[3]) {
  out->planes = 1;
  for (int i = 0; i < ndim - dims; ++i) out->planes *= shape[i];
  for (int d = 0; d < 3; ++d) {
    const int own = d - (3 - dims);
    const int64_t size = own < 0 ? 1 : shape[ndim - dims + own];
    if (size < 0 || size >= kMost) return false;
    to[d] = int(size);
  }
  return true;
}

// kernel, stride, padding and, where there is one, dilation.
bool windows(PyObject* const* attrs, bool dilated, int dims, PoolShape* out) {
  int64_t kernel[3], stride[3], padding[3], dilation[3] = {1, 1, 1};
  if (!integers(attrs[0], dims, kernel) || !integers(attrs[1], dims, stride) || !integers(attrs[2], dims, padding) ||
      (dilated && !integers(attrs[3], dims, dilation))) {
    return false;
  }
  out->bins = false;
  for (int d = 0; d < 3; ++d) {
    const int own = d - (3 - dims);
    const int64_t k = own < 0 ? 1 : kernel[own], s = own < 0 ? 1 : stride[own], p = own < 0 ? 0 : padding[own],
                  far = own < 0 ? 1 : dilation[own];
    if (k < 1 || k >= kMost || s < 1 || s >= kMost || far < 1 || far >= kMost || p < 0 || p > k / 2) return false;
    out->kernel[d] = int(k);
    out->stride[d] = int(s);
    out->padding[d] = int(p);
    out->dilation[d] = int(far);
  }
  return true;
}

// How many windows there are; false where none fits, or a size but the batch's is 0.
bool count_windows(const Array& x, int dims, bool ceil_mode, PoolShape* s, int64_t* shape) {
  for (int i = 0; i < x.ndim; ++i) {
    shape[i] = x.shape[i];
    if (shape[i] == 0 && i >= x.ndim - dims - 1) return false;
  }
  for (int d = 0; d < 3; ++d) {
    const int64_t n = s->in[d], stride = s->stride[d], padding = s->padding[d];
    const int64_t room = n + 2 * padding - int64_t(s->dilation[d]) * (s->kernel[d] - 1) - 1;
    int64_t count = (room >= 0 ? room / stride : -((-room + stride - 1) / stride)) + 1;
    if (ceil_mode && room % stride != 0) ++count;
    if (ceil_mode && (count - 1) * stride >= n + padding) --count;
    if (count < 1) return false;
    s->out[d] = int(count);
    const int own = d - (3 - dims);
    if (own >= 0) shape[x.ndim - dims + own] = count;
  }
  return true;
}

struct Average {
  PoolAverage how;
  bool ceil_mode;
};
bool read_average(PyObject* const* attrs, int dims, PoolShape* shape, Average* out) {
  out->how.divisor = 0;
  if (!windows(attrs, false, dims, shape) || !truth(attrs[3], &out->ceil_mode) ||
      !truth(attrs[4], &out->how.count_include_pad)) {
    return false;
  }
  return attrs[5] == Py_None || (integer(attrs[5], &out->how.divisor) && out->how.divisor != 0);
}

// The shape of an adaptive pool's result; false for what it does not take.
bool bins(const Array& x, PyObject* size, int dims, PoolShape* s, int64_t* shape) {
  int64_t out[3];
  if (!integers(size, dims, out)) return false;
  *s = {};
  s->bins = true;
  for (int i = 0; i < x.ndim; ++i) {
    const int own = i - (x.ndim - dims);
    shape[i] = own < 0 ? x.shape[i] : out[own];
    if ((x.shape[i] == 0 && own >= -1) || shape[i] < 0) return false;
  }
  return planes(x.shape, x.ndim, dims, s, s->in) && planes(shape, x.ndim, dims, s, s->out);
}

// ---- maxima ----

PyObject* maxima(const Call& call, const Array& given, const PoolShape& s, const int64_t* shape, bool with_indices) {
  Array x, out, places;
  cudaStream_t stream;
  if (!current_stream(&stream) || !x.make_dense(given, stream) || !out.make(x.ndim, shape, x.dtype) ||
      (with_indices && !places.make(x.ndim, shape, PYNN_INT64))) {
    return nullptr;
  }
  const Status status = dispatch_float(x.dtype, [&](auto tag) {
    typedef typename decltype(tag)::Type T;
    return pool_max<T>(s, x.pointer<T>(), out.pointer<T>(), with_indices ? places.pointer<int64_t>() : nullptr, stream);
  });
  if (!with_indices) return finish(status, call, out.release());
  return finish(status, call, Py_BuildValue("(NN)", out.release(), places.release()));
}

template <bool kIndices>
PyObject* max_pool_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const int dims = code_of<Pool>(self)->dims;
  Array x;
  PoolShape s;
  bool ceil_mode;
  int64_t shape[PYNN_MAX_DIMS];
  if (count != 6 || !takes(args[0], dims, &x) || !windows(args + 1, true, dims, &s) || !truth(args[5], &ceil_mode) ||
      !planes(x.shape, x.ndim, dims, &s, s.in) || !count_windows(x, dims, ceil_mode, &s, shape)) {
    return not_mine();
  }
  return maxima({self, args, count}, x, s, shape, kIndices);
}

PyObject* adaptive_max_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const int dims = code_of<Pool>(self)->dims;
  Array x;
  PoolShape s;
  int64_t shape[PYNN_MAX_DIMS];
  if (count != 2 || !takes(args[0], dims, &x) || !bins(x, args[1], dims, &s, shape)) return not_mine();
  return maxima({self, args, count}, x, s, shape, true);
}

// A gradient of the shape of the pool's input: f(T tag, dy, dx, stream).
template <class F>
PyObject* gradient(const Call& call, const Array& given, int ndim, const int64_t* shape, const F& f) {
  Array dy, dx;
  cudaStream_t stream;
  if (!current_stream(&stream) || !dy.make_dense(given, stream) || !dx.make(ndim, shape, dy.dtype)) return nullptr;
  const Status status = dispatch_float(dy.dtype, [&](auto tag) { return f(tag, dy, dx, stream); });
  return finish(status, call, dx.release());
}

// Shapes agree but for the last `dims` dimensions.
bool same_planes(const Array& g, int ndim, const int64_t* shape, int dims) {
  if (g.ndim != ndim) return false;
  for (int i = 0; i < ndim - dims; ++i) {
    if (g.shape[i] != shape[i]) return false;
  }
  return true;
}

// (g, (None, x), attrs, needs)
PyObject* max_pool_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const int dims = code_of<Pool>(self)->dims;
  Array g, given, x;
  PoolShape s;
  if (count != 4 || !has_items(args[1], 2) || !has_items(args[2], 5) || !takes(args[0], dims, &g) ||
      !takes(PyTuple_GET_ITEM(args[1], 1), dims, &given) || g.dtype != given.dtype ||
      !same_planes(g, given.ndim, given.shape, dims)) {
    return not_mine();
  }
  PyObject* attrs[4];
  for (int i = 0; i < 4; ++i) attrs[i] = PyTuple_GET_ITEM(args[2], i);
  if (!windows(attrs, true, dims, &s) || !planes(given.shape, given.ndim, dims, &s, s.in) ||
      !planes(g.shape, g.ndim, dims, &s, s.out)) {
    return not_mine();
  }
  Workspace room;
  cudaStream_t current;
  if (!current_stream(&current) || !x.make_dense(given, current) || !room.make(pool_max_backward_bytes(s))) return nullptr;
  return gradient({self, args, count}, g, x.ndim, x.shape,
                  [&](auto tag, const Array& dy, const Array& dx, cudaStream_t stream) {
                    typedef typename decltype(tag)::Type T;
                    return pool_max_backward<T>(s, dy.pointer<T>(), x.pointer<T>(), nullptr, dx.pointer<T>(), room.data(),
                                                stream);
                  });
}

// ((g, None), ((None, indices), Like of x), attrs, needs)
PyObject* indices_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const int dims = code_of<Pool>(self)->dims;
  if (count != 4 || !(PyTuple_Check(args[0]) || PyList_Check(args[0])) || PySequence_Fast_GET_SIZE(args[0]) < 1 ||
      !has_items(args[1], 2) || !has_items(PyTuple_GET_ITEM(args[1], 0), 2) || !PyTuple_Check(args[2])) {
    return not_mine();
  }
  Array g, places;
  int ndim;
  int64_t shape[PYNN_MAX_DIMS];
  if (!takes(PySequence_Fast_GET_ITEM(args[0], 0), dims, &g) ||
      !places.read(PyTuple_GET_ITEM(PyTuple_GET_ITEM(args[1], 0), 1)) || places.dtype != PYNN_INT64 ||
      !places.is_dense() || !same_shape(g, places) || !shape_of(PyTuple_GET_ITEM(args[1], 1), &ndim, shape) ||
      !same_planes(g, ndim, shape, dims)) {
    return not_mine();
  }
  PoolShape s = {};
  if (PyTuple_GET_SIZE(args[2]) == 1) {
    s.bins = true;
  } else {
    PyObject* attrs[4];
    for (int i = 0; i < 4; ++i) attrs[i] = PyTuple_GET_SIZE(args[2]) > i ? PyTuple_GET_ITEM(args[2], i) : Py_None;
    if (!windows(attrs, true, dims, &s)) return not_mine();
  }
  if (!planes(shape, ndim, dims, &s, s.in) || !planes(g.shape, ndim, dims, &s, s.out)) return not_mine();
  return gradient({self, args, count}, g, ndim, shape,
                  [&](auto tag, const Array& dy, const Array& dx, cudaStream_t stream) {
                    typedef typename decltype(tag)::Type T;
                    return pool_max_backward<T>(s, dy.pointer<T>(), nullptr, places.pointer<int64_t>(), dx.pointer<T>(),
                                                nullptr, stream);
                  });
}

// ---- averages ----

PyObject* averages(const Call& call, const Array& given, const PoolShape& s, const PoolAverage& how,
                   const int64_t* shape) {
  Array x, out;
  cudaStream_t stream;
  if (!current_stream(&stream) || !x.make_dense(given, stream) || !out.make(x.ndim, shape, x.dtype)) return nullptr;
  const Status status = dispatch_float(x.dtype, [&](auto tag) {
    typedef typename decltype(tag)::Type T;
    return pool_average<T>(s, how, x.pointer<T>(), out.pointer<T>(), stream);
  });
  return finish(status, call, out.release());
}

PyObject* average_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const int dims = code_of<Pool>(self)->dims;
  Array x;
  PoolShape s;
  Average average;
  int64_t shape[PYNN_MAX_DIMS];
  if (count != 7 || !takes(args[0], dims, &x) || !read_average(args + 1, dims, &s, &average) ||
      !planes(x.shape, x.ndim, dims, &s, s.in) || !count_windows(x, dims, average.ceil_mode, &s, shape)) {
    return not_mine();
  }
  return averages({self, args, count}, x, s, average.how, shape);
}

PyObject* adaptive_average_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const int dims = code_of<Pool>(self)->dims;
  Array x;
  PoolShape s;
  int64_t shape[PYNN_MAX_DIMS];
  if (count != 2 || !takes(args[0], dims, &x) || !bins(x, args[1], dims, &s, shape)) return not_mine();
  return averages({self, args, count}, x, s, {}, shape);
}

PyObject* average_gradient(const Call& call, const Array& g, const PoolShape& s, const PoolAverage& how,
                           const int64_t* shape) {
  return gradient(call, g, g.ndim, shape, [&](auto tag, const Array& dy, const Array& dx, cudaStream_t stream) {
    typedef typename decltype(tag)::Type T;
    return pool_average_backward<T>(s, how, dy.pointer<T>(), dx.pointer<T>(), stream);
  });
}

// The gradient's shape: g's with its last sizes replaced.
bool widened(const Array& g, const int64_t* size, int dims, int64_t* shape) {
  for (int i = 0; i < g.ndim; ++i) {
    const int own = i - (g.ndim - dims);
    shape[i] = own < 0 ? g.shape[i] : size[own];
    if (shape[i] < 0) return false;
  }
  return true;
}

// avg_pool{2,3}d_input(g, kernel, stride, padding, ceil_mode, count_include_pad, divisor, size), or with `from` (the
// shape of x) in place of the last.
PyObject* average_input(const Call& call, int dims, PyObject* object, PyObject* const* attrs, const int64_t* size) {
  Array g;
  PoolShape s;
  Average average;
  int64_t shape[PYNN_MAX_DIMS];
  if (!takes(object, dims, &g) || !read_average(attrs, dims, &s, &average) || !widened(g, size, dims, shape) ||
      !planes(shape, g.ndim, dims, &s, s.in) || !planes(g.shape, g.ndim, dims, &s, s.out)) {
    return not_mine();
  }
  return average_gradient(call, g, s, average.how, shape);
}
PyObject* adaptive_input(const Call& call, int dims, PyObject* object, const int64_t* size) {
  Array g;
  PoolShape s = {};
  s.bins = true;
  int64_t shape[PYNN_MAX_DIMS];
  if (!takes(object, dims, &g) || !widened(g, size, dims, shape) || !planes(shape, g.ndim, dims, &s, s.in) ||
      !planes(g.shape, g.ndim, dims, &s, s.out)) {
    return not_mine();
  }
  for (int d = 0; d < 3; ++d) {
    if (s.out[d] == 0) return not_mine();
  }
  return average_gradient(call, g, s, {}, shape);
}

PyObject* average_input_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const int dims = code_of<Pool>(self)->dims;
  int64_t size[3];
  if (count != 8 || !integers(args[7], dims, size)) return not_mine();
  return average_input({self, args, count}, dims, args[0], args + 1, size);
}

// adaptive_avg_pool{2,3}d_input(g, size)
PyObject* adaptive_input_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const int dims = code_of<Pool>(self)->dims;
  int64_t size[3];
  if (count != 2 || !integers(args[1], dims, size)) return not_mine();
  return adaptive_input({self, args, count}, dims, args[0], size);
}

// (g, (None, Like of x), attrs, needs)
template <bool kAdaptive>
PyObject* average_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  constexpr int kAttrs = kAdaptive ? 1 : 6;
  const int dims = code_of<Pool>(self)->dims;
  Array g;
  int ndim;
  int64_t shape[PYNN_MAX_DIMS];
  if (count != 4 || !has_items(args[1], 2) || !has_items(args[2], kAttrs) || !g.read(args[0]) ||
      !shape_of(PyTuple_GET_ITEM(args[1], 1), &ndim, shape) || ndim < dims || !same_planes(g, ndim, shape, dims)) {
    return not_mine();
  }
  const Call call = {self, args, count};
  if (kAdaptive) return adaptive_input(call, dims, args[0], shape + ndim - dims);
  PyObject* attrs[kAttrs];
  for (int i = 0; i < kAttrs; ++i) attrs[i] = PyTuple_GET_ITEM(args[2], i);
  return average_input(call, dims, args[0], attrs, shape + ndim - dims);
}

struct Entry {
  Pool pool;
  FastFunction kernel;
};
constexpr Entry kEntries[] = {
    {{"max_pool2d", 2}, max_pool_kernel<false>},
    {{"max_pool3d", 3}, max_pool_kernel<false>},
    {{"max_pool2d.backward", 2}, max_pool_backward_kernel},
    {{"max_pool3d.backward", 3}, max_pool_backward_kernel},
    {{"max_pool2d_with_indices", 2}, max_pool_kernel<true>},
    {{"max_pool3d_with_indices", 3}, max_pool_kernel<true>},
    {{"max_pool2d_with_indices.backward", 2}, indices_backward_kernel},
    {{"max_pool3d_with_indices.backward", 3}, indices_backward_kernel},
    {{"adaptive_max_pool2d", 2}, adaptive_max_kernel},
    {{"adaptive_max_pool3d", 3}, adaptive_max_kernel},
    {{"adaptive_max_pool2d.backward", 2}, indices_backward_kernel},
    {{"adaptive_max_pool3d.backward", 3}, indices_backward_kernel},
    {{"avg_pool2d", 2}, average_kernel},
    {{"avg_pool3d", 3}, average_kernel},
    {{"avg_pool2d.backward", 2}, average_backward_kernel<false>},
    {{"avg_pool3d.backward", 3}, average_backward_kernel<false>},
    {{"avg_pool2d_input", 2}, average_input_kernel},
    {{"avg_pool3d_input", 3}, average_input_kernel},
    {{"adaptive_avg_pool2d", 2}, adaptive_average_kernel},
    {{"adaptive_avg_pool3d", 3}, adaptive_average_kernel},
    {{"adaptive_avg_pool2d.backward", 2}, average_backward_kernel<true>},
    {{"adaptive_avg_pool3d.backward", 3}, average_backward_kernel<true>},
    {{"adaptive_avg_pool2d_input", 2}, adaptive_input_kernel},
    {{"adaptive_avg_pool3d_input", 3}, adaptive_input_kernel},
};

}  // namespace

bool register_pool(PyObject* kernels) {
  for (const Entry& entry : kEntries) {
    if (!add_kernel(kernels, entry.pool.name, entry.kernel, &entry.pool)) return false;
  }
  return true;
}

}  // namespace pynn::cuda
