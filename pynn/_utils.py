"""Tensors laid end to end, and errors carried from one process or thread to another, as torch._utils has them."""

import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, NoReturn

import pynn
from pynn._core import Tensor

_ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


class KeyErrorMessage(str):
    """A message that KeyError shows as it is, not in quotes with its line ends escaped."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class ExceptionWrapper:
    """An exception as its type and the text of its traceback, to be raised again elsewhere.

    exc_info: as sys.exc_info() gives it, and by default what that gives now.
    where: said in the message, such as "in DataLoader worker process 0".
    """

    def __init__(self, exc_info: _ExcInfo | None = None, where: str = "in background") -> None:
        kind, value, trace = exc_info or sys.exc_info()
        self.exc_type: Any = kind
        self.exc_msg = "".join(traceback.format_exception(kind, value, trace))
        self.where = where

    def reraise(self) -> NoReturn:
        """Raise an exception of the same type with the original traceback in its message.

        RuntimeError where the type cannot be made from a message.
        """
        name = self.exc_type if isinstance(self.exc_type, str) else self.exc_type.__name__
        message = f"Caught {name} {self.where}.\nOriginal {self.exc_msg}"
        if self.exc_type is KeyError:
            raise KeyError(KeyErrorMessage(message))
        try:
            if getattr(self.exc_type, "message", None):
                error = self.exc_type(message=message)
            else:
                error = self.exc_type(message)
        except Exception:
            raise RuntimeError(message) from None
        if not isinstance(error, BaseException):  # the type did not survive the way; its name did
            raise RuntimeError(message)
        raise error


def _flatten_dense_tensors(tensors: Iterable[Tensor]) -> Tensor:
    """The elements of tensors of one dtype, one after the other, as a new tensor of one dimension."""
    return pynn.cat([tensor.contiguous().view(-1) for tensor in tensors])


def _unflatten_dense_tensors(flat: Tensor, tensors: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """Views of the parts of flat in the shapes of tensors, which _flatten_dense_tensors made it of."""
    parts, start = [], 0
    for tensor in tensors:
        parts.append(flat.narrow(0, start, tensor.numel()).view(tensor.shape))
        start += tensor.numel()
    return tuple(parts)


def _element_size(dtype: Any) -> int:
    """Bytes an element of a dtype. RuntimeError for anything else."""
    if not isinstance(dtype, pynn.dtype):
        raise RuntimeError(f"expected torch.dtype, but got {type(dtype)}.")
    return dtype.itemsize


def _take_tensors(tensors: Sequence[Tensor], size_limit: int) -> Iterator[list[Tensor]]:
    """Groups of tensors of one dtype, in their order, each of at most size_limit bytes or of one tensor alone."""
    groups: dict[Any, tuple[list[Tensor], int]] = {}
    for tensor in tensors:
        size = tensor.numel() * tensor.element_size()
        group, total = groups.get(tensor.dtype, ([], 0))
        if group and total + size > size_limit:
            yield group
            group, total = [], 0
        groups[tensor.dtype] = ([*group, tensor], total + size)
    yield from (group for group, _ in groups.values())
