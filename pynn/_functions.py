"""Functions that torch has at its top level beside methods of the same name; imported when one is first used."""

from collections.abc import Callable
from typing import Any

from pynn._core import METHODS, Tensor

# Functions that write to their first argument: methods of the same name.
INPLACE = (
    "abs_", "acos_", "acosh_", "addmv_", "arccos_", "arccosh_", "arcsin_", "arcsinh_", "arctan_", "arctanh_",
    "as_strided_", "asin_", "asinh_", "atan_", "atanh_", "ceil_", "clamp_", "clamp_max_", "clamp_min_", "clip_", "cos_",
    "cosh_", "deg2rad_", "detach_", "erf_", "erfc_", "exp2_", "exp_", "expm1_", "fill_", "fix_", "floor_", "frac_", "gcd_",
    "i0_", "index_put_", "lcm_", "ldexp_", "log10_", "log1p_", "log2_", "log_", "logit_", "nan_to_num_", "neg_", "negative_",
    "rad2deg_", "reciprocal_", "resize_as_", "round_", "rsqrt_", "sigmoid_", "sin_", "sinc_", "sinh_", "sqrt_", "square_",
    "tan_", "tanh_", "trunc_", "xlogy_", "zero_",
)  # fmt: skip

NAMES = ("fork", "real", "set_autocast_gpu_dtype", "wait")


def _inplace(name: str) -> Callable[..., Any]:
    def function(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        return METHODS[name](input, *args, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`input.{name}(...)`."
    return function


def __getattr__(name: str) -> Any:
    if name in INPLACE and hasattr(Tensor, name):
        found = globals()[name] = _inplace(name)
        return found
    raise AttributeError(f"module 'pynn' has no attribute {name!r}.")


def real(input: Tensor) -> Tensor:
    """input itself: all tensors are real."""
    return input


def set_autocast_gpu_dtype(dtype: Any) -> None:
    """`set_autocast_dtype("cuda", dtype)`."""
    from pynn.amp.autocast_mode import set_autocast_dtype

    set_autocast_dtype("cuda", dtype)


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """`jit.fork`."""
    from pynn import jit

    return jit.fork(func, *args, **kwargs)


def wait(future: Any) -> Any:
    """`jit.wait`."""
    return future.result()
