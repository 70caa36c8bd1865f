"""dtypes, their names and torch's promotion rules.

NumPy has no bfloat16: ml_dtypes gives it one, and is imported when bfloat16 is first used. NumPy knows such
an array's kind as "V"; its promotion, limits and text are ours.
"""

from typing import Any

import numpy

from pynn._absent import REASONS
from pynn._core import Tensor


class dtype:
    """A tensor's element type: `pynn.float32` and the like. One object a type, so `is` compares."""

    __slots__ = ("is_floating_point", "is_signed", "itemsize", "name", "numpy")

    def __init__(self, name: str, np_name: Any) -> None:
        self.name = name
        if np_name is None:  # `numpy` is set when first asked for
            self.itemsize, self.is_floating_point, self.is_signed = 2, True, True
            return
        self.numpy = numpy.dtype(np_name)
        self.itemsize = self.numpy.itemsize
        self.is_floating_point = self.numpy.kind == "f"
        self.is_signed = self.numpy.kind in "fi"

    def __getattr__(self, name: str) -> Any:
        if name != "numpy":
            raise AttributeError(f"a dtype has no attribute {name!r}.")
        self.numpy = _load_bfloat16()
        return self.numpy

    is_complex = False

    def __repr__(self) -> str:
        return f"pynn.{self.name}"

    def __reduce__(self) -> Any:
        return (_by_name, (self.name,))


NAMES = {
    "bool": "bool",
    "uint8": "uint8",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "float16": "float16",
    "bfloat16": None,
    "float32": "float32",
    "float64": "float64",
}
DTYPES = {name: dtype(name, np_name) for name, np_name in NAMES.items()}
ALIASES = {
    "half": "float16",
    "float": "float32",
    "double": "float64",
    "short": "int16",
    "int": "int32",
    "long": "int64",
}
# torch's names of element types: in those of tensor types (FloatTensor), of storages, of methods, and in messages.
TYPES: dict[str, str] = {
    "Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64", "Int": "int32",
    "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool",
}  # fmt: skip
TYPE_OF: dict[str, str] = {name: kind for kind, name in TYPES.items()}
_BY_NUMPY = {d.numpy: d for d in DTYPES.values() if d.name != "bfloat16"}
BOOL, INT64, FLOAT32, FLOAT64 = (numpy.dtype(n) for n in ("bool", "int64", "float32", "float64"))
FLOAT16 = numpy.dtype("float16")
_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2, "V": 2}
_default = FLOAT32


def _load_bfloat16() -> Any:
    """NumPy's dtype for bfloat16, made known to the kernels."""
    try:
        import ml_dtypes
    except ImportError as error:
        raise ImportError(f"bfloat16 needs the package ml_dtypes ({error}); pip install ml_dtypes.") from error
    from pynn import _native_hooks

    found = numpy.dtype(ml_dtypes.bfloat16)
    _BY_NUMPY[found] = DTYPES["bfloat16"]
    _native_hooks.set_bfloat16(found)
    return found


def is_bfloat16(np_dtype: Any) -> Any:
    """Whether a NumPy dtype is bfloat16; imports nothing."""
    return np_dtype.kind == "V" and np_dtype.name == "bfloat16"


def plain(array: Any) -> Any:
    """An array for NumPy's own functions, which do not all know bfloat16: that one as float32, others as they are."""
    return array.astype(FLOAT32) if array.dtype.kind == "V" else array


def _by_name(name: str) -> Any:
    return DTYPES[name]


def from_numpy(np_dtype: Any) -> dtype:
    """The dtype object of a NumPy dtype; TypeError for one that tensors do not hold."""
    found = _BY_NUMPY.get(np_dtype)
    if found is None and is_bfloat16(np_dtype):
        found = DTYPES["bfloat16"]
        _ = found.numpy  # the array came from elsewhere: let the kernels know the dtype too
    if found is None and np_dtype.kind == "c":
        raise TypeError(f"can't convert an array of NumPy dtype {np_dtype} to a tensor: {REASONS['complex64']}")
    if found is None:
        raise TypeError(
            f"can't convert an array of NumPy dtype {np_dtype} to a tensor: the supported ones are "
            f"{', '.join(NAMES)}. Cast it first, for example with .astype('float32')."
        )
    return found


def to_numpy(value: Any) -> Any:
    """The NumPy dtype of a pynn dtype, a NumPy dtype or type, or Python's bool, int and float."""
    if isinstance(value, dtype):
        return value.numpy
    if value is float:
        return _default
    if value is int:
        return INT64
    if value is bool:
        return BOOL
    try:
        return from_numpy(numpy.dtype(value)).numpy
    except TypeError:
        raise TypeError(
            f"dtype must be a pynn dtype such as pynn.float32, got {value!r} of type {type(value).__name__}."
        ) from None


def default_float() -> Any:
    """The NumPy dtype that Python floats become (`set_default_dtype`)."""
    return _default


def get_default_dtype() -> Any:
    """The dtype of tensors made from Python floats; float32 at start."""
    return from_numpy(_default)


def set_default_dtype(d: Any) -> None:
    """Set the dtype of tensors made from Python floats; a floating point dtype."""
    global _default
    new = to_numpy(d)
    if new.kind not in "fV":
        raise TypeError(f"only floating-point types are supported as the default type, got {d!r}.")
    _default = new


def scalar_dtype(value: Any) -> Any:
    """The NumPy dtype a Python number becomes as a tensor."""
    if isinstance(value, bool):
        return BOOL
    return INT64 if isinstance(value, int) else _default


def result_type_of(operands: Any) -> Any:
    """torch's promotion: the NumPy dtype shared by tensors (arrays) and Python numbers.

    Among operands of the highest category present (bool < integer < float), tensors with
    dimensions decide; if none of them is in that category, 0-d tensors do, then numbers.
    """
    ranks = [None, None, None]
    for x in operands:
        if isinstance(x, (bool, int, float)):
            rank, kind = 2, scalar_dtype(x)
        else:
            rank, kind = (0 if x.ndim else 1), x.dtype
        held = ranks[rank]
        ranks[rank] = kind if held is None or held == kind else _promote(held, kind)
    best = None
    for kind in ranks:
        if kind is not None and (best is None or _CATEGORY[kind.kind] > _CATEGORY[best.kind]):
            best = kind
    return best


def _promote(a: Any, b: Any) -> Any:
    """Two tensors' dtypes: the wider category, then NumPy's rule within it (torch's, save int + float)."""
    if _CATEGORY[a.kind] != _CATEGORY[b.kind]:
        return a if _CATEGORY[a.kind] > _CATEGORY[b.kind] else b
    if a.kind == "V" or b.kind == "V":
        other = b if a.kind == "V" else a
        return FLOAT32 if other == FLOAT16 else other
    return numpy.promote_types(a, b)


def result_type(tensor1: Any, tensor2: Any) -> Any:
    """The dtype of an operation between two tensors or a tensor and a number."""
    operands = [x._array if isinstance(x, Tensor) else x for x in (tensor1, tensor2)]
    operands = [x.item() if isinstance(x, numpy.generic) else x for x in operands]
    return from_numpy(result_type_of(operands))


def promote_types(type1: Any, type2: Any) -> Any:
    """The smallest dtype that both can be converted to."""
    return from_numpy(_promote(to_numpy(type1), to_numpy(type2)))
