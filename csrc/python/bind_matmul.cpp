// Matrix products: "matmul", "linear" (bias and ReLU fused) and their gradients.
#include "bindings.h"

namespace pynn::python {
namespace {

// A matrix (or a stack of them) inside an array, for the C interface.
struct Matrix {
  pynn_array array;
  int64_t shape[PYNN_MAX_DIMS];
  int64_t strides[PYNN_MAX_DIMS];

  int64_t item_size;

  explicit Matrix(PyArrayObject* from) : array(describe(from)), item_size(PyArray_ITEMSIZE(from)) {
    for (int i = 0; i < array.ndim && i < PYNN_MAX_DIMS; ++i) {
      shape[i] = array.shape[i];
      strides[i] = array.strides[i];
    }
    array.shape = shape;
    array.strides = strides;
  }
  Matrix(const Matrix& other) : array(other.array) { *this = other; }
  Matrix& operator=(const Matrix& other) {
    array = other.array;
    item_size = other.item_size;
    for (int i = 0; i < PYNN_MAX_DIMS; ++i) {
      shape[i] = other.shape[i];
      strides[i] = other.strides[i];
    }
    array.shape = shape;
    array.strides = strides;
    return *this;
  }

  // A vector as a row (1, K) or a column (K, 1).
  Matrix& row() {
    shape[1] = shape[0], strides[1] = strides[0];
    shape[0] = 1, strides[0] = 0;
    array.ndim = 2;
    return *this;
  }
  Matrix& column() {
    shape[1] = 1, strides[1] = 0;
    array.ndim = 2;
    return *this;
  }
  Matrix transposed() const {
    Matrix out(*this);
    const int last = array.ndim - 1;
    out.shape[last] = shape[last - 1], out.shape[last - 1] = shape[last];
    out.strides[last] = strides[last - 1], out.strides[last - 1] = strides[last];
    return out;
  }
  // The leading dimensions of a row-major array folded into one: (..., K) -> (M, K).
  Matrix& fold() {
    int64_t rows = 1;
    for (int i = 0; i + 1 < array.ndim; ++i) rows *= shape[i];
    // A dimension of one element may have any stride (x[..., None] has 0), so none is read here.
    const int64_t columns = shape[array.ndim - 1], item = item_size;
    shape[0] = rows, shape[1] = columns;
    strides[0] = columns * item, strides[1] = item;
    array.ndim = 2;
    return *this;
  }
};

bool has_products(int type) { return is_float(type) || is_half(type); }

PyArrayObject* held(PyArrayObject* x) {
  Py_INCREF(x);
  return x;
}

pynn_status product(const Matrix& a, const Matrix& b, const pynn_array* bias, pynn_activation act,
                    Matrix& out) {
  const int64_t work =
      a.shape[a.array.ndim - 1] * out.shape[out.array.ndim - 1] * out.shape[out.array.ndim - 2];
  return run(out.array.ndim == 2 ? work : kReleaseGil,
             [&] { return pynn_matmul(&a.array, &b.array, bias, act, 1, 0, &out.array); });
}

PyObject* matmul_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* a = count == 2 ? as_array(args[0]) : nullptr;
  PyArrayObject* b = count == 2 ? as_array(args[1]) : nullptr;
  if (!a || !b) return not_mine();
  const int type = plain_type(a);
  const int na = PyArray_NDIM(a), nb = PyArray_NDIM(b);
  if (!has_products(type) || plain_type(b) != type || na < 1 || nb < 1 || na > PYNN_MAX_DIMS ||
      nb > PYNN_MAX_DIMS) {
    return not_mine();
  }
  Matrix left(a), right(b);
  if (na == 1) left.row();
  if (nb == 1) right.column();
  const int nl = left.array.ndim, nr = right.array.ndim;
  if (left.shape[nl - 1] != right.shape[nr - 2]) return not_mine();
  const int ndim = nl > nr ? nl : nr;
  npy_intp shape[PYNN_MAX_DIMS];
  for (int i = 0; i < ndim - 2; ++i) {
    const int64_t l = i < ndim - nl ? 1 : left.shape[i - (ndim - nl)];
    const int64_t r = i < ndim - nr ? 1 : right.shape[i - (ndim - nr)];
    if (l != r && l != 1 && r != 1) return not_mine();
    shape[i] = l == 1 ? r : l;
  }
  int used = ndim - 2;
  if (na > 1) shape[used++] = left.shape[nl - 2];
  if (nb > 1) shape[used++] = right.shape[nr - 1];
  PyArrayObject* result = new_array(used, shape, type);
  if (!result) return nullptr;
  Matrix out(result);
  const int64_t item = PyArray_ITEMSIZE(result);
  if (na == 1 || nb == 1) {  // put the dimension a vector has not back for the kernel
    const int64_t rows = left.shape[nl - 2], columns = right.shape[nr - 1];
    int64_t step = rows * columns * item;
    out.array.ndim = ndim;
    out.shape[ndim - 2] = rows, out.shape[ndim - 1] = columns;
    out.strides[ndim - 2] = columns * item, out.strides[ndim - 1] = item;
    for (int i = ndim - 3; i >= 0; --i) {
      out.shape[i] = shape[i];
      out.strides[i] = step;
      step *= shape[i];
    }
  }
  return finish(product(left, right, nullptr, PYNN_ACT_NONE, out), reinterpret_cast<PyObject*>(result));
}

// The gradients of two matrices, or of two stacks of them of one shape; what needs summing over a batch is
// the reference's. (g, (None, a for b's gradient, b for a's), (), needs)
PyObject* matmul_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !PyTuple_Check(args[1]) || PyTuple_GET_SIZE(args[1]) != 3) return not_mine();
  PyArrayObject* g = as_array(args[0]);
  if (!g) return not_mine();
  const int type = plain_type(g), ndim = PyArray_NDIM(g);
  int64_t needs;
  if (!read_needs(args[3], &needs)) return not_mine();
  if (!has_products(type) || ndim < 2 || ndim > PYNN_MAX_DIMS) return not_mine();
  PyArrayObject* other[2];  // what the gradient of input i reads: the other input
  for (int i = 0; i < 2; ++i) {
    other[i] = as_array(PyTuple_GET_ITEM(args[1], 2 - i));
    PyObject* own = PyTuple_GET_ITEM(args[1], 1 + i);  // an array, or its shape and dtype
    if (!(needs >> i & 1)) continue;
    if (!other[i] || plain_type(other[i]) != type || PyArray_NDIM(other[i]) != ndim) return not_mine();
    int own_ndim;
    npy_intp shape[PYNN_MAX_DIMS];
    if (!shape_of(own, &own_ndim, shape) || own_ndim != ndim) return not_mine();
    for (int d = 0; d < ndim - 2; ++d) {
      if (PyArray_DIM(other[i], d) != PyArray_DIM(g, d) || shape[d] != PyArray_DIM(g, d)) return not_mine();
    }
  }
  const Matrix grad(g);
  PyObject* grads = PyTuple_New(2);
  for (int i = 0; grads && i < 2; ++i) {
    PyObject* made = Py_None;
    if (needs >> i & 1) {
      npy_intp shape[PYNN_MAX_DIMS];
      for (int d = 0; d < ndim; ++d) shape[d] = PyArray_DIM(g, d);
      if (i == 0) shape[ndim - 1] = PyArray_DIM(other[0], ndim - 2);
      if (i == 1) shape[ndim - 2] = PyArray_DIM(other[1], ndim - 1);
      PyArrayObject* array = new_array(ndim, shape, type);
      if (!array) {
        Py_DECREF(grads);
        return nullptr;
      }
      Matrix out(array);
      const Matrix known(other[i]);
      const pynn_status status = i == 0 ? product(grad, known.transposed(), nullptr, PYNN_ACT_NONE, out)
                                        : product(known.transposed(), grad, nullptr, PYNN_ACT_NONE, out);
      made = finish(status, reinterpret_cast<PyObject*>(array));
      if (!made || made == Py_None) {
        Py_DECREF(grads);
        return made;
      }
    } else {
      Py_INCREF(made);
    }
    PyTuple_SET_ITEM(grads, i, made);
  }
  return grads;
}

