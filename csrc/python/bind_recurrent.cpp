// rnn, lstm, gru and their gradients: recurrent_call.h says what they are called with.
#include "recurrent_call.h"

#include "bindings.h"

namespace pynn::python {
namespace {

// An array and, if it was not row-major, the copy that stands in for it.
class Dense {
 public:
  Dense() = default;
  ~Dense() { Py_XDECREF(array_); }
  Dense(const Dense&) = delete;
  Dense& operator=(const Dense&) = delete;
  // False with an exception set, or where it is not an array of that dtype. None and null are no array.
  bool read(PyObject* object, int dtype) {
    if (object == nullptr || object == Py_None) return true;
    PyArrayObject* x = as_array(object);
    if (!x || dtype_of(plain_type(x)) != dtype || PyArray_NDIM(x) > 3) return false;
    array_ = row_major(x);
    return array_ != nullptr;
  }
  explicit operator bool() const { return array_ != nullptr; }
  PyArrayObject* get() const { return array_; }
  void* data() const { return array_ ? PyArray_DATA(array_) : nullptr; }
  int dimensions() const { return PyArray_NDIM(array_); }
  int64_t size(int dimension) const { return PyArray_DIM(array_, dimension); }
  bool is(std::initializer_list<npy_intp> shape) const {
    if (!array_ || PyArray_NDIM(array_) != int(shape.size())) return false;
    return PyArray_CompareLists(PyArray_DIMS(array_), shape.begin(), int(shape.size()));
  }

 private:
  PyArrayObject* array_ = nullptr;
};

using Call = RecurrentCall<Dense>;

bool read(Call* call, PyObject* const* inputs, PyObject* const* attrs) {
  PyArrayObject* x = as_array(inputs[0]);
  if (!x || !call->read(dtype_of(plain_type(x)), inputs, attrs)) return false;
  call->point();
  return true;
}

// Elements' worth of work, for run().
int64_t work(const Call& call) { return call.total * call.rows * (call.layer.input + call.out); }

// None, unless an exception is set.
PyObject* not_taken() { return PyErr_Occurred() ? nullptr : not_mine(); }

PyObject* forward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const RecurrentKind& kind = *code_of<RecurrentKind>(self);
  if (count != kind.inputs + kind.attrs) return not_mine();
  Call call(kind);
  if (!read(&call, args, args + kind.inputs)) return not_taken();
  const int type = PyArray_TYPE(call.part[kX].get()), last = kind.outputs - 1;
  const npy_intp states[2][2] = {{call.layer.batch, call.out}, {call.layer.batch, call.layer.hidden}}, none = 0;
  npy_intp shape[3];
  PyArrayObject* made[4] = {};
  made[0] = new_array(call.shape(call.out, shape), shape, type);
  made[1] = made[0] ? new_array(2, states[0], type) : nullptr;
  if (call.lstm() && made[1]) made[2] = new_array(2, states[1], type);
  if (kind.held && made[last - 1]) {
    made[last] = call.keep ? new_array(call.shape(call.held_columns(), shape), shape, type) : new_array(1, &none, type);
  }
  PyObject* result = made[last] ? PyTuple_New(kind.outputs) : nullptr;
  if (!result) {
    for (PyArrayObject* array : made) Py_XDECREF(array);
    return nullptr;
  }
  const auto at = [&](int i) { return made[i] ? PyArray_DATA(made[i]) : nullptr; };
  for (int i = 0; i <= last; ++i) PyTuple_SET_ITEM(result, i, reinterpret_cast<PyObject*>(made[i]));
  const pynn_status status = run(work(call), [&] {
    return pynn_recurrent_forward(&call.layer, call.part[kX].data(), call.part[kH].data(), call.part[kC].data(), at(0),
                                  at(1), call.lstm() ? at(2) : nullptr, kind.held && call.keep ? at(last) : nullptr);
  });
  return finish(status, result);
}

PyObject* backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const RecurrentKind& kind = *code_of<RecurrentKind>(self);
  RecurrentBackward back;
  Call call(kind);
  RecurrentGradients<Dense> arrays;
  if (!back.read(kind, args, count)) return not_mine();
  if (!read(&call, back.inputs, back.attrs) || !call.keep || !arrays.read(call, back, args[0])) return not_taken();
  arrays.point(call);
  PyObject* result = PyTuple_New(kind.inputs);
  for (int i = 0; result && i < kind.inputs; ++i) {
    PyObject* made = Py_None;
    if (arrays.wanted(call, back.needs, i)) {
      const RecurrentPlace place = kind.places[i];
      PyArrayObject* array = arrays.is_bias(place)
                                 ? new_array(1, &call.rows, PyArray_TYPE(call.part[kX].get()))
                                 : new_like(call.part[place].get());
      if (!array) {
        Py_DECREF(result);
        return nullptr;
      }
      *arrays.to[place] = PyArray_DATA(array);
      made = reinterpret_cast<PyObject*>(array);
    } else {
      Py_INCREF(made);
    }
    PyTuple_SET_ITEM(result, i, made);
  }
  if (!result) return nullptr;
  const pynn_status status = run(work(call), [&] { return pynn_recurrent_backward(&call.layer, &arrays.g); });
  return finish(status, result);
}

}  // namespace

bool register_recurrent(PyObject* kernels) {
  bool ok = true;
  for (const RecurrentKind* kind : {&kRnn, &kLstm, &kGru}) {
    ok = ok && add_kernel(kernels, kind->name, forward_kernel, kind) &&
         add_kernel(kernels, kind->backward_name, backward_kernel, kind);
  }
  return ok;
}

}  // namespace pynn::python
