// Matrix products: "matmul", "linear" (bias and ReLU fused) and their gradients.
#include "pointwise.h"
#include "products.h"

namespace pynn::cuda {
namespace {

// A matrix, or a stack of them, inside an array; steps in elements.
struct Matrix {
  const void* data;
  int dims = 0;  // of the stack
  int64_t size[PYNN_MAX_DIMS], step[PYNN_MAX_DIMS];
  int64_t rows, columns, row, column;

  // False for steps that are no whole elements. `vector`: what an array of one dimension is, a row or a
  // column.
  enum class Vector { row, column };
  bool read(const Array& x, Vector vector = Vector::row) {
    const int64_t item = int64_t(size_of(x.dtype));
    if (reinterpret_cast<uintptr_t>(x.data) % size_t(item) != 0 || x.ndim < 1) return false;
    for (int i = 0; i < x.ndim; ++i) {
      if (x.strides[i] % item != 0) return false;
    }
    data = x.data;
    const int last = x.ndim - 1;
    columns = x.shape[last], column = x.strides[last] / item;
    rows = 1, row = 0;
    if (last > 0) rows = x.shape[last - 1], row = x.strides[last - 1] / item;
    if (last == 0 && vector == Vector::column) turn();
    dims = last > 1 ? last - 1 : 0;
    for (int i = 0; i < dims; ++i) size[i] = x.shape[i], step[i] = x.strides[i] / item;
    return true;
  }
  void turn() {
    std::swap(rows, columns);
    std::swap(row, column);
  }
  Matrix turned() const {
    Matrix out = *this;
    out.turn();
    return out;
  }
};

bool has_products(int dtype) { return is_float(dtype); }

// out = act(a @ b + bias), `out` dense and of the right size.
PyObject* product(const Call& call, const Matrix& a, const Matrix& b, const Array* bias, pynn_activation act,
                  Array* out) {
  Gemm g = {};
  g.dtype = pynn_dtype(out->dtype);
  g.m = a.rows, g.n = b.columns, g.k = a.columns;
  g.a = a.data, g.a_row = a.row, g.a_col = a.column;
  g.b = b.data, g.b_row = b.row, g.b_col = b.column;
  g.c = out->data;
  g.bias = bias ? bias->data : nullptr;
  g.act = act;
  const int dims = a.dims > b.dims ? a.dims : b.dims;
  if (dims > kBatchDims) return not_mine();
  g.batch.dims = dims;
  for (int d = 0; d < dims; ++d) {
    const int i = d - (dims - a.dims), j = d - (dims - b.dims);
    const int64_t left = i < 0 ? 1 : a.size[i], right = j < 0 ? 1 : b.size[j];
    g.batch.size[d] = left == 1 ? right : left;
    g.batch.a[d] = left == 1 ? 0 : a.step[i];
    g.batch.b[d] = right == 1 ? 0 : b.step[j];
  }
  Workspace workspace;
  cudaStream_t stream;
  if (!float32_products("matmul", out->dtype, &g.float32) || !current_stream(&stream) ||
      !workspace.make(gemm_workspace(g))) {
    return nullptr;
  }
  return finish(gemm(g, workspace.data(), stream), call, out->release());
}

PyObject* matmul_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array a, b;
  if (count != 2 || !a.read(args[0]) || !b.read(args[1]) || !has_products(a.dtype) || b.dtype != a.dtype) {
    return not_mine();
  }
  Matrix left, right;
  if (!left.read(a) || !right.read(b, Matrix::Vector::column) || left.columns != right.rows)
    return not_mine();
  int ndim = 0;
  int64_t shape[PYNN_MAX_DIMS];
  Array stack;  // the leading dimensions alone
  for (const Array* x : {&a, &b}) {
    stack.ndim = x->ndim > 2 ? x->ndim - 2 : 0;
    for (int i = 0; i < stack.ndim; ++i) stack.shape[i] = x->shape[i];
    if (!broadcast(&ndim, shape, stack)) return not_mine();
  }
  if (ndim + 2 > PYNN_MAX_DIMS) return not_mine();
  if (a.ndim > 1) shape[ndim++] = left.rows;
  if (b.ndim > 1) shape[ndim++] = right.columns;
  Array out;
  if (!out.make(ndim, shape, a.dtype)) return nullptr;
  return product({self, args, count}, left, right, nullptr, PYNN_ACT_NONE, &out);
}

// The gradients of two matrices, or of two stacks of them of one shape; what needs summing over a batch is
// another backend's. (g, (None, a for b's gradient, b for a's), (), needs)
PyObject* matmul_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const Call call = {self, args, count};
  Array g, other[2];  // other[i]: what the gradient of input i reads, the other input
  int64_t needs;
  if (count != 4 || !PyTuple_Check(args[1]) || PyTuple_GET_SIZE(args[1]) != 3 ||
      !read_needs(args[3], &needs) || !g.read(args[0]) || !has_products(g.dtype) || g.ndim < 2) {
    return not_mine();
  }
  Matrix grad, known[2];
  if (!grad.read(g)) return not_mine();
  for (int i = 0; i < 2; ++i) {
    if (!(needs >> i & 1)) continue;
    int own_ndim;
    int64_t shape[PYNN_MAX_DIMS];
    if (!other[i].read(PyTuple_GET_ITEM(args[1], 2 - i)) || other[i].dtype != g.dtype ||
        other[i].ndim != g.ndim || !known[i].read(other[i]) ||
        !shape_of(PyTuple_GET_ITEM(args[1], 1 + i), &own_ndim, shape) || own_ndim != g.ndim) {
      return not_mine();
    }
    for (int d = 0; d < g.ndim - 2; ++d) {
      if (other[i].shape[d] != g.shape[d] || shape[d] != g.shape[d]) return not_mine();
    }
  }
  return gradients(2, needs, [&](int i) -> PyObject* {
    int64_t shape[PYNN_MAX_DIMS];
    for (int d = 0; d < g.ndim; ++d) shape[d] = g.shape[d];
    if (i == 0) shape[g.ndim - 1] = known[0].rows;
    if (i == 1) shape[g.ndim - 2] = known[1].columns;
    Array out;
    if (!out.make(g.ndim, shape, g.dtype)) return nullptr;
    return i == 0 ? product(call, grad, known[0].turned(), nullptr, PYNN_ACT_NONE, &out)
                  : product(call, known[1].turned(), grad, nullptr, PYNN_ACT_NONE, &out);
  });
}

