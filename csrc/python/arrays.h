// NumPy arrays for the kernels: reading the ones that come in, making the ones that go out.
//
// Kernels on the hot path are METH_FASTCALL functions over these helpers, not pybind11
// functions: converting one argument through array_t costs more than a small kernel.
#pragma once

#include "values.h"

#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define NPY_TARGET_VERSION NPY_2_0_API_VERSION
#define PY_ARRAY_UNIQUE_SYMBOL pynn_numpy_api
#ifndef PYNN_IMPORT_NUMPY
#define NO_IMPORT_ARRAY
#endif
#include <numpy/arrayobject.h>

#include "pynn/pynn.h"

namespace pynn::python {

// Elements from which a kernel is worth releasing the interpreter lock for (some 10 us of work).
constexpr int64_t kReleaseGil = 1 << 15;

bool init_arrays();  // false with an exception set

inline PyArrayObject* as_array(PyObject* object) {
  return PyArray_CheckExact(object) ? reinterpret_cast<PyArrayObject*>(object) : nullptr;
}

// The type number of an aligned array in native byte order, -1 of any other.
inline int plain_type(PyArrayObject* array) {
  const bool plain = PyArray_ISALIGNED(array) && PyArray_DESCR(array)->byteorder != '>';
  return plain ? PyArray_TYPE(array) : -1;
}

// The type number that a numpy.dtype in native byte order names, -1 for anything else.
int type_of(PyObject* dtype);

// pynn_dtype of a NumPy type number, -1 if the kernels have none.
int dtype_of(int type_number);

inline bool same_shape(PyArrayObject* a, PyArrayObject* b) {
  const int ndim = PyArray_NDIM(a);
  if (ndim != PyArray_NDIM(b)) return false;
  const npy_intp *left = PyArray_DIMS(a), *right = PyArray_DIMS(b);
  for (int i = 0; i < ndim; ++i) {
    if (left[i] != right[i]) return false;
  }
  return true;
}

inline bool is_float(int type_number) { return type_number == NPY_FLOAT32 || type_number == NPY_FLOAT64; }

// The type number of bfloat16 (a dtype that a package adds to NumPy), -1 until it is known.
extern int bfloat16_type;
inline bool is_half(int type_number) {
  return type_number == NPY_FLOAT16 || (type_number == bfloat16_type && type_number >= 0);
}

inline bool is_dense_f32(PyArrayObject* array) {
  return array && plain_type(array) == NPY_FLOAT32 && PyArray_IS_C_CONTIGUOUS(array);
}

inline float* floats(PyArrayObject* array) { return static_cast<float*>(PyArray_DATA(array)); }

// Runs a kernel, without the interpreter lock where there is work enough to release it for.
template <class F>
pynn_status run(int64_t elements, const F& kernel) {
  if (elements < kReleaseGil) return kernel();
  PyThreadState* thread = PyEval_SaveThread();
  const pynn_status status = kernel();
  PyEval_RestoreThread(thread);
  return status;
}

// A new C-contiguous array over arena memory, 64-byte aligned, values not set.
PyArrayObject* new_array(int ndim, const npy_intp* shape, int type_number);
inline PyArrayObject* new_like(PyArrayObject* array) {
  return new_array(PyArray_NDIM(array), PyArray_DIMS(array), PyArray_TYPE(array));
}

// The dimensions of a pointwise result over `count` inputs that broadcast to `shape`, in the order they lie
// in memory, outermost first: that of the inputs' strides, the first input that tells two dimensions apart
// deciding, as in torch.
void order_of(int ndim, const npy_intp* shape, PyArrayObject* const* inputs, int count, int* order);

// The same as new_array, its dimensions in the order of the inputs'. NULL inputs are numbers.
PyArrayObject* new_ordered(int ndim, const npy_intp* shape, int type_number, PyArrayObject* const* inputs,
                           int count);
inline PyArrayObject* new_ordered_like(PyArrayObject* array, int type_number) {
  if (PyArray_IS_C_CONTIGUOUS(array)) return new_array(PyArray_NDIM(array), PyArray_DIMS(array), type_number);
  return new_ordered(PyArray_NDIM(array), PyArray_DIMS(array), type_number, &array, 1);
}

// The array itself, or a row-major copy of it, as a new reference; nullptr with an exception set.
PyArrayObject* row_major(PyArrayObject* array);
PyArrayObject* row_major_copy(PyArrayObject* array);

// Whether nobody else can hold a view of the array's memory, and it is row-major.
bool is_fresh(PyArrayObject* array);

// Whether the address ranges of two arrays overlap.
bool may_overlap(PyArrayObject* a, PyArrayObject* b);

// A description of the array for the C interface; it points into the array object.
pynn_array describe(PyArrayObject* array);

// The shape of an array, or of a `Like` (shape and dtype of an array that was not saved); false for anything
// else.
bool shape_of(PyObject* object, int* ndim, npy_intp* shape);

// A kernel's result after its C function ran: the array, None where it has no such kernel
// (the reference then says what is wrong, if anything is), MemoryError where memory ran out.
// Takes over the reference to `result`.
PyObject* finish(pynn_status status, PyObject* result);

// Adds a kernel to the `kernels` table. `code`, if given, reaches the function through `code_of(self)`.
bool add_kernel(PyObject* kernels, const char* name, FastFunction function, const void* code = nullptr);
template <class T>
const T* code_of(PyObject* self) {
  return static_cast<const T*>(PyCapsule_GetPointer(self, nullptr));
}

}  // namespace pynn::python
