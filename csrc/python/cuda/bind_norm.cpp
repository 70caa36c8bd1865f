// batch_norm(x, weight, bias, eps), batch_norm_fixed(x, mean, var, weight, bias, eps), batch_norm_update,
// layer_norm and rms_norm(x, weight, bias, dims, eps), group_norm(x, weight, bias, groups, eps), and their
// gradients. Arrays laid out as no kernel takes are copied here once, to x's layout.
#include "arrays.h"
#include "kernels/norm/cuda.h"

namespace pynn::cuda {
namespace {

bool has_kernels(const Array& x) { return x.dtype == PYNN_FLOAT32 || x.dtype == PYNN_FLOAT64; }

// An optional vector of `count` elements of a dtype, dense.
class Vector {
 public:
  // False where it is something else; None is no vector and right.
  bool read(PyObject* object, int dtype, int64_t count) {
    if (object == Py_None) return true;
    return given_.read(object) && given_.dtype == dtype && given_.size() == count;
  }
  // False with an exception set.
  bool make(cudaStream_t stream) { return !given_ || dense_.make_dense(given_, stream); }
  const void* data() const { return dense_.data; }
  explicit operator bool() const { return bool(given_); }

 private:
  Array given_, dense_;
};

// Whether (N, C, ...) lies with its channels last, densely and more than one of them.
bool channels_last(const Array& x) {
  if (x.ndim < 3 || x.is_dense() || x.shape[1] < 2) return false;
  int64_t step = int64_t(size_of(x.dtype));
  if (x.strides[1] != step) return false;
  step *= x.shape[1];
  for (int i = x.ndim - 1; i >= 0; --i) {
    if (i == 1) continue;
    if (x.shape[i] > 1 && x.strides[i] != step) return false;
    step *= x.shape[i];
  }
  return true;
}

// Dimensions from the outermost to the innermost in memory.
void order_of(int ndim, bool last, int64_t* order) {
  for (int i = 0; i < ndim; ++i) order[i] = i;
  if (!last) return;
  for (int i = 1; i + 1 < ndim; ++i) order[i] = i + 1;
  order[ndim - 1] = 1;
}

// Arrays of a batch's shape: as they are where they lie as x does, else copied so.
struct Batch {
  Array given;
  Channels shape;
  bool last = false;

  bool read(PyObject* object) {
    if (!given.read(object) || !has_kernels(given) || given.ndim < 2 || given.size() == 0) return false;
    last = channels_last(given);
    shape = {given.dtype, given.shape[0], given.shape[1], 1};
    for (int i = 2; i < given.ndim; ++i) (last ? shape.outer : shape.inner) *= given.shape[i];
    return true;
  }
  bool make_result(Array* out) const {
    int64_t order[PYNN_MAX_DIMS];
    order_of(given.ndim, last, order);
    return out->make_laid_out(given.ndim, given.shape, given.dtype, order);
  }
  // `from`, or a copy of it in x's layout; false with an exception set.
  bool lay(const Array& from, Array* out, cudaStream_t stream) const {
    if (!last) return out->make_dense(from, stream);
    if (channels_last(from)) return out->read(from.object);
    if (!make_result(out)) return false;
    const Status status = copy_array(from, *out, stream);
    if (!status.ok()) PyErr_SetString(PyExc_RuntimeError, status.message().c_str());
    return status.ok();
  }
};

PyObject* batch_norm_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Batch batch;
  Vector weight, bias;
  double eps;
  if (count != 4 || !number(args[3], &eps) || !batch.read(args[0]) ||
      !weight.read(args[1], batch.given.dtype, batch.shape.channels) ||
      !bias.read(args[2], batch.given.dtype, batch.shape.channels)) {
    return not_mine();
  }
  Array x, y, mean, var;
  Workspace workspace;
  cudaStream_t stream;
  const int64_t channels = batch.shape.channels;
  if (!current_stream(&stream) || !batch.lay(batch.given, &x, stream) || !weight.make(stream) ||
      !bias.make(stream) || !batch.make_result(&y) || !mean.make(1, &channels, x.dtype) ||
      !var.make(1, &channels, x.dtype) || !workspace.make(batch_norm_workspace(batch.shape))) {
    return nullptr;
  }
  const Status status = batch_norm(batch.shape, x.data, weight.data(), bias.data(), eps, y.data, mean.data,
                                   var.data, workspace.data(), stream);
  Array* const results[] = {&y, &mean, &var};
  return finish_all(status, {self, args, count}, results, 3);
}

PyObject* batch_norm_fixed_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Batch batch;
  Vector vectors[4];  // mean, var, weight, bias
  double eps;
  if (count != 6 || !number(args[5], &eps) || !batch.read(args[0])) return not_mine();
  for (int i = 0; i < 4; ++i) {
    if (!vectors[i].read(args[i + 1], batch.given.dtype, batch.shape.channels)) return not_mine();
  }
  if (!vectors[0] || !vectors[1]) return not_mine();
  Array x, y;
  cudaStream_t stream;
  if (!current_stream(&stream) || !batch.lay(batch.given, &x, stream) || !batch.make_result(&y))
    return nullptr;
  for (Vector& vector : vectors) {
    if (!vector.make(stream)) return nullptr;
  }
  const Status status = batch_norm_fixed(batch.shape, x.data, vectors[0].data(), vectors[1].data(),
                                         vectors[2].data(), vectors[3].data(), eps, y.data, stream);
  return finish(status, {self, args, count}, y.release());
}

