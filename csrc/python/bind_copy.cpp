// Copies: clone(x) and flip(x, dims) to row-major memory, lay_out(x, order) to memory of another order, assign_(x, y) to x's;
// cat(inputs, dim) and stack(inputs, dim); a slice's gradient among zeros.
#include <algorithm>
#include <deque>
#include <vector>

#include "bindings.h"
#include "operands.h"

namespace pynn::python {
namespace {

bool takes(PyArrayObject* x) {
  return x && plain_type(x) >= 0 && dtype_of(PyArray_TYPE(x)) >= 0 && PyArray_NDIM(x) <= PYNN_MAX_DIMS;
}

PyObject* clone_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 1 ? as_array(args[0]) : nullptr;
  if (!takes(x)) return not_mine();
  return reinterpret_cast<PyObject*>(row_major_copy(x));
}

// x over new memory in which its dimensions, in that order, lie from the outermost to the innermost.
PyObject* lay_out_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 2 ? as_array(args[0]) : nullptr;
  if (!takes(x) || !PyTuple_Check(args[1]) || PyTuple_GET_SIZE(args[1]) != PyArray_NDIM(x)) return not_mine();
  const int ndim = PyArray_NDIM(x);
  npy_intp sizes[PYNN_MAX_DIMS], back[PYNN_MAX_DIMS];
  int64_t strides[PYNN_MAX_DIMS];
  bool seen[PYNN_MAX_DIMS] = {};
  pynn_array from = describe(x);
  for (int i = 0; i < ndim; ++i) {
    int64_t dim;
    if (!integer(PyTuple_GET_ITEM(args[1], i), &dim) || dim < 0 || dim >= ndim || seen[dim]) {
      return not_mine();
    }
    seen[dim] = true;
    sizes[i] = PyArray_DIM(x, int(dim));
    strides[i] = from.strides[dim];
    back[dim] = i;
  }
  PyArrayObject* copy = new_array(ndim, sizes, PyArray_TYPE(x));
  if (!copy) return nullptr;
  from.shape = reinterpret_cast<const int64_t*>(sizes);
  from.strides = strides;
  pynn_array to = describe(copy);
  PyObject* done =
      finish(run(PyArray_SIZE(x), [&] { return pynn_copy(&from, &to); }), reinterpret_cast<PyObject*>(copy));
  if (!done || done == Py_None) return done;
  PyArray_Dims axes = {back, ndim};
  PyObject* out = PyArray_Transpose(copy, &axes);
  Py_DECREF(done);
  return out;
}

// The same array read backwards along dims, a tuple of distinct dimensions.
PyObject* flip_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 2 ? as_array(args[0]) : nullptr;
  if (!takes(x) || !PyTuple_Check(args[1]) || PyArray_SIZE(x) == 0) return not_mine();
  int64_t strides[PYNN_MAX_DIMS];
  bool flipped[PYNN_MAX_DIMS] = {};
  pynn_array from = describe(x);
  for (int i = 0; i < from.ndim; ++i) strides[i] = from.strides[i];
  from.strides = strides;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args[1]); ++i) {
    int64_t dim;
    if (!integer(PyTuple_GET_ITEM(args[1], i), &dim) || dim < 0 || dim >= from.ndim || flipped[dim]) return not_mine();
    flipped[dim] = true;
    from.data = static_cast<char*>(from.data) + (from.shape[dim] - 1) * strides[dim];
    strides[dim] = -strides[dim];
  }
  PyArrayObject* out = new_like(x);
  if (!out) return nullptr;
  pynn_array to = describe(out);
  return finish(run(PyArray_SIZE(x), [&] { return pynn_copy(&from, &to); }), reinterpret_cast<PyObject*>(out));
}

// y, of x's dtype, written to x; its strides of stretched dimensions are 0.
PyObject* assign_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject *x = count == 2 ? as_array(args[0]) : nullptr, *y = count == 2 ? as_array(args[1]) : nullptr;
  if (!takes(x) || !takes(y) || PyArray_TYPE(x) != PyArray_TYPE(y) || !PyArray_IS_C_CONTIGUOUS(x) ||
      !PyArray_ISWRITEABLE(x) || PyArray_NDIM(y) > PyArray_NDIM(x) || may_overlap(x, y)) {
    return not_mine();
  }
  const int lead = PyArray_NDIM(x) - PyArray_NDIM(y);
  int64_t strides[PYNN_MAX_DIMS] = {};
  for (int i = 0; i < PyArray_NDIM(y); ++i) {
    const npy_intp n = PyArray_DIM(y, i);
    if (n != 1 && n != PyArray_DIM(x, lead + i)) return not_mine();
    strides[lead + i] = n == 1 ? 0 : int64_t(PyArray_STRIDE(y, i));
  }
  pynn_array to = describe(x), from = to;
  from.data = PyArray_DATA(y);
  from.strides = strides;
  Py_INCREF(args[0]);
  return finish(run(PyArray_SIZE(x), [&] { return pynn_copy(&from, &to); }), args[0]);
}

