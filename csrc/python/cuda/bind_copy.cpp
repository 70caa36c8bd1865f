// Copies: clone(x) and flip(x, dims) to row-major memory, lay_out(x, order) to memory of another order.
#include "arrays.h"
#include "kernels/copy/cuda.h"

namespace pynn::cuda {
namespace {

PyObject* clone_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array x, out;
  if (count != 1 || !x.read(args[0])) return not_mine();
  cudaStream_t stream;
  if (!current_stream(&stream) || !out.make_like(x)) return nullptr;
  return finish(copy_array(x, out, stream), {self, args, count}, out.release());
}

// x over new memory in which its dimensions, in that order, lie from the outermost to the innermost.
PyObject* lay_out_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array x, out;
  int64_t order[PYNN_MAX_DIMS];
  if (count != 2 || !x.read(args[0]) || !integers(args[1], x.ndim, order)) return not_mine();
  bool seen[PYNN_MAX_DIMS] = {};
  for (int i = 0; i < x.ndim; ++i) {
    if (order[i] < 0 || order[i] >= x.ndim || seen[order[i]]) return not_mine();
    seen[order[i]] = true;
  }
  cudaStream_t stream;
  if (!current_stream(&stream) || !out.make_laid_out(x.ndim, x.shape, x.dtype, order)) return nullptr;
  return finish(copy_array(x, out, stream), {self, args, count}, out.release());
}

// The same array read backwards along dims, a tuple of distinct dimensions.
PyObject* flip_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array x, out;
  if (count != 2 || !x.read(args[0]) || !PyTuple_Check(args[1]) || x.size() == 0) return not_mine();
  bool flipped[PYNN_MAX_DIMS] = {};
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args[1]); ++i) {
    int64_t dim;
    if (!integer(PyTuple_GET_ITEM(args[1], i), &dim) || dim < 0 || dim >= x.ndim || flipped[dim])
      return not_mine();
    flipped[dim] = true;
    x.data += (x.shape[dim] - 1) * x.strides[dim];
    x.strides[dim] = -x.strides[dim];
  }
  cudaStream_t stream;
  if (!current_stream(&stream) || !out.make_like(x)) return nullptr;
  return finish(copy_array(x, out, stream), {self, args, count}, out.release());
}

}  // namespace

bool register_copy(PyObject* kernels) {
  return add_kernel(kernels, "clone", clone_kernel) && add_kernel(kernels, "lay_out", lay_out_kernel) &&
         add_kernel(kernels, "flip", flip_kernel);
}

}  // namespace pynn::cuda
