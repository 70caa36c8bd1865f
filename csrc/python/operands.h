// Arrays of a kernel call as the C interface takes them: read as they lie or copied once, made anew, and given
// back when the call ends.
#pragma once
#include "arrays.h"

namespace pynn::python {

// A reference that is given back.
class Held {
 public:
  explicit Held(PyArrayObject* array = nullptr) : array_(array) {}
  ~Held() { Py_XDECREF(reinterpret_cast<PyObject*>(array_)); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  void take(PyArrayObject* array) {
    Py_XDECREF(reinterpret_cast<PyObject*>(array_));
    array_ = array;
  }
  PyArrayObject* get() const { return array_; }
  PyObject* release() {
    PyObject* object = reinterpret_cast<PyObject*>(array_);
    array_ = nullptr;
    return object;
  }
  explicit operator bool() const { return array_ != nullptr; }

 private:
  PyArrayObject* array_;
};

// An array as the kernels read it, described; `given` is false where None stands for it.
struct Input {
  Held array;
  pynn_array text;
  bool given = false;
  const pynn_array* pointer() const { return given ? &text : nullptr; }
};
struct Output {
  Held array;
  pynn_array text;
  pynn_array* pointer() { return array ? &text : nullptr; }
  // The array, or None where it was not asked for.
  PyObject* result() {
    if (array) return array.release();
    Py_RETURN_NONE;
  }
};

enum class Read { ok, not_mine, failed };

inline bool is_float_array(PyArrayObject* x, int dtype) {
  return x && plain_type(x) == dtype && PyArray_NDIM(x) <= PYNN_MAX_DIMS;
}

inline Read hold(PyArrayObject* x, bool as_is, Input* out) {
  if (as_is) {
    Py_INCREF(reinterpret_cast<PyObject*>(x));
    out->array.take(x);
  } else {
    PyArrayObject* copy = new_like(x);
    if (!copy) return Read::failed;
    out->array.take(copy);
    if (PyArray_CopyInto(copy, x) < 0) return Read::failed;
  }
  out->text = describe(out->array.get());
  out->given = true;
  return Read::ok;
}

inline bool make(Output* out, PyArrayObject* array) {
  if (!array) return false;
  out->array.take(array);
  out->text = describe(array);
  return true;
}

inline PyObject* without(Read found) { return found == Read::failed ? nullptr : not_mine(); }

// Returns from the kernel where an argument is not for it.
#define PYNN_READ(call) \
  if (const Read found = (call); found != Read::ok) return without(found)

// The result of a kernel that ran: `made()` on success, else as finish() says.
template <class F>
PyObject* ended(pynn_status status, const F& made) {
  if (status == PYNN_OK) return made();
  return finish(status, nullptr);
}

}  // namespace pynn::python
