// 16-bit floats: what the door converts arrays with, and how bfloat16 becomes known to the kernels.
#include "bindings.h"

namespace pynn::python {
PyObject* convert_half(PyArrayObject* x, int type) {
  const int from = plain_type(x);
  const bool widens = is_half(from) && type == NPY_FLOAT32, narrows = from == NPY_FLOAT32 && is_half(type);
  if ((!widens && !narrows) || PyArray_NDIM(x) > PYNN_MAX_DIMS) return nullptr;
  PyArrayObject* out = new_ordered_like(x, type);
  if (!out) return nullptr;
  const pynn_array in = describe(x);
  pynn_array result = describe(out);
  const pynn_status status = run(PyArray_SIZE(x), [&] { return pynn_convert_half(&in, &result); });
  if (status == PYNN_OK) return reinterpret_cast<PyObject*>(out);
  Py_DECREF(out);
  return nullptr;
}

PyObject* convert_function(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyArrayObject* x = count == 2 ? as_array(args[0]) : nullptr;
  PyArray_Descr* dtype = nullptr;
  if (!x || !PyArray_DescrConverter(args[1], &dtype)) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "convert takes an array and a dtype.");
    return nullptr;
  }
  PyObject* out = convert_half(x, dtype->type_num);
  if (out || PyErr_Occurred()) {
    Py_DECREF(dtype);
    return out;
  }
  return PyArray_CastToType(x, dtype, 0);  // takes over the dtype
}

PyObject* set_bfloat16_function(PyObject*, PyObject* dtype) {
  if (!PyArray_DescrCheck(dtype) || PyDataType_ELSIZE(reinterpret_cast<PyArray_Descr*>(dtype)) != 2) {
    PyErr_SetString(PyExc_TypeError, "set_bfloat16 takes a NumPy dtype of 2 bytes.");
    return nullptr;
  }
  bfloat16_type = reinterpret_cast<PyArray_Descr*>(dtype)->type_num;
  Py_RETURN_NONE;
}

}  // namespace pynn::python
