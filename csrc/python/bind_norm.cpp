// batch_norm(x, weight, bias, eps), batch_norm_fixed(x, mean, var, weight, bias, eps), batch_norm_update,
// layer_norm and rms_norm(x, weight, bias, dims, eps), group_norm(x, weight, bias, groups, eps), and their
// gradients. Arrays laid out as no kernel takes are copied here once, to x's layout.
#include <initializer_list>

#include "bindings.h"
#include "operands.h"

namespace pynn::python {
namespace {

// A contiguous vector or None.
Read read_vector(PyObject* object, int dtype, Input* out) {
  if (object == Py_None) return Read::ok;
  PyArrayObject* x = as_array(object);
  if (!is_float_array(x, dtype)) return Read::not_mine;
  return hold(x, PyArray_IS_C_CONTIGUOUS(x), out);
}

// Whether (N, C, ...) lies with its channels last, densely and more than one of them.
bool channels_last(PyArrayObject* x) {
  const int ndim = PyArray_NDIM(x);
  if (ndim < 3 || PyArray_IS_C_CONTIGUOUS(x) || PyArray_DIM(x, 1) < 2) return false;
  npy_intp step = PyArray_ITEMSIZE(x);
  if (PyArray_STRIDE(x, 1) != step) return false;
  step *= PyArray_DIM(x, 1);
  for (int i = ndim - 1; i != 1; i = i == 2 ? 0 : i - 1) {
    if (PyArray_DIM(x, i) > 1 && PyArray_STRIDE(x, i) != step) return false;
    step *= PyArray_DIM(x, i);
    if (i == 0) break;
  }
  return true;
}

// Rows of contiguous elements, (N, C) with any distance between rows.
bool row_matrix(PyArrayObject* x) {
  return PyArray_NDIM(x) == 2 && PyArray_DIM(x, 1) > 1 && PyArray_STRIDE(x, 1) == PyArray_ITEMSIZE(x) &&
         PyArray_STRIDE(x, 0) > 0 && PyArray_STRIDE(x, 0) % PyArray_ITEMSIZE(x) == 0;
}

// A new array of x's shape, row-major or with the channels last.
PyArrayObject* new_laid(PyArrayObject* x, bool last) {
  if (!last) return new_like(x);
  const int ndim = PyArray_NDIM(x);
  npy_intp shape[PYNN_MAX_DIMS], order[PYNN_MAX_DIMS];
  shape[0] = PyArray_DIM(x, 0);
  order[0] = 0;
  order[1] = ndim - 1;
  for (int i = 2; i < ndim; ++i) {
    shape[i - 1] = PyArray_DIM(x, i);
    order[i] = i - 1;
  }
  shape[ndim - 1] = PyArray_DIM(x, 1);
  Held dense(new_array(ndim, shape, PyArray_TYPE(x)));
  if (!dense) return nullptr;
  PyArray_Dims permutation = {order, ndim};
  return reinterpret_cast<PyArrayObject*>(PyArray_Transpose(dense.get(), &permutation));
}

// x of a batch: as it is where a kernel takes its layout, else a row-major copy.
Read read_batch(PyObject* object, Input* out, bool* last) {
  PyArrayObject* x = as_array(object);
  if (!x || !is_float(plain_type(x)) || PyArray_NDIM(x) < 2 || PyArray_NDIM(x) > PYNN_MAX_DIMS ||
      PyArray_SIZE(x) == 0) {
    return Read::not_mine;
  }
  *last = channels_last(x);
  return hold(x, *last || PyArray_IS_C_CONTIGUOUS(x) || row_matrix(x), out);
}

// Another array of x's shape, in x's layout.
Read read_like(PyObject* object, PyArrayObject* x, bool last, Input* out) {
  PyArrayObject* g = as_array(object);
  if (!is_float_array(g, PyArray_TYPE(x)) || !same_shape(g, x)) return Read::not_mine;
  if (last ? channels_last(g) : PyArray_IS_C_CONTIGUOUS(g) || row_matrix(g)) return hold(g, true, out);
  if (!last) return hold(g, false, out);
  PyArrayObject* copy = new_laid(x, true);
  if (!copy) return Read::failed;
  out->array.take(copy);
  if (PyArray_CopyInto(copy, g) < 0) return Read::failed;
  out->text = describe(copy);
  out->given = true;
  return Read::ok;
}

bool is_vector_of(const Input& v, npy_intp count) {
  return !v.given || PyArray_SIZE(v.array.get()) == count;
}

PyObject* three(Output& a, Output& b, Output& c) {
  PyObject* out = PyTuple_New(3);
  if (!out) return nullptr;
  PyTuple_SET_ITEM(out, 0, a.result());
  PyTuple_SET_ITEM(out, 1, b.result());
  PyTuple_SET_ITEM(out, 2, c.result());
  return out;
}

PyObject* batch_norm_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  Input x, weight, bias;
  double eps;
  bool last;
  if (count != 4 || !number(args[3], &eps)) return not_mine();
  PYNN_READ(read_batch(args[0], &x, &last));
  const int dtype = PyArray_TYPE(x.array.get());
  PYNN_READ(read_vector(args[1], dtype, &weight));
  PYNN_READ(read_vector(args[2], dtype, &bias));
  const npy_intp channels = PyArray_DIM(x.array.get(), 1);
  if (!is_vector_of(weight, channels) || !is_vector_of(bias, channels)) return not_mine();
  Output y, mean, var;
  if (!make(&y, new_laid(x.array.get(), last)) || !make(&mean, new_array(1, &channels, dtype)) ||
      !make(&var, new_array(1, &channels, dtype))) {
    return nullptr;
  }
  const pynn_status status = run(PyArray_SIZE(x.array.get()), [&] {
    return pynn_batch_norm(&x.text, weight.pointer(), bias.pointer(), eps, PYNN_ACT_NONE, y.pointer(),
                           mean.pointer(), var.pointer());
  });
  return ended(status, [&] { return three(y, mean, var); });
}

PyObject* batch_norm_fixed_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  Input x, mean, var, weight, bias;
  double eps;
  bool last;
  if (count != 6 || !number(args[5], &eps)) return not_mine();
  PYNN_READ(read_batch(args[0], &x, &last));
  const int dtype = PyArray_TYPE(x.array.get());
  PYNN_READ(read_vector(args[1], dtype, &mean));
  PYNN_READ(read_vector(args[2], dtype, &var));
  PYNN_READ(read_vector(args[3], dtype, &weight));
  PYNN_READ(read_vector(args[4], dtype, &bias));
  const npy_intp channels = PyArray_DIM(x.array.get(), 1);
  for (const Input* v : {&mean, &var, &weight, &bias}) {
    if (!is_vector_of(*v, channels)) return not_mine();
  }
  Output y;
  if (!mean.given || !var.given) return not_mine();
  if (!make(&y, new_laid(x.array.get(), last))) return nullptr;
  const pynn_status status = run(PyArray_SIZE(x.array.get()), [&] {
    return pynn_batch_norm_fixed(&x.text, &mean.text, &var.text, weight.pointer(), bias.pointer(), eps,
                                 PYNN_ACT_NONE, y.pointer());
  });
  return ended(status, [&] { return y.result(); });
}

