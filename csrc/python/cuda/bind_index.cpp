// Indexing with arrays: embedding(weight, indices, padding_idx, scale_grad_by_freq) and its weight's gradient;
// index((x, *indices), pattern) and index_put((x, value, *indices), pattern, accumulate) where the index arrays stand side
// by side; gather(x, index, dim), scatter(x, index, src, dim), scatter_add; and gradients. Masks are another backend's: how
// many elements they select would have to be read back.
#include "../index_pattern.h"
#include "cuda/memory.h"
#include "faults.h"
#include "kernels/index/cuda.h"

namespace pynn::cuda {
namespace {

bool is_index(const Array& x) { return x.dtype == PYNN_INT64 || x.dtype == PYNN_INT32; }
bool is_wide_float(int dtype) { return dtype == PYNN_FLOAT32 || dtype == PYNN_FLOAT64; }

int64_t product(const int64_t* sizes, int first, int last) {
  int64_t n = 1;
  for (int i = first; i < last; ++i) n *= sizes[i];
  return n;
}

// Ready to launch: the stream, and somewhere for faults. False with an exception set, perhaps for an earlier fault.
bool ready(cudaStream_t* stream, Fault** fault) {
  if (!no_faults() || !current_stream(stream)) return false;
  *fault = faults();
  return *fault != nullptr;
}

// The indices as int64, row-major. Negative ones count from the end of `size` where wide; int32 ones are converted.
struct Index {
  Array given, dense, wide;
  const int64_t* data() const { return (wide ? wide : dense).pointer<int64_t>(); }
  // False with an exception set.
  bool prepare(cudaStream_t stream, Status* status) {
    if (!dense.make_dense(given, stream)) return false;
    if (given.dtype == PYNN_INT64) return true;
    if (!wide.make(given.ndim, given.shape, PYNN_INT64)) return false;
    *status = index_widen(dense.pointer<int32_t>(), dense.size(), wide.pointer<int64_t>(), stream);
    return true;
  }
};

// `size` gradients, all None but the one at `place` (a reference taken over, null or None to be passed on).
PyObject* grads_with(Py_ssize_t size, Py_ssize_t place, PyObject* grad) {
  if (!grad || grad == Py_None) return grad;
  PyObject* tuple = PyTuple_New(size);
  for (Py_ssize_t i = 0; tuple && i < size; ++i) {
    if (i != place) Py_INCREF(Py_None);
    PyTuple_SET_ITEM(tuple, i, i == place ? grad : Py_None);
  }
  if (!tuple) Py_DECREF(grad);
  return tuple;
}

// x[index] += source for rows of float32 or float64.
Status add_rows(const pynn_rows& rows, const int64_t* index, const Array& source, const AddOptions& options,
                const Array& x, Workspace* room, Fault* fault, cudaStream_t stream, bool* failed) {
  const bool single = x.dtype == PYNN_FLOAT32;
  *failed = !room->make(single ? index_add_bytes<float>(rows) : index_add_bytes<double>(rows));
  if (*failed) return Status();
  return single ? index_add(rows, index, source.pointer<float>(), options, x.pointer<float>(), room->data(), fault, stream)
                : index_add(rows, index, source.pointer<double>(), options, x.pointer<double>(), room->data(), fault,
                            stream);
}

// ---- embedding ----

PyObject* embedding_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array weight, out;
  Index index;
  if (count != 4 || !weight.read(args[0]) || weight.ndim != 2 || !weight.is_dense() || !index.given.read(args[1]) ||
      !is_index(index.given) || index.given.ndim >= PYNN_MAX_DIMS) {
    return not_mine();
  }
  const int ndim = index.given.ndim;
  int64_t shape[PYNN_MAX_DIMS];
  for (int i = 0; i < ndim; ++i) shape[i] = index.given.shape[i];
  shape[ndim] = weight.shape[1];
  cudaStream_t stream;
  Fault* fault;
  Status status;
  if (!ready(&stream, &fault) || !index.prepare(stream, &status) || !out.make(ndim + 1, shape, weight.dtype)) {
    return nullptr;
  }
  const pynn_rows rows = {1, weight.shape[0], index.given.size(), weight.shape[1] * weight.item(), 0};
  if (status.ok()) status = index_take(rows, weight.data, index.data(), out.data, fault, stream);
  return without_faults(finish(status, {self, args, count}, out.release()));
}

PyObject* embedding_gradient(const Call& call, PyObject* gradient, PyObject* indices, int64_t rows_count, int64_t padding,
                             bool by_frequency) {
  Array g, source, out;
  Index index;
  if (!g.read(gradient) || !is_wide_float(g.dtype) || !index.given.read(indices) || !is_index(index.given) ||
      rows_count < 0 || g.ndim != index.given.ndim + 1) {
    return not_mine();
  }
  for (int i = 0; i < index.given.ndim; ++i) {
    if (g.shape[i] != index.given.shape[i]) return not_mine();
  }
  const int64_t shape[2] = {rows_count, g.shape[g.ndim - 1]};
  cudaStream_t stream;
  Fault* fault;
  Status status;
  Workspace room;
  if (!ready(&stream, &fault) || !index.prepare(stream, &status) || !source.make_dense(g, stream) ||
      !out.make(2, shape, g.dtype)) {
    return nullptr;
  }
  const pynn_rows rows = {1, rows_count, index.given.size(), shape[1] * g.item(), 0};
  AddOptions options;
  options.skip = padding;
  options.by_frequency = by_frequency;
  options.clear = true;
  bool failed = false;
  if (status.ok()) status = add_rows(rows, index.data(), source, options, out, &room, fault, stream, &failed);
  if (failed) return nullptr;
  return without_faults(finish(status, call, out.release()));
}

// embedding_weight(g, indices, count, padding_idx, scale_grad_by_freq)
PyObject* embedding_weight_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  int64_t rows, padding;
  if (count != 5 || !integer(args[2], &rows) || !integer(args[3], &padding) || !PyBool_Check(args[4])) return not_mine();
  return embedding_gradient({self, args, count}, args[0], args[1], rows, padding, args[4] == Py_True);
}

