"""Memory shared with other libraries: DLPack both ways, and what arrays and buffers tensors can lie over."""

from typing import Any

import numpy

from pynn import _core
from pynn._core import Tensor, observe, wrap
from pynn._device import DeviceLike, check_device
from pynn._dtypes import DTYPES, from_numpy, get_default_dtype, is_bfloat16, to_numpy
from pynn.ops.devices import on
from pynn.ops.from_data import frombuffer, share_array
from pynn.ops.registry import export


@export("__dlpack_device__", function=False)
def _dlpack_device(self: Tensor) -> tuple[int, int]:
    """Where the memory lies, as DLPack numbers it: (1, 0), the CPU; (2, n), GPU n."""
    return (2, self._array.device.id) if _core.on_device(self._array) else (1, 0)


def _cuda_interface(self: Tensor) -> Any:
    """How other libraries for GPUs find the memory; AttributeError on the CPU, RuntimeError where it requires grad."""
    if not _core.on_device(self._array):
        raise AttributeError(
            "Can't get __cuda_array_interface__ on non-CUDA tensor. Use tensor.cuda() to convert the tensor to GPU memory."
        )
    if self.requires_grad:
        raise RuntimeError(
            "Can't get __cuda_array_interface__ on Variable that requires grad. If gradients aren't required, use "
            "var.detach() to get Variable that doesn't require grad."
        )
    return self._array.__cuda_array_interface__


_core.install(Tensor, "__cuda_array_interface__", property(_cuda_interface))


@export("__dlpack__", function=False)
def _dlpack(
    self: Tensor, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
) -> Any:
    """A DLPack capsule over this tensor's memory.

    RuntimeError (BufferError for a copy that DLPack cannot say) for a tensor that requires grad.
    """
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach().")
    if stream is not None and not isinstance(stream, int):
        raise TypeError(f"stream must be an int or None, got {type(stream).__name__}.")
    if _core.on_device(self._array):
        return self._array.__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)
    if stream is not None and stream != -1:
        raise RuntimeError(f"a tensor on the CPU has no streams; got stream={stream!r}. Leave it out.")
    array = observe(self)
    if is_bfloat16(array.dtype):
        from pynn._dlpack import bfloat16_capsule

        return bfloat16_capsule(array.copy() if copy else array)
    if max_version is None:
        return (array.copy() if copy else array).__dlpack__()
    return array.__dlpack__(max_version=max_version, dl_device=dl_device, copy=copy)


@export(method=False)
def from_dlpack(ext_tensor: Any, *, device: DeviceLike | None = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of another library's (torch, NumPy, JAX, ...): a write to either shows in both.

    ext_tensor: an object with `__dlpack__`, or a capsule of the CPU's memory, which can be used once. It warns, once, of a
    read-only NumPy array. RuntimeError for memory of a device that this build cannot use.
    """
    where = None if device is None else check_device(device)
    if isinstance(ext_tensor, Tensor):
        found = ext_tensor.detach()
    elif isinstance(ext_tensor, numpy.ndarray):
        found = share_array(ext_tensor, "from_dlpack")
    else:
        found = _imported(ext_tensor)
    if where is not None:
        found = on(found, where)
    return found.clone() if copy else found


def from_gpu(other: Any) -> Tensor:
    """A tensor over a GPU's memory that another library holds: anything with `__cuda_array_interface__`."""
    from pynn import _gpu

    array = _gpu.cupy().asarray(other)
    from_numpy(array.dtype)
    _gpu.start()
    return wrap(array)


def _imported(other: Any) -> Tensor:
    from pynn import _gpu
    from pynn._dlpack import array_of

    if hasattr(other, "__dlpack__"):
        kind = int(other.__dlpack_device__()[0])
        if kind == 2 and _gpu.reason() is None:
            array = _gpu.cupy().from_dlpack(other)
            from_numpy(array.dtype)
            _gpu.start()
            return wrap(array)
        if kind != 1:
            raise RuntimeError(
                f"from_dlpack(): the memory is not the CPU's (DLPack device {kind}). Copy it to the CPU first."
            )
        other = other.__dlpack__()
    elif type(other).__name__ != "PyCapsule":
        raise TypeError(f"from_dlpack() takes an object with __dlpack__ or a capsule, got {type(other).__name__}.")
    array, half = array_of(other)
    if half:
        array = array.view(to_numpy(DTYPES["bfloat16"]))
    else:
        from_numpy(array.dtype)
    return wrap(array)


def shared(obj: Any, dtype: Any = None) -> Tensor | None:
    """A tensor over the memory of a tensor, an array or an object with DLPack or a buffer; None for anything else.

    dtype: what a buffer's bytes are read as; the default dtype unless given.
    """
    if isinstance(obj, Tensor):
        return obj.detach()
    if hasattr(obj, "__cuda_array_interface__"):
        return from_gpu(obj)
    if isinstance(obj, numpy.ndarray):
        return share_array(obj, "asarray")
    if type(obj).__name__ == "PyCapsule" or (hasattr(obj, "__dlpack__") and not isinstance(obj, numpy.generic)):
        return from_dlpack(obj)
    if hasattr(obj, "__array_interface__") and not isinstance(obj, numpy.generic):
        return share_array(numpy.asarray(obj), "asarray")
    try:
        memoryview(obj)
    except TypeError:
        return None
    return None if isinstance(obj, numpy.generic) else frombuffer(obj, dtype=dtype or get_default_dtype())
