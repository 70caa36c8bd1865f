// Pointwise kernels of all element types: integers, comparisons, logic, where, cast, and those of three inputs.
#include "pointwise.h"

#include <cmath>
#include <cstring>

#include "bindings.h"
#include "pointwise_tables.h"

namespace pynn::python {

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

bool safe_alias(PyArrayObject* x, PyArrayObject* y) {
  const bool same = PyArray_DATA(x) == PyArray_DATA(y) && same_shape(x, y) &&
                    PyArray_CompareLists(PyArray_STRIDES(x), PyArray_STRIDES(y), PyArray_NDIM(x));
  return same || !may_overlap(x, y);
}

PyArrayObject* dense(PyArrayObject* x) { return is_float(plain_type(x)) ? row_major(x) : nullptr; }

namespace {

constexpr int kMostInputs = 3;
const int64_t kNone = 0;

template <class T>
bool fits(int64_t value, void* out) {
  const T narrow = T(value);
  std::memcpy(out, &narrow, sizeof(T));
  return int64_t(narrow) == value;
}

// A Python number as an element of that type; false where it is another kind of number, or too large.
bool element(PyObject* object, int type, void* out) {
  int64_t whole;
  double real;
  switch (type) {
    case NPY_FLOAT32:
      if (!number(object, &real)) return false;
      *static_cast<float*>(out) = float(real);
      return true;
    case NPY_FLOAT64:
      return number(object, static_cast<double*>(out));
    case NPY_BOOL:
      if (!PyBool_Check(object)) return false;
      *static_cast<uint8_t*>(out) = object == Py_True;
      return true;
    default:
      break;
  }
  if (!integer(object, &whole)) return false;
  switch (dtype_of(type)) {
    case PYNN_UINT8:
      return fits<uint8_t>(whole, out);
    case PYNN_INT8:
      return fits<int8_t>(whole, out);
    case PYNN_INT16:
      return fits<int16_t>(whole, out);
    case PYNN_INT32:
      return fits<int32_t>(whole, out);
    case PYNN_INT64:
      return fits<int64_t>(whole, out);
    default:
      return false;
  }
}

bool is_test(pynn_pointwise_op op) {
  return op == PYNN_P_LOGICAL_NOT || (op >= PYNN_P_ISNAN && op <= PYNN_P_ISFINITE) ||
         (op >= PYNN_P_LOGICAL_AND && op <= PYNN_P_GE);
}

}  // namespace

PyObject* run_pointwise(pynn_pointwise_op op, PyObject* const* operands, int count, double alpha,
                        PyArrayObject* out) {
  const bool chooses = op == PYNN_P_WHERE;
  int type = -1, ndim = 0;
  npy_intp shape[PYNN_MAX_DIMS];
  for (int k = 0; k < count; ++k) {
    PyArrayObject* x = as_array(operands[k]);
    if (!x) continue;
    const int own = plain_type(x);
    if (own < 0 || dtype_of(own) < 0 || PyArray_NDIM(x) > PYNN_MAX_DIMS) return not_mine();
    if (chooses && k == 0) {
      if (own != NPY_BOOL) return not_mine();
    } else {
      if (type >= 0 && dtype_of(own) != dtype_of(type)) return not_mine();
      type = own;
    }
    // Broadcast with what the others gave.
    const int nx = PyArray_NDIM(x), most = nx > ndim ? nx : ndim;
    for (int i = 1; i <= most; ++i) {  // from the last dimension
      const npy_intp dx = i <= nx ? PyArray_DIM(x, nx - i) : 1, known = i <= ndim ? shape[PYNN_MAX_DIMS - i] : 1;
      if (dx != known && dx != 1 && known != 1) return not_mine();
      shape[PYNN_MAX_DIMS - i] = known == 1 ? dx : known;
    }
    ndim = most;
  }
  if (type < 0) return not_mine();
  const npy_intp* sizes = shape + PYNN_MAX_DIMS - ndim;
  pynn_array inputs[kMostInputs];
  const pynn_array* pointers[kMostInputs];
  double values[kMostInputs];
  for (int k = 0; k < count; ++k) {
    PyArrayObject* x = as_array(operands[k]);
    if (x) {
      if (out && (PyArray_NDIM(x) > PyArray_NDIM(out) || !safe_alias(out, x))) return not_mine();
      inputs[k] = describe(x);
    } else {
      if ((chooses && k == 0) || !element(operands[k], type, &values[k])) return not_mine();
      inputs[k] = {&values[k], &kNone, &kNone, 0, dtype_of(type)};
    }
    pointers[k] = &inputs[k];
  }
  if (out) {
    if (ndim != PyArray_NDIM(out) || !PyArray_CompareLists(sizes, PyArray_DIMS(out), ndim) ||
        plain_type(out) < 0 || !PyArray_ISWRITEABLE(out)) {
      return not_mine();
    }
    Py_INCREF(out);
  } else {
    PyArrayObject* arrays[kMostInputs];
    for (int k = 0; k < count; ++k) arrays[k] = as_array(operands[k]);
    out = new_ordered(ndim, sizes, is_test(op) ? int(NPY_BOOL) : type, arrays, count);
    if (!out) return nullptr;
  }
  pynn_array result = describe(out);
  const pynn_status status =
      run(PyArray_SIZE(out), [&] { return pynn_pointwise(op, pointers, count, alpha, &result); });
  return finish(status, reinterpret_cast<PyObject*>(out));
}

namespace {

PyObject* point_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const auto* entry = code_of<Point>(self);
  if (count != entry->count) return not_mine();
  if (count == 2 && entry->mirrored >= 0 && !as_array(args[0])) {
    PyObject* const turned[] = {args[1], args[0]};
    return run_pointwise(pynn_pointwise_op(entry->mirrored), turned, 2);
  }
  return run_pointwise(entry->op, args, int(count));
}

PyObject* point_inplace_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const auto* entry = code_of<Point>(self);
  if (count != entry->count || !as_array(args[0])) return not_mine();
  return run_pointwise(entry->op, args, int(count), 0, as_array(args[0]));
}