// activation: None or "relu"; false for one that has no fused kernel.
bool activation(PyObject* object, pynn_activation* out) {
  if (object == Py_None) {
    *out = PYNN_ACT_NONE;
    return true;
  }
  *out = PYNN_ACT_RELU;
  return PyUnicode_Check(object) && PyUnicode_CompareWithASCIIString(object, "relu") == 0;
}

// linear(x, weight, bias or None, activation)
PyObject* linear_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4) return not_mine();
  PyArrayObject *x = as_array(args[0]), *weight = as_array(args[1]), *bias = as_array(args[2]);
  pynn_activation act;
  if (!x || !weight || (!bias && args[2] != Py_None) || !activation(args[3], &act)) return not_mine();
  const int type = plain_type(x), ndim = PyArray_NDIM(x);
  if (!has_products(type) || plain_type(weight) != type || PyArray_NDIM(weight) != 2) return not_mine();
  if (ndim < 1 || ndim > PYNN_MAX_DIMS) return not_mine();
  const npy_intp features = PyArray_DIM(weight, 0);
  if (PyArray_DIM(x, ndim - 1) != PyArray_DIM(weight, 1)) return not_mine();
  if (bias && (plain_type(bias) != type || PyArray_NDIM(bias) != 1 || PyArray_DIM(bias, 0) != features))
    return not_mine();
  npy_intp shape[PYNN_MAX_DIMS];
  for (int i = 0; i < ndim - 1; ++i) shape[i] = PyArray_DIM(x, i);
  shape[ndim - 1] = features;
  // A stack of matrices that cannot be folded (a batch put second) is copied: that costs far less than the
  // product.
  x = ndim == 2 ? held(x) : row_major(x);
  PyArrayObject* result = x ? new_array(ndim, shape, type) : nullptr;
  if (!result) {
    Py_XDECREF(x);
    return nullptr;
  }
  Matrix in(x), out(result);
  if (ndim != 2) {
    in.fold();
    out.fold();
  }
  const Matrix kernel = Matrix(weight).transposed();
  pynn_array row;
  if (bias) row = describe(bias);
  const pynn_status status = product(in, kernel, bias ? &row : nullptr, act, out);
  Py_DECREF(x);
  return finish(status, reinterpret_cast<PyObject*>(result));
}

