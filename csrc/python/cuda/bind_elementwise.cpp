// Pointwise kernels: `kernel(x)`, `kernel(x, attrs...)`, `kernel(x, y)`, their in-place and backward forms.
#include "../elementwise_tables.h"
#include "kernels/elementwise/cuda.h"
#include "pointwise.h"

namespace pynn::cuda {

using python::Backward;
using python::Binary;
using python::Unary;

PyObject* run_unary(const Call& call, pynn_unary_op op, const Array& x, double alpha, double beta,
                    const Array* out) {
  if (!is_float(x.dtype)) return not_mine();
  const Array* const inputs[] = {&x};
  Array made;
  cudaStream_t stream;
  if (!current_stream(&stream) || (!out && !made.make_ordered(x.ndim, x.shape, x.dtype, inputs, 1)))
    return nullptr;
  const Array& to = out ? *out : made;
  Spread from, into;
  const Operand operands[] = {from.over(to.ndim, to.shape, x), into.over(to.ndim, to.shape, to)};
  const Status status = unary(op, to.ndim, to.shape, operands, alpha, beta, stream);
  return finish(status, call, out ? out->reference() : made.release());
}

PyObject* run_binary(const Call& call, pynn_binary_op op, const Array* a, const Array* b, double value,
                     double alpha, double beta, const Array* out) {
  const int dtype = (a ? a : b)->dtype;
  if (!is_float(dtype) || (a && b && a->dtype != b->dtype)) return not_mine();
  int ndim = 0;
  int64_t shape[PYNN_MAX_DIMS];
  if ((a && !broadcast(&ndim, shape, *a)) || (b && !broadcast(&ndim, shape, *b))) return not_mine();
  const Array* const inputs[] = {a, b};
  Array made;
  cudaStream_t stream;
  if (!current_stream(&stream) || (!out && !made.make_ordered(ndim, shape, dtype, inputs, 2))) return nullptr;
  const Array& to = out ? *out : made;
  Spread left, right, into;
  const Operand operands[] = {a ? left.over(ndim, shape, *a) : Spread::of(value, dtype),
                              b ? right.over(ndim, shape, *b) : Spread::of(value, dtype),
                              into.over(ndim, shape, to)};
  const Status status = binary(op, ndim, shape, operands, alpha, beta, stream);
  return finish(status, call, out ? out->reference() : made.release());
}

namespace {

bool read_attrs(const Unary& entry, PyObject* const* args, Py_ssize_t count, double* alpha, double* beta) {
  *alpha = *beta = 0;
  return count == 1 + entry.attrs && (entry.attrs < 1 || number(args[1], alpha)) &&
         (entry.attrs < 2 || number(args[2], beta));
}

PyObject* unary_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const auto* entry = code_of<Unary>(self);
  double alpha, beta;
  Array x;
  if (!read_attrs(*entry, args, count, &alpha, &beta) || !x.read(args[0])) return not_mine();
  if (entry->other >= 0 && !is_float(x.dtype))
    return run_pointwise({self, args, count}, pynn_pointwise_op(entry->other), args, 1);
  return run_unary({self, args, count}, entry->op, x, alpha, beta);
}

PyObject* unary_inplace_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const auto* entry = code_of<Unary>(self);
  double alpha, beta;
  Array x;
  if (!read_attrs(*entry, args, count, &alpha, &beta) || !x.read(args[0])) return not_mine();
  if (entry->other >= 0 && !is_float(x.dtype))
    return run_pointwise({self, args, count}, pynn_pointwise_op(entry->other), args, 1, 0, &x);
  return run_unary({self, args, count}, entry->op, x, alpha, beta, &x);
}

bool is_tanh_form(PyObject* approximate) {
  return PyUnicode_Check(approximate) && PyUnicode_CompareWithASCIIString(approximate, "tanh") == 0;
}

PyObject* gelu_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array x;
  if (count != 2 || !x.read(args[0])) return not_mine();
  return run_unary({self, args, count}, is_tanh_form(args[1]) ? PYNN_GELU_TANH : PYNN_GELU, x, 0, 0);
}

