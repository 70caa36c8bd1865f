"""Backends: who computes. `kernel(name)` gives a backend's own form of an op, or None for the reference.

A backend serves the tensors of one device. Chosen by the tensors' device, then `with pynn.backend("numpy"):`, then
PYNN_BACKEND, then the best available (native > numpy on the CPU, cuda > cupy on a GPU); the default is resolved when it
changes, never frozen at import. Naming a GPU's backend makes new tensors lie there.
"""

import importlib
import os
import warnings
from typing import Any

from pynn import _bootstrap, _core
from pynn._backends import namespace as numpy_namespace
from pynn._core import state


class Backend:
    """A named set of kernels over one array namespace, for the tensors of one type of device."""

    def __init__(
        self, name: str, kernels: Any = None, reason: Any = None, device: str = "cpu", namespace: Any = numpy_namespace
    ) -> None:
        self.name = name
        self.device = device
        self.namespace = namespace
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

    def __init__(self, name: str, device: str, module: str) -> None:
        self.name = name
        self.device = device
        self._module = module

    def __getattr__(self, name: str) -> Any:
        if name not in ("kernels", "namespace", "reason"):
            raise AttributeError(f"a backend has no attribute {name!r}.")
        loaded = importlib.import_module(self._module).load()
        self.kernels, self.namespace, self.reason = loaded.kernels, loaded.namespace, loaded.reason
        return getattr(loaded, name)

    def forget(self) -> None:
        """Load it anew when next asked."""
        for name in ("kernels", "namespace", "reason"):
            self.__dict__.pop(name, None)


def _native() -> Any:
    try:
        from pynn import _native
    except ImportError as error:
        return Backend("native", reason=f"the compiled kernels did not load ({error})")
    return Backend("native", _native.kernels)


# The best of each device first.
BACKENDS = {
    "native": _native(),
    "numba": Deferred("numba", "cpu", "pynn._backends.numba"),
    "numpy": Backend("numpy"),
    "cuda": Deferred("cuda", "cuda", "pynn._backends.cuda"),
    "cupy": Deferred("cupy", "cuda", "pynn._backends.cupy"),
}
_default = BACKENDS["numpy"]


def get(name: str) -> Any:
    """The backend called name; ValueError for an unknown one, RuntimeError, with the reason, for one not available."""
    found = BACKENDS.get(name)
    if found is None:
        raise ValueError(f"unknown backend {name!r}: the backends are {', '.join(BACKENDS)}.")
    if not found.available:
        raise RuntimeError(f"backend {name!r} is not available: {found.reason}.")
    return found


def add(backend: Backend) -> None:
    """Make a backend of another package's known by its name; ValueError where there is one of that name."""
    if backend.name in BACKENDS:
        raise ValueError(f"there is already a backend {backend.name!r}: give yours another name.")
    BACKENDS[backend.name] = backend


def best(device: str) -> Any:
    """The backend that serves a type of device where none was chosen: PYNN_BACKEND's, else the best available."""
    found = BACKENDS.get(os.environ.get("PYNN_BACKEND", ""))
    if found is not None and found.device == device and found.available:
        return found
    return next(b for b in BACKENDS.values() if b.device == device and b.available)


def forget(device: str) -> None:
    """Load the backends of a type of device anew when next asked."""
    for found in BACKENDS.values():
        if found.device == device and isinstance(found, Deferred):
            found.forget()


def set_default(chosen: Any) -> None:
    """Make a backend of the CPU the one that serves where none was chosen."""
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
    """The CPU's backend that PYNN_BACKEND names, else the best available one; new tensors on a GPU where it names one's."""
    wanted = os.environ.get("PYNN_BACKEND")
    if wanted:
        try:
            chosen = get(wanted)
        except (ValueError, RuntimeError) as error:
            warnings.warn(f"PYNN_BACKEND ignored: {error}", stacklevel=2)
        else:
            if chosen.device == "cpu":
                return chosen
            from pynn._switches import start_on

            start_on(chosen.device)
    found = best("cpu")
    if found.name != "native" and not _bootstrap.pure:
        warnings.warn(
            f"pynn runs on {found.name}, slower than it could: {BACKENDS['native'].reason}. Install it where there is a C++ "
            "compiler, or from a built wheel; PYNN_PURE=1 in the environment says that this is what you want.",
            RuntimeWarning,
            stacklevel=2,
        )
    return found


class backend:
    """Compute on a named backend in this thread: `with pynn.backend("numpy"):`.

    One of a GPU serves the tensors that lie there, and makes new tensors lie there.
    """

    def __init__(self, name: str) -> None:
        self._chosen = get(name)
        self._before: list[Any] = []

    def __enter__(self) -> Any:
        place = state.device
        if self._chosen.device != "cpu":
            from pynn import _gpu
            from pynn._device import check_device

            place = check_device(self._chosen.device)
            _gpu.start()  # or the door would give this backend the CPU's arrays too
        self._before.append((state.backend, state.device))
        _core.enter_mode()
        state.backend, state.device = self._chosen, place
        return self._chosen

    def __exit__(self, *error: Any) -> None:
        state.backend, state.device = self._before.pop()
        _core.leave_mode()
