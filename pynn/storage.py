"""Storages: the memory that a tensor and its views share, as bytes (UntypedStorage) or as elements (TypedStorage).

FloatStorage and the like make TypedStorages of one dtype.
"""

from collections.abc import Iterator
from typing import Any

import numpy

from pynn import _core
from pynn._device import CPU, check_device, device
from pynn._dtypes import DTYPES, TYPE_OF, TYPES, from_numpy, get_default_dtype, plain, to_numpy
from pynn._dtypes import dtype as _dtype


class _Storage:
    """What both kinds have. `_flat` is a one-dimensional array over the memory."""

    _flat: numpy.ndarray

    @property
    def device(self) -> device:
        """Where the memory lies."""
        if not _core.on_device(self._flat):
            return CPU
        from pynn import _gpu

        return _gpu.device_of((self._flat,))

    @property
    def is_cuda(self) -> bool:
        """Whether the memory is a GPU's."""
        return bool(_core.on_device(self._flat))

    is_sparse = False

    def data_ptr(self) -> int:
        """The address of the first byte: equal for two storages that are the same memory."""
        if _core.on_device(self._flat):
            there: Any = self._flat
            return int(there.data.ptr)
        address: int = self._flat.__array_interface__["data"][0] if self._flat.size else 0
        return address

    def nbytes(self) -> int:
        """The size in bytes."""
        return int(self._flat.nbytes)

    def size(self) -> int:
        """The number of elements (bytes, of an untyped storage)."""
        return int(self._flat.size)

    __len__ = size

    def element_size(self) -> int:
        """Bytes an element."""
        return int(self._flat.itemsize)

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        held: Any = self._flat
        found: list[Any] = plain(held.get() if self.is_cuda else held).tolist()
        return found

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self._of(self._flat[index])
        return plain(self._flat[index : index + 1 or None])[0].item()

    def __setitem__(self, index: int | slice, value: Any) -> None:
        self._flat[index] = value

    def fill_(self, value: Any) -> "_Storage":
        """Set every element; returns the storage."""
        self._flat[...] = value
        return self

    def cpu(self) -> "_Storage":
        """A copy in the CPU's memory; itself where it lies there."""
        return self.to(device=CPU)

    def cuda(self, device: Any = None, non_blocking: bool = False) -> "_Storage":
        """A copy on a GPU; itself where it lies there. RuntimeError where there is none."""
        return self.to(device="cuda" if device is None else device)

    def to(self, *, device: Any, non_blocking: bool = False) -> "_Storage":
        """A copy on a device; itself where it lies there."""
        where = check_device(device)
        if where == self.device:
            return self
        from pynn import _gpu

        return self._of(_gpu.place(self._flat, where))

    def new(self) -> "_Storage":
        """An empty storage of the kind."""
        return self._of(self._flat[:0].copy())

    def clone(self) -> "_Storage":
        """A copy in memory of its own."""
        return self._of(self._flat.copy())

    def copy_(self, source: "_Storage", non_blocking: bool = False) -> "_Storage":
        """Copy another storage's elements into this one; returns it."""
        self._flat[...] = source._flat
        return self

    def is_shared(self) -> bool:
        """Whether other processes see the memory."""
        from pynn._shared import mapping_of

        return mapping_of(self._flat) is not None

    def share_memory_(self) -> "_Storage":
        """Move to memory that other processes see too, and with it the tensors over this storage; returns it."""
        from pynn._shared import shared_copy
        from pynn.ops.sharing import move

        if not self.is_shared():
            move(self._flat)
            if not self.is_shared():  # of no bytes
                self._flat = shared_copy(self._flat)
        return self

    def resize_(self, size: int) -> "_Storage":
        """Refused, but for the size it has: tensors hold on to the memory they have. RuntimeError."""
        if int(size) == self.size():
            return self
        raise RuntimeError(f"a storage of {self.size()} elements cannot become one of {size}. Use Tensor.resize_.")

    def is_pinned(self) -> bool:
        """Whether the memory is page-locked: no."""
        return False

    @classmethod
    def _of(cls, flat: numpy.ndarray) -> "_Storage":
        raise NotImplementedError

    def _elements(self, np_dtype: numpy.dtype) -> numpy.ndarray:
        """The memory as a flat array of a dtype."""
        if self._flat.dtype == np_dtype:
            return self._flat
        data = self._flat.view(numpy.uint8)
        return data[: data.size - data.size % np_dtype.itemsize].view(np_dtype)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Storage) and (self.data_ptr(), self.nbytes()) == (other.data_ptr(), other.nbytes())

    def __hash__(self) -> int:
        return hash((self.data_ptr(), self.nbytes()))

    def _what(self) -> str:
        raise NotImplementedError

    def __repr__(self) -> str:
        return "".join(f" {x}\n" for x in self.tolist()) + f"[{self._what()} of size {self.size()}]"