// ((running_mean, running_var, mean, var), momentum, correction)
PyObject* batch_norm_update_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  double momentum, correction;
  if (count != 3 || !PyTuple_Check(args[0]) || PyTuple_GET_SIZE(args[0]) != 4 ||
      !number(args[1], &momentum) || !number(args[2], &correction)) {
    return not_mine();
  }
  pynn_array text[4];
  for (int i = 0; i < 4; ++i) {
    PyArrayObject* x = as_array(PyTuple_GET_ITEM(args[0], i));
    if (!x || !is_float(plain_type(x)) || PyArray_NDIM(x) != 1 || !PyArray_IS_C_CONTIGUOUS(x) ||
        (i < 2 && !PyArray_ISWRITEABLE(x))) {
      return not_mine();
    }
    text[i] = describe(x);
  }
  if (pynn_batch_norm_update(&text[2], &text[3], momentum, correction, &text[0], &text[1]) != PYNN_OK) {
    return not_mine();
  }
  Py_INCREF(args[0]);
  return args[0];
}

// The gradient of the first output where the others have none: `g` is a list or tuple of all three.
PyObject* only_first(PyObject* g) {
  if ((!PyList_Check(g) && !PyTuple_Check(g)) || PySequence_Fast_GET_SIZE(g) != 3) return nullptr;
  PyObject** all = PySequence_Fast_ITEMS(g);
  return all[1] == Py_None && all[2] == Py_None ? all[0] : nullptr;
}

