// Comparisons, logic, choices and integer arithmetic: `kernel(x)`, `kernel(x, y)`, `kernel(x, y, z)` over
// arrays and numbers, their in-place forms, and the gradients of where, glu and prelu.
#include "../pointwise_tables.h"
#include "kernels/elementwise/cuda.h"
#include "kernels/pointwise/cuda.h"
#include "pointwise.h"

namespace pynn::cuda {

using python::Point;
using python::Scaled;

namespace {

constexpr int kMostInputs = 3;

template <class T>
bool fits(int64_t value) {
  return int64_t(T(value)) == value;
}

// A Python number as an immediate of that dtype; false where it is another kind of number, or too large.
bool immediate(PyObject* object, int dtype, Operand* out) {
  *out = Operand();
  out->dtype = dtype;
  if (is_float(dtype)) return number(object, &out->number);
  if (dtype == PYNN_BOOL) {
    out->whole = object == Py_True;
    return PyBool_Check(object);
  }
  if (!integer(object, &out->whole)) return false;
  switch (dtype) {
    case PYNN_UINT8:
      return fits<uint8_t>(out->whole);
    case PYNN_INT8:
      return fits<int8_t>(out->whole);
    case PYNN_INT16:
      return fits<int16_t>(out->whole);
    case PYNN_INT32:
      return fits<int32_t>(out->whole);
    default:
      return true;
  }
}

bool is_test(pynn_pointwise_op op) {
  return op == PYNN_P_LOGICAL_NOT || (op >= PYNN_P_ISNAN && op <= PYNN_P_ISFINITE) ||
         (op >= PYNN_P_LOGICAL_AND && op <= PYNN_P_GE);
}

}  // namespace

PyObject* run_pointwise(const Call& call, pynn_pointwise_op op, PyObject* const* objects, int count,
                        double alpha, const Array* out) {
  const bool chooses = op == PYNN_P_WHERE;
  int dtype = -1, ndim = 0;
  int64_t shape[PYNN_MAX_DIMS];
  Array x[kMostInputs];
  const Array* given[kMostInputs] = {};
  for (int k = 0; k < count; ++k) {
    if (!x[k].read(objects[k])) continue;
    given[k] = &x[k];
    if (chooses && k == 0) {
      if (x[k].dtype != PYNN_BOOL) return not_mine();
    } else {
      if (dtype >= 0 && x[k].dtype != dtype) return not_mine();
      dtype = x[k].dtype;
    }
    if (!broadcast(&ndim, shape, x[k])) return not_mine();
  }
  if (dtype < 0) return not_mine();
  if (out) {
    if (out->ndim != ndim) return not_mine();
    for (int i = 0; i < ndim; ++i) {
      if (out->shape[i] != shape[i]) return not_mine();
    }
    for (int k = 0; k < count; ++k) {
      if (given[k] && !safe_alias(*out, x[k])) return not_mine();
    }
  }
  Operand operands[kMostInputs + 1];
  Spread spreads[kMostInputs + 1];
  for (int k = 0; k < count; ++k) {
    if (given[k]) {
      operands[k] = spreads[k].over(ndim, shape, x[k]);
    } else if ((chooses && k == 0) || !immediate(objects[k], dtype, &operands[k])) {
      return not_mine();
    } else if (chooses) {
      operands[k].whole = bits_of(operands[k].number, operands[k].whole, dtype);
    }
  }
  Array made;
  cudaStream_t stream;
  if (!current_stream(&stream) ||
      (!out && !made.make_ordered(ndim, shape, is_test(op) ? int(PYNN_BOOL) : dtype, given, count))) {
    return nullptr;
  }
  const Array& to = out ? *out : made;
  operands[count] = spreads[count].over(ndim, shape, to);
  const Status status = pointwise(op, ndim, shape, operands, alpha, stream);
  return finish(status, call, out ? out->reference() : made.release());
}

namespace {

PyObject* point_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const auto* entry = code_of<Point>(self);
  if (count != entry->count) return not_mine();
  return run_pointwise({self, args, count}, entry->op, args, int(count));
}

PyObject* point_inplace_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const auto* entry = code_of<Point>(self);
  Array x;
  if (count != entry->count || !x.read(args[0])) return not_mine();
  return run_pointwise({self, args, count}, entry->op, args, int(count), 0, &x);
}

