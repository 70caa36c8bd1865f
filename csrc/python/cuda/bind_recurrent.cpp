// rnn(x, h, w_ih, w_hh, b_ih, b_hh, activation, reverse, sizes) -> (y, h_n),
// lstm(x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, reverse, sizes, keep) -> (y, h_n, c_n, held),
// gru(x, h, w_ih, w_hh, b_ih, b_hh, reverse, sizes, keep) -> (y, h_n, held), and their gradients.
#include <initializer_list>
#include <vector>

#include "arrays.h"
#include "kernels/recurrent/cuda.h"

namespace pynn::cuda {
namespace {

enum Place { kX, kH, kC, kWih, kWhh, kBih, kBhh, kWhr, kPlaces };

struct Kind {
  const char* name;
  const char* backward_name;
  int inputs, outputs, attrs, gates, held;  // held: elements of a unit
  Place places[kPlaces];                    // of the inputs, in order
};
constexpr Kind kRnn = {"rnn", "rnn.backward", 6, 2, 3, 1, 0, {kX, kH, kWih, kWhh, kBih, kBhh}};
constexpr Kind kLstm = {"lstm", "lstm.backward", 8, 4, 3, 4, 5, {kX, kH, kC, kWih, kWhh, kBih, kBhh, kWhr}};
constexpr Kind kGru = {"gru", "gru.backward", 6, 3, 3, 3, 4, {kX, kH, kWih, kWhh, kBih, kBhh}};

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
  bool is(std::initializer_list<int64_t> shape) const {
    if (!given || given.ndim != int(shape.size())) return false;
    for (int i = 0; i < given.ndim; ++i) {
      if (given.shape[i] != shape.begin()[i]) return false;
    }
    return true;
  }
  bool is_or_none(std::initializer_list<int64_t> shape) const { return !given || is(shape); }
};

// What a call's inputs and attrs come to.
struct Layer {
  const Kind& kind;
  Part part[kPlaces];
  std::vector<int64_t> sizes;
  pynn_recurrent layer = {};
  bool keep = true;
  int dtype = -1;
  int64_t total = 0, out = 0, rows = 0;  // rows of x; size of h; of the weights

  explicit Layer(const Kind& the_kind) : kind(the_kind) {}

  // y's shape: (steps, batch, columns), or with sizes (total, columns). Returns how many dimensions.
  int shape(int64_t columns, int64_t* to) const {
    if (!sizes.empty()) {
      to[0] = total, to[1] = columns;
      return 2;
    }
    to[0] = layer.steps, to[1] = layer.batch, to[2] = columns;
    return 3;
  }
  bool whole(const Part& x, int64_t columns) const {
    return sizes.empty() ? x.is({layer.steps, layer.batch, columns}) : x.is({total, columns});
  }
  int64_t held_columns() const { return kind.held * layer.hidden; }

  // False where this is not a call the kernels take.
  bool read(PyObject* const* inputs, PyObject* const* attrs) {
    Array x;
    if (!x.read(inputs[0]) || (x.dtype != PYNN_FLOAT32 && x.dtype != PYNN_FLOAT64) || !read_attrs(attrs)) return false;
    dtype = x.dtype;
    for (int i = 0; i < kind.inputs; ++i) {
      if (!part[kind.places[i]].read(inputs[i], dtype)) return false;
    }
    return read_sizes();
  }
  // Row-major arrays, and their pointers in the layer; false with an exception set.
  bool prepare(cudaStream_t stream) {
    for (Part& own : part) {
      if (!own.prepare(stream)) return false;
    }
    layer.w_ih = part[kWih].data();
    layer.w_hh = part[kWhh].data();
    layer.b_ih = part[kBih].data();
    layer.b_hh = part[kBhh].data();
    layer.w_hr = part[kWhr].data();
    return true;
  }

 private:
  static bool truth(PyObject* object, bool* to) {
    *to = object == Py_True;
    return PyBool_Check(object);
  }

