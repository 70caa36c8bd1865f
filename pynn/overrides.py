"""torch.overrides: who takes over pynn's functions through `__torch_function__`, and the means to do so in functions of one's own."""

import functools
from collections.abc import Callable, Iterable
from typing import Any

from pynn import _torch_function
from pynn._core import Tensor
from pynn._torch_function import TorchFunctionMode, asked, overriding

__all__ = [
    "TorchFunctionMode", "get_ignored_functions", "get_overridable_functions", "get_testing_overrides", "handle_torch_function",
    "has_torch_function", "has_torch_function_unary", "has_torch_function_variadic", "is_tensor_like",
    "is_tensor_method_or_property", "resolve_name", "wrap_torch_function",
]  # fmt: skip


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that runs each function as it is."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether a mode is active, or an argument's class takes over."""
    return bool(_torch_function.active_modes() or (_torch_function.classes_asked() and overriding(relevant_args)))


def has_torch_function_unary(obj: Any) -> bool:
    """`has_torch_function` of one argument."""
    return has_torch_function((obj,))


def has_torch_function_variadic(*args: Any) -> bool:
    """`has_torch_function` of arguments given one by one."""
    return has_torch_function(args)


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """What the mode, or the class of a relevant argument, that takes over public_api makes of it. TypeError where none does."""

    def none_does(*args: Any, **kwargs: Any) -> Any:
        name = getattr(public_api, "__name__", repr(public_api))
        raise TypeError(
            f"no implementation found for {name!r} on types that implement __torch_function__: there are none."
        )

    return asked(public_api, none_does, args, kwargs, tuple(relevant_args))


def wrap_torch_function(dispatcher: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function so that what `dispatcher(*args, **kwargs)` returns, its relevant arguments, may take it over."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def found(*args: Any, **kwargs: Any) -> Any:
            return asked(found, function, args, kwargs, tuple(dispatcher(*args, **kwargs)))

        return found

    return decorate


def is_tensor_like(inp: Any) -> bool:
    """Whether inp is a Tensor, or has `__torch_function__`."""
    return isinstance(inp, Tensor) or hasattr(inp, "__torch_function__")


def is_tensor_method_or_property(func: Callable[..., Any]) -> bool:
    """Whether a function is one of Tensor's methods, or reads a property."""
    name = getattr(func, "__name__", None)
    return name == "__get__" or (name is not None and getattr(Tensor, name, None) is func)


def resolve_name(f: Callable[..., Any]) -> str | None:
    """A function's dotted name: torch.Tensor.add is pynn.Tensor.add."""
    name = getattr(f, "__qualname__", None)
    if name is not None and is_tensor_method_or_property(f):
        return f"pynn.Tensor.{name.rpartition('.')[2]}"
    module = (getattr(f, "__module__", None) or "pynn").split(".")
    return None if name is None else ".".join([*(part for part in module if part[0] != "_"), name])


def get_overridable_functions() -> dict[Any, list[Callable[..., Any]]]:
    """The functions that can be taken over, by the module or class they are found in."""
    _torch_function.divert_functions()
    functions = {module: [getattr(module, n) for n in names] for module, names in _torch_function.places()}
    methods = [getattr(Tensor, n) for n in sorted(dir(Tensor)) if n[0] != "_" and callable(getattr(Tensor, n))]
    return {**functions, Tensor: methods}


def get_ignored_functions() -> set[Callable[..., Any]]:
    """Functions that no class takes over: of tensors they only ask what kind they are, or they take none."""
    import pynn

    return {
        pynn.is_tensor,
        pynn.is_storage,
        pynn.save,
        pynn.load,
        pynn.manual_seed,
        pynn.vmap,
        pynn.compile,
        pynn.typename,
    }


def get_testing_overrides() -> dict[Callable[..., Any], Callable[..., Any]]:
    """A stand-in, of the same arguments, that returns -1 for each function that can be taken over."""
    return {f: lambda *args, **kwargs: -1 for functions in get_overridable_functions().values() for f in functions}
