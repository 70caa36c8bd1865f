"""The array namespace that a differentiable step runs over: `pynn.ops.namespace`, and writing in place."""

from typing import Any

from pynn._core import Tensor
from pynn.ops import namespace

name = "pynn"


def copyto(target: Tensor, value: Tensor | float) -> None:
    """Write a tensor's values, or a number, to target, recorded for backward."""
    if isinstance(value, Tensor):
        target.copy_(value)
    else:
        target.fill_(value)


def maximum(x: Tensor, y: Tensor) -> Tensor:
    """The larger of each pair, of copies: a step goes on to write to what this saves for backward."""
    return namespace.maximum(*[v.clone() if isinstance(v, Tensor) else v for v in (x, y)])


class Detaching:
    """The same namespace, but what it copies carries no gradient."""

    name = "pynn"

    @staticmethod
    def copyto(target: Tensor, value: Tensor) -> None:
        """Write a tensor's values to target, as constants."""
        target.copy_(value.detach())

    def __getattr__(self, name: str) -> Any:
        return getattr(namespace, name)


def __getattr__(name: str) -> Any:
    return getattr(namespace, name)
