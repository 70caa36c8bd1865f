"""torch.compile and torch.compiler's names: functions run as they are, and `compile` says so once."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

__all__ = [
    "allow_in_graph", "assume_constant_result", "compile", "cudagraph_mark_step_begin", "disable", "is_compiling",
    "is_dynamo_compiling", "is_exporting", "list_backends", "nested_compile_region", "reset", "set_stance",
    "substitute_in_graph", "wrap_numpy",
]  # fmt: skip

_said: set[str] = set()


def say_once(what: str, text: str, stacklevel: int = 3) -> None:
    """Warn the first time that `what` is used in this process."""
    if what not in _said:
        _said.add(what)
        warnings.warn(text, UserWarning, stacklevel=stacklevel)


def compile(
    model: Callable[..., Any] | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str | Callable[..., Any] = "inductor",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
    **unused: Any,
) -> Any:
    """model as it is, or without model a decorator: pynn does not compile yet, and warns so once.

    A module is returned itself, so its state_dict has the keys of the module. TypeError for what cannot be called,
    RuntimeError for mode and options together, ValueError for an unknown mode.
    """
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    if mode not in (None, "default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs", "lite"):
        raise ValueError(f"Unrecognized mode={mode!r}, should be one of 'default', 'reduce-overhead', 'max-autotune'.")
    if model is None:
        return functools.partial(
            compile, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode, options=options, disable=disable
        )
    if not callable(model):
        raise TypeError(f"compile() takes a module or a function, but got {type(model).__name__}.")
    if not disable:
        say_once("compile", "pynn.compile returns its argument as it is: pynn runs eagerly and does not compile yet.")
    return model


def _as_is(fn: Any = None, *args: Any, **kwargs: Any) -> Any:
    return (lambda inner: inner) if fn is None else fn


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """fn as it is; without fn a decorator. Nothing is compiled, so there is nothing to leave out."""
    return _as_is(fn)


def allow_in_graph(fn: Any) -> Any:
    """fn as it is."""
    return fn


def assume_constant_result(fn: Any) -> Any:
    """fn as it is."""
    return fn


def nested_compile_region(fn: Any = None) -> Any:
    """fn as it is."""
    return _as_is(fn)


def substitute_in_graph(original_fn: Any, *, can_constant_fold_through: bool = False, **unused: Any) -> Any:
    """A decorator that leaves its function as it is."""
    return _as_is()


def wrap_numpy(fn: Any) -> Any:
    """fn as it is."""
    return fn


def reset() -> None:
    """Forget what was compiled: nothing."""


class set_stance:
    """Accepted, as a call, a block or a decorator: nothing is compiled whatever the stance."""

    def __init__(
        self, stance: str = "default", *, skip_guard_eval_unsafe: bool = False, force_backend: Any = None
    ) -> None:
        known = (
            "default",
            "force_eager",
            "eager_on_recompile",
            "fail_on_recompile",
            "eager_then_compile",
            "aot_eager_then_compile",
        )
        if stance not in known:
            raise RuntimeError(f"invalid torch.compile stance {stance!r}, expected one of {', '.join(known)}")
        self.stance = stance

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, *exc: object) -> None:
        """Nothing to undo."""

    def __call__(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        return fn


def is_compiling() -> bool:
    """Whether this code is being compiled: never."""
    return False


def is_dynamo_compiling() -> bool:
    """Whether this code is being compiled: never."""
    return False


def is_exporting() -> bool:
    """Whether this code is being exported: never."""
    return False


def list_backends(exclude_tags: tuple[str, ...] = ("debug", "experimental")) -> list[str]:
    """The compilers that can be chosen: none."""
    return []


def cudagraph_mark_step_begin() -> None:
    """Accepted: there are no graphs."""
