"""Tensors in memory that several processes see."""

import ctypes
import gc
import sys
from typing import Any

import numpy

from pynn import _core
from pynn._core import Tensor
from pynn.ops.overlap import owner
from pynn.ops.registry import export


@export(function=False)
def is_shared(self: Tensor) -> bool:
    """Whether other processes can see this memory: after share_memory_(), or as it came from a worker."""
    from pynn._shared import mapping_of

    return mapping_of(self._array) is not None


@export(function=False)
def share_memory_(self: Tensor) -> Tensor:
    """Move the values to memory that processes forked later, and those it is sent to, share; returns self.

    A write by any of them shows in all. A tensor that is shared already stays as it is. The other tensors and storages
    over the memory that this one had (views of it, say) move along; NumPy arrays over it stay behind.
    """
    from pynn._shared import mapping_of

    array = self._array
    if mapping_of(array) is None:
        if owner(array) is array and sys.getrefcount(array) <= 3:  # the tensor, the name here and the argument: no one else
            _core.set_array(self, _Twin(array).view(array))
        else:
            move(array)
    return self


def move(array: numpy.ndarray) -> None:
    """Move all that lies in the memory of an array, in whatever tensor or storage, to shared memory."""
    from pynn.storage import _Storage

    twin = _Twin(array)
    for found in gc.get_objects():
        kind = type(found)  # isinstance would ask foreign objects for their __class__, which some answer with a warning
        if issubclass(kind, Tensor) and twin.has(found._array):
            found._array = twin.view(found._array)
        elif issubclass(kind, _Storage) and twin.has(found._flat):
            found._flat = twin.view(found._flat)


class _Twin:
    """A copy, in shared memory, of all the memory that an array is a part of."""

    def __init__(self, array: numpy.ndarray) -> None:
        from pynn._shared import shared_copy

        whole = owner(array)
        self.low, self.high = numpy.lib.array_utils.byte_bounds(whole)
        length = self.high - self.low if whole.size else 0
        memory: Any = (ctypes.c_uint8 * length).from_address(self.low)
        self.bytes = shared_copy(numpy.frombuffer(memory, numpy.uint8) if length else numpy.empty(0, numpy.uint8))

    def has(self, array: Any) -> bool:
        """Whether an array lies in the memory that was copied."""
        if not isinstance(array, numpy.ndarray) or not array.size:
            return False
        return bool(self.low <= array.__array_interface__["data"][0] < self.high)

    def view(self, array: numpy.ndarray) -> numpy.ndarray:
        """The array's place in the copy."""
        offset = array.__array_interface__["data"][0] - self.low if array.size else 0
        found: numpy.ndarray = numpy.ndarray(array.shape, array.dtype, self.bytes, offset, array.strides)
        found.flags.writeable = array.flags.writeable
        return found
