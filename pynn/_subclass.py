"""A user's subclass of Tensor: its methods, operators and properties ask the class's `__torch_function__`, as torch's do.

Unless the class defines its own that is Tensor's, which makes the results tensors of the subclass. Each method of Tensor is
put into the subclass once more, wrapped; so Tensor itself and its operators know nothing of it. Public functions ask from
the first subclass on (`pynn._torch_function`). Subclasses of Parameter and Buffer are left as they are, as in torch.
"""

from collections.abc import Callable
from typing import Any

from pynn._core import Tensor
from pynn._torch_function import asked, disabled, divert_functions, kept

# Operators -> the methods that `__torch_function__` is told of.
_BINARY = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "matmul": "matmul", "pow": "pow", "mod": "remainder",
    "floordiv": "__floordiv__", "and": "__and__", "or": "__or__", "xor": "__xor__", "lshift": "__lshift__", "rshift": "__rshift__",
}  # fmt: skip
_FORWARD = {
    **{f"__{name}__": method for name, method in _BINARY.items()},
    **{f"__{name}__": name for name in ("lt", "le", "gt", "ge", "ne", "neg", "abs")},
    **{f"__i{name}__": method + "_" for name, method in _BINARY.items() if method[0] != "_"},
    **{
        f"__{name}__": f"__{name}__"
        for name in ("eq", "pos", "invert", "getitem", "setitem", "len", "bool", "float", "int")
    },
    **{f"__i{name}__": f"__i{name}__" for name, method in _BINARY.items() if method[0] == "_"},
}
_REFLECTED = {f"__r{name}__": method for name, method in _BINARY.items()}
_TENSOR_PROPERTIES = frozenset({"T", "H", "mT", "mH", "data"})
_PLAIN = frozenset({"as_subclass"})


def _method(value: Callable[..., Any], public: str) -> Callable[..., Any]:
    def function(self: Any, *args: Any, **named: Any) -> Any:
        return asked(getattr(Tensor, public), value, (self, *args), named)

    return function


def _operator(value: Callable[..., Any], public: str) -> Callable[..., Any]:
    def function(self: Any, other: Any) -> Any:
        try:
            return asked(getattr(Tensor, public), value, (self, other), {})
        except TypeError:
            return NotImplemented  # the other operand may know what to do

    return function


def _reflected(value: Callable[..., Any], name: str, public: str) -> Callable[..., Any]:
    def function(self: Any, other: Any) -> Any:
        try:
            if isinstance(other, Tensor):
                return asked(getattr(Tensor, public), lambda a, b: value(b, a), (other, self), {})
            return asked(getattr(Tensor, public if public in ("add", "mul") else name), value, (self, other), {})
        except TypeError:
            return NotImplemented

    return function


def _property(value: Any) -> property:
    def read(self: Any) -> Any:
        return asked(value.__get__, value.__get__, (self,), {})

    def write(self: Any, new: Any) -> None:
        asked(value.__set__, value.__set__, (self, new), {})

    return property(read, write, getattr(value, "__delete__", None), value.__doc__)


def _iter(self: Any) -> Any:
    return iter(self.unbind(0))


def _wrapped(name: str, value: Any, custom: bool) -> Any:
    """What a subclass has in the place of an attribute of Tensor; None where it has Tensor's own."""
    if name == "__iter__":
        return _iter
    if name in _REFLECTED:
        return _reflected(value, name, _REFLECTED[name])
    if name in _FORWARD:
        binary = name.strip("_").removeprefix("i") in _BINARY or name in (
            "__lt__",
            "__le__",
            "__gt__",
            "__ge__",
            "__eq__",
            "__ne__",
        )
        return (_operator if binary else _method)(value, _FORWARD[name])
    if name[0] == "_" or name in _PLAIN or isinstance(value, (type, staticmethod, classmethod)):
        return None
    if callable(value):
        return _method(value, name)
    return _property(value) if hasattr(value, "__get__") and (custom or name in _TENSOR_PROPERTIES) else None


def keep(cls: type) -> None:
    """Give a new subclass of Tensor methods and properties that ask its `__torch_function__`."""
    if cls.__torch_function__ is disabled:  # type: ignore[attr-defined]
        return
    divert_functions()
    above = cls.__mro__[: cls.__mro__.index(Tensor)]
    own = {name for base in above for name in base.__dict__}
    custom = "__torch_function__" in own
    for name, value in tuple(Tensor.__dict__.items()):
        made = None if name in own else _wrapped(name, value, custom)
        if made is not None:
            made.__doc__ = value.__doc__
            if not isinstance(made, property):
                made.__name__ = name
            setattr(cls, name, made)


__all__ = ["keep", "kept"]