// ((running_mean, running_var, mean, var), momentum, correction)
PyObject* batch_norm_update_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  double momentum, correction;
  Array x[4];
  if (count != 3 || !PyTuple_Check(args[0]) || PyTuple_GET_SIZE(args[0]) != 4 ||
      !number(args[1], &momentum) || !number(args[2], &correction)) {
    return not_mine();
  }
  for (int i = 0; i < 4; ++i) {
    if (!x[i].read(PyTuple_GET_ITEM(args[0], i)) || !has_kernels(x[i]) || x[i].ndim != 1 ||
        !x[i].is_dense() || x[i].dtype != x[0].dtype || x[i].size() != x[0].size()) {
      return not_mine();
    }
  }
  cudaStream_t stream;
  if (!current_stream(&stream)) return nullptr;
  const Status status = batch_norm_update(x[0].dtype, x[0].size(), x[2].data, x[3].data, momentum, correction,
                                          x[0].data, x[1].data, stream);
  Py_INCREF(args[0]);
  return finish(status, {self, args, count}, args[0]);
}

// The gradient of the first output where the others have none: `g` is a list or tuple of all three.
PyObject* only_first(PyObject* g) {
  if ((!PyList_Check(g) && !PyTuple_Check(g)) || PySequence_Fast_GET_SIZE(g) != 3) return nullptr;
  PyObject** all = PySequence_Fast_ITEMS(g);
  return all[1] == Py_None && all[2] == Py_None ? all[0] : nullptr;
}

// x, its statistics and weight, the incoming gradient: what both batch gradients have. `vectors`: mean, var,
// weight.
PyObject* batch_backward(const Call& call, PyObject* g_object, PyObject* x_object, PyObject* const* vectors,
                         double eps, bool given, int64_t needs) {
  Batch batch;
  Array g, x, laid_g, dx, made[4];  // of mean, var, weight, bias
  Vector mean, var, weight;
  if (!batch.read(x_object) || !g.read(g_object) || g.dtype != batch.given.dtype ||
      !same_shape(g, batch.given) || !mean.read(vectors[0], g.dtype, batch.shape.channels) ||
      !var.read(vectors[1], g.dtype, batch.shape.channels) ||
      !weight.read(vectors[2], g.dtype, batch.shape.channels) || !mean || !var) {
    return not_mine();
  }
  Workspace workspace;
  cudaStream_t stream;
  if (!current_stream(&stream) || !batch.lay(batch.given, &x, stream) || !batch.lay(g, &laid_g, stream) ||
      !mean.make(stream) || !var.make(stream) || !weight.make(stream) ||
      (needs & 1 && !batch.make_result(&dx)) || !workspace.make(batch_norm_workspace(batch.shape))) {
    return nullptr;
  }
  for (int i = 0; i < 4; ++i) {
    if (needs >> (i + 1) & 1 && !made[i].make(1, &batch.shape.channels, g.dtype)) return nullptr;
  }
  const NormGradients out = {dx.data, made[2].data, made[3].data, made[0].data, made[1].data};
  const Status status = batch_norm_backward(batch.shape, laid_g.data, x.data, mean.data(), var.data(),
                                            weight.data(), eps, given, out, workspace.data(), stream);
  Array* const all[] = {&dx, &made[0], &made[1], &made[2], &made[3]};
  Array* const own[] = {&dx, &made[2], &made[3]};
  return given ? finish_all(status, call, all, 5) : finish_all(status, call, own, 3);
}