// (g, ((None, mean, var), x, weight, None), (eps,), needs)
PyObject* batch_norm_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 3) || !has_items(PyTuple_GET_ITEM(args[1], 0), 3) ||
      !has_items(args[2], 1)) {
    return not_mine();
  }
  PyObject *g_object = only_first(args[0]), *saved = PyTuple_GET_ITEM(args[1], 0);
  Input g, x, mean, var, weight;
  double eps;
  int64_t needs;
  bool last;
  if (!g_object || !read_needs(args[3], &needs) || !number(PyTuple_GET_ITEM(args[2], 0), &eps))
    return not_mine();
  PYNN_READ(read_batch(PyTuple_GET_ITEM(args[1], 1), &x, &last));
  PyArrayObject* like = x.array.get();
  const int dtype = PyArray_TYPE(like);
  PYNN_READ(read_like(g_object, like, last, &g));
  PYNN_READ(read_vector(PyTuple_GET_ITEM(saved, 1), dtype, &mean));
  PYNN_READ(read_vector(PyTuple_GET_ITEM(saved, 2), dtype, &var));
  PYNN_READ(read_vector(PyTuple_GET_ITEM(args[1], 2), dtype, &weight));
  const npy_intp channels = PyArray_DIM(like, 1);
  if (!mean.given || !var.given) return not_mine();
  Output dx, dweight, dbias;
  if ((needs & 1 && !make(&dx, new_laid(like, last))) ||
      (needs & 2 && !make(&dweight, new_array(1, &channels, dtype))) ||
      (needs & 4 && !make(&dbias, new_array(1, &channels, dtype)))) {
    return nullptr;
  }
  const pynn_norm_gradients out = {dx.pointer(), dweight.pointer(), dbias.pointer(), nullptr, nullptr};
  const pynn_status status = run(PyArray_SIZE(like), [&] {
    return pynn_batch_norm_backward(&g.text, &x.text, &mean.text, &var.text, weight.pointer(), nullptr, eps,
                                    PYNN_ACT_NONE, 0, &out);
  });
  return ended(status, [&] { return three(dx, dweight, dbias); });
}

// (g, (None, x, mean, var, weight, None), (eps,), needs)
PyObject* batch_norm_fixed_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 5) || !has_items(args[2], 1)) return not_mine();
  Input g, x, mean, var, weight;
  double eps;
  int64_t needs;
  bool last;
  if (!read_needs(args[3], &needs) || !number(PyTuple_GET_ITEM(args[2], 0), &eps)) return not_mine();
  PYNN_READ(read_batch(PyTuple_GET_ITEM(args[1], 1), &x, &last));
  PyArrayObject* like = x.array.get();
  const int dtype = PyArray_TYPE(like);
  PYNN_READ(read_like(args[0], like, last, &g));
  PYNN_READ(read_vector(PyTuple_GET_ITEM(args[1], 2), dtype, &mean));
  PYNN_READ(read_vector(PyTuple_GET_ITEM(args[1], 3), dtype, &var));
  PYNN_READ(read_vector(PyTuple_GET_ITEM(args[1], 4), dtype, &weight));
  const npy_intp channels = PyArray_DIM(like, 1);
  if (!mean.given || !var.given) return not_mine();
  Output dx, vectors[4];  // of mean, var, weight, bias
  if (needs & 1 && !make(&dx, new_laid(like, last))) return nullptr;
  for (int i = 0; i < 4; ++i) {
    if (needs >> (i + 1) & 1 && !make(&vectors[i], new_array(1, &channels, dtype))) return nullptr;
  }
  const pynn_norm_gradients out = {dx.pointer(), vectors[2].pointer(), vectors[3].pointer(),
                                   vectors[0].pointer(), vectors[1].pointer()};
  const pynn_status status = run(PyArray_SIZE(like), [&] {
    return pynn_batch_norm_backward(&g.text, &x.text, &mean.text, &var.text, weight.pointer(), nullptr, eps,
                                    PYNN_ACT_NONE, 1, &out);
  });
  return ended(status, [&]() -> PyObject* {
    PyObject* grads = PyTuple_New(5);
    if (!grads) return nullptr;
    PyTuple_SET_ITEM(grads, 0, dx.result());
    for (int i = 0; i < 4; ++i) PyTuple_SET_ITEM(grads, i + 1, vectors[i].result());
    return grads;
  });
}

// ---- over rows and groups ----

// x or a gradient of its shape: row-major, or copied so.
Read read_dense(PyObject* object, int dtype, Input* out) {
  PyArrayObject* x = as_array(object);
  if (!is_float_array(x, dtype) || PyArray_NDIM(x) < 1 || PyArray_SIZE(x) == 0) return Read::not_mine;
  return hold(x, PyArray_IS_C_CONTIGUOUS(x), out);
}

int float_type(PyObject* object) {
  PyArrayObject* x = as_array(object);
  const int type = x ? plain_type(x) : -1;
  return is_float(type) ? type : -1;
}