// linear(x, weight, bias or None, activation)
PyObject* linear_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array x, weight, bias, dense_bias;
  pynn_activation act;
  if (count != 4 || !x.read(args[0]) || !weight.read(args[1]) || !activation(args[3], &act) ||
      !has_products(x.dtype) || weight.dtype != x.dtype || weight.ndim != 2 || x.ndim < 1 ||
      x.shape[x.ndim - 1] != weight.shape[1]) {
    return not_mine();
  }
  const bool has_bias = args[2] != Py_None;
  if (has_bias &&
      (!bias.read(args[2]) || bias.dtype != x.dtype || bias.ndim != 1 || bias.shape[0] != weight.shape[0])) {
    return not_mine();
  }
  Matrix in, kernel;
  if (!in.read(x) || !kernel.read(weight)) return not_mine();
  int64_t shape[PYNN_MAX_DIMS];
  for (int i = 0; i < x.ndim - 1; ++i) shape[i] = x.shape[i];
  shape[x.ndim - 1] = weight.shape[0];
  Array out;
  cudaStream_t stream;
  if (!current_stream(&stream) || !out.make(x.ndim, shape, x.dtype) ||
      (has_bias && !dense_bias.make_dense(bias, stream))) {
    return nullptr;
  }
  return product({self, args, count}, in, kernel.turned(), has_bias ? &dense_bias : nullptr, act, &out);
}

