// Reductions (x, dims, keepdim), places of extreme elements, variances, norms, and
// their gradients.
#include "bindings.h"
#include "reduction_tables.h"

namespace pynn::python {
namespace {

// The dimensions that a reduction's attrs name, and the result's shape with and without them.
struct Dims {
  bool reduced[PYNN_MAX_DIMS] = {};
  int first = 0, last = 0;  // the reduced ones, where they are adjacent
  bool adjacent = true;
  int count = 0;
  npy_intp kept[PYNN_MAX_DIMS];  // size 1 where reduced
  npy_intp out[PYNN_MAX_DIMS];   // the shape that the caller gets
  int out_ndim = 0;

  bool read(int ndim, const npy_intp* shape, PyObject* dims, PyObject* keepdim) {
    bool keep;
    if (!read_dims(dims, keepdim, ndim, reduced, &keep)) return false;
    shapes(ndim, shape, keep);
    return true;
  }
  bool read_one(PyArrayObject* x, PyObject* dim, PyObject* keepdim) {
    bool keep;
    if (!read_dim(dim, keepdim, PyArray_NDIM(x), reduced, &keep)) return false;
    shapes(PyArray_NDIM(x), PyArray_DIMS(x), keep);
    return true;
  }
  void shapes(int ndim, const npy_intp* shape, bool keep) {
    for (int i = 0; i < ndim; ++i) {
      kept[i] = reduced[i] ? 1 : shape[i];
      if (!reduced[i] || keep) out[out_ndim++] = kept[i];
      if (!reduced[i]) continue;
      if (count == 0) first = i;
      if (count > 0 && i != last) adjacent = false;
      last = i + 1;
      ++count;
    }
  }
};

// The result `out` as the C interface wants it: with the reduced dimensions.
pynn_array with_kept(PyArrayObject* out, int ndim, const Dims& dims) {
  pynn_array array = describe(out);
  array.shape = reinterpret_cast<const int64_t*>(dims.kept);
  array.strides = nullptr;
  array.ndim = ndim;
  return array;
}

int64_t work_of(PyArrayObject* x) { return PyArray_SIZE(x); }

// The NumPy type of a result, -1 where there is no kernel.
int result_type(pynn_reduce_op op, int type) {
  const int made = type == NPY_FLOAT16 ? -1 : reduced_dtype(op, dtype_of(type));
  return made < 0 ? -1 : made == PYNN_BOOL ? NPY_BOOL : made == PYNN_INT64 ? NPY_INT64 : type;
}

PyObject* run_reduce(pynn_reduce_op op, PyArrayObject* x, const Dims& dims, double p) {
  const int made = result_type(op, plain_type(x));
  if (made < 0) return not_mine();
  PyArrayObject* out = new_array(dims.out_ndim, dims.out, made);
  if (!out) return nullptr;
  const pynn_array in = describe(x);
  pynn_array result = with_kept(out, PyArray_NDIM(x), dims);
  const pynn_status status = run(work_of(x), [&] { return pynn_reduce(op, &in, p, &result); });
  return finish(status, reinterpret_cast<PyObject*>(out));
}

// (x, dims, keepdim)
PyObject* reduce_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 3 ? as_array(args[0]) : nullptr;
  Dims dims;
  if (!x || !dims.read(PyArray_NDIM(x), PyArray_DIMS(x), args[1], args[2])) return not_mine();
  return run_reduce(code_of<Reducing>(self)->op, x, dims, 0);
}

// (x, p, dims, keepdim)
PyObject* norm_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 4 ? as_array(args[0]) : nullptr;
  Dims dims;
  double p;
  if (!x || !number(args[1], &p) || !dims.read(PyArray_NDIM(x), PyArray_DIMS(x), args[2], args[3]))
    return not_mine();
  return run_reduce(PYNN_REDUCE_NORM, x, dims, p);
}

// (x, size): summed to a shape that broadcasts to x's.
PyObject* sum_to_size_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 2 ? as_array(args[0]) : nullptr;
  if (!x || !PyTuple_Check(args[1]) || PyTuple_GET_SIZE(args[1]) > PyArray_NDIM(x) ||
      PyArray_NDIM(x) > PYNN_MAX_DIMS || !is_float(plain_type(x))) {
    return not_mine();
  }
  const int ndim = int(PyTuple_GET_SIZE(args[1]));
  int64_t sizes[PYNN_MAX_DIMS];
  if (!integers(args[1], ndim, sizes)) return not_mine();
  npy_intp shape[PYNN_MAX_DIMS];
  for (int i = 0; i < ndim; ++i) {
    shape[i] = sizes[i];
    const npy_intp own = PyArray_DIM(x, PyArray_NDIM(x) - ndim + i);
    if (sizes[i] != own && sizes[i] != 1) return not_mine();
  }
  PyArrayObject* out = new_array(ndim, shape, PyArray_TYPE(x));
  if (!out) return nullptr;
  const pynn_array in = describe(x);
  pynn_array result = describe(out);
  const pynn_status status = run(work_of(x), [&] { return pynn_reduce(PYNN_REDUCE_SUM, &in, 0, &result); });
  return finish(status, reinterpret_cast<PyObject*>(out));
}

