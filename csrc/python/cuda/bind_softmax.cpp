// softmax(x, dim), log_softmax(x, dim), logsumexp(x, (dim,), keepdim) and the gradients of the first two.
#include "arrays.h"
#include "kernels/softmax/cuda.h"

namespace pynn::cuda {
namespace {

struct Rowwise {
  const char* name;
  const char* backward_name;
  pynn_softmax_op op;
};
constexpr Rowwise kRowwise[] = {{"softmax", "softmax.backward", PYNN_SOFTMAX},
                                {"log_softmax", "log_softmax.backward", PYNN_LOG_SOFTMAX}};

// False where x is no float array, or has no such dimension.
bool along(const Array& x, int64_t dim, Along* out) {
  if (!is_float(x.dtype) || dim < 0 || dim >= x.ndim) return false;
  *out = {1, x.shape[dim], 1};
  for (int i = 0; i < x.ndim; ++i) (i < dim ? out->outer : out->inner) *= i == dim ? 1 : x.shape[i];
  return true;
}

PyObject* rowwise_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array x, dense, out;
  int64_t dim;
  Along shape;
  if (count != 2 || !x.read(args[0]) || !integer(args[1], &dim) || !along(x, dim, &shape)) return not_mine();
  cudaStream_t stream;
  if (!current_stream(&stream) || !dense.make_dense(x, stream) || !out.make_like(x)) return nullptr;
  const Status status = softmax(code_of<Rowwise>(self)->op, x.dtype, shape, dense.data, out.data, stream);
  return finish(status, {self, args, count}, out.release());
}

// (g, (y,), (dim,), needs)
PyObject* rowwise_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array g, y, dense_g, dense_y, dx;
  int64_t dim;
  Along shape;
  if (count != 4 || !has_items(args[1], 1) || !has_items(args[2], 1) || !g.read(args[0]) ||
      !y.read(PyTuple_GET_ITEM(args[1], 0)) || !integer(PyTuple_GET_ITEM(args[2], 0), &dim) ||
      !along(y, dim, &shape) || g.dtype != y.dtype || !same_shape(g, y)) {
    return not_mine();
  }
  cudaStream_t stream;
  if (!current_stream(&stream) || !dense_g.make_dense(g, stream) || !dense_y.make_dense(y, stream) ||
      !dx.make_like(y))
    return nullptr;
  const Status status = softmax_backward(code_of<Rowwise>(self)->op, y.dtype, shape, dense_g.data,
                                         dense_y.data, dx.data, stream);
  return finish(status, {self, args, count}, dx.release());
}

PyObject* logsumexp_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array x, dense, out;
  int64_t dim, sizes[PYNN_MAX_DIMS];
  Along shape;
  if (count != 3 || !x.read(args[0]) || !integers(args[1], 1, &dim) || !PyBool_Check(args[2]) ||
      !along(x, dim, &shape) || shape.size == 0) {
    return not_mine();
  }
  int ndim = 0;
  for (int i = 0; i < x.ndim; ++i) {
    if (i != dim) sizes[ndim++] = x.shape[i];
    if (i == dim && args[2] == Py_True) sizes[ndim++] = 1;
  }
  cudaStream_t stream;
  if (!current_stream(&stream) || !dense.make_dense(x, stream) || !out.make(ndim, sizes, x.dtype))
    return nullptr;
  return finish(softmax(PYNN_LOGSUMEXP, x.dtype, shape, dense.data, out.data, stream), {self, args, count},
                out.release());
}

}  // namespace

bool register_softmax(PyObject* kernels) {
  bool ok = true;
  for (const Rowwise& entry : kRowwise) {
    ok = ok && add_kernel(kernels, entry.name, rowwise_kernel, &entry) &&
         add_kernel(kernels, entry.backward_name, rowwise_backward_kernel, &entry);
  }
  return ok && add_kernel(kernels, "logsumexp", logsumexp_kernel);
}

}  // namespace pynn::cuda
