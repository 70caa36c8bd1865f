// rand, randn, randint, randperm, dropout, and the fills uniform, normal and bernoulli. The last attr of each
// is (seed, offset), where its numbers begin.
#include <initializer_list>

#include "bindings.h"

namespace pynn::python {
namespace {

// A number's words and arithmetic are worth some elements of a pointwise kernel.
constexpr int64_t kWorkEach = 4;

// A new array of a shape (a tuple of ints) and dtype (or None for a type number); nullptr, with or without an
// exception, where that cannot be.
PyArrayObject* new_of(PyObject* shape, int type_number) {
  npy_intp sizes[PYNN_MAX_DIMS];
  if (!PyTuple_Check(shape) || PyTuple_GET_SIZE(shape) > PYNN_MAX_DIMS) return nullptr;
  const int ndim = int(PyTuple_GET_SIZE(shape));
  for (int i = 0; i < ndim; ++i) {
    int64_t size;
    if (!integer(PyTuple_GET_ITEM(shape, i), &size) || size < 0) return nullptr;
    sizes[i] = npy_intp(size);
  }
  return new_array(ndim, sizes, type_number);
}

PyObject* failed() { return PyErr_Occurred() ? nullptr : not_mine(); }

using Fill = pynn_status (*)(uint64_t seed, uint64_t offset, double a, double b, pynn_array* out);

pynn_status fill_bernoulli(uint64_t seed, uint64_t offset, double p, double, pynn_array* out) {
  return pynn_bernoulli(seed, offset, p, out);
}

pynn_status fill(Fill function, const Place& place, double a, double b, PyArrayObject* out) {
  pynn_array to = describe(out);
  return run(kWorkEach * PyArray_SIZE(out), [&] { return function(place.seed, place.offset, a, b, &to); });
}

// rand and randn: (shape, dtype, place)
struct Creator {
  const char* name;
  Fill function;
};
constexpr Creator kCreators[] = {{"rand", pynn_uniform}, {"randn", pynn_normal}};

PyObject* create_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Place place;
  if (count != 3 || !read_place(args[2], &place)) return not_mine();
  const int type = type_of(args[1]);
  if (!is_float(type)) return not_mine();
  PyArrayObject* out = new_of(args[0], type);
  if (!out) return failed();
  return finish(fill(code_of<Creator>(self)->function, place, 0, 1, out), reinterpret_cast<PyObject*>(out));
}

// uniform, normal (x, a, b, place) and bernoulli (x, p, place): a new array, or x itself written in place.
struct Filler {
  const char* name;
  Fill function;
  int numbers;
  bool inplace;
};
constexpr Filler kFillers[] = {
    {"uniform", pynn_uniform, 2, false},     {"uniform_", pynn_uniform, 2, true},
    {"normal", pynn_normal, 2, false},       {"normal_", pynn_normal, 2, true},
    {"bernoulli", fill_bernoulli, 1, false}, {"bernoulli_", fill_bernoulli, 1, true},
};

PyObject* fill_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const Filler& filler = *code_of<Filler>(self);
  double numbers[2] = {0, 0};
  Place place;
  if (count != filler.numbers + 2 || !read_place(args[count - 1], &place)) return not_mine();
  for (int i = 0; i < filler.numbers; ++i) {
    if (!number(args[1 + i], &numbers[i])) return not_mine();
  }
  PyArrayObject* x = as_array(args[0]);
  const int type = x ? plain_type(x) : -1;
  if (!is_float(type) && !(filler.numbers == 1 && (type == NPY_BOOL || type == NPY_UINT8))) return not_mine();
  if (filler.inplace && PyArray_ISWRITEABLE(x) && PyArray_IS_C_CONTIGUOUS(x)) {
    const pynn_status status = fill(filler.function, place, numbers[0], numbers[1], x);
    Py_INCREF(x);
    return finish(status, reinterpret_cast<PyObject*>(x));
  }
  PyArrayObject* out = new_like(x);
  if (!out) return nullptr;
  const pynn_status status = fill(filler.function, place, numbers[0], numbers[1], out);
  if (!filler.inplace || status != PYNN_OK) return finish(status, reinterpret_cast<PyObject*>(out));
  // Memory of another layout (a transposed weight): elements count in row-major order, so by way of a copy.
  const bool written = PyArray_ISWRITEABLE(x) && PyArray_CopyInto(x, out) == 0;
  Py_DECREF(out);
  if (!written) return failed();
  Py_INCREF(x);
  return reinterpret_cast<PyObject*>(x);
}