// clamp(x, min or None, max or None)
PyObject* clamp(const Call& call, bool inplace) {
  double low = -Py_HUGE_VAL, high = Py_HUGE_VAL;
  Array x;
  PyObject* const* args = call.args;
  if (call.count != 3 || !x.read(args[0])) return not_mine();
  const Array* out = inplace ? &x : nullptr;
  if (!is_float(x.dtype)) {
    if (args[1] != Py_None && args[2] != Py_None) return run_pointwise(call, PYNN_P_CLAMP, args, 3, 0, out);
    const bool upper = args[1] == Py_None;
    PyObject* const operands[] = {args[0], args[upper ? 2 : 1]};
    return run_pointwise(call, upper ? PYNN_P_MINIMUM : PYNN_P_MAXIMUM, operands, 2, 0, out);
  }
  if ((args[1] != Py_None && !number(args[1], &low)) || (args[2] != Py_None && !number(args[2], &high)) ||
      !(low <= high)) {
    return not_mine();
  }
  return run_unary(call, PYNN_HARDTANH, x, low, high, out);
}
PyObject* clamp_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return clamp({self, args, count}, false);
}
PyObject* clamp_inplace_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return clamp({self, args, count}, true);
}

PyObject* binary_of(const Call& call, bool inplace) {
  const auto* entry = code_of<Binary>(call.self);
  Array a, b;
  double value = 0;
  if (call.count != 2) return not_mine();
  const bool first = a.read(call.args[0]), second = b.read(call.args[1]);
  if ((first || (second && !inplace)) && !is_float(first ? a.dtype : b.dtype)) {
    if (entry->other < 0) return not_mine();
    return run_pointwise(call, pynn_pointwise_op(entry->other), call.args, 2, 0, inplace ? &a : nullptr);
  }
  if ((!first && (inplace || !second || !number(call.args[0], &value))) ||
      (!second && !number(call.args[1], &value))) {
    return not_mine();
  }
  pynn_unary_op named;
  if (entry->op == PYNN_POW && !second && python::short_power(value, &named))
    return run_unary(call, named, a, 0, 0, inplace ? &a : nullptr);
  if (inplace && second) {
    int ndim = a.ndim;
    int64_t shape[PYNN_MAX_DIMS];
    for (int i = 0; i < ndim; ++i) shape[i] = a.shape[i];
    if (!broadcast(&ndim, shape, b) || ndim != a.ndim || !safe_alias(a, b)) return not_mine();
    for (int i = 0; i < ndim; ++i) {
      if (shape[i] != a.shape[i]) return not_mine();
    }
  }
  return run_binary(call, entry->op, first ? &a : nullptr, second ? &b : nullptr, value, 0, 0,
                    inplace ? &a : nullptr);
}
PyObject* binary_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return binary_of({self, args, count}, false);
}
PyObject* inplace_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return binary_of({self, args, count}, true);
}

// ---- gradients ----

PyObject* backward_of(const Call& call, const Backward& entry, pynn_binary_op op,
                      const double* given = nullptr) {
  Array g, saved;
  PyObject* const* args = call.args;
  if (call.count != 4 || !has_items(args[1], entry.place + 1) || !PyTuple_Check(args[2]) ||
      !g.read(args[0]) || !saved.read(PyTuple_GET_ITEM(args[1], entry.place)) || !same_shape(g, saved)) {
    return not_mine();
  }
  double numbers[2] = {0, 0};
  for (int i = 0; i < entry.attrs; ++i) {
    if (given) {
      numbers[i] = given[i];
    } else if (!has_items(args[2], i + 1) || !number(PyTuple_GET_ITEM(args[2], i), &numbers[i])) {
      return not_mine();
    }
  }
  return run_binary(call, op, &g, &saved, 0, numbers[0], numbers[1]);
}

PyObject* backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const auto* entry = code_of<Backward>(self);
  return backward_of({self, args, count}, *entry, entry->op);
}

PyObject* gelu_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[2], 1)) return not_mine();
  const bool tanh_form = is_tanh_form(PyTuple_GET_ITEM(args[2], 0));
  return backward_of({self, args, count}, python::kGeluBackward,
                     tanh_form ? PYNN_GELU_TANH_BACKWARD : PYNN_GELU_BACKWARD);
}

