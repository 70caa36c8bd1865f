// Reductions (x, dims, keepdim), places of extreme elements, variances, norms, and their gradients.
#include "../reduction_tables.h"
#include "arrays.h"
#include "kernels/elementwise/cuda.h"
#include "kernels/reduction/cuda.h"

namespace pynn::cuda {
namespace {

// The dimensions that a reduction's attrs name, and the result's shape with and without them.
struct Dims {
  bool reduced[PYNN_MAX_DIMS] = {};
  int64_t out[PYNN_MAX_DIMS];  // the shape that the caller gets
  int ndim = 0;                // of it
  int64_t elements = 1;        // of one result

  bool read(int count, const int64_t* shape, PyObject* dims, PyObject* keepdim) {
    bool keep;
    if (!python::read_dims(dims, keepdim, count, reduced, &keep)) return false;
    shapes(count, shape, keep);
    return true;
  }
  bool read_one(const Array& x, PyObject* dim, PyObject* keepdim) {
    bool keep;
    if (!python::read_dim(dim, keepdim, x.ndim, reduced, &keep)) return false;
    shapes(x.ndim, x.shape, keep);
    return true;
  }
  void shapes(int count, const int64_t* shape, bool keep) {
    for (int i = 0; i < count; ++i) {
      if (reduced[i]) elements *= shape[i];
      if (!reduced[i] || keep) out[ndim++] = reduced[i] ? 1 : shape[i];
    }
  }
  // The result's steps over the input's shape, 0 where reduced; `from`: of an array of the result's shape.
  void spread(int count, const int64_t* from, int64_t* to) const {
    const bool keep = ndim == count;
    for (int i = 0, own = 0; i < count; ++i) {
      to[i] = reduced[i] ? 0 : from[own];
      if (keep || !reduced[i]) ++own;
    }
  }
};

// A launch over x that makes dense results of the reduced shape.
struct Launch {
  int64_t out_strides[PYNN_MAX_DIMS];
  Reduction shape;
  Workspace workspace;
  cudaStream_t stream = nullptr;

  // False where there is no kernel: an exception is set where more than that went wrong.
  bool prepare(const Array& x, const Dims& dims, const Array* second = nullptr,
               const int64_t* second_strides = nullptr) {
    int64_t steps[PYNN_MAX_DIMS], step = 1;
    for (int i = dims.ndim - 1; i >= 0; --i) {
      steps[i] = step;
      step *= dims.out[i];
    }
    dims.spread(x.ndim, steps, out_strides);
    const Reducible reducible = {x.ndim, x.shape, dims.reduced, x.dtype, x.data, x.strides, out_strides};
    return plan(reducible, &shape, second ? second->data : nullptr, second_strides) &&
           workspace.make(workspace_bytes(shape)) && current_stream(&stream);
  }
};

PyObject* unprepared() { return PyErr_Occurred() ? nullptr : not_mine(); }

PyObject* run_reduce(const Call& call, pynn_reduce_op op, const Array& x, const Dims& dims, double p) {
  const int made = python::reduced_dtype(op, x.dtype);
  Launch launch;
  Array out;
  if (made < 0) return not_mine();
  if (!launch.prepare(x, dims)) return unprepared();
  if (!out.make(dims.ndim, dims.out, made)) return nullptr;
  return finish(
      reduce(op, x.dtype, launch.shape, x.data, p, out.data, launch.workspace.data(), launch.stream), call,
      out.release());
}

// (x, dims, keepdim)
PyObject* reduce_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array x;
  Dims dims;
  if (count != 3 || !x.read(args[0]) || !dims.read(x.ndim, x.shape, args[1], args[2])) return not_mine();
  return run_reduce({self, args, count}, code_of<python::Reducing>(self)->op, x, dims, 0);
}

// (x, p, dims, keepdim)
PyObject* norm_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array x;
  Dims dims;
  double p;
  if (count != 4 || !x.read(args[0]) || !number(args[1], &p) || !dims.read(x.ndim, x.shape, args[2], args[3]))
    return not_mine();
  return run_reduce({self, args, count}, PYNN_REDUCE_NORM, x, dims, p);
}

