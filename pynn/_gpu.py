"""GPUs: CuPy is looked for when a tensor is first put on one; arrays are moved to and from it here, and only here.

A tensor on "cuda" holds a `cupy.ndarray`. bfloat16 tensors hold CuPy's own arrays of ml_dtypes' bfloat16, which it has from
version 14 on; older ones are refused by name.
"""

from typing import Any

import numpy

from pynn import _core
from pynn._core import METHODS, Tensor, call, on_device
from pynn._device import CPU, NotOnThisDevice, device
from pynn.ops.memory_order import back, order_of

_LEAST = 14  # CuPy's first major version with NumPy 2's names and bfloat16

_cupy: Any = None
_reason: str | None = None
_devices: list[device] = []  # by number, once CuPy is loaded


def _find() -> str | None:
    """Load CuPy; why that is of no use, or None."""
    global _cupy
    try:
        import cupy
    except ImportError as error:
        return f"CuPy is not installed ({error}): pip install cupy-cuda12x or cupy-cuda13x, by the driver's CUDA version"
    if int(cupy.__version__.partition(".")[0]) < _LEAST:
        return f"CuPy {cupy.__version__} is too old: version {_LEAST} or later is needed"
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # no driver, or one that is too old
        return f"CuPy {cupy.__version__} finds no GPU ({str(error).partition(':')[0]})"
    if not count:
        return f"CuPy {cupy.__version__} finds no GPU"
    _cupy = cupy
    _devices[:] = [device("cuda", i) for i in range(count)]
    return None


def reason() -> str | None:
    """Why no tensor can be put on a GPU here; None where one can."""
    global _reason
    if _cupy is None and _reason is None:
        _reason = _find()
    return _reason


def cupy() -> Any:
    """The module CuPy; RuntimeError (and AssertionError) where it is missing or finds no GPU."""
    why = reason()
    if why is not None:
        raise NotOnThisDevice(
            f"Torch not compiled with CUDA enabled: {why}. Use device='cpu', or ask pynn.cuda.is_available() first."
        )
    return _cupy


def count() -> int:
    """How many GPUs there are."""
    return 0 if reason() is not None else len(_devices)


def in_use() -> bool:
    """Whether a tensor was ever put on a GPU."""
    return _started


_started = False


def start() -> None:
    """Let tensors hold arrays of a GPU: from here on the door asks where arrays lie."""
    global _started
    if not _started:
        from pynn import _backends

        module = cupy()
        METHODS.update(use_device_of=use_device_of, use_device=use_device, namespace_of=namespace_of, device_of=device_of, settle=settle, out_of_memory=out_of_memory)
        _core.set_devices(len(_devices), module.ndarray, _backends.best("cuda"))
        _started = True


def forget() -> None:
    """Look for CuPy anew when next asked: what was found may have been replaced."""
    global _cupy, _reason, _started
    from pynn import _backends

    if _started:
        _core.set_devices(0, None, None)
    _cupy, _reason, _started = None, None, False
    _devices.clear()
    _peaks.clear()
    _backends.forget("cuda")


def checked(wanted: device) -> device:
    """A GPU by type or by type and number, as one with a number; RuntimeError where there is none such."""
    module = cupy()
    if wanted.index is None:
        index: int = module.cuda.runtime.getDevice()
        return _devices[index]
    if wanted.index >= len(_devices):
        raise RuntimeError(
            f"CUDA error: invalid device ordinal: {wanted} was asked for, and there are {len(_devices)} GPUs, numbered from 0."
        )
    return _devices[wanted.index]


# ---- where arrays lie ----


def device_of(arrays: Any) -> device:
    """Where the first array that lies on a GPU does; the CPU where there is none."""
    for array in arrays:
        if on_device(array):
            found: device = _devices[array.device.id]
            return found
    return CPU


def namespace_of(array: Any) -> Any:
    """The array namespace over a GPU's array."""
    from pynn._backends import BACKENDS

    return BACKENDS["cupy"].namespace


def _in_order(array: Any, copy: Any) -> Any:
    """copy(array) for a copy that gives row-major memory, with the order of its dimensions kept."""
    order = order_of(array)
    return copy(array) if order is None else copy(array.transpose(order)).transpose(back(order))


def place(array: Any, where: device) -> Any:
    """The array on a device: itself where it lies there already, else a copy in the same order of dimensions."""
    if not on_device(array):
        if where.type == "cpu" or not isinstance(array, numpy.ndarray):
            return array
        start()
        module = cupy()
        with module.cuda.Device(where.index):
            try:
                return _in_order(array, module.asarray)
            except MemoryError as error:
                out_of_memory("to", error)
                raise
    if where.type == "cpu":
        return _in_order(array, lambda a: a.get())
    if array.device.id == where.index:
        return array
    with _cupy.cuda.Device(where.index):
        return _in_order(array, lambda a: _cupy.array(a, copy=True))


