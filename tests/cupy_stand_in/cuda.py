"""`cupy.cuda` of the stand-in: one GPU played by the host's memory, whose work is done when it is asked for."""

import contextlib
import ctypes
import time
import weakref

import numpy

MEMORY = 8 << 30  # bytes that the played GPU has
_used = 0
_reserved = 0
_current = 0
_count = 1


class OutOfMemoryError(MemoryError):
    """No memory on the device, in CuPy's words."""

    def __init__(self, size, total, limit=0):
        super().__init__(f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes).")


class _Memory:
    def __init__(self, size):
        self.size = size
        self.device = Device()


def _free(size):
    global _used
    _used -= size


def check(size):
    """OutOfMemoryError where the device has not as much memory left."""
    if _used + size > MEMORY:
        raise OutOfMemoryError(size, _used)


def allocate(size):
    """Note memory of the device that an array takes; OutOfMemoryError where there is not as much."""
    global _used, _reserved
    size = -(-size // 512) * 512
    check(size)
    found = _Memory(size)
    _used += size
    _reserved = max(_reserved, _used)
    weakref.finalize(found, _free, size).atexit = False
    return found


def reset():
    """The device as it is at start."""
    global _current, _count, _reserved
    _current, _count, _reserved = 0, 1, _used


class MemoryPointer:
    """Where an array's memory begins."""

    def __init__(self, array, offset=0):
        self.mem = array._memory
        self._array = array
        self.ptr = array._host.__array_interface__["data"][0] + offset
        self.device_id = self.mem.device.id

    def buffer(self):
        """The memory from here on, as NumPy takes it."""
        return (ctypes.c_uint8 * max(self._array.nbytes, 1)).from_address(self.ptr)

    def __int__(self):
        return self.ptr


class Device:
    """A GPU, by number; a context in which it is the one in use."""

    def __init__(self, device=None):
        self.id = _current if device is None else int(device)
        self._before = []

    def use(self):
        runtime.setDevice(self.id)

    def __enter__(self):
        self._before.append(_current)
        self.use()
        return self

    def __exit__(self, *error):
        runtime.setDevice(self._before.pop())

    def __int__(self):
        return self.id

    def __eq__(self, other):
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self):
        return hash(self.id)

    def synchronize(self):
        """Nothing to wait for."""

    compute_capability = "90"

    @property
    def mem_info(self):
        return (MEMORY - _used, MEMORY)

    attributes = property(lambda self: {"MultiProcessorCount": 132, "WarpSize": 32})


class Stream:
    """A queue of work, always empty."""

    _next = 1000

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=0):
        Stream._next += 1
        self.ptr = 0 if null else Stream._next
        self.device_id = -1 if null else _current
        self._before = []

    done = True

    def use(self):
        global _stream
        _stream = self
        return self

    def __enter__(self):
        self._before.append(_stream)
        return self.use()

    def __exit__(self, *error):
        self._before.pop().use()

    def __eq__(self, other):
        return isinstance(other, Stream) and self.ptr == other.ptr

    def __hash__(self):
        return hash(self.ptr)

    def record(self, event=None):
        event = Event() if event is None else event
        event.record(self)
        return event

    def synchronize(self):
        """Nothing to wait for."""

    def wait_event(self, event):
        """Nothing to wait for."""


class ExternalStream(Stream):
    """A stream made elsewhere."""

    def __init__(self, ptr, device_id=-1):
        super().__init__()
        self.ptr = ptr


Stream.null = Stream(null=True)
_stream = Stream.null


def get_current_stream(device_id=-1):
    return _stream


