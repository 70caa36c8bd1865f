// Pointwise kernels: `kernel(x)`, `kernel(x, attrs...)`, `kernel(x, y)`, their in-place and backward forms.
#include "bindings.h"
#include "elementwise_tables.h"
#include "pointwise.h"

namespace pynn::python {
namespace {

// float32 and float64 as they lie; 16-bit floats where they are row-major, else the door converts them.
bool has_kernels(PyArrayObject* x) {
  const int type = plain_type(x);
  return is_float(type) || (is_half(type) && PyArray_IS_C_CONTIGUOUS(x));
}

}  // namespace

PyObject* run_unary(pynn_unary_op op, PyArrayObject* x, double alpha, double beta, PyArrayObject* out) {
  const int type = plain_type(x);
  if (!has_kernels(x)) return not_mine();
  if (!out) out = new_ordered_like(x, type);
  if (!out) return nullptr;
  const int64_t n = PyArray_SIZE(out);
  pynn_status status;
  if (type == NPY_FLOAT32 && PyArray_IS_C_CONTIGUOUS(x) && PyArray_IS_C_CONTIGUOUS(out)) {
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

namespace {

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

bool read_attrs(const Unary& entry, PyObject* const* args, Py_ssize_t count, double* alpha, double* beta) {
  *alpha = *beta = 0;
  return count == 1 + entry.attrs && as_array(args[0]) && (entry.attrs < 1 || number(args[1], alpha)) &&
         (entry.attrs < 2 || number(args[2], beta));
}

PyObject* unary_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const auto* entry = code_of<Unary>(self);
  double alpha, beta;
  if (!read_attrs(*entry, args, count, &alpha, &beta)) return not_mine();
  if (entry->other >= 0 && !is_float(PyArray_TYPE(as_array(args[0]))))
    return run_pointwise(pynn_pointwise_op(entry->other), args, 1);
  return run_unary(entry->op, as_array(args[0]), alpha, beta);
}

// The array itself as the place to write to (a new reference); nullptr where it is no float array to write
// to.
PyArrayObject* target(PyArrayObject* x) {
  if (!is_float(plain_type(x)) || !PyArray_ISWRITEABLE(x)) return nullptr;
  Py_INCREF(x);
  return x;
}

PyObject* unary_inplace_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const auto* entry = code_of<Unary>(self);
  double alpha, beta;
  if (!read_attrs(*entry, args, count, &alpha, &beta)) return not_mine();
  PyArrayObject* x = as_array(args[0]);
  if (entry->other >= 0 && !is_float(PyArray_TYPE(x)))
    return run_pointwise(pynn_pointwise_op(entry->other), args, 1, 0, x);
  PyArrayObject* out = target(x);
  return out ? run_unary(entry->op, x, alpha, beta, out) : not_mine();
}

bool is_tanh_form(PyObject* approximate) {
  return PyUnicode_Check(approximate) && PyUnicode_CompareWithASCIIString(approximate, "tanh") == 0;
}

PyObject* gelu_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2 || !as_array(args[0])) return not_mine();
  return run_unary(is_tanh_form(args[1]) ? PYNN_GELU_TANH : PYNN_GELU, as_array(args[0]), 0, 0);
}

// clamp(x, min or None, max or None)
PyObject* clamp(PyObject* const* args, Py_ssize_t count, bool inplace) {
  double low = -Py_HUGE_VAL, high = Py_HUGE_VAL;
  PyArrayObject* x = count == 3 ? as_array(args[0]) : nullptr;
  if (!x) return not_mine();
  if (!is_float(PyArray_TYPE(x))) {
    if (args[1] == Py_None || args[2] == Py_None) {
      const bool upper = args[1] == Py_None;
      PyObject* const operands[] = {args[0], args[upper ? 2 : 1]};
      return run_pointwise(upper ? PYNN_P_MINIMUM : PYNN_P_MAXIMUM, operands, 2, 0, inplace ? x : nullptr);
    }
    return run_pointwise(PYNN_P_CLAMP, args, 3, 0, inplace ? x : nullptr);
  }
  if (args[1] != Py_None && !number(args[1], &low)) return not_mine();
  if (args[2] != Py_None && !number(args[2], &high)) return not_mine();
  if (!(low <= high)) return not_mine();
  PyArrayObject* out = inplace ? target(x) : nullptr;
  if (inplace && !out) return not_mine();
  return run_unary(PYNN_HARDTANH, x, low, high, out);
}
PyObject* clamp_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return clamp(args, count, false);
}
PyObject* clamp_inplace_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return clamp(args, count, true);
}

PyObject* binary_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const auto* entry = code_of<Binary>(self);
  const pynn_binary_op op = entry->op;
  if (count != 2) return not_mine();
  PyArrayObject* a = as_array(args[0]);
  PyArrayObject* b = as_array(args[1]);
  PyArrayObject* known = a ? a : b;
  if (!known) return not_mine();
  const int type = plain_type(known);
  if (!has_kernels(known)) {
    const bool other = entry->other >= 0 && !is_half(type);
    return other ? run_pointwise(pynn_pointwise_op(entry->other), args, 2) : not_mine();
  }
  if (!a || !b) {
    double value;
    if (!number(a ? args[1] : args[0], &value)) return not_mine();
    pynn_unary_op named;
    if (op == PYNN_POW && a && short_power(value, &named)) return run_unary(named, a, 0, 0);
    PyArrayObject* out = new_ordered_like(known, type);
    return out ? run_with_number(op, known, value, !a, out) : nullptr;
  }
  if (plain_type(b) != type || (is_half(type) && !same_shape(a, b))) return not_mine();
  PyArrayObject* const both[] = {a, b};
  PyArrayObject* out;
  if (same_shape(a, b)) {
    out = PyArray_IS_C_CONTIGUOUS(a) ? new_like(a)
                                     : new_ordered(PyArray_NDIM(a), PyArray_DIMS(a), type, both, 2);
  } else {
    int ndim;
    npy_intp shape[PYNN_MAX_DIMS];
    if (!broadcast(a, b, &ndim, shape)) return not_mine();
    out = new_ordered(ndim, shape, type, both, 2);
  }
  return out ? run_binary(op, a, b, 0, 0, out) : nullptr;
}

