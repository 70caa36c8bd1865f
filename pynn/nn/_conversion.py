"""A module's tensors in another dtype, on another device, in other memory."""

from collections.abc import Callable, Iterator
from typing import Any, Self

from pynn._core import Tensor, is_floating
from pynn._device import check_device
from pynn._device import device as device_type
from pynn._dtypes import DTYPES, from_numpy, to_numpy
from pynn.ops.devices import device_of


def parse_to(
    *args: Any, device: Any = None, dtype: Any = None, non_blocking: bool = False, memory_format: Any = None
) -> tuple[device_type | None, Any, bool, Any]:
    """What the arguments of `Module.to` ask for: device, dtype (None: as it is), non_blocking, memory_format."""
    for arg in args:
        if isinstance(arg, Tensor):
            dtype, device = from_numpy(arg._array.dtype), device_of(arg)
        elif isinstance(arg, (str, device_type)) or type(arg) is int:
            device = arg
        elif isinstance(arg, bool):
            non_blocking = arg
        elif arg is not None:
            dtype = arg
    return None if device is None else check_device(device), dtype, non_blocking, memory_format


class ConversionMixin:
    """The part of Module that converts parameters, gradients and buffers in place."""

    _parameters: dict[str, Any]  # Module keeps these two
    _buffers: dict[str, Any]
    children: Callable[[], Iterator[Any]]

    def _apply(self, fn: Callable[[Any], Any], recurse: bool = True) -> Self:
        """Replace the memory of every parameter, gradient and buffer by fn of it; returns self."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for param in self._parameters.values():
            if param is not None:
                _replace(param, fn)
                if param.grad is not None:
                    _replace(param.grad, fn)
        for name, buffer in self._buffers.items():
            if buffer is None:
                continue
            if hasattr(type(buffer), "cls_to_become"):  # it has no shape yet and stays what it is
                _replace(buffer, fn)
            else:
                self._buffers[name] = fn(buffer)
        return self

    def to(
        self, *args: Any, device: Any = None, dtype: Any = None, non_blocking: bool = False, memory_format: Any = None
    ) -> Self:
        """Convert parameters and buffers in place: to(device), to(dtype), to(tensor), to(device, dtype).

        Only floating point tensors change dtype, only those of 4 or 5 dimensions take a memory_format. TypeError for
        an integer dtype; returns self.
        """
        where, dtype, _, memory_format = parse_to(*args, device=device, dtype=dtype, memory_format=memory_format)
        if dtype is None and memory_format is None and where is None:
            return self
        if dtype is not None and to_numpy(dtype).kind not in "fV":
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}. Only the "
                f"module's floating point tensors are converted."
            )

        def convert(t: Any) -> Any:
            wanted = dtype if is_floating(t._array) else None
            return t.to(where, wanted, memory_format=memory_format if t._array.ndim in (4, 5) else None)

        return self._apply(convert)

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Give every parameter and buffer new memory on a device, of any content; returns self.

        device: "cpu", or None for the same.
        """
        return self._apply(lambda t: t.new_empty(t.shape, device=device), recurse=recurse)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: forward runs as it is. What torch.compile takes is accepted."""

    def type(self, dst_type: Any) -> Self:
        """Convert all parameters and buffers to a dtype; returns self."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self) -> Self:
        """Floating point parameters and buffers as float32; returns self."""
        return self.to(DTYPES["float32"])

    def double(self) -> Self:
        """Floating point parameters and buffers as float64; returns self."""
        return self.to(DTYPES["float64"])

    def half(self) -> Self:
        """Floating point parameters and buffers as float16; returns self."""
        return self.to(DTYPES["float16"])

    def bfloat16(self) -> Self:
        """Floating point parameters and buffers as bfloat16; returns self."""
        return self.to(DTYPES["bfloat16"])

    def cpu(self) -> Self:
        """Parameters and buffers in the CPU's memory; returns self."""
        return self._apply(lambda t: t.cpu())

    def cuda(self, device: Any = None) -> Self:
        """Parameters and buffers on a GPU; returns self. RuntimeError where there is none."""
        return self._apply(lambda t: t.cuda(device))

    def ipu(self, device: Any = None) -> Self:
        """RuntimeError: there is none."""
        return self._move("ipu", device)

    def xpu(self, device: Any = None) -> Self:
        """RuntimeError: there is none."""
        return self._move("xpu", device)

    def mtia(self, device: Any = None) -> Self:
        """RuntimeError: there is none."""
        return self._move("mtia", device)

    def _move(self, kind: str, index: Any) -> Self:
        return self.to(kind if index is None else f"{kind}:{index}")

    def share_memory(self) -> Self:
        """Move parameters and buffers to memory that other processes share; returns self."""
        return self._apply(lambda t: t.share_memory_())


def _replace(tensor: Any, fn: Callable[[Any], Any]) -> None:
    old = tensor.data
    new = fn(old)
    if new is not old or new._array is not tensor._array:
        tensor.data = new