// The leading dimensions of a dense array folded into one: (..., K) -> (M, K).
Matrix folded(const Array& x) {
  Matrix out;
  out.data = x.data;
  out.columns = x.shape[x.ndim - 1], out.column = 1;
  out.rows = 1, out.row = out.columns;
  for (int i = 0; i + 1 < x.ndim; ++i) out.rows *= x.shape[i];
  return out;
}

PyObject* sum_of_rows(const Call& call, const Matrix& x, int dtype) {
  Array out;
  Workspace workspace;
  cudaStream_t stream;
  if (!out.make(1, &x.columns, dtype)) return nullptr;
  const ColumnSum sum = {pynn_dtype(dtype), x.rows, x.columns, x.data, out.data};
  if (!current_stream(&stream) || !workspace.make(column_sum_workspace(sum))) return nullptr;
  return finish(column_sum(sum, workspace.data(), stream), call, out.release());
}

// (g, (out with relu, x for the weight's gradient, weight for the input's, bias), (activation,), needs)
PyObject* linear_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const Call call = {self, args, count};
  Array g, masked, grad, out, x, dense_x, weight;
  pynn_activation act;
  int64_t needs;
  if (count != 4 || !has_items(args[1], 3) || !has_items(args[2], 1) || !read_needs(args[3], &needs) ||
      !activation(PyTuple_GET_ITEM(args[2], 0), &act) || !g.read(args[0]) || !has_products(g.dtype) ||
      g.ndim < 1) {
    return not_mine();
  }
  const int last = g.ndim - 1;
  const bool relu = act == PYNN_ACT_RELU;
  if ((relu && (!out.read(PyTuple_GET_ITEM(args[1], 0)) || out.dtype != g.dtype || !same_shape(g, out))) ||
      (needs & 2 && (!x.read(PyTuple_GET_ITEM(args[1], 1)) || x.dtype != g.dtype || x.ndim != g.ndim)) ||
      (needs & 1 && (!weight.read(PyTuple_GET_ITEM(args[1], 2)) || weight.dtype != g.dtype ||
                     weight.ndim != 2 || weight.shape[0] != g.shape[last]))) {
    return not_mine();
  }
  PyObject* made = relu ? run_binary(call, PYNN_RELU_BACKWARD, &g, &out, 0, 0, 0) : g.reference();
  if (!made || made == Py_None) return made;
  // `made` lives until the products are on the stream; memory freed there is reused in the stream's order.
  PyObject* grads = nullptr;
  Matrix kernel;
  cudaStream_t stream;
  if (!masked.read(made) || (needs & 1 && !kernel.read(weight))) {
    grads = not_mine();
  } else if (current_stream(&stream) && grad.make_dense(masked, stream) &&
             (!(needs & 2) || dense_x.make_dense(x, stream))) {
    const Matrix rows = folded(grad);
    grads = gradients(3, needs, [&](int i) -> PyObject* {
      if (i == 2) return sum_of_rows(call, rows, g.dtype);
      int64_t shape[PYNN_MAX_DIMS];
      for (int d = 0; d < last; ++d) shape[d] = g.shape[d];
      shape[last] = i == 0 ? weight.shape[1] : 0;
      Array result;
      if (i == 0) {
        return result.make(g.ndim, shape, g.dtype)
                   ? product(call, rows, kernel, nullptr, PYNN_ACT_NONE, &result)
                   : nullptr;
      }
      const int64_t weights[2] = {g.shape[last], x.shape[last]};
      return result.make(2, weights, g.dtype)
                 ? product(call, rows.turned(), folded(dense_x), nullptr, PYNN_ACT_NONE, &result)
                 : nullptr;
    });
  }
  Py_DECREF(made);
  return grads;
}

}  // namespace

bool register_matmul(PyObject* kernels) {
  return add_kernel(kernels, "matmul", matmul_kernel) &&
         add_kernel(kernels, "matmul.backward", matmul_backward_kernel) &&
         add_kernel(kernels, "linear", linear_kernel) &&
         add_kernel(kernels, "linear.backward", linear_backward_kernel);
}

}  // namespace pynn::cuda
