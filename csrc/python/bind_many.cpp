// Norms and scaling of many tensors in one call; tensors filled with a number; triangles of matrices.
#include <vector>

#include "bindings.h"

namespace pynn::python {
namespace {

// Row-major arrays of one float dtype, as the C interface takes many tensors.
class Many {
 public:
  bool read(PyObject* arrays, Py_ssize_t count, bool written) {
    pointers_.resize(size_t(count));
    sizes_.resize(size_t(count));
    elements_ = 0;
    type_ = -1;
    for (Py_ssize_t i = 0; i < count; ++i) {
      PyArrayObject* array = as_array(PyTuple_GET_ITEM(arrays, i));
      if (!array || !is_float(plain_type(array)) || !PyArray_IS_C_CONTIGUOUS(array)) return false;
      if (written && !PyArray_ISWRITEABLE(array)) return false;
      if (i > 0 && PyArray_TYPE(array) != type_) return false;
      type_ = PyArray_TYPE(array);
      pointers_[size_t(i)] = PyArray_DATA(array);
      sizes_[size_t(i)] = PyArray_SIZE(array);
      elements_ += sizes_[size_t(i)];
    }
    return type_ >= 0;
  }
  int type() const { return type_; }
  pynn_dtype dtype() const { return pynn_dtype(dtype_of(type_)); }
  int64_t count() const { return int64_t(sizes_.size()); }
  int64_t elements() const { return elements_; }
  const int64_t* sizes() const { return sizes_.data(); }
  void* const* pointers() const { return pointers_.data(); }

 private:
  std::vector<void*> pointers_;
  std::vector<int64_t> sizes_;
  int64_t elements_ = 0;
  int type_ = -1;
};

// (arrays, p)
PyObject* total_norm_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  double p;
  Many arrays;
  if (count != 2 || !PyTuple_Check(args[0]) || !number(args[1], &p) || !(p > 0) ||
      !arrays.read(args[0], PyTuple_GET_SIZE(args[0]), false)) {
    return not_mine();
  }
  double norm;
  const pynn_status status = run(arrays.elements(), [&] {
    return pynn_total_norm(arrays.dtype(), arrays.count(), arrays.sizes(),
                           const_cast<const void* const*>(arrays.pointers()), p, &norm);
  });
  if (status != PYNN_OK) return finish(status, nullptr);
  PyArrayObject* out = new_array(0, nullptr, arrays.type());
  if (!out) return nullptr;
  if (arrays.type() == NPY_FLOAT32) {
    floats(out)[0] = float(norm);
  } else {
    *static_cast<double*>(PyArray_DATA(out)) = norm;
  }
  return reinterpret_cast<PyObject*>(out);
}

// ((gradients..., as often their common norm), largest norm): gradients *= min(1, largest / (norm + 1e-6))
PyObject* clip_by_norm_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  double largest;
  Many arrays;
  if (count != 2 || !PyTuple_Check(args[0]) || !number(args[1], &largest)) return not_mine();
  const Py_ssize_t tensors = PyTuple_GET_SIZE(args[0]) / 2;
  if (tensors == 0 || PyTuple_GET_SIZE(args[0]) % 2 != 0 || !arrays.read(args[0], tensors, true))
    return not_mine();
  PyArrayObject* norm = as_array(PyTuple_GET_ITEM(args[0], tensors));
  if (!norm || PyArray_SIZE(norm) != 1 || plain_type(norm) != arrays.type()) return not_mine();
  double factor;
  if (arrays.type() == NPY_FLOAT32) {
    factor = double(float(largest) / (floats(norm)[0] + 1e-6f));
  } else {
    factor = largest / (*static_cast<double*>(PyArray_DATA(norm)) + 1e-6);
  }
  if (!(factor >= 1)) {
    const pynn_status status = run(arrays.elements(), [&] {
      return pynn_scale_many(arrays.dtype(), arrays.count(), arrays.sizes(), arrays.pointers(), factor);
    });
    if (status != PYNN_OK) return finish(status, nullptr);
  }
  Py_INCREF(args[0]);
  return args[0];
}

pynn_status fill(PyArrayObject* x, double value) {
  pynn_array array = describe(x);
  return run(PyArray_SIZE(x), [&] { return pynn_fill(&array, value); });
}

// (x, number): a new array of x's shape, every element the number.
PyObject* fill_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 2 ? as_array(args[0]) : nullptr;
  double value;
  if (!x || !is_float(plain_type(x)) || PyArray_NDIM(x) > PYNN_MAX_DIMS || !number(args[1], &value))
    return not_mine();
  PyArrayObject* out = new_like(x);
  return out ? finish(fill(out, value), reinterpret_cast<PyObject*>(out)) : nullptr;
}

// The same written to x.
PyObject* fill_inplace_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 2 ? as_array(args[0]) : nullptr;
  double value;
  if (!x || !is_float(plain_type(x)) || PyArray_NDIM(x) > PYNN_MAX_DIMS || !number(args[1], &value) ||
      !PyArray_IS_C_CONTIGUOUS(x) || !PyArray_ISWRITEABLE(x)) {
    return not_mine();
  }
  const pynn_status status = fill(x, value);
  Py_INCREF(args[0]);
  return finish(status, args[0]);
}

struct Triangle {
  const char* name;
  const char* backward_name;
  int upper;
};
constexpr Triangle kTriangles[] = {{"tril", "tril.backward", 0}, {"triu", "triu.backward", 1}};

PyObject* triangle(const Triangle& entry, PyObject* object, PyObject* diagonal_object) {
  PyArrayObject* x = as_array(object);
  int64_t diagonal;
  if (!x || dtype_of(plain_type(x)) < 0 || PyArray_NDIM(x) < 2 || PyArray_NDIM(x) > PYNN_MAX_DIMS ||
      !integer(diagonal_object, &diagonal)) {
    return not_mine();
  }
  auto* from = row_major(x);
  PyArrayObject* out = from ? new_like(x) : nullptr;
  pynn_status status = PYNN_OK;
  if (out) {
    const pynn_array in = describe(from);
    pynn_array result = describe(out);
    status = run(PyArray_SIZE(x), [&] { return pynn_triangle(entry.upper, &in, diagonal, &result); });
  }
  Py_XDECREF(from);
  return out ? finish(status, reinterpret_cast<PyObject*>(out)) : nullptr;
}

// (x, diagonal)
PyObject* triangle_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return count == 2 ? triangle(*code_of<Triangle>(self), args[0], args[1]) : not_mine();
}

// (g, (), (diagonal,), needs)
PyObject* triangle_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[2], 1)) return not_mine();
  return triangle(*code_of<Triangle>(self), args[0], PyTuple_GET_ITEM(args[2], 0));
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
         add_kernel(kernels, "fill", fill_kernel) && add_kernel(kernels, "fill_", fill_inplace_kernel);
}

}  // namespace pynn::python