// What a gradient has for an input: its shape (and, where it was saved, the array), with the reduced
// dimensions.
struct Gradient {
  PyArrayObject* g;
  int ndim;
  npy_intp shape[PYNN_MAX_DIMS];
  Dims dims;
  int64_t strides[PYNN_MAX_DIMS];  // of g, spread over the input's shape
  pynn_array spread;

  bool read(PyObject* grad, PyObject* like, PyObject* dims_object, PyObject* keepdim) {
    g = as_array(grad);
    if (!g || !is_float(plain_type(g)) || !shape_of(like, &ndim, shape)) return false;
    if (!dims.read(ndim, shape, dims_object, keepdim) || PyArray_NDIM(g) != dims.out_ndim) return false;
    for (int i = 0; i < dims.out_ndim; ++i) {
      if (PyArray_DIM(g, i) != dims.out[i]) return false;
    }
    return true;
  }
  // The same gradient, or another array of its shape, as stretched over the input.
  const pynn_array& stretch(PyArrayObject* from) {
    spread = describe(from);
    const bool keep = dims.out_ndim == ndim;
    for (int i = 0, own = 0; i < ndim; ++i) {
      strides[i] = dims.reduced[i] ? 0 : PyArray_STRIDE(from, own);
      if (keep || !dims.reduced[i]) ++own;
    }
    spread.shape = reinterpret_cast<const int64_t*>(shape);
    spread.strides = strides;
    spread.ndim = ndim;
    return spread;
  }
};

// g divided by a number, a new array.
PyArrayObject* divided(PyArrayObject* g, double by) {
  PyArrayObject* out = new_like(g);
  if (!out) return nullptr;
  const float narrow = float(by);
  const bool is_f32 = PyArray_TYPE(g) == NPY_FLOAT32;
  const int64_t none = 0;
  const pynn_array scalar = {is_f32 ? static_cast<void*>(const_cast<float*>(&narrow)) : &by, &none, &none, 0,
                             is_f32 ? PYNN_FLOAT32 : PYNN_FLOAT64};
  const pynn_array grad = describe(g);
  pynn_array result = describe(out);
  pynn_binary(PYNN_DIV, &grad, &scalar, 0, 0, &result);
  return out;
}

struct Averaging {
  const char* name;
  bool mean;
};
constexpr Averaging kAveraging[] = {{"sum.backward", false}, {"mean.backward", true}};

// (g, (None, Like of x), (dims, keepdim), needs): every element gets g, for mean g / count.
PyObject* spread_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Gradient grad;
  if (count != 4 || !has_items(args[1], 2) || !has_items(args[2], 2) ||
      !grad.read(args[0], PyTuple_GET_ITEM(args[1], 1), PyTuple_GET_ITEM(args[2], 0),
                 PyTuple_GET_ITEM(args[2], 1))) {
    return not_mine();
  }
  PyArrayObject* out = new_array(grad.ndim, grad.shape, PyArray_TYPE(grad.g));
  PyArrayObject* g = grad.g;
  Py_INCREF(g);
  if (out && code_of<Averaging>(self)->mean) {
    double elements = 1;
    for (int i = 0; i < grad.ndim; ++i) elements *= grad.dims.reduced[i] ? double(grad.shape[i]) : 1;
    Py_DECREF(g);
    g = divided(grad.g, elements > 0 ? elements : 1);
  }
  if (!out || !g) {
    Py_XDECREF(out);
    Py_XDECREF(g);
    return nullptr;
  }
  const int64_t n = PyArray_SIZE(out);
  pynn_array result = describe(out);
  pynn_status status = PYNN_OK;
  if (n > 0 && PyArray_SIZE(g) == 1) {
    const double value =
        PyArray_TYPE(g) == NPY_FLOAT32 ? double(floats(g)[0]) : static_cast<double*>(PyArray_DATA(g))[0];
    status = run(n, [&] { return pynn_fill(&result, value); });
  } else if (n > 0) {
    const pynn_array from = grad.stretch(g);
    status = run(n, [&] { return pynn_unary(PYNN_COPY, &from, 0, 0, &result); });
  }
  Py_DECREF(g);
  return finish(status, reinterpret_cast<PyObject*>(out));
}

