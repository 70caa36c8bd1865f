// scaled_dot_product_attention (q, k, v, mask or None, is_causal, scale, dropout_p, place): (out, lse), and
// its gradient.
#include <initializer_list>

#include "bindings.h"

namespace pynn::python {
namespace {

// An array whose rows are contiguous: x itself, or a copy. A new reference; nullptr with an exception set.
PyArrayObject* with_rows(PyArrayObject* x) {
  const int last = PyArray_NDIM(x) - 1;
  const npy_intp item = PyArray_ITEMSIZE(x);
  bool fine = PyArray_DIM(x, last) <= 1 || PyArray_STRIDE(x, last) == item;
  for (int d = 0; d < last; ++d) fine = fine && (PyArray_DIM(x, d) <= 1 || PyArray_STRIDE(x, d) % item == 0);
  if (!fine) return row_major(x);
  Py_INCREF(x);
  return x;
}

// A new array (shape, columns) whose dimensions lie in memory in the order of like's, so that heads which
// were cut out of a projection by transposing go back without a copy. The rows are contiguous.
PyArrayObject* new_laid_out(PyArrayObject* like, int ndim, const npy_intp* shape) {
  const int type = PyArray_TYPE(like);
  if (PyArray_NDIM(like) != ndim || PyArray_IS_C_CONTIGUOUS(like)) return new_array(ndim, shape, type);
  int order[PYNN_MAX_DIMS];
  npy_intp sizes[PYNN_MAX_DIMS], back[PYNN_MAX_DIMS];
  for (int d = 0; d < ndim; ++d) order[d] = d;
  const auto stride = [&](int d) {
    const npy_intp s = PyArray_STRIDE(like, d);
    return s < 0 ? -s : s;
  };
  for (int i = 1; i + 1 < ndim;
       ++i) {  // by falling stride, stably; dimensions of one element and of no stride stay
    for (int j = i; j > 0 && stride(order[j - 1]) < stride(order[j]) && stride(order[j - 1]) > 0; --j) {
      const int swapped = order[j];
      order[j] = order[j - 1];
      order[j - 1] = swapped;
    }
  }
  for (int d = 0; d < ndim; ++d) {
    sizes[d] = shape[order[d]];
    back[order[d]] = d;
  }
  PyArrayObject* made = new_array(ndim, sizes, type);
  if (!made) return nullptr;
  PyArray_Dims axes = {back, ndim};
  PyObject* out = PyArray_Transpose(made, &axes);
  Py_DECREF(made);
  return reinterpret_cast<PyArrayObject*>(out);
}

bool broadcast(PyArrayObject* x, int ndim, npy_intp* shape) {
  const int extra = ndim - (PyArray_NDIM(x) - 2);
  for (int d = 0; d < PyArray_NDIM(x) - 2; ++d) {
    const npy_intp size = PyArray_DIM(x, d);
    if (size == 1) continue;
    if (shape[extra + d] != 1 && shape[extra + d] != size) return false;
    shape[extra + d] = size;
  }
  return true;
}

// The arguments of both kernels; holds the arrays it describes.
struct Arguments {
  PyArrayObject* held[4] = {};
  pynn_array described[4];
  pynn_attention args = {};
  int ndim = 0;  // of the batch
  npy_intp shape[PYNN_MAX_DIMS];
  int64_t work = 0;

  ~Arguments() {
    for (PyArrayObject* x : held) Py_XDECREF(x);
  }

  // False for arguments that are not the kernels', or with an exception set.
  bool read(PyObject* const* inputs, PyObject* const* attrs) {
    Place place;
    PyArrayObject* given[4];
    int type = -1;
    for (int i = 0; i < 4; ++i) {
      given[i] = as_array(inputs[i]);
      if (!given[i]) {
        if (i == 3 && inputs[i] == Py_None) continue;
        return false;
      }
      const int own = plain_type(given[i]);
      if (i == 0) type = own;
      if (PyArray_NDIM(given[i]) > PYNN_MAX_DIMS || (i < 3 && PyArray_NDIM(given[i]) < 2)) return false;
      if (i < 3 ? !is_float(own) || own != type : own != type && own != NPY_BOOL) return false;
      if (i < 3 && PyArray_NDIM(given[i]) - 2 > ndim) ndim = PyArray_NDIM(given[i]) - 2;
    }
    double p;
    if (!PyBool_Check(attrs[0]) || !number(attrs[1], &args.scale) || !number(attrs[2], &p) ||
        !read_place(attrs[3], &place)) {
      return false;
    }
    args.is_causal = attrs[0] == Py_True;
    args.dropout_p = p;
    args.seed = place.seed;
    args.offset = place.offset;
    for (int d = 0; d < ndim; ++d) shape[d] = 1;
    for (int i = 0; i < 3; ++i) {
      if (!broadcast(given[i], ndim, shape)) return false;
    }
    for (int i = 0; i < 4; ++i) {
      if (!given[i]) continue;
      if (i < 3) {
        held[i] = with_rows(given[i]);
        if (!held[i]) return false;
      } else {
        Py_INCREF(given[i]);
        held[i] = given[i];
      }
      described[i] = describe(held[i]);
    }
    args.q = &described[0];
    args.k = &described[1];
    args.v = &described[2];
    args.mask = held[3] ? &described[3] : nullptr;
    work = rows() * PyArray_DIM(held[1], PyArray_NDIM(held[1]) - 2) * 8;
    for (int d = 0; d < ndim; ++d) work *= shape[d];
    return true;
  }

