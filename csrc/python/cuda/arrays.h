// Arrays on a GPU for the kernels: reading the ones that come in, making the ones that go out.
//
// They are objects of the array module that use() was given (CuPy): `.data.ptr`, `.shape`, `.strides`, `.dtype` are
// read; results are made by its `empty(shape, dtype)`; work goes onto the stream its
// `cuda.get_current_stream().ptr` names. The interpreter lock is kept: a launch takes a few microseconds.
#pragma once

#include "../values.h"
#include "cuda/device.h"
#include "cuda/status.h"
#include "cuda/strided.h"
#include "pynn/pynn.h"

namespace pynn::cuda {

using python::FastFunction;
using python::has_items;
using python::integer;
using python::integers;
using python::not_mine;
using python::number;
using python::read_needs;
using python::truth;

// An array as it lies on the GPU. Borrowed from the caller, or owned where it was made here.
class Array {
 public:
  Array() = default;
  ~Array() { Py_XDECREF(owned_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  // False for anything but an array that kernels can take (dtype, at most PYNN_MAX_DIMS dimensions); no exception is set.
  bool read(PyObject* object);
  // A new C-contiguous one, values not set; false with an exception set.
  bool make(int ndim, const int64_t* shape, int dtype);
  bool make_like(const Array& other) { return make(other.ndim, other.shape, other.dtype); }
  // The same with its dimensions in the order in which they lie in the inputs, as torch: the first input that tells
  // two dimensions apart decides. Null inputs are numbers.
  bool make_ordered(int ndim, const int64_t* shape, int dtype, const Array* const* inputs, int count);
  // With its dimensions in that order from the outermost to the innermost.
  bool make_laid_out(int ndim, const int64_t* shape, int dtype, const int64_t* order);
  // `from` itself where it is C-contiguous, else a copy that is; false with an exception set.
  bool make_dense(const Array& from, cudaStream_t stream);

  // The object, handed to the caller; None where there is none.
  PyObject* release();
  // A new reference to the object, made here or borrowed.
  PyObject* reference() const {
    Py_INCREF(object);
    return object;
  }

  bool is_dense() const;  // C-contiguous
  int64_t size() const {
    int64_t n = 1;
    for (int i = 0; i < ndim; ++i) n *= shape[i];
    return n;
  }
  explicit operator bool() const { return object != nullptr; }
  template <class T>
  T* pointer() const {
    return reinterpret_cast<T*>(data);
  }
  int64_t item() const { return int64_t(size_of(dtype)); }  // bytes of an element

  PyObject* object = nullptr;
  char* data = nullptr;
  int dtype = -1;  // pynn_dtype
  int ndim = 0;
  int64_t shape[PYNN_MAX_DIMS];
  int64_t strides[PYNN_MAX_DIMS];  // in bytes

 private:
  bool read_object(PyObject* made);
  PyObject* owned_ = nullptr;
};

bool same_shape(const Array& a, const Array& b);
// The shape that both broadcast to; false where there is none.
bool broadcast(int* ndim, int64_t* shape, const Array& b);
// Whether they share no memory, or are the same element for element.
bool safe_alias(const Array& a, const Array& b);

inline bool is_float(int dtype) { return dtype >= PYNN_FLOAT16 && dtype <= PYNN_FLOAT64; }

// An operand of a pointwise launch over `shape`: an array, its strides 0 where it is broadcast, or a number.
struct Spread {
  int64_t strides[PYNN_MAX_DIMS];
  Operand over(int ndim, const int64_t* shape, const Array& x);
  static Operand of(double number, int dtype) {
    Operand out;
    out.dtype = dtype;
    out.number = number;
    out.whole = int64_t(number);
    return out;
  }
};

// The same elements in the same dtype; shapes are equal, strides any.
Status copy_array(const Array& from, const Array& to, cudaStream_t stream);

// Memory of a launch, freed when it goes out of scope: CuPy's pool hands it out again in the stream's order.
class Workspace {
 public:
  // False with an exception set. No bytes are no memory.
  bool make(size_t bytes);
  void* data() const { return memory_.data; }

 private:
  Array memory_;
};

// ---- arguments ----

// The pynn_dtype of a numpy.dtype, -1 of anything else.
int dtype_of(PyObject* object);

// The shape of an array, or of a `Like` (shape and dtype of an array that was not saved); false for anything else.
bool shape_of(PyObject* object, int* ndim, int64_t* shape);

// ---- results ----

// A kernel's own call, kept to say what failed.
struct Call {
  PyObject* self;
  PyObject* const* args;
  Py_ssize_t count;
};
// The result after a launch: `result` (a reference taken over), None where there is no such kernel, else
// RuntimeError naming the op and the shapes of its arguments.
PyObject* finish(const Status& status, const Call& call, PyObject* result);

// The same of several results: a tuple of them, None for each that was not made.
PyObject* finish_all(const Status& status, const Call& call, Array* const* results, int count);

// The stream that CuPy works on now; false with an exception set.
bool current_stream(cudaStream_t* out);

// ---- the table ----

struct Kernel {
  const char* name;
  const void* code;
};
// Adds a kernel to the table. `code`, if given, reaches the function through `code_of(self)`.
bool add_kernel(PyObject* kernels, const char* name, FastFunction function, const void* code = nullptr);
template <class T>
const T* code_of(PyObject* self) {
  return static_cast<const T*>(static_cast<const Kernel*>(PyCapsule_GetPointer(self, nullptr))->code);
}

// The array module: has `ndarray`, `empty`, and `cuda.get_current_stream`. False with an exception set.
bool use(PyObject* module);

// Each adds its family's kernels; false with an exception set.
#define PYNN_BINDING(family) bool register_##family(PyObject* kernels);
#include "families.inc"
#undef PYNN_BINDING

}  // namespace pynn::cuda