// (g, (None, Like of weight, indices), (padding_idx, scale_grad_by_freq), needs)
PyObject* embedding_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[1], 3) || !has_items(args[2], 2)) return not_mine();
  int ndim;
  int64_t shape[PYNN_MAX_DIMS], padding;
  Array g;
  if (!g.read(args[0]) || !shape_of(PyTuple_GET_ITEM(args[1], 1), &ndim, shape) || ndim != 2 || g.ndim < 1 ||
      g.shape[g.ndim - 1] != shape[1] || !integer(PyTuple_GET_ITEM(args[2], 0), &padding) ||
      !PyBool_Check(PyTuple_GET_ITEM(args[2], 1))) {
    return not_mine();
  }
  return grads_with(2, 0,
                    embedding_gradient({self, args, count}, args[0], PyTuple_GET_ITEM(args[1], 2), shape[0], padding,
                                       PyTuple_GET_ITEM(args[2], 1) == Py_True));
}

// ---- index and index_put: a run of dimensions replaced by index arrays that stand side by side ----

// What index arrays select of an array of some shape.
class Selection {
 public:
  // Index arrays [first, end) of `inputs`. False for anything the kernels do not take.
  bool read(int dims, const int64_t* sizes, PyObject* inputs, Py_ssize_t first, PyObject* pattern) {
    arrays_ = PyTuple_GET_SIZE(inputs) - first;
    int before;
    if (arrays_ < 1 || arrays_ > kMostLists || arrays_ > dims || !python::read_pattern(pattern, dims, int(arrays_), arrays_, &before)) {
      return false;
    }
    for (Py_ssize_t k = 0; k < arrays_; ++k) {
      if (!given_[k].read(PyTuple_GET_ITEM(inputs, first + k)) || !is_index(given_[k]) ||
          !same_shape(given_[k], given_[0])) {
        return false;
      }
      sizes_[k] = sizes[before + k];
    }
    const Array& lead = given_[0];
    const int taken = int(arrays_);
    ndim = dims - taken + lead.ndim;
    if (ndim > PYNN_MAX_DIMS) return false;
    for (int i = 0; i < before; ++i) shape[i] = sizes[i];
    for (int i = 0; i < lead.ndim; ++i) shape[before + i] = lead.shape[i];
    for (int i = before + taken; i < dims; ++i) shape[i - taken + lead.ndim] = sizes[i];
    rows = {product(sizes, 0, before), product(sizes, before, before + taken), lead.size(),
            product(sizes, before + taken, dims), 0};
    return true;
  }
  // One array of places for all. False with an exception set.
  bool prepare(Fault* fault, cudaStream_t stream, Status* status) {
    IndexLists lists = {};
    lists.count = int(arrays_);
    for (Py_ssize_t k = 0; k < arrays_; ++k) {
      if (!dense_[k].make_dense(given_[k], stream)) return false;
      lists.data[k] = dense_[k].data;
      lists.wide[k] = given_[k].dtype == PYNN_INT64;
      lists.sizes[k] = sizes_[k];
    }
    const int64_t n = given_[0].size();
    if (!joined_.make(1, &n, PYNN_INT64)) return false;
    *status = index_join(lists, n, joined_.pointer<int64_t>(), fault, stream);
    return true;
  }
  const int64_t* index() const { return joined_.pointer<int64_t>(); }
  pynn_rows rows_of(const Array& x) const {
    pynn_rows out = rows;
    out.bytes *= x.item();
    return out;
  }

