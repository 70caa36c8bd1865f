"""torch's deprecated order of arguments: `x.add_(0.1, y)` for `x.add_(y, alpha=0.1)`, numbers before what they multiply."""

import warnings
from typing import Any

from pynn._core import Tensor

_warned: set[str] = set()


def in_order(name: str, count: int, *given: Any) -> tuple[Any, ...]:
    """The tensors of a call that gave more positional arguments than the function takes, then its numbers.

    Warns once for each function, as torch does. Raises TypeError unless there are `count` tensors and the rest numbers.
    """
    tensors = [x for x in given if isinstance(x, Tensor)]
    numbers = [x for x in given if isinstance(x, (int, float))]
    if len(tensors) != count or len(tensors) + len(numbers) != len(given) or not isinstance(given[-1], Tensor):
        got = ", ".join(type(x).__name__ for x in given)
        raise TypeError(f"{name}() takes {count} tensors, and numbers by their names; got ({got}).")
    if name not in _warned:
        _warned.add(name)
        warnings.warn(
            f"This overload of {name} is deprecated: numbers come after the tensors, by their names, as in "
            "add(input, other, alpha=2) and addmm(input, mat1, mat2, beta=1, alpha=2).",
            stacklevel=3,
        )
    return (*tensors, *numbers)
