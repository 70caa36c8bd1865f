// resample(x, mode, size, factors or None, align_corners) over the last len(size) dimensions, and its adjoint
// resample_input(g, mode, size of x, factors or None, align_corners).
#include "bindings.h"

namespace pynn::python {
namespace {

constexpr const char* kModes[] = {"nearest", "nearest-exact", "linear", "cubic"};
constexpr int64_t kMost = int64_t(1) << 31;

// (mode, size, factors, align_corners); shape: x's with its last sizes replaced.
bool read(PyArrayObject* x, PyObject* const* attrs, PyObject* size, pynn_resample* how, npy_intp* shape) {
  if (!x || !is_float(plain_type(x)) || !PyTuple_Check(size) || !PyUnicode_Check(attrs[0]) ||
      !PyBool_Check(attrs[3]))
    return false;
  const Py_ssize_t dims = PyTuple_GET_SIZE(size);
  int64_t sizes[3];
  if (dims < 1 || dims > 3 || PyArray_NDIM(x) < dims || PyArray_NDIM(x) > PYNN_MAX_DIMS ||
      !integers(size, int(dims), sizes)) {
    return false;
  }
  how->dims = int32_t(dims);
  how->mode = -1;
  for (int i = 0; i < 4; ++i) {
    if (PyUnicode_CompareWithASCIIString(attrs[0], kModes[i]) == 0) how->mode = i;
  }
  how->align_corners = attrs[3] == Py_True;
  const bool scaled = attrs[2] != Py_None;
  if (scaled && (!PyTuple_Check(attrs[2]) || PyTuple_GET_SIZE(attrs[2]) != dims)) return false;
  for (Py_ssize_t i = 0; i < dims; ++i) {
    double factor = 0;
    if (scaled && (!number(PyTuple_GET_ITEM(attrs[2], i), &factor) || !(factor > 0))) return false;
    how->scale[i] = scaled ? 1.0 / factor : 0.0;
  }
  const int lead = PyArray_NDIM(x) - int(dims);
  for (int i = 0; i < PyArray_NDIM(x); ++i) {
    shape[i] = i < lead ? PyArray_DIM(x, i) : sizes[i - lead];
    if (i >= lead && (shape[i] < 1 || shape[i] >= kMost || PyArray_DIM(x, i) < 1)) return false;
  }
  return how->mode >= 0;
}

PyObject* made(PyArrayObject* x, const pynn_resample& how, const npy_intp* shape, bool backward) {
  PyArrayObject* in = row_major(x);
  PyArrayObject* out = in ? new_array(PyArray_NDIM(x), shape, PyArray_TYPE(x)) : nullptr;
  PyObject* result = nullptr;
  if (out) {
    const pynn_array a = describe(in);
    pynn_array y = describe(out);
    const pynn_status status = run(PyArray_SIZE(x) + PyArray_SIZE(out), [&] {
      return backward ? pynn_resample_backward(&how, &a, &y) : pynn_resample_forward(&how, &a, &y);
    });
    result = finish(status, reinterpret_cast<PyObject*>(out));
  }
  Py_XDECREF(in);
  return result;
}

template <bool kBackward>
PyObject* resample_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  pynn_resample how;
  npy_intp shape[PYNN_MAX_DIMS];
  if (count != 5 || !read(as_array(args[0]), args + 1, args[2], &how, shape)) return not_mine();
  return made(as_array(args[0]), how, shape, kBackward);
}

// (g, (None, Like of x), (mode, size, factors, align_corners), needs)
PyObject* resample_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 2) || !has_items(args[2], 4)) return not_mine();
  PyObject* attrs[4];
  for (int i = 0; i < 4; ++i) attrs[i] = PyTuple_GET_ITEM(args[2], i);
  int ndim;
  npy_intp wanted[PYNN_MAX_DIMS], shape[PYNN_MAX_DIMS];
  pynn_resample how;
  PyArrayObject* g = as_array(args[0]);
  if (!shape_of(PyTuple_GET_ITEM(args[1], 1), &ndim, wanted) || !read(g, attrs, attrs[1], &how, shape) ||
      ndim != PyArray_NDIM(g)) {
    return not_mine();
  }
  for (int i = 0; i < ndim; ++i) {
    if (wanted[i] >= kMost || (i < ndim - how.dims && wanted[i] != PyArray_DIM(g, i))) return not_mine();
  }
  return made(g, how, wanted, true);
}

}  // namespace

bool register_resample(PyObject* kernels) {
  return add_kernel(kernels, "resample", resample_kernel<false>) &&
         add_kernel(kernels, "resample_input", resample_kernel<true>) &&
         add_kernel(kernels, "resample.backward", resample_backward_kernel);
}

}  // namespace pynn::python