// addcmul and addcdiv: (x, a, b, value).
PyObject* scaled_of(const Call& call, bool inplace) {
  double value;
  Array x;
  if (call.count != 4 || !number(call.args[3], &value) || (inplace && !x.read(call.args[0])))
    return not_mine();
  return run_pointwise(call, code_of<Scaled>(call.self)->op, call.args, 3, value, inplace ? &x : nullptr);
}
PyObject* scaled_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return scaled_of({self, args, count}, false);
}
PyObject* scaled_inplace_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return scaled_of({self, args, count}, true);
}

// where's gradients: g where the condition is true, and where it is not.
PyObject* where_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array g, condition;
  int64_t needs;
  if (count != 4 || !has_items(args[1], 2) || !read_needs(args[3], &needs) || !g.read(args[0]) ||
      !condition.read(PyTuple_GET_ITEM(args[1], 1)) || !is_float(g.dtype) || !same_shape(g, condition)) {
    return not_mine();
  }
  PyObject* nothing = PyFloat_FromDouble(0);
  PyObject* grads = nothing ? PyTuple_New(3) : nullptr;
  for (int i = 0; grads && i < 3; ++i) {
    PyObject* grad = Py_None;
    if (i > 0 && needs >> i & 1) {
      PyObject* const operands[] = {condition.object, i == 1 ? args[0] : nothing, i == 1 ? nothing : args[0]};
      grad = run_pointwise({self, args, count}, PYNN_P_WHERE, operands, 3);
      if (!grad || grad == Py_None) {
        Py_DECREF(nothing);
        Py_DECREF(grads);
        return grad;
      }
    } else {
      Py_INCREF(grad);
    }
    PyTuple_SET_ITEM(grads, i, grad);
  }
  Py_XDECREF(nothing);
  return grads;
}

// ---- PReLU: one weight, or one a channel (dimension 1) ----

// The weight as an operand over x's shape; false where it is not one.
bool spread_weight(const Array& x, const Array& weight, Spread* spread, Operand* out) {
  if (!is_float(x.dtype) || weight.dtype != x.dtype || !weight.is_dense()) return false;
  const int64_t channels = x.ndim > 1 ? x.shape[1] : 1, weights = weight.size();
  if (weights != 1 && weights != channels) return false;
  for (int i = 0; i < x.ndim; ++i) spread->strides[i] = weights > 1 && i == 1 ? int64_t(size_of(x.dtype)) : 0;
  out->data = weight.data;
  out->strides = spread->strides;
  out->dtype = weight.dtype;
  return true;
}

PyObject* prelu_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array x, weight, out;
  Spread spreads[3];
  Operand operands[3];
  if (count != 2 || !x.read(args[0]) || !weight.read(args[1]) ||
      !spread_weight(x, weight, &spreads[1], &operands[1]))
    return not_mine();
  const Array* const inputs[] = {&x};
  cudaStream_t stream;
  if (!current_stream(&stream) || !out.make_ordered(x.ndim, x.shape, x.dtype, inputs, 1)) return nullptr;
  operands[0] = spreads[0].over(x.ndim, x.shape, x);
  operands[2] = spreads[2].over(x.ndim, x.shape, out);
  return finish(binary(PYNN_PRELU, x.ndim, x.shape, operands, 0, 0, stream), {self, args, count},
                out.release());
}

// (g, (None, x, weight), (), needs): of x; the weight's is composed.
PyObject* prelu_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array g, x, weight, out;
  Spread spreads[4];
  Operand operands[4];
  int64_t needs;
  if (count != 4 || !has_items(args[1], 3) || !read_needs(args[3], &needs) || needs != 1 ||
      !g.read(args[0]) || !x.read(PyTuple_GET_ITEM(args[1], 1)) ||
      !weight.read(PyTuple_GET_ITEM(args[1], 2)) || g.dtype != x.dtype || !same_shape(g, x) ||
      !spread_weight(x, weight, &spreads[2], &operands[2])) {
    return not_mine();
  }
  cudaStream_t stream;
  if (!current_stream(&stream) || !out.make_like(x)) return nullptr;
  operands[0] = spreads[0].over(x.ndim, x.shape, g);
  operands[1] = spreads[1].over(x.ndim, x.shape, x);
  operands[3] = spreads[3].over(x.ndim, x.shape, out);
  PyObject* dx = finish(pointwise(PYNN_P_PRELU_BACKWARD, x.ndim, x.shape, operands, 0, stream),
                        {self, args, count}, out.release());
  if (!dx || dx == Py_None) return dx;
  PyObject* grads = PyTuple_Pack(2, dx, Py_None);
  Py_DECREF(dx);
  return grads;
}

