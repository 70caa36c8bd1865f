"""The methods and fields of Tensor that belong to autograd."""

import warnings
import weakref
from collections.abc import Callable
from typing import Any

from pynn import _core
from pynn._core import Tensor, state
from pynn.autograd._handles import RemovableHandle, add_hook
from pynn.ops.registry import export


def _hooks_of(x: Any) -> Any:
    """The Hooks of the place on the tape where x's gradient arrives."""
    if x._node is not None:
        return x._node.own_hooks()
    if x._hooks is None:
        x._hooks = _core.Hooks()
    return x._hooks


def _set_requires_grad(self: Any, value: bool) -> None:
    value = bool(value)
    if value and not _core.is_floating(self._array):
        raise RuntimeError(
            f"only Tensors of floating point dtype can require gradients, got {self._array.dtype}. Use .float() first."
        )
    if value and _core.is_inference(self) and not state.inference:
        raise RuntimeError(
            "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed. clone() it first."
        )
    if self._node is not None:
        if not value:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in "
                "a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        return  # it does already
    self._tracked = value


def _requires_grad_setter(self: Any, value: bool) -> None:
    if self._node is not None and value:
        raise RuntimeError("you can only change requires_grad flags of leaf variables.")
    _set_requires_grad(self, value)


def _set_grad(self: Any, value: Any) -> None:
    if value is not None:
        if not isinstance(value, Tensor):
            raise TypeError(
                f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"
            )
        if value is self:
            raise RuntimeError("can't assign Variable as its own grad")
        if value._array.shape != self._array.shape:
            raise RuntimeError(
                f"attempting to assign a gradient of size '{list(value._array.shape)}' to a tensor of size "
                f"'{list(self._array.shape)}'. Please ensure that the gradient and the tensor are the same size."
            )
        if value._array.dtype != self._array.dtype:
            raise RuntimeError(
                f"attempting to assign a gradient with dtype '{value._array.dtype}' to a tensor with dtype "
                f"'{self._array.dtype}'. The gradient must match the tensor's dtype: convert it with .to(tensor.dtype)."
            )
    _core.set_grad(self, value)


_core.METHODS["set_requires_grad"] = _requires_grad_setter
_core.METHODS["set_grad"] = _set_grad
_core.METHODS["add_hook"] = add_hook


@export(function=False)
def requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
    """Set requires_grad; returns the tensor.

    RuntimeError for an integer tensor, and for False on what a recorded operation made.
    """
    _set_requires_grad(self, requires_grad)
    return self


@export(function=False)
def register_hook(self: Any, hook: Callable[[Tensor], Any]) -> RemovableHandle:
    """Call hook(grad) when this tensor's gradient is computed; what it returns, unless None, replaces it.

    Hooks run in the order they were registered, once, on the sum of all that arrives. Returns a handle with remove().
    RuntimeError for a tensor that does not require grad.
    """
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    return add_hook(_hooks_of(self).tensor, hook)


@export(function=False)
def register_post_accumulate_grad_hook(self: Any, hook: Callable[[Tensor], None]) -> RemovableHandle:
    """Call hook(tensor) after backward has accumulated into this leaf's `.grad`; an optimizer's step can run there."""
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if self._node is not None:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    return add_hook(_hooks_of(self).accumulated, hook)


def _retains_grad(self: Any) -> bool:
    hooks = None if self._node is None else self._node.hooks
    return hooks is not None and any(here() is self for here in hooks.retain)


@export(function=False)
def retain_grad(self: Any) -> None:
    """Keep this non-leaf tensor's gradient in `.grad` after backward; its hooks run before."""
    if not self.requires_grad:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if self._node is not None and not _retains_grad(self):
        _hooks_of(self).retain.append(weakref.ref(self))


def _expect_no_grad(self: Any) -> None:
    """Warn whoever reads `.grad` of a tensor that backward leaves without one."""
    if not _retains_grad(self):
        warnings.warn(
            "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be "
            "populated during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, "
            "use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you access the "
            f"leaf Tensor instead. (shape {list(self._array.shape)}, made by {self.grad_fn.name()})",
            UserWarning,
            stacklevel=2,
        )


_core.METHODS["expect_no_grad"] = _expect_no_grad
_core.install(Tensor, "retains_grad", property(_retains_grad))
