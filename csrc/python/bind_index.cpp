// Indexing with arrays: embedding(weight, indices, padding_idx, scale_grad_by_freq) and its weight's
// gradient; index((x, *indices), pattern) and index_put((x, value, *indices), pattern, accumulate) where the
// index arrays stand side by side; gather(x, index, dim), scatter(x, index, src, dim), scatter_add; and
// gradients.
#include <cstring>

#include "bindings.h"
#include "index_pattern.h"
#include "operands.h"

namespace pynn::python {
namespace {

bool is_index(PyArrayObject* array) {
  if (!array) return false;
  const int type = plain_type(array);
  return type == NPY_INT64 || type == NPY_INT32;
}

// An index as int64, row-major: itself or a copy.
PyArrayObject* as_index(PyArrayObject* array) {
  if (PyArray_TYPE(array) == NPY_INT64) return row_major(array);
  PyArrayObject* copy = new_array(PyArray_NDIM(array), PyArray_DIMS(array), NPY_INT64);
  if (copy && PyArray_CopyInto(copy, array) < 0) {
    Py_DECREF(copy);
    return nullptr;
  }
  return copy;
}

const int64_t* places(const Held& index) { return static_cast<const int64_t*>(PyArray_DATA(index.get())); }
char* bytes(PyArrayObject* array) { return PyArray_BYTES(array); }

// Elements whose bytes may be moved about: no objects.
bool movable(PyArrayObject* array) {
  return array && plain_type(array) >= 0 && dtype_of(PyArray_TYPE(array)) >= 0;
}

int64_t product(const npy_intp* sizes, int first, int last) {
  int64_t n = 1;
  for (int i = first; i < last; ++i) n *= sizes[i];
  return n;
}

PyObject* none_tuple(Py_ssize_t size) {
  PyObject* tuple = PyTuple_New(size);
  for (Py_ssize_t i = 0; tuple && i < size; ++i) {
    Py_INCREF(Py_None);
    PyTuple_SET_ITEM(tuple, i, Py_None);
  }
  return tuple;
}

// A tuple of `size` with `first` (a new reference, or null or None to be passed on) at its place, else None.
PyObject* grads_with(Py_ssize_t size, Py_ssize_t place, PyObject* grad) {
  if (!grad || grad == Py_None) return grad;
  PyObject* tuple = none_tuple(size);
  if (!tuple) {
    Py_DECREF(grad);
    return nullptr;
  }
  PyTuple_SetItem(tuple, place, grad);
  return tuple;
}

// ---- embedding ----

PyObject* embedding_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject *weight = count == 4 ? as_array(args[0]) : nullptr,
                *indices = count == 4 ? as_array(args[1]) : nullptr;
  if (!movable(weight) || PyArray_NDIM(weight) != 2 || !PyArray_IS_C_CONTIGUOUS(weight) ||
      !is_index(indices) || PyArray_NDIM(indices) >= PYNN_MAX_DIMS) {
    return not_mine();
  }
  const Held index(as_index(indices));
  if (!index) return nullptr;
  const int ndim = PyArray_NDIM(indices);
  npy_intp shape[PYNN_MAX_DIMS];
  for (int i = 0; i < ndim; ++i) shape[i] = PyArray_DIM(indices, i);
  shape[ndim] = PyArray_DIM(weight, 1);
  PyArrayObject* out = new_array(ndim + 1, shape, PyArray_TYPE(weight));
  if (!out) return nullptr;
  const pynn_rows rows = {1, PyArray_DIM(weight, 0), PyArray_SIZE(indices),
                          PyArray_DIM(weight, 1) * PyArray_ITEMSIZE(weight), 0};
  return finish(
      run(PyArray_SIZE(out), [&] { return pynn_take_rows(&rows, bytes(weight), places(index), bytes(out)); }),
      reinterpret_cast<PyObject*>(out));
}

template <class T>
void fill_shares(const int64_t* index, int64_t n, const int64_t* counts, T* shares) {
  for (int64_t j = 0; j < n; ++j) shares[j] = T(1) / T(counts[index[j]]);
}

PyObject* embedding_gradient(PyArrayObject* g, PyArrayObject* indices, int64_t rows_count, int64_t padding,
                             bool by_frequency) {
  if (!g || !is_float(plain_type(g)) || !is_index(indices) || rows_count < 0 ||
      PyArray_NDIM(g) != PyArray_NDIM(indices) + 1 ||
      !PyArray_CompareLists(PyArray_DIMS(g), PyArray_DIMS(indices), PyArray_NDIM(indices))) {
    return not_mine();
  }
  const Held index(as_index(indices)), source(row_major(g));
  if (!index || !source) return nullptr;
  const int type = PyArray_TYPE(g);
  const npy_intp width = PyArray_DIM(g, PyArray_NDIM(g) - 1), n = PyArray_SIZE(indices);
  const npy_intp shape[2] = {rows_count, width};
  Held out(new_array(2, shape, type)), shares;
  if (!out) return nullptr;
  if (by_frequency) {
    const npy_intp total = rows_count;
    const Held counts(new_array(1, &total, NPY_INT64));
    shares.take(new_array(1, &n, type));
    if (!counts || !shares) return nullptr;
    auto* seen = static_cast<int64_t*>(PyArray_DATA(counts.get()));
    for (npy_intp i = 0; i < total; ++i) seen[i] = 0;
    for (npy_intp j = 0; j < n; ++j) {
      if (uint64_t(places(index)[j]) >= uint64_t(total)) return not_mine();
      ++seen[places(index)[j]];
    }
    if (type == NPY_FLOAT32) {
      fill_shares(places(index), n, seen, floats(shares.get()));
    } else {
      fill_shares(places(index), n, seen, static_cast<double*>(PyArray_DATA(shares.get())));
    }
  }
  const pynn_rows rows = {1, rows_count, n, width * PyArray_ITEMSIZE(g), 0};
  const pynn_status status = run(PyArray_SIZE(g) + PyArray_SIZE(out.get()) / 4, [&] {
    return pynn_add_rows(&rows, dtype_of(type), places(index), bytes(source.get()),
                         shares ? bytes(shares.get()) : nullptr, padding, 1, bytes(out.get()));
  });
  return finish(status, out.release());
}

// embedding_weight(g, indices, count, padding_idx, scale_grad_by_freq)
PyObject* embedding_weight_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  int64_t rows, padding;
  if (count != 5 || !integer(args[2], &rows) || !integer(args[3], &padding) || !PyBool_Check(args[4])) {
    return not_mine();
  }
  return embedding_gradient(as_array(args[0]), as_array(args[1]), rows, padding, args[4] == Py_True);
}

