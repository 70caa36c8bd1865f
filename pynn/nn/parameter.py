"""Tensors that belong to a module: Parameter (trained) and Buffer (state that is not)."""

from typing import Any, Self

import numpy

from pynn import _core, _lazy
from pynn._core import Tensor, wrap_as
from pynn._dtypes import default_float

__all__ = ["Buffer", "Parameter"]


def _adopt(cls: type[Tensor], data: Any, requires_grad: bool) -> Any:
    """A `cls` over data's memory, which stays shared (writes to either are counted for both)."""
    if data is None:
        return wrap_as(cls, numpy.empty(0, default_float()), requires_grad)
    if not isinstance(data, Tensor):
        raise TypeError(
            f"{cls.__name__}(data=...) takes a Tensor or None, got {type(data).__name__}. Make one first: "
            f"{cls.__name__}(pynn.tensor(data))."
        )
    if requires_grad and not _core.is_floating(data._array):
        raise RuntimeError(
            f"only Tensors of floating point dtype can require gradients, got {data._array.dtype}. Use .float() first, "
            f"or requires_grad=False."
        )
    made = wrap_as(cls, data._array, requires_grad)
    made._writes = _core.shared_version(data)
    return made


class Parameter(Tensor):
    """A leaf tensor that a module trains: setting it as a module's attribute registers it.

    data: the tensor whose memory it takes, any shape; None makes an empty one.
    requires_grad: whether backward gives it a gradient; raises RuntimeError for an integer dtype.
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Self:
        made: Self = _adopt(cls, data, bool(requires_grad))
        return made

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        """Everything is done by __new__."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """A parameter of the same values; its gradient is not copied."""
        held = memo.get(id(self))
        if held is None:
            held = memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        return held

    def __repr__(self) -> str:
        text = super().__repr__()
        return "Parameter containing:\n" + (text if type(self) is Parameter else f"Parameter({text})")


class Buffer(Tensor):
    """A tensor of state that is not trained: setting it as a module's attribute registers it as a buffer.

    data: the tensor whose memory it takes. persistent: whether state_dict contains it.
    """

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Self:
        made: Self = _adopt(cls, data, False)
        made.persistent = persistent
        return made

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        """Everything is done by __new__."""


_LAZY = dict.fromkeys(
    ("UninitializedBuffer", "UninitializedParameter", "UninitializedTensorMixin", "is_lazy"), "._uninitialized"
)
__getattr__, __dir__ = _lazy.names(__name__, _LAZY)
