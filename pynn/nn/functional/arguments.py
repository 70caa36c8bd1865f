"""What functions share: sizes given as one number or one a dimension, the error for what is no Tensor."""

import functools
from collections.abc import Callable
from typing import Any

from pynn._core import Tensor


def sizes(value: Any, dims: Any, name: str) -> Any:
    """value as a tuple of `dims` ints: one int or a list of one stands for all; RuntimeError for another count."""
    found = (value,) if isinstance(value, int) else tuple(int(v) for v in value)
    if len(found) == 1:
        found = found * dims
    if len(found) != dims:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {dims} values, but got {name}={list(found)}."
        )
    return found


def strides(value: Any, kernel: Any, dims: Any) -> Any:
    """A pool's stride, which is its kernel's size where none was given."""
    return kernel if value is None or value == () or value == [] else sizes(value, dims, "stride")


def require_tensors(name: str, *values: Any, names: Any = ("input", "target")) -> None:
    """TypeError, in torch's words, unless all values, the arguments of those names, are Tensors."""
    for value in values:
        if not isinstance(value, Tensor):
            place = next(i for i, v in enumerate(values) if v is value)
            raise TypeError(
                f"{name}(): argument '{names[place]}' (position {place + 1}) must be Tensor, not "
                f"{type(value).__name__}. Make one first with pynn.tensor(...)."
            )


def with_indices(pool: Callable[..., Any]) -> Callable[..., tuple[Tensor, Tensor]]:
    """`<pool>_with_indices`: (values, indices), whatever return_indices it is given."""
    place = pool.__code__.co_varnames.index("return_indices")

    @functools.wraps(pool)
    def function(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        if len(args) > place:
            args = (*args[:place], True, *args[place + 1 :])
        else:
            kwargs["return_indices"] = True
        return pool(*args, **kwargs)  # type: ignore[no-any-return]

    function.__name__ = function.__qualname__ = pool.__name__ + "_with_indices"
    function.__doc__ = f"{pool.__name__} with return_indices=True: (values, indices)."
    return function
