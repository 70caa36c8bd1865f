// Pointwise kernels: `kernel(x)`, `kernel(x, attrs...)`, `kernel(x, y)`, their in-place and backward forms.
#include "bindings.h"

namespace pynn::python {
namespace {

struct Unary {
  const char* name;
  pynn_unary_op op;
  int attrs;  // how many number attributes follow the array: alpha, beta
};

// The gradient is binary(g, saved[place]); place 0 is the output, 1 the input.
struct Backward {
  const char* name;
  pynn_binary_op op;
  int place;
  int attrs;
};

struct Binary {
  const char* name;
  const char* inplace_name;
  pynn_binary_op op;
};

constexpr Unary kUnary[] = {
    {"neg", PYNN_NEG, 0},
    {"abs", PYNN_ABS, 0},
    {"square", PYNN_SQUARE, 0},
    {"sqrt", PYNN_SQRT, 0},
    {"reciprocal", PYNN_RECIPROCAL, 0},
    {"exp", PYNN_EXP, 0},
    {"log", PYNN_LOG, 0},
    {"relu", PYNN_RELU, 0},
    {"sigmoid", PYNN_SIGMOID, 0},
    {"tanh", PYNN_TANH, 0},
    {"erf", PYNN_ERF, 0},
    {"clone", PYNN_COPY, 0},
    {"leaky_relu", PYNN_LEAKY_RELU, 1},
    {"elu", PYNN_ELU, 1},
    {"silu", PYNN_SILU, 1},
    {"softplus", PYNN_SOFTPLUS, 2},
    {"hardtanh", PYNN_HARDTANH, 2},
};

constexpr Backward kBackward[] = {
    {"exp.backward", PYNN_MUL, 0, 0},
    {"log.backward", PYNN_DIV, 1, 0},
    {"relu.backward", PYNN_RELU_BACKWARD, 0, 0},
    {"sigmoid.backward", PYNN_SIGMOID_BACKWARD, 0, 0},
    {"tanh.backward", PYNN_TANH_BACKWARD, 0, 0},
    {"leaky_relu.backward", PYNN_LEAKY_RELU_BACKWARD, 1, 1},
    {"elu.backward", PYNN_ELU_BACKWARD, 1, 1},
    {"silu.backward", PYNN_SILU_BACKWARD, 1, 1},
    {"softplus.backward", PYNN_SOFTPLUS_BACKWARD, 1, 2},
    {"hardtanh.backward", PYNN_HARDTANH_BACKWARD, 1, 2},
};
constexpr Backward kGeluBackward = {"gelu.backward", PYNN_GELU_BACKWARD, 1, 0};

constexpr Binary kBinary[] = {
    {"add", "add_", PYNN_ADD},
    {"sub", "sub_", PYNN_SUB},
    {"mul", "mul_", PYNN_MUL},
    {"div", "div_", PYNN_DIV},
    {"maximum", "maximum_", PYNN_MAXIMUM},
    {"minimum", "minimum_", PYNN_MINIMUM},
};

// float32 and float64 as they lie; 16-bit floats where they are row-major, else the door converts them.
bool has_kernels(PyArrayObject* x) {
  const int type = plain_type(x);
  return is_float(type) || (is_half(type) && PyArray_IS_C_CONTIGUOUS(x));
}

PyObject* run_unary(pynn_unary_op op, PyArrayObject* x, double alpha, double beta) {
  const int type = plain_type(x);
  if (!has_kernels(x)) return not_mine();
  PyArrayObject* out = new_like(x);
  if (!out) return nullptr;
  const int64_t n = PyArray_SIZE(out);
  pynn_status status;
  if (type == NPY_FLOAT32 && PyArray_IS_C_CONTIGUOUS(x)) {
    const auto* from = static_cast<const float*>(PyArray_DATA(x));
    auto* to = static_cast<float*>(PyArray_DATA(out));
    status = run(n, [&] { return pynn_unary_f32(op, n, from, float(alpha), float(beta), to); });
  } else {
    const pynn_array in = describe(x);
    pynn_array result = describe(out);
    status = run(n, [&] { return pynn_unary(op, &in, alpha, beta, &result); });
  }
  return finish(status, reinterpret_cast<PyObject*>(out));
}

PyObject* run_binary(pynn_binary_op op, PyArrayObject* a, PyArrayObject* b, double alpha, double beta,
                     PyArrayObject* out) {
  const int64_t n = PyArray_SIZE(out);
  pynn_status status;
  if (PyArray_TYPE(a) == NPY_FLOAT32 && PyArray_IS_C_CONTIGUOUS(a) && PyArray_IS_C_CONTIGUOUS(b) &&
      PyArray_IS_C_CONTIGUOUS(out) && same_shape(a, out) && same_shape(b, out)) {
    const auto* left = static_cast<const float*>(PyArray_DATA(a));
    const auto* right = static_cast<const float*>(PyArray_DATA(b));
    auto* to = static_cast<float*>(PyArray_DATA(out));
    status = run(n, [&] { return pynn_binary_f32(op, n, left, right, float(alpha), float(beta), to); });
  } else {
    const pynn_array left = describe(a), right = describe(b);
    pynn_array result = describe(out);
    status = run(n, [&] { return pynn_binary(op, &left, &right, alpha, beta, &result); });
  }
  return finish(status, reinterpret_cast<PyObject*>(out));
}

// The broadcast shape; false where the shapes do not broadcast.
bool broadcast(PyArrayObject* a, PyArrayObject* b, int* ndim, npy_intp* shape) {
  const int na = PyArray_NDIM(a), nb = PyArray_NDIM(b);
  *ndim = na > nb ? na : nb;
  if (*ndim > PYNN_MAX_DIMS) return false;
  for (int i = 0; i < *ndim; ++i) {
    const npy_intp da = i < *ndim - na ? 1 : PyArray_DIM(a, i - (*ndim - na));
    const npy_intp db = i < *ndim - nb ? 1 : PyArray_DIM(b, i - (*ndim - nb));
    if (da != db && da != 1 && db != 1) return false;
    shape[i] = da == 1 ? db : da;
  }
  return true;
}

// A Python number as a 0-d operand: C interface arrays need no Python object behind them.
PyObject* run_with_number(pynn_binary_op op, PyArrayObject* x, double value, bool number_first,
                          PyArrayObject* out) {
  const float narrow = float(value);
  const int type = PyArray_TYPE(x);
  if (is_half(type)) {
    const int64_t n = PyArray_SIZE(out);
    const void* from = PyArray_DATA(x);
    void* to = PyArray_DATA(out);
    const pynn_status status = run(
        n, [&] { return pynn_binary_half_scalar(op, dtype_of(type), n, from, narrow, number_first, to); });
    return finish(status, reinterpret_cast<PyObject*>(out));
  }
  pynn_array scalar = {type == NPY_FLOAT32 ? static_cast<void*>(const_cast<float*>(&narrow)) : &value,
                       nullptr, nullptr, 0, dtype_of(type)};
  const int64_t none = 0;
  scalar.shape = scalar.strides = &none;
  const pynn_array array = describe(x);
  pynn_array result = describe(out);
  const int64_t n = PyArray_SIZE(out);
  const pynn_status status = run(n, [&] {
    return number_first ? pynn_binary(op, &scalar, &array, 0, 0, &result)
                        : pynn_binary(op, &array, &scalar, 0, 0, &result);
  });
  return finish(status, reinterpret_cast<PyObject*>(out));
}

PyObject* unary_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const auto* entry = code_of<Unary>(self);
  double alpha = 0, beta = 0;
  if (count != 1 + entry->attrs || !as_array(args[0])) return not_mine();
  if (entry->attrs > 0 && !number(args[1], &alpha)) return not_mine();
  if (entry->attrs > 1 && !number(args[2], &beta)) return not_mine();
  return run_unary(entry->op, as_array(args[0]), alpha, beta);
}

bool is_tanh_form(PyObject* approximate) {
  return PyUnicode_Check(approximate) && PyUnicode_CompareWithASCIIString(approximate, "tanh") == 0;
}

PyObject* gelu_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2 || !as_array(args[0])) return not_mine();
  return run_unary(is_tanh_form(args[1]) ? PYNN_GELU_TANH : PYNN_GELU, as_array(args[0]), 0, 0);
}