// addcmul and addcdiv: (x, a, b, value).
PyObject* scaled_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  double value;
  if (count != 4 || !number(args[3], &value)) return not_mine();
  return run_pointwise(code_of<Scaled>(self)->op, args, 3, value);
}
PyObject* scaled_inplace_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  double value;
  if (count != 4 || !as_array(args[0]) || !number(args[3], &value)) return not_mine();
  return run_pointwise(code_of<Scaled>(self)->op, args, 3, value, as_array(args[0]));
}

// where's gradients: g where the condition is true, and where it is not.
PyObject* where_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 2) || !as_array(args[0])) return not_mine();
  PyArrayObject* g = as_array(args[0]);
  PyArrayObject* condition = as_array(PyTuple_GET_ITEM(args[1], 1));
  int64_t needs;
  if (!condition || !is_float(plain_type(g)) || !same_shape(g, condition) || !read_needs(args[3], &needs))
    return not_mine();
  PyObject* nothing = PyFloat_FromDouble(0);
  PyObject* grads = nothing ? PyTuple_New(3) : nullptr;
  PyObject* mask = PyTuple_GET_ITEM(args[1], 1);
  for (int i = 0; grads && i < 3; ++i) {
    PyObject* grad = Py_None;
    if (i > 0 && needs >> i & 1) {
      PyObject* const operands[] = {mask, i == 1 ? args[0] : nothing, i == 1 ? nothing : args[0]};
      grad = run_pointwise(PYNN_P_WHERE, operands, 3);
      if (!grad) {
        Py_CLEAR(grads);
        break;
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

bool prelu_sizes(PyArrayObject* x, PyArrayObject* weight, int64_t* outer, int64_t* channels, int64_t* inner) {
  if (!is_float(plain_type(x)) || plain_type(weight) != PyArray_TYPE(x) || !PyArray_IS_C_CONTIGUOUS(weight))
    return false;
  const int ndim = PyArray_NDIM(x);
  *outer = ndim > 1 ? PyArray_DIM(x, 0) : 1;
  *channels = ndim > 1 ? PyArray_DIM(x, 1) : 1;
  *inner = ndim > 1 ? 1 : PyArray_SIZE(x);
  for (int i = 2; i < ndim; ++i) *inner *= PyArray_DIM(x, i);
  return PyArray_SIZE(weight) == 1 || PyArray_SIZE(weight) == *channels;
}

PyObject* prelu_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2 || !as_array(args[0]) || !as_array(args[1])) return not_mine();
  PyArrayObject *x = as_array(args[0]), *weight = as_array(args[1]);
  int64_t outer, channels, inner;
  if (!prelu_sizes(x, weight, &outer, &channels, &inner) || PyArray_NDIM(x) > PYNN_MAX_DIMS) return not_mine();
  PyArrayObject* out = new_ordered_like(x, PyArray_TYPE(x));
  if (!out) return nullptr;
  int64_t shape[PYNN_MAX_DIMS];
  const bool several = PyArray_SIZE(weight) > 1;
  for (int i = 0; i < PyArray_NDIM(x); ++i) shape[i] = several && i == 1 ? channels : 1;
  const pynn_array a = describe(x), w = {PyArray_DATA(weight), shape, nullptr, PyArray_NDIM(x), a.dtype};
  pynn_array result = describe(out);
  return finish(run(PyArray_SIZE(out), [&] { return pynn_binary(PYNN_PRELU, &a, &w, 0, 0, &result); }),
                reinterpret_cast<PyObject*>(out));
}

PyObject* prelu_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 3) || !as_array(args[0])) return not_mine();
  PyArrayObject *x = as_array(PyTuple_GET_ITEM(args[1], 1)), *weight = as_array(PyTuple_GET_ITEM(args[1], 2));
  int64_t needs, outer, channels, inner;
  if (!x || !weight || !read_needs(args[3], &needs) || !prelu_sizes(x, weight, &outer, &channels, &inner) ||
      plain_type(as_array(args[0])) != PyArray_TYPE(x) || !same_shape(as_array(args[0]), x)) {
    return not_mine();
  }
  PyArrayObject* g = dense(as_array(args[0]));
  x = g ? dense(x) : nullptr;
  PyArrayObject* dx = x && (needs & 1) ? new_like(x) : nullptr;
  PyArrayObject* dw = x && (needs & 2) ? new_like(weight) : nullptr;
  PyObject* grads = nullptr;
  if (x && (dx || !(needs & 1)) && (dw || !(needs & 2))) {
    const int64_t weights = PyArray_SIZE(weight);
    const pynn_status status = run(PyArray_SIZE(x), [&] {
      return pynn_prelu_backward(dtype_of(PyArray_TYPE(x)), outer, channels, inner, weights, PyArray_DATA(g),
                                 PyArray_DATA(x), PyArray_DATA(weight), dx ? PyArray_DATA(dx) : nullptr,
                                 dw ? PyArray_DATA(dw) : nullptr);
    });
    grads = PyTuple_Pack(2, dx ? reinterpret_cast<PyObject*>(dx) : Py_None,
                         dw ? reinterpret_cast<PyObject*>(dw) : Py_None);
    grads = finish(status, grads);
  } else if (!PyErr_Occurred()) {
    grads = not_mine();
  }
  Py_XDECREF(dx);
  Py_XDECREF(dw);
  Py_XDECREF(x);
  Py_XDECREF(g);
  return grads;
}

