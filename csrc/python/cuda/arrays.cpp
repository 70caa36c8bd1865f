#include "arrays.h"

#include <deque>
#include <string>

#include "kernels/copy/cuda.h"

namespace pynn::cuda {
namespace {

// What the array module gave. Kept for as long as the process lives.
PyObject *ndarray_type = nullptr, *empty = nullptr, *get_current_stream = nullptr;
PyObject* dtype_objects[10] = {};  // numpy.dtype by pynn_dtype; bfloat16's where ml_dtypes has it

PyObject *name_data, *name_ptr, *name_shape, *name_strides, *name_dtype, *name_transpose;

bool ready() {
  if (name_data) return true;
  name_data = PyUnicode_InternFromString("data");
  name_ptr = PyUnicode_InternFromString("ptr");
  name_shape = PyUnicode_InternFromString("shape");
  name_strides = PyUnicode_InternFromString("strides");
  name_dtype = PyUnicode_InternFromString("dtype");
  name_transpose = PyUnicode_InternFromString("transpose");
  PyObject* numpy = PyImport_ImportModule("numpy");
  if (!numpy) return false;
  bool ok = true;
  for (int i = 0; i < 10 && ok; ++i) {
    if (i == PYNN_BFLOAT16) continue;
    dtype_objects[i] = PyObject_CallMethod(numpy, "dtype", "s", name_of(i));
    ok = dtype_objects[i] != nullptr;
  }
  PyObject* extra = ok ? PyImport_ImportModule("ml_dtypes") : nullptr;
  if (extra) {
    PyObject* scalar = PyObject_GetAttrString(extra, "bfloat16");
    dtype_objects[PYNN_BFLOAT16] = scalar ? PyObject_CallMethod(numpy, "dtype", "O", scalar) : nullptr;
    Py_XDECREF(scalar);
    Py_DECREF(extra);
  }
  if (ok) PyErr_Clear();  // no ml_dtypes: no bfloat16 arrays come
  Py_DECREF(numpy);
  return ok;
}

bool read_sizes(PyObject* object, PyObject* name, int* count, int64_t* out) {
  PyObject* sizes = PyObject_GetAttr(object, name);
  const bool ok = sizes && PyTuple_Check(sizes) && PyTuple_GET_SIZE(sizes) <= PYNN_MAX_DIMS &&
                  integers(sizes, int(PyTuple_GET_SIZE(sizes)), out);
  if (ok) *count = int(PyTuple_GET_SIZE(sizes));
  Py_XDECREF(sizes);
  return ok;
}

PyObject* tuple_of(int count, const int64_t* values) {
  PyObject* tuple = PyTuple_New(count);
  for (int i = 0; tuple && i < count; ++i) {
    PyObject* value = PyLong_FromLongLong(values[i]);
    if (!value) {
      Py_CLEAR(tuple);
      break;
    }
    PyTuple_SET_ITEM(tuple, i, value);
  }
  return tuple;
}

std::string shape_text(PyObject* object) {
  Array x;
  if (!x.read(object)) return "";
  std::string text = std::string(name_of(x.dtype)) + "(";
  for (int i = 0; i < x.ndim; ++i) text += (i ? ", " : "") + std::to_string(x.shape[i]);
  return text + (x.ndim == 1 ? ",)" : ")");
}

}  // namespace

int dtype_of(PyObject* object) {
  for (int i = 0; i < 10; ++i) {
    if (dtype_objects[i] == object) return i;
  }
  for (int i = 0; i < 10; ++i) {  // another object for the same dtype, as of an unpickled array
    if (!dtype_objects[i]) continue;
    const int same = PyObject_RichCompareBool(dtype_objects[i], object, Py_EQ);
    if (same > 0) return i;
    if (same < 0) PyErr_Clear();
  }
  return -1;
}

bool use(PyObject* module) {
  if (!ready()) return false;
  PyObject* type = PyObject_GetAttrString(module, "ndarray");
  PyObject* make = type ? PyObject_GetAttrString(module, "empty") : nullptr;
  PyObject* cuda = make ? PyObject_GetAttrString(module, "cuda") : nullptr;
  PyObject* stream = cuda ? PyObject_GetAttrString(cuda, "get_current_stream") : nullptr;
  Py_XDECREF(cuda);
  if (!stream) {
    Py_XDECREF(type);
    Py_XDECREF(make);
    return false;
  }
  Py_XSETREF(ndarray_type, type);
  Py_XSETREF(empty, make);
  Py_XSETREF(get_current_stream, stream);
  return true;
}

bool Array::read_object(PyObject* from) {
  PyObject* type = PyObject_GetAttr(from, name_dtype);
  dtype = type ? dtype_of(type) : -1;
  Py_XDECREF(type);
  int steps = 0;
  if (dtype < 0 || !read_sizes(from, name_shape, &ndim, shape) ||
      !read_sizes(from, name_strides, &steps, strides) || steps != ndim) {
    return false;
  }
  PyObject* memory = PyObject_GetAttr(from, name_data);
  PyObject* pointer = memory ? PyObject_GetAttr(memory, name_ptr) : nullptr;
  Py_XDECREF(memory);
  const unsigned long long address = pointer ? PyLong_AsUnsignedLongLong(pointer) : 0;
  Py_XDECREF(pointer);
  if (PyErr_Occurred()) return false;
  data = reinterpret_cast<char*>(address);
  object = from;
  return true;
}

bool Array::read(PyObject* from) {
  if (!ndarray_type || PyObject_TypeCheck(from, reinterpret_cast<PyTypeObject*>(ndarray_type)) == 0)
    return false;
  if (read_object(from)) return true;
  PyErr_Clear();
  return false;
}

bool Array::make(int dims, const int64_t* sizes, int type) {
  PyObject* tuple = tuple_of(dims, sizes);
  PyObject* made = tuple ? PyObject_CallFunctionObjArgs(empty, tuple, dtype_objects[type], nullptr) : nullptr;
  Py_XDECREF(tuple);
  if (!made) return false;
  Py_XSETREF(owned_, made);
  if (read_object(made)) return true;
  if (!PyErr_Occurred())
    PyErr_SetString(PyExc_RuntimeError, "the array module made an array that kernels cannot read");
  return false;
}

bool Array::make_ordered(int dims, const int64_t* sizes, int type, const Array* const* inputs, int count) {
  bool plain = true;
  for (int k = 0; k < count; ++k) plain = plain && (!inputs[k] || inputs[k]->is_dense());
  if (plain) return make(dims, sizes, type);
  const auto step = [&](const Array& x, int dim) -> int64_t {
    const int own = dim - (dims - x.ndim);
    if (own < 0 || (x.shape[own] == 1 && sizes[dim] != 1)) return 0;
    return x.strides[own] < 0 ? -x.strides[own] : x.strides[own];
  };
  // Whether dimension `outer` is to lie within dimension `inner`: 1, -1 for no, 0 where no input tells.
  const auto changes = [&](int inner, int outer) {
    for (int k = 0; k < count; ++k) {
      if (!inputs[k]) continue;
      const int64_t a = step(*inputs[k], inner), b = step(*inputs[k], outer);
      if (a == 0 || b == 0) continue;
      if (a != b) return a > b ? 1 : -1;
      if (sizes[inner] > sizes[outer]) return 1;
    }
    return 0;
  };
  int64_t order[PYNN_MAX_DIMS];
  for (int i = dims - 1; i >= 0; --i) {  // an insertion from the innermost on
    order[i] = i;
    int at = i;
    for (int j = i + 1; j < dims; ++j) {
      const int found = changes(int(order[j]), int(order[at]));
      if (found < 0) break;
      if (found > 0) {
        const int64_t dim = order[j];
        order[j] = order[at];
        order[at] = dim;
        at = j;
      }
    }
  }
  return make_laid_out(dims, sizes, type, order);
}

bool Array::make_laid_out(int dims, const int64_t* sizes, int type, const int64_t* order) {
  int64_t turned[PYNN_MAX_DIMS] = {}, back[PYNN_MAX_DIMS] = {};
  bool plain = true;
  for (int i = 0; i < dims; ++i) {
    turned[i] = sizes[order[i]];
    back[order[i]] = i;
    plain = plain && order[i] == i;
  }
  if (!make(dims, turned, type) || plain) return object != nullptr;
  PyObject* axes = tuple_of(dims, back);
  PyObject* view = axes ? PyObject_CallMethodObjArgs(object, name_transpose, axes, nullptr) : nullptr;
  Py_XDECREF(axes);
  if (!view) return false;
  Py_XSETREF(owned_, view);
  return read_object(view);
}

PyObject* Array::release() {
  PyObject* out = owned_;
  owned_ = object = nullptr;
  if (!out) Py_RETURN_NONE;
  return out;
}

bool Array::is_dense() const {
  int64_t step = int64_t(size_of(dtype));
  for (int i = ndim - 1; i >= 0; --i) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && strides[i] != step) return false;
    step *= shape[i];
  }
  return true;
}

