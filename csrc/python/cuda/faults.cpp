#include "faults.h"

namespace pynn::cuda {
namespace {

Fault* shared = nullptr;

}  // namespace

Fault* faults() {
  if (shared) return shared;
#if defined(PYNN_CUDA_EMULATION)
  static Fault own = {};
  shared = &own;
#else
  void* memory = nullptr;
  const cudaError_t error = cudaHostAlloc(&memory, sizeof(Fault), cudaHostAllocMapped | cudaHostAllocPortable);
  if (error != cudaSuccess) {
    PyErr_Format(PyExc_RuntimeError, "CUDA gave no pinned memory for reports of indices out of range: %s",
                 cudaGetErrorString(error));
    return nullptr;
  }
  shared = new (memory) Fault();
#endif
  return shared;
}

bool no_faults() {
  volatile Fault* const fault = shared;
  if (!fault || !fault->raised) return true;
  const int64_t index = fault->index, size = fault->size;
  fault->raised = 0;
  PyErr_Format(PyExc_IndexError,
               "index %lld is out of range for a dimension of size %lld, in this call or one before it on the GPU: expected "
               "indices below the size. Run on the CPU to see which call it is",
               (long long)index, (long long)size);
  return false;
}

PyObject* without_faults(PyObject* result) {
  if (!result || no_faults()) return result;
  Py_DECREF(result);
  return nullptr;
}

}  // namespace pynn::cuda
