// cumsum(x, dim), cumprod, logcumsumexp, cummax, cummin, and the gradients of the first three.
#include "arrays.h"
#include "kernels/scan/cuda.h"

namespace pynn::cuda {
namespace {

bool takes(PyObject* object, int dtype, Array* x) {
  return x->read(object) && (x->dtype == PYNN_FLOAT32 || x->dtype == PYNN_FLOAT64) && (dtype < 0 || x->dtype == dtype);
}

bool along(const Array& x, PyObject* object, ScanShape* out) {
  int64_t dim;
  if (!integer(object, &dim) || dim < 0 || dim >= x.ndim) return false;
  *out = {1, x.shape[dim], 1};
  for (int i = 0; i < dim; ++i) out->outer *= x.shape[i];
  for (int i = int(dim) + 1; i < x.ndim; ++i) out->inner *= x.shape[i];
  return true;
}

struct Entry {
  const char* name;
  const char* backward_name;
  pynn_scan_op op;
};
constexpr Entry kEntries[] = {{"cumsum", "cumsum.backward", PYNN_SCAN_SUM},
                              {"cumprod", "cumprod.backward", PYNN_SCAN_PROD},
                              {"logcumsumexp", "logcumsumexp.backward", PYNN_SCAN_LOGSUMEXP}};

PyObject* scan_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const pynn_scan_op op = code_of<Entry>(self)->op;
  Array given, x, out;
  ScanShape shape;
  if (count != 2 || !takes(args[0], -1, &given) || !along(given, args[1], &shape)) return not_mine();
  Workspace room;
  cudaStream_t stream;
  if (!current_stream(&stream) || !x.make_dense(given, stream) || !out.make_like(x) || !room.make(scan_bytes(shape))) {
    return nullptr;
  }
  const Status status =
      x.dtype == PYNN_FLOAT32
          ? scan<float>(op, false, shape, x.pointer<float>(), out.pointer<float>(), room.data(), stream)
          : scan<double>(op, false, shape, x.pointer<double>(), out.pointer<double>(), room.data(), stream);
  return finish(status, {self, args, count}, out.release());
}

template <class T>
Status gradient(pynn_scan_op op, const ScanShape& shape, const Array& x, const Array& out, const Array& dy,
                const Array& dx, void* room, cudaStream_t stream) {
  switch (op) {
    case PYNN_SCAN_SUM:
      return scan<T>(op, true, shape, dy.pointer<T>(), dx.pointer<T>(), room, stream);
    case PYNN_SCAN_PROD:
      return scan_product_backward<T>(shape, x.pointer<T>(), dy.pointer<T>(), dx.pointer<T>(), room, stream);
    default:
      return scan_logsumexp_backward<T>(shape, x.pointer<T>(), out.pointer<T>(), dy.pointer<T>(), dx.pointer<T>(), room,
                                        stream);
  }
}

// (g, (out, x), (dim,), needs), of which cumsum reads neither and cumprod no out
PyObject* scan_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const pynn_scan_op op = code_of<Entry>(self)->op;
  Array g, given_x, given_out, dy, x, out, dx;
  ScanShape shape;
  if (count != 4 || !PyTuple_Check(args[1]) || !has_items(args[2], 1) || !takes(args[0], -1, &g) ||
      !along(g, PyTuple_GET_ITEM(args[2], 0), &shape)) {
    return not_mine();
  }
  const bool reads_x = op != PYNN_SCAN_SUM, reads_out = op == PYNN_SCAN_LOGSUMEXP;
  if (reads_x && (!has_items(args[1], 2) || !takes(PyTuple_GET_ITEM(args[1], 1), g.dtype, &given_x) ||
                  !same_shape(given_x, g))) {
    return not_mine();
  }
  if (reads_out && (!takes(PyTuple_GET_ITEM(args[1], 0), g.dtype, &given_out) || !same_shape(given_out, g))) {
    return not_mine();
  }
  Workspace room;
  cudaStream_t stream;
  if (!current_stream(&stream) || !dy.make_dense(g, stream) || (reads_x && !x.make_dense(given_x, stream)) ||
      (reads_out && !out.make_dense(given_out, stream)) || !dx.make_like(dy) || !room.make(scan_bytes(shape))) {
    return nullptr;
  }
  const Status status = g.dtype == PYNN_FLOAT32 ? gradient<float>(op, shape, x, out, dy, dx, room.data(), stream)
                                                : gradient<double>(op, shape, x, out, dy, dx, room.data(), stream);
  return finish(status, {self, args, count}, dx.release());
}

struct ExtremeEntry {
  const char* name;
  bool smallest;
};
constexpr ExtremeEntry kExtremes[] = {{"cummax", false}, {"cummin", true}};

PyObject* extreme_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const bool smallest = code_of<ExtremeEntry>(self)->smallest;
  Array given, x, values, places;
  ScanShape shape;
  if (count != 2 || !takes(args[0], -1, &given) || !along(given, args[1], &shape)) return not_mine();
  Workspace room;
  cudaStream_t stream;
  if (!current_stream(&stream) || !x.make_dense(given, stream) || !values.make_like(x) ||
      !places.make(x.ndim, x.shape, PYNN_INT64) || !room.make(scan_bytes(shape))) {
    return nullptr;
  }
  int64_t* const to = places.pointer<int64_t>();
  const Status status =
      x.dtype == PYNN_FLOAT32
          ? scan_extreme<float>(smallest, shape, x.pointer<float>(), values.pointer<float>(), to, room.data(), stream)
          : scan_extreme<double>(smallest, shape, x.pointer<double>(), values.pointer<double>(), to, room.data(), stream);
  return finish(status, {self, args, count}, Py_BuildValue("(NN)", values.release(), places.release()));
}

}  // namespace

bool register_scan(PyObject* kernels) {
  bool ok = true;
  for (const Entry& entry : kEntries) {
    ok = ok && add_kernel(kernels, entry.name, scan_kernel, &entry) &&
         add_kernel(kernels, entry.backward_name, scan_backward_kernel, &entry);
  }
  for (const ExtremeEntry& entry : kExtremes) ok = ok && add_kernel(kernels, entry.name, extreme_kernel, &entry);
  return ok;
}

}  // namespace pynn::cuda