// ---- GLU: a * sigmoid(b) of the halves of x along dim ----

struct HalvesOf {
  int dim;
  npy_intp shape[PYNN_MAX_DIMS];
  pynn_array a, b;  // over `shape`
};

bool halves_of(PyArrayObject* x, PyObject* dim, HalvesOf* out) {
  int64_t place;
  const int ndim = PyArray_NDIM(x);
  if (!is_float(plain_type(x)) || ndim < 1 || ndim > PYNN_MAX_DIMS || !integer(dim, &place) || place < 0 ||
      place >= ndim || PyArray_DIM(x, int(place)) % 2) {
    return false;
  }
  out->dim = int(place);
  for (int i = 0; i < ndim; ++i) out->shape[i] = PyArray_DIM(x, i);
  out->shape[place] /= 2;
  out->a = describe(x);
  out->a.shape = reinterpret_cast<const int64_t*>(out->shape);
  out->b = out->a;
  out->b.data = PyArray_BYTES(x) + out->shape[place] * PyArray_STRIDE(x, int(place));
  return true;
}

PyObject* glu_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  HalvesOf x;
  if (count != 2 || !as_array(args[0]) || !halves_of(as_array(args[0]), args[1], &x)) return not_mine();
  PyArrayObject* out = new_array(x.a.ndim, x.shape, PyArray_TYPE(as_array(args[0])));
  if (!out) return nullptr;
  pynn_array result = describe(out);
  return finish(run(PyArray_SIZE(out), [&] { return pynn_binary(PYNN_GLU, &x.a, &x.b, 0, 0, &result); }),
                reinterpret_cast<PyObject*>(out));
}

