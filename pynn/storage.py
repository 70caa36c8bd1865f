"""Storages under torch's names: UntypedStorage, TypedStorage, and one class of the latter for each dtype."""

from typing import Any

import numpy

from pynn._dtypes import DTYPES, dtype, from_numpy, to_numpy
from pynn._storage import TypedStorage, UntypedStorage, _new


class _OfOneType(type):
    """FloatStorage and the like: they make TypedStorages, and are what `isinstance` asks a storage for."""

    np_dtype: numpy.dtype[Any]

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, TypedStorage) and instance._flat.dtype == cls.np_dtype

    def __call__(cls, *args: Any, device: Any = None) -> Any:
        from pynn._device import check_device

        if device is not None:
            check_device(device)
        if not args:
            return TypedStorage._of(numpy.empty(0, cls.np_dtype))
        (what,) = args
        if isinstance(what, (UntypedStorage, TypedStorage)):
            return TypedStorage._of(what._elements(cls.np_dtype))
        return TypedStorage._of(_new(what, cls.np_dtype))

    @property
    def dtype(cls) -> dtype:
        """The type of the elements."""
        return from_numpy(cls.np_dtype)


_NAMES = {
    "Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64", "Int": "int32",
    "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool",
}  # fmt: skip
_CLASSES = {
    name + "Storage": _OfOneType(
        name + "Storage",
        (),
        {
            "np_dtype": to_numpy(DTYPES[target]),
            "__doc__": f"A storage of {target}, of a size, of a list or over a storage.",
        },
    )
    for name, target in _NAMES.items()
}
FloatStorage: _OfOneType
DoubleStorage: _OfOneType
HalfStorage: _OfOneType
BFloat16Storage: _OfOneType
LongStorage: _OfOneType
IntStorage: _OfOneType
ShortStorage: _OfOneType
CharStorage: _OfOneType
ByteStorage: _OfOneType
BoolStorage: _OfOneType
globals().update(_CLASSES)
Storage = _CLASSES["FloatStorage"]


def name_of(np_dtype: "numpy.dtype[Any]") -> str:
    """The name of the class for a dtype: "FloatStorage". RuntimeError for a dtype that has none."""
    for name, kind in _CLASSES.items():
        if kind.np_dtype == np_dtype:
            return name
    raise RuntimeError(f"no class of storages is for {np_dtype}.")


__all__ = ["Storage", "TypedStorage", "UntypedStorage", *_CLASSES]
