// Optimizer steps over all tensors of a parameter group: step((arrays...), options...), the arrays being runs
// of equal length (see pynn/ops/optim.py for which). All must be row-major float32; else the reference
// serves.
#include <vector>

#include "bindings.h"

namespace pynn::python {
namespace {

// The arrays of a call as C pointers, a run a kind.
class Runs {
 public:
  // steps: whether the last run is step counts, one element each.
  bool read(PyObject* arrays, int groups, bool steps) {
    if (!PyTuple_Check(arrays) && !PyList_Check(arrays)) return false;
    PyObject** items = PySequence_Fast_ITEMS(arrays);
    const Py_ssize_t total = PySequence_Fast_GET_SIZE(arrays);
    if (total % groups != 0) return false;
    count_ = total / groups;
    if (pointers_.size() < size_t(total)) pointers_.resize(size_t(total));
    if (sizes_.size() < size_t(count_)) sizes_.resize(size_t(count_));
    elements_ = 0;
    for (Py_ssize_t i = 0; i < total; ++i) {
      PyArrayObject* array = as_array(items[i]);
      if (!array || plain_type(array) != NPY_FLOAT32 || !PyArray_IS_C_CONTIGUOUS(array)) return false;
      if (i / count_ != 1 && !PyArray_ISWRITEABLE(array)) return false;
      if (i < count_) {
        sizes_[size_t(i)] = PyArray_SIZE(array);
        elements_ += sizes_[size_t(i)];
      } else if (steps && i >= total - count_) {
        if (PyArray_SIZE(array) != 1) return false;
      } else if (!same_shape(array, as_array(items[i % count_]))) {
        return false;
      }
      pointers_[size_t(i)] = static_cast<float*>(PyArray_DATA(array));
    }
    return true;
  }
  float* const* run(int group) { return pointers_.data() + Py_ssize_t(group) * count_; }
  const float* const* gradients() { return const_cast<const float* const*>(run(1)); }
  int64_t count() const { return count_; }
  const int64_t* sizes() const { return sizes_.data(); }
  int64_t elements() const { return elements_; }

 private:
  std::vector<float*> pointers_;
  std::vector<int64_t> sizes_;
  Py_ssize_t count_ = 0;
  int64_t elements_ = 0;
};

// One a thread, kept between steps: a step of six tiny tensors costs less than two allocations.
// Not inlined: its address would be looked up anew at every use.
[[gnu::noinline]] Runs& own_runs() {
  static thread_local Runs runs;
  return runs;
}

bool numbers(PyObject* const* args, int count, double* out) {
  for (int i = 0; i < count; ++i) {
    if (!number(args[i], &out[i])) return false;
  }
  return true;
}

bool switches(PyObject* const* args, int count, int* out) {
  for (int i = 0; i < count; ++i) {
    if (!PyBool_Check(args[i])) return false;
    out[i] = args[i] == Py_True;
  }
  return true;
}

template <class F>
PyObject* step(const Runs& runs, PyObject* arrays, F&& kernel) {
  const pynn_status status = run(runs.elements(), kernel);
  Py_INCREF(arrays);
  return finish(status, arrays);
}

// sgd_step(arrays, lr, momentum, dampening, weight_decay, nesterov, maximize, first)
PyObject* sgd_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  double n[4];
  int on[3];
  Runs& runs = own_runs();
  if (count != 8 || !numbers(args + 1, 4, n) || !switches(args + 5, 3, on)) return not_mine();
  if (!runs.read(args[0], n[1] != 0 ? 3 : 2, false)) return not_mine();
  const pynn_sgd options = {n[0], n[1], n[2], n[3], on[0], on[1]};
  const std::vector<uint8_t> first(on[2] ? size_t(runs.count()) : 0, 1);
  return step(runs, args[0], [&] {
    return pynn_sgd_f32(&options, runs.count(), runs.sizes(), runs.run(0), runs.gradients(),
                        n[1] != 0 ? runs.run(2) : nullptr, first.empty() ? nullptr : first.data());
  });
}

// adam_step(arrays, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize, decoupled)
PyObject* adam_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  double n[5];
  int on[3];
  Runs& runs = own_runs();
  if (count != 9 || !numbers(args + 1, 5, n) || !switches(args + 6, 3, on)) return not_mine();
  const int amsgrad = on[0];
  if (!runs.read(args[0], amsgrad ? 6 : 5, true)) return not_mine();
  const pynn_adam options = {n[0], n[1], n[2], n[3], n[4], on[2], amsgrad, on[1]};
  return step(runs, args[0], [&] {
    return pynn_adam_f32(&options, runs.count(), runs.sizes(), runs.run(0), runs.gradients(), runs.run(2),
                         runs.run(3), amsgrad ? runs.run(4) : nullptr, runs.run(amsgrad ? 5 : 4));
  });
}

// rmsprop_step(arrays, lr, alpha, eps, weight_decay, momentum, centered, maximize)
PyObject* rmsprop_kernel(PyObject*, PyObject* const* args, Py_ssize_t count) {
  double n[5];
  int on[2];
  Runs& runs = own_runs();
  if (count != 8 || !numbers(args + 1, 5, n) || !switches(args + 6, 2, on)) return not_mine();
  const int centered = on[0], momentum = n[4] > 0;
  const int groups = 4 + momentum + centered;
  if (!runs.read(args[0], groups, true)) return not_mine();
  const pynn_rmsprop options = {n[0], n[1], n[2], n[4], n[3], centered, on[1]};
  return step(runs, args[0], [&] {
    return pynn_rmsprop_f32(&options, runs.count(), runs.sizes(), runs.run(0), runs.gradients(), runs.run(2),
                            centered ? runs.run(3 + momentum) : nullptr, momentum ? runs.run(3) : nullptr,
                            runs.run(groups - 1));
  });
}

}  // namespace

bool register_optim(PyObject* kernels) {
  return add_kernel(kernels, "sgd_step", sgd_kernel) && add_kernel(kernels, "adam_step", adam_kernel) &&
         add_kernel(kernels, "rmsprop_step", rmsprop_kernel);
}

}  // namespace pynn::python
