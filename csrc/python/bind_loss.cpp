// Losses of (x, y, options..., reduction) element by element; cross_entropy and nll_loss(x, classes, weight or
// None, ignore_index, ...) of any number of dimensions and both float dtypes; and their gradients.
#include <initializer_list>

#include "bindings.h"
#include "loss_tables.h"
#include "operands.h"

namespace pynn::python {
namespace {

// An element's exponentials are worth some of a pointwise kernel's elements.
constexpr int64_t kWorkEach = 4;

bool read_reduction(PyObject* name, pynn_reduction* out) {
  if (!PyUnicode_Check(name)) return false;
  if (PyUnicode_CompareWithASCIIString(name, "mean") == 0) {
    *out = PYNN_LOSS_MEAN;
  } else if (PyUnicode_CompareWithASCIIString(name, "sum") == 0) {
    *out = PYNN_LOSS_SUM;
  } else if (PyUnicode_CompareWithASCIIString(name, "none") == 0) {
    *out = PYNN_LOSS_NONE;
  } else {
    return false;
  }
  return true;
}

constexpr int kMostOptions = 3;

struct Call {
  pynn_loss_kind kind;
  double held[kMostOptions];
  const double* options;
  pynn_reduction reduction;
};

bool read_call(const Kind& kind, PyObject* const* attrs, Py_ssize_t count, Call* out) {
  if (count != kind.options + 1 || !read_reduction(attrs[count - 1], &out->reduction)) return false;
  for (int i = 0; i < kind.options; ++i) {
    if (!number(attrs[i], &out->held[i])) return false;
  }
  const bool other = kind.chosen && out->held[0] != 0;
  out->kind = other ? kind.otherwise : kind.kind;
  out->options = out->held + kind.chosen;
  return true;
}

// A row-major array of the given dtype, copied where it lies otherwise.
Read read_operand(PyObject* object, int dtype, Input* out) {
  PyArrayObject* x = as_array(object);
  if (!is_float_array(x, dtype)) return Read::not_mine;
  return hold(x, PyArray_IS_C_CONTIGUOUS(x), out);
}

int float_type(PyObject* object) {
  PyArrayObject* x = as_array(object);
  const int type = x ? plain_type(x) : -1;
  return is_float(type) ? type : -1;
}

PyArrayObject* new_result(PyArrayObject* like, int dtype, pynn_reduction reduction) {
  if (reduction != PYNN_LOSS_NONE) return new_array(0, nullptr, dtype);
  return new_array(PyArray_NDIM(like), PyArray_DIMS(like), dtype);
}

PyObject* loss_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Call call;
  Input x, y;
  if (count < 3 || !read_call(*code_of<Kind>(self), args + 2, count - 2, &call)) return not_mine();
  const int dtype = float_type(args[0]);
  PYNN_READ(read_operand(args[0], dtype, &x));
  PYNN_READ(read_operand(args[1], dtype, &y));
  if (!same_shape(x.array.get(), y.array.get())) return not_mine();
  Output out;
  if (!make(&out, new_result(x.array.get(), dtype, call.reduction))) return nullptr;
  const pynn_status status = run(kWorkEach * PyArray_SIZE(x.array.get()), [&] {
    return pynn_loss(call.kind, &x.text, &y.text, call.options, call.reduction, out.pointer());
  });
  return ended(status, [&] { return out.result(); });
}

// (g, (None, x, y), (options..., reduction), needs)
PyObject* loss_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 3) || !PyTuple_Check(args[2])) return not_mine();
  Call call;
  Input g, x, y;
  int64_t needs;
  PyObject* const* attrs = &PyTuple_GET_ITEM(args[2], 0);
  if (!read_needs(args[3], &needs) ||
      !read_call(*code_of<Kind>(self), attrs, PyTuple_GET_SIZE(args[2]), &call)) {
    return not_mine();
  }
  const int dtype = float_type(PyTuple_GET_ITEM(args[1], 1));
  PYNN_READ(read_operand(PyTuple_GET_ITEM(args[1], 1), dtype, &x));
  PYNN_READ(read_operand(PyTuple_GET_ITEM(args[1], 2), dtype, &y));
  PYNN_READ(read_operand(args[0], dtype, &g));
  PyArrayObject* like = x.array.get();
  if (!same_shape(like, y.array.get())) return not_mine();
  Output dx, dy;
  if ((needs & 1 && !make(&dx, new_like(like))) || (needs & 2 && !make(&dy, new_like(like)))) return nullptr;
  const pynn_status status = run(kWorkEach * PyArray_SIZE(like), [&] {
    return pynn_loss_backward(call.kind, &g.text, &x.text, &y.text, call.options, call.reduction,
                              dx.pointer(), dy.pointer());
  });
  return ended(status, [&]() -> PyObject* {
    PyObject* grads = PyTuple_New(2);
    if (!grads) return nullptr;
    PyTuple_SET_ITEM(grads, 0, dx.result());
    PyTuple_SET_ITEM(grads, 1, dy.result());
    return grads;
  });
}

