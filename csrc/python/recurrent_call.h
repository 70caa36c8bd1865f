// What a call of a recurrent layer comes to, for the bindings of the CPU and of the GPU alike:
// rnn(x, h, w_ih, w_hh, b_ih, b_hh, activation, reverse, sizes) -> (y, h_n),
// lstm(x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, reverse, sizes, keep) -> (y, h_n, c_n, held),
// gru(x, h, w_ih, w_hh, b_ih, b_hh, reverse, sizes, keep) -> (y, h_n, held), and their gradients.
#pragma once
#include <initializer_list>
#include <vector>

#include "pynn/recurrent.h"
#include "values.h"

namespace pynn::python {

enum RecurrentPlace { kX, kH, kC, kWih, kWhh, kBih, kBhh, kWhr, kPlaces };

struct RecurrentKind {
  const char* name;
  const char* backward_name;
  int inputs, outputs, attrs, gates, held;  // held: elements of a unit that backward needs beside y
  RecurrentPlace places[kPlaces];           // of the inputs, in order
};
inline constexpr RecurrentKind kRnn = {"rnn", "rnn.backward", 6, 2, 3, 1, 0, {kX, kH, kWih, kWhh, kBih, kBhh}};
inline constexpr RecurrentKind kLstm = {
    "lstm", "lstm.backward", 8, 4, 3, 4, 5, {kX, kH, kC, kWih, kWhh, kBih, kBhh, kWhr}};
inline constexpr RecurrentKind kGru = {"gru", "gru.backward", 6, 3, 3, 3, 4, {kX, kH, kWih, kWhh, kBih, kBhh}};

// Part: an input that may be missing. It has read(object, dtype), size(dimension), is(shape) and data().
template <class Part>
struct RecurrentCall {
  const RecurrentKind& kind;
  Part part[kPlaces];
  std::vector<int64_t> sizes;
  pynn_recurrent layer = {};
  bool keep = true;
  int64_t total = 0, out = 0, rows = 0;  // rows of x; size of h; of the weights

  explicit RecurrentCall(const RecurrentKind& the_kind) : kind(the_kind) {}

  bool lstm() const { return &kind == &kLstm; }
  int64_t held_columns() const { return kind.held * layer.hidden; }
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

  // False where this is not a call the kernels take, perhaps with an exception set. dtype: x's.
  bool read(int dtype, PyObject* const* inputs, PyObject* const* attrs) {
    if ((dtype != PYNN_FLOAT32 && dtype != PYNN_FLOAT64) || !read_attrs(attrs)) return false;
    layer.dtype = dtype;
    for (int i = 0; i < kind.inputs; ++i) {
      if (!part[kind.places[i]].read(inputs[i], dtype)) return false;
    }
    return read_sizes();
  }

  // Whether the gradient of output i, where there is one, has its shape.
  bool fits(const Part& grad, int i) const {
    if (!grad) return true;
    if (i == 0) return whole(grad, out);
    if (i == 1) return grad.is({layer.batch, out});
    return lstm() && i == 2 ? grad.is({layer.batch, layer.hidden}) : whole(grad, held_columns());
  }

  // The weights' memory, once the parts are where the kernels read them.
  void point() {
    layer.w_ih = part[kWih].data();
    layer.w_hh = part[kWhh].data();
    layer.b_ih = part[kBih].data();
    layer.b_hh = part[kBhh].data();
    layer.w_hr = part[kWhr].data();
  }

 private:
  static bool is_or_none(const Part& x, std::initializer_list<int64_t> shape) { return !x || x.is(shape); }

  bool read_attrs(PyObject* const* attrs) {
    if (&kind == &kRnn) {
      if (!PyUnicode_Check(attrs[0])) return false;
      const bool relu = PyUnicode_CompareWithASCIIString(attrs[0], "relu") == 0;
      if (!relu && PyUnicode_CompareWithASCIIString(attrs[0], "tanh") != 0) return false;
      layer.cell = relu ? PYNN_CELL_RNN_RELU : PYNN_CELL_RNN_TANH;
      ++attrs;
    } else {
      layer.cell = lstm() ? PYNN_CELL_LSTM : PYNN_CELL_GRU;
      if (!truth(attrs[2], &keep)) return false;
    }
    bool reverse;
    if (!truth(attrs[0], &reverse)) return false;
    layer.reverse = reverse;
    if (attrs[1] == Py_None) return true;
    if (!PyTuple_Check(attrs[1]) || PyTuple_GET_SIZE(attrs[1]) == 0) return false;
    sizes.resize(size_t(PyTuple_GET_SIZE(attrs[1])));
    return integers(attrs[1], int(sizes.size()), sizes.data());
  }

