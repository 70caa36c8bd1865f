// rnn(x, h, w_ih, w_hh, b_ih, b_hh, activation, reverse, sizes) -> (y, h_n),
// lstm(x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, reverse, sizes, keep) -> (y, h_n, c_n, held),
// gru(x, h, w_ih, w_hh, b_ih, b_hh, reverse, sizes, keep) -> (y, h_n, held), and their gradients.
#include <vector>

#include "bindings.h"

namespace pynn::python {
namespace {

enum Place { kX, kH, kC, kWih, kWhh, kBih, kBhh, kWhr, kPlaces };

struct Kind {
  const char* name;
  const char* backward_name;
  int inputs, outputs, attrs;
  Place places[kPlaces];  // of the inputs, in order
};
constexpr Kind kRnn = {"rnn", "rnn.backward", 6, 2, 3, {kX, kH, kWih, kWhh, kBih, kBhh}};
constexpr Kind kLstm = {"lstm", "lstm.backward", 8, 4, 3, {kX, kH, kC, kWih, kWhh, kBih, kBhh, kWhr}};
constexpr Kind kGru = {"gru", "gru.backward", 6, 3, 3, {kX, kH, kWih, kWhh, kBih, kBhh}};

// An array and, if it was not row-major, the copy that stands in for it.
class Dense {
 public:
  Dense() = default;
  ~Dense() { Py_XDECREF(array_); }
  Dense(const Dense&) = delete;
  Dense& operator=(const Dense&) = delete;
  // False with an exception set, or where it is not an array of that type. None and null are no array.
  bool read(PyObject* object, int type) {
    if (object == nullptr || object == Py_None) return true;
    PyArrayObject* x = as_array(object);
    if (!x || plain_type(x) != type || PyArray_NDIM(x) > 3) return false;
    if (PyArray_IS_C_CONTIGUOUS(x)) {
      Py_INCREF(x);
      array_ = x;
      return true;
    }
    array_ = new_like(x);
    return array_ && PyArray_CopyInto(array_, x) == 0;
  }
  explicit operator bool() const { return array_ != nullptr; }
  PyArrayObject* get() const { return array_; }
  void* data() const { return array_ ? PyArray_DATA(array_) : nullptr; }
  bool is(std::initializer_list<npy_intp> shape) const {
    if (!array_ || PyArray_NDIM(array_) != int(shape.size())) return false;
    return PyArray_CompareLists(PyArray_DIMS(array_), shape.begin(), int(shape.size()));
  }
  bool is_or_none(std::initializer_list<npy_intp> shape) const { return !array_ || is(shape); }

 private:
  PyArrayObject* array_ = nullptr;
};

// What a call's inputs and attrs come to.
struct Call {
  Dense part[kPlaces];
  std::vector<int64_t> sizes;
  pynn_recurrent layer = {};
  bool keep = true;
  int type = -1;
  npy_intp total = 0, out = 0, rows = 0;  // rows of x; size of h; of the weights

  // y's shape: (steps, batch, out), or with sizes (total, out). Of held likewise.
  int shape(npy_intp columns, npy_intp* to) const {
    if (!sizes.empty()) {
      to[0] = total, to[1] = columns;
      return 2;
    }
    to[0] = layer.steps, to[1] = layer.batch, to[2] = columns;
    return 3;
  }
  int64_t work() const { return total * rows * (layer.input + out); }

  // False where this is not a call the kernels take, perhaps with an exception set.
  bool read(const Kind& kind, PyObject* const* inputs, PyObject* const* attrs) {
    PyArrayObject* x = as_array(inputs[0]);
    type = x ? plain_type(x) : -1;
    if (!is_float(type)) return false;
    if (!read_attrs(kind, attrs)) return false;
    for (int i = 0; i < kind.inputs; ++i) {
      if (!part[kind.places[i]].read(inputs[i], type)) return false;
    }
    return read_sizes(kind);
  }

 private:
  static bool truth(PyObject* object, bool* to) {
    *to = object == Py_True;
    return PyBool_Check(object);
  }

