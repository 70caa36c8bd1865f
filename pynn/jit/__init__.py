"""torch.jit's names: Python runs as it is. `script` and `trace` return their argument, and say so once."""

import collections.abc
import types
import typing
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from pynn import _lazy
from pynn.compiler import say_once
from pynn.futures import Future
from pynn.nn.module import Module

__all__ = [
    "Attribute", "Error", "Final", "Future", "RecursiveScriptModule", "ScriptFunction", "ScriptModule", "TracerWarning", "annotate",
    "enable_onednn_fusion", "export", "fork", "freeze", "ignore", "interface", "is_scripting", "is_tracing",
    "isinstance", "load", "onednn_fusion_enabled", "optimize_for_inference", "optimized_execution", "save", "script",
    "script_if_tracing", "script_method", "set_fusion_strategy", "strict_fusion", "trace", "trace_module", "unused", "wait",
]  # fmt: skip

_isinstance = isinstance


class Error(RuntimeError):
    """What torch raises in scripted code; nothing here raises it."""


class TracerWarning(Warning):
    """What torch warns of while it traces; programs filter it out."""


class Attribute(NamedTuple):
    """A value with the type that scripting would give it."""

    value: Any
    type: Any


class ScriptModule(Module):
    """A Module under its scripted name, to derive from; modules that `script` returned are none."""


class RecursiveScriptModule(ScriptModule):
    """The same."""


class ScriptFunction:
    """The type of scripted functions, for isinstance checks; functions that `script` returned are none."""


def _say(name: str) -> None:
    text = f"pynn.jit.{name} returns its argument as it is: Python runs eagerly here, and no script is made."
    say_once(f"jit.{name}", text, stacklevel=4)


def script(obj: Any, optimize: Any = None, _frames_up: int = 0, _rcb: Any = None, example_inputs: Any = None) -> Any:
    """A module, function or class as it is; warns so once."""
    _say("script")
    return obj


def trace(func: Any, example_inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
    """A module or function as it is, not run; warns so once. Control flow is not frozen, as a trace would."""
    _say("trace")
    return func


def trace_module(mod: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    """A module as it is; warns so once."""
    _say("trace_module")
    return mod


def script_method(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A method as it is."""
    return fn


def script_if_tracing(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function as it is: nothing is traced."""
    return fn


def export(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A method as it is."""
    return fn


def unused(fn: Any) -> Any:
    """A method as it is."""
    return fn


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """A method as it is; also `ignore(drop=True)` as a decorator."""
    return drop if callable(drop) else lambda fn: fn


def interface(obj: type) -> type:
    """A class as it is."""
    return obj


def annotate(the_type: Any, the_value: Any) -> Any:
    """the_value."""
    return the_value


def freeze(mod: Module, preserved_attrs: Any = None, optimize_numerics: bool = True) -> Module:
    """A module as it is; RuntimeError for one in training mode."""
    if mod.training:
        raise RuntimeError(
            "Freezing is currently only implemented for modules in eval mode. Please call .eval() on your module before freezing."
        )
    return mod


def optimize_for_inference(mod: Module, other_methods: Any = None) -> Module:
    """A module as it is."""
    return mod


def is_scripting() -> bool:
    """Whether this code runs as a script: never."""
    return False


def is_tracing() -> bool:
    """Whether this code is being traced: never."""
    return False


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> "Future[Any]":
    """Run a function, and return its result as a Future that is done."""
    future: Future[Any] = Future()
    try:
        future.set_result(func(*args, **kwargs))
    except Exception as error:
        future.set_exception(error)
    return future


def wait(future: "Future[Any]") -> Any:
    """A Future's result."""
    return future.wait()


def save(m: Any, f: Any, _extra_files: Any = None) -> None:
    """Refused: there are no scripts to save."""
    raise NotImplementedError(
        "pynn.jit.save: scripts are out of pynn's scope so far; save a model's state_dict with pynn.save."
    )


def load(f: Any, map_location: Any = None, _extra_files: Any = None, _restore_shapes: bool = False) -> Any:
    """Refused: scripts cannot be run."""
    raise NotImplementedError(
        "pynn.jit.load: scripts are out of pynn's scope so far; load the state_dict into the model's class with pynn.load."
    )


def set_fusion_strategy(strategy: Any) -> list[Any]:
    """Accepted; nothing is fused. Returns the strategy before: none."""
    return []


def enable_onednn_fusion(enabled: bool) -> None:
    """Accepted; nothing is fused."""


def onednn_fusion_enabled() -> bool:
    """Whether scripts are fused by oneDNN: no."""
    return False


class _Block:
    """A block that changes nothing."""

    def __init__(self, *args: Any) -> None: ...

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, *exc: object) -> None:
        """Nothing to undo."""


class strict_fusion(_Block):
    """A block in which torch insists on fusion: nothing is fused here."""


class optimized_execution(_Block):
    """A block in which torch's scripts are optimized or not: there are none here."""


def isinstance(obj: Any, target_type: Any) -> bool:
    """Whether obj is of a type, looking into containers: `isinstance([1, 2], List[int])`."""
    if _isinstance(target_type, tuple):
        return any(isinstance(obj, kind) for kind in target_type)
    origin, inner = typing.get_origin(target_type), typing.get_args(target_type)
    if target_type is Any:
        return True
    if origin is None or not inner:
        bare: Any = origin or {list: list, tuple: tuple, dict: dict, None: type(None)}.get(target_type, target_type)
        return _isinstance(obj, bare)
    if origin in (typing.Union, types.UnionType):
        return any(isinstance(obj, type(None) if kind is None else kind) for kind in inner)
    if not _isinstance(obj, origin):
        return False
    if origin is dict:
        return all(isinstance(k, inner[0]) and isinstance(v, inner[1]) for k, v in obj.items())
    if origin is tuple and not (len(inner) == 2 and inner[1] is Ellipsis):
        return len(obj) == len(inner) and all(map(isinstance, obj, inner))
    if _isinstance(obj, collections.abc.Iterable):
        return all(isinstance(x, inner[0]) for x in obj)
    return True


__getattr__, __dir__ = _lazy.names(__name__, {"annotations": ""})