PyArrayObject* relu_gradient(PyArrayObject* g, PyArrayObject* out) {
  PyArrayObject* masked = new_like(g);
  if (!masked) return nullptr;
  const pynn_array grad = describe(g), output = describe(out);
  pynn_array result = describe(masked);
  if (pynn_binary(PYNN_RELU_BACKWARD, &grad, &output, 0, 0, &result) != PYNN_OK) {
    Py_DECREF(masked);
    return nullptr;
  }
  return masked;
}

// One gradient: of the input (0), the weight (1) or the bias (2). Only what that one reads was saved.
PyObject* linear_gradient(PyArrayObject* g, PyArrayObject* x, PyArrayObject* weight, int which) {
  Matrix grad(g);
  grad.fold();
  const int ndim = PyArray_NDIM(g);
  npy_intp shape[PYNN_MAX_DIMS];
  int used = 1;
  if (which == 0) {
    for (int i = 0; i < ndim - 1; ++i) shape[i] = PyArray_DIM(g, i);
    shape[ndim - 1] = PyArray_DIM(weight, 1);
    used = ndim;
  } else {
    shape[0] = PyArray_DIM(g, ndim - 1);
    if (which == 1) shape[used++] = PyArray_DIM(x, PyArray_NDIM(x) - 1);
  }
  PyArrayObject* array = new_array(used, shape, PyArray_TYPE(g));
  if (!array) return nullptr;
  Matrix out(array);
  pynn_status status;
  if (which == 0) {
    out.fold();
    status = product(grad, Matrix(weight), nullptr, PYNN_ACT_NONE, out);
  } else if (which == 1) {
    Matrix in(x);
    if (PyArray_NDIM(x) != 2) in.fold();
    status = product(grad.transposed(), in, nullptr, PYNN_ACT_NONE, out);
  } else {
    status = pynn_column_sum(&grad.array, 0, &out.array);
  }
  return finish(status, reinterpret_cast<PyObject*>(array));
}

// (g, (out with relu, x for the weight's gradient, weight for the input's, bias), (activation,), needs)
PyObject* linear_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !PyTuple_Check(args[1]) || PyTuple_GET_SIZE(args[1]) > 4 || !has_items(args[2], 1)) {
    return not_mine();
  }
  PyArrayObject* parts[3] = {};  // out, x, weight
  for (int i = 0; i < 3 && i < PyTuple_GET_SIZE(args[1]); ++i)
    parts[i] = as_array(PyTuple_GET_ITEM(args[1], i));
  PyArrayObject *g = as_array(args[0]), *out = parts[0], *x = parts[1], *weight = parts[2];
  pynn_activation act;
  if (!g || !activation(PyTuple_GET_ITEM(args[2], 0), &act)) return not_mine();
  const int type = plain_type(g);
  int64_t needs;
  if (!read_needs(args[3], &needs)) return not_mine();
  if (!has_products(type) || PyArray_NDIM(g) < 1 || PyArray_NDIM(g) > PYNN_MAX_DIMS) return not_mine();
  for (PyArrayObject* part : parts) {
    if (part && plain_type(part) != type) return not_mine();
  }
  if (needs & 1 && (!weight || PyArray_NDIM(weight) != 2)) return not_mine();
  if (needs & 2 && (!x || PyArray_NDIM(x) < 1 || PyArray_NDIM(x) > PYNN_MAX_DIMS)) return not_mine();
  if (act == PYNN_ACT_RELU && (!out || !same_shape(g, out))) return not_mine();
  PyArrayObject* grad = act == PYNN_ACT_RELU ? relu_gradient(g, out) : row_major(g);
  if (!grad) return PyErr_Occurred() ? nullptr : not_mine();
  if (needs & 2) {
    x = PyArray_NDIM(x) == 2 ? held(x) : row_major(x);
    if (!x) {
      Py_DECREF(grad);
      return nullptr;
    }
  }
  PyObject* grads = PyTuple_New(3);
  for (int i = 0; grads && i < 3; ++i) {
    PyObject* made = Py_None;
    if (needs >> i & 1) {
      made = linear_gradient(grad, x, weight, i);
      if (!made || made == Py_None) {
        Py_DECREF(grads);
        grads = made;
        break;
      }
    } else {
      Py_INCREF(made);
    }
    PyTuple_SET_ITEM(grads, i, made);
  }
  Py_DECREF(grad);
  if (needs & 2) Py_DECREF(x);
  return grads;
}

}  // namespace

bool register_matmul(PyObject* kernels) {
  return add_kernel(kernels, "matmul", matmul_kernel) &&
         add_kernel(kernels, "matmul.backward", matmul_backward_kernel) &&
         add_kernel(kernels, "linear", linear_kernel) &&
         add_kernel(kernels, "linear.backward", linear_backward_kernel);
}

}  // namespace pynn::python