// (g, (None, Like of weight, indices), (padding_idx, scale_grad_by_freq), needs)
PyObject* embedding_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 3) || !has_items(args[2], 2)) return not_mine();
  int ndim;
  npy_intp shape[PYNN_MAX_DIMS];
  int64_t padding;
  PyArrayObject* g = as_array(args[0]);
  if (!g || !shape_of(PyTuple_GET_ITEM(args[1], 1), &ndim, shape) || ndim != 2 || PyArray_NDIM(g) < 1 ||
      PyArray_DIM(g, PyArray_NDIM(g) - 1) != shape[1] || !integer(PyTuple_GET_ITEM(args[2], 0), &padding) ||
      !PyBool_Check(PyTuple_GET_ITEM(args[2], 1))) {
    return not_mine();
  }
  return grads_with(2, 0,
                    embedding_gradient(g, as_array(PyTuple_GET_ITEM(args[1], 2)), shape[0], padding,
                                       PyTuple_GET_ITEM(args[2], 1) == Py_True));
}

// ---- index and index_put: a run of dimensions replaced by index arrays that stand side by side ----

struct Selection {
  pynn_rows rows;  // bytes: elements of a row, until an element's size is known
  Held index;
  int ndim;  // of the result
  npy_intp shape[PYNN_MAX_DIMS];
  int64_t elements() const { return rows.outer * rows.indices * rows.bytes; }
};

