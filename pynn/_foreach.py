"""torch's `_foreach_*` functions: one operation for each tensor of a list. `pynn._foreach_mul` is found here by name.

They are loops here: the optimizers of pynn.optim have fused steps of their own.
"""

from collections.abc import Callable, Sequence
from typing import Any

from pynn._core import Tensor

_UNARY = [
    "abs",
    "acos",
    "asin",
    "atan",
    "ceil",
    "cos",
    "cosh",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "floor",
    "frac",
    "lgamma",
    "log",
    "log10",
    "log1p",
    "log2",
    "neg",
    "reciprocal",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "trunc",
]
_BINARY = ["add", "sub", "mul", "div", "clamp_max", "clamp_min", "maximum", "minimum", "pow"]
_THREE = ("addcmul", "addcdiv")
_NAMES = frozenset(
    ["_foreach_" + n + end for n in (*_UNARY, *_BINARY, *_THREE, "lerp") for end in ("", "_")]
    + ["_foreach_" + n for n in ("clone", "copy_", "max", "mm", "norm", "powsum", "zero_")]
)


def _tensors(name: str, value: Any) -> list[Tensor]:
    if isinstance(value, Tensor) or not all(isinstance(x, Tensor) for x in value):
        raise TypeError(f"{name}(): argument 'self' must be a list or tuple of Tensors, not {type(value).__name__}.")
    if not len(value):
        raise RuntimeError("Tensor list must have at least one tensor.")
    return list(value)


def _each(name: str, value: Any, count: int) -> list[Any]:
    """An argument of each tensor: of a list its elements, otherwise itself every time. RuntimeError for another length."""
    if not isinstance(value, (list, tuple)):
        return [value] * count
    if len(value) != count:
        raise RuntimeError(f"{name}: Tensor lists must have the same number of tensors, got {count} and {len(value)}.")
    return list(value)


def _unary(name: str, method: str, inplace: bool) -> Callable[..., Any]:
    def function(self: Sequence[Tensor]) -> list[Tensor] | None:
        tensors = _tensors(name, self)
        found = [getattr(x, method + "_" * inplace)() for x in tensors]
        return None if inplace else found

    return function


def _binary(name: str, method: str, inplace: bool) -> Callable[..., Any]:
    def function(self: Sequence[Tensor], other: Any = None, *, alpha: Any = 1, **named: Any) -> list[Tensor] | None:
        for key in ("scalar", "scalars", "exponent", "tensor"):
            other = named.pop(key, other)
        if named or other is None:
            raise TypeError(f"{name}() takes (self, other), got {sorted(named)} besides.")
        if method == "pow" and not isinstance(self, (list, tuple)):
            return [self**e for e in other]  # a number to the power of each
        tensors = _tensors(name, self)
        others = _each(name, other, len(tensors))
        found = []
        for x, y in zip(tensors, others):
            if method in ("clamp_max", "clamp_min", "maximum", "minimum"):
                least = method in ("clamp_max", "minimum")
                ways = ("minimum", "maximum") if isinstance(y, Tensor) else ("clamp_max", "clamp_min")
                found.append(getattr(x, ways[not least])(y))
            elif alpha != 1 and method in ("add", "sub"):
                found.append(getattr(x, method + "_" * inplace)(y, alpha=alpha))
            else:
                found.append(getattr(x, method + "_" * inplace)(y))
        if inplace:
            for x, y in zip(tensors, found):
                if y is not x:
                    x.copy_(y)
            return None
        return found

    return function


def _three(name: str, method: str, inplace: bool) -> Callable[..., Any]:
    def function(
        self: Sequence[Tensor], tensor1: Sequence[Tensor], tensor2: Sequence[Tensor], value: Any = 1, **named: Any
    ) -> list[Tensor] | None:
        value = named.pop("scalars", value)
        if named:
            raise TypeError(f"{name}() got unexpected arguments {sorted(named)}.")
        if isinstance(value, Tensor):
            value = value.tolist()
        tensors = _tensors(name, self)
        count = len(tensors)
        rows = zip(tensors, _each(name, tensor1, count), _each(name, tensor2, count), _each(name, value, count))
        found = [getattr(x, method + "_" * inplace)(a, b, value=v) for x, a, b, v in rows]
        return None if inplace else found

    return function


def _lerp(name: str, method: str, inplace: bool) -> Callable[..., Any]:
    def function(self: Sequence[Tensor], tensors1: Sequence[Tensor], weights: Any) -> list[Tensor] | None:
        tensors = _tensors(name, self)
        rows = zip(tensors, _each(name, tensors1, len(tensors)), _each(name, weights, len(tensors)))
        found = [getattr(x, "lerp" + "_" * inplace)(end, w) for x, end, w in rows]
        return None if inplace else found

    return function


def _norm(self: Sequence[Tensor], ord: Any = 2, dtype: Any = None) -> list[Tensor]:
    """The vector norm of each tensor, over all its elements: 0-dim tensors."""
    from pynn.linalg import vector_norm

    return [vector_norm(x, ord, dtype=dtype) for x in _tensors("_foreach_norm", self)]


def _powsum(self: Sequence[Tensor], ord: Any = 2, dtype: Any = None) -> list[Tensor]:
    """The sum of each tensor's absolute values to the power of ord."""
    return [(x if dtype is None else x.to(dtype)).abs().pow(ord).sum() for x in _tensors("_foreach_powsum", self)]


def _max(self: Sequence[Tensor]) -> list[Tensor]:
    """The largest element of each tensor."""
    return [x.max() for x in _tensors("_foreach_max", self)]


def _mm(self: Sequence[Tensor], mat2: Sequence[Tensor]) -> list[Tensor]:
    """The matrix product of each pair."""
    tensors = _tensors("_foreach_mm", self)
    return [x.mm(y) for x, y in zip(tensors, _each("_foreach_mm", mat2, len(tensors)))]


def _clone(self: Sequence[Tensor], *, memory_format: Any = None) -> list[Tensor]:
    """A copy of each tensor."""
    return [x.clone() for x in _tensors("_foreach_clone", self)]


def _copy_(self: Sequence[Tensor], src: Sequence[Tensor], non_blocking: bool = False) -> None:
    """Copy each source into its tensor."""
    tensors = _tensors("_foreach_copy_", self)
    for x, y in zip(tensors, _each("_foreach_copy_", src, len(tensors))):
        x.copy_(y)


def _zero_(self: Sequence[Tensor]) -> None:
    """Set each tensor to zeros."""
    for x in _tensors("_foreach_zero_", self):
        x.zero_()


_ALONE: dict[str, Callable[..., Any]] = {
    "clone": _clone, "copy_": _copy_, "max": _max, "mm": _mm, "norm": _norm, "powsum": _powsum, "zero_": _zero_,
}  # fmt: skip


def find(name: str) -> Callable[..., Any]:
    """The function of a name that begins with `_foreach_`; AttributeError where torch has none of that name."""
    if name not in _NAMES:
        raise AttributeError(f"module 'pynn' has no attribute '{name}'.")
    short = name.removeprefix("_foreach_")
    if short in _ALONE:
        return _ALONE[short]
    inplace, method = short.endswith("_"), short.removesuffix("_")
    make = _unary if method in _UNARY else _three if method in _THREE else _lerp if method == "lerp" else _binary
    function = make(name, method, inplace)
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`Tensor.{short}` of each tensor of a list" + (", in place." if inplace else ": a list.")
    return function
