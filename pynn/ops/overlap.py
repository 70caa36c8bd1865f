"""Memory that a tensor has twice, or shares with another one: what may be written then, and what not, as in torch."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy

from pynn import _core
from pynn._core import Tensor


def is_dense(array: numpy.ndarray) -> bool:
    """Whether an array's elements fill its memory, each one place of it, in whatever order of the dimensions."""
    expected = array.itemsize
    for step, n in sorted((step, n) for step, n in zip(array.strides, array.shape) if n != 1):
        if step != expected:
            return False
        expected *= n
    return True


def overlap(a: numpy.ndarray, b: numpy.ndarray) -> str:
    """How two arrays share memory: "none", "full" (the same elements in the same order) or "partial".

    "none" also where one of them has gaps or repeated elements, of which torch does not ask.
    """
    if not numpy.may_share_memory(a, b) or not a.size or not b.size or not (is_dense(a) and is_dense(b)):
        return "none"
    same = a.nbytes == b.nbytes and a.__array_interface__["data"] == b.__array_interface__["data"]
    steps = [[step for step, n in zip(x.strides, x.shape) if n > 1] for x in (a, b)]
    return "full" if same and steps[0] == steps[1] else "partial"


def refuse_overlap(name: str, target: Any, others: Iterable[Any], apart: bool = False) -> None:
    """RuntimeError where an operation would write an array while it reads, through another, a part of its memory.

    apart: also where the other is the very same elements, for operations that read some after they wrote others.
    """
    for other in others:
        if isinstance(target, numpy.ndarray) and isinstance(other, numpy.ndarray):
            found = overlap(target, other)
            if found == "partial" or (apart and found == "full"):
                raise RuntimeError(
                    "unsupported operation: some elements of the input tensor and the written-to tensor refer to a "
                    "single memory location. Please clone() the tensor before performing the operation "
                    f"({name}, shapes {list(target.shape)} and {list(other.shape)})."
                )


def arrays_in(values: Iterable[Any]) -> list[Any]:
    """The arrays of the tensors among arguments, and in the lists and tuples among them."""
    found: list[Any] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value._array)
        elif isinstance(value, (list, tuple)):
            found.extend(arrays_in(value))
    return found


def repeats(array: numpy.ndarray) -> bool:
    """Whether several of an array's elements are one place in memory, as an expanded tensor's are."""
    return any(step == 0 and n > 1 for step, n in zip(array.strides, array.shape))


def owner(array: numpy.ndarray) -> numpy.ndarray:
    """The array that the memory of another one was made for; itself where it is no view."""
    found, below = array, array.base
    while below is not None:
        found = below if isinstance(below, numpy.ndarray) else found
        below = getattr(below, "base", None)  # NumPy's as_strided puts an object of its own between
    return found


def opened(array: numpy.ndarray) -> numpy.ndarray:
    """An expanded array, which NumPy calls read-only, as one to write; itself where its memory is read-only indeed."""
    if not owner(array).flags.writeable:
        return array
    from pynn._dlpack import writable

    return writable(array)


_WRITES_REPEATS = {"fill_", "index_put_"}  # of an expanded tensor: one value everywhere, or the last one given


def _ready_to_write(op: Any, arrays: Sequence[Any]) -> Sequence[Any]:
    """The arrays of an in-place op that no kernel took, arrays[0] as one that may be written.

    RuntimeError where it shares memory with the others and the op reads them as it writes.
    """
    target = arrays[0]
    if op.functional.pointwise:
        refuse_overlap(op.name, target, arrays[1:])
    if op.name in _WRITES_REPEATS and isinstance(target, numpy.ndarray) and not target.flags.writeable:
        return (opened(target), *arrays[1:])
    return arrays


_core.METHODS["ready_to_write"] = _ready_to_write
