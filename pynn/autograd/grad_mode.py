"""Whether operations are recorded: no_grad, enable_grad, set_grad_enabled and inference_mode."""

import functools
import inspect
import warnings
from collections.abc import Callable, Generator
from typing import Any

from pynn import _core
from pynn._core import set_grad_mode, state
from pynn.ops.registry import export

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled", "set_multithreading_enabled"]


def _set_inference(mode: bool) -> bool:
    before: bool = state.inference
    if before != mode:
        state.inference = mode
        if mode:
            _core.enter_mode()
        else:
            _core.leave_mode()
    return before


def decorate(make: Callable[[], Any], function: Any) -> Any:
    """function, run inside a context that make() gives for each call; a generator function inside it at each step."""
    if inspect.isclass(function):
        warnings.warn(
            "Decorating classes is deprecated and will be disabled in future versions. You should only decorate functions "
            "or methods. To preserve the current behavior of class decoration, you can directly decorate the `__init__` "
            "method and nothing else.",
            FutureWarning,
            stacklevel=3,
        )
        cls = function

        def construct(*args: Any, **kwargs: Any) -> Any:
            with make():
                return cls(*args, **kwargs)

        return construct
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generate(*args: Any, **kwargs: Any) -> Any:
            with make():
                generator = function(*args, **kwargs)
            return (yield from _stepped(make, generator))

        return generate

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with make():
            return function(*args, **kwargs)

    return wrapped


def _stepped(make: Callable[[], Any], generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """The generator's values; it runs inside the context, whoever consumes it does not."""
    step: Callable[[], Any] = lambda: next(generator)  # noqa: E731
    while True:
        try:
            with make():
                value = step()
        except StopIteration as end:
            return end.value
        try:
            sent = yield value
        except GeneratorExit:
            with make():
                generator.close()
            raise
        except BaseException as error:
            step = functools.partial(generator.throw, error)
        else:
            step = functools.partial(generator.send, sent)


class _GradMode:
    """A context manager and decorator that sets whether operations are recorded in this thread."""

    def __init__(self, mode: bool) -> None:
        self._mode = bool(mode)
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(set_grad_mode(self._mode))

    def __exit__(self, *error: object) -> None:
        set_grad_mode(self._before.pop())

    def __call__(self, function: Any) -> Any:
        return decorate(self.clone, function)

    def clone(self) -> Any:
        """Another one of the same mode."""
        return _GradMode(self._mode)


class _FixedMode(_GradMode):
    """A mode that is its class's: usable as `with mode():`, `@mode()` and `@mode`."""

    mode = False

    def __new__(cls, orig_func: Any = None) -> Any:
        made = super().__new__(cls)
        if orig_func is None:
            return made
        made.__init__()  # type: ignore[misc]
        return made(orig_func)

    def __init__(self, orig_func: Any = None) -> None:
        super().__init__(self.mode)


class no_grad(_FixedMode):
    """Do not record operations: `with no_grad():`, or as a decorator of functions and generator functions."""


class enable_grad(_FixedMode):
    """Record operations again inside no_grad."""

    mode = True


class set_grad_enabled(_GradMode):
    """Set the grad mode at once, as a function, or for a `with` block or a decorated function."""

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)
        self.mode = self._mode
        self._before.append(set_grad_mode(self._mode))

    def __enter__(self) -> None:
        """The mode is set already."""

    def __call__(self, function: Any) -> Any:
        set_grad_mode(self._before[-1])  # as a decorator it changes nothing out here
        return super().__call__(function)

    def __repr__(self) -> str:
        return f"pynn.autograd.grad_mode.set_grad_enabled(mode={self._mode})"


class inference_mode(_GradMode):
    """no_grad, and what is made inside can never take part in a recorded operation.

    Such tensors (`is_inference()`) cost no bookkeeping; outside they may be read, but neither written in place,
    nor saved for a backward pass, nor be made to require grad. clone() makes an ordinary tensor of one.
    """

    def __new__(cls, mode: Any = True) -> Any:
        made = super().__new__(cls)
        if isinstance(mode, bool):
            return made
        made.__init__()  # type: ignore[misc]
        return made(mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__(not mode)
        self.mode = mode
        self._inference_before: list[bool] = []

    def __enter__(self) -> None:
        super().__enter__()
        self._inference_before.append(_set_inference(self.mode))

    def __exit__(self, *error: object) -> None:
        _set_inference(self._inference_before.pop())
        super().__exit__(*error)

    def clone(self) -> "inference_mode":
        """Another one of the same mode."""
        return type(self)(self.mode)


_multithreading = True


class set_multithreading_enabled:
    """Accepted as torch's: backward runs on the thread that calls it. A function, or for a `with` block."""

    def __init__(self, mode: bool) -> None:
        global _multithreading
        self.mode = bool(mode)
        self.prev = _multithreading
        _multithreading = self.mode

    def __enter__(self) -> None:
        """The mode is set already."""

    def __exit__(self, *error: object) -> None:
        global _multithreading
        _multithreading = self.prev

    def clone(self) -> "set_multithreading_enabled":
        """Another one of the same mode."""
        return type(self)(self.mode)


def is_multithreading_enabled() -> bool:
    """What set_multithreading_enabled was given."""
    return _multithreading


def is_grad_enabled() -> bool:
    """Whether operations are recorded in this thread."""
    return bool(_core.is_grad_enabled())


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside inference_mode."""
    return bool(state.inference)


@export()
def is_inference(input: Any) -> bool:
    """Whether a tensor was made in inference_mode."""
    return bool(_core.is_inference(input))


export("is_grad_enabled", method=False)(is_grad_enabled)
export("is_inference_mode_enabled", method=False)(is_inference_mode_enabled)