// Shape of the statistics: of layer norm x's with ones for the last `number` dimensions, of group norm (N,
// groups).
int statistics_shape(PyArrayObject* x, bool grouped, int64_t number, npy_intp* shape) {
  if (grouped) {
    shape[0] = PyArray_DIM(x, 0);
    shape[1] = number;
    return 2;
  }
  const int ndim = PyArray_NDIM(x);
  for (int i = 0; i < ndim; ++i) shape[i] = i < ndim - number ? PyArray_DIM(x, i) : 1;
  return ndim;
}

bool fits(PyArrayObject* x, bool grouped, int64_t number) {
  if (!grouped) return number >= 1 && number <= PyArray_NDIM(x);
  return PyArray_NDIM(x) >= 2 && number >= 1 && PyArray_DIM(x, 1) % number == 0;
}

// Layer norm (x, weight, bias, dims, eps), or group norm (x, weight, bias, groups, eps).
PyObject* rows_kernel(bool grouped, PyObject* const* args, Py_ssize_t count) {
  Input x, weight, bias;
  int64_t groups;
  double eps;
  if (count != 5 || !integer(args[3], &groups) || !number(args[4], &eps)) return not_mine();
  const int dtype = float_type(args[0]);
  PYNN_READ(read_dense(args[0], dtype, &x));
  PYNN_READ(read_vector(args[1], dtype, &weight));
  PYNN_READ(read_vector(args[2], dtype, &bias));
  PyArrayObject* like = x.array.get();
  if (!fits(like, grouped, groups)) return not_mine();
  npy_intp shape[PYNN_MAX_DIMS];
  const int ndim = statistics_shape(like, grouped, groups, shape);
  Output y, mean, rstd;
  if (!make(&y, new_like(like)) || !make(&mean, new_array(ndim, shape, dtype)) ||
      !make(&rstd, new_array(ndim, shape, dtype))) {
    return nullptr;
  }
  const pynn_status status = run(PyArray_SIZE(like), [&] {
    return grouped ? pynn_group_norm(&x.text, groups, weight.pointer(), bias.pointer(), eps, y.pointer(),
                                     mean.pointer(), rstd.pointer())
                   : pynn_layer_norm(&x.text, int(groups), weight.pointer(), bias.pointer(), eps,
                                     y.pointer(), mean.pointer(), rstd.pointer());
  });
  return ended(status, [&] { return three(y, mean, rstd); });
}

// The shape of a layer norm's parameters, or of a group norm's.
int parameters_shape(PyArrayObject* x, bool grouped, int64_t number, npy_intp* shape) {
  if (grouped) {
    shape[0] = PyArray_DIM(x, 1);
    return 1;
  }
  const int ndim = PyArray_NDIM(x);
  for (int i = 0; i < number; ++i) shape[i] = PyArray_DIM(x, ndim - int(number) + i);
  return int(number);
}

// (g, ((None, mean, rstd), x, weight, None), (dims or groups, eps), needs)
PyObject* rows_backward_kernel(bool grouped, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 3) || !has_items(PyTuple_GET_ITEM(args[1], 0), 3) ||
      !has_items(args[2], 2)) {
    return not_mine();
  }
  PyObject *g_object = only_first(args[0]), *saved = PyTuple_GET_ITEM(args[1], 0);
  Input g, x, mean, rstd, weight;
  int64_t needs, groups;
  if (!g_object || !read_needs(args[3], &needs) || !integer(PyTuple_GET_ITEM(args[2], 0), &groups))
    return not_mine();
  const int dtype = float_type(PyTuple_GET_ITEM(args[1], 1));
  PYNN_READ(read_dense(PyTuple_GET_ITEM(args[1], 1), dtype, &x));
  PYNN_READ(read_dense(g_object, dtype, &g));
  PYNN_READ(read_vector(PyTuple_GET_ITEM(saved, 1), dtype, &mean));
  PYNN_READ(read_vector(PyTuple_GET_ITEM(saved, 2), dtype, &rstd));
  PYNN_READ(read_vector(PyTuple_GET_ITEM(args[1], 2), dtype, &weight));
  PyArrayObject* like = x.array.get();
  if (!mean.given || !rstd.given || !fits(like, grouped, groups)) return not_mine();
  npy_intp shape[PYNN_MAX_DIMS];
  const int ndim = parameters_shape(like, grouped, groups, shape);
  Output dx, dweight, dbias;
  if ((needs & 1 && !make(&dx, new_like(like))) ||
      (needs & 2 && !make(&dweight, new_array(ndim, shape, dtype))) ||
      (needs & 4 && !make(&dbias, new_array(ndim, shape, dtype)))) {
    return nullptr;
  }
  const pynn_norm_gradients out = {dx.pointer(), dweight.pointer(), dbias.pointer(), nullptr, nullptr};
  const pynn_status status = run(PyArray_SIZE(like), [&] {
    return grouped ? pynn_group_norm_backward(&g.text, &x.text, groups, &mean.text, &rstd.text,
                                              weight.pointer(), &out)
                   : pynn_layer_norm_backward(&g.text, &x.text, int(groups), &mean.text, &rstd.text,
                                              weight.pointer(), &out);
  });
  return ended(status, [&] { return three(dx, dweight, dbias); });
}

