// cumsum(x, dim), cumprod, logcumsumexp, cummax, cummin, and their gradients.
#include "bindings.h"

namespace pynn::python {
namespace {

// A float array that is aligned, row-major or copied to be so: a new reference, nullptr where it is no such
// array.
PyArrayObject* dense(PyObject* object, int type) {
  PyArrayObject* x = as_array(object);
  if (!x || !is_float(plain_type(x)) || PyArray_NDIM(x) > PYNN_MAX_DIMS ||
      (type >= 0 && plain_type(x) != type))
    return nullptr;
  return row_major(x);
}

bool has_dim(PyArrayObject* x, PyObject* object, int64_t* dim) {
  return integer(object, dim) && *dim >= 0 && *dim < PyArray_NDIM(x);
}

struct Entry {
  const char* name;
  const char* backward_name;
  pynn_scan_op op;
};
constexpr Entry kEntries[] = {{"cumsum", "cumsum.backward", PYNN_SCAN_SUM},
                              {"cumprod", "cumprod.backward", PYNN_SCAN_PROD},
                              {"logcumsumexp", "logcumsumexp.backward", PYNN_SCAN_LOGSUMEXP}};

PyObject* none_or_error() { return PyErr_Occurred() ? nullptr : not_mine(); }

PyObject* scan_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 2 ? dense(args[0], -1) : nullptr;
  if (!x) return none_or_error();
  int64_t dim;
  PyArrayObject* out = nullptr;
  pynn_status status = PYNN_UNSUPPORTED;
  if (has_dim(x, args[1], &dim) && (out = new_like(x))) {
    const pynn_array in = describe(x);
    pynn_array result = describe(out);
    status =
        run(PyArray_SIZE(x), [&] { return pynn_scan(code_of<Entry>(self)->op, 0, &in, int(dim), &result); });
  }
  Py_DECREF(x);
  return PyErr_Occurred() ? nullptr : finish(status, reinterpret_cast<PyObject*>(out));
}

// (g, (out, x), (dim,), needs), of which cumsum reads neither and cumprod no out
PyObject* scan_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !PyTuple_Check(args[1]) || !has_items(args[2], 1)) return not_mine();
  const pynn_scan_op op = code_of<Entry>(self)->op;
  PyArrayObject* g = dense(args[0], -1);
  if (!g) return none_or_error();
  PyArrayObject *x = nullptr, *out = nullptr, *dx = nullptr;
  int64_t dim;
  pynn_status status = PYNN_UNSUPPORTED;
  bool ok = has_dim(g, PyTuple_GET_ITEM(args[2], 0), &dim);
  if (ok && op != PYNN_SCAN_SUM)
    ok = has_items(args[1], 2) && (x = dense(PyTuple_GET_ITEM(args[1], 1), PyArray_TYPE(g)));
  if (ok && op == PYNN_SCAN_LOGSUMEXP)
    ok = (out = dense(PyTuple_GET_ITEM(args[1], 0), PyArray_TYPE(g))) != nullptr;
  if (ok && (dx = new_like(g))) {
    const pynn_array grad = describe(g);
    pynn_array input, output, result = describe(dx);
    if (x) input = describe(x);
    if (out) output = describe(out);
    status = run(PyArray_SIZE(g), [&] {
      return pynn_scan_backward(op, x ? &input : nullptr, out ? &output : nullptr, &grad, int(dim), &result);
    });
  }
  Py_XDECREF(x);
  Py_XDECREF(out);
  Py_DECREF(g);
  return PyErr_Occurred() ? nullptr : finish(status, reinterpret_cast<PyObject*>(dx));
}

struct ExtremeEntry {
  const char* name;
  int smallest;
};
constexpr ExtremeEntry kExtremes[] = {{"cummax", 0}, {"cummin", 1}};

PyObject* extreme_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 2 ? dense(args[0], -1) : nullptr;
  if (!x) return none_or_error();
  int64_t dim;
  PyObject* both = nullptr;
  PyArrayObject* values = nullptr;
  PyArrayObject* places = nullptr;
  pynn_status status = PYNN_UNSUPPORTED;
  if (has_dim(x, args[1], &dim) && (values = new_like(x)) &&
      (places = new_array(PyArray_NDIM(x), PyArray_DIMS(x), NPY_INT64))) {
    const pynn_array in = describe(x);
    pynn_array result = describe(values);
    status = run(PyArray_SIZE(x), [&] {
      return pynn_scan_extreme(code_of<ExtremeEntry>(self)->smallest, &in, int(dim), &result,
                               static_cast<int64_t*>(PyArray_DATA(places)));
    });
    both = PyTuple_Pack(2, values, places);
  }
  Py_DECREF(x);
  Py_XDECREF(values);
  Py_XDECREF(places);
  return PyErr_Occurred() ? nullptr : finish(status, both);
}

}  // namespace

bool register_scan(PyObject* kernels) {
  bool ok = true;
  for (const Entry& entry : kEntries) {
    ok = ok && add_kernel(kernels, entry.name, scan_kernel, &entry) &&
         add_kernel(kernels, entry.backward_name, scan_backward_kernel, &entry);
  }
  for (const ExtremeEntry& entry : kExtremes)
    ok = ok && add_kernel(kernels, entry.name, extreme_kernel, &entry);
  return ok;
}

}  // namespace pynn::python