// Reads index arrays [first, end) of `inputs` against a shape. 1: done, 0: not mine, -1: an exception is set.
int select(int ndim, const npy_intp* sizes, PyObject* inputs, Py_ssize_t first, PyObject* pattern,
           Selection* out) {
  const Py_ssize_t arrays = PyTuple_GET_SIZE(inputs) - first;
  if (arrays < 1) return 0;
  PyArrayObject* lead = as_array(PyTuple_GET_ITEM(inputs, first));
  if (!lead || plain_type(lead) < 0) return 0;
  const bool mask = PyArray_TYPE(lead) == NPY_BOOL;
  if (mask && (arrays != 1 || PyArray_NDIM(lead) == 0)) return 0;
  const int consumed = mask ? PyArray_NDIM(lead) : int(arrays);
  int before;
  if (consumed > ndim || !read_pattern(pattern, ndim, consumed, arrays, &before)) return 0;
  const int index_ndim = mask ? 1 : PyArray_NDIM(lead);
  out->ndim = ndim - consumed + index_ndim;
  if (out->ndim > PYNN_MAX_DIMS) return 0;
  const int64_t count = product(sizes, before, before + consumed);
  npy_intp found = 0;
  if (mask) {
    if (!PyArray_CompareLists(PyArray_DIMS(lead), const_cast<npy_intp*>(sizes) + before, consumed)) return 0;
    const Held dense(row_major(lead));
    if (!dense) return -1;
    const auto* flags = static_cast<const unsigned char*>(PyArray_DATA(dense.get()));
    for (int64_t i = 0; i < count; ++i) found += flags[i] != 0;
    out->index.take(new_array(1, &found, NPY_INT64));
    if (!out->index) return -1;
    int64_t written;
    pynn_nonzero(count, flags, static_cast<int64_t*>(PyArray_DATA(out->index.get())), &written);
  } else if (arrays == 1) {
    if (!is_index(lead)) return 0;
    out->index.take(as_index(lead));
    if (!out->index) return -1;
    found = PyArray_SIZE(lead);
  } else {
    found = PyArray_SIZE(lead);
    out->index.take(new_array(PyArray_NDIM(lead), PyArray_DIMS(lead), NPY_INT64));
    if (!out->index) return -1;
    auto* flat = static_cast<int64_t*>(PyArray_DATA(out->index.get()));
    for (Py_ssize_t k = 0; k < arrays; ++k) {
      PyArrayObject* given = as_array(PyTuple_GET_ITEM(inputs, first + k));
      if (!is_index(given) || !same_shape(given, lead)) return 0;
      const Held index(as_index(given));
      if (!index) return -1;
      const int64_t size = sizes[before + k];
      const int64_t* at = places(index);
      for (npy_intp j = 0; j < found; ++j) {
        const int64_t place = at[j] < 0 ? at[j] + size : at[j];
        if (uint64_t(place) >= uint64_t(size)) return 0;  // the reference says which
        flat[j] = k == 0 ? place : flat[j] * size + place;
      }
    }
  }
  for (int i = 0; i < before; ++i) out->shape[i] = sizes[i];
  for (int i = 0; i < index_ndim; ++i) out->shape[before + i] = mask ? found : PyArray_DIM(lead, i);
  for (int i = before + consumed; i < ndim; ++i) out->shape[i - consumed + index_ndim] = sizes[i];
  out->rows = {product(sizes, 0, before), count, found, product(sizes, before + consumed, ndim),
               !mask && arrays == 1};
  return 1;
}

// x row-major, or null (not mine) where copying all of it would cost more than picking from it as it lies.
PyArrayObject* worth_copying(PyArrayObject* x, int64_t elements) {
  if (!PyArray_IS_C_CONTIGUOUS(x) && elements < PyArray_SIZE(x) / 2) return nullptr;
  return row_major(x);
}

PyObject* taken(PyArrayObject* x, const Selection& selection) {
  const Held in(worth_copying(x, selection.elements()));
  if (!in) return PyErr_Occurred() ? nullptr : not_mine();
  PyArrayObject* out = new_array(selection.ndim, selection.shape, PyArray_TYPE(x));
  if (!out) return nullptr;
  pynn_rows rows = selection.rows;
  rows.bytes *= PyArray_ITEMSIZE(x);
  return finish(
      run(PyArray_SIZE(out),
          [&] { return pynn_take_rows(&rows, bytes(in.get()), places(selection.index), bytes(out)); }),
      reinterpret_cast<PyObject*>(out));
}