def settle(op: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs of an op that lie on several devices on one: CPU tensors without dimensions go along; RuntimeError for others."""
    places = [device_of((x._array,)) for x in inputs if isinstance(x, Tensor)]
    target = next((d for d in places if d.type != "cpu"), CPU)
    out = []
    for x in inputs:
        if isinstance(x, Tensor) and device_of((x._array,)) != target:
            if x._array.ndim or on_device(x._array) or (op.functional is not None and x is inputs[0]):
                names = sorted({str(d) for d in places}, reverse=True)
                raise RuntimeError(
                    f"Expected all tensors to be on the same device, but found at least two devices, {names[0]} and "
                    f"{names[1]}! (in {op.name}, of shapes {[list(t._array.shape) for t in inputs if isinstance(t, Tensor)]}). "
                    "Move them with .to(device)."
                )
            x = move(x, target)
        out.append(x)
    return tuple(out)


def use_device_of(arrays: Any) -> int:
    """Use the GPU that the first array of one lies on, if any does; returns the number of the one in use before."""
    before = int(_cupy.cuda.runtime.getDevice())
    for array in arrays:
        if on_device(array):
            if array.device.id != before:
                use_device(array.device.id)
            break
    return before


def use_device(number: int) -> None:
    """Use a GPU from here on."""
    _cupy.cuda.Device(number).use()


def move(x: Tensor, where: device) -> Tensor:
    """A tensor on a device, itself where it lies there; gradients flow back."""
    from pynn.ops.devices import TO

    here = device_of((x._array,))
    return x if here == where else call(TO, (x,), (here, where))


def maker(name: str, where: device) -> Any:
    """CuPy's function `zeros`, `ones` or `empty`, making arrays on a GPU."""
    start()

    def make(shape: Any, dtype: Any) -> Any:
        with _cupy.cuda.Device(where.index):
            try:
                return getattr(_cupy, name)(shape, dtype)
            except MemoryError as error:
                out_of_memory(name, error)
                raise

    return make


def out_of_memory(name: str, error: BaseException) -> None:
    """Raise CuPy's error of that kind as pynn.cuda.OutOfMemoryError, which says what was asked and what is free."""
    if _cupy is None or not isinstance(error, _cupy.cuda.memory.OutOfMemoryError):
        return
    from pynn._odds import OutOfMemoryError

    words = str(error).split()
    asked = next((w for w in words if w.replace(",", "").isdigit()), "some")
    free, total = _cupy.cuda.runtime.memGetInfo()
    pool = _cupy.get_default_memory_pool()
    raise OutOfMemoryError(
        f"CUDA out of memory. Tried to allocate {asked} bytes in {name}. GPU {_cupy.cuda.runtime.getDevice()} has a total "
        f"capacity of {total:,} bytes of which {free:,} bytes is free; tensors take {pool.used_bytes():,} bytes, and "
        f"{pool.free_bytes():,} bytes are reserved but unused. Use smaller batches, or delete tensors and call "
        "pynn.cuda.empty_cache()."
    ) from error


# ---- page-locked memory ----


def pinned(array: Any) -> Any:
    """A copy of a NumPy array in page-locked memory, in the same order of dimensions."""

    def copy(dense: Any) -> Any:
        memory = cupy().cuda.alloc_pinned_memory(dense.nbytes)
        out = numpy.frombuffer(memory, dense.dtype, dense.size).reshape(dense.shape)
        out[...] = dense
        return out

    return _in_order(array, copy)


def is_pinned(array: Any) -> bool:
    """Whether a NumPy array lies in page-locked memory that `pinned` took."""
    if _cupy is None:
        return False
    root = array
    while isinstance(root, numpy.ndarray):
        root = root.base
    held = root.obj if isinstance(root, memoryview) else root
    return type(held).__name__ == "PinnedMemoryPointer"


# ---- what `pynn.cuda` asks ----


def cupy_device(number: int) -> Any:
    """CuPy's object for a GPU: a context in which it is the one in use."""
    return cupy().cuda.Device(number)


def pool(number: int) -> "_Pool":
    """The pool that one GPU's tensors take memory from."""
    return _Pool(number)


class _Pool:
    """CuPy's pool as seen by one GPU, which it asks for while that is the one in use."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __getattr__(self, name: str) -> Any:
        def ask(*args: Any, **kwargs: Any) -> Any:
            with cupy_device(self._number):
                return getattr(cupy().get_default_memory_pool(), name)(*args, **kwargs)

        return ask


_peaks: dict[int, int] = {}  # by GPU, the most bytes in use since they are watched
_hook: Any = None


def watch_peak(number: int) -> None:
    """Note from here on, at each allocation, how many bytes of a GPU are in use."""
    global _hook
    _peaks[number] = int(pool(number).used_bytes())
    if _hook is None:

        class Watcher(cupy().cuda.MemoryHook):  # type: ignore[misc]
            name = "pynn"

            def malloc_postprocess(self, *, device_id: int, **figures: Any) -> None:
                used = int(cupy().get_default_memory_pool().used_bytes())
                if used > _peaks.get(device_id, 0):
                    _peaks[device_id] = used

        _hook = Watcher()
        _hook.__enter__()


def peak(number: int, reserved: int) -> int:
    """The most bytes of a GPU that were in use since `watch_peak`; before that, those reserved."""
    if number not in _peaks:
        return reserved
    _peaks[number] = max(_peaks[number], int(pool(number).used_bytes()))
    return _peaks[number]
