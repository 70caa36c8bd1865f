"""torch.overrides' names: pynn does not dispatch on `__torch_function__`, so nothing is overridden."""

from collections.abc import Callable, Iterable
from typing import Any

from pynn._core import Tensor
from pynn._stand_ins import stand_in

__all__ = [
    "TorchFunctionMode", "get_ignored_functions", "get_overridable_functions", "get_testing_overrides", "handle_torch_function",
    "has_torch_function", "has_torch_function_unary", "has_torch_function_variadic", "is_tensor_like",
    "is_tensor_method_or_property", "resolve_name", "wrap_torch_function",
]  # fmt: skip
TorchFunctionMode = stand_in(__name__, "TorchFunctionMode", "functions do not ask who takes them over.")


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether an argument takes over the function: never."""
    return False


def has_torch_function_unary(obj: Any) -> bool:
    """Whether an argument takes over the function: never."""
    return False


def has_torch_function_variadic(*args: Any) -> bool:
    """Whether an argument takes over the function: never."""
    return False


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """Have an argument take over: TypeError, as none can."""
    raise TypeError(
        f"no implementation found for {public_api.__name__!r} on types that implement __torch_function__: pynn does not "
        "dispatch on it."
    )


def wrap_torch_function(dispatcher: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that leaves its function as it is."""
    return lambda function: function


def is_tensor_like(inp: Any) -> bool:
    """Whether inp is a Tensor, or has `__torch_function__`."""
    return isinstance(inp, Tensor) or hasattr(inp, "__torch_function__")


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether a function is one of Tensor's methods."""
    name = getattr(func, "__name__", None)
    return name is not None and getattr(Tensor, name, None) is func


def resolve_name(f: Callable[..., Any]) -> str | None:
    """A function's dotted name."""
    name = getattr(f, "__qualname__", None)
    return None if name is None else f"{getattr(f, '__module__', None) or 'pynn'}.{name}"


def get_overridable_functions() -> dict[Any, list[Any]]:
    """The functions that an argument can take over: none."""
    return {}


def get_ignored_functions() -> set[Any]:
    """The functions that no argument can take over, where some are: an empty set, as none can."""
    return set()


def get_testing_overrides() -> dict[Any, Any]:
    """Stand-ins for the functions that an argument can take over: none."""
    return {}
