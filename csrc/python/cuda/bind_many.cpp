// Norms and scaling of many tensors in one call; tensors filled with a number; triangles of matrices.
#include <vector>

#include "kernels/elementwise/cuda.h"
#include "kernels/reduction/cuda_many.h"
#include "kernels/triangle/cuda.h"
#include "pointwise.h"

namespace pynn::cuda {
namespace {

// Row-major arrays of one float dtype, as the kernels take many tensors.
class Many {
 public:
  bool read(PyObject* arrays, Py_ssize_t count) {
    Array x;
    for (Py_ssize_t i = 0; i < count; ++i) {
      if (!x.read(PyTuple_GET_ITEM(arrays, i)) || !x.is_dense() ||
          (x.dtype != PYNN_FLOAT32 && x.dtype != PYNN_FLOAT64) || (i > 0 && x.dtype != dtype)) {
        return false;
      }
      dtype = x.dtype;
      pointers_.push_back(x.data);
      sizes_.push_back(x.size());
    }
    return count > 0;
  }
  int64_t count() const { return int64_t(sizes_.size()); }
  const int64_t* sizes() const { return sizes_.data(); }
  template <class T>
  T* const* pointers() const {
    return reinterpret_cast<T* const*>(pointers_.data());
  }
  int dtype = -1;

 private:
  std::vector<void*> pointers_;
  std::vector<int64_t> sizes_;
};

// (arrays, p)
PyObject* total_norm_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  double p;
  Many arrays;
  if (count != 2 || !PyTuple_Check(args[0]) || !number(args[1], &p) || !(p > 0) ||
      !arrays.read(args[0], PyTuple_GET_SIZE(args[0]))) {
    return not_mine();
  }
  Array out;
  Workspace room;
  cudaStream_t stream;
  if (!current_stream(&stream) || !out.make(0, nullptr, arrays.dtype) ||
      !room.make(total_norm_bytes(arrays.count(), arrays.sizes()))) {
    return nullptr;
  }
  const Status status = arrays.dtype == PYNN_FLOAT32
                            ? total_norm<float>(arrays.count(), arrays.sizes(), arrays.pointers<float>(), p,
                                                out.pointer<float>(), room.data(), stream)
                            : total_norm<double>(arrays.count(), arrays.sizes(), arrays.pointers<double>(), p,
                                                 out.pointer<double>(), room.data(), stream);
  return finish(status, {self, args, count}, out.release());
}

// ((gradients..., as often their common norm), largest norm): gradients *= min(1, largest / (norm + 1e-6))
PyObject* clip_by_norm_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  double largest;
  Many arrays;
  Array norm;
  if (count != 2 || !PyTuple_Check(args[0]) || !number(args[1], &largest)) return not_mine();
  const Py_ssize_t tensors = PyTuple_GET_SIZE(args[0]) / 2;
  if (tensors == 0 || PyTuple_GET_SIZE(args[0]) % 2 != 0 || !arrays.read(args[0], tensors) ||
      !norm.read(PyTuple_GET_ITEM(args[0], tensors)) || norm.size() != 1 || norm.dtype != arrays.dtype) {
    return not_mine();
  }
  cudaStream_t stream;
  if (!current_stream(&stream)) return nullptr;
  const Status status = arrays.dtype == PYNN_FLOAT32
                            ? clip_by_norm<float>(arrays.count(), arrays.sizes(), arrays.pointers<float>(),
                                                  norm.pointer<float>(), largest, stream)
                            : clip_by_norm<double>(arrays.count(), arrays.sizes(), arrays.pointers<double>(),
                                                   norm.pointer<double>(), largest, stream);
  Py_INCREF(args[0]);
  return finish(status, {self, args, count}, args[0]);
}

// (x, number): a new array of x's shape, or x itself, every element the number.
template <bool kInplace>
PyObject* fill_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Array x, made;
  double value;
  if (count != 2 || !x.read(args[0]) || !is_float(x.dtype) || !number(args[1], &value)) return not_mine();
  cudaStream_t stream;
  if (!current_stream(&stream) || (!kInplace && !made.make_like(x))) return nullptr;
  const Array& to = kInplace ? x : made;
  Spread into;
  const Operand operands[] = {Spread::of(value, x.dtype), into.over(to.ndim, to.shape, to)};
  const Status status = unary(PYNN_COPY, to.ndim, to.shape, operands, 0, 0, stream);
  return finish(status, {self, args, count}, kInplace ? x.reference() : made.release());
}

struct Triangle {
  const char* name;
  const char* backward_name;
  bool upper;
};
constexpr Triangle kTriangles[] = {{"tril", "tril.backward", false}, {"triu", "triu.backward", true}};

PyObject* triangle_of(const Call& call, PyObject* object, PyObject* diagonal_object) {
  Array given, x, out;
  int64_t diagonal;
  if (!given.read(object) || given.ndim < 2 || !integer(diagonal_object, &diagonal)) return not_mine();
  cudaStream_t stream;
  if (!current_stream(&stream) || !x.make_dense(given, stream) || !out.make_like(x)) return nullptr;
  int64_t matrices = 1;
  for (int i = 0; i < x.ndim - 2; ++i) matrices *= x.shape[i];
  const Status status = triangle(code_of<Triangle>(call.self)->upper, diagonal, matrices, x.shape[x.ndim - 2],
                                 x.shape[x.ndim - 1], x.item(), x.data, out.data, stream);
  return finish(status, call, out.release());
}

// (x, diagonal)
PyObject* triangle_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return count == 2 ? triangle_of({self, args, count}, args[0], args[1]) : not_mine();
}
// (g, (), (diagonal,), needs)
PyObject* triangle_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[2], 1)) return not_mine();
  return triangle_of({self, args, count}, args[0], PyTuple_GET_ITEM(args[2], 0));
}

}  // namespace

bool register_many(PyObject* kernels) {
  bool ok = true;
  for (const Triangle& entry : kTriangles) {
    ok = ok && add_kernel(kernels, entry.name, triangle_kernel, &entry) &&
         add_kernel(kernels, entry.backward_name, triangle_backward_kernel, &entry);
  }
  return ok && add_kernel(kernels, "total_norm", total_norm_kernel) &&
         add_kernel(kernels, "clip_by_norm", clip_by_norm_kernel) &&
         add_kernel(kernels, "fill", fill_kernel<false>) && add_kernel(kernels, "fill_", fill_kernel<true>);
}

}  // namespace pynn::cuda
