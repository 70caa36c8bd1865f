#include "products.h"

#include <cstring>

namespace pynn::cuda {

bool float32_products(const char* of, int dtype, Float32* out) {
  *out = Float32::split;
  if (dtype != PYNN_FLOAT32) return true;
  static PyObject* function = nullptr;
  if (!function) {
    PyObject* module = PyImport_ImportModule("pynn._switches");
    function = module ? PyObject_GetAttrString(module, "float32_products") : nullptr;
    Py_XDECREF(module);
    if (!function) return false;
  }
  PyObject* answer = PyObject_CallFunction(function, "s", of);
  const char* name = answer ? PyUnicode_AsUTF8(answer) : nullptr;
  if (name)
    *out = std::strcmp(name, "tf32") == 0    ? Float32::tf32
           : std::strcmp(name, "exact") == 0 ? Float32::exact
                                             : Float32::split;
  Py_XDECREF(answer);
  return name != nullptr;
}

bool activation(PyObject* object, pynn_activation* out) {
  *out = object == Py_None ? PYNN_ACT_NONE : PYNN_ACT_RELU;
  return object == Py_None ||
         (PyUnicode_Check(object) && PyUnicode_CompareWithASCIIString(object, "relu") == 0);
}

PyObject* set_path_function(PyObject*, PyObject* name) {
  const char* text = PyUnicode_AsUTF8(name);
  if (!text) return nullptr;
  Path path;
  if (!find_path(text, &path)) {
    PyErr_Format(PyExc_ValueError, "the kernels' paths are auto, simt, mma and hopper, got '%s'", text);
    return nullptr;
  }
  set_path(path);
  Py_RETURN_NONE;
}

}  // namespace pynn::cuda