// clamp(x, min or None, max or None)
PyObject* clamp_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  double low = -Py_HUGE_VAL, high = Py_HUGE_VAL;
  if (count != 3 || !as_array(args[0])) return not_mine();
  if (args[1] != Py_None && !number(args[1], &low)) return not_mine();
  if (args[2] != Py_None && !number(args[2], &high)) return not_mine();
  if (!(low <= high)) return not_mine();
  return run_unary(PYNN_HARDTANH, as_array(args[0]), low, high);
}

PyObject* binary_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const pynn_binary_op op = code_of<Binary>(self)->op;
  if (count != 2) return not_mine();
  PyArrayObject* a = as_array(args[0]);
  PyArrayObject* b = as_array(args[1]);
  PyArrayObject* known = a ? a : b;
  if (!known) return not_mine();
  const int type = plain_type(known);
  if (!has_kernels(known)) return not_mine();
  if (!a || !b) {
    double value;
    if (!number(a ? args[1] : args[0], &value)) return not_mine();
    PyArrayObject* out = new_like(known);
    return out ? run_with_number(op, known, value, !a, out) : nullptr;
  }
  if (plain_type(b) != type || (is_half(type) && !same_shape(a, b))) return not_mine();
  PyArrayObject* out;
  if (same_shape(a, b)) {
    out = new_like(a);
  } else {
    int ndim;
    npy_intp shape[PYNN_MAX_DIMS];
    if (!broadcast(a, b, &ndim, shape)) return not_mine();
    out = new_array(ndim, shape, type);
  }
  return out ? run_binary(op, a, b, 0, 0, out) : nullptr;
}