PyObject* layer_norm_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return rows_kernel(false, args, count);
}
PyObject* group_norm_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return rows_kernel(true, args, count);
}
PyObject* layer_norm_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return rows_backward_kernel(false, args, count);
}
PyObject* group_norm_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return rows_backward_kernel(true, args, count);
}

// (x, weight, dims, eps)
PyObject* rms_norm_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  Input x, weight;
  int64_t dims;
  double eps;
  if (count != 4 || !integer(args[2], &dims) || !number(args[3], &eps)) return not_mine();
  const int dtype = float_type(args[0]);
  PYNN_READ(read_dense(args[0], dtype, &x));
  PYNN_READ(read_vector(args[1], dtype, &weight));
  if (!fits(x.array.get(), false, dims)) return not_mine();
  Output y;
  if (!make(&y, new_like(x.array.get()))) return nullptr;
  const pynn_status status = run(PyArray_SIZE(x.array.get()), [&] {
    return pynn_rms_norm(&x.text, int(dims), weight.pointer(), eps, y.pointer());
  });
  return ended(status, [&] { return y.result(); });
}

// (g, (None, x, weight), (dims, eps), needs)
PyObject* rms_norm_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 3) || !has_items(args[2], 2)) return not_mine();
  Input g, x, weight;
  int64_t needs, dims;
  double eps;
  if (!read_needs(args[3], &needs) || !integer(PyTuple_GET_ITEM(args[2], 0), &dims) ||
      !number(PyTuple_GET_ITEM(args[2], 1), &eps)) {
    return not_mine();
  }
  const int dtype = float_type(PyTuple_GET_ITEM(args[1], 1));
  PYNN_READ(read_dense(PyTuple_GET_ITEM(args[1], 1), dtype, &x));
  PYNN_READ(read_dense(args[0], dtype, &g));
  PYNN_READ(read_vector(PyTuple_GET_ITEM(args[1], 2), dtype, &weight));
  PyArrayObject* like = x.array.get();
  if (!fits(like, false, dims)) return not_mine();
  npy_intp shape[PYNN_MAX_DIMS];
  const int ndim = parameters_shape(like, false, dims, shape);
  Output dx, dweight;
  if ((needs & 1 && !make(&dx, new_like(like))) ||
      (needs & 2 && !make(&dweight, new_array(ndim, shape, dtype)))) {
    return nullptr;
  }
  const pynn_norm_gradients out = {dx.pointer(), dweight.pointer(), nullptr, nullptr, nullptr};
  const pynn_status status = run(PyArray_SIZE(like), [&] {
    return pynn_rms_norm_backward(&g.text, &x.text, int(dims), weight.pointer(), eps, &out);
  });
  return ended(status, [&]() -> PyObject* {
    PyObject* grads = PyTuple_New(2);
    if (!grads) return nullptr;
    PyTuple_SET_ITEM(grads, 0, dx.result());
    PyTuple_SET_ITEM(grads, 1, dweight.result());
    return grads;
  });
}

}  // namespace

bool register_norm(PyObject* kernels) {
  return add_kernel(kernels, "batch_norm", batch_norm_kernel) &&
         add_kernel(kernels, "batch_norm.backward", batch_norm_backward_kernel) &&
         add_kernel(kernels, "batch_norm_fixed", batch_norm_fixed_kernel) &&
         add_kernel(kernels, "batch_norm_fixed.backward", batch_norm_fixed_backward_kernel) &&
         add_kernel(kernels, "batch_norm_update", batch_norm_update_kernel) &&
         add_kernel(kernels, "layer_norm", layer_norm_kernel) &&
         add_kernel(kernels, "layer_norm.backward", layer_norm_backward_kernel) &&
         add_kernel(kernels, "rms_norm", rms_norm_kernel) &&
         add_kernel(kernels, "rms_norm.backward", rms_norm_backward_kernel) &&
         add_kernel(kernels, "group_norm", group_norm_kernel) &&
         add_kernel(kernels, "group_norm.backward", group_norm_backward_kernel);
}

}  // namespace pynn::python
