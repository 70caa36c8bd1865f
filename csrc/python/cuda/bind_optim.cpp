// Optimizer steps over all tensors of a parameter group: step((arrays...), options...), the arrays being runs of equal
// length (see pynn/ops/optim.py for which). All must be row-major float32; else another backend serves.
#include <vector>

#include "arrays.h"
#include "kernels/optim/cuda.h"

namespace pynn::cuda {
namespace {

// The arrays of a call as pointers, a run a kind.
class Runs {
 public:
  // steps: whether the last run is step counts, one element each.
  bool read(PyObject* arrays, int groups, bool steps) {
    if (!PyTuple_Check(arrays) && !PyList_Check(arrays)) return false;
    const Py_ssize_t total = PySequence_Fast_GET_SIZE(arrays);
    if (total % groups != 0) return false;
    count_ = total / groups;
    pointers_.resize(size_t(total));
    sizes_.resize(size_t(count_));
    Array x;
    for (Py_ssize_t i = 0; i < total; ++i) {
      if (!x.read(PySequence_Fast_GET_ITEM(arrays, i)) || x.dtype != PYNN_FLOAT32 || !x.is_dense()) return false;
      const int64_t size = x.size();
      if (i < count_) {
        sizes_[size_t(i)] = size;
      } else if (size != (steps && i >= total - count_ ? 1 : sizes_[size_t(i % count_)])) {
        return false;
      }
      pointers_[size_t(i)] = x.pointer<float>();
    }
    return true;
  }
  float* const* run(int group) const { return pointers_.data() + Py_ssize_t(group) * count_; }
  const float* const* gradients() const { return const_cast<const float* const*>(run(1)); }
  int64_t count() const { return count_; }
  const int64_t* sizes() const { return sizes_.data(); }

 private:
  std::vector<float*> pointers_;
  std::vector<int64_t> sizes_;
  Py_ssize_t count_ = 0;
};

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

PyObject* stepped(const Call& call, const Status& status) {
  Py_INCREF(call.args[0]);
  return finish(status, call, call.args[0]);
}

// sgd_step(arrays, lr, momentum, dampening, weight_decay, nesterov, maximize, first)
PyObject* sgd_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  double n[4];
  int on[3];
  Runs runs;
  cudaStream_t stream;
  if (count != 8 || !numbers(args + 1, 4, n) || !switches(args + 5, 3, on) ||
      !runs.read(args[0], n[1] != 0 ? 3 : 2, false)) {
    return not_mine();
  }
  if (!current_stream(&stream)) return nullptr;
  const pynn_sgd options = {n[0], n[1], n[2], n[3], on[0], on[1]};
  return stepped({self, args, count}, optim_sgd(options, runs.count(), runs.sizes(), runs.run(0), runs.gradients(),
                                                n[1] != 0 ? runs.run(2) : nullptr, on[2] != 0, stream));
}

// adam_step(arrays, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize, decoupled)
PyObject* adam_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  double n[5];
  int on[3];
  Runs runs;
  Workspace room;
  cudaStream_t stream;
  if (count != 9 || !numbers(args + 1, 5, n) || !switches(args + 6, 3, on) ||
      !runs.read(args[0], on[0] ? 6 : 5, true)) {
    return not_mine();
  }
  if (!current_stream(&stream) || !room.make(optim_adam_bytes(runs.count()))) return nullptr;
  const int amsgrad = on[0];
  const pynn_adam options = {n[0], n[1], n[2], n[3], n[4], on[2], amsgrad, on[1]};
  return stepped({self, args, count},
                 optim_adam(options, runs.count(), runs.sizes(), runs.run(0), runs.gradients(), runs.run(2), runs.run(3),
                            amsgrad ? runs.run(4) : nullptr, runs.run(amsgrad ? 5 : 4), room.data(), stream));
}

// rmsprop_step(arrays, lr, alpha, eps, weight_decay, momentum, centered, maximize)
PyObject* rmsprop_kernel(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  double n[5];
  int on[2];
  Runs runs;
  cudaStream_t stream;
  if (count != 8 || !numbers(args + 1, 5, n) || !switches(args + 6, 2, on)) return not_mine();
  const int centered = on[0], momentum = n[4] > 0, groups = 4 + momentum + centered;
  if (!runs.read(args[0], groups, true)) return not_mine();
  if (!current_stream(&stream)) return nullptr;
  const pynn_rmsprop options = {n[0], n[1], n[2], n[4], n[3], centered, on[1]};
  return stepped({self, args, count},
                 optim_rmsprop(options, runs.count(), runs.sizes(), runs.run(0), runs.gradients(), runs.run(2),
                               centered ? runs.run(3 + momentum) : nullptr, momentum ? runs.run(3) : nullptr,
                               runs.run(groups - 1), stream));
}

}  // namespace

bool register_optim(PyObject* kernels) {
  return add_kernel(kernels, "sgd_step", sgd_kernel) && add_kernel(kernels, "adam_step", adam_kernel) &&
         add_kernel(kernels, "rmsprop_step", rmsprop_kernel);
}

}  // namespace pynn::cuda