// index((x, *indices), pattern)
PyObject* index_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2 || !has_items(args[0], 2)) return not_mine();
  PyArrayObject* x = as_array(PyTuple_GET_ITEM(args[0], 0));
  Selection selection;
  if (!movable(x) || PyArray_NDIM(x) > PYNN_MAX_DIMS) return not_mine();
  const int read = select(PyArray_NDIM(x), PyArray_DIMS(x), args[0], 1, args[1], &selection);
  if (read <= 0) return read < 0 ? nullptr : not_mine();
  return taken(x, selection);
}

// (g, (None, Like of x, *indices), (pattern,), needs)
PyObject* index_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 3) || !has_items(args[2], 1)) return not_mine();
  PyArrayObject* g = as_array(args[0]);
  int ndim;
  npy_intp shape[PYNN_MAX_DIMS];
  Selection selection;
  if (!g || !is_float(plain_type(g)) || !shape_of(PyTuple_GET_ITEM(args[1], 1), &ndim, shape))
    return not_mine();
  const int read = select(ndim, shape, args[1], 2, PyTuple_GET_ITEM(args[2], 0), &selection);
  if (read <= 0) return read < 0 ? nullptr : not_mine();
  if (PyArray_NDIM(g) != selection.ndim ||
      !PyArray_CompareLists(PyArray_DIMS(g), selection.shape, selection.ndim)) {
    return not_mine();
  }
  const Held source(row_major(g));
  PyArrayObject* out = source ? new_array(ndim, shape, PyArray_TYPE(g)) : nullptr;
  if (!out) return nullptr;
  pynn_rows rows = selection.rows;
  rows.bytes *= PyArray_ITEMSIZE(g);
  const pynn_status status = run(PyArray_SIZE(g) + PyArray_SIZE(out) / 4, [&] {
    return pynn_add_rows(&rows, dtype_of(PyArray_TYPE(g)), places(selection.index), bytes(source.get()),
                         nullptr, -1, 1, bytes(out));
  });
  return grads_with(PyTuple_GET_SIZE(args[1]) - 1, 0, finish(status, reinterpret_cast<PyObject*>(out)));
}

// Writes or adds value where the selection says in x, which is row-major.
pynn_status put(PyArrayObject* x, PyArrayObject* value, const Selection& selection, bool accumulate) {
  pynn_rows rows = selection.rows;
  rows.bytes *= PyArray_ITEMSIZE(x);
  return run(selection.elements(), [&] {
    if (!accumulate) return pynn_put_rows(&rows, places(selection.index), bytes(value), 0, bytes(x));
    return pynn_add_rows(&rows, dtype_of(PyArray_TYPE(x)), places(selection.index), bytes(value), nullptr, -1,
                         0, bytes(x));
  });
}

// The value in the selection's shape, row-major; null with no exception set where it does not broadcast to
// it.
PyArrayObject* spread(PyArrayObject* value, const Selection& selection) {
  const int ndim = PyArray_NDIM(value), extra = selection.ndim - ndim;
  if (extra < 0) return nullptr;
  for (int i = 0; i < ndim; ++i) {
    if (PyArray_DIM(value, i) != selection.shape[extra + i] && PyArray_DIM(value, i) != 1) return nullptr;
  }
  if (extra == 0 && PyArray_CompareLists(PyArray_DIMS(value), const_cast<npy_intp*>(selection.shape), ndim)) {
    return row_major(value);
  }
  PyArrayObject* out = new_array(selection.ndim, selection.shape, PyArray_TYPE(value));
  if (out && PyArray_CopyInto(out, value) < 0) {  // broadcasts
    Py_DECREF(out);
    return nullptr;
  }
  return out;
}

bool takes_put(PyObject* inputs, PyObject* accumulate) {
  if (!has_items(inputs, 3) || !PyBool_Check(accumulate)) return false;
  PyArrayObject *x = as_array(PyTuple_GET_ITEM(inputs, 0)), *value = as_array(PyTuple_GET_ITEM(inputs, 1));
  return movable(x) && movable(value) && PyArray_NDIM(x) <= PYNN_MAX_DIMS &&
         PyArray_TYPE(x) == PyArray_TYPE(value) && (accumulate == Py_False || is_float(PyArray_TYPE(x)));
}

