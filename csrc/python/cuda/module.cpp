// pynn._cuda: a table of contents. Kernels go into the dict `kernels` by op name, as in pynn._native; they take and
// return arrays of the module that use() was given. The same file makes _cuda_emulated, of kernels that run on the CPU.
#include "arrays.h"
#include "faults.h"
#include "products.h"

using namespace pynn::cuda;

namespace {

PyObject* use_function(PyObject*, PyObject* module) {
  if (!use(module)) return nullptr;
  Py_RETURN_NONE;
}

PyObject* check_indices_function(PyObject*, PyObject*) {
  if (!no_faults()) return nullptr;
  Py_RETURN_NONE;
}

PyMethodDef functions[] = {
    {"use", use_function, METH_O, "Take and make arrays of this module (CuPy), on its current stream."},
    {"check_indices", check_indices_function, METH_NOARGS,
     "Raise IndexError where a kernel that has run met an index out of range and nothing said so yet."},
    {"set_path", set_path_function, METH_O,
     "Choose the kernels of products: 'auto', 'simt', 'mma' or 'hopper', as PYNN_CUDA_PATH does at first."},
    {nullptr, nullptr, 0, nullptr}};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_cuda", "CUDA kernels of pynn.", -1, functions, nullptr, nullptr, nullptr, nullptr};

}  // namespace

#define PYNN_JOINED(a, b) a##b
#define PYNN_INIT(name) PYNN_JOINED(PyInit_, name)

PyMODINIT_FUNC PYNN_INIT(PYNN_CUDA_MODULE)() {
  PyObject* module = PyModule_Create(&definition);
  PyObject* kernels = module ? PyDict_New() : nullptr;
  bool ok = kernels != nullptr;
#define PYNN_BINDING(family) ok = ok && register_##family(kernels);
#include "families.inc"
#undef PYNN_BINDING
  ok = ok && PyModule_AddObjectRef(module, "kernels", kernels) == 0;
  Py_XDECREF(kernels);
  if (ok) return module;
  Py_XDECREF(module);
  return nullptr;
}