bool Array::make_dense(const Array& from, cudaStream_t stream) {
  if (from.is_dense()) {
    Py_INCREF(from.object);
    Py_XSETREF(owned_, from.object);
    return read_object(from.object);
  }
  if (!make_like(from)) return false;
  const Status status = copy_array(from, *this, stream);
  if (!status.ok()) PyErr_SetString(PyExc_RuntimeError, status.message().c_str());
  return status.ok();
}

bool Workspace::make(size_t bytes) {
  const int64_t size = int64_t(bytes);
  return bytes == 0 || memory_.make(1, &size, PYNN_UINT8);
}

Status copy_array(const Array& from, const Array& to, cudaStream_t stream) {
  Spread source, target;
  const Operand operands[] = {source.over(to.ndim, to.shape, from), target.over(to.ndim, to.shape, to)};
  return copy(to.ndim, to.shape, operands, stream);
}

bool same_shape(const Array& a, const Array& b) {
  if (a.ndim != b.ndim) return false;
  for (int i = 0; i < a.ndim; ++i) {
    if (a.shape[i] != b.shape[i]) return false;
  }
  return true;
}

bool broadcast(int* ndim, int64_t* shape, const Array& b) {
  const int most = b.ndim > *ndim ? b.ndim : *ndim;
  int64_t out[PYNN_MAX_DIMS];
  for (int i = 1; i <= most; ++i) {  // from the last dimension
    const int64_t own = i <= b.ndim ? b.shape[b.ndim - i] : 1, known = i <= *ndim ? shape[*ndim - i] : 1;
    if (own != known && own != 1 && known != 1) return false;
    out[most - i] = known == 1 ? own : known;
  }
  *ndim = most;
  for (int i = 0; i < most; ++i) shape[i] = out[i];
  return true;
}

