"""DLPack capsules that NumPy cannot make or read by itself: bfloat16, and memory that may be written.

A capsule holds a struct that begins with the data's address, its device (two 32-bit numbers) and the number of
dimensions; then come the dtype's code, bits and lanes. What NumPy exports as uint16 is bfloat16 once that code is changed.
"""

import ctypes
from typing import Any

import numpy

_UINT, _BFLOAT = 1, 4
_CODE_AT = 20  # bytes from the struct's start to the dtype's code

_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_of.restype = ctypes.c_void_p
_pointer_of.argtypes = [ctypes.py_object, ctypes.c_char_p]
_is_valid = ctypes.pythonapi.PyCapsule_IsValid
_is_valid.restype = ctypes.c_int
_is_valid.argtypes = [ctypes.py_object, ctypes.c_char_p]


class Capsule:
    """A bare capsule as an object with the protocol's methods, for numpy.from_dlpack."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **named: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


def _dtype_code(capsule: Any) -> Any:
    """The dtype's code and bits in a capsule, as two bytes to read and write; RuntimeError for a used capsule."""
    if not _is_valid(capsule, b"dltensor"):
        raise RuntimeError(
            "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once."
        )
    return (ctypes.c_uint8 * 2).from_address(_pointer_of(capsule, b"dltensor") + _CODE_AT)


def _device_type(capsule: Any) -> int:
    return ctypes.c_int32.from_address(_pointer_of(capsule, b"dltensor") + 8).value


def bfloat16_capsule(array: numpy.ndarray) -> Any:
    """A capsule over a bfloat16 array's memory."""
    capsule = array.view(numpy.uint16).__dlpack__()
    _dtype_code(capsule)[0] = _BFLOAT
    return capsule


def array_of(capsule: Any) -> tuple[numpy.ndarray, bool]:
    """(a writable array over a capsule's memory, whether its elements are bfloat16 shown as uint16)."""
    code = _dtype_code(capsule)
    if _device_type(capsule) != 1:
        raise RuntimeError("from_dlpack(): the memory is not the CPU's. Copy it to the CPU first.")
    half = code[0] == _BFLOAT and code[1] == 16
    if half:
        code[0] = _UINT
    return writable(numpy.from_dlpack(Capsule(capsule))), half


def writable(array: numpy.ndarray) -> numpy.ndarray:
    """The same memory as an array that may be written: capsules of this kind do not say so, and NumPy takes no for an answer."""
    if array.flags.writeable or array.size == 0:
        return array if array.flags.writeable else array.copy()
    low, high = numpy.lib.array_utils.byte_bounds(array)
    memory = (ctypes.c_uint8 * (high - low)).from_address(low)
    memory._owner = array  # type: ignore[attr-defined]
    start = array.__array_interface__["data"][0] - low
    return numpy.ndarray(array.shape, array.dtype, memoryview(memory), start, array.strides)
