"""Operations of one's own, as torch.library declares them: functions, with a gradient where one is registered.

There are no schemas, no dispatcher and no graphs here: an operation is called, its kernel runs, and fake kernels, which
would only tell shapes, are accepted and not used.
"""

import inspect
from collections.abc import Callable
from typing import Any

from pynn.autograd import Function

__all__ = ["CustomOpDef", "custom_op", "register_autograd", "register_fake", "register_kernel", "register_vmap"]

_OPS: dict[str, "CustomOpDef"] = {}


class CustomOpDef:
    """An operation under a name such as "mine::add": called as its function is."""

    def __init__(self, name: str, fn: Callable[..., Any]) -> None:
        self._qualname, self._fn = name, fn
        self._signature = inspect.signature(fn)
        self._function: Any = None
        self.__doc__ = fn.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._function is None:
            return self._fn(*args, **kwargs)
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return self._function.apply(*bound.args, *bound.kwargs.values())

    def register_autograd(self, backward: Callable[..., Any], /, *, setup_context: Any = None) -> None:
        """backward(ctx, *grads) gives the gradients of the arguments; setup_context(ctx, inputs, output) saves for it."""
        names = list(self._signature.parameters.values())
        positional = sum(p.kind is not p.KEYWORD_ONLY for p in names)
        keywords = [p.name for p in names[positional:]]

        def forward(ctx: Any, *args: Any) -> Any:
            named = dict(zip(keywords, args[positional:], strict=True))
            output = self._fn(*args[:positional], **named)
            if setup_context is not None:
                more = {"keyword_only_inputs": named} if named else {}
                setup_context(ctx, args[:positional], output, **more)
            return output

        def gradients(ctx: Any, *grads: Any) -> Any:
            found = backward(ctx, *grads)
            return (*(found if isinstance(found, tuple) else (found,)), *[None] * len(keywords))

        body = {"forward": staticmethod(forward), "backward": staticmethod(gradients)}
        self._function = type(self._qualname.rpartition(":")[2], (Function,), body)

    def register_fake(self, fn: Callable[..., Any], /) -> Callable[..., Any]:
        """fn as it is: shapes are those of the results."""
        return fn

    def register_kernel(self, device_types: Any, fn: Any = None, /) -> Any:
        """Make fn what runs on the CPU; kernels of other devices are not used. Without fn a decorator."""
        if fn is None:
            return lambda fn: self.register_kernel(device_types, fn)
        kinds = [device_types] if isinstance(device_types, str) else device_types
        if kinds is None or "cpu" in kinds:
            self._fn = fn
        return fn

    def register_vmap(self, fn: Any = None, /) -> Any:
        """fn as it is: `vmap` sees the operation's own steps."""
        return (lambda fn: fn) if fn is None else fn


def custom_op(
    name: str,
    fn: Callable[..., Any] | None = None,
    /,
    *,
    mutates_args: Any = (),
    device_types: Any = None,
    schema: str | None = None,
    tags: Any = None,
) -> Any:
    """The operation "namespace::name" of a function, or without fn a decorator that makes it.

    ValueError for a name of another form.
    """
    if name.count("::") != 1:
        raise ValueError(f"Expected a name of the form namespace::name, got {name!r}.")

    def make(fn: Callable[..., Any]) -> CustomOpDef:
        _OPS[name] = CustomOpDef(name, fn)
        return _OPS[name]

    return make if fn is None else make(fn)


def _op(op: Any) -> CustomOpDef:
    found = op if isinstance(op, CustomOpDef) else _OPS.get(op)
    if found is None:
        raise RuntimeError(f"There is no operation {op!r}; make it with pynn.library.custom_op first.")
    return found


def register_autograd(op: Any, backward: Callable[..., Any], /, *, setup_context: Any = None, lib: Any = None) -> None:
    """The gradient of an operation or of the one of a name: see CustomOpDef.register_autograd."""
    _op(op).register_autograd(backward, setup_context=setup_context)


def register_fake(op: Any, func: Any = None, /, **accepted: Any) -> Any:
    """func as it is, without it a decorator: shapes are those of the results."""
    return (lambda func: func) if func is None else func


def register_vmap(op: Any, func: Any = None, /, **accepted: Any) -> Any:
    """func as it is, without it a decorator: `vmap` sees the operation's own steps."""
    return (lambda func: func) if func is None else func


def register_kernel(op: Any, device_types: Any, func: Any = None, /, *, lib: Any = None) -> Any:
    """What runs for an operation on some devices: see CustomOpDef.register_kernel."""
    return _op(op).register_kernel(device_types, func)