PyObject* inplace_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const pynn_binary_op op = code_of<Binary>(self)->op;
  PyArrayObject* x = count == 2 ? as_array(args[0]) : nullptr;
  if (!x || !has_kernels(x) || !PyArray_ISWRITEABLE(x)) return not_mine();
  PyArrayObject* y = as_array(args[1]);
  double value;
  if (!y) {
    if (!number(args[1], &value)) return not_mine();
    Py_INCREF(x);
    return run_with_number(op, x, value, false, x);
  }
  if (plain_type(y) != PyArray_TYPE(x)) return not_mine();
  int ndim;
  npy_intp shape[PYNN_MAX_DIMS];
  if (!broadcast(x, y, &ndim, shape) || ndim != PyArray_NDIM(x) ||
      !PyArray_CompareLists(shape, PyArray_DIMS(x), ndim)) {
    return not_mine();
  }
  const bool same = PyArray_DATA(x) == PyArray_DATA(y) && same_shape(x, y) &&
                    PyArray_CompareLists(PyArray_STRIDES(x), PyArray_STRIDES(y), ndim);
  if (!same && may_overlap(x, y)) return not_mine();
  Py_INCREF(x);
  return run_binary(op, x, y, 0, 0, x);
}

PyObject* backward_of(const Backward& entry, pynn_binary_op op, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !as_array(args[0]) || !PyTuple_Check(args[1]) || !PyTuple_Check(args[2]))
    return not_mine();
  PyArrayObject* g = as_array(args[0]);
  PyArrayObject* saved =
      PyTuple_GET_SIZE(args[1]) > entry.place ? as_array(PyTuple_GET_ITEM(args[1], entry.place)) : nullptr;
  double numbers[2] = {0, 0};
  for (int i = 0; i < entry.attrs; ++i) {
    if (PyTuple_GET_SIZE(args[2]) <= i || !number(PyTuple_GET_ITEM(args[2], i), &numbers[i]))
      return not_mine();
  }
  if (!saved || !same_shape(g, saved) || !has_kernels(g) || plain_type(saved) != PyArray_TYPE(g)) {
    return not_mine();
  }
  PyArrayObject* out = new_like(g);
  return out ? run_binary(op, g, saved, numbers[0], numbers[1], out) : nullptr;
}

