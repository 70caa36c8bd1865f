"""Hooks on modules: what registers them, and a module's call when it has some.

`Module.__call__` comes here only when a hook was ever registered on the instance, so
modules without hooks pay one attribute read for all of this.
"""

import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from numpy import ndarray

from pynn import _core
from pynn._core import Tensor, call, wrap
from pynn.autograd import RemovableHandle, is_grad_enabled
from pynn.nn import _global_hooks as everywhere
from pynn.ops.gradients import BACKWARD_HOOK


class HookMixin:
    """The part of Module that keeps hooks and runs them."""

    _hooked = False  # whether any hook was ever registered on this instance, or one on all modules
    _is_full_backward_hook: bool | None = None  # which of the two kinds of backward hook there are

    _forward_hooks: OrderedDict[int, Callable[..., Any]]
    _forward_pre_hooks: OrderedDict[int, Callable[..., Any]]
    _backward_hooks: OrderedDict[int, Callable[..., Any]]
    _backward_pre_hooks: OrderedDict[int, Callable[..., Any]]
    _forward_hooks_with_kwargs: dict[int, bool]
    _forward_hooks_always_called: dict[int, bool]
    _forward_pre_hooks_with_kwargs: dict[int, bool]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What is called between the hooks; Module's subclasses define it."""
        raise NotImplementedError

    def _init_hooks(self) -> None:
        state = self.__dict__
        for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"):
            state[name] = OrderedDict()
        for name in ("_forward_hooks_with_kwargs", "_forward_hooks_always_called", "_forward_pre_hooks_with_kwargs"):
            state[name] = {}

    def _add_hook(
        self,
        table: OrderedDict[int, Callable[..., Any]],
        hook: Callable[..., Any],
        prepend: bool = False,
        **flags: bool,
    ) -> RemovableHandle:
        extra = [getattr(self, name) for name in flags]
        handle = RemovableHandle(table, extra)
        table[handle.id] = hook
        for flagged, value in zip(extra, flags.values()):
            if value:
                flagged[handle.id] = True
        if prepend:
            table.move_to_end(handle.id, last=False)
        self._hooked = True
        return handle

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call hook(module, args) before each forward; what it returns, unless None, replaces the arguments.

        with_kwargs: the hook is hook(module, args, kwargs) and returns None or (args, kwargs).
        prepend: run it before the hooks already there. Returns a handle with remove().
        """
        return self._add_hook(self._forward_pre_hooks, hook, prepend, _forward_pre_hooks_with_kwargs=with_kwargs)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call hook(module, args, output) after each forward; what it returns, unless None, replaces the output.

        with_kwargs: the hook is hook(module, args, kwargs, output). always_call: run it, with output None,
        also when forward raises. Returns a handle with remove().
        """
        return self._add_hook(
            self._forward_hooks,
            hook,
            prepend,
            _forward_hooks_with_kwargs=with_kwargs,
            _forward_hooks_always_called=always_call,
        )

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call hook(module, grad_output) before backward passes the module; a returned tuple replaces grad_output."""
        return self._add_hook(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call hook(module, grad_input, grad_output) when backward has passed the module.

        grad_input: the gradients of the positional arguments, None for those that need none. What the hook
        returns, unless None, replaces grad_input.
        """
        self._one_kind(True)
        return self._add_hook(self._backward_hooks, hook, prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """register_full_backward_hook under its older name; RuntimeError beside hooks of the newer one."""
        self._one_kind(False)
        return self._add_hook(self._backward_hooks, hook)

    def _one_kind(self, full: bool) -> None:
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only "
                "one of them."
            )
        self._is_full_backward_hook = full

    def _get_backward_hooks(self) -> tuple[list[Callable[..., Any]], list[Callable[..., Any]]]:
        """(the full backward hooks, those of the older kind): of all modules, then of this one."""
        own = list(self._backward_hooks.values())
        every = list(everywhere.BACKWARD.values())
        return (every, own) if self._is_full_backward_hook is False else (every + own, [])

    def _get_backward_pre_hooks(self) -> list[Callable[..., Any]]:
        return [*everywhere.BACKWARD_PRE.values(), *self._backward_pre_hooks.values()]

    def _call_hooked(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """forward with the hooks around it."""
        always = {*self._forward_hooks_always_called, *everywhere.FORWARD_ALWAYS}
        try:
            args, kwargs = self._run_pre_hooks(args, kwargs)
            passage = None
            if (
                self._backward_hooks or self._backward_pre_hooks or everywhere.BACKWARD or everywhere.BACKWARD_PRE
            ) and is_grad_enabled():
                passage = _Passage(self)
                args = passage.enter(args)
            output = self.forward(*args, **kwargs)
            for key, hook in self._every_forward_hook():
                always.discard(key)
                output = self._run_forward_hook(key, hook, args, kwargs, output)
            return output if passage is None else passage.leave(output)
        except Exception:
            for key, hook in self._every_forward_hook():
                if key in always:
                    try:
                        self._run_forward_hook(key, hook, args, kwargs, None)
                    except Exception as error:
                        warnings.warn(
                            f"module forward hook with `always_call=True` raised an exception that was silenced as "
                            f"another error was raised in forward: {error}",
                            stacklevel=2,
                        )
            raise

    def _every_forward_hook(self) -> list[tuple[Any, Callable[..., Any]]]:
        return [*everywhere.FORWARD.items(), *self._forward_hooks.items()]

    def _run_pre_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        for key, hook in [*everywhere.FORWARD_PRE.items(), *self._forward_pre_hooks.items()]:
            if key in self._forward_pre_hooks_with_kwargs:
                result = hook(self, args, kwargs)
                if result is None:
                    continue
                if not (isinstance(result, tuple) and len(result) == 2):
                    raise RuntimeError(
                        f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {result}."
                    )
                args, kwargs = result
            else:
                result = hook(self, args)
                if result is not None:
                    args = result if isinstance(result, tuple) else (result,)
        return args, kwargs

    def _run_forward_hook(
        self, key: Any, hook: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> Any:
        if key in self._forward_hooks_with_kwargs or key in everywhere.FORWARD_WITH_KWARGS:
            result = hook(self, args, kwargs, output)
        else:
            result = hook(self, args, output)
        return output if result is None else result


class _Passage:
    """One forward pass of a module with backward hooks: marks on the tape where it enters and leaves the module."""

    def __init__(self, module: HookMixin) -> None:
        self.module = module
        self.grad_output: tuple[Any, ...] | None = None
        self.inputs = 0
        self.entered: tuple[int, ...] = ()

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """args with their tracked tensors passed through a mark, where backward leaves the module."""
        self.inputs = len(args)
        args, self.entered = _mark(args, self._finish)
        return args

    def leave(self, output: Any) -> Any:
        """output with its tracked tensors passed through a mark, where backward enters the module."""
        if isinstance(output, Tensor):
            marked, places = _mark((output,), self._begin)
            self.outputs, self.left = 1, places
            return marked[0]
        if not isinstance(output, tuple):
            return output
        self.outputs = len(output)
        marked, self.left = _mark(output, self._begin)
        return type(output)(*marked) if hasattr(output, "_fields") else marked

    def _begin(self, grads: Sequence[Any]) -> tuple[Any, ...]:
        held = _spread([_as_tensor(g) for g in grads], self.left, self.outputs)
        for hook in self.module._get_backward_pre_hooks():
            result = hook(self.module, held)
            if result is not None:
                held = _as_tuple(result, len(held), "grad_output")
        self.grad_output = held
        if not self.entered:  # nothing below needs a gradient: this is the end of the module's backward
            self._run(_spread((), (), self.inputs))
        return tuple(_as(g, held[place]) for g, place in zip(grads, self.left))

    def _finish(self, grads: Sequence[Any]) -> tuple[Any, ...]:
        held = _spread([_as_tensor(g) for g in grads], self.entered, self.inputs)
        held = self._run(held)
        return tuple(_as(g, held[place]) for g, place in zip(grads, self.entered))

    def _run(self, grad_input: tuple[Any, ...]) -> tuple[Any, ...]:
        grad_output, self.grad_output = self.grad_output, None
        full, older = self.module._get_backward_hooks()
        for hook in full + older:
            result = hook(self.module, grad_input, grad_output)
            if result is None:
                continue
            if not self.entered:
                if isinstance(result, tuple) and all(g is None for g in result):
                    continue
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None for "
                    f"all gradients; a hook on {type(self.module).__name__} returned {type(result).__name__}."
                )
            grad_input = _as_tuple(result, len(grad_input), "grad_input")
        return grad_input


def _mark(values: tuple[Any, ...], callback: Callable[..., Any]) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    places = [i for i, x in enumerate(values) if isinstance(x, Tensor) and x.requires_grad]
    if not places:
        return values, ()
    marked = list(values)
    for i, x in zip(places, call(BACKWARD_HOOK, tuple(values[i] for i in places), (callback,))):
        marked[i] = x
    return tuple(marked), tuple(places)


def _spread(values: Sequence[Any], places: Sequence[int], length: int) -> tuple[Any, ...]:
    out: list[Any] = [None] * length
    for value, place in zip(values, places):
        out[place] = value
    return tuple(out)


def _as_tuple(result: Any, length: int, name: str) -> tuple[Any, ...]:
    held: tuple[Any, ...] = result if isinstance(result, tuple) else (result,)
    if len(held) != length:
        raise RuntimeError(
            f"Backward hook returned an invalid number of grad in {name}, got {len(held)}, but expected {length}."
        )
    return held


def _as_tensor(grad: Any) -> Any:
    return wrap(grad) if isinstance(grad, ndarray) else grad


def _as(given: Any, grad: Any) -> Any:
    """grad in the form backward gave its predecessor: an array, or a Tensor under create_graph."""
    if isinstance(grad, Tensor) and not isinstance(given, Tensor):
        return _core.observe(grad)
    return grad