bool safe_alias(const Array& a, const Array& b) {
  if (a.size() == 0 || b.size() == 0) return true;
  bool same = a.data == b.data && a.dtype == b.dtype && same_shape(a, b);
  for (int i = 0; same && i < a.ndim; ++i) same = a.shape[i] == 1 || a.strides[i] == b.strides[i];
  if (same) return true;
  const auto range = [](const Array& x, char** low, char** high) {
    *low = *high = x.data;
    for (int i = 0; i < x.ndim; ++i) (x.strides[i] < 0 ? *low : *high) += x.strides[i] * (x.shape[i] - 1);
    *high += size_of(x.dtype);
  };
  char *low_a, *high_a, *low_b, *high_b;
  range(a, &low_a, &high_a);
  range(b, &low_b, &high_b);
  return high_a <= low_b || high_b <= low_a;
}

Operand Spread::over(int ndim, const int64_t* shape, const Array& x) {
  for (int i = 0; i < ndim; ++i) {
    const int own = i - (ndim - x.ndim);
    strides[i] = own < 0 || (x.shape[own] == 1 && shape[i] != 1) ? 0 : x.strides[own];
  }
  Operand out;
  out.data = x.data;
  out.strides = strides;
  out.dtype = x.dtype;
  return out;
}

bool shape_of(PyObject* object, int* ndim, int64_t* shape) {
  const bool found = read_sizes(object, name_shape, ndim, shape);
  if (!found) PyErr_Clear();
  return found;
}

bool current_stream(cudaStream_t* out) {
  PyObject* stream = PyObject_CallNoArgs(get_current_stream);
  PyObject* pointer = stream ? PyObject_GetAttr(stream, name_ptr) : nullptr;
  Py_XDECREF(stream);
  const unsigned long long address = pointer ? PyLong_AsUnsignedLongLong(pointer) : 0;
  Py_XDECREF(pointer);
  if (PyErr_Occurred()) return false;
  *out = reinterpret_cast<cudaStream_t>(address);
  return true;
}

PyObject* finish(const Status& status, const Call& call, PyObject* result) {
  if (status.ok()) return result;
  Py_XDECREF(result);
  if (status.code() == PYNN_UNSUPPORTED) return not_mine();
  std::string shapes;
  const auto add = [&](PyObject* object) {
    const std::string text = shape_text(object);
    if (!text.empty()) shapes += (shapes.empty() ? "" : ", ") + text;
  };
  for (Py_ssize_t i = 0; i < call.count; ++i) {
    PyObject* own = call.args[i];
    add(own);
    for (Py_ssize_t j = 0; PyTuple_Check(own) && j < PyTuple_GET_SIZE(own); ++j)
      add(PyTuple_GET_ITEM(own, j));
  }
  const auto* kernel = static_cast<const Kernel*>(PyCapsule_GetPointer(call.self, nullptr));
  PyErr_Format(PyExc_RuntimeError, "the CUDA kernel of %s failed on %s: %s", kernel->name, shapes.c_str(),
               status.message().c_str());
  return nullptr;
}

PyObject* finish_all(const Status& status, const Call& call, Array* const* results, int count) {
  if (!status.ok()) return finish(status, call, nullptr);
  PyObject* all = PyTuple_New(count);
  for (int i = 0; all && i < count; ++i) PyTuple_SET_ITEM(all, i, results[i]->release());
  return all;
}

bool add_kernel(PyObject* kernels, const char* name, FastFunction function, const void* code) {
  if (PyDict_GetItemString(kernels, name)) {
    PyErr_Format(PyExc_RuntimeError, "two families register a kernel for '%s'", name);
    return false;
  }
  static std::deque<PyMethodDef> definitions;  // functions point to theirs for as long as they live
  static std::deque<Kernel> entries;
  definitions.push_back(
      {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function)), METH_FASTCALL, nullptr});
  entries.push_back({name, code});
  PyObject* self = PyCapsule_New(&entries.back(), nullptr, nullptr);
  PyObject* kernel = self ? PyCFunction_New(&definitions.back(), self) : nullptr;
  Py_XDECREF(self);
  const bool added = kernel && PyDict_SetItemString(kernels, name, kernel) == 0;
  Py_XDECREF(kernel);
  return added;
}

}  // namespace pynn::cuda