// index_put((x, value, *indices), pattern, accumulate), and in place where `self` says so.
template <bool kInplace>
PyObject* index_put_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 3 || !takes_put(args[0], args[2])) return not_mine();
  PyArrayObject* x = as_array(PyTuple_GET_ITEM(args[0], 0));
  PyArrayObject* given = as_array(PyTuple_GET_ITEM(args[0], 1));
  if (kInplace && (!PyArray_IS_C_CONTIGUOUS(x) || !PyArray_ISWRITEABLE(x) || may_overlap(x, given)))
    return not_mine();
  for (Py_ssize_t i = 2; kInplace && i < PyTuple_GET_SIZE(args[0]); ++i) {
    PyArrayObject* index = as_array(PyTuple_GET_ITEM(args[0], i));
    if (!index || may_overlap(x, index)) return not_mine();
  }
  Selection selection;
  const int read = select(PyArray_NDIM(x), PyArray_DIMS(x), args[0], 2, args[1], &selection);
  if (read <= 0) return read < 0 ? nullptr : not_mine();
  const Held value(spread(given, selection));
  if (!value) return PyErr_Occurred() ? nullptr : not_mine();
  Held out;
  if (kInplace) {
    Py_INCREF(x);
    out.take(x);
  } else {
    out.take(new_like(x));
    if (!out || PyArray_CopyInto(out.get(), x) < 0) return nullptr;
  }
  const pynn_status status = put(out.get(), value.get(), selection, args[2] == Py_True);
  return finish(status, out.release());
}

// ---- gather and scatter ----

bool dim_of(PyObject* object, int ndim, int* dim) {
  int64_t given;
  if (!integer(object, &given) || given < 0 || given >= ndim) return false;
  *dim = int(given);
  return true;
}

// Whether an index depends on its place along dim alone: index_add, index_copy and take_along_dim expand
// theirs.
bool is_spread(PyArrayObject* index, int dim) {
  for (int i = 0; i < PyArray_NDIM(index); ++i) {
    if (i != dim && PyArray_DIM(index, i) > 1 && PyArray_STRIDE(index, i) != 0) return false;
  }
  return PyArray_SIZE(index) > 1;
}

// Sizes agree but along dim.
bool same_but(PyArrayObject* a, const npy_intp* shape, int dim) {
  for (int i = 0; i < PyArray_NDIM(a); ++i) {
    if (i != dim && PyArray_DIM(a, i) != shape[i]) return false;
  }
  return true;
}

// Sizes no larger than a shape's, but along dim.
bool within(PyArrayObject* index, const npy_intp* shape, int dim) {
  for (int i = 0; i < PyArray_NDIM(index); ++i) {
    if (i != dim && PyArray_DIM(index, i) > shape[i]) return false;
  }
  return true;
}

// The one index along dim of a spread index as int64; and the rows it selects of an array of that shape.
PyArrayObject* along_of(PyArrayObject* index, int dim) {
  const npy_intp n = PyArray_DIM(index, dim), stride = PyArray_STRIDE(index, dim);
  PyArrayObject* out = new_array(1, &n, NPY_INT64);
  if (!out) return nullptr;
  auto* to = static_cast<int64_t*>(PyArray_DATA(out));
  for (npy_intp i = 0; i < n; ++i)
    to[i] = *reinterpret_cast<const int64_t*>(PyArray_BYTES(index) + i * stride);
  return out;
}

pynn_rows rows_along(const npy_intp* shape, int ndim, int dim, npy_intp indices, int64_t item) {
  return {product(shape, 0, dim), shape[dim], indices, product(shape, dim + 1, ndim) * item, 0};
}

// Only int64, as torch wants it, and not negative.
bool takes_along(PyArrayObject* index, int ndim) {
  return index && plain_type(index) == NPY_INT64 && ndim >= 1 && ndim <= PYNN_MAX_DIMS &&
         PyArray_NDIM(index) == ndim;
}