// (g, ((None, mean, var), x, weight, None), (eps,), needs)
PyObject* batch_norm_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  int64_t needs;
  double eps;
  if (count != 4 || !has_items(args[1], 3) || !has_items(PyTuple_GET_ITEM(args[1], 0), 3) ||
      !has_items(args[2], 1) || !only_first(args[0]) || !read_needs(args[3], &needs) ||
      !number(PyTuple_GET_ITEM(args[2], 0), &eps)) {
    return not_mine();
  }
  PyObject* saved = PyTuple_GET_ITEM(args[1], 0);
  PyObject* const vectors[] = {PyTuple_GET_ITEM(saved, 1), PyTuple_GET_ITEM(saved, 2),
                               PyTuple_GET_ITEM(args[1], 2)};
  // x, weight, bias -> x, mean, var, weight, bias
  return batch_backward({self, args, count}, only_first(args[0]), PyTuple_GET_ITEM(args[1], 1), vectors, eps,
                        false, (needs & 1) | (needs & 6) << 2);
}

// (g, (None, x, mean, var, weight, None), (eps,), needs)
PyObject* batch_norm_fixed_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  int64_t needs;
  double eps;
  if (count != 4 || !has_items(args[1], 5) || !has_items(args[2], 1) || !read_needs(args[3], &needs) ||
      !number(PyTuple_GET_ITEM(args[2], 0), &eps)) {
    return not_mine();
  }
  PyObject* const* saved = &PyTuple_GET_ITEM(args[1], 0);
  return batch_backward({self, args, count}, args[0], saved[1], saved + 2, eps, true, needs);
}

// ---- over rows and groups ----

// The rows of layer norm over the last `number` dimensions, or of group norm of `number` groups; false for no
// rows.
bool rows_of(const Array& x, bool grouped, int64_t number, Rows* out) {
  if (!has_kernels(x) || x.ndim < 1 || x.size() == 0 || number < 1) return false;
  if (grouped) {
    if (x.ndim < 2 || x.shape[1] % number != 0) return false;
    const int64_t rows = x.shape[0] * number, columns = x.size() / rows;
    *out = {x.dtype, rows, columns, number, columns / (x.shape[1] / number)};
    return true;
  }
  if (number > x.ndim) return false;
  int64_t columns = 1;
  for (int i = 0; i < number; ++i) columns *= x.shape[x.ndim - 1 - i];
  *out = {x.dtype, x.size() / columns, columns, 1, 1};
  return true;
}

// Shapes of the statistics (of layer norm x's with ones for the last `number` dimensions, of group norm (N,
// groups)) and of the parameters.
int statistics_shape(const Array& x, bool grouped, int64_t number, int64_t* shape) {
  if (grouped) {
    shape[0] = x.shape[0];
    shape[1] = number;
    return 2;
  }
  for (int i = 0; i < x.ndim; ++i) shape[i] = i < x.ndim - number ? x.shape[i] : 1;
  return x.ndim;
}
int parameters_shape(const Array& x, bool grouped, int64_t number, int64_t* shape) {
  if (grouped) {
    shape[0] = x.shape[1];
    return 1;
  }
  for (int i = 0; i < number; ++i) shape[i] = x.shape[x.ndim - int(number) + i];
  return int(number);
}