class Event:
    """A moment in a stream."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self.time = None
        self.disable_timing = disable_timing
        self.ptr = id(self)

    done = True

    def record(self, stream=None):
        self.time = time.perf_counter()

    def synchronize(self):
        """Nothing to wait for."""


def get_elapsed_time(start, end):
    """Milliseconds between two recorded events."""
    if start.time is None or end.time is None:
        raise runtime.CUDARuntimeError(400)
    return (end.time - start.time) * 1e3


class MemoryPool:
    """The pool that arrays take memory from."""

    def malloc(self, size):
        from tests.cupy_stand_in.array import ndarray

        return ndarray(size, numpy.uint8).data

    def used_bytes(self):
        return _used

    def total_bytes(self):
        return _reserved

    def free_bytes(self):
        return _reserved - _used

    def free_all_blocks(self, stream=None):
        global _reserved
        _reserved = _used

    def n_free_blocks(self):
        return 0

    def set_limit(self, size=None, fraction=None):
        self._limit = size if fraction is None else int(fraction * MEMORY)

    def get_limit(self):
        return getattr(self, "_limit", 0)


class PinnedMemoryPool:
    """The pool of memory that cannot be paged out."""

    def free_all_blocks(self):
        """Nothing is kept."""

    def n_free_blocks(self):
        return 0


_pool, _pinned_pool = MemoryPool(), PinnedMemoryPool()


def get_default_memory_pool():
    return _pool


def get_default_pinned_memory_pool():
    return _pinned_pool


class PinnedMemoryPointer(bytearray):
    """Memory of the host that cannot be paged out, as a buffer."""

    @property
    def ptr(self):
        return ctypes.addressof(ctypes.c_char.from_buffer(self))


def alloc_pinned_memory(size):
    return PinnedMemoryPointer(max(size, 1))


class MemoryHook:
    """A listener to allocations; the stand-in calls none."""

    name = "MemoryHook"

    def __enter__(self):
        return self

    def __exit__(self, *error):
        """Nothing to undo."""


def is_available():
    return _count > 0


class runtime:
    """`cupy.cuda.runtime`."""

    class CUDARuntimeError(RuntimeError):
        def __init__(self, status):
            super().__init__(f"cudaError {status}")
            self.status = status

    memcpyHostToDevice, memcpyDeviceToHost, memcpyDeviceToDevice = 1, 2, 3

    @staticmethod
    def getDeviceCount():
        return _count

    @staticmethod
    def getDevice():
        return _current

    @staticmethod
    def setDevice(number):
        global _current
        if not 0 <= number < _count:
            raise runtime.CUDARuntimeError(101)
        _current = number

    @staticmethod
    def deviceSynchronize():
        """Nothing to wait for."""

    @staticmethod
    def memGetInfo():
        return (MEMORY - _used, MEMORY)

    @staticmethod
    def runtimeGetVersion():
        return 13000

    @staticmethod
    def driverGetVersion():
        return 13000

    @staticmethod
    def getDeviceProperties(number):
        if not 0 <= number < _count:
            raise runtime.CUDARuntimeError(101)
        return {
            "name": b"Stand-in GPU", "totalGlobalMem": MEMORY, "major": 9, "minor": 0, "multiProcessorCount": 132,
            "warpSize": 32, "maxThreadsPerMultiProcessor": 2048, "regsPerMultiprocessor": 65536, "l2CacheSize": 50 << 20,
            "sharedMemPerBlock": 48 << 10, "sharedMemPerBlockOptin": 227 << 10, "sharedMemPerMultiprocessor": 228 << 10,
            "integrated": 0, "isMultiGpuBoard": 0, "pciBusID": 1, "pciDeviceID": 0, "pciDomainID": 0, "uuid": bytes(16),
        }  # fmt: skip


class memory:
    """`cupy.cuda.memory`."""

    OutOfMemoryError = OutOfMemoryError


class nvtx:
    """`cupy.cuda.nvtx`: marks that nobody sees."""

    RangePush = staticmethod(lambda message, id_color=-1: 0)
    RangePop = staticmethod(lambda: None)
    Mark = staticmethod(lambda message, id_color=-1: None)


@contextlib.contextmanager
def playing(count):
    """A machine with that many GPUs."""
    global _count
    before, _count = _count, count
    try:
        yield
    finally:
        _count = before
