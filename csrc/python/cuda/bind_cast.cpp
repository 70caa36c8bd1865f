// cast(x, dtype) and its gradient.
#include "arrays.h"
#include "kernels/cast/cuda.h"

namespace pynn::cuda {
namespace {

// x in another dtype, its dimensions in the order that x's lie in.
PyObject* converted(const Call& call, const Array& x, int dtype) {
  const Array* const inputs[] = {&x};
  Array out;
  cudaStream_t stream;
  if (!current_stream(&stream) || !out.make_ordered(x.ndim, x.shape, dtype, inputs, 1)) return nullptr;
  Spread from, to;
  const Operand operands[] = {from.over(x.ndim, x.shape, x), to.over(x.ndim, x.shape, out)};
  return finish(cast(x.ndim, x.shape, operands, stream), call, out.release());
}

PyObject* cast_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array x;
  if (count != 2 || !x.read(args[0])) return not_mine();
  const int dtype = dtype_of(args[1]);
  return dtype < 0 ? not_mine() : converted({self, args, count}, x, dtype);
}

// (g, (None, Like of x), (dtype,), needs)
PyObject* cast_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array g;
  if (count != 4 || !has_items(args[1], 2) || !g.read(args[0])) return not_mine();
  PyObject* type = PyObject_GetAttrString(PyTuple_GET_ITEM(args[1], 1), "dtype");
  if (!type) PyErr_Clear();
  const int dtype = type ? dtype_of(type) : -1;
  Py_XDECREF(type);
  return is_float(dtype) ? converted({self, args, count}, g, dtype) : not_mine();
}

}  // namespace

bool register_cast(PyObject* kernels) {
  return add_kernel(kernels, "cast", cast_kernel) &&
         add_kernel(kernels, "cast.backward", cast_backward_kernel);
}

}  // namespace pynn::cuda
