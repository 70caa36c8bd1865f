"""Forward-mode derivatives: tensors that carry a tangent, and results that carry theirs.

The tangent of a result is computed when it is asked for, as the gradient of the (linear) backward pass: every
operation whose gradient has a gradient takes part, exactly. So operations must be recorded: under no_grad there is
no tangent, and a dual tensor says that it requires grad.
"""

import weakref
from typing import Any, NamedTuple

from pynn._core import Tensor
from pynn.autograd import _levels
from pynn.autograd.grad_mode import decorate

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


class UnpackedDualTensor(NamedTuple):
    """A tensor and its tangent (None where there is none)."""

    primal: Any
    tangent: Any


class _Level:
    """The dual tensors made at one level."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.inputs: list[Any] = []
        self.tangents: list[Any] = []
        self.own: dict[int, Any] = {}  # id of a dual tensor -> (weak reference to it, its tangent)


_levels_open: list[_Level] = []


def enter_dual_level() -> int:
    """Begin a level, in which dual tensors can be made; returns its number."""
    if _levels_open:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    _levels_open.append(_Level())
    return len(_levels_open) - 1


def exit_dual_level(*, level: int | None = None) -> None:
    """End a level: its tensors have no tangents any more."""
    if not _levels_open or (level is not None and level != len(_levels_open) - 1):
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created: this is not supported."
        )
    for node in _levels_open.pop().nodes:
        _levels.active.pop(id(node), None)


def _level(name: str, level: int | None) -> _Level:
    if not _levels_open or (level is not None and not 0 <= level < len(_levels_open)):
        raise RuntimeError(
            f"Trying to use forward AD outside of a dual level: {name} is to be called inside `with dual_level():`, as the "
            "level it belongs to must exist."
        )
    return _levels_open[-1]


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Any:
    """A tensor over the same memory that carries a tangent of its shape, computed with in its dtype."""
    here = _level("make_dual", level)
    if not isinstance(tensor, Tensor) or not isinstance(tangent, Tensor):
        raise TypeError(f"make_dual takes two Tensors, got {type(tensor).__name__} and {type(tangent).__name__}.")
    if not tensor.is_floating_point():
        raise ValueError(f"Expected primal to be floating point or complex, but got: {tensor.dtype}")
    if not tangent.is_floating_point():
        raise ValueError(f"Expected tangent to be floating point or complex, but got: {tangent.dtype}")
    if tensor.shape != tangent.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
            f"supported. Tensor is of size {list(tensor.shape)} while the given forward gradient is of size "
            f"{list(tangent.shape)}."
        )
    dual, node = _levels.mark(tensor)
    _levels.active[id(node)] = node
    here.nodes.append(node)
    here.inputs.append(tensor)
    here.tangents.append(tangent.to(tensor.dtype))
    here.own[id(dual)] = (weakref.ref(dual), tangent, node)
    return dual


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """(the tensor without its tangent, the tangent or None)."""
    if not _levels_open:
        return UnpackedDualTensor(tensor, None)
    here = _level("unpack_dual", level)
    held = here.own.get(id(tensor))
    if held is not None and held[0]() is tensor and tensor.grad_fn is held[2]:
        primal = here.inputs[here.nodes.index(held[2])]
        return UnpackedDualTensor(primal.view_as(primal), held[1])
    if not tensor.requires_grad or not here.nodes:
        return UnpackedDualTensor(tensor, None)
    graph = _levels.tracked_beyond([tensor], here.nodes) or any(t.requires_grad for t in here.tangents)
    (pushed,) = _levels.push_forward([tensor], here.nodes, here.inputs, here.tangents, graph)
    if pushed is None:
        reached = _levels.pull_back([tensor], here.nodes, here.inputs, [_levels.zeros_like(tensor)], False)
        if all(g is None for g in reached):
            return UnpackedDualTensor(tensor, None)
        pushed = _levels.zeros_like(tensor)
    return UnpackedDualTensor(_levels.released(tensor, graph), _levels.released(pushed, graph))


class dual_level:
    """A level for a `with` block or a decorated function, in which tensors can carry tangents."""

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *error: object) -> None:
        exit_dual_level()

    def __call__(self, function: Any) -> Any:
        return decorate(dual_level, function)
