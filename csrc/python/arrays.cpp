#define PYNN_IMPORT_NUMPY
#include "arrays.h"

#include <deque>

namespace pynn::python {
namespace {

// An arena block as the object that owns an array's memory: the object lies in the 64 bytes
// before the data, so one allocation serves both.
constexpr size_t kHeader = 64;
struct Block {
  PyObject_HEAD Py_ssize_t bytes;
};
static_assert(sizeof(Block) <= kHeader, "the block's header must fit before the data");

void block_dealloc(PyObject* self) { pynn_free(self); }

// A writable buffer lets NumPy switch an array's writeable flag off and on again.
int block_buffer(PyObject* self, Py_buffer* view, int flags) {
  return PyBuffer_FillInfo(view, self, reinterpret_cast<char*>(self) + kHeader,
                           reinterpret_cast<Block*>(self)->bytes, 0, flags);
}

PyBufferProcs block_as_buffer = {block_buffer, nullptr};

PyTypeObject block_type = [] {
  PyTypeObject type = {PyVarObject_HEAD_INIT(nullptr, 0)};
  type.tp_name = "pynn._native.Block";
  type.tp_basicsize = sizeof(Block);
  type.tp_dealloc = block_dealloc;
  type.tp_flags = Py_TPFLAGS_DEFAULT;
  type.tp_as_buffer = &block_as_buffer;
  type.tp_doc = "A block of arena memory that an array lies in.";
  return type;
}();

}  // namespace

int bfloat16_type = -1;

bool init_arrays() {
  if (_import_array() < 0) return false;
  return PyType_Ready(&block_type) == 0;
}

int type_of(PyObject* dtype) {
  if (!PyArray_DescrCheck(dtype)) return -1;
  const auto* descr = reinterpret_cast<PyArray_Descr*>(dtype);
  return descr->byteorder == '>' ? -1 : descr->type_num;
}

int dtype_of(int type_number) {
  switch (type_number) {
    case NPY_BOOL:
      return PYNN_BOOL;
    case NPY_UINT8:
      return PYNN_UINT8;
    case NPY_INT8:
      return PYNN_INT8;
    case NPY_INT16:
      return PYNN_INT16;
    case NPY_INT32:
      return PYNN_INT32;
    case NPY_FLOAT16:
      return PYNN_FLOAT16;
    case NPY_FLOAT32:
      return PYNN_FLOAT32;
    case NPY_FLOAT64:
      return PYNN_FLOAT64;
    default:
      if (type_number == bfloat16_type && type_number >= 0) return PYNN_BFLOAT16;
      return type_number == NPY_INT64 ? PYNN_INT64 : -1;
  }
}

namespace {

// strides: in bytes, or nullptr for row-major.
PyArrayObject* allocate(int ndim, const npy_intp* shape, const npy_intp* strides, int type_number) {
  PyArray_Descr* descr = PyArray_DescrFromType(type_number);
  npy_intp bytes = PyDataType_ELSIZE(descr);
  bool empty = false, too_many = false;
  for (int i = 0; i < ndim; ++i) {
    if (shape[i] == 0) {
      empty = true;
    } else {
      too_many = too_many || __builtin_mul_overflow(bytes, shape[i], &bytes);
    }
  }
  if (empty) bytes = 0;
  auto* block = too_many && !empty ? nullptr : static_cast<Block*>(pynn_alloc(kHeader + size_t(bytes)));
  if (!block) {
    Py_DECREF(descr);
    if (too_many) {
      PyErr_SetString(PyExc_MemoryError, "pynn could not get memory for a result of more than 2**63 bytes.");
    } else {
      PyErr_Format(PyExc_MemoryError, "pynn could not get %zd bytes for a result; free some tensors first.",
                   bytes);
    }
    return nullptr;
  }
  PyObject_Init(reinterpret_cast<PyObject*>(block), &block_type);
  block->bytes = bytes;
  PyObject* array = PyArray_NewFromDescr(&PyArray_Type, descr, ndim, shape, strides,
                                         reinterpret_cast<char*>(block) + kHeader, NPY_ARRAY_CARRAY, nullptr);
  if (!array) {
    Py_DECREF(reinterpret_cast<PyObject*>(block));
    return nullptr;
  }
  // Set directly: PyArray_SetBaseObject first looks for a chain of views to collapse.
  reinterpret_cast<PyArrayObject_fields*>(array)->base = reinterpret_cast<PyObject*>(block);
  return reinterpret_cast<PyArrayObject*>(array);
}

}  // namespace

PyArrayObject* new_array(int ndim, const npy_intp* shape, int type_number) {
  return allocate(ndim, shape, nullptr, type_number);
}

void order_of(int ndim, const npy_intp* shape, PyArrayObject* const* inputs, int count, int* order) {
  const auto step = [&](PyArrayObject* x, int dim) -> npy_intp {
    const int own = dim - (ndim - PyArray_NDIM(x));
    if (own < 0 || (PyArray_DIM(x, own) == 1 && shape[dim] != 1)) return 0;
    return PyArray_STRIDE(x, own) < 0 ? -PyArray_STRIDE(x, own) : PyArray_STRIDE(x, own);
  };
  // Whether dimension `outer` is to lie within dimension `inner`: 1, -1 for no, 0 where no input tells.
  const auto changes = [&](int inner, int outer) {
    for (int k = 0; k < count; ++k) {
      if (!inputs[k]) continue;
      const npy_intp a = step(inputs[k], inner), b = step(inputs[k], outer);
      if (a == 0 || b == 0) continue;
      if (a != b) return a > b ? 1 : -1;
      if (shape[inner] > shape[outer]) return 1;
    }
    return 0;
  };
  for (int i = ndim - 1; i >= 0; --i) {  // an insertion from the innermost on
    order[i] = i;
    int at = i;
    for (int j = i + 1; j < ndim; ++j) {
      const int found = changes(order[j], order[at]);
      if (found < 0) break;
      if (found > 0) {
        const int dim = order[j];
        order[j] = order[at];
        order[at] = dim;
        at = j;
      }
    }
  }
}

PyArrayObject* new_ordered(int ndim, const npy_intp* shape, int type_number, PyArrayObject* const* inputs,
                           int count) {
  int order[PYNN_MAX_DIMS];
  npy_intp strides[PYNN_MAX_DIMS];
  bool plain = true;
  for (int k = 0; k < count; ++k) plain = plain && (!inputs[k] || PyArray_IS_C_CONTIGUOUS(inputs[k]));
  if (plain || ndim > PYNN_MAX_DIMS) return new_array(ndim, shape, type_number);
  order_of(ndim, shape, inputs, count, order);
  PyArray_Descr* descr = PyArray_DescrFromType(type_number);
  npy_intp step = PyDataType_ELSIZE(descr);
  Py_DECREF(descr);
  for (int i = ndim - 1; i >= 0; --i) {
    strides[order[i]] = step;
    const npy_intp size = shape[order[i]] > 1 ? shape[order[i]] : 1;
    if (__builtin_mul_overflow(step, size, &step)) return new_array(ndim, shape, type_number);  // it says so
  }
  return allocate(ndim, shape, strides, type_number);
}

PyArrayObject* row_major(PyArrayObject* array) {
  if (!PyArray_IS_C_CONTIGUOUS(array)) return row_major_copy(array);
  Py_INCREF(array);
  return array;
}

PyArrayObject* row_major_copy(PyArrayObject* array) {
  PyArrayObject* copy = new_like(array);
  if (!copy) return nullptr;
  if (PyArray_NDIM(array) <= PYNN_MAX_DIMS && plain_type(array) >= 0 && dtype_of(PyArray_TYPE(array)) >= 0) {
    const pynn_array from = describe(array);
    pynn_array to = describe(copy);
    if (run(PyArray_SIZE(array), [&] { return pynn_copy(&from, &to); }) == PYNN_OK) return copy;
  }
  if (PyArray_CopyInto(copy, array) < 0) {
    Py_DECREF(copy);
    return nullptr;
  }
  return copy;
}

bool is_fresh(PyArrayObject* array) {
  PyObject* base = PyArray_BASE(array);
  return PyArray_IS_C_CONTIGUOUS(array) && (base == nullptr || Py_TYPE(base) == &block_type);
}

bool may_overlap(PyArrayObject* a, PyArrayObject* b) {
  auto range = [](PyArrayObject* x, const char** low, const char** high) {
    *low = *high = PyArray_BYTES(x);
    for (int i = 0; i < PyArray_NDIM(x); ++i) {
      if (PyArray_DIM(x, i) == 0) {
        *high = *low;
        return;
      }
      const npy_intp reach = (PyArray_DIM(x, i) - 1) * PyArray_STRIDE(x, i);
      (reach < 0 ? *low : *high) += reach;
    }
    *high += PyArray_ITEMSIZE(x);
  };
  const char *a_low, *a_high, *b_low, *b_high;
  range(a, &a_low, &a_high);
  range(b, &b_low, &b_high);
  return a_low < b_high && b_low < a_high;
}

pynn_array describe(PyArrayObject* array) {
  static_assert(sizeof(npy_intp) == sizeof(int64_t),
                "NumPy's sizes are 64-bit on the platforms we build for");
  pynn_array out;
  out.data = PyArray_DATA(array);
  out.shape = reinterpret_cast<const int64_t*>(PyArray_DIMS(array));
  out.strides = reinterpret_cast<const int64_t*>(PyArray_STRIDES(array));
  out.ndim = PyArray_NDIM(array);
  out.dtype = dtype_of(PyArray_TYPE(array));
  return out;
}

bool shape_of(PyObject* object, int* ndim, npy_intp* shape) {
  if (PyArrayObject* array = as_array(object)) {
    *ndim = PyArray_NDIM(array);
    if (*ndim > PYNN_MAX_DIMS) return false;
    for (int i = 0; i < *ndim; ++i) shape[i] = PyArray_DIM(array, i);
    return true;
  }
  PyObject* sizes = PyObject_GetAttrString(object, "shape");
  if (!sizes) {
    PyErr_Clear();
    return false;
  }
  bool ok = PyTuple_Check(sizes) && PyTuple_GET_SIZE(sizes) <= PYNN_MAX_DIMS;
  *ndim = ok ? int(PyTuple_GET_SIZE(sizes)) : 0;
  for (int i = 0; ok && i < *ndim; ++i) {
    shape[i] = PyLong_AsSsize_t(PyTuple_GET_ITEM(sizes, i));
    ok = shape[i] >= 0;
  }
  Py_DECREF(sizes);
  if (PyErr_Occurred()) PyErr_Clear();
  return ok;
}

PyObject* finish(pynn_status status, PyObject* result) {
  if (status == PYNN_OK) return result;
  Py_XDECREF(result);
  if (status == PYNN_NO_MEMORY) {
    PyErr_SetString(PyExc_MemoryError, pynn_last_error());
    return nullptr;
  }
  return not_mine();
}

bool add_kernel(PyObject* kernels, const char* name, FastFunction function, const void* code) {
  if (PyDict_GetItemString(kernels, name)) {
    PyErr_Format(PyExc_RuntimeError, "two families register a kernel for '%s'", name);
    return false;
  }
  static std::deque<PyMethodDef> definitions;  // functions point to theirs for as long as they live
  definitions.push_back(
      {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function)), METH_FASTCALL, nullptr});
  PyObject* self = code ? PyCapsule_New(const_cast<void*>(code), nullptr, nullptr) : nullptr;
  if (code && !self) return false;
  PyObject* kernel = PyCFunction_New(&definitions.back(), self);
  Py_XDECREF(self);
  const bool added = kernel && PyDict_SetItemString(kernels, name, kernel) == 0;
  Py_XDECREF(kernel);
  return added;
}

}  // namespace pynn::python