  int ndim;  // of the result
  int64_t shape[PYNN_MAX_DIMS];

 private:
  pynn_rows rows;  // bytes: elements of a row
  Py_ssize_t arrays_;
  Array given_[kMostLists], dense_[kMostLists], joined_;
  int64_t sizes_[kMostLists];
};

bool same_sizes(const Array& x, int ndim, const int64_t* shape) {
  if (x.ndim != ndim) return false;
  for (int i = 0; i < ndim; ++i) {
    if (x.shape[i] != shape[i]) return false;
  }
  return true;
}

// index((x, *indices), pattern)
PyObject* index_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array given, x, out;
  Selection selection;
  if (count != 2 || !has_items(args[0], 2) || !given.read(PyTuple_GET_ITEM(args[0], 0)) || !given.is_dense() ||
      !selection.read(given.ndim, given.shape, args[0], 1, args[1])) {
    return not_mine();
  }
  cudaStream_t stream;
  Fault* fault;
  Status status;
  if (!ready(&stream, &fault) || !selection.prepare(fault, stream, &status) ||
      !out.make(selection.ndim, selection.shape, given.dtype)) {
    return nullptr;
  }
  if (status.ok()) status = index_take(selection.rows_of(given), given.data, selection.index(), out.data, fault, stream);
  return without_faults(finish(status, {self, args, count}, out.release()));
}

// (g, (None, Like of x, *indices), (pattern,), needs)
PyObject* index_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array g, source, out;
  int ndim;
  int64_t shape[PYNN_MAX_DIMS];
  Selection selection;
  if (count != 4 || !has_items(args[1], 3) || !has_items(args[2], 1) || !g.read(args[0]) || !is_wide_float(g.dtype) ||
      !shape_of(PyTuple_GET_ITEM(args[1], 1), &ndim, shape) ||
      !selection.read(ndim, shape, args[1], 2, PyTuple_GET_ITEM(args[2], 0)) ||
      !same_sizes(g, selection.ndim, selection.shape)) {
    return not_mine();
  }
  cudaStream_t stream;
  Fault* fault;
  Status status;
  Workspace room;
  if (!ready(&stream, &fault) || !selection.prepare(fault, stream, &status) || !source.make_dense(g, stream) ||
      !out.make(ndim, shape, g.dtype)) {
    return nullptr;
  }
  AddOptions options;
  options.clear = true;
  bool failed = false;
  if (status.ok()) {
    status = add_rows(selection.rows_of(g), selection.index(), source, options, out, &room, fault, stream, &failed);
  }
  if (failed) return nullptr;
  return grads_with(PyTuple_GET_SIZE(args[1]) - 1, 0,
                    without_faults(finish(status, {self, args, count}, out.release())));
}

// index_put((x, value, *indices), pattern, accumulate), and in place where `kInplace` says so. The value has the
// selection's shape.
template <bool kInplace>
PyObject* index_put_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array x, value, source, out;
  Selection selection;
  if (count != 3 || !has_items(args[0], 3) || !PyBool_Check(args[2]) || !x.read(PyTuple_GET_ITEM(args[0], 0)) ||
      !value.read(PyTuple_GET_ITEM(args[0], 1)) || x.dtype != value.dtype || !x.is_dense() ||
      !selection.read(x.ndim, x.shape, args[0], 2, args[1]) ||
      !same_sizes(value, selection.ndim, selection.shape)) {
    return not_mine();
  }
  const bool accumulate = args[2] == Py_True;
  if ((accumulate && !is_wide_float(x.dtype)) || (kInplace && !safe_alias(x, value))) return not_mine();
  cudaStream_t stream;
  Fault* fault;
  Status status;
  Workspace room;
  if (!ready(&stream, &fault) || !selection.prepare(fault, stream, &status) || !source.make_dense(value, stream) ||
      (!kInplace && !out.make_like(x))) {
    return nullptr;
  }
  const Array& to = kInplace ? x : out;
  const pynn_rows rows = selection.rows_of(x);
  bool failed = false;
  if (status.ok() && !kInplace) status = copy_bytes(out.data, x.data, x.size() * x.item(), stream);
  if (status.ok() && accumulate) {
    status = add_rows(rows, selection.index(), source, {}, to, &room, fault, stream, &failed);
  } else if (status.ok()) {
    failed = !room.make(index_put_bytes(rows));
    if (!failed) status = index_put(rows, selection.index(), source.data, to.data, room.data(), fault, stream);
  }
  if (failed) return nullptr;
  return without_faults(finish(status, {self, args, count}, kInplace ? x.reference() : out.release()));
}