// ---- over classes ----

Read read_target(PyObject* object, Input* out) {
  PyArrayObject* t = as_array(object);
  if (!t || plain_type(t) != NPY_INT64 || PyArray_NDIM(t) < 1 || PyArray_NDIM(t) > PYNN_MAX_DIMS) {
    return Read::not_mine;
  }
  return hold(t, PyArray_IS_C_CONTIGUOUS(t), out);
}

// attrs: ignore_index, label_smoothing of a cross-entropy only, reduction
bool read_class_attrs(bool log_probabilities, PyObject* const* attrs, Py_ssize_t count,
                      pynn_class_loss* out) {
  const int last = log_probabilities ? 1 : 2;
  out->label_smoothing = 0;
  out->log_probabilities = log_probabilities;
  return count == last + 1 && integer(attrs[0], &out->ignore_index) &&
         (log_probabilities || number(attrs[1], &out->label_smoothing)) &&
         read_reduction(attrs[last], &out->reduction);
}

PyObject* class_kernel(bool log_probabilities, PyObject* const* args, Py_ssize_t count) {
  Input x, target, weight;
  pynn_class_loss loss;
  if (count < 3 || !read_class_attrs(log_probabilities, args + 3, count - 3, &loss)) return not_mine();
  const int dtype = float_type(args[0]);
  PYNN_READ(read_operand(args[0], dtype, &x));
  PYNN_READ(read_target(args[1], &target));
  if (args[2] != Py_None) PYNN_READ(read_operand(args[2], dtype, &weight));
  Output out;
  if (!make(&out, new_result(target.array.get(), dtype, loss.reduction))) return nullptr;
  loss.x = &x.text;
  loss.target = &target.text;
  loss.weight = weight.pointer();
  const pynn_status status = run(kWorkEach * PyArray_SIZE(x.array.get()),
                                 [&] { return pynn_class_loss_forward(&loss, out.pointer()); });
  return ended(status, [&] { return out.result(); });
}

// (g, (None, x or its Like, target, weight), attrs, needs)
PyObject* class_backward_kernel(bool log_probabilities, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 4) || !PyTuple_Check(args[2])) return not_mine();
  Input g, x, target, weight;
  pynn_class_loss loss;
  int64_t needs;
  PyObject *x_object = PyTuple_GET_ITEM(args[1], 1), *weight_object = PyTuple_GET_ITEM(args[1], 3);
  if (!read_needs(args[3], &needs) || needs != 1 ||
      !read_class_attrs(log_probabilities, &PyTuple_GET_ITEM(args[2], 0), PyTuple_GET_SIZE(args[2]), &loss)) {
    return not_mine();
  }
  const int dtype = float_type(args[0]);
  PYNN_READ(read_operand(args[0], dtype, &g));
  PYNN_READ(read_target(PyTuple_GET_ITEM(args[1], 2), &target));
  if (weight_object != Py_None) PYNN_READ(read_operand(weight_object, dtype, &weight));
  int ndim;
  npy_intp shape[PYNN_MAX_DIMS];
  if (!shape_of(x_object, &ndim, shape)) return not_mine();
  Output dx;
  if (!make(&dx, new_array(ndim, shape, dtype))) return nullptr;
  loss.x = &dx.text;  // log-probabilities are not read, only their shape is
  if (!log_probabilities) {
    PYNN_READ(read_operand(x_object, dtype, &x));
    loss.x = &x.text;
  }
  loss.target = &target.text;
  loss.weight = weight.pointer();
  const pynn_status status = run(kWorkEach * PyArray_SIZE(dx.array.get()),
                                 [&] { return pynn_class_loss_backward(&loss, &g.text, dx.pointer()); });
  return ended(status, [&]() -> PyObject* {
    PyObject* gradient = dx.result();
    PyObject* grads = PyTuple_Pack(3, gradient, Py_None, Py_None);
    Py_DECREF(gradient);
    return grads;
  });
}

PyObject* nll_loss_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return class_kernel(true, args, count);
}
PyObject* nll_loss_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return class_backward_kernel(true, args, count);
}

}  // namespace

PyObject* any_cross_entropy(PyObject* const* args, Py_ssize_t count) {
  return class_kernel(false, args, count);
}
PyObject* any_cross_entropy_backward(PyObject* const* args, Py_ssize_t count) {
  return class_backward_kernel(false, args, count);
}

bool register_loss(PyObject* kernels) {
  bool ok = true;
  for (const Kind& entry : kKinds) {
    ok = ok && add_kernel(kernels, entry.name, loss_kernel, &entry) &&
         add_kernel(kernels, entry.backward_name, loss_backward_kernel, &entry);
  }
  return ok && add_kernel(kernels, "nll_loss", nll_loss_kernel) &&
         add_kernel(kernels, "nll_loss.backward", nll_loss_backward_kernel);
}

}  // namespace pynn::python
