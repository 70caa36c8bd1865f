// softmax(x, dim), log_softmax(x, dim) over the last dimension, cross_entropy(logits (N, C), classes, weight
// or None, ignore_index, label_smoothing, reduction), and their gradients.

#include "bindings.h"
#include "pointwise.h"

namespace pynn::python {
namespace {

// An element's exponential and passes are worth some four of a pointwise kernel's elements.
constexpr int64_t kWorkEach = 4;

// Rows and columns where `dim` names the last dimension of a row-major array; false otherwise.
bool rows_of(PyArrayObject* x, PyObject* dim, int64_t* rows, int64_t* cols) {
  const int ndim = PyArray_NDIM(x);
  int64_t place;
  if (ndim < 1 || !integer(dim, &place) || place != ndim - 1) return false;
  *cols = PyArray_DIM(x, ndim - 1);
  *rows = *cols ? PyArray_SIZE(x) / *cols : 0;
  return true;
}

using Forward = pynn_status (*)(int64_t, int64_t, const float*, int64_t, float*, int64_t);
using Gradient = pynn_status (*)(int64_t, int64_t, const float*, int64_t, const float*, int64_t, float*,
                                 int64_t);

struct Rowwise {
  const char* name;
  const char* backward_name;
  pynn_softmax_op op;
  Forward forward;
  Gradient backward;
};
constexpr Rowwise kRowwise[] = {
    {"softmax", "softmax.backward", PYNN_SOFTMAX, pynn_softmax_f32, pynn_softmax_backward_f32},
    {"log_softmax", "log_softmax.backward", PYNN_LOG_SOFTMAX, pynn_log_softmax_f32,
     pynn_log_softmax_backward_f32},
};

// Any dimension, float64, any strides: those are laid out first.
PyObject* along_kernel(pynn_softmax_op op, PyArrayObject* x, PyObject* dim) {
  int64_t place;
  if (!x || !is_float(plain_type(x)) || PyArray_NDIM(x) > PYNN_MAX_DIMS || !integer(dim, &place)) return not_mine();
  x = dense(x);
  if (!x) return PyErr_Occurred() ? nullptr : not_mine();
  PyArrayObject* out = new_like(x);
  PyObject* result = nullptr;
  if (out) {
    const pynn_array in = describe(x);
    pynn_array to = describe(out);
    result = finish(run(kWorkEach * PyArray_SIZE(x), [&] { return pynn_softmax(op, &in, int(place), &to); }),
                    reinterpret_cast<PyObject*>(out));
  }
  Py_DECREF(x);
  return result;
}

PyObject* along_backward_kernel(pynn_softmax_op op, PyArrayObject* g, PyArrayObject* y, PyObject* dim) {
  int64_t place;
  if (!g || !y || !is_float(plain_type(g)) || plain_type(y) != PyArray_TYPE(g) || !same_shape(g, y) ||
      PyArray_NDIM(g) > PYNN_MAX_DIMS || !integer(dim, &place)) {
    return not_mine();
  }
  g = dense(g);
  y = g ? dense(y) : nullptr;
  PyArrayObject* dx = y ? new_like(y) : nullptr;
  PyObject* result = nullptr;
  if (dx) {
    const pynn_array grad = describe(g), saved = describe(y);
    pynn_array to = describe(dx);
    result = finish(run(kWorkEach * PyArray_SIZE(dx),
                        [&] { return pynn_softmax_backward(op, &grad, &saved, int(place), &to); }),
                    reinterpret_cast<PyObject*>(dx));
  }
  Py_XDECREF(y);
  Py_XDECREF(g);
  return result;
}

PyObject* rowwise_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 2 ? as_array(args[0]) : nullptr;
  const auto* entry = code_of<Rowwise>(self);
  int64_t rows, cols;
  if (count != 2) return not_mine();
  if (!is_dense_f32(x) || !rows_of(x, args[1], &rows, &cols)) return along_kernel(entry->op, x, args[1]);
  PyArrayObject* out = new_like(x);
  if (!out) return nullptr;
  const pynn_status status = run(kWorkEach * rows * cols, [&] {
    return entry->forward(rows, cols, floats(x), cols, floats(out), cols);
  });
  return finish(status, reinterpret_cast<PyObject*>(out));
}

PyObject* rowwise_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 1) || !has_items(args[2], 1)) return not_mine();
  const auto* entry = code_of<Rowwise>(self);
  PyArrayObject* g = as_array(args[0]);
  PyArrayObject* y = as_array(PyTuple_GET_ITEM(args[1], 0));
  int64_t rows, cols;
  if (!is_dense_f32(g) || !is_dense_f32(y) || !same_shape(g, y) ||
      !rows_of(y, PyTuple_GET_ITEM(args[2], 0), &rows, &cols)) {
    return along_backward_kernel(entry->op, g, y, PyTuple_GET_ITEM(args[2], 0));
  }
  PyArrayObject* dx = new_like(g);
  if (!dx) return nullptr;
  const pynn_status status = run(kWorkEach * rows * cols, [&] {
    return entry->backward(rows, cols, floats(g), cols, floats(y), cols, floats(dx), cols);
  });
  return finish(status, reinterpret_cast<PyObject*>(dx));
}