// (x, size): summed to a shape that broadcasts to x's.
PyObject* sum_to_size_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array x;
  if (count != 2 || !x.read(args[0]) || !is_float(x.dtype) || !PyTuple_Check(args[1]) ||
      PyTuple_GET_SIZE(args[1]) > x.ndim) {
    return not_mine();
  }
  Dims dims;
  const int ndim = int(PyTuple_GET_SIZE(args[1])), ahead = x.ndim - ndim;
  int64_t sizes[PYNN_MAX_DIMS];
  if (!integers(args[1], ndim, sizes)) return not_mine();
  for (int i = 0; i < x.ndim; ++i) {
    const int64_t size = i < ahead ? 1 : sizes[i - ahead];
    if (size != 1 && size != x.shape[i]) return not_mine();
    dims.reduced[i] = size == 1;
  }
  dims.shapes(x.ndim, x.shape, true);
  Launch launch;
  Array out;
  if (!launch.prepare(x, dims)) return unprepared();
  if (!out.make(ndim, sizes, x.dtype)) return nullptr;
  return finish(reduce(PYNN_REDUCE_SUM, x.dtype, launch.shape, x.data, 0, out.data, launch.workspace.data(),
                       launch.stream),
                {self, args, count}, out.release());
}

// What a gradient has for an input: the input's shape, and g over it with steps of 0 where it was reduced.
struct Gradient {
  Array g;
  int ndim;
  int64_t shape[PYNN_MAX_DIMS], strides[PYNN_MAX_DIMS];
  Dims dims;

  bool read(PyObject* grad, PyObject* like, PyObject* dims_object, PyObject* keepdim) {
    if (!g.read(grad) || !is_float(g.dtype) || !shape_of(like, &ndim, shape) ||
        !dims.read(ndim, shape, dims_object, keepdim) || g.ndim != dims.ndim) {
      return false;
    }
    for (int i = 0; i < dims.ndim; ++i) {
      if (g.shape[i] != dims.out[i]) return false;
    }
    dims.spread(ndim, g.strides, strides);
    return true;
  }
  static Operand operand(const Array& x, const int64_t* strides) {
    Operand out;
    out.data = x.data;
    out.strides = strides;
    out.dtype = x.dtype;
    return out;
  }
};

struct Averaging {
  const char* name;
  bool mean;
};
constexpr Averaging kAveraging[] = {{"sum.backward", false}, {"mean.backward", true}};

// (g, (None, Like of x), (dims, keepdim), needs): every element gets g, for mean g / count.
PyObject* spread_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Gradient grad;
  if (count != 4 || !has_items(args[1], 2) || !has_items(args[2], 2) ||
      !grad.read(args[0], PyTuple_GET_ITEM(args[1], 1), PyTuple_GET_ITEM(args[2], 0),
                 PyTuple_GET_ITEM(args[2], 1))) {
    return not_mine();
  }
  Array out;
  cudaStream_t stream;
  if (!current_stream(&stream) || !out.make(grad.ndim, grad.shape, grad.g.dtype)) return nullptr;
  const bool mean = code_of<Averaging>(self)->mean;
  const double divisor = mean && grad.dims.elements > 0 ? double(grad.dims.elements) : 1;
  const Operand operands[] = {Gradient::operand(grad.g, grad.strides), Spread::of(divisor, grad.g.dtype),
                              Gradient::operand(out, out.strides)};
  return finish(binary(PYNN_DIV, grad.ndim, grad.shape, operands, 0, 0, stream), {self, args, count},
                out.release());
}