  bool read_attrs(const Kind& kind, PyObject* const* attrs) {
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

  bool read_sizes(const Kind& kind) {
    const int ndim = sizes.empty() ? 3 : 2;
    if (!part[kX] || PyArray_NDIM(part[kX].get()) != ndim || !part[kWhh] ||
        PyArray_NDIM(part[kWhh].get()) != 2) {
      return false;
    }
    const npy_intp* x = PyArray_DIMS(part[kX].get());
    const npy_intp gates = &kind == &kLstm ? 4 : &kind == &kGru ? 3 : 1;
    rows = PyArray_DIM(part[kWhh].get(), 0);
    out = PyArray_DIM(part[kWhh].get(), 1);
    const npy_intp hidden = rows / gates;
    layer.dtype = dtype_of(type);
    layer.hidden = hidden;
    layer.input = x[ndim - 1];
    if (sizes.empty()) {
      layer.steps = x[0];
      layer.batch = x[1];
      total = x[0] * x[1];
    } else {
      layer.steps = int64_t(sizes.size());
      layer.batch = sizes[0];
      for (int64_t size : sizes) {
        if (size < 1 || size > layer.batch) return false;
        total += size;
      }
      if (x[0] != total) return false;
      layer.sizes = sizes.data();
    }
    if (rows == 0 || rows % gates || out == 0 || layer.steps < 1) return false;
    const npy_intp batch = layer.batch, input = layer.input;
    layer.projection = part[kWhr] ? out : 0;
    if (!part[kH].is({batch, out}) || !part[kWih].is({rows, input}) || !part[kBih].is_or_none({rows}) ||
        !part[kBhh].is_or_none({rows}) || !part[kWhr].is_or_none({out, hidden}) ||
        (!part[kWhr] && out != hidden) || (&kind == &kLstm && !part[kC].is({batch, hidden}))) {
      return false;
    }
    layer.w_ih = part[kWih].data();
    layer.w_hh = part[kWhh].data();
    layer.b_ih = part[kBih].data();
    layer.b_hh = part[kBhh].data();
    layer.w_hr = part[kWhr].data();
    return true;
  }
};

// None, unless an exception is set.
PyObject* not_taken() { return PyErr_Occurred() ? nullptr : not_mine(); }

PyObject* forward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const Kind& kind = *code_of<Kind>(self);
  if (count != kind.inputs + kind.attrs) return not_mine();
  Call call;
  if (!call.read(kind, args, args + kind.inputs)) return not_taken();
  const bool lstm = &kind == &kLstm;
  const npy_intp states[2][2] = {{call.layer.batch, call.out}, {call.layer.batch, call.layer.hidden}},
                 none = 0;
  npy_intp shape[3];
  PyArrayObject* made[4] = {};
  made[0] = new_array(call.shape(call.out, shape), shape, call.type);
  made[1] = made[0] ? new_array(2, states[0], call.type) : nullptr;
  if (lstm && made[1]) made[2] = new_array(2, states[1], call.type);
  if (kind.outputs > 2 && made[kind.outputs - 2]) {
    made[kind.outputs - 1] =
        call.keep ? new_array(call.shape(pynn_recurrent_held(&call.layer), shape), shape, call.type)
                  : new_array(1, &none, call.type);
  }
  PyObject* result = made[kind.outputs - 1] ? PyTuple_New(kind.outputs) : nullptr;
  if (!result) {
    for (PyArrayObject* array : made) Py_XDECREF(array);
    return nullptr;
  }
  const auto at = [&](int i) { return made[i] ? PyArray_DATA(made[i]) : nullptr; };
  for (int i = 0; i < kind.outputs; ++i) PyTuple_SET_ITEM(result, i, reinterpret_cast<PyObject*>(made[i]));
  const bool held = kind.outputs > 2 && call.keep;
  const pynn_status status = run(call.work(), [&] {
    return pynn_recurrent_forward(&call.layer, call.part[kX].data(), call.part[kH].data(),
                                  call.part[kC].data(), at(0), at(1), lstm ? at(2) : nullptr,
                                  held ? at(kind.outputs - 1) : nullptr);
  });
  return finish(status, result);
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
  Call call;
  if (!call.read(kind, inputs, attrs) || !call.keep) return not_taken();
  const bool lstm = &kind == &kLstm;
  const npy_intp batch = call.layer.batch, held_columns = pynn_recurrent_held(&call.layer);
  const auto whole = [&](const Dense& x, npy_intp columns) {
    return call.sizes.empty() ? x.is({call.layer.steps, batch, columns}) : x.is({call.total, columns});
  };
  Dense y, held, grads[4];
  if (!y.read(PyTuple_GET_ITEM(outputs, 0), call.type) || !whole(y, call.out)) return not_taken();
  if (held_columns) {
    if (!held.read(PyTuple_GET_ITEM(outputs, kind.outputs - 1), call.type) || !whole(held, held_columns)) {
      return not_taken();
    }
  }
  for (int i = 0; i < kind.outputs; ++i) {
    if (!grads[i].read(PySequence_Fast_GET_ITEM(args[0], i), call.type)) return not_taken();
    const bool fits = !grads[i]        ? true
                      : i == 0         ? whole(grads[i], call.out)
                      : i == 1         ? grads[i].is({batch, call.out})
                      : lstm && i == 2 ? grads[i].is({batch, call.layer.hidden})
                                       : whole(grads[i], held_columns);
    if (!fits) return not_mine();
  }
  pynn_recurrent_gradients g = {};
  g.x = call.part[kX].data();
  g.h0 = call.part[kH].data();
  g.c0 = call.part[kC].data();
  g.y = y.data();
  g.held = held.data();
  g.dy = grads[0].data();
  g.dh_n = grads[1].data();
  g.dc_n = lstm ? grads[2].data() : nullptr;
  g.dheld = held_columns ? grads[kind.outputs - 1].data() : nullptr;
  void** const to[kPlaces] = {&g.dx, &g.dh0, &g.dc0, &g.dw_ih, &g.dw_hh, &g.db_ih, &g.db_hh, &g.dw_hr};
  PyObject* result = PyTuple_New(kind.inputs);
  for (int i = 0; result && i < kind.inputs; ++i) {
    const Place place = kind.places[i];
    PyObject* made = Py_None;
    const bool bias = place == kBih || place == kBhh;  // backward reads none, so it may not have been saved
    if (needs >> i & 1 && (bias || call.part[place])) {
      PyArrayObject* array = bias ? new_array(1, &call.rows, call.type) : new_like(call.part[place].get());
      if (!array) {
        Py_DECREF(result);
        return nullptr;
      }
      *to[place] = PyArray_DATA(array);
      made = reinterpret_cast<PyObject*>(array);
    } else {
      Py_INCREF(made);
    }
    PyTuple_SET_ITEM(result, i, made);
  }
  if (!result) return nullptr;
  const pynn_status status = run(call.work(), [&] { return pynn_recurrent_backward(&call.layer, &g); });
  return finish(status, result);
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

}  // namespace pynn::python
