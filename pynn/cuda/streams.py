"""Streams, events and graphs of a GPU: there by name, and refused when made, for there is no GPU."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from pynn._device import NotOnThisDevice


def _refused(name: str) -> NotOnThisDevice:
    return NotOnThisDevice(f"cuda.{name} requires CUDA support: Torch not compiled with CUDA enabled; there is no GPU.")


class _Refused:
    """A class that cannot be made without a GPU."""

    def __new__(cls, *args: Any, **kwargs: Any) -> "_Refused":
        raise _refused(cls.__name__)


class Stream(_Refused):
    """A queue of work on a GPU; RuntimeError when made. `pynn.Stream` is the CPU's."""


class ExternalStream(Stream):
    """A stream made elsewhere; RuntimeError when made."""


class Event(_Refused):
    """A moment in a GPU's stream; RuntimeError when made. `pynn.Event` is the CPU's, and takes times."""


class CUDAGraph(_Refused):
    """Recorded work of a GPU; RuntimeError when made."""


class graph(_Refused):
    """A block whose work is recorded; RuntimeError when made."""


@contextlib.contextmanager
def stream(stream: Stream | None) -> Iterator[None]:
    """A block whose work goes to a stream: with None, the only one there can be, as anywhere."""
    yield


StreamContext = stream


def make_graphed_callables(callables: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Record functions as graphs; RuntimeError, for there is no GPU."""
    raise _refused("make_graphed_callables")