// (g, (out, x), (dims, keepdim), needs) of amax and amin: what equals the extreme shares g.
PyObject* extreme_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Gradient grad;
  Array best, x, share, dx;
  if (count != 4 || !has_items(args[1], 2) || !has_items(args[2], 2) ||
      !grad.read(args[0], PyTuple_GET_ITEM(args[1], 1), PyTuple_GET_ITEM(args[2], 0),
                 PyTuple_GET_ITEM(args[2], 1)) ||
      !best.read(PyTuple_GET_ITEM(args[1], 0)) || !x.read(PyTuple_GET_ITEM(args[1], 1)) ||
      best.dtype != grad.g.dtype || x.dtype != grad.g.dtype || !same_shape(best, grad.g)) {
    return not_mine();
  }
  int64_t best_strides[PYNN_MAX_DIMS], share_strides[PYNN_MAX_DIMS];
  grad.dims.spread(x.ndim, best.strides, best_strides);
  Launch launch;
  if (!launch.prepare(x, grad.dims, &best, best_strides)) return unprepared();
  if (!share.make_like(grad.g) || !dx.make_like(x)) return nullptr;
  Status status = count_equal(x.dtype, launch.shape, x.data, best.data, share.data, launch.workspace.data(),
                              launch.stream);
  if (status.ok()) {
    const Operand operands[] = {Gradient::operand(grad.g, grad.g.strides),
                                Gradient::operand(share, share.strides),
                                Gradient::operand(share, share.strides)};
    status = binary(PYNN_DIV, share.ndim, share.shape, operands, 0, 0, launch.stream);
  }
  if (status.ok()) {
    grad.dims.spread(x.ndim, share.strides, share_strides);
    const Operand operands[] = {Gradient::operand(x, x.strides), Gradient::operand(best, best_strides),
                                Gradient::operand(share, share_strides), Gradient::operand(dx, dx.strides)};
    status = extreme_backward(x.ndim, x.shape, operands, launch.stream);
  }
  return finish(status, {self, args, count}, dx.release());
}

// (g, (out, x), (p, dims, keepdim), needs): the 2-norm's alone.
PyObject* norm_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Gradient grad;
  Array norm, x, scale, dx;
  double p;
  if (count != 4 || !has_items(args[1], 2) || !has_items(args[2], 3) ||
      !number(PyTuple_GET_ITEM(args[2], 0), &p) || p != 2 ||
      !grad.read(args[0], PyTuple_GET_ITEM(args[1], 1), PyTuple_GET_ITEM(args[2], 1),
                 PyTuple_GET_ITEM(args[2], 2)) ||
      !norm.read(PyTuple_GET_ITEM(args[1], 0)) || !x.read(PyTuple_GET_ITEM(args[1], 1)) ||
      norm.dtype != grad.g.dtype || x.dtype != grad.g.dtype || !same_shape(norm, grad.g)) {
    return not_mine();
  }
  cudaStream_t stream;
  if (!current_stream(&stream) || !scale.make_like(grad.g) || !dx.make_like(x)) return nullptr;
  const Operand ratio[] = {Gradient::operand(grad.g, grad.g.strides), Gradient::operand(norm, norm.strides),
                           Gradient::operand(scale, scale.strides)};
  Status status = over_norm(scale.ndim, scale.shape, ratio, stream);
  if (status.ok()) {
    int64_t strides[PYNN_MAX_DIMS];
    grad.dims.spread(x.ndim, scale.strides, strides);
    const Operand operands[] = {Gradient::operand(x, x.strides), Gradient::operand(scale, strides),
                                Gradient::operand(dx, dx.strides)};
    status = binary(PYNN_MUL, x.ndim, x.shape, operands, 0, 0, stream);
  }
  return finish(status, {self, args, count}, dx.release());
}

struct Placing {
  const char* name;
  bool smallest;
  bool values;  // whether the result is (values, places)
};
constexpr Placing kPlacing[] = {
    {"argmax", false, false}, {"argmin", true, false}, {"max_dim", false, true}, {"min_dim", true, true}};

