"""Functions made of several operations, on 16-bit floats: computed in float32 as a whole, and rounded once.

One operation is widened by the door (`compute_wide` in `pynn._core`); what a function does with several of them would be
rounded after each.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from pynn import _core
from pynn._core import Tensor, state
from pynn._dtypes import FLOAT32
from pynn.ops import registry

Function = TypeVar("Function", bound=Callable[..., Any])


def rounded_once(function: Function) -> Function:
    """Decorate a function of tensors and one result: where all its floats are of one 16-bit dtype they pass as float32."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        half = None
        for x in (*args, *kwargs.values()):
            if isinstance(x, Tensor) and _core.is_floating(x._array):
                dtype = x._array.dtype
                if not _core.is_half(dtype) or half not in (None, dtype):
                    return function(*args, **kwargs)
                half = dtype
        if half is None:
            return function(*args, **kwargs)
        autocast, state.autocast = state.autocast, None  # it would make the steps 16-bit again
        try:
            result = function(*map(_wide, args), **{name: _wide(x) for name, x in kwargs.items()})
            return registry.cast(result, half)
        finally:
            state.autocast = autocast

    return cast(Function, run)


def _wide(x: Any) -> Any:
    return registry.cast(x, FLOAT32) if isinstance(x, Tensor) and _core.is_half(x._array.dtype) else x