// Layer norm (x, weight, bias, dims, eps), group norm (x, weight, bias, groups, eps).
PyObject* rows_kernel(const Call& call, bool grouped) {
  Array given, x, y, mean, rstd;
  Vector weight, bias;
  Rows rows;
  int64_t number_of, shape[PYNN_MAX_DIMS];
  double eps;
  PyObject* const* args = call.args;
  if (call.count != 5 || !integer(args[3], &number_of) || !number(args[4], &eps) || !given.read(args[0]) ||
      !rows_of(given, grouped, number_of, &rows) || !weight.read(args[1], given.dtype, rows.channels()) ||
      !bias.read(args[2], given.dtype, rows.channels())) {
    return not_mine();
  }
  const int ndim = statistics_shape(given, grouped, number_of, shape);
  cudaStream_t stream;
  if (!current_stream(&stream) || !x.make_dense(given, stream) || !weight.make(stream) ||
      !bias.make(stream) || !y.make_like(given) || !mean.make(ndim, shape, given.dtype) ||
      !rstd.make(ndim, shape, given.dtype)) {
    return nullptr;
  }
  const Status status =
      row_norm(rows, true, x.data, weight.data(), bias.data(), eps, y.data, mean.data, rstd.data, stream);
  Array* const results[] = {&y, &mean, &rstd};
  return finish_all(status, call, results, 3);
}

// (g, ((None, mean, rstd), x, weight, None), (dims or groups, eps), needs)
PyObject* rows_backward_kernel(const Call& call, bool grouped) {
  PyObject* const* args = call.args;
  Array given_g, given, g, x, dx, dweight, dbias;
  Vector mean, rstd, weight;
  Rows rows;
  int64_t needs, number_of, shape[PYNN_MAX_DIMS];
  if (call.count != 4 || !has_items(args[1], 3) || !has_items(PyTuple_GET_ITEM(args[1], 0), 3) ||
      !has_items(args[2], 2) || !only_first(args[0]) || !read_needs(args[3], &needs) ||
      !integer(PyTuple_GET_ITEM(args[2], 0), &number_of) || !given.read(PyTuple_GET_ITEM(args[1], 1)) ||
      !given_g.read(only_first(args[0])) || !rows_of(given, grouped, number_of, &rows) ||
      given_g.dtype != given.dtype || !same_shape(given_g, given)) {
    return not_mine();
  }
  PyObject* saved = PyTuple_GET_ITEM(args[1], 0);
  if (!mean.read(PyTuple_GET_ITEM(saved, 1), given.dtype, rows.rows) ||
      !rstd.read(PyTuple_GET_ITEM(saved, 2), given.dtype, rows.rows) || !mean || !rstd ||
      !weight.read(PyTuple_GET_ITEM(args[1], 2), given.dtype, rows.channels())) {
    return not_mine();
  }
  const int ndim = parameters_shape(given, grouped, number_of, shape);
  Workspace workspace;
  cudaStream_t stream;
  if (!current_stream(&stream) || !x.make_dense(given, stream) || !g.make_dense(given_g, stream) ||
      !mean.make(stream) || !rstd.make(stream) || !weight.make(stream) ||
      (needs & 1 && !dx.make_like(given)) || (needs & 2 && !dweight.make(ndim, shape, given.dtype)) ||
      (needs & 4 && !dbias.make(ndim, shape, given.dtype)) || !workspace.make(row_norm_workspace(rows))) {
    return nullptr;
  }
  const NormGradients out = {dx.data, dweight.data, dbias.data, nullptr, nullptr};
  const Status status = row_norm_backward(rows, true, g.data, x.data, mean.data(), rstd.data(), weight.data(),
                                          0, out, workspace.data(), stream);
  Array* const grads[] = {&dx, &dweight, &dbias};
  return finish_all(status, call, grads, 3);
}