// (x, dim or None, keepdim)
PyObject* place_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array given, x, places, values;
  Dims dims;
  if (count != 3 || !given.read(args[0]) || !is_float(given.dtype) || !dims.read_one(given, args[1], args[2]))
    return not_mine();
  const Placing& entry = *code_of<Placing>(self);
  Launch launch;
  // Places count in row-major order: all dimensions as one must lie so.
  if (!current_stream(&launch.stream) || !x.make_dense(given, launch.stream)) return nullptr;
  if (!launch.prepare(x, dims)) return unprepared();
  if (!places.make(dims.ndim, dims.out, PYNN_INT64) ||
      (entry.values && !values.make(dims.ndim, dims.out, x.dtype)))
    return nullptr;
  const Status status = reduce_place(entry.smallest, x.dtype, launch.shape, x.data, places.pointer<int64_t>(),
                                     values.data, launch.workspace.data(), launch.stream);
  if (!entry.values) return finish(status, {self, args, count}, places.release());
  Array* const both[] = {&values, &places};
  return finish_all(status, {self, args, count}, both, 2);
}

// (x, dims, correction, keepdim)
PyObject* var_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array x, out;
  Dims dims;
  double correction;
  if (count != 4 || !x.read(args[0]) || !is_float(x.dtype) || !number(args[2], &correction) ||
      !dims.read(x.ndim, x.shape, args[1], args[3])) {
    return not_mine();
  }
  Launch launch;
  if (!launch.prepare(x, dims)) return unprepared();
  if (!out.make(dims.ndim, dims.out, x.dtype)) return nullptr;
  return finish(reduce_variance(x.dtype, launch.shape, x.data, correction, out.data, nullptr,
                                launch.workspace.data(), launch.stream),
                {self, args, count}, out.release());
}

// (g, (None, x), (dims, correction, keepdim), needs)
PyObject* var_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Gradient grad;
  Array x, mean, dx;
  double correction;
  if (count != 4 || !has_items(args[1], 2) || !has_items(args[2], 3) ||
      !number(PyTuple_GET_ITEM(args[2], 1), &correction) ||
      !grad.read(args[0], PyTuple_GET_ITEM(args[1], 1), PyTuple_GET_ITEM(args[2], 0),
                 PyTuple_GET_ITEM(args[2], 2)) ||
      !x.read(PyTuple_GET_ITEM(args[1], 1)) || x.dtype != grad.g.dtype) {
    return not_mine();
  }
  Launch launch;
  const double divisor = double(grad.dims.elements) - correction;
  if (!(divisor > 0)) return not_mine();
  if (!launch.prepare(x, grad.dims)) return unprepared();
  if (!mean.make(grad.dims.ndim, grad.dims.out, x.dtype) || !dx.make_like(x)) return nullptr;
  Status status = reduce_variance(x.dtype, launch.shape, x.data, 0, nullptr, mean.data,
                                  launch.workspace.data(), launch.stream);
  if (status.ok()) {
    int64_t strides[PYNN_MAX_DIMS];
    grad.dims.spread(x.ndim, mean.strides, strides);
    const Operand operands[] = {Gradient::operand(grad.g, grad.strides), Gradient::operand(x, x.strides),
                                Gradient::operand(mean, strides), Gradient::operand(dx, dx.strides)};
    status = variance_backward(x.ndim, x.shape, operands, 2 / divisor, launch.stream);
  }
  return finish(status, {self, args, count}, dx.release());
}

template <class Entry, size_t kCount>
bool add_all(PyObject* kernels, const Entry (&entries)[kCount], FastFunction function) {
  bool ok = true;
  for (const Entry& entry : entries) ok = ok && add_kernel(kernels, entry.name, function, &entry);
  return ok;
}

}  // namespace

bool register_reduction(PyObject* kernels) {
  return add_all(kernels, python::kReducing, reduce_kernel) && add_all(kernels, kAveraging, spread_kernel) &&
         add_all(kernels, kPlacing, place_kernel) && add_kernel(kernels, "norm", norm_kernel) &&
         add_kernel(kernels, "norm.backward", norm_backward_kernel) &&
         add_kernel(kernels, "sum_to_size", sum_to_size_kernel) &&
         add_kernel(kernels, "amax.backward", extreme_backward_kernel) &&
         add_kernel(kernels, "amin.backward", extreme_backward_kernel) &&
         add_kernel(kernels, "var", var_kernel) && add_kernel(kernels, "var.backward", var_backward_kernel);
}

}  // namespace pynn::cuda
