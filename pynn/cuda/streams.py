"""Streams and events of a GPU, which are CuPy's; making one without a GPU raises RuntimeError."""

from collections.abc import Callable
from typing import Any

from pynn import _gpu
from pynn._device import NotOnThisDevice, device
from pynn.cuda import _index


def _needed(name: str) -> Any:
    why = _gpu.reason()
    if why is not None:
        raise NotOnThisDevice(f"cuda.{name} requires CUDA support: Torch not compiled with CUDA enabled; {why}.")
    return _gpu.cupy().cuda


class Stream:
    """A queue of work on a GPU: `with pynn.cuda.stream(s):` puts work into it. RuntimeError without a GPU."""

    def __init__(self, device: Any = None, priority: int = 0, **given: Any) -> None:
        cuda = _needed("Stream")
        self.device_index = _index(device)
        held = given.get("held")
        if held is None:
            with _gpu.cupy_device(self.device_index):
                held = cuda.Stream(non_blocking=True, priority=priority)
        self._held = held
        self.priority = priority

    @property
    def device(self) -> device:
        """The GPU."""
        return device("cuda", self.device_index)

    @property
    def cuda_stream(self) -> int:
        """CUDA's handle."""
        return int(self._held.ptr)

    def synchronize(self) -> None:
        """Wait until its work is done."""
        self._held.synchronize()

    def query(self) -> bool:
        """Whether its work is done."""
        return bool(self._held.done)

    def wait_event(self, event: "Event") -> None:
        """Let later work wait for an event."""
        self._held.wait_event(event._held)

    def wait_stream(self, stream: "Stream") -> None:
        """Let later work wait for what is in another stream now."""
        self.wait_event(stream.record_event())

    def record_event(self, event: "Event | None" = None) -> "Event":
        """Note this moment in an event; a new one where none is given."""
        event = event or Event()
        event.record(self)
        return event

    def __enter__(self) -> "Stream":
        self._held.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._held.__exit__(*exc)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and (self.cuda_stream, self.device_index) == (other.cuda_stream, other.device_index)

    def __hash__(self) -> int:
        return hash((self.cuda_stream, self.device_index))

    def __repr__(self) -> str:
        return f"<pynn.cuda.Stream device={self.device} cuda_stream={self.cuda_stream:#x}>"


class ExternalStream(Stream):
    """A stream made elsewhere, by CUDA's handle."""

    def __init__(self, stream_ptr: int, device: Any = None, **kwargs: Any) -> None:
        cuda = _needed("ExternalStream")
        super().__init__(device, held=cuda.ExternalStream(stream_ptr, _index(device)))


class Event:
    """A moment in a stream: `record` notes it, `elapsed_time` gives the milliseconds to a later one."""

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False, external: bool = False
    ) -> None:
        cuda = _needed("Event")
        self._held = cuda.Event(blocking, not enable_timing, interprocess)
        self._timed = enable_timing

    @property
    def cuda_event(self) -> int:
        """CUDA's handle."""
        return int(self._held.ptr)

    def record(self, stream: Stream | None = None) -> None:
        """Note this moment of a stream (the current one)."""
        self._held.record(_gpu.cupy().cuda.get_current_stream() if stream is None else stream._held)

    def wait(self, stream: Stream | None = None) -> None:
        """Let later work of a stream (the current one) wait for this moment."""
        (_gpu.cupy().cuda.get_current_stream() if stream is None else stream._held).wait_event(self._held)

    def query(self) -> bool:
        """Whether the work before this moment is done."""
        return bool(self._held.done)

    def synchronize(self) -> None:
        """Wait until the work before this moment is done."""
        self._held.synchronize()

    def elapsed_time(self, end_event: "Event") -> float:
        """Milliseconds from this moment to another; RuntimeError for events made without enable_timing."""
        if not self._timed or not end_event._timed:
            raise RuntimeError("Both events must be created with argument 'enable_timing=True'.")
        return float(_gpu.cupy().cuda.get_elapsed_time(self._held, end_event._held))

    def __repr__(self) -> str:
        return f"<pynn.cuda.Event {self.cuda_event:#x}>"


def current_stream(device: Any = None) -> Stream:
    """The stream that work goes to; RuntimeError where there is no GPU."""
    number = _index(device)
    return Stream(number, held=_needed("current_stream").get_current_stream(number))


def default_stream(device: Any = None) -> Stream:
    """The stream that work goes to unless another is chosen."""
    return Stream(device, held=_needed("default_stream").Stream.null)


def set_stream(stream: Stream | None) -> None:
    """Let work go to a stream from here on; None leaves it."""
    if stream is not None:
        stream._held.use()


class StreamContext:
    """A block whose work goes to a stream; None leaves it."""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        if self.stream is not None:
            self.stream.__enter__()

    def __exit__(self, *exc: object) -> None:
        if self.stream is not None:
            self.stream.__exit__(*exc)


def stream(stream: Stream | None) -> StreamContext:
    """`with pynn.cuda.stream(s):` puts the block's work into a stream; None leaves it where it goes."""
    return StreamContext(stream)


class _Refused:
    """A class that there is nothing behind: RuntimeError without a GPU, NotImplementedError with one."""

    def __new__(cls, *args: Any, **kwargs: Any) -> "_Refused":
        _needed(cls.__name__)
        raise NotImplementedError(f"pynn.cuda.{cls.__name__}: work is not recorded in graphs. Leave it out.")


class CUDAGraph(_Refused):
    """Recorded work of a GPU: not to be had."""


class graph(_Refused):
    """A block whose work is recorded: not to be had."""


def make_graphed_callables(callables: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Record functions as graphs: RuntimeError without a GPU, NotImplementedError with one."""
    _needed("make_graphed_callables")
    raise NotImplementedError("pynn.cuda.make_graphed_callables: work is not recorded in graphs. Leave it out.")