  bool read_attrs(PyObject* const* attrs) {
    bool reverse;
    if (&kind == &kRnn) {
      if (!PyUnicode_Check(attrs[0])) return false;
      const bool relu = PyUnicode_CompareWithASCIIString(attrs[0], "relu") == 0;
      if (!relu && PyUnicode_CompareWithASCIIString(attrs[0], "tanh") != 0) return false;
      layer.cell = relu ? PYNN_CELL_RNN_RELU : PYNN_CELL_RNN_TANH;
      ++attrs;
    } else {
      layer.cell = &kind == &kLstm ? PYNN_CELL_LSTM : PYNN_CELL_GRU;
      if (!truth(attrs[2], &keep)) return false;
    }
    if (!truth(attrs[0], &reverse)) return false;
    layer.reverse = reverse;
    if (attrs[1] == Py_None) return true;
    if (!PyTuple_Check(attrs[1]) || PyTuple_GET_SIZE(attrs[1]) == 0) return false;
    sizes.resize(size_t(PyTuple_GET_SIZE(attrs[1])));
    return integers(attrs[1], int(sizes.size()), sizes.data());
  }

  bool read_sizes() {
    const int ndim = sizes.empty() ? 3 : 2;
    const Array &x = part[kX].given, &w_hh = part[kWhh].given;
    if (!x || x.ndim != ndim || !w_hh || w_hh.ndim != 2) return false;
    rows = w_hh.shape[0];
    out = w_hh.shape[1];
    const int64_t hidden = rows / kind.gates;
    layer.dtype = dtype;
    layer.hidden = hidden;
    layer.input = x.shape[ndim - 1];
    if (sizes.empty()) {
      layer.steps = x.shape[0];
      layer.batch = x.shape[1];
      total = layer.steps * layer.batch;
    } else {
      layer.steps = int64_t(sizes.size());
      layer.batch = sizes[0];
      int64_t before = layer.batch;
      for (int64_t size : sizes) {
        if (size < 1 || size > before) return false;
        before = size;
        total += size;
      }
      if (x.shape[0] != total) return false;
      layer.sizes = sizes.data();
    }
    if (rows == 0 || rows % kind.gates || out == 0 || layer.steps < 1 || layer.batch < 1) return false;
    const int64_t batch = layer.batch, input = layer.input;
    layer.projection = part[kWhr] ? out : 0;
    return part[kH].is({batch, out}) && part[kWih].is({rows, input}) && part[kBih].is_or_none({rows}) &&
           part[kBhh].is_or_none({rows}) && part[kWhr].is_or_none({out, hidden}) && (part[kWhr] || out == hidden) &&
           (&kind != &kLstm || part[kC].is({batch, hidden}));
  }
};

PyObject* forward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const Kind& kind = *code_of<Kind>(self);
  Layer call(kind);
  if (count != kind.inputs + kind.attrs || !call.read(args, args + kind.inputs)) return not_mine();
  const bool lstm = &kind == &kLstm;
  const int64_t states[2][2] = {{call.layer.batch, call.out}, {call.layer.batch, call.layer.hidden}}, none = 0;
  int64_t shape[3];
  Array y, h_n, c_n, held;
  Workspace room;
  cudaStream_t stream;
  bool made = current_stream(&stream) && call.prepare(stream);
  made = made && y.make(call.shape(call.out, shape), shape, call.dtype) && h_n.make(2, states[0], call.dtype);
  if (lstm) made = made && c_n.make(2, states[1], call.dtype);
  if (kind.held > 0) {
    made = made && (call.keep ? held.make(call.shape(call.held_columns(), shape), shape, call.dtype)
                              : held.make(1, &none, call.dtype));
  }
  if (!made || !room.make(recurrent_forward_bytes(call.layer))) return nullptr;
  const Status status =
      recurrent_forward(call.layer, call.part[kX].data(), call.part[kH].data(), call.part[kC].data(), y.data, h_n.data,
                        c_n.data, kind.held > 0 && call.keep ? held.data : nullptr, room.data(), stream);
  PyObject* result = lstm            ? Py_BuildValue("(NNNN)", y.release(), h_n.release(), c_n.release(), held.release())
                     : kind.held > 0 ? Py_BuildValue("(NNN)", y.release(), h_n.release(), held.release())
                                     : Py_BuildValue("(NN)", y.release(), h_n.release());
  return finish(status, {self, args, count}, result);
}