// clamp's bounds may be None.
PyObject* clamp_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[2], 2)) return not_mine();
  double bounds[2] = {-Py_HUGE_VAL, Py_HUGE_VAL};
  for (int i = 0; i < 2; ++i) {
    PyObject* bound = PyTuple_GET_ITEM(args[2], i);
    if (bound != Py_None && !number(bound, &bounds[i])) return not_mine();
  }
  return backward_of({self, args, count}, python::kClampBackward, python::kClampBackward.op, bounds);
}

// (first, None) from a new reference, or what stands in for it.
PyObject* pair_of(PyObject* first) {
  if (!first || first == Py_None) return first;
  PyObject* pair = PyTuple_Pack(2, first, Py_None);
  Py_DECREF(first);
  return pair;
}

// The gradient of x ** number: g * number * x ** (number - 1).
PyObject* pow_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  double exponent;
  int64_t needs;
  Array g, x;
  if (count != 4 || !has_items(args[1], 3) || !read_needs(args[3], &needs) || needs != 1 ||
      !number(PyTuple_GET_ITEM(args[1], 2), &exponent) || exponent == 0 || !g.read(args[0]) ||
      !x.read(PyTuple_GET_ITEM(args[1], 1)) || !same_shape(g, x)) {
    return not_mine();
  }
  const pynn_binary_op op = exponent == 2   ? PYNN_SQUARE_BACKWARD
                            : exponent == 3 ? PYNN_CUBE_BACKWARD
                                            : PYNN_POW_BACKWARD;
  return pair_of(run_binary({self, args, count}, op, &g, &x, 0, exponent, exponent - 1));
}

PyObject* mul_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array g;
  int64_t needs;
  if (count != 4 || !has_items(args[1], 3) || !read_needs(args[3], &needs) || !g.read(args[0]))
    return not_mine();
  PyObject* grads = PyTuple_New(2);
  for (int i = 0; grads && i < 2; ++i) {
    PyObject* grad = Py_None;
    Py_INCREF(grad);
    if (needs >> i & 1) {
      Py_DECREF(grad);
      PyObject* saved = PyTuple_GET_ITEM(args[1], 2 - i);
      Array other;
      double value = 0;
      const bool array = other.read(saved);
      const bool mine = array ? same_shape(g, other) : number(saved, &value);
      grad = mine ? run_binary({self, args, count}, PYNN_MUL, &g, array ? &other : nullptr, value, 0, 0)
                  : not_mine();
      if (!grad || grad == Py_None) {
        Py_DECREF(grads);
        return grad;
      }
    }
    PyTuple_SET_ITEM(grads, i, grad);
  }
  return grads;
}

// The gradients of add and sub: g as it is, for sub's second input negated.
PyObject* sum_backward(const Call& call, bool negate_second) {
  int64_t needs;
  Array g;
  if (call.count != 4 || !read_needs(call.args[3], &needs) || !g.read(call.args[0])) return not_mine();
  PyObject* second = Py_None;
  if (needs & 2 && negate_second) {
    second = run_unary(call, PYNN_NEG, g, 0, 0);
    if (!second || second == Py_None) return second;
  } else {
    if (needs & 2) second = call.args[0];
    Py_INCREF(second);
  }
  PyObject* grads = PyTuple_Pack(2, needs & 1 ? call.args[0] : Py_None, second);
  Py_DECREF(second);
  return grads;
}
PyObject* add_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return sum_backward({self, args, count}, false);
}
PyObject* sub_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return sum_backward({self, args, count}, true);
}

}  // namespace

bool register_elementwise(PyObject* kernels) {
  bool ok = true;
  for (const Unary& entry : python::kUnary) {
    ok = ok && add_kernel(kernels, entry.name, unary_kernel, &entry) &&
         add_kernel(kernels, entry.inplace_name, unary_inplace_kernel, &entry);
  }
  for (const Backward& entry : python::kBackward)
    ok = ok && add_kernel(kernels, entry.name, backward_kernel, &entry);
  for (const Binary& entry : python::kBinary) {
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

}  // namespace pynn::cuda