// logsumexp(x, (dim,), keepdim) of one dimension.
PyObject* logsumexp_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 3 ? as_array(args[0]) : nullptr;
  int64_t place;
  if (!x || !is_float(plain_type(x)) || !integers(args[1], 1, &place) || place < 0 || place >= PyArray_NDIM(x) ||
      PyArray_NDIM(x) > PYNN_MAX_DIMS || PyArray_DIM(x, int(place)) == 0) {
    return not_mine();
  }
  const bool keep = PyObject_IsTrue(args[2]) == 1;
  npy_intp shape[PYNN_MAX_DIMS];
  int ndim = 0;
  for (int i = 0; i < PyArray_NDIM(x); ++i) {
    if (i != place) shape[ndim++] = PyArray_DIM(x, i);
    else if (keep) shape[ndim++] = 1;
  }
  x = dense(x);
  if (!x) return PyErr_Occurred() ? nullptr : not_mine();
  PyArrayObject* out = new_array(ndim, shape, PyArray_TYPE(x));
  PyObject* result = nullptr;
  if (out) {
    const pynn_array in = describe(x);
    pynn_array to = describe(out);
    result = finish(run(kWorkEach * PyArray_SIZE(x), [&] { return pynn_softmax(PYNN_LOGSUMEXP, &in, int(place), &to); }),
                    reinterpret_cast<PyObject*>(out));
  }
  Py_DECREF(x);
  return result;
}

enum class Reduction { none, mean, sum };

struct CrossEntropy {
  pynn_cross_entropy args;
  Reduction reduction;
};

// Inputs (logits, classes, weight or None) and attrs (ignore_index, label_smoothing, reduction).
bool read(PyObject* logits, PyObject* target, PyObject* weight, PyObject* const* attrs, CrossEntropy* out) {
  PyArrayObject *x = as_array(logits), *t = as_array(target), *w = as_array(weight);
  double smoothing;
  int64_t ignored;
  if (!is_dense_f32(x) || PyArray_NDIM(x) != 2 || !t || plain_type(t) != NPY_INT64 || PyArray_NDIM(t) != 1 ||
      !PyArray_IS_C_CONTIGUOUS(t) || PyArray_DIM(t, 0) != PyArray_DIM(x, 0)) {
    return false;
  }
  if (weight != Py_None &&
      (!is_dense_f32(w) || PyArray_NDIM(w) != 1 || PyArray_DIM(w, 0) != PyArray_DIM(x, 1)))
    return false;
  if (!integer(attrs[0], &ignored) || !number(attrs[1], &smoothing) || !PyUnicode_Check(attrs[2]))
    return false;
  if (PyUnicode_CompareWithASCIIString(attrs[2], "mean") == 0) {
    out->reduction = Reduction::mean;
  } else if (PyUnicode_CompareWithASCIIString(attrs[2], "sum") == 0) {
    out->reduction = Reduction::sum;
  } else if (PyUnicode_CompareWithASCIIString(attrs[2], "none") == 0) {
    out->reduction = Reduction::none;
  } else {
    return false;
  }
  const int64_t cols = PyArray_DIM(x, 1);
  out->args = {
      PyArray_DIM(x, 0),       cols,    floats(x),       cols, static_cast<const int64_t*>(PyArray_DATA(t)),
      w ? floats(w) : nullptr, ignored, float(smoothing)};
  return true;
}

