"""A GPU for tests: the machine's own under PYNN_TEST_GPU=1 (`make test-gpu`), else one played by `tests.cupy_stand_in`.

Where the CUDA kernels were built as host code (build/emulated, or the folder PYNN_CUDA_EMULATED names), the played one has them
too: its backends are then "cuda" and "cupy".
"""

import contextlib
import importlib.util
import os
import pathlib
import sys

import pynn
from pynn import _core
from pynn._core import Tensor

REAL = os.environ.get("PYNN_TEST_GPU", "") not in ("", "0")


def emulated_kernels():
    """The CUDA kernels as host code, as the module `pynn._cuda`; None where they are not built."""
    folder = os.environ.get("PYNN_CUDA_EMULATED", pathlib.Path(__file__).parent.parent / "build" / "emulated")
    found = sorted(pathlib.Path(folder).glob("_cuda_emulated*.so"))
    if not found:
        return None
    if "_cuda_emulated" not in sys.modules:
        spec = importlib.util.spec_from_file_location("_cuda_emulated", found[0])
        sys.modules["_cuda_emulated"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["_cuda_emulated"])
    return sys.modules["_cuda_emulated"]


@contextlib.contextmanager
def present():
    """A block with a GPU."""
    if REAL:
        import cupy

        yield cupy
        return
    from tests import cupy_stand_in

    kernels = emulated_kernels()
    before = sys.modules.get("pynn._cuda")
    if kernels is not None:
        sys.modules["pynn._cuda"] = kernels
    try:
        with cupy_stand_in.installed() as cupy:
            yield cupy
    finally:
        if kernels is not None and before is None:
            del sys.modules["pynn._cuda"]
        elif kernels is not None:
            sys.modules["pynn._cuda"] = before


def backends():
    """The names of the backends that can serve a GPU's tensors now."""
    return [b.name for b in pynn._backends.BACKENDS.values() if b.device == "cuda" and b.available]


def host(x):
    """A tensor's values as a NumPy array, wherever it lies."""
    return x._array.get() if _core.on_device(x._array) else x._array


def moved(inputs, track=False):
    """The tensors among inputs as leaves on the GPU; of float ones, requiring grad where track."""
    return tuple(
        x.detach().cuda().requires_grad_(track and x.is_floating_point()) if isinstance(x, Tensor) else x for x in inputs
    )