// (gradients of the outputs, (outputs, inputs ...), attrs, needs)
PyObject* backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const Kind& kind = *code_of<Kind>(self);
  // The tape gives a list of gradients, a replay a tuple.
  if (count != 4 || !(PyList_Check(args[0]) || PyTuple_Check(args[0])) || Py_SIZE(args[0]) != kind.outputs ||
      !has_items(args[1], 1 + kind.inputs) || !has_items(args[2], kind.attrs)) {
    return not_mine();
  }
  PyObject* outputs = PyTuple_GET_ITEM(args[1], 0);
  int64_t needs;
  if (!has_items(outputs, kind.outputs) || !read_needs(args[3], &needs)) return not_mine();
  PyObject *inputs[kPlaces], *attrs[3];
  for (int i = 0; i < kind.inputs; ++i) inputs[i] = PyTuple_GET_ITEM(args[1], 1 + i);
  for (int i = 0; i < kind.attrs; ++i) attrs[i] = PyTuple_GET_ITEM(args[2], i);
  Layer call(kind);
  if (!call.read(inputs, attrs) || !call.keep) return not_mine();
  const bool lstm = &kind == &kLstm;
  const int last = kind.outputs - 1;
  Part y, held, grads[4];
  if (!y.read(PyTuple_GET_ITEM(outputs, 0), call.dtype) || !call.whole(y, call.out)) return not_mine();
  if (kind.held > 0 &&
      (!held.read(PyTuple_GET_ITEM(outputs, last), call.dtype) || !call.whole(held, call.held_columns()))) {
    return not_mine();
  }
  for (int i = 0; i < kind.outputs; ++i) {
    Part& g = grads[i];
    if (!g.read(PySequence_Fast_GET_ITEM(args[0], i), call.dtype)) return not_mine();
    const bool fits = !g               ? true
                      : i == 0         ? call.whole(g, call.out)
                      : i == 1         ? g.is({call.layer.batch, call.out})
                      : lstm && i == 2 ? g.is({call.layer.batch, call.layer.hidden})
                                       : call.whole(g, call.held_columns());
    if (!fits) return not_mine();
  }
  cudaStream_t stream;
  bool made = current_stream(&stream) && call.prepare(stream) && y.prepare(stream) && held.prepare(stream);
  for (Part& g : grads) made = made && g.prepare(stream);
  pynn_recurrent_gradients g = {};
  g.x = call.part[kX].data();
  g.h0 = call.part[kH].data();
  g.c0 = call.part[kC].data();
  g.y = y.data();
  g.held = held.data();
  g.dy = grads[0].data();
  g.dh_n = grads[1].data();
  g.dc_n = lstm ? grads[2].data() : nullptr;
  g.dheld = kind.held > 0 ? grads[last].data() : nullptr;
  void** const to[kPlaces] = {&g.dx, &g.dh0, &g.dc0, &g.dw_ih, &g.dw_hh, &g.db_ih, &g.db_hh, &g.dw_hr};
  Array results[kPlaces];
  for (int i = 0; made && i < kind.inputs; ++i) {
    const Place place = kind.places[i];
    const bool bias = place == kBih || place == kBhh;  // backward reads none, so it may not have been saved
    if (!(needs >> i & 1) || !(bias || call.part[place])) continue;
    made = bias ? results[i].make(1, &call.rows, call.dtype) : results[i].make_like(call.part[place].given);
    *to[place] = results[i].data;
  }
  Workspace room;
  if (!made || !room.make(recurrent_backward_bytes(call.layer, g))) return nullptr;
  const Status status = recurrent_backward(call.layer, g, room.data(), stream);
  PyObject* tuple = PyTuple_New(kind.inputs);
  for (int i = 0; tuple && i < kind.inputs; ++i) PyTuple_SET_ITEM(tuple, i, results[i].release());
  return tuple ? finish(status, {self, args, count}, tuple) : nullptr;
}

}  // namespace

bool register_recurrent(PyObject* kernels) {
  bool ok = true;
  for (const Kind* kind : {&kRnn, &kLstm, &kGru}) {
    ok = ok && add_kernel(kernels, kind->name, forward_kernel, kind) &&
         add_kernel(kernels, kind->backward_name, backward_kernel, kind);
  }
  return ok;
}

}  // namespace pynn::cuda
