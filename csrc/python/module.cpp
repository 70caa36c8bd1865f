// pynn._native: a table of contents. Kernels for the hot path go into the dict `kernels` by op name; the rest
// are plain pybind11 functions.
#include <pybind11/pybind11.h>

#include <cstring>

#include "bindings.h"

namespace py = pybind11;
using namespace pynn::python;

namespace {

PyObject* is_fresh_function(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return PyBool_FromLong(count == 1 && as_array(args[0]) && is_fresh(as_array(args[0])));
}

PyMethodDef fast_functions[] = {
    {"convert", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(convert_function)), METH_FASTCALL,
     "A copy of an array in another dtype."},
    {"set_bfloat16", set_bfloat16_function, METH_O, "Tell the kernels NumPy's dtype for bfloat16."},
    {"is_fresh", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(is_fresh_function)), METH_FASTCALL,
     "Whether an array is row-major over memory that nobody else can hold a view of."},
    {nullptr, nullptr, 0, nullptr}};

void check(pynn_status status) {
  if (status != PYNN_OK) throw py::value_error(pynn_last_error());
}

// A compiled class takes no attributes from Python; its dictionary does, as Cython itself uses it.
void set_type_attribute(py::type type, const py::str& name, const py::object& value) {
  auto* object = reinterpret_cast<PyTypeObject*>(type.ptr());
  if (PyDict_SetItem(object->tp_dict, name.ptr(), value.ptr()) < 0) throw py::error_already_set();
  PyType_Modified(object);
}

// Makes a compiled class look to its users as one written in Python: what type(x) prints, and that its attributes can be
// set. The name is kept as long as the class, for ever.
void publish_type(py::type type, const std::string& name) {
  auto* object = reinterpret_cast<PyTypeObject*>(type.ptr());
  object->tp_name = strdup(name.c_str());
  object->tp_flags &= ~Py_TPFLAGS_IMMUTABLETYPE;
}

// Python asks a class that has a `__getattr__`, even one it inherits, for every attribute the long way; this sets the
// short way, without it. Setting a `__getattr__` on the class or on a base later puts the long one back.
void quick_reads(py::type type) { reinterpret_cast<PyTypeObject*>(type.ptr())->tp_getattro = PyObject_GenericGetAttr; }

py::dict memory_stats() {
  pynn_memory stats;
  pynn_memory_stats(&stats);
  py::dict out;
  out["in_use_bytes"] = stats.in_use_bytes;
  out["cached_bytes"] = stats.cached_bytes;
  out["peak_bytes"] = stats.peak_bytes;
  out["allocations"] = stats.allocations;
  out["reused"] = stats.reused;
  return out;
}

}  // namespace

PYBIND11_MODULE(_native, m) {
  m.doc() = "Compiled kernels of pynn.";
  if (!init_arrays()) throw py::error_already_set();
  if (PyModule_AddFunctions(m.ptr(), fast_functions) < 0) throw py::error_already_set();

  py::dict kernels;
#define PYNN_BINDING(family) \
  if (!register_##family(kernels.ptr())) throw py::error_already_set();
#include "families.inc"
#undef PYNN_BINDING
  m.attr("kernels") = kernels;

  m.def("version", &pynn_version);
  m.def("compiler", &pynn_compiler);
  m.def("isa", &pynn_isa, "The instruction set in use.");
  m.def("isa_supported", [](const char* name) { return pynn_isa_supported(name) != 0; });
  m.def("set_isa", [](const char* name) { check(pynn_set_isa(name)); });
  m.def("get_num_threads", &pynn_get_num_threads);
  m.def("set_num_threads", [](int n) { check(pynn_set_num_threads(n)); });
  m.def("get_conv_algo", &pynn_conv_get_algo);
  m.def("set_conv_algo", [](const char* name) { check(pynn_conv_set_algo(name)); });
  m.def("memory_stats", &memory_stats);
  m.def("reset_peak_memory", &pynn_memory_reset_peak);
  m.def("memory_limit", &pynn_memory_limit);
  m.def("set_memory_limit", &pynn_memory_set_limit);
  m.def("peak_flops", &pynn_peak_flops, py::call_guard<py::gil_scoped_release>());
  m.def("trim", &pynn_trim, "Give cached blocks back to the system.");
  m.def("set_type_attribute", &set_type_attribute);
  m.def("publish_type", &publish_type);
  m.def("quick_reads", &quick_reads);
}
