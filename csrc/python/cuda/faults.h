// Indices out of range, as the kernels report them (cuda/fault.h).
#pragma once
#include "arrays.h"
#include "cuda/fault.h"

namespace pynn::cuda {

// Where kernels report; null with an exception set. Memory of the host that the device writes, one for the process.
Fault* faults();
// False, with IndexError set, where a kernel has reported an index since the last call. A report may be of any launch
// before: the host does not wait for the device.
bool no_faults();
// no_faults() after a result, which is given up where there was a fault. Where CUDA is emulated, launches are over.
PyObject* without_faults(PyObject* result);

}  // namespace pynn::cuda