// (g, (out, x), (dims, keepdim), needs) of amax and amin
PyObject* extreme_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  Gradient grad;
  if (count != 4 || !has_items(args[1], 2) || !has_items(args[2], 2) ||
      !grad.read(args[0], PyTuple_GET_ITEM(args[1], 1), PyTuple_GET_ITEM(args[2], 0),
                 PyTuple_GET_ITEM(args[2], 1))) {
    return not_mine();
  }
  PyArrayObject *best = as_array(PyTuple_GET_ITEM(args[1], 0)), *x = as_array(PyTuple_GET_ITEM(args[1], 1));
  const int type = PyArray_TYPE(grad.g);
  if (!best || !x || plain_type(best) != type || plain_type(x) != type || !PyArray_IS_C_CONTIGUOUS(best) ||
      !PyArray_IS_C_CONTIGUOUS(x) || !grad.dims.adjacent || !same_shape(best, grad.g)) {
    return not_mine();
  }
  PyArrayObject* g = row_major(grad.g);
  PyArrayObject* out = g ? new_like(x) : nullptr;
  if (!out) {
    Py_XDECREF(g);
    return nullptr;
  }
  const pynn_array in = describe(x), most = describe(best), from = describe(g);
  pynn_array result = describe(out);
  const pynn_status status = run(work_of(x), [&] {
    return pynn_extreme_backward(&in, grad.dims.first, grad.dims.last, &most, &from, &result);
  });
  Py_DECREF(g);
  return finish(status, reinterpret_cast<PyObject*>(out));
}

// g / norm, 0 where the norm is: what x is multiplied by in the gradient of the 2-norm.
template <class T>
void over_norm(int64_t n, const T* g, const T* norm, T* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = norm[i] == T(0) ? g[i] : g[i] / norm[i];
}

// (g, (out, x), (p, dims, keepdim), needs): the 2-norm's alone.
PyObject* norm_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  Gradient grad;
  double p;
  if (count != 4 || !has_items(args[1], 2) || !has_items(args[2], 3) ||
      !number(PyTuple_GET_ITEM(args[2], 0), &p) || p != 2 ||
      !grad.read(args[0], PyTuple_GET_ITEM(args[1], 1), PyTuple_GET_ITEM(args[2], 1),
                 PyTuple_GET_ITEM(args[2], 2))) {
    return not_mine();
  }
  PyArrayObject *norm = as_array(PyTuple_GET_ITEM(args[1], 0)), *x = as_array(PyTuple_GET_ITEM(args[1], 1));
  const int type = PyArray_TYPE(grad.g);
  if (!norm || !x || plain_type(norm) != type || plain_type(x) != type || !PyArray_IS_C_CONTIGUOUS(norm) ||
      !same_shape(norm, grad.g)) {
    return not_mine();
  }
  PyArrayObject* g = row_major(grad.g);
  PyArrayObject* scale = g ? new_like(g) : nullptr;
  PyArrayObject* out = scale ? new_like(x) : nullptr;
  pynn_status status = PYNN_OK;
  if (out) {
    if (type == NPY_FLOAT32) {
      over_norm(PyArray_SIZE(g), floats(g), floats(norm), floats(scale));
    } else {
      over_norm(PyArray_SIZE(g), static_cast<const double*>(PyArray_DATA(g)),
                static_cast<const double*>(PyArray_DATA(norm)), static_cast<double*>(PyArray_DATA(scale)));
    }
    const pynn_array in = describe(x), by = grad.stretch(scale);
    pynn_array result = describe(out);
    status = run(work_of(x), [&] { return pynn_binary(PYNN_MUL, &in, &by, 0, 0, &result); });
  }
  Py_XDECREF(g);
  Py_XDECREF(scale);
  return out ? finish(status, reinterpret_cast<PyObject*>(out)) : nullptr;
}

struct Placing {
  const char* name;
  int smallest;
  bool values;  // whether the result is (values, places)
};
constexpr Placing kPlacing[] = {
    {"argmax", 0, false}, {"argmin", 1, false}, {"max_dim", 0, true}, {"min_dim", 1, true}};

// (x, dim or None, keepdim)
PyObject* place_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 3 ? as_array(args[0]) : nullptr;
  Dims dims;
  if (!x || !is_float(plain_type(x)) || !dims.read_one(x, args[1], args[2]) || PyArray_SIZE(x) == 0)
    return not_mine();
  const Placing& entry = *code_of<Placing>(self);
  PyArrayObject* from = row_major(x);
  PyArrayObject* places = from ? new_array(dims.out_ndim, dims.out, NPY_INT64) : nullptr;
  PyArrayObject* values =
      places && entry.values ? new_array(dims.out_ndim, dims.out, PyArray_TYPE(x)) : nullptr;
  if (!places || (entry.values && !values)) {
    Py_XDECREF(from);
    Py_XDECREF(places);
    return nullptr;
  }
  const pynn_array in = describe(from);
  pynn_array result;
  if (values) result = describe(values);
  const pynn_status status = run(work_of(x), [&] {
    return pynn_extreme(entry.smallest, &in, dims.first, dims.last,
                        static_cast<int64_t*>(PyArray_DATA(places)), values ? &result : nullptr);
  });
  Py_DECREF(from);
  if (!values || status != PYNN_OK) {
    Py_XDECREF(values);
    return finish(status, reinterpret_cast<PyObject*>(places));
  }
  PyObject* both = PyTuple_Pack(2, values, places);
  Py_DECREF(values);
  Py_DECREF(places);
  return both;
}

