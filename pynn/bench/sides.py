"""The sides of the comparison, and which of them can run here. Nothing is imported before a worker needs it."""

import importlib.metadata
import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pynn.bench import side

KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(4 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(16 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
}
"""Settings by which glibc's malloc keeps large blocks instead of giving them back to the system."""


@dataclass(frozen=True)
class Kind:
    """One way of using a library.

    library: the module that the worker imports; needs: further ones, as distributions on the package index;
    mode: how it is run, for the table; environment: what its process starts with; asked: only run when asked for.
    """

    name: str
    library: str
    make: Callable[..., side.Side]
    mode: str
    needs: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    asked: bool = False
    compiler: bool = False

    def missing(self) -> str | None:
        """What stops this side from running here, or None."""
        absent = [name for name in (self.library, *self.needs) if importlib.util.find_spec(name) is None]
        if absent:
            return f"needs {', '.join(absent)}, not installed"
        if self.compiler and not shutil.which(os.environ.get("CXX", "g++")):
            return "needs a C++ compiler"
        return None

    @property
    def subject(self) -> str:
        """The module that does the work."""
        return self.needs[-1] if self.needs else self.library

    def versions(self) -> dict[str, str]:
        """The versions of what it runs."""
        return {name: version(name) for name in (self.library, *self.needs)}


SIDES = {
    kind.name: kind
    for kind in (
        Kind("pynn", "pynn", side.Side, "eager; inference under inference_mode"),
        Kind(
            "numba",
            "pynn",
            side.Side,
            "pynn without its compiled extension, on Numba's kernels (PYNN_PURE=1, PYNN_BACKEND=numba)",
            needs=("numba",),
            environment={"PYNN_PURE": "1", "PYNN_BACKEND": "numba"},
            asked=True,
        ),
        Kind("torch", "torch", side.Side, "eager, as it comes; inference under inference_mode"),
        Kind(
            "torch tuned",
            "torch",
            side.Tuned,
            "as torch, with images and networks over them channels_last, optimizers fused, and a malloc that keeps memory",
            environment=KEEP_MEMORY,
        ),
        Kind("torch compile", "torch", side.Compiled, "torch.compile of the network", asked=True, compiler=True),
        Kind("jax", "jax", side.Jax, "jax.jit of the whole step"),
        Kind(
            "ort",
            "torch",
            side.Onnx,
            "ONNX Runtime: the module exported by torch.onnx.export, all graph optimizations",
            needs=("onnx", "onnxscript", "onnxruntime"),
        ),
        Kind("numpy", "numpy", side.Arrays, "as it comes"),
    )
}


def version(name: str) -> str:
    """The version of an installed module."""
    if name == "pynn":
        import pynn

        return str(pynn.__version__)
    return importlib.metadata.version(name)


def limit_threads(library: Any, threads: int) -> None:
    """Let this process's library compute with `threads` threads."""
    if hasattr(library, "set_num_threads"):
        library.set_num_threads(threads)
    elif hasattr(os, "sched_setaffinity"):  # JAX takes as many as there are processors for it
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def chosen(names: list[str] | None, compiled: bool) -> tuple[list[str], dict[str, str]]:
    """The sides to run, pynn first, and why others are not.

    names: those asked for, or None for all that are there. Raises ValueError for a name there is no side of.
    """
    unknown = set(names or ()) - set(SIDES)
    if unknown:
        raise ValueError(f"no side {', '.join(sorted(unknown))}: there are {', '.join(SIDES)}")
    run, absent = [], {}
    for name, kind in SIDES.items():
        wanted = name == "pynn" or (not kind.asked or compiled if names is None else name in names)
        reason = kind.missing() if wanted else None
        if reason:
            absent[name] = reason
        elif wanted:
            run.append(name)
    return run, absent
