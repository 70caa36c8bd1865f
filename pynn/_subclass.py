"""A user's subclass of Tensor: its methods and operators give tensors of the subclass, as torch's do.

Each method of Tensor is put into the subclass once more, wrapped; so Tensor itself and its operators know nothing of it.
Functions (`pynn.relu(x)`) give plain tensors. A class that defines `__torch_function__`, and a subclass of Parameter or
Buffer, is left as it is: torch gives plain tensors there, or asks the class.
"""

from collections.abc import Callable
from typing import Any

from pynn._core import METHODS, Tensor
from pynn.ops.view import Size

_OPERATORS = frozenset(
    f"__{prefix}{name}__"
    for name in (
        "add",
        "sub",
        "mul",
        "truediv",
        "floordiv",
        "mod",
        "pow",
        "matmul",
        "and",
        "or",
        "xor",
        "lshift",
        "rshift",
    )
    for prefix in ("", "r", "i")
) | {
    "__neg__",
    "__pos__",
    "__abs__",
    "__invert__",
    "__getitem__",
    "__lt__",
    "__le__",
    "__gt__",
    "__ge__",
    "__eq__",
    "__ne__",
}
_PROPERTIES = ("T", "H", "mT", "mH", "data")
_PLAIN = frozenset({"as_subclass", "backward", "register_hook", "numpy", "tolist", "item"})


def kept(value: Any, cls: type) -> Any:
    """value with the plain tensors in it (itself, or in a tuple or list) as tensors of cls."""
    if value.__class__ is Tensor:
        return METHODS["as_subclass"](value, cls)
    if isinstance(value, (tuple, list)) and value.__class__ is not Size:
        parts = [kept(v, cls) for v in value]
        return value._make(parts) if hasattr(value, "_make") else type(value)(parts)
    return value


def _keeping(method: Callable[..., Any], name: str) -> Callable[..., Any]:
    def function(self: Any, *args: Any, **named: Any) -> Any:
        return kept(method(self, *args, **named), self.__class__)

    function.__name__ = name
    function.__doc__ = method.__doc__
    return function


def keep(cls: type) -> None:
    """Give a new subclass of Tensor the methods that return its own kind."""
    above = cls.__mro__[1 : cls.__mro__.index(Tensor)]
    if any("__torch_function__" in base.__dict__ for base in (cls, *above)):
        return
    if any(base.__dict__.get("_keeps_class") or base.__module__.startswith("pynn.") for base in above):
        return
    own = {name for base in (cls, *above) for name in base.__dict__}
    for name, value in tuple(Tensor.__dict__.items()):
        if name in own or name in _PLAIN:
            continue
        if name in _PROPERTIES:
            setattr(cls, name, property(_keeping(value.__get__, name), value.__set__, None, value.__doc__))
        elif callable(value) and not isinstance(value, (type, staticmethod)) and (name in _OPERATORS or name[0] != "_"):
            setattr(cls, name, _keeping(value, name))
    cls._keeps_class = True  # type: ignore[attr-defined]


__all__ = ["keep", "kept"]
