// Losses of (x, y, options..., reduction) element by element; cross_entropy and nll_loss(x, classes, weight
// or None, ignore_index, ...); and their gradients.
#include "../loss_tables.h"
#include "arrays.h"
#include "kernels/loss/cuda.h"

namespace pynn::cuda {

using python::Kind;

namespace {

bool read_reduction(PyObject* name, pynn_reduction* out) {
  if (!PyUnicode_Check(name)) return false;
  if (PyUnicode_CompareWithASCIIString(name, "mean") == 0) {
    *out = PYNN_LOSS_MEAN;
  } else if (PyUnicode_CompareWithASCIIString(name, "sum") == 0) {
    *out = PYNN_LOSS_SUM;
  } else if (PyUnicode_CompareWithASCIIString(name, "none") == 0) {
    *out = PYNN_LOSS_NONE;
  } else {
    return false;
  }
  return true;
}

bool read_attrs(const Kind& kind, PyObject* const* attrs, Py_ssize_t count, PairLoss* out) {
  double options[3] = {0, 0, 0};
  if (count != kind.options + 1 || !read_reduction(attrs[count - 1], &out->reduction)) return false;
  for (int i = 0; i < kind.options; ++i) {
    if (!number(attrs[i], &options[i])) return false;
  }
  out->kind = kind.chosen && options[0] != 0 ? kind.otherwise : kind.kind;
  for (int i = 0; i < 2; ++i) out->options[i] = options[i + kind.chosen];
  return true;
}

bool make_result(Array* out, const Array& like, pynn_reduction reduction) {
  return reduction == PYNN_LOSS_NONE ? out->make_like(like) : out->make(0, nullptr, like.dtype);
}

PyObject* loss_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  PairLoss loss;
  Array x, y, dense_x, dense_y, out;
  if (count < 3 || !read_attrs(*code_of<Kind>(self), args + 2, count - 2, &loss) || !x.read(args[0]) ||
      !y.read(args[1]) || !is_float(x.dtype) || y.dtype != x.dtype || !same_shape(x, y) || x.size() == 0) {
    return not_mine();
  }
  cudaStream_t stream;
  if (!current_stream(&stream) || !dense_x.make_dense(x, stream) || !dense_y.make_dense(y, stream) ||
      !make_result(&out, x, loss.reduction)) {
    return nullptr;
  }
  loss.dtype = x.dtype;
  loss.n = x.size();
  loss.x = dense_x.data;
  loss.y = dense_y.data;
  Workspace workspace;
  if (!workspace.make(loss_workspace(loss))) return nullptr;
  return finish(loss_forward(loss, out.data, workspace.data(), stream), {self, args, count}, out.release());
}

// (g, (None, x, y), (options..., reduction), needs)
PyObject* loss_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  PairLoss loss;
  Array g, x, y, dense_g, dense_x, dense_y, dx, dy;
  int64_t needs;
  if (count != 4 || !has_items(args[1], 3) || !has_items(args[2], 1) || !read_needs(args[3], &needs) ||
      !read_attrs(*code_of<Kind>(self), &PyTuple_GET_ITEM(args[2], 0), PyTuple_GET_SIZE(args[2]), &loss) ||
      !g.read(args[0]) || !x.read(PyTuple_GET_ITEM(args[1], 1)) || !y.read(PyTuple_GET_ITEM(args[1], 2)) ||
      !is_float(x.dtype) || y.dtype != x.dtype || g.dtype != x.dtype || !same_shape(x, y) || x.size() == 0 ||
      g.size() != (loss.reduction == PYNN_LOSS_NONE ? x.size() : 1)) {
    return not_mine();
  }
  cudaStream_t stream;
  if (!current_stream(&stream) || !dense_g.make_dense(g, stream) || !dense_x.make_dense(x, stream) ||
      !dense_y.make_dense(y, stream) || (needs & 1 && !dx.make_like(x)) || (needs & 2 && !dy.make_like(x))) {
    return nullptr;
  }
  loss.dtype = x.dtype;
  loss.n = x.size();
  loss.x = dense_x.data;
  loss.y = dense_y.data;
  const Status status = loss_backward(loss, dense_g.data, dx.data, dy.data, stream);
  Array* const grads[] = {&dx, &dy};
  return finish_all(status, {self, args, count}, grads, 2);
}

// ---- over classes ----

// attrs: ignore_index, label_smoothing of a cross-entropy only, reduction
bool read_class_attrs(PyObject* const* attrs, Py_ssize_t count, ClassLoss* out) {
  const int last = out->log_probabilities ? 1 : 2;
  out->smoothing = 0;
  return count == last + 1 && integer(attrs[0], &out->ignore_index) &&
         (out->log_probabilities || number(attrs[1], &out->smoothing)) &&
         read_reduction(attrs[last], &out->reduction);
}

// Sizes of x (N, C, ...) or (C) with its target; false where they do not fit.
bool read_sizes(int ndim, const int64_t* shape, const Array& target, ClassLoss* out) {
  if (ndim < 2 || target.ndim != ndim - 1 || target.dtype != PYNN_INT64 || target.shape[0] != shape[0])
    return false;
  out->samples = shape[0];
  out->classes = shape[1];
  out->inner = 1;
  for (int i = 2; i < ndim; ++i) {
    if (target.shape[i - 1] != shape[i]) return false;
    out->inner *= shape[i];
  }
  return out->samples * out->inner * out->classes > 0;
}