PyObject* layer_norm_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return rows_kernel({self, args, count}, false);
}
PyObject* group_norm_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return rows_kernel({self, args, count}, true);
}
PyObject* layer_norm_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return rows_backward_kernel({self, args, count}, false);
}
PyObject* group_norm_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return rows_backward_kernel({self, args, count}, true);
}

// (x, weight, dims, eps)
PyObject* rms_norm_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array given, x, y;
  Vector weight;
  Rows rows;
  int64_t dims;
  double eps;
  if (count != 4 || !integer(args[2], &dims) || !number(args[3], &eps) || !given.read(args[0]) ||
      !rows_of(given, false, dims, &rows) || !weight.read(args[1], given.dtype, rows.channels())) {
    return not_mine();
  }
  cudaStream_t stream;
  if (!current_stream(&stream) || !x.make_dense(given, stream) || !weight.make(stream) || !y.make_like(given))
    return nullptr;
  const Status status =
      row_norm(rows, false, x.data, weight.data(), nullptr, eps, y.data, nullptr, nullptr, stream);
  return finish(status, {self, args, count}, y.release());
}

// (g, (None, x, weight), (dims, eps), needs)
PyObject* rms_norm_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array given_g, given, g, x, dx, dweight;
  Vector weight;
  Rows rows;
  int64_t needs, dims, shape[PYNN_MAX_DIMS];
  double eps;
  if (count != 4 || !has_items(args[1], 3) || !has_items(args[2], 2) || !read_needs(args[3], &needs) ||
      !integer(PyTuple_GET_ITEM(args[2], 0), &dims) || !number(PyTuple_GET_ITEM(args[2], 1), &eps) ||
      !given.read(PyTuple_GET_ITEM(args[1], 1)) || !given_g.read(args[0]) ||
      !rows_of(given, false, dims, &rows) || given_g.dtype != given.dtype || !same_shape(given_g, given) ||
      !weight.read(PyTuple_GET_ITEM(args[1], 2), given.dtype, rows.channels())) {
    return not_mine();
  }
  const int ndim = parameters_shape(given, false, dims, shape);
  Workspace workspace;
  cudaStream_t stream;
  if (!current_stream(&stream) || !x.make_dense(given, stream) || !g.make_dense(given_g, stream) ||
      !weight.make(stream) || (needs & 1 && !dx.make_like(given)) ||
      (needs & 2 && !dweight.make(ndim, shape, given.dtype)) || !workspace.make(row_norm_workspace(rows))) {
    return nullptr;
  }
  const NormGradients out = {dx.data, dweight.data, nullptr, nullptr, nullptr};
  const Status status = row_norm_backward(rows, false, g.data, x.data, nullptr, nullptr, weight.data(), eps,
                                          out, workspace.data(), stream);
  Array* const grads[] = {&dx, &dweight};
  return finish_all(status, {self, args, count}, grads, 2);
}

}  // namespace

bool register_norm(PyObject* kernels) {
  return add_kernel(kernels, "batch_norm", batch_norm_kernel) &&
         add_kernel(kernels, "batch_norm.backward", batch_norm_backward_kernel) &&
         add_kernel(kernels, "batch_norm_fixed", batch_norm_fixed_kernel) &&
         add_kernel(kernels, "batch_norm_fixed.backward", batch_norm_fixed_backward_kernel) &&
         add_kernel(kernels, "batch_norm_update", batch_norm_update_kernel) &&
         add_kernel(kernels, "layer_norm", layer_norm_kernel) &&
         add_kernel(kernels, "layer_norm.backward", layer_norm_backward_kernel) &&
         add_kernel(kernels, "rms_norm", rms_norm_kernel) &&
         add_kernel(kernels, "rms_norm.backward", rms_norm_backward_kernel) &&
         add_kernel(kernels, "group_norm", group_norm_kernel) &&
         add_kernel(kernels, "group_norm.backward", group_norm_backward_kernel);
}

}  // namespace pynn::cuda
