// rand, randn, randint, randperm, dropout, and the fills uniform, normal and bernoulli. The last attr of each is
// (seed, offset), where its numbers begin: the CPU's numbers, bit for bit.
#include "arrays.h"
#include "kernels/random/cuda.h"

namespace pynn::cuda {
namespace {

bool read_place(PyObject* object, random::Stream* out) {
  python::Place place;
  if (!python::read_place(object, &place)) return false;
  out->seed = place.seed;
  out->counter = place.offset;
  return true;
}

bool read_shape(PyObject* object, int* ndim, int64_t* shape) {
  if (!PyTuple_Check(object) || PyTuple_GET_SIZE(object) > PYNN_MAX_DIMS) return false;
  *ndim = int(PyTuple_GET_SIZE(object));
  if (!integers(object, *ndim, shape)) return false;
  for (int i = 0; i < *ndim; ++i) {
    if (shape[i] < 0) return false;
  }
  return true;
}

bool is_wide_float(int dtype) { return dtype == PYNN_FLOAT32 || dtype == PYNN_FLOAT64; }

enum class Draw { uniform, normal, bernoulli };

// uniform: low, high; normal: mean, standard deviation; bernoulli: p.
Status fill(Draw draw, random::Stream from, double a, double b, const Array& out, cudaStream_t stream) {
  const int64_t n = out.size();
  const bool single = out.dtype == PYNN_FLOAT32;
  switch (draw) {
    case Draw::uniform:
      return single ? random_uniform(from, n, a, b, out.pointer<float>(), stream)
                    : random_uniform(from, n, a, b, out.pointer<double>(), stream);
    case Draw::normal:
      return single ? random_normal(from, n, a, b, out.pointer<float>(), stream)
                    : random_normal(from, n, a, b, out.pointer<double>(), stream);
    default:
      if (!is_wide_float(out.dtype)) return random_bernoulli(from, n, a, out.pointer<uint8_t>(), stream);
      return single ? random_bernoulli(from, n, a, out.pointer<float>(), stream)
                    : random_bernoulli(from, n, a, out.pointer<double>(), stream);
  }
}

// rand and randn: (shape, dtype, place)
struct Creator {
  const char* name;
  Draw draw;
};
constexpr Creator kCreators[] = {{"rand", Draw::uniform}, {"randn", Draw::normal}};

PyObject* create_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  random::Stream from;
  int ndim;
  int64_t shape[PYNN_MAX_DIMS];
  if (count != 3 || !read_place(args[2], &from) || !read_shape(args[0], &ndim, shape)) return not_mine();
  const int dtype = dtype_of(args[1]);
  if (!is_wide_float(dtype)) return not_mine();
  Array out;
  cudaStream_t stream;
  if (!current_stream(&stream) || !out.make(ndim, shape, dtype)) return nullptr;
  const Status status = fill(code_of<Creator>(self)->draw, from, 0, 1, out, stream);
  return finish(status, {self, args, count}, out.release());
}

// uniform, normal (x, a, b, place) and bernoulli (x, p, place): a new array, or x itself written in place.
struct Filler {
  const char* name;
  Draw draw;
  bool inplace;
};
constexpr Filler kFillers[] = {{"uniform", Draw::uniform, false},     {"uniform_", Draw::uniform, true},
                               {"normal", Draw::normal, false},       {"normal_", Draw::normal, true},
                               {"bernoulli", Draw::bernoulli, false}, {"bernoulli_", Draw::bernoulli, true}};

PyObject* fill_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  const Filler& filler = *code_of<Filler>(self);
  const int numbers = filler.draw == Draw::bernoulli ? 1 : 2;
  double values[2] = {0, 0};
  random::Stream from;
  Array x, out;
  if (count != numbers + 2 || !read_place(args[count - 1], &from) || !x.read(args[0])) return not_mine();
  for (int i = 0; i < numbers; ++i) {
    if (!number(args[1 + i], &values[i])) return not_mine();
  }
  const bool flags = numbers == 1 && (x.dtype == PYNN_BOOL || x.dtype == PYNN_UINT8);
  if ((!is_wide_float(x.dtype) && !flags) || (filler.inplace && !x.is_dense())) return not_mine();
  cudaStream_t stream;
  if (!current_stream(&stream) || (!filler.inplace && !out.make_like(x))) return nullptr;
  const Status status = fill(filler.draw, from, values[0], values[1], filler.inplace ? x : out, stream);
  return finish(status, {self, args, count}, filler.inplace ? x.reference() : out.release());
}

// (shape, low, high, dtype, place), int64 alone
PyObject* randint_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  random::Stream from;
  int64_t low, high, shape[PYNN_MAX_DIMS];
  int ndim;
  if (count != 5 || !read_shape(args[0], &ndim, shape) || !integer(args[1], &low) || !integer(args[2], &high) ||
      low >= high || dtype_of(args[3]) != PYNN_INT64 || !read_place(args[4], &from)) {
    return not_mine();
  }
  Array out;
  cudaStream_t stream;
  if (!current_stream(&stream) || !out.make(ndim, shape, PYNN_INT64)) return nullptr;
  const Status status = random_integers(from, out.size(), low, high, out.pointer<int64_t>(), stream);
  return finish(status, {self, args, count}, out.release());
}

// ((n,), dtype, place), int64 alone
PyObject* randperm_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  random::Stream from;
  int64_t shape[PYNN_MAX_DIMS];
  int ndim;
  if (count != 3 || !read_shape(args[0], &ndim, shape) || ndim != 1 || dtype_of(args[1]) != PYNN_INT64 ||
      !read_place(args[2], &from)) {
    return not_mine();
  }
  Array out;
  Workspace room;
  cudaStream_t stream;
  if (!current_stream(&stream) || !out.make(1, shape, PYNN_INT64) || !room.make(random_permutation_bytes(shape[0]))) {
    return nullptr;
  }
  const Status status = random_permutation(from, shape[0], out.pointer<int64_t>(), room.data(), stream);
  return finish(status, {self, args, count}, out.release());
}

PyObject* dropped(const Call& call, PyObject* object, PyObject* probability, PyObject* place) {
  double p;
  random::Stream from;
  Array given, x, out;
  if (!given.read(object) || !is_float(given.dtype) || !number(probability, &p) || !(p >= 0 && p < 1) ||
      !read_place(place, &from)) {
    return not_mine();
  }
  cudaStream_t stream;
  if (!current_stream(&stream) || !x.make_dense(given, stream) || !out.make_like(x)) return nullptr;
  const Status status = dispatch_float(x.dtype, [&](auto tag) {
    typedef typename decltype(tag)::Type T;
    return random_dropout<T>(from, x.size(), p, x.pointer<T>(), out.pointer<T>(), stream);
  });
  return finish(status, call, out.release());
}

// (x, p, place)
PyObject* dropout_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return count == 3 ? dropped({self, args, count}, args[0], args[1], args[2]) : not_mine();
}

// (g, (), (p, place), needs)
PyObject* dropout_backward_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !has_items(args[2], 2)) return not_mine();
  return dropped({self, args, count}, args[0], PyTuple_GET_ITEM(args[2], 0), PyTuple_GET_ITEM(args[2], 1));
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
  return ok && add_kernel(kernels, "randint", randint_kernel) && add_kernel(kernels, "randperm", randperm_kernel);
}

}  // namespace pynn::cuda