PyObject* class_loss(const Call& call, bool log_probabilities) {
  ClassLoss loss;
  Array x, target, weight, dense_x, dense_target, dense_weight, out;
  PyObject* const* args = call.args;
  loss.log_probabilities = log_probabilities;
  if (call.count < 3 || !read_class_attrs(args + 3, call.count - 3, &loss) || !x.read(args[0]) ||
      !target.read(args[1]) || !is_float(x.dtype) || !read_sizes(x.ndim, x.shape, target, &loss)) {
    return not_mine();
  }
  const bool weighted = args[2] != Py_None;
  if (weighted && (!weight.read(args[2]) || weight.dtype != x.dtype || weight.size() != loss.classes))
    return not_mine();
  cudaStream_t stream;
  if (!current_stream(&stream) || !dense_x.make_dense(x, stream) ||
      !dense_target.make_dense(target, stream) || (weighted && !dense_weight.make_dense(weight, stream)) ||
      !(loss.reduction == PYNN_LOSS_NONE ? out.make(target.ndim, target.shape, x.dtype)
                                         : out.make(0, nullptr, x.dtype))) {
    return nullptr;
  }
  loss.dtype = x.dtype;
  loss.x = dense_x.data;
  loss.target = dense_target.pointer<int64_t>();
  loss.weight = dense_weight.data;
  Workspace workspace;
  if (!workspace.make(class_loss_workspace(loss))) return nullptr;
  return finish(class_loss_forward(loss, out.data, workspace.data(), stream), call, out.release());
}

// (g, (None, x or its Like, target, weight), attrs, needs)
PyObject* class_loss_backward_of(const Call& call, bool log_probabilities) {
  ClassLoss loss;
  Array g, x, target, weight, dense_g, dense_x, dense_target, dense_weight, dx;
  PyObject* const* args = call.args;
  int64_t needs, shape[PYNN_MAX_DIMS];
  int ndim;
  loss.log_probabilities = log_probabilities;
  if (call.count != 4 || !has_items(args[1], 4) || !has_items(args[2], 1) || !read_needs(args[3], &needs) ||
      needs != 1 || !read_class_attrs(&PyTuple_GET_ITEM(args[2], 0), PyTuple_GET_SIZE(args[2]), &loss) ||
      !g.read(args[0]) || !is_float(g.dtype) || !shape_of(PyTuple_GET_ITEM(args[1], 1), &ndim, shape) ||
      !target.read(PyTuple_GET_ITEM(args[1], 2)) || !read_sizes(ndim, shape, target, &loss) ||
      g.size() != (loss.reduction == PYNN_LOSS_NONE ? loss.samples * loss.inner : 1)) {
    return not_mine();
  }
  PyObject* weight_object = PyTuple_GET_ITEM(args[1], 3);
  const bool weighted = weight_object != Py_None;
  if (weighted && (!weight.read(weight_object) || weight.dtype != g.dtype || weight.size() != loss.classes))
    return not_mine();
  if (!log_probabilities && (!x.read(PyTuple_GET_ITEM(args[1], 1)) || x.dtype != g.dtype)) return not_mine();
  cudaStream_t stream;
  if (!current_stream(&stream) || !dense_g.make_dense(g, stream) || (x && !dense_x.make_dense(x, stream)) ||
      !dense_target.make_dense(target, stream) || (weighted && !dense_weight.make_dense(weight, stream)) ||
      !dx.make(ndim, shape, g.dtype)) {
    return nullptr;
  }
  loss.dtype = g.dtype;
  loss.x = dense_x.data;
  loss.target = dense_target.pointer<int64_t>();
  loss.weight = dense_weight.data;
  Workspace workspace;
  if (!workspace.make(class_loss_workspace(loss))) return nullptr;
  const Status status = class_loss_backward(loss, dense_g.data, dx.data, workspace.data(), stream);
  Array none_target, none_weight;
  Array* const grads[] = {&dx, &none_target, &none_weight};
  return finish_all(status, call, grads, 3);
}

PyObject* cross_entropy_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return class_loss({self, args, count}, false);
}
PyObject* nll_loss_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return class_loss({self, args, count}, true);
}
PyObject* cross_entropy_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return class_loss_backward_of({self, args, count}, false);
}
PyObject* nll_loss_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return class_loss_backward_of({self, args, count}, true);
}

}  // namespace

bool register_loss(PyObject* kernels) {
  bool ok = true;
  for (const Kind& entry : python::kKinds) {
    ok = ok && add_kernel(kernels, entry.name, loss_kernel, &entry) &&
         add_kernel(kernels, entry.backward_name, loss_backward_kernel, &entry);
  }
  return ok && add_kernel(kernels, "cross_entropy", cross_entropy_kernel) &&
         add_kernel(kernels, "cross_entropy.backward", cross_entropy_backward_kernel) &&
         add_kernel(kernels, "nll_loss", nll_loss_kernel) &&
         add_kernel(kernels, "nll_loss.backward", nll_loss_backward_kernel);
}

}  // namespace pynn::cuda