// (shape, low, high, dtype, place), int64 alone
PyObject* randint_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  Place place;
  int64_t low, high;
  if (count != 5 || !integer(args[1], &low) || !integer(args[2], &high) || type_of(args[3]) != NPY_INT64 ||
      !read_place(args[4], &place)) {
    return not_mine();
  }
  PyArrayObject* out = new_of(args[0], NPY_INT64);
  if (!out) return failed();
  const int64_t n = PyArray_SIZE(out);
  const pynn_status status = run(kWorkEach * n, [&] {
    return pynn_random_integers(place.seed, place.offset, low, high, n,
                                static_cast<int64_t*>(PyArray_DATA(out)));
  });
  return finish(status, reinterpret_cast<PyObject*>(out));
}

// ((n,), dtype, place), int64 alone
PyObject* randperm_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  Place place;
  if (count != 3 || type_of(args[1]) != NPY_INT64 || !read_place(args[2], &place)) return not_mine();
  PyArrayObject* out = new_of(args[0], NPY_INT64);
  if (!out) return failed();
  const int64_t n = PyArray_SIZE(out);
  const pynn_status status = run(8 * kWorkEach * n, [&] {
    return pynn_permutation(place.seed, place.offset, n, static_cast<int64_t*>(PyArray_DATA(out)));
  });
  return finish(status, reinterpret_cast<PyObject*>(out));
}

PyObject* dropped(PyArrayObject* x, PyObject* p, PyObject* where) {
  double probability;
  Place place;
  if (!x || !is_float(plain_type(x)) || !number(p, &probability) || !read_place(where, &place))
    return not_mine();
  PyArrayObject* out = new_like(x);
  if (!out) return nullptr;
  pynn_array to = describe(out), from = PyArray_IS_C_CONTIGUOUS(x) ? describe(x) : to;
  const pynn_status status = run(kWorkEach * PyArray_SIZE(x), [&] {
    if (from.data == to.data) {  // x lies otherwise: its elements in row-major order first
      const pynn_array given = describe(x);
      if (pynn_status copied = pynn_unary(PYNN_COPY, &given, 0, 0, &to)) return copied;
    }
    return pynn_dropout(place.seed, place.offset, probability, &from, &to);
  });
  return finish(status, reinterpret_cast<PyObject*>(out));
}

// (x, p, place)
PyObject* dropout_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return count == 3 ? dropped(as_array(args[0]), args[1], args[2]) : not_mine();
}

// (g, (), (p, place), needs)
PyObject* dropout_backward_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[2], 2)) return not_mine();
  return dropped(as_array(args[0]), PyTuple_GET_ITEM(args[2], 0), PyTuple_GET_ITEM(args[2], 1));
}

}  // namespace

bool register_random(PyObject* kernels) {
  bool ok = true;
  for (const Creator& entry : kCreators) ok = ok && add_kernel(kernels, entry.name, create_kernel, &entry);
  for (const Filler& entry : kFillers) ok = ok && add_kernel(kernels, entry.name, fill_kernel, &entry);
  for (const char* name : {"dropout", "dropout_again"}) ok = ok && add_kernel(kernels, name, dropout_kernel);
  for (const char* name : {"dropout.backward", "dropout_again.backward"}) {
    ok = ok && add_kernel(kernels, name, dropout_backward_kernel);
  }
  return ok && add_kernel(kernels, "randint", randint_kernel) &&
         add_kernel(kernels, "randperm", randperm_kernel);
}

}  // namespace pynn::python
