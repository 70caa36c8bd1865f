"""A GPU for tests: the machine's own under PYNN_TEST_GPU=1 (`make test-gpu`), else one played by `tests.cupy_stand_in`."""

import contextlib
import os

import pynn
from pynn import _core
from pynn._core import Tensor

REAL = os.environ.get("PYNN_TEST_GPU", "") not in ("", "0")


@contextlib.contextmanager
def present():
    """A block with a GPU."""
    if REAL:
        import cupy

        yield cupy
        return
    from tests import cupy_stand_in

    with cupy_stand_in.installed() as cupy:
        yield cupy


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