PyObject* glu_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 2) || !has_items(args[2], 1) || !as_array(args[0])) return not_mine();
  PyArrayObject *g = as_array(args[0]), *x = as_array(PyTuple_GET_ITEM(args[1], 1));
  HalvesOf from, to;
  if (!x || !halves_of(x, PyTuple_GET_ITEM(args[2], 0), &from) || plain_type(g) != PyArray_TYPE(x) ||
      PyArray_NDIM(g) != PyArray_NDIM(x) || !PyArray_CompareLists(PyArray_DIMS(g), from.shape, PyArray_NDIM(g))) {
    return not_mine();
  }
  PyArrayObject* dx = new_like(x);
  if (!dx) return nullptr;
  halves_of(dx, PyTuple_GET_ITEM(args[2], 0), &to);
  const pynn_array grad = describe(g);
  const pynn_array* const inputs[] = {&grad, &from.a, &from.b};
  const pynn_status status = run(PyArray_SIZE(dx), [&] {
    const pynn_status done = pynn_binary(PYNN_GLU, &grad, &from.b, 0, 0, &to.a);
    return done != PYNN_OK ? done : pynn_pointwise(PYNN_P_GLU_BACKWARD, inputs, 3, 0, &to.b);
  });
  return finish(status, reinterpret_cast<PyObject*>(dx));
}

}  // namespace

bool register_pointwise(PyObject* kernels) {
  bool ok = true;
  for (const Point& entry : kPoints) {
    ok = ok && add_kernel(kernels, entry.name, point_kernel, &entry) &&
         (!entry.inplace_name || add_kernel(kernels, entry.inplace_name, point_inplace_kernel, &entry));
  }
  for (const Scaled& entry : kScaled) {
    ok = ok && add_kernel(kernels, entry.name, scaled_kernel, &entry) &&
         add_kernel(kernels, entry.inplace_name, scaled_inplace_kernel, &entry);
  }
  return ok && add_kernel(kernels, "where.backward", where_backward_kernel) &&
         add_kernel(kernels, "prelu", prelu_kernel) && add_kernel(kernels, "prelu.backward", prelu_backward_kernel) &&
         add_kernel(kernels, "glu", glu_kernel) && add_kernel(kernels, "glu.backward", glu_backward_kernel);
}

}  // namespace pynn::python