PyObject* backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const auto* entry = code_of<Backward>(self);
  return backward_of(*entry, entry->op, args, count);
}

PyObject* gelu_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[2], 1)) return not_mine();
  const bool tanh_form = is_tanh_form(PyTuple_GET_ITEM(args[2], 0));
  return backward_of(kGeluBackward, tanh_form ? PYNN_GELU_TANH_BACKWARD : PYNN_GELU_BACKWARD, args, count);
}

// One product of mul's gradient: g * other, other an array or a number; None for "not mine".
PyObject* times(PyArrayObject* g, PyObject* other) {
  PyArrayObject* b = as_array(other);
  double value;
  if (b) {
    if (plain_type(b) != PyArray_TYPE(g) || !same_shape(g, b)) return not_mine();
  } else if (!number(other, &value)) {
    return not_mine();
  }
  PyArrayObject* out = new_like(g);
  if (!out) return nullptr;
  return b ? run_binary(PYNN_MUL, g, b, 0, 0, out) : run_with_number(PYNN_MUL, g, value, false, out);
}

PyObject* mul_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !as_array(args[0]) || !PyTuple_Check(args[1]) || PyTuple_GET_SIZE(args[1]) != 3)
    return not_mine();
  PyArrayObject* g = as_array(args[0]);
  int64_t needs;
  if (!has_kernels(g) || !read_needs(args[3], &needs)) return not_mine();
  PyObject* grads = PyTuple_New(2);
  if (!grads) return nullptr;
  for (int i = 0; i < 2; ++i) {
    PyObject* grad = Py_None;
    if (needs >> i & 1) {
      grad = times(g, PyTuple_GET_ITEM(args[1], 2 - i));
      if (!grad || grad == Py_None) {
        Py_DECREF(grads);
        return grad;
      }
    } else {
      Py_INCREF(grad);
    }
    PyTuple_SET_ITEM(grads, i, grad);
  }
  return grads;
}

// The gradients of add and sub: g as it is, for sub's second input negated.
PyObject* sum_backward(PyObject* const* args, Py_ssize_t count, bool negate_second) {
  PyArrayObject* g = count == 4 ? as_array(args[0]) : nullptr;
  int64_t needs;
  if (!g || !read_needs(args[3], &needs)) return not_mine();
  PyObject* second = Py_None;
  if (needs & 2 && negate_second) {
    second = run_unary(PYNN_NEG, g, 0, 0);
    if (!second || second == Py_None) return second;
  } else {
    if (needs & 2) second = args[0];
    Py_INCREF(second);
  }
  PyObject* first = needs & 1 ? args[0] : Py_None;
  Py_INCREF(first);
  PyObject* grads = PyTuple_New(2);
  if (!grads) {
    Py_DECREF(first);
    Py_DECREF(second);
    return nullptr;
  }
  PyTuple_SET_ITEM(grads, 0, first);
  PyTuple_SET_ITEM(grads, 1, second);
  return grads;
}

PyObject* add_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return sum_backward(args, count, false);
}

PyObject* sub_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return sum_backward(args, count, true);
}

}  // namespace

bool register_elementwise(PyObject* kernels) {
  bool ok = true;
  for (const Unary& entry : kUnary) ok = ok && add_kernel(kernels, entry.name, unary_kernel, &entry);
  for (const Backward& entry : kBackward) ok = ok && add_kernel(kernels, entry.name, backward_kernel, &entry);
  for (const Binary& entry : kBinary) {
    ok = ok && add_kernel(kernels, entry.name, binary_kernel, &entry) &&
         add_kernel(kernels, entry.inplace_name, inplace_kernel, &entry);
  }
  return ok && add_kernel(kernels, "clamp", clamp_kernel) && add_kernel(kernels, "gelu", gelu_kernel) &&
         add_kernel(kernels, "gelu.backward", gelu_backward_kernel) &&
         add_kernel(kernels, "add.backward", add_backward_kernel) &&
         add_kernel(kernels, "sub.backward", sub_backward_kernel) &&
         add_kernel(kernels, "mul.backward", mul_backward_kernel);
}

}  // namespace pynn::python
