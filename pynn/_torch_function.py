"""`__torch_function__`: classes and modes that take over pynn's functions, methods and properties, as torch's do.

Nothing of it costs anything until a program makes a subclass of Tensor or of TorchFunctionMode. From then on the public
functions look at their arguments' classes first (`divert_functions`), those of classes that are no Tensors, too; a subclass's
methods and properties are wrapped in the subclass itself (`pynn._subclass`), so Tensor and its operators know nothing of it.
"""

import functools
import threading
import types
from collections.abc import Callable, Iterable
from typing import Any

from pynn import _core
from pynn._core import METHODS, Tensor
from pynn.nn.parameter import Buffer, Parameter
from pynn.ops.registry import FUNCTIONS, METHOD_NAMES
from pynn.ops.view import Size


class _State(threading.local):
    classes = True  # whether arguments' classes are asked
    modes: tuple[Any, ...] = ()  # the innermost last


_state = _State()


class DisableTorchFunctionSubclass:
    """A block in which arguments' classes are not asked; modes are."""

    def __enter__(self) -> None:
        self._before = _state.classes
        _state.classes = False

    def __exit__(self, *exc: object) -> None:
        _state.classes = self._before


class DisableTorchFunction(DisableTorchFunctionSubclass):
    """A block in which neither arguments' classes nor modes are asked."""

    def __enter__(self) -> None:
        super().__enter__()
        self._modes, _state.modes = _state.modes, ()

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        _state.modes = self._modes


def disabled(func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """What a class sets as its `__torch_function__` to be left alone: func runs, and results are plain tensors."""
    with DisableTorchFunctionSubclass():
        return func(*args, **(kwargs or {}))


def _takes_over(value: Any) -> bool:
    kind = value.__class__
    found = None if kind is Tensor else getattr(kind, "__torch_function__", None)
    return found is not None and found is not disabled and getattr(found, "__module__", None) != "torch._tensor"


def overriding(values: Iterable[Any]) -> list[Any]:
    """The arguments (themselves, or in lists) that take over: one of each class, subclasses before what they derive from."""
    found: list[Any] = []
    for value in values:
        for x in value if isinstance(value, (list, tuple)) else (value,):
            if not _takes_over(x) or any(type(x) is type(other) for other in found):
                continue
            place = next((i for i, other in enumerate(found) if issubclass(type(x), type(other))), len(found))
            found.insert(place, x)
    return found


def asked(public: Callable[..., Any], run: Callable[..., Any], args: Any, kwargs: Any, relevant: Any = None) -> Any:
    """run(*args, **kwargs), unless a mode or an argument's class takes over the public function.

    relevant: the arguments whose classes are asked, by default all. TypeError where all that are asked decline.
    """
    modes = _state.modes
    takers = overriding((*args, *kwargs.values()) if relevant is None else relevant) if _state.classes else []
    if not modes and not takers:
        return run(*args, **kwargs)
    kinds = tuple(type(x) for x in takers)
    if modes:
        _state.modes = modes[:-1]
        try:
            result = modes[-1].__torch_function__(public, kinds, args, kwargs)
        finally:
            _state.modes = modes
        if result is not NotImplemented:
            return result
    for x in takers:
        result = type(x).__torch_function__(public, kinds, args, kwargs)
        if result is not NotImplemented:
            return result
    if not takers:  # a mode that leaves it to the function
        return run(*args, **kwargs)
    raise TypeError(
        f"no implementation found for '{getattr(public, '__module__', '')}.{getattr(public, '__name__', public)}' on types "
        f"that implement __torch_function__: {list(kinds)}: each returned NotImplemented."
    )


def kept(value: Any, cls: type) -> Any:
    """value with the plain tensors in it (itself, or in a tuple or list) as tensors of cls."""
    if value.__class__ is Tensor:
        return METHODS["as_subclass"](value, cls)
    if isinstance(value, (tuple, list)) and value.__class__ is not Size:
        parts = [kept(v, cls) for v in value]
        return value._make(parts) if hasattr(value, "_make") else type(value)(parts)
    return value


def nowrap() -> set[Any]:
    """The functions whose results stay what they are."""
    return {Tensor.grad.__get__}


def _default(cls: type, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """What a subclass does unless it defines its own: func runs, and plain tensors among the results become cls."""
    if not all(issubclass(cls, kind) for kind in types):
        return NotImplemented
    result = disabled(func, types, args, kwargs)
    return result if func in nowrap() else kept(result, cls)


_core.install(Tensor, "__torch_function__", classmethod(_default))
Parameter.__torch_function__ = Buffer.__torch_function__ = disabled  # type: ignore[attr-defined]


# ---- public functions that ask ----

_diverted: set[Any] = set()


def _ask_first(*args: Any, _ask: Any = None, **kwargs: Any) -> Any:
    return _ask(*args, **kwargs)


def divert(function: Any) -> None:
    """Have a function ask before it runs. It stays the same object, for those who hold it or compare with it."""
    if function in _diverted:
        return
    _diverted.add(function)
    code = function.__code__
    run = types.FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    run.__kwdefaults__ = function.__kwdefaults__
    run.__dict__.update(function.__dict__)
    run.__annotations__ = function.__annotations__
    function.__code__ = _ask_first.__code__.replace(co_freevars=code.co_freevars)  # as many as its closure has cells
    function.__kwdefaults__ = {"_ask": lambda *args, **kwargs: asked(function, run, args, kwargs)}
    function.__wrapped__ = run  # has the signature


def places() -> list[tuple[Any, list[str]]]:
    """The modules of public functions that can be taken over, each with their names."""
    import pynn
    from pynn import linalg, special
    from pynn.nn import functional
    from pynn.ops.deferred import FUNCTION_MODULES

    def is_public(name: str, found: Any) -> bool:
        return name[0] != "_" and isinstance(found, types.FunctionType) and found.__module__ != "pynn.overrides"

    return [
        (module, [n for n in names if is_public(n, getattr(module, n, None))])
        for module, names in (
            (pynn, sorted({*FUNCTIONS, *FUNCTION_MODULES})),
            (functional, dir(functional)),
            (linalg, dir(linalg)),
            (special, dir(special)),
        )
    ]


@functools.cache
def divert_functions() -> None:
    """Have all public functions ask."""
    for module, names in places():
        for name in names:
            divert(getattr(module, name))


# ---- modes ----


class TorchFunctionMode:
    """A block whose calls of pynn's functions and of tensors' methods go to `__torch_function__(func, types, args, kwargs)`.

    Operators of plain tensors (x + y, x[0]) and their properties do not pass by a mode; within `__torch_function__` the mode is off.
    """

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        if not cls.__module__.startswith("pynn."):
            divert_functions()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define __torch_function__.")

    def __enter__(self) -> Any:
        _divert_methods()
        _state.modes = (*_state.modes, self)
        return self

    def __exit__(self, *exc: object) -> None:
        _state.modes = _state.modes[:-1]

    @classmethod
    def push(cls, *args: Any, **kwargs: Any) -> Any:
        """A new mode of this class."""
        return cls(*args, **kwargs)


@functools.cache
def _divert_methods() -> None:
    """Let Tensor's methods ask modes."""
    for name in METHOD_NAMES:
        method = Tensor.__dict__.get(name)
        if isinstance(method, types.FunctionType):
            divert(method)


def active_modes() -> tuple[Any, ...]:
    """The modes of this thread, the innermost last."""
    return _state.modes


def classes_asked() -> bool:
    """Whether arguments' classes are asked in this thread."""
    return _state.classes