// x with its reduced dimensions last, row-major: itself where they are adjacent, else a copy.
PyArrayObject* gathered(PyArrayObject* x, Dims* dims) {
  if (dims->adjacent) return row_major(x);
  npy_intp order[PYNN_MAX_DIMS];
  int used = 0;
  for (int pass = 0; pass < 2; ++pass) {
    for (int i = 0; i < PyArray_NDIM(x); ++i) {
      if (dims->reduced[i] == (pass == 1)) order[used++] = i;
    }
  }
  PyArray_Dims axes = {order, used};
  auto* turned = reinterpret_cast<PyArrayObject*>(PyArray_Transpose(x, &axes));
  if (!turned) return nullptr;
  PyArrayObject* out = row_major(turned);
  Py_DECREF(turned);
  dims->first = used - dims->count;
  dims->last = used;
  return out;
}

// (x, dims, correction, keepdim)
PyObject* var_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 4 ? as_array(args[0]) : nullptr;
  Dims dims;
  double correction;
  if (!x || !is_float(plain_type(x)) || !number(args[2], &correction) ||
      !dims.read(PyArray_NDIM(x), PyArray_DIMS(x), args[1], args[3])) {
    return not_mine();
  }
  PyArrayObject* from = gathered(x, &dims);
  PyArrayObject* out = from ? new_array(dims.out_ndim, dims.out, PyArray_TYPE(x)) : nullptr;
  if (!out) {
    Py_XDECREF(from);
    return nullptr;
  }
  const pynn_array in = describe(from);
  pynn_array result = describe(out);
  const pynn_status status = run(
      work_of(x), [&] { return pynn_variance(&in, dims.first, dims.last, correction, &result, nullptr); });
  Py_DECREF(from);
  return finish(status, reinterpret_cast<PyObject*>(out));
}

// (g, (None, x), (dims, correction, keepdim), needs)
PyObject* var_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  Gradient grad;
  double correction;
  if (count != 4 || !has_items(args[1], 2) || !has_items(args[2], 3) ||
      !number(PyTuple_GET_ITEM(args[2], 1), &correction) ||
      !grad.read(args[0], PyTuple_GET_ITEM(args[1], 1), PyTuple_GET_ITEM(args[2], 0),
                 PyTuple_GET_ITEM(args[2], 2))) {
    return not_mine();
  }
  PyArrayObject* x = as_array(PyTuple_GET_ITEM(args[1], 1));
  if (!x || plain_type(x) != PyArray_TYPE(grad.g) || !PyArray_IS_C_CONTIGUOUS(x) || !grad.dims.adjacent)
    return not_mine();
  PyArrayObject* g = row_major(grad.g);
  PyArrayObject* out = g ? new_like(x) : nullptr;
  if (!out) {
    Py_XDECREF(g);
    return nullptr;
  }
  const pynn_array in = describe(x), from = describe(g);
  pynn_array result = describe(out);
  const pynn_status status = run(work_of(x), [&] {
    return pynn_variance_backward(&in, grad.dims.first, grad.dims.last, correction, &from, &result);
  });
  Py_DECREF(g);
  return finish(status, reinterpret_cast<PyObject*>(out));
}

}  // namespace

template <class Entry, size_t kCount>
bool add_all(PyObject* kernels, const Entry (&entries)[kCount], FastFunction function) {
  bool ok = true;
  for (const Entry& entry : entries) ok = ok && add_kernel(kernels, entry.name, function, &entry);
  return ok;
}

bool register_reduction(PyObject* kernels) {
  return add_all(kernels, kReducing, reduce_kernel) && add_all(kernels, kAveraging, spread_kernel) &&
         add_all(kernels, kPlacing, place_kernel) && add_kernel(kernels, "norm", norm_kernel) &&
         add_kernel(kernels, "norm.backward", norm_backward_kernel) &&
         add_kernel(kernels, "sum_to_size", sum_to_size_kernel) &&
         add_kernel(kernels, "amax.backward", extreme_backward_kernel) &&
         add_kernel(kernels, "amin.backward", extreme_backward_kernel) &&
         add_kernel(kernels, "var", var_kernel) && add_kernel(kernels, "var.backward", var_backward_kernel);
}

}  // namespace pynn::python