// Whether memory holds rows, each the elements from dimension dim on, one behind the other: *step, bytes from row to row.
bool has_rows(PyArrayObject* x, int dim, int64_t* step) {
  int64_t dense = int64_t(PyArray_ITEMSIZE(x));
  const int ndim = PyArray_NDIM(x);
  for (int i = ndim - 1; i >= dim; --i) {
    if (PyArray_DIM(x, i) != 1 && PyArray_STRIDE(x, i) != dense) return false;
    dense *= int64_t(PyArray_DIM(x, i));
  }
  *step = dense;
  bool first = true;
  int64_t next = 0;
  for (int i = dim - 1; i >= 0; --i) {
    if (PyArray_DIM(x, i) == 1) continue;
    if (first) {
      *step = int64_t(PyArray_STRIDE(x, i));
    } else if (int64_t(PyArray_STRIDE(x, i)) != next) {
      return false;
    }
    first = false;
    next = int64_t(PyArray_STRIDE(x, i)) * int64_t(PyArray_DIM(x, i));
  }
  return true;
}

// (inputs, dim): arrays of one dtype joined along dim, where their sizes may differ, or stacked along a new one.
template <bool kStack>
PyObject* join_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  int64_t dim;
  if (count != 2 || !PyTuple_Check(args[0]) || !integer(args[1], &dim)) return not_mine();
  const Py_ssize_t parts = PyTuple_GET_SIZE(args[0]);
  PyArrayObject* x = parts > 0 ? as_array(PyTuple_GET_ITEM(args[0], 0)) : nullptr;
  if (!takes(x) || dim < 0 || dim >= PyArray_NDIM(x) + kStack || PyArray_NDIM(x) + kStack > PYNN_MAX_DIMS) return not_mine();
  const int ndim = PyArray_NDIM(x), axis = int(dim), item = int(PyArray_ITEMSIZE(x));
  npy_intp shape[PYNN_MAX_DIMS];
  std::copy(PyArray_DIMS(x), PyArray_DIMS(x) + ndim, shape);
  std::deque<Held> copies;
  std::vector<const void*> data;
  std::vector<int64_t> widths, steps;
  npy_intp along = 0;
  for (Py_ssize_t i = 0; i < parts; ++i) {
    PyArrayObject* part = as_array(PyTuple_GET_ITEM(args[0], i));
    if (!takes(part) || PyArray_TYPE(part) != PyArray_TYPE(x) || PyArray_NDIM(part) != ndim) return not_mine();
    for (int d = 0; d < ndim; ++d) {
      if ((kStack || d != axis) && PyArray_DIM(part, d) != shape[d]) return not_mine();
    }
    int64_t step = 0;
    if (!has_rows(part, axis, &step)) {
      copies.emplace_back(row_major_copy(part));
      part = copies.back().get();
      if (!part) return nullptr;
      has_rows(part, axis, &step);
    }
    along += kStack ? 1 : PyArray_DIM(part, axis);
    data.push_back(PyArray_DATA(part));
    widths.push_back(int64_t(PyArray_MultiplyList(PyArray_DIMS(part) + axis, ndim - axis)) * item);
    steps.push_back(step);
  }
  if (kStack) std::copy_backward(shape + axis, shape + ndim, shape + ndim + 1);
  shape[axis] = along;
  Held out(new_array(ndim + kStack, shape, PyArray_TYPE(x)));
  if (!out) return nullptr;
  const int64_t rows = int64_t(PyArray_MultiplyList(shape, axis));
  const pynn_status status = run(PyArray_SIZE(out.get()), [&] {
    return pynn_join(rows, int64_t(parts), data.data(), widths.data(), steps.data(), PyArray_DATA(out.get()));
  });
  return finish(status, out.release());
}

// (g, (out, x or its likeness), (index,), needs): zeros of x's shape with g at [index].
PyObject* slice_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* g = count == 4 ? as_array(args[0]) : nullptr;
  int ndim;
  npy_intp shape[PYNN_MAX_DIMS];
  if (!takes(g) || !is_float(plain_type(g)) || !has_items(args[1], 2) || !has_items(args[2], 1) ||
      !shape_of(PyTuple_GET_ITEM(args[1], 1), &ndim, shape)) {
    return not_mine();
  }
  Held whole(new_array(ndim, shape, PyArray_TYPE(g)));
  if (!whole) return nullptr;
  pynn_array zeros = describe(whole.get());
  pynn_status status = run(PyArray_SIZE(whole.get()), [&] { return pynn_fill(&zeros, 0); });
  if (status != PYNN_OK) return finish(status, nullptr);
  PyObject* item = PyObject_GetItem(reinterpret_cast<PyObject*>(whole.get()), PyTuple_GET_ITEM(args[2], 0));
  if (!item) return nullptr;
  const Held part(reinterpret_cast<PyArrayObject*>(item));
  PyArrayObject* view = as_array(item);
  if (!view || !PyArray_SAMESHAPE(view, g)) return not_mine();
  if (PyArray_IS_C_CONTIGUOUS(view)) {
    const pynn_array from = describe(g);
    pynn_array to = describe(view);
    status = run(PyArray_SIZE(g), [&] { return pynn_copy(&from, &to); });
    if (status != PYNN_OK) return finish(status, nullptr);
  } else if (PyArray_CopyInto(view, g) < 0) {
    return nullptr;
  }
  return whole.release();
}

}  // namespace

bool register_copy(PyObject* kernels) {
  return add_kernel(kernels, "assign_", assign_kernel) && add_kernel(kernels, "cat", join_kernel<false>) &&
         add_kernel(kernels, "stack", join_kernel<true>) &&
         add_kernel(kernels, "clone", clone_kernel) && add_kernel(kernels, "lay_out", lay_out_kernel) &&
         add_kernel(kernels, "flip", flip_kernel) && add_kernel(kernels, "slice.backward", slice_backward_kernel);
}

}  // namespace pynn::python