// ---- gather and scatter ----

bool dim_of(PyObject* object, int ndim, int* dim) {
  int64_t given;
  if (!integer(object, &given) || given < 0 || given >= ndim) return false;
  *dim = int(given);
  return true;
}

// Sizes no larger than a shape's, but along dim.
bool within(const Array& index, const int64_t* shape, int dim) {
  for (int i = 0; i < index.ndim; ++i) {
    if (i != dim && index.shape[i] > shape[i]) return false;
  }
  return true;
}

// Strides in elements; false where they are no multiples of one.
bool element_strides(const Array& x, int64_t* strides) {
  for (int i = 0; i < x.ndim; ++i) {
    if (x.strides[i] % x.item() != 0) return false;
    strides[i] = x.strides[i] / x.item();
  }
  return true;
}

// int64 indices along dim of an array of this shape; `dense` are they row-major, when prepared.
struct Along {
  Array given, dense;
  AlongDim how = {};

  bool read(PyObject* index, int ndim, const int64_t* shape, PyObject* dim) {
    int place;
    if (!given.read(index) || given.dtype != PYNN_INT64 || ndim < 1 || given.ndim != ndim ||
        !dim_of(dim, ndim, &place) || !within(given, shape, place)) {
      return false;
    }
    how.ndim = ndim;
    how.dim = place;
    how.size = shape[place];
    for (int i = 0; i < ndim; ++i) how.shape[i] = given.shape[i];
    return true;
  }
  bool prepare(cudaStream_t stream) {
    if (!dense.make_dense(given, stream)) return false;
    how.index = dense.pointer<int64_t>();
    return true;
  }
};

// gather(x, index, dim)
PyObject* gathered(const Call& call, PyObject* object, PyObject* index, PyObject* dim) {
  Array x, out;
  Along along;
  if (!x.read(object) || !along.read(index, x.ndim, x.shape, dim) || !element_strides(x, along.how.strides)) {
    return not_mine();
  }
  cudaStream_t stream;
  Fault* fault;
  if (!ready(&stream, &fault) || !along.prepare(stream) || !out.make(x.ndim, along.given.shape, x.dtype)) return nullptr;
  const Status status = index_gather(along.how, x.item(), x.data, out.data, fault, stream);
  return without_faults(finish(status, call, out.release()));
}
PyObject* gather_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return count == 3 ? gathered({self, args, count}, args[0], args[1], args[2]) : not_mine();
}

// x, which is row-major, += source at the index.
Status scatter_add(Along* along, const Array& source, const Array& x, Fault* fault, cudaStream_t stream) {
  int64_t step = 1;
  for (int i = x.ndim - 1; i >= 0; --i) {
    along->how.strides[i] = step;
    step *= x.shape[i];
  }
  return x.dtype == PYNN_FLOAT32
             ? index_scatter_add(along->how, source.pointer<float>(), x.pointer<float>(), fault, stream)
             : index_scatter_add(along->how, source.pointer<double>(), x.pointer<double>(), fault, stream);
}

// (g, (None, Like of x, index), (dim,), needs)
PyObject* gather_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array g, out;
  Along along;
  int ndim;
  int64_t shape[PYNN_MAX_DIMS];
  if (count != 4 || !has_items(args[1], 3) || !has_items(args[2], 1) || !g.read(args[0]) || !is_wide_float(g.dtype) ||
      !shape_of(PyTuple_GET_ITEM(args[1], 1), &ndim, shape) ||
      !along.read(PyTuple_GET_ITEM(args[1], 2), ndim, shape, PyTuple_GET_ITEM(args[2], 0)) ||
      !same_shape(g, along.given) || !element_strides(g, along.how.other)) {
    return not_mine();
  }
  cudaStream_t stream;
  Fault* fault;
  if (!ready(&stream, &fault) || !along.prepare(stream) || !out.make(ndim, shape, g.dtype)) return nullptr;
  Status status = fill_bytes(out.data, 0, out.size() * out.item(), stream);
  if (status.ok()) status = scatter_add(&along, g, out, fault, stream);
  return grads_with(2, 0, without_faults(finish(status, {self, args, count}, out.release())));
}

