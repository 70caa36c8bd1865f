"""Streams and events of a CPU, on which work is done when a call returns: there, and with nothing to do."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from pynn._device import check_device, device


class Stream:
    """A queue of work on a device, whose work is always done. RuntimeError for another device than the CPU."""

    def __init__(self, device: "device | str | int" = "cpu", *, priority: int = 0, **unused: Any) -> None:
        self.device = check_device("cpu" if isinstance(device, int) and device <= 0 else device)
        self.priority = priority
        self.stream_id = 0

    def synchronize(self) -> None:
        """Wait for its work: done."""

    def query(self) -> bool:
        """Whether its work is done."""
        return True

    def wait_event(self, event: "Event") -> None:
        """Wait for an event: its work is done."""

    def wait_stream(self, stream: "Stream") -> None:
        """Wait for another stream: its work is done."""

    def record_event(self, event: "Event | None" = None) -> "Event":
        """Note the time in an event; a new one where none is given."""
        event = event or Event()
        event.record(self)
        return event

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing to undo."""

    def __repr__(self) -> str:
        return f"<pynn.Stream device_type={self.device.type} stream_id={self.stream_id}>"


class Event:
    """A moment in a stream: `record` notes the time, `elapsed_time` gives the milliseconds to another event."""

    def __init__(self, device: "device | str | None" = None, *, enable_timing: bool = False, **unused: Any) -> None:
        if device is not None:
            check_device(device)
        self._time: float | None = None

    def record(self, stream: Stream | None = None) -> None:
        """Note the time."""
        self._time = time.perf_counter()

    def wait(self, stream: Stream | None = None) -> None:
        """Have a stream wait for it: its work is done."""

    def query(self) -> bool:
        """Whether the work before it is done."""
        return True

    def synchronize(self) -> None:
        """Wait for the work before it: done."""

    def elapsed_time(self, end_event: "Event") -> float:
        """Milliseconds from this event to another; RuntimeError unless both were recorded."""
        if self._time is None or end_event._time is None:
            raise RuntimeError("both events must be recorded before calculating elapsed time.")
        return (end_event._time - self._time) * 1000


_current = Stream()


def current_stream(device: "device | str | None" = None) -> Stream:
    """The one stream that the CPU's work is done in."""
    return _current


@contextlib.contextmanager
def stream(stream: Stream | None) -> Iterator[None]:
    """A block whose work belongs to a stream: done in order, as anywhere."""
    yield


StreamContext = stream
