"""What this installation is and can do: show_config, threads."""

import os
import sys
from typing import Any

from pynn import _backends, _bootstrap, _threads
from pynn._version_info import __version__

try:
    from pynn import _native
except ImportError:
    _native = None  # type: ignore[assignment]


def get_num_threads() -> Any:
    """How many threads kernels use."""
    return _native.get_num_threads() if _native else _threads.get()


def set_num_threads(n: Any) -> None:
    """Set how many threads kernels use; at least 1."""
    if not isinstance(n, int) or isinstance(n, bool):
        raise TypeError(f"set_num_threads expects an int, but got {type(n).__name__}.")
    if n < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, got {n}.")
    (_native.set_num_threads if _native else _threads.put)(n)


_conv_algo = "auto"  # where there are no compiled kernels to tell


def get_conv_algo() -> str:
    """Which way computes 3x3 convolutions of float32: "auto", "direct" or "winograd"."""
    return _native.get_conv_algo() if _native else _conv_algo


def set_conv_algo(name: str) -> None:
    """Set which way computes 3x3 convolutions; ValueError for another name."""
    global _conv_algo
    if name not in ("auto", "direct", "winograd"):
        raise ValueError(f"conv_algo is {name!r}: expected 'auto', 'direct' or 'winograd'.")
    _conv_algo = name
    if _native:
        _native.set_conv_algo(name)


def get_include() -> Any:
    """The folder to compile C or C++ against: it has pynn/pynn.h, the kernels' C interface.

    RuntimeError where pynn was installed without its compiled library.
    """
    package = os.path.dirname(os.path.abspath(__file__))
    for folder in (os.path.join(package, "include"), os.path.join(os.path.dirname(package), "csrc", "include")):
        if os.path.isdir(folder):
            return folder
    raise RuntimeError("This pynn was installed without its C library, so there is nothing to compile against: "
                       "install a compiled wheel, or from source where there is a C++ compiler.")  # fmt: skip


def config() -> Any:
    """What show_config prints, as a dict."""
    out = {
        "version": __version__,
        "python": sys.version.split()[0],
        "core": "interpreted" if _bootstrap.interpreted or not _is_compiled() else "compiled",
        "compiler": _native.compiler() if _native else "none: pure Python",
        "isa": _native.isa() if _native else "none",
        "isa available": [n for n in ("portable", "avx2", "avx512") if _native and _native.isa_supported(n)],
        "threads": get_num_threads(),
        "conv algo": get_conv_algo(),
        "default backend": _backends.default().name,
        "backends": {
            b.name: "available" if b.available else f"unavailable: {b.reason}" for b in _backends.BACKENDS.values()
        },
    }
    variables = [
        n
        for n in ("PYNN_ISA", "PYNN_NUM_THREADS", "OMP_NUM_THREADS", "PYNN_CONV_ALGO", "PYNN_BACKEND", "PYNN_PURE")
        if n in os.environ
    ]
    out["environment"] = {n: os.environ[n] for n in variables}
    return out


def _is_compiled() -> bool:
    from pynn import _core

    return not _core.__file__.endswith(".py")


def show_config() -> None:
    """Print version, compiler, instruction sets, threads and backends (with the reason where one is unavailable)."""
    for key, value in config().items():
        if isinstance(value, dict):
            print(f"{key}:" + ("" if value else " -"))
            for name, text in value.items():
                print(f"  {name}: {text}")
        else:
            print(f"{key}: {', '.join(value) if isinstance(value, list) else value}")