// x with source written or added at the index.
PyObject* scattered(const Call& call, const Array& given, Along* along, const Array& source, bool add) {
  Array x, out;
  cudaStream_t stream;
  Fault* fault;
  Workspace room;
  if (!ready(&stream, &fault) || !along->prepare(stream) || !x.make_dense(given, stream) || !out.make_like(x)) return nullptr;
  Status status = copy_bytes(out.data, x.data, x.size() * x.item(), stream);
  if (status.ok() && add) {
    status = scatter_add(along, source, out, fault, stream);
  } else if (status.ok()) {
    int64_t step = 1;
    for (int i = x.ndim - 1; i >= 0; --i) {
      along->how.strides[i] = step;
      step *= x.shape[i];
    }
    if (!room.make(index_scatter_bytes(x.size()))) return nullptr;
    status = index_scatter(along->how, x.item(), source.data, x.size(), out.data, room.data(), fault, stream);
  }
  return without_faults(finish(status, call, out.release()));
}

// scatter(x, index, src, dim), scatter_add
template <bool kAdd>
PyObject* scatter_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array x, source;
  Along along;
  if (count != 4 || !x.read(args[0]) || !source.read(args[2]) || x.dtype != source.dtype ||
      (kAdd && !is_wide_float(x.dtype)) || !along.read(args[1], x.ndim, x.shape, args[3]) ||
      source.ndim != x.ndim || !within(along.given, source.shape, -1) || !element_strides(source, along.how.other)) {
    return not_mine();
  }
  return scattered({self, args, count}, x, &along, source, kAdd);
}

// (g, (None, None, index, Like of src), (dim,), needs): x gets g (of scatter but where src went), src what went.
template <bool kAdd>
PyObject* scatter_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const Call call = {self, args, count};
  Array g;
  Along along;
  int ndim;
  int64_t shape[PYNN_MAX_DIMS], needs;
  if (count != 4 || !has_items(args[1], 4) || !has_items(args[2], 1) || !g.read(args[0]) || !is_wide_float(g.dtype) ||
      !read_needs(args[3], &needs) ||
      !along.read(PyTuple_GET_ITEM(args[1], 2), g.ndim, g.shape, PyTuple_GET_ITEM(args[2], 0))) {
    return not_mine();
  }
  PyObject *first = nullptr, *third = nullptr;
  if (needs >> 2 & 1) {
    if (!shape_of(PyTuple_GET_ITEM(args[1], 3), &ndim, shape) || !same_sizes(along.given, ndim, shape)) return not_mine();
    third = gathered(call, args[0], PyTuple_GET_ITEM(args[1], 2), PyTuple_GET_ITEM(args[2], 0));
    if (!third || third == Py_None) return third;
  }
  if (needs & 1 && kAdd) {
    first = g.reference();
  } else if (needs & 1) {
    Array nothing;
    cudaStream_t stream;
    const bool made = nothing.make(0, nullptr, g.dtype) && current_stream(&stream);
    if (made) {  // one zero for all places: strides of 0
      const Status status = fill_bytes(nothing.data, 0, nothing.item(), stream);
      first = status.ok() ? scattered(call, g, &along, nothing, false) : finish(status, call, nullptr);
    }
    if (!first || first == Py_None) {
      Py_XDECREF(third);
      return first;
    }
  }
  PyObject* grads = PyTuple_New(3);
  if (!grads) {
    Py_XDECREF(first);
    Py_XDECREF(third);
    return nullptr;
  }
  PyObject* const all[] = {first, nullptr, third};
  for (int i = 0; i < 3; ++i) {
    if (!all[i]) Py_INCREF(Py_None);
    PyTuple_SET_ITEM(grads, i, all[i] ? all[i] : Py_None);
  }
  return grads;
}

}  // namespace

bool register_index(PyObject* kernels) {
  return add_kernel(kernels, "embedding", embedding_kernel) &&
         add_kernel(kernels, "embedding.backward", embedding_backward_kernel) &&
         add_kernel(kernels, "embedding_weight", embedding_weight_kernel) &&
         add_kernel(kernels, "index", index_kernel) && add_kernel(kernels, "index.backward", index_backward_kernel) &&
         add_kernel(kernels, "index_put", index_put_kernel<false>) &&
         add_kernel(kernels, "index_put_", index_put_kernel<true>) && add_kernel(kernels, "gather", gather_kernel) &&
         add_kernel(kernels, "gather.backward", gather_backward_kernel) &&
         add_kernel(kernels, "scatter", scatter_kernel<false>) &&
         add_kernel(kernels, "scatter.backward", scatter_backward_kernel<false>) &&
         add_kernel(kernels, "scatter_add", scatter_kernel<true>) &&
         add_kernel(kernels, "scatter_add.backward", scatter_backward_kernel<true>);
}

}  // namespace pynn::cuda
