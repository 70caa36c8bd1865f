// sort(x, dim, descending), topk(x, k, dim, largest), kthvalue(x, k, dim, nan_first): (values, places); and
// the gradient of all that pick elements by place.
#include "bindings.h"

namespace pynn::python {
namespace {

// (values, places) of size `size` along dim, by call(x, values, places).
template <class Call>
PyObject* picked(PyArrayObject* x, int64_t dim, int64_t size, const Call& call) {
  npy_intp shape[PYNN_MAX_DIMS];
  for (int i = 0; i < PyArray_NDIM(x); ++i) shape[i] = i == dim ? size : PyArray_DIM(x, i);
  PyArrayObject* from = row_major(x);
  PyArrayObject* values = from ? new_array(PyArray_NDIM(x), shape, PyArray_TYPE(x)) : nullptr;
  PyArrayObject* places = values ? new_array(PyArray_NDIM(x), shape, NPY_INT64) : nullptr;
  PyObject* both = places ? PyTuple_Pack(2, values, places) : nullptr;
  pynn_status status = PYNN_OK;
  if (both) {
    const pynn_array in = describe(from);
    pynn_array result = describe(values);
    status = run(4 * PyArray_SIZE(x),
                 [&] { return call(&in, &result, static_cast<int64_t*>(PyArray_DATA(places))); });
  }
  Py_XDECREF(from);
  Py_XDECREF(values);
  Py_XDECREF(places);
  return both ? finish(status, both) : nullptr;
}

// An array whose dtype has kernels, of at least one dimension, and one of its dimensions.
PyArrayObject* sortable(PyObject* object, PyObject* dim_object, int64_t* dim) {
  PyArrayObject* x = as_array(object);
  if (!x || PyArray_NDIM(x) > PYNN_MAX_DIMS || !integer(dim_object, dim) || *dim < 0 ||
      *dim >= PyArray_NDIM(x))
    return nullptr;
  const int type = dtype_of(plain_type(x));
  const bool known = type == PYNN_FLOAT32 || type == PYNN_FLOAT64 || type == PYNN_INT32 ||
                     type == PYNN_INT64 || type == PYNN_UINT8 || type == PYNN_BOOL;
  return known ? x : nullptr;
}

PyObject* sort_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  int64_t dim;
  PyArrayObject* x = count == 3 ? sortable(args[0], args[1], &dim) : nullptr;
  if (!x || !PyBool_Check(args[2])) return not_mine();
  return picked(x, dim, PyArray_DIM(x, int(dim)),
                [&](const pynn_array* in, pynn_array* values, int64_t* places) {
                  return pynn_sort(in, int(dim), args[2] == Py_True, values, places);
                });
}

PyObject* topk_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  int64_t dim, k;
  PyArrayObject* x = count == 4 ? sortable(args[0], args[2], &dim) : nullptr;
  if (!x || !integer(args[1], &k) || k < 0 || k > PyArray_DIM(x, int(dim)) || !PyBool_Check(args[3]))
    return not_mine();
  return picked(x, dim, k, [&](const pynn_array* in, pynn_array* values, int64_t* places) {
    return pynn_topk(in, k, int(dim), args[3] == Py_True, values, places);
  });
}

PyObject* select_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  int64_t dim, k;
  PyArrayObject* x = count == 4 ? sortable(args[0], args[2], &dim) : nullptr;
  if (!x || !integer(args[1], &k) || k < 1 || k > PyArray_DIM(x, int(dim)) || !PyBool_Check(args[3]))
    return not_mine();
  return picked(x, dim, 1, [&](const pynn_array* in, pynn_array* values, int64_t* places) {
    return pynn_select(in, k - 1, int(dim), args[3] == Py_True, values, places);
  });
}

struct Picking {
  const char* name;
  int dim;  // the place of the attr that names the dimension
};
constexpr Picking kPicking[] = {{"sort.backward", 0},    {"topk.backward", 1},    {"kthvalue.backward", 1},
                                {"max_dim.backward", 0}, {"min_dim.backward", 0}, {"cummax.backward", 0},
                                {"cummin.backward", 0}};

// ([g of values, g of places], ((None, places), Like of x), attrs, needs)
PyObject* picking_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const int which = code_of<Picking>(self)->dim;
  if (count != 4 || !(PyList_Check(args[0]) || PyTuple_Check(args[0])) ||
      PySequence_Fast_GET_SIZE(args[0]) < 1 || !has_items(args[1], 2) ||
      !has_items(PyTuple_GET_ITEM(args[1], 0), 2) || !has_items(args[2], which + 1)) {
    return not_mine();
  }
  PyArrayObject* grad = as_array(PySequence_Fast_GET_ITEM(args[0], 0));
  PyArrayObject* places = as_array(PyTuple_GET_ITEM(PyTuple_GET_ITEM(args[1], 0), 1));
  int ndim;
  npy_intp shape[PYNN_MAX_DIMS];
  int64_t dim;
  if (!grad || !places || !is_float(plain_type(grad)) || plain_type(places) != NPY_INT64 ||
      !same_shape(grad, places) || !shape_of(PyTuple_GET_ITEM(args[1], 1), &ndim, shape) ||
      !integer(PyTuple_GET_ITEM(args[2], which), &dim) || dim < 0 || dim >= ndim) {
    return not_mine();
  }
  // With or without the dimension that was reduced away.
  const int64_t along = PyArray_NDIM(grad) == ndim ? PyArray_DIM(grad, int(dim)) : 1;
  if (PyArray_NDIM(grad) != ndim && PyArray_NDIM(grad) != ndim - 1) return not_mine();
  int64_t kept[PYNN_MAX_DIMS], elements = 1;
  for (int i = 0; i < ndim; ++i) elements *= kept[i] = i == dim ? along : shape[i];
  if (elements != PyArray_SIZE(grad)) return not_mine();
  PyArrayObject* from = row_major(grad);
  PyArrayObject* at = from ? row_major(places) : nullptr;
  PyArrayObject* dx = at ? new_array(ndim, shape, PyArray_TYPE(grad)) : nullptr;
  pynn_status status = PYNN_OK;
  if (dx) {
    pynn_array in = describe(from), result = describe(dx);
    in.shape = kept;
    in.strides = nullptr;
    in.ndim = ndim;
    status = run(PyArray_SIZE(dx) + elements, [&] {
      return pynn_put_along(&in, static_cast<const int64_t*>(PyArray_DATA(at)), int(dim), &result);
    });
  }
  Py_XDECREF(from);
  Py_XDECREF(at);
  return dx ? finish(status, reinterpret_cast<PyObject*>(dx)) : nullptr;
}

}  // namespace

bool register_sort(PyObject* kernels) {
  bool ok = add_kernel(kernels, "sort", sort_kernel) && add_kernel(kernels, "topk", topk_kernel) &&
            add_kernel(kernels, "kthvalue", select_kernel);
  for (const Picking& entry : kPicking)
    ok = ok && add_kernel(kernels, entry.name, picking_backward_kernel, &entry);
  return ok;
}

}  // namespace pynn::python