// ---- GLU: a * sigmoid(b) of the halves of x along dim ----

// The halves as operands over half the shape; false where x has none along `dim`.
bool halves_of(const Array& x, PyObject* dim, int64_t* shape, Operand* a, Operand* b) {
  int64_t place;
  if (!is_float(x.dtype) || !integer(dim, &place) || place < 0 || place >= x.ndim || x.shape[place] % 2)
    return false;
  for (int i = 0; i < x.ndim; ++i) shape[i] = x.shape[i];
  shape[place] /= 2;
  a->data = x.data;
  a->strides = x.strides;
  a->dtype = x.dtype;
  *b = *a;
  b->data = x.data + shape[place] * x.strides[place];
  return true;
}

PyObject* glu_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array x, out;
  Operand operands[3];
  int64_t shape[PYNN_MAX_DIMS];
  if (count != 2 || !x.read(args[0]) || !halves_of(x, args[1], shape, &operands[0], &operands[1]))
    return not_mine();
  Spread spread;
  cudaStream_t stream;
  if (!current_stream(&stream) || !out.make(x.ndim, shape, x.dtype)) return nullptr;
  operands[2] = spread.over(x.ndim, shape, out);
  return finish(binary(PYNN_GLU, x.ndim, shape, operands, 0, 0, stream), {self, args, count}, out.release());
}

PyObject* glu_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array g, x, dx;
  Operand grad, a, b, to_a, to_b;
  int64_t shape[PYNN_MAX_DIMS];
  if (count != 4 || !has_items(args[1], 2) || !has_items(args[2], 1) || !g.read(args[0]) ||
      !x.read(PyTuple_GET_ITEM(args[1], 1)) || !halves_of(x, PyTuple_GET_ITEM(args[2], 0), shape, &a, &b) ||
      g.dtype != x.dtype || g.ndim != x.ndim) {
    return not_mine();
  }
  for (int i = 0; i < g.ndim; ++i) {
    if (g.shape[i] != shape[i]) return not_mine();
  }
  Spread spread;
  cudaStream_t stream;
  if (!current_stream(&stream) || !dx.make_like(x)) return nullptr;
  halves_of(dx, PyTuple_GET_ITEM(args[2], 0), shape, &to_a, &to_b);
  grad = spread.over(g.ndim, shape, g);
  const Operand first[] = {grad, b, to_a}, second[] = {grad, a, b, to_b};
  Status status = binary(PYNN_GLU, g.ndim, shape, first, 0, 0, stream);
  if (status.ok()) status = pointwise(PYNN_P_GLU_BACKWARD, g.ndim, shape, second, 0, stream);
  return finish(status, {self, args, count}, dx.release());
}

}  // namespace

bool register_pointwise(PyObject* kernels) {
  bool ok = true;
  for (const Point& entry : python::kPoints) {
    ok = ok && add_kernel(kernels, entry.name, point_kernel, &entry) &&
         (!entry.inplace_name || add_kernel(kernels, entry.inplace_name, point_inplace_kernel, &entry));
  }
  for (const Scaled& entry : python::kScaled) {
    ok = ok && add_kernel(kernels, entry.name, scaled_kernel, &entry) &&
         add_kernel(kernels, entry.inplace_name, scaled_inplace_kernel, &entry);
  }
  return ok && add_kernel(kernels, "where.backward", where_backward_kernel) &&
         add_kernel(kernels, "prelu", prelu_kernel) &&
         add_kernel(kernels, "prelu.backward", prelu_backward_kernel) &&
         add_kernel(kernels, "glu", glu_kernel) && add_kernel(kernels, "glu.backward", glu_backward_kernel);
}

}  // namespace pynn::cuda