PyObject* gathered(PyArrayObject* x, PyArrayObject* given, int dim) {
  if (!takes_along(given, PyArray_NDIM(x)) || !within(given, PyArray_DIMS(x), dim)) return not_mine();
  Held out(new_array(PyArray_NDIM(x), PyArray_DIMS(given), PyArray_TYPE(x)));
  if (!out) return nullptr;
  if (is_spread(given, dim) && same_but(given, PyArray_DIMS(x), dim) && PyArray_IS_C_CONTIGUOUS(x)) {
    const Held index(along_of(given, dim));
    if (!index) return nullptr;
    const pynn_rows rows =
        rows_along(PyArray_DIMS(x), PyArray_NDIM(x), dim, PyArray_DIM(given, dim), PyArray_ITEMSIZE(x));
    const pynn_status status = run(PyArray_SIZE(given), [&] {
      return pynn_take_rows(&rows, bytes(x), places(index), bytes(out.get()));
    });
    return finish(status, out.release());
  }
  const Held index(row_major(given));
  if (!index) return nullptr;
  const pynn_array a = describe(x), at = describe(index.get());
  pynn_array y = describe(out.get());
  const pynn_status status = run(PyArray_SIZE(given), [&] { return pynn_gather(&a, dim, &at, 0, &y); });
  return finish(status, out.release());
}

// Writes or adds src at index along dim in out, which is row-major and new.
pynn_status scattered(PyArrayObject* out, PyArrayObject* given, PyArrayObject* src, int dim, bool add,
                      bool* failed) {
  const int ndim = PyArray_NDIM(out);
  if (is_spread(given, dim) && same_but(given, PyArray_DIMS(out), dim) && same_shape(given, src)) {
    const Held index(along_of(given, dim)), source(row_major(src));
    *failed = !index || !source;
    if (*failed) return PYNN_NO_MEMORY;
    const pynn_rows rows =
        rows_along(PyArray_DIMS(out), ndim, dim, PyArray_DIM(given, dim), PyArray_ITEMSIZE(out));
    return run(PyArray_SIZE(given), [&] {
      if (!add) return pynn_put_rows(&rows, places(index), bytes(source.get()), 0, bytes(out));
      return pynn_add_rows(&rows, dtype_of(PyArray_TYPE(out)), places(index), bytes(source.get()), nullptr,
                           -1, 0, bytes(out));
    });
  }
  const Held index(row_major(given));
  *failed = !index;
  if (*failed) return PYNN_NO_MEMORY;
  const pynn_array at = describe(index.get()), source = describe(src);
  pynn_array y = describe(out);
  return run(PyArray_SIZE(given), [&] { return pynn_scatter(&at, dim, 0, &source, add, &y); });
}

// gather(x, index, dim)
PyObject* gather_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 3 ? as_array(args[0]) : nullptr;
  int dim;
  if (!movable(x) || !dim_of(args[2], PyArray_NDIM(x), &dim)) return not_mine();
  return gathered(x, as_array(args[1]), dim);
}

bool fits_source(PyArrayObject* index, PyArrayObject* src) {
  return PyArray_NDIM(src) == PyArray_NDIM(index) && within(index, PyArray_DIMS(src), -1);
}

PyArrayObject* zeros(int ndim, const npy_intp* shape, int type) {
  PyArrayObject* out = new_array(ndim, shape, type);
  if (out) std::memset(PyArray_DATA(out), 0, size_t(PyArray_NBYTES(out)));
  return out;
}

// (g, (None, Like of x, index), (dim,), needs)
PyObject* gather_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 3) || !has_items(args[2], 1)) return not_mine();
  PyArrayObject *g = as_array(args[0]), *index = as_array(PyTuple_GET_ITEM(args[1], 2));
  int ndim, dim;
  npy_intp shape[PYNN_MAX_DIMS];
  if (!g || !is_float(plain_type(g)) || !shape_of(PyTuple_GET_ITEM(args[1], 1), &ndim, shape) ||
      !takes_along(index, ndim) || !same_shape(g, index) ||
      !dim_of(PyTuple_GET_ITEM(args[2], 0), ndim, &dim) || !within(index, shape, dim)) {
    return not_mine();
  }
  Held out(zeros(ndim, shape, PyArray_TYPE(g)));
  if (!out) return nullptr;
  bool failed = false;
  const pynn_status status = scattered(out.get(), index, g, dim, true, &failed);
  if (failed) return nullptr;
  return grads_with(2, 0, finish(status, out.release()));
}