  bool read_sizes() {
    const int ndim = sizes.empty() ? 3 : 2;
    const Part &x = part[kX], &w_hh = part[kWhh];
    if (!x || x.dimensions() != ndim || !w_hh || w_hh.dimensions() != 2) return false;
    rows = w_hh.size(0);
    out = w_hh.size(1);
    const int64_t hidden = rows / kind.gates;
    layer.hidden = hidden;
    layer.input = x.size(ndim - 1);
    if (sizes.empty()) {
      layer.steps = x.size(0);
      layer.batch = x.size(1);
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
      if (x.size(0) != total) return false;
      layer.sizes = sizes.data();
    }
    if (rows == 0 || rows % kind.gates || out == 0 || layer.steps < 1) return false;
    const int64_t batch = layer.batch;
    layer.projection = part[kWhr] ? out : 0;
    return part[kH].is({batch, out}) && part[kWih].is({rows, layer.input}) && is_or_none(part[kBih], {rows}) &&
           is_or_none(part[kBhh], {rows}) && is_or_none(part[kWhr], {out, hidden}) &&
           (part[kWhr] || out == hidden) && (!lstm() || part[kC].is({batch, hidden}));
  }
};

// What backward is called with: (gradients of the outputs, (outputs, inputs ...), attrs, needs).
struct RecurrentBackward {
  PyObject* outputs = nullptr;
  PyObject *inputs[kPlaces], *attrs[3];
  int64_t needs = 0;

  bool read(const RecurrentKind& kind, PyObject* const* args, Py_ssize_t count) {
    // The tape gives a list of gradients, a replay a tuple.
    if (count != 4 || !(PyList_Check(args[0]) || PyTuple_Check(args[0])) || Py_SIZE(args[0]) != kind.outputs ||
        !has_items(args[1], 1 + kind.inputs) || !has_items(args[2], kind.attrs)) {
      return false;
    }
    outputs = PyTuple_GET_ITEM(args[1], 0);
    for (int i = 0; i < kind.inputs; ++i) inputs[i] = PyTuple_GET_ITEM(args[1], 1 + i);
    for (int i = 0; i < kind.attrs; ++i) attrs[i] = PyTuple_GET_ITEM(args[2], i);
    return has_items(outputs, kind.outputs) && read_needs(args[3], &needs);
  }
};

// All of a backward call's arrays: read, checked, and named in `g`.
template <class Part>
struct RecurrentGradients {
  Part y, held, grads[4];
  pynn_recurrent_gradients g = {};
  void** const to[kPlaces] = {&g.dx, &g.dh0, &g.dc0, &g.dw_ih, &g.dw_hh, &g.db_ih, &g.db_hh, &g.dw_hr};

  bool read(const RecurrentCall<Part>& call, const RecurrentBackward& back, PyObject* given) {
    const int last = call.kind.outputs - 1, dtype = call.layer.dtype;
    if (!y.read(PyTuple_GET_ITEM(back.outputs, 0), dtype) || !call.whole(y, call.out)) return false;
    if (call.kind.held > 0 && (!held.read(PyTuple_GET_ITEM(back.outputs, last), dtype) ||
                               !call.whole(held, call.held_columns()))) {
      return false;
    }
    for (int i = 0; i <= last; ++i) {
      if (!grads[i].read(PySequence_Fast_GET_ITEM(given, i), dtype) || !call.fits(grads[i], i)) return false;
    }
    return true;
  }
  // As RecurrentCall::point.
  void point(const RecurrentCall<Part>& call) {
    g.x = call.part[kX].data();
    g.h0 = call.part[kH].data();
    g.c0 = call.part[kC].data();
    g.y = y.data();
    g.held = held.data();
    g.dy = grads[0].data();
    g.dh_n = grads[1].data();
    g.dc_n = call.lstm() ? grads[2].data() : nullptr;
    g.dheld = call.kind.held > 0 ? grads[call.kind.outputs - 1].data() : nullptr;
  }
  // Whether input i's gradient is asked for. Backward reads no bias, so it may not have been saved.
  static bool wanted(const RecurrentCall<Part>& call, int64_t needs, int i) {
    return (needs >> i & 1) && (is_bias(call.kind.places[i]) || call.part[call.kind.places[i]]);
  }
  static bool is_bias(RecurrentPlace place) { return place == kBih || place == kBhh; }
};

}  // namespace pynn::python
