"""Ways of calling that torch takes besides its documented ones.

NumPy's argument names, as in `pynn.sort(x, axis=0)`; and numbers before the tensors that they scale, deprecated but met
in much code: `p.add_(-lr, grad)`, `pynn.addmm(beta, x, alpha, a, b)`.
"""

import functools
import warnings
from collections.abc import Callable
from typing import Any

from pynn import _core
from pynn._core import Tensor
from pynn.ops.out import has_out, takes_out
from pynn.ops.registry import FUNCTIONS

_NUMPY = (("axis", "dim"), ("keepdims", "keepdim"))


def _republish(name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Put wrap(f) in the place of the function and the method of a name, and under their other names."""
    for table in (FUNCTIONS, _core.METHODS):
        old = table.get(name)
        if old is None:
            continue
        added = has_out(old) and getattr(old, "__wrapped__", None)  # what takes_out was given, if it was
        new = takes_out(wrap(added), old.__name__) if added else wrap(old)
        for n in [n for n, f in table.items() if f is old]:
            table[n] = new
            if table is not FUNCTIONS and getattr(Tensor, n, None) is old:
                _core.install(Tensor, n, new)


def takes_numpy_names(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which takes axis= and keepdims= too for dim= and keepdim=."""

    @functools.wraps(function)
    def either(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            for other, own in _NUMPY:
                if other in kwargs:
                    if own in kwargs:
                        raise TypeError(f"{function.__name__}() got both {own}= and {other}=.")
                    kwargs[own] = kwargs.pop(other)
        return function(*args, **kwargs)

    return either


def numpy_names(*names: str) -> None:
    """Let published functions take NumPy's names."""
    for name in names:
        _republish(name, takes_numpy_names)


def numbers_first(tensors: int, numbers: tuple[str, ...], *names: str) -> None:
    """Let published functions of so many tensors take their numbers by position, each before the tensor it scales."""

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def either(*args: Any, **kwargs: Any) -> Any:
            if len(args) > tensors and all(isinstance(x, Tensor) for x in args[1 - tensors :]):
                given = [x for x in args if not isinstance(x, Tensor)]
                if len(given) == len(args) - tensors <= len(numbers):
                    by_name = ", ".join(f"{name}={x!r}" for name, x in zip(numbers, given))
                    warnings.warn(
                        f"This overload of {function.__name__} is deprecated, with numbers before the tensors that they scale: "
                        f"give them by keyword, {by_name}.",
                        UserWarning,
                        stacklevel=2,
                    )
                    kwargs.update(zip(numbers, given))
                    args = tuple(x for x in args if isinstance(x, Tensor))
            return function(*args, **kwargs)

        return either

    for name in names:
        _republish(name, wrap)


numpy_names(
    "all", "amax", "amin", "aminmax", "any", "argmax", "argmin", "argsort", "chunk", "cosine_similarity", "count_nonzero",
    "cummax", "cummin", "cumprod", "cumsum", "cumulative_trapezoid", "diff", "gradient", "kthvalue", "logcumsumexp",
    "logsumexp", "max", "mean", "median", "min", "mode", "nanmean", "nanmedian", "nanquantile", "nansum", "norm", "prod",
    "quantile", "repeat_interleave", "slice_scatter", "sort", "std", "std_mean", "sum", "take_along_dim", "tensor_split",
    "topk", "trapezoid", "trapz", "unbind", "var", "var_mean",
)  # fmt: skip
numbers_first(2, ("alpha",), "add", "add_", "sub", "sub_")
numbers_first(3, ("value",), "addcmul", "addcmul_", "addcdiv", "addcdiv_")
numbers_first(3, ("beta", "alpha"), "addmm", "addmm_", "addmv", "addmv_", "baddbmm", "baddbmm_")