PyObject* inplace_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const auto* entry = code_of<Binary>(self);
  const pynn_binary_op op = entry->op;
  PyArrayObject* x = count == 2 ? as_array(args[0]) : nullptr;
  if (!x || !PyArray_ISWRITEABLE(x)) return not_mine();
  if (!has_kernels(x)) {
    const bool other = entry->other >= 0 && !is_half(plain_type(x));
    return other ? run_pointwise(pynn_pointwise_op(entry->other), args, 2, 0, x) : not_mine();
  }
  PyArrayObject* y = as_array(args[1]);
  double value;
  if (!y) {
    if (!number(args[1], &value)) return not_mine();
    Py_INCREF(x);
    pynn_unary_op named;
    if (op == PYNN_POW && short_power(value, &named)) return run_unary(named, x, 0, 0, x);
    return run_with_number(op, x, value, false, x);
  }
  if (plain_type(y) != PyArray_TYPE(x)) return not_mine();
  int ndim;
  npy_intp shape[PYNN_MAX_DIMS];
  if (!broadcast(x, y, &ndim, shape) || ndim != PyArray_NDIM(x) ||
      !PyArray_CompareLists(shape, PyArray_DIMS(x), ndim)) {
    return not_mine();
  }
  if (!safe_alias(x, y)) return not_mine();
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
  PyArrayObject* out = new_ordered_like(g, PyArray_TYPE(g));
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

// clamp's bounds may be None.
PyObject* clamp_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !PyTuple_Check(args[2]) || PyTuple_GET_SIZE(args[2]) != 2) return not_mine();
  PyObject *low = PyTuple_GET_ITEM(args[2], 0), *high = PyTuple_GET_ITEM(args[2], 1);
  if (low != Py_None && high != Py_None) return backward_of(kClampBackward, kClampBackward.op, args, count);
  PyObject* bound = PyFloat_FromDouble(low == Py_None ? -Py_HUGE_VAL : Py_HUGE_VAL);
  PyObject* bounds =
      bound ? PyTuple_Pack(2, low == Py_None ? bound : low, low == Py_None ? high : bound) : nullptr;
  Py_XDECREF(bound);
  if (!bounds) return nullptr;
  PyObject* const call[] = {args[0], args[1], bounds, args[3]};
  PyObject* result = backward_of(kClampBackward, kClampBackward.op, call, count);
  Py_DECREF(bounds);
  return result;
}

// The gradient of x ** number: g * number * x ** (number - 1).
PyObject* pow_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  double exponent;
  int64_t needs;
  if (count != 4 || !as_array(args[0]) || !PyTuple_Check(args[1]) || PyTuple_GET_SIZE(args[1]) != 3 ||
      !read_needs(args[3], &needs) || needs != 1 || !number(PyTuple_GET_ITEM(args[1], 2), &exponent) ||
      exponent == 0) {
    return not_mine();
  }
  PyArrayObject *g = as_array(args[0]), *x = as_array(PyTuple_GET_ITEM(args[1], 1));
  if (!x || !same_shape(g, x) || !is_float(plain_type(g)) || plain_type(x) != PyArray_TYPE(g))
    return not_mine();
  PyArrayObject* out = new_ordered_like(g, PyArray_TYPE(g));
  if (!out) return nullptr;
  PyObject* grad = exponent == 2   ? run_binary(PYNN_SQUARE_BACKWARD, g, x, 0, 0, out)
                   : exponent == 3 ? run_binary(PYNN_CUBE_BACKWARD, g, x, 0, 0, out)
                                   : run_binary(PYNN_POW_BACKWARD, g, x, exponent, exponent - 1, out);
  if (!grad || grad == Py_None) return grad;
  PyObject* grads = PyTuple_Pack(2, grad, Py_None);
  Py_DECREF(grad);
  return grads;
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
  PyArrayObject* out = new_ordered_like(g, PyArray_TYPE(g));
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
  for (const Unary& entry : kUnary) {
    ok = ok && add_kernel(kernels, entry.name, unary_kernel, &entry) &&
         (!entry.inplace_name || add_kernel(kernels, entry.inplace_name, unary_inplace_kernel, &entry));
  }
  for (const Backward& entry : kBackward) ok = ok && add_kernel(kernels, entry.name, backward_kernel, &entry);
  for (const Binary& entry : kBinary) {
    ok = ok && add_kernel(kernels, entry.name, binary_kernel, &entry) &&
         add_kernel(kernels, entry.inplace_name, inplace_kernel, &entry);
  }
  return ok && add_kernel(kernels, "clamp", clamp_kernel) &&
         add_kernel(kernels, "clamp_", clamp_inplace_kernel) &&
         add_kernel(kernels, "clamp.backward", clamp_backward_kernel) &&
         add_kernel(kernels, "pow.backward", pow_backward_kernel) &&
         add_kernel(kernels, "gelu", gelu_kernel) &&
         add_kernel(kernels, "gelu.backward", gelu_backward_kernel) &&
         add_kernel(kernels, "add.backward", add_backward_kernel) &&
         add_kernel(kernels, "sub.backward", sub_backward_kernel) &&
         add_kernel(kernels, "mul.backward", mul_backward_kernel);
}

}  // namespace pynn::python
