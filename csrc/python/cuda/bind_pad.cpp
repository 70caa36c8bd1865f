// pad (x, pads, value), pad_edges (x, pads, mode) and pad_edges_input (g, pads, mode).
#include "../pad_args.h"
#include "arrays.h"
#include "kernels/pad/cuda.h"

namespace pynn::cuda {
namespace {

// Whether a dimension of n elements can be padded so.
bool fits(pynn_pad_mode mode, int64_t n, int64_t before, int64_t after) {
  constexpr int64_t kFar = int64_t(1) << 40;
  const int64_t most = mode == PYNN_PAD_REFLECT ? n - 1 : mode == PYNN_PAD_CIRCULAR ? n : kFar;
  const bool needs_edge = mode != PYNN_PAD_CONSTANT && n == 0 && (before > 0 || after > 0);
  return n + before + after >= 0 && before >= -n && after >= -n && before <= most && after <= most && !needs_edge;
}

PyObject* padded(const Call& call, const Array& x, PadShape* s, const void* value) {
  int64_t shape[PYNN_MAX_DIMS];
  s->ndim = x.ndim;
  for (int d = 0; d < x.ndim; ++d) {
    if (!fits(s->mode, x.shape[d], s->before[d], s->after[d]) || x.strides[d] % x.item() != 0) return not_mine();
    s->in[d] = x.shape[d];
    s->step[d] = x.strides[d] / x.item();
    shape[d] = x.shape[d] + s->before[d] + s->after[d];
  }
  Array out;
  cudaStream_t stream;
  if (!current_stream(&stream) || !out.make(x.ndim, shape, x.dtype)) return nullptr;
  return finish(pad(*s, x.item(), value, x.data, out.data, stream), call, out.release());
}

// sign: of the amounts. value: null for zero.
PyObject* pad_constant(const Call& call, PyObject* object, PyObject* pads, PyObject* value, int sign) {
  Array x;
  PadShape s;
  alignas(8) char bytes[8];
  s.mode = PYNN_PAD_CONSTANT;
  if (!x.read(object) || !python::read_amounts(pads, x.ndim, s.before, s.after) || (value && !python::read_element(value, x.dtype, bytes))) return not_mine();
  for (int d = 0; d < x.ndim; ++d) {
    s.before[d] *= sign;
    s.after[d] *= sign;
  }
  return padded(call, x, &s, value ? bytes : nullptr);
}

PyObject* pad_edges(const Call& call, PyObject* object, PyObject* pads, PyObject* name) {
  Array x;
  PadShape s;
  if (!x.read(object) || !python::read_amounts(pads, x.ndim, s.before, s.after) || !python::read_edge_mode(name, &s.mode)) return not_mine();
  return padded(call, x, &s, nullptr);
}

PyObject* pad_edges_input(const Call& call, PyObject* object, PyObject* pads, PyObject* name) {
  Array g, dy, dx;
  PadShape s;
  if (!g.read(object) || !is_float(g.dtype) || !python::read_amounts(pads, g.ndim, s.before, s.after) || !python::read_edge_mode(name, &s.mode)) {
    return not_mine();
  }
  s.ndim = g.ndim;
  for (int d = 0; d < g.ndim; ++d) {
    s.in[d] = g.shape[d] - s.before[d] - s.after[d];
    if (s.in[d] < 0 || !fits(s.mode, s.in[d], s.before[d], s.after[d])) return not_mine();
  }
  cudaStream_t stream;
  if (!current_stream(&stream) || !dy.make_dense(g, stream) || !dx.make(g.ndim, s.in, g.dtype)) return nullptr;
  const Status status = dispatch_float(g.dtype, [&](auto tag) {
    typedef typename decltype(tag)::Type T;
    return pad_backward<T>(s, dy.pointer<T>(), dx.pointer<T>(), stream);
  });
  return finish(status, call, dx.release());
}

PyObject* pad_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return count == 3 ? pad_constant({self, args, count}, args[0], args[1], args[2], 1) : not_mine();
}
PyObject* pad_edges_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return count == 3 ? pad_edges({self, args, count}, args[0], args[1], args[2]) : not_mine();
}
PyObject* pad_edges_input_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return count == 3 ? pad_edges_input({self, args, count}, args[0], args[1], args[2]) : not_mine();
}

// (g, saved, (pads, value or mode), needs)
PyObject* pad_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[2], 2)) return not_mine();
  return pad_constant({self, args, count}, args[0], PyTuple_GET_ITEM(args[2], 0), nullptr, -1);
}
PyObject* pad_edges_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[2], 2)) return not_mine();
  return pad_edges_input({self, args, count}, args[0], PyTuple_GET_ITEM(args[2], 0), PyTuple_GET_ITEM(args[2], 1));
}
PyObject* pad_edges_input_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[2], 2)) return not_mine();
  return pad_edges({self, args, count}, args[0], PyTuple_GET_ITEM(args[2], 0), PyTuple_GET_ITEM(args[2], 1));
}

}  // namespace

bool register_pad(PyObject* kernels) {
  return add_kernel(kernels, "pad", pad_kernel) && add_kernel(kernels, "pad.backward", pad_backward_kernel) &&
         add_kernel(kernels, "pad_edges", pad_edges_kernel) &&
         add_kernel(kernels, "pad_edges.backward", pad_edges_backward_kernel) &&
         add_kernel(kernels, "pad_edges_input", pad_edges_input_kernel) &&
         add_kernel(kernels, "pad_edges_input.backward", pad_edges_input_backward_kernel);
}

}  // namespace pynn::cuda
