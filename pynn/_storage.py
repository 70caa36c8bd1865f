"""Storages: the memory that a tensor and its views share, as bytes or as elements."""

from collections.abc import Iterator
from typing import Any

import numpy

from pynn._device import CPU, device
from pynn._dtypes import dtype, from_numpy, plain


class _Storage:
    """What both kinds have. `_flat` is a one-dimensional array over the memory."""

    _flat: numpy.ndarray

    @property
    def device(self) -> device:
        """Where the memory lies: the CPU."""
        return CPU

    is_cuda = False
    is_sparse = False

    def data_ptr(self) -> int:
        """The address of the first byte: equal for two storages that are the same memory."""
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
        found: list[Any] = plain(self._flat).tolist()
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
        """Itself."""
        return self

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
        """Take new memory that other processes see too, with the same values. Tensors keep theirs: share those first."""
        from pynn._shared import shared_copy

        if not self.is_shared():
            self._flat = shared_copy(self._flat)
        return self

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

    def __repr__(self) -> str:
        return f"[pynn.{type(self).__name__} of {self.size()} elements, {self.nbytes()} bytes on the CPU]"


class UntypedStorage(_Storage):
    """A tensor's memory as bytes. `UntypedStorage(n)` is n bytes, their values not set."""

    def __init__(self, size: int = 0, *, device: Any = None) -> None:
        self._flat = numpy.empty(int(size), numpy.uint8)

    @classmethod
    def _of(cls, flat: numpy.ndarray) -> "UntypedStorage":
        made_ = cls.__new__(cls)
        made_._flat = flat.view(numpy.uint8)
        return made_

    def resize_(self, size: int) -> "UntypedStorage":
        """Refused: tensors hold on to the memory they have."""
        if int(size) == self.nbytes():
            return self
        raise RuntimeError(f"a storage of {self.nbytes()} bytes cannot become one of {size}. Use Tensor.resize_.")


class TypedStorage(_Storage):
    """A tensor's memory as elements of its dtype."""

    @classmethod
    def _of(cls, flat: numpy.ndarray) -> "TypedStorage":
        made_ = cls.__new__(cls)
        made_._flat = flat
        return made_

    @property
    def dtype(self) -> dtype:
        """The type of the elements."""
        return from_numpy(self._flat.dtype)

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return UntypedStorage._of(self._flat)

    def _untyped_storage(self) -> UntypedStorage:
        return self.untyped()


__all__ = ["TypedStorage", "UntypedStorage"]
