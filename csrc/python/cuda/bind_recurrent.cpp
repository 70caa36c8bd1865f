// rnn, lstm, gru and their gradients: ../recurrent_call.h says what they are called with.
#include "../recurrent_call.h"

#include "arrays.h"
#include "kernels/recurrent/cuda.h"

namespace pynn::cuda {
namespace {

using namespace python;

// An array that may be missing, row-major when prepared.
struct Part {
  Array given, dense;
  // False where it is not an array of that dtype. None and null are no array.
  bool read(PyObject* object, int dtype) {
    if (object == nullptr || object == Py_None) return true;
    return given.read(object) && given.dtype == dtype && given.ndim <= 3;
  }
  // False with an exception set.
  bool prepare(cudaStream_t stream) { return !given || dense.make_dense(given, stream); }
  explicit operator bool() const { return bool(given); }
  void* data() const { return given ? dense.data : nullptr; }
  int dimensions() const { return given.ndim; }
  int64_t size(int dimension) const { return given.shape[dimension]; }
  bool is(std::initializer_list<int64_t> shape) const {
    if (!given || given.ndim != int(shape.size())) return false;
    for (int i = 0; i < given.ndim; ++i) {
      if (given.shape[i] != shape.begin()[i]) return false;
    }
    return true;
  }
};

using Layer = RecurrentCall<Part>;

bool read(Layer* call, PyObject* const* inputs, PyObject* const* attrs) {
  Array x;
  return x.read(inputs[0]) && call->read(x.dtype, inputs, attrs) && call->layer.batch > 0;
}
// Row-major arrays, and their pointers in the layer; false with an exception set.
bool prepare(Layer* call, cudaStream_t stream) {
  for (Part& part : call->part) {
    if (!part.prepare(stream)) return false;
  }
  call->point();
  return true;
}

PyObject* forward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const RecurrentKind& kind = *code_of<RecurrentKind>(self);
  Layer call(kind);
  if (count != kind.inputs + kind.attrs || !read(&call, args, args + kind.inputs)) return not_mine();
  const int dtype = call.layer.dtype;
  const int64_t states[2][2] = {{call.layer.batch, call.out}, {call.layer.batch, call.layer.hidden}}, none = 0;
  int64_t shape[3];
  Array y, h_n, c_n, held;
  Workspace room;
  cudaStream_t stream;
  bool made = current_stream(&stream) && prepare(&call, stream);
  made = made && y.make(call.shape(call.out, shape), shape, dtype) && h_n.make(2, states[0], dtype);
  if (call.lstm()) made = made && c_n.make(2, states[1], dtype);
  if (kind.held > 0) {
    made = made &&
           (call.keep ? held.make(call.shape(call.held_columns(), shape), shape, dtype) : held.make(1, &none, dtype));
  }
  if (!made || !room.make(recurrent_forward_bytes(call.layer))) return nullptr;
  const Status status =
      recurrent_forward(call.layer, call.part[kX].data(), call.part[kH].data(), call.part[kC].data(), y.data, h_n.data,
                        c_n.data, kind.held > 0 && call.keep ? held.data : nullptr, room.data(), stream);
  PyObject* result = call.lstm()     ? Py_BuildValue("(NNNN)", y.release(), h_n.release(), c_n.release(), held.release())
                     : kind.held > 0 ? Py_BuildValue("(NNN)", y.release(), h_n.release(), held.release())
                                     : Py_BuildValue("(NN)", y.release(), h_n.release());
  return finish(status, {self, args, count}, result);
}

PyObject* backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const RecurrentKind& kind = *code_of<RecurrentKind>(self);
  RecurrentBackward back;
  Layer call(kind);
  RecurrentGradients<Part> arrays;
  if (!back.read(kind, args, count) || !read(&call, back.inputs, back.attrs) || !call.keep ||
      !arrays.read(call, back, args[0])) {
    return not_mine();
  }
  cudaStream_t stream;
  bool made = current_stream(&stream) && prepare(&call, stream) && arrays.y.prepare(stream) &&
              arrays.held.prepare(stream);
  for (Part& grad : arrays.grads) made = made && grad.prepare(stream);
  arrays.point(call);
  Array results[kPlaces];
  for (int i = 0; made && i < kind.inputs; ++i) {
    if (!arrays.wanted(call, back.needs, i)) continue;
    const RecurrentPlace place = kind.places[i];
    made = arrays.is_bias(place) ? results[i].make(1, &call.rows, call.layer.dtype)
                                 : results[i].make_like(call.part[place].given);
    *arrays.to[place] = results[i].data;
  }
  Workspace room;
  if (!made || !room.make(recurrent_backward_bytes(call.layer, arrays.g))) return nullptr;
  const Status status = recurrent_backward(call.layer, arrays.g, room.data(), stream);
  PyObject* tuple = PyTuple_New(kind.inputs);
  for (int i = 0; tuple && i < kind.inputs; ++i) PyTuple_SET_ITEM(tuple, i, results[i].release());
  return tuple ? finish(status, {self, args, count}, tuple) : nullptr;
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

}  // namespace pynn::cuda