def _new(source: Any, np_dtype: numpy.dtype) -> numpy.ndarray:
    """The memory of a new storage: of a number of elements, or holding the elements of a sequence."""
    if isinstance(source, (int, numpy.integer)):
        if source < 0:
            raise RuntimeError(f"Trying to create a storage of a negative size {source}.")
        return numpy.empty(int(source), np_dtype)
    return numpy.array(list(source)).astype(np_dtype)


class UntypedStorage(_Storage):
    """A tensor's memory as bytes: `UntypedStorage(n)` is n bytes, their values not set; of a list, the bytes in it."""

    def __init__(self, source: Any = 0, *, device: Any = None) -> None:
        if device is not None:
            check_device(device)
        self._flat = _new(source, numpy.dtype(numpy.uint8))

    def _what(self) -> str:
        return "pynn.storage.UntypedStorage(device=cpu)"

    def type(self) -> str:
        """The name of the kind."""
        return "pynn.storage.UntypedStorage"

    def untyped(self) -> "UntypedStorage":
        """Itself."""
        return self

    @classmethod
    def _of(cls, flat: numpy.ndarray) -> "UntypedStorage":
        made_ = cls.__new__(cls)
        made_._flat = flat.view(numpy.uint8)
        return made_


class TypedStorage(_Storage):
    """A tensor's memory as elements of its dtype.

    `TypedStorage(n, dtype=...)` has n elements, their values not set; of a list, the elements in it.
    `TypedStorage(wrap_storage=s, dtype=...)` is the memory of s seen as another dtype. dtype: the default one unless given.
    """

    def __init__(
        self,
        source: Any = 0,
        *,
        wrap_storage: "_Storage | None" = None,
        dtype: _dtype | None = None,
        device: Any = None,
        _internal: bool = False,
    ) -> None:
        if device is not None:
            check_device(device)
        kind = to_numpy(get_default_dtype() if dtype is None else dtype)
        if wrap_storage is None:
            self._flat = _new(source, kind)
        elif isinstance(wrap_storage, UntypedStorage):
            self._flat = wrap_storage._elements(kind)
        else:
            raise TypeError(
                f"Argument 'wrap_storage' must be UntypedStorage, but got {type(wrap_storage).__name__}: use its .untyped()."
            )

    def _what(self) -> str:
        return f"pynn.storage.TypedStorage(dtype={self.dtype}, device=cpu)"

    def pickle_storage_type(self) -> str:
        """The name of the class of storages of this dtype: "FloatStorage"."""
        return TYPE_OF[self._flat.dtype.name] + "Storage"

    def type(self, dtype: _dtype | None = None, non_blocking: bool = False) -> Any:
        """The name of its kind with its module, or given a dtype the elements in that dtype: itself, or a new storage."""
        return f"pynn.{self.pickle_storage_type()}" if dtype is None else self._in(to_numpy(dtype))

    def _in(self, np_dtype: numpy.dtype) -> "TypedStorage":
        return self if self._flat.dtype == np_dtype else self._of(plain(self._flat).astype(np_dtype))

    @classmethod
    def _of(cls, flat: numpy.ndarray) -> "TypedStorage":
        made_ = cls.__new__(cls)
        made_._flat = flat
        return made_

    @property
    def dtype(self) -> _dtype:
        """The type of the elements."""
        return from_numpy(self._flat.dtype)

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return UntypedStorage._of(self._flat)


def _converter(method: str, name: str) -> None:
    def convert(self: TypedStorage) -> TypedStorage:
        return self._in(to_numpy(DTYPES[name]))

    convert.__name__ = method
    convert.__qualname__ = f"TypedStorage.{method}"
    convert.__doc__ = f"The elements as {name}: itself, or a new storage."
    setattr(TypedStorage, method, convert)


for _kind, _target in TYPES.items():
    _converter(_kind.lower(), _target)


class _OfOneType(type):
    """FloatStorage and the like: they make TypedStorages, and are what `isinstance` asks a storage for."""

    np_dtype: numpy.dtype[Any]

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, TypedStorage) and instance._flat.dtype == cls.np_dtype

    def __call__(cls, *args: Any, device: Any = None) -> Any:
        if device is not None:
            check_device(device)
        if not args:
            return TypedStorage._of(numpy.empty(0, cls.np_dtype))
        (what,) = args
        if isinstance(what, (UntypedStorage, TypedStorage)):
            return TypedStorage._of(what._elements(cls.np_dtype))
        return TypedStorage._of(_new(what, cls.np_dtype))

    @property
    def dtype(cls) -> _dtype:
        """The type of the elements."""
        return from_numpy(cls.np_dtype)


_CLASSES = {
    name + "Storage": _OfOneType(
        name + "Storage",
        (),
        {
            "np_dtype": to_numpy(DTYPES[target]),
            "__doc__": f"A storage of {target}, of a size, of a list or over a storage.",
        },
    )
    for name, target in TYPES.items()
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


__all__ = ["Storage", "TypedStorage", "UntypedStorage", *_CLASSES]