  npy_intp rows() const { return PyArray_DIM(held[0], PyArray_NDIM(held[0]) - 2); }
  npy_intp columns() const { return PyArray_DIM(held[2], PyArray_NDIM(held[2]) - 1); }
};

PyObject* failed() { return PyErr_Occurred() ? nullptr : not_mine(); }

PyObject* attention_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  Arguments a;
  if (count != 8 || !a.read(args, args + 4)) return failed();
  a.shape[a.ndim] = a.rows();
  PyArrayObject* lse = new_array(a.ndim + 1, a.shape, PyArray_TYPE(a.held[0]));
  if (!lse) return nullptr;
  a.shape[a.ndim + 1] = a.columns();
  PyArrayObject* out = new_laid_out(a.held[0], a.ndim + 2, a.shape);
  PyObject* result = nullptr;
  if (out) {
    pynn_array to = describe(out), sums = describe(lse);
    const pynn_status status = run(a.work, [&] { return pynn_attention_forward(&a.args, &to, &sums); });
    PyObject* both = PyTuple_Pack(2, reinterpret_cast<PyObject*>(out), reinterpret_cast<PyObject*>(lse));
    result = both ? finish(status, both) : nullptr;
  }
  Py_XDECREF(out);
  Py_DECREF(lse);
  return result;
}

// ((g, g_lse), ((out, lse), q, k, v, mask), attrs, needs)
PyObject* attention_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  int64_t needs;
  if (count != 4 || !has_items(args[1], 5) || !has_items(args[2], 4) || !read_needs(args[3], &needs) ||
      needs & 8) {
    return not_mine();
  }
  PyObject* g_item = args[0];
  PyObject* lse_item = Py_None;
  if (PyTuple_Check(g_item) || PyList_Check(g_item)) {
    if (PySequence_Fast_GET_SIZE(args[0]) != 2) return not_mine();
    g_item = PySequence_Fast_GET_ITEM(args[0], 0);
    lse_item = PySequence_Fast_GET_ITEM(args[0], 1);
  }
  PyObject* const outs = PyTuple_GET_ITEM(args[1], 0);
  if (!as_array(g_item) || !has_items(outs, 2)) return not_mine();
  PyArrayObject *out = as_array(PyTuple_GET_ITEM(outs, 0)), *lse = as_array(PyTuple_GET_ITEM(outs, 1));
  PyArrayObject* g_lse = as_array(lse_item);
  if (!out || !lse || (lse_item != Py_None && (!g_lse || !PyArray_IS_C_CONTIGUOUS(g_lse)))) return not_mine();
  PyObject *inputs[4], *attrs[4];
  for (int i = 0; i < 4; ++i) {
    inputs[i] = PyTuple_GET_ITEM(args[1], i + 1);
    attrs[i] = PyTuple_GET_ITEM(args[2], i);
  }
  Arguments a;
  if (!a.read(inputs, attrs)) return failed();
  if (plain_type(as_array(g_item)) != PyArray_TYPE(a.held[0])) return not_mine();
  PyArrayObject* g = with_rows(as_array(g_item));
  if (!g) return nullptr;
  PyArrayObject* made[3] = {};
  PyObject* result = nullptr;
  for (int i = 0; i < 3; ++i) {
    made[i] = new_laid_out(a.held[i], PyArray_NDIM(a.held[i]), PyArray_DIMS(a.held[i]));
    if (!made[i]) break;
  }
  if (made[2]) {
    pynn_array dq = describe(made[0]), dk = describe(made[1]), dv = describe(made[2]);
    const pynn_array o = describe(out), l = describe(lse), grad = describe(g);
    pynn_array gl = {};
    if (g_lse) gl = describe(g_lse);
    const pynn_status status = run(a.work, [&] {
      return pynn_attention_backward(&a.args, &o, &l, &grad, g_lse ? &gl : nullptr, &dq, &dk, &dv);
    });
    PyObject* each[3];
    for (int i = 0; i < 3; ++i) each[i] = needs >> i & 1 ? reinterpret_cast<PyObject*>(made[i]) : Py_None;
    PyObject* grads = PyTuple_Pack(4, each[0], each[1], each[2], Py_None);
    result = grads ? finish(status, grads) : nullptr;
  }
  for (PyArrayObject* x : made) Py_XDECREF(x);
  Py_DECREF(g);
  return result;
}

}  // namespace

bool register_attention(PyObject* kernels) {
  return add_kernel(kernels, "scaled_dot_product_attention", attention_kernel) &&
         add_kernel(kernels, "scaled_dot_product_attention.backward", attention_backward_kernel);
}

}  // namespace pynn::python