// scatter(x, index, src, dim), scatter_add
template <bool kAdd>
PyObject* scatter_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4) return not_mine();
  PyArrayObject *x = as_array(args[0]), *index = as_array(args[1]), *src = as_array(args[2]);
  int dim;
  if (!movable(x) || !movable(src) || PyArray_TYPE(x) != PyArray_TYPE(src) ||
      (kAdd && !is_float(PyArray_TYPE(x))) || !takes_along(index, PyArray_NDIM(x)) ||
      !dim_of(args[3], PyArray_NDIM(x), &dim) || !fits_source(index, src) ||
      !within(index, PyArray_DIMS(x), dim)) {
    return not_mine();
  }
  Held out(new_like(x));
  if (!out || PyArray_CopyInto(out.get(), x) < 0) return nullptr;
  bool failed = false;
  const pynn_status status = scattered(out.get(), index, src, dim, kAdd, &failed);
  if (failed) return nullptr;
  return finish(status, out.release());
}

// (g, (None, None, index, Like of src), (dim,), needs): x gets g (of scatter but where src went), src what
// went.
template <bool kAdd>
PyObject* scatter_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 4) || !has_items(args[2], 1)) return not_mine();
  PyArrayObject *g = as_array(args[0]), *index = as_array(PyTuple_GET_ITEM(args[1], 2));
  int ndim, dim;
  npy_intp shape[PYNN_MAX_DIMS];
  int64_t needs;
  if (!g || !is_float(plain_type(g)) || !takes_along(index, PyArray_NDIM(g)) ||
      !dim_of(PyTuple_GET_ITEM(args[2], 0), PyArray_NDIM(g), &dim) || !read_needs(args[3], &needs) ||
      !within(index, PyArray_DIMS(g), dim)) {
    return not_mine();
  }
  PyObject *first = nullptr, *third = nullptr;
  if (needs >> 2 & 1) {
    if (!shape_of(PyTuple_GET_ITEM(args[1], 3), &ndim, shape) || ndim != PyArray_NDIM(index) ||
        !PyArray_CompareLists(shape, PyArray_DIMS(index), ndim)) {
      return not_mine();
    }
    third = gathered(g, index, dim);
    if (!third || third == Py_None) return third;
  }
  if (needs & 1 && kAdd) {
    Py_INCREF(g);
    first = reinterpret_cast<PyObject*>(g);
  } else if (needs & 1) {
    Held out(new_like(g)), nothing(zeros(0, nullptr, PyArray_TYPE(g)));
    const Held at(row_major(index));
    if (!out || !nothing || !at || PyArray_CopyInto(out.get(), g) < 0) {
      Py_XDECREF(third);
      return nullptr;
    }
    const pynn_array where = describe(at.get()), value = describe(nothing.get());
    pynn_array y = describe(out.get());
    first = finish(run(PyArray_SIZE(index), [&] { return pynn_scatter(&where, dim, 0, &value, 0, &y); }),
                   out.release());
    if (!first || first == Py_None) {
      Py_XDECREF(third);
      return first;
    }
  }
  PyObject* grads = none_tuple(3);
  if (!grads) {
    Py_XDECREF(first);
    Py_XDECREF(third);
    return nullptr;
  }
  if (first) PyTuple_SetItem(grads, 0, first);
  if (third) PyTuple_SetItem(grads, 2, third);
  return grads;
}

}  // namespace

bool register_index(PyObject* kernels) {
  return add_kernel(kernels, "embedding", embedding_kernel) &&
         add_kernel(kernels, "embedding.backward", embedding_backward_kernel) &&
         add_kernel(kernels, "embedding_weight", embedding_weight_kernel) &&
         add_kernel(kernels, "index", index_kernel) &&
         add_kernel(kernels, "index.backward", index_backward_kernel) &&
         add_kernel(kernels, "index_put", index_put_kernel<false>) &&
         add_kernel(kernels, "index_put_", index_put_kernel<true>) &&
         add_kernel(kernels, "gather", gather_kernel) &&
         add_kernel(kernels, "gather.backward", gather_backward_kernel) &&
         add_kernel(kernels, "scatter", scatter_kernel<false>) &&
         add_kernel(kernels, "scatter.backward", scatter_backward_kernel<false>) &&
         add_kernel(kernels, "scatter_add", scatter_kernel<true>) &&
         add_kernel(kernels, "scatter_add.backward", scatter_backward_kernel<true>);
}

}  // namespace pynn::python
