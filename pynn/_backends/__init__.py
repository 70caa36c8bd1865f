"""Backends: who computes. `kernel(name)` gives a backend's own form of an op, or None for the reference.

Chosen by `with pynn.backend("numpy"):`, then PYNN_BACKEND, then the best available; the
default is resolved when it changes, never frozen at import.
"""

import importlib
import os
import warnings
from typing import Any

from pynn import _bootstrap, _core
from pynn._backends import namespace as numpy_namespace
from pynn._core import state


class Backend:
    """A named set of kernels over one array namespace."""

    def __init__(self, name: str, kernels: Any = None, reason: Any = None) -> None:
        self.name = name
        self.namespace = numpy_namespace
        self.reason = reason  # why it is unavailable, or None
        self.kernels = {} if kernels is None else kernels

    @property
    def available(self) -> bool:
        """Whether this machine and installation can use it."""
        return self.reason is None

    def kernel(self, op_name: Any) -> Any:
        """The backend's kernel for an op ("conv2d") or its backward ("conv2d.backward"), or None."""
        return self.kernels.get(op_name)

    def __repr__(self) -> str:
        return f"<backend {self.name}{'' if self.available else f' (unavailable: {self.reason})'}>"


class Deferred(Backend):
    """A backend that `load` of its module makes when something of it is first asked for."""

    def __init__(self, name: str, module: str) -> None:
        self.name = name
        self._module = module

    def __getattr__(self, name: str) -> Any:
        if name not in ("kernels", "namespace", "reason"):
            raise AttributeError(f"a backend has no attribute {name!r}.")
        loaded = importlib.import_module(self._module).load()
        self.kernels, self.namespace, self.reason = loaded.kernels, loaded.namespace, loaded.reason
        return getattr(loaded, name)


def _native() -> Any:
    try:
        from pynn import _native
    except ImportError as error:
        return Backend("native", reason=f"the compiled kernels did not load ({error})")
    return Backend("native", _native.kernels)


BACKENDS = {"native": _native(), "numba": Deferred("numba", "pynn._backends.numba"), "numpy": Backend("numpy")}
_ORDER = ("native", "numba", "numpy")
_default = BACKENDS["numpy"]


def get(name: str) -> Any:
    """The backend called name; ValueError for an unknown one, RuntimeError, with the reason, for one not available."""
    found = BACKENDS.get(name)
    if found is None:
        raise ValueError(f"unknown backend {name!r}: the backends are {', '.join(BACKENDS)}.")
    if not found.available:
        raise RuntimeError(f"backend {name!r} is not available: {found.reason}.")
    return found


def set_default(chosen: Any) -> None:
    """Make a backend the one that serves where none was chosen."""
    from pynn.ops.registry import OPS

    global _default
    _default = chosen
    for name, record in OPS.items():
        record.op.kernel = chosen.kernel(name)
        record.op.backward_kernel = chosen.kernel(name + ".backward")


def default() -> Any:
    """The backend that serves where none was chosen."""
    return _default


def choose_default() -> Any:
    """The backend PYNN_BACKEND names, else the best available one."""
    wanted = os.environ.get("PYNN_BACKEND")
    if wanted:
        try:
            return get(wanted)
        except (ValueError, RuntimeError) as error:
            warnings.warn(f"PYNN_BACKEND ignored: {error}", stacklevel=2)
    found = next(BACKENDS[name] for name in _ORDER if BACKENDS[name].available)
    if found.name != "native" and not _bootstrap.pure:
        warnings.warn(
            f"pynn runs on {found.name}, slower than it could: {BACKENDS['native'].reason}. Install it where there is a C++ "
            "compiler, or from a built wheel; PYNN_PURE=1 in the environment says that this is what you want.",
            RuntimeWarning,
            stacklevel=2,
        )
    return found


class backend:
    """Compute on a named backend in this thread: `with pynn.backend("numpy"):`."""

    def __init__(self, name: str) -> None:
        self._chosen = get(name)
        self._before: list[Any] = []

    def __enter__(self) -> Any:
        self._before.append(state.backend)
        state.backend = self._chosen
        _core.enter_mode()
        return self._chosen

    def __exit__(self, *error: Any) -> None:
        state.backend = self._before.pop()
        _core.leave_mode()