PyObject* cross_entropy_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  CrossEntropy loss;
  if (count != 6) return not_mine();
  if (!read(args[0], args[1], args[2], args + 3, &loss)) return any_cross_entropy(args, count);
  const npy_intp rows = loss.args.rows;
  const bool none = loss.reduction == Reduction::none;
  PyArrayObject* out = new_array(none ? 1 : 0, &rows, NPY_FLOAT32);
  PyArrayObject* scratch = out ? new_array(1, &rows, NPY_FLOAT32) : nullptr;
  const npy_intp doubled = 2 * rows;
  PyArrayObject* stats = scratch ? new_array(1, &doubled, NPY_FLOAT32) : nullptr;
  PyObject* result = nullptr;
  if (stats) {
    const pynn_status status = run(kWorkEach * rows * loss.args.cols, [&] {
      if (loss.reduction == Reduction::mean) {
        float total;
        return pynn_cross_entropy_mean_f32(&loss.args, floats(out), &total, floats(stats));
      }
      if (none) return pynn_cross_entropy_f32(&loss.args, floats(out), floats(stats));
      const pynn_status done = pynn_cross_entropy_f32(&loss.args, floats(scratch), floats(stats));
      double sum = 0;
      for (int64_t i = 0; done == PYNN_OK && i < rows; ++i) sum += floats(scratch)[i];
      floats(out)[0] = float(sum);
      return done;
    });
    result = finish(status, reinterpret_cast<PyObject*>(out));
  } else {
    Py_XDECREF(out);
  }
  Py_XDECREF(scratch);
  Py_XDECREF(stats);
  return result;
}

PyObject* cross_entropy_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 4) || !has_items(args[2], 3)) return not_mine();
  PyObject* attrs[3];
  for (int i = 0; i < 3; ++i) attrs[i] = PyTuple_GET_ITEM(args[2], i);
  CrossEntropy loss;
  PyArrayObject* g = as_array(args[0]);
  int64_t needs;
  if (!is_dense_f32(g) || !read_needs(args[3], &needs) || needs != 1 ||
      !read(PyTuple_GET_ITEM(args[1], 1), PyTuple_GET_ITEM(args[1], 2), PyTuple_GET_ITEM(args[1], 3), attrs,
            &loss)) {
    return any_cross_entropy_backward(args, count);
  }
  const npy_intp rows = loss.args.rows, doubled = 2 * rows;
  if (PyArray_SIZE(g) != (loss.reduction == Reduction::none ? rows : 1)) return not_mine();
  PyArrayObject* dx = new_like(as_array(PyTuple_GET_ITEM(args[1], 1)));
  PyArrayObject* stats = dx ? new_array(1, &doubled, NPY_FLOAT32) : nullptr;
  PyArrayObject* scratch = stats ? new_array(1, &rows, NPY_FLOAT32) : nullptr;
  PyObject* result = nullptr;
  if (scratch) {
    const int64_t cols = loss.args.cols;
    const pynn_status status = run(kWorkEach * rows * cols, [&] {
      // The logits were saved, not these: a second pass over them costs less than holding them would.
      float mean, total = 1;
      const bool divided = loss.reduction == Reduction::mean;
      pynn_status done = divided ? pynn_cross_entropy_mean_f32(&loss.args, &mean, &total, floats(stats))
                                 : pynn_cross_entropy_f32(&loss.args, floats(scratch), floats(stats));
      if (done != PYNN_OK) return done;
      return pynn_cross_entropy_backward_f32(&loss.args, floats(stats), floats(g),
                                             loss.reduction == Reduction::none ? 1 : 0,
                                             divided ? &total : nullptr, floats(dx), cols);
    });
    result = finish(status, reinterpret_cast<PyObject*>(dx));
  } else {
    Py_XDECREF(dx);
  }
  Py_XDECREF(stats);
  Py_XDECREF(scratch);
  if (!result || result == Py_None) return result;
  PyObject* grads = PyTuple_Pack(3, result, Py_None, Py_None);
  Py_DECREF(result);
  return grads;
}

}  // namespace

bool register_softmax(PyObject* kernels) {
  bool ok = true;
  for (const Rowwise& entry : kRowwise) {
    ok = ok && add_kernel(kernels, entry.name, rowwise_kernel, &entry) &&
         add_kernel(kernels, entry.backward_name, rowwise_backward_kernel, &entry);
  }
  return ok && add_kernel(kernels, "logsumexp", logsumexp_kernel) &&
         add_kernel(kernels, "cross_entropy", cross_entropy_kernel) &&
         add_kernel(kernels, "cross_entropy.backward", cross_entropy_backward_kernel);
}

}  // namespace pynn::python
