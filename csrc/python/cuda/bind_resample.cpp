// resample(x, mode, size, factors or None, align_corners) over the last len(size) dimensions, and its adjoint
// resample_input(g, mode, size of x, factors or None, align_corners).
#include "arrays.h"
#include "kernels/resample/cuda.h"

namespace pynn::cuda {
namespace {

constexpr const char* kModes[] = {"nearest", "nearest-exact", "linear", "cubic"};
constexpr int64_t kMost = int64_t(1) << 31;

struct Sizes {
  int dims;
  int64_t shape[PYNN_MAX_DIMS];  // x's with its last sizes replaced
};

// (mode, size, factors, align_corners); of `how` all but the sizes.
bool read(const Array& x, PyObject* const* attrs, PyObject* size, ResampleShape* how, Sizes* out) {
  if (!is_float(x.dtype) || !PyTuple_Check(size) || !PyUnicode_Check(attrs[0]) || !PyBool_Check(attrs[3])) return false;
  const int dims = out->dims = int(PyTuple_GET_SIZE(size));
  int64_t sizes[3];
  if (dims < 1 || dims > 3 || x.ndim < dims || !integers(size, dims, sizes)) return false;
  int mode = -1;
  for (int i = 0; i < 4; ++i) {
    if (PyUnicode_CompareWithASCIIString(attrs[0], kModes[i]) == 0) mode = i;
  }
  if (mode < 0) return false;
  how->mode = pynn_resample_mode(mode);
  how->align_corners = attrs[3] == Py_True;
  const bool scaled = attrs[2] != Py_None;
  if (scaled && (!PyTuple_Check(attrs[2]) || PyTuple_GET_SIZE(attrs[2]) != dims)) return false;
  for (int d = 0; d < 3; ++d) {
    const int own = d - (3 - dims);
    double factor = 0;
    if (own >= 0 && scaled && (!number(PyTuple_GET_ITEM(attrs[2], own), &factor) || !(factor > 0))) return false;
    how->scale[d] = own >= 0 && scaled ? 1.0 / factor : 0.0;
  }
  for (int i = 0; i < x.ndim; ++i) {
    const int own = i - (x.ndim - dims);
    out->shape[i] = own < 0 ? x.shape[i] : sizes[own];
    if (own >= 0 && (out->shape[i] < 1 || out->shape[i] >= kMost || x.shape[i] < 1 || x.shape[i] >= kMost)) return false;
  }
  return true;
}

// x becomes `shape`, or, backward, is a gradient of what became x's.
PyObject* made(const Call& call, const Array& given, ResampleShape how, const Sizes& to, bool backward) {
  how.planes = 1;
  for (int i = 0; i < given.ndim - to.dims; ++i) how.planes *= given.shape[i];
  for (int d = 0; d < 3; ++d) {
    const int own = given.ndim - to.dims + d - (3 - to.dims);
    const bool there = d >= 3 - to.dims;
    const int64_t from = there ? given.shape[own] : 1, into = there ? to.shape[own] : 1;
    how.in[d] = backward ? into : from;
    how.out[d] = backward ? from : into;
  }
  Array x, out;
  Workspace room;
  cudaStream_t stream;
  if (!current_stream(&stream) || !x.make_dense(given, stream) || !out.make(x.ndim, to.shape, x.dtype) ||
      !room.make(resample_bytes(how))) {
    return nullptr;
  }
  const Status status = dispatch_float(x.dtype, [&](auto tag) {
    typedef typename decltype(tag)::Type T;
    return backward ? resample_backward<T>(how, x.pointer<T>(), out.pointer<T>(), room.data(), stream)
                    : resample<T>(how, x.pointer<T>(), out.pointer<T>(), room.data(), stream);
  });
  return finish(status, call, out.release());
}

template <bool kBackward>
PyObject* resample_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array x;
  ResampleShape how;
  Sizes to;
  if (count != 5 || !x.read(args[0]) || !read(x, args + 1, args[2], &how, &to)) return not_mine();
  return made({self, args, count}, x, how, to, kBackward);
}

// (g, (None, Like of x), (mode, size, factors, align_corners), needs)
PyObject* resample_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 2) || !has_items(args[2], 4)) return not_mine();
  PyObject* attrs[4];
  for (int i = 0; i < 4; ++i) attrs[i] = PyTuple_GET_ITEM(args[2], i);
  Array g;
  ResampleShape how;
  Sizes to;
  int ndim;
  int64_t wanted[PYNN_MAX_DIMS];
  if (!g.read(args[0]) || !shape_of(PyTuple_GET_ITEM(args[1], 1), &ndim, wanted) ||
      !read(g, attrs, attrs[1], &how, &to) || ndim != g.ndim) {
    return not_mine();
  }
  for (int i = 0; i < ndim; ++i) {
    if (wanted[i] >= kMost || (i < ndim - to.dims && wanted[i] != g.shape[i])) return not_mine();
    to.shape[i] = wanted[i];
  }
  return made({self, args, count}, g, how, to, true);
}

}  // namespace

bool register_resample(PyObject* kernels) {
  return add_kernel(kernels, "resample", resample_kernel<false>) &&
         add_kernel(kernels, "resample_input", resample_kernel<true>) &&
         add_kernel(kernels, "resample.backward", resample_backward_kernel);
}

}  // namespace pynn::cuda
