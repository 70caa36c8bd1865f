"""Copies and conversions: clone, dtype, device, detach, `.data`, copy_."""

from typing import Any

import numpy

from pynn import _core
from pynn._core import Tensor, call, call_inplace, unary, wrap
from pynn._device import CPU, DeviceLike
from pynn._device import device as device_type
from pynn._dtypes import DTYPES, TYPE_OF, TYPES, dtype, from_numpy, to_numpy
from pynn._dtypes import dtype as Dtype
from pynn._layout import memory_format as MemoryFormat
from pynn._layout import preserve_format
from pynn.ops.devices import device_of, on
from pynn.ops.memory_order import CHANNELS_LAST, CLONE, Order, check_format, copied, lies_in, order_in, order_like
from pynn.ops.registry import Sample, as_operand, check_broadcast, export, register, register_inplace

CAST = register(
    "cast",
    exact=True,
    vjp=(lambda xp, g, out, x, dtype: xp.astype(g, x.dtype),),
    likes=(0,),
    shape=lambda x, dtype: x,
    dtype=lambda x, dtype: dtype,
    attrs=("dtype",),
    samples=lambda rng: [
        Sample((rng.uniform(-3, 3, (3, 4)),), (numpy.dtype(d),)) for d in ("float64", "float32", "int64", "bool")
    ],
    torch=lambda t, x, dtype: x.to(getattr(t, str(dtype))),
)(lambda xp, x, dtype: xp.astype(x, dtype))


def _check_copy(inputs: Any, attrs: Any) -> Any:
    target, source = inputs[0], as_operand(inputs[1])
    if isinstance(source, Tensor) and check_broadcast((target, source)) != target._array.shape:
        raise RuntimeError(
            f"copy_ cannot put a tensor of shape {list(source._array.shape)} into one of shape "
            f"{list(target._array.shape)}. The source must broadcast to the target."
        )
    if isinstance(source, Tensor) and source._array.dtype != target._array.dtype:
        source = call(CAST, (source,), (target._array.dtype,))
    return (target, source)


# The value that copy_ writes, as a function of the old and the new one; nothing of the old survives.
ASSIGN = register(
    "assign",
    exact=True,
    vjp=(lambda xp, g, out, x, y: xp.zeros_like(g), lambda xp, g, out, x, y: g),
    shape="pointwise",
    dtype="same",
    check=_check_copy,
    samples=lambda rng: [
        Sample((x, rng.normal(size=s)))
        for x, *shapes in (
            (rng.normal(size=(3, 4)), (3, 4), (4,), ()),
            (rng.normal(size=(4, 3)).T, (3, 4), (4,)),
            (numpy.zeros((0, 3)), (3,)),
            (rng.normal(size=(37,)), (37,), (1,)),
            (numpy.array(0.5), ()),
        )
        for s in shapes
    ],
)(lambda xp, x, y: xp.copy(xp.broadcast_to(y, x.shape)))


def _copy(xp: Any, x: Any, y: Any) -> Any:
    xp.copyto(x, y, casting="unsafe")
    return x


COPY_ = register_inplace(ASSIGN)
COPY_.check = _check_copy
COPY_.reference = _copy


@export()
def clone(input: Tensor, *, memory_format: MemoryFormat | None = None) -> Tensor:
    """A copy that gradients flow through; dense memory keeps the order of its dimensions unless memory_format asks for one."""
    if memory_format is None and input._array.flags.c_contiguous:
        return unary(CLONE, input)
    return copied(input, order_like("clone", memory_format, input._array))


@export("detach")
def detach(input: Tensor) -> Tensor:
    """The same memory without history: writes show in both, gradients do not flow."""
    result = wrap(input._array)
    result._writes = _core.shared_version(input)
    return result


@export("detach_", function=False)
def detach_(self: Tensor) -> Tensor:
    """Forget this tensor's history; RuntimeError for a view, whose base would keep it."""
    if self._view is not None:
        raise RuntimeError("Can't detach views in-place. Use detach() instead.")
    self._node = None
    self._tracked = False
    return self


def _get_data(self: Any) -> Tensor:
    """The same memory as a tensor of its own: writes to it are not seen by autograd."""
    return wrap(self._array)


def _set_data(self: Any, value: Any) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}. Wrap it: pynn.tensor(...).")
    if self.requires_grad and value._array.dtype.kind not in "fV":
        raise RuntimeError(
            "data set to a tensor that requires gradients must be floating point or complex dtype, got "
            f"{value._array.dtype}. Use .float() first."
        )
    _core.set_array(self, value._array)


_core.install(Tensor, "data", property(_get_data, _set_data))


@export(function=False)
def copy_(self: Any, src: Tensor, non_blocking: bool = False) -> Tensor:
    """Write src (broadcast, converted) into this tensor, from wherever it lies; gradients flow to src."""
    if _core.has_devices() and isinstance(src, Tensor):
        src = on(src, device_of(self))
    return call_inplace(COPY_, (self, src))


def _convert(input: Any, np_dtype: Any, copy: bool = False, format: Any = None) -> Tensor:
    if format is None or format is preserve_format:
        if input._array.dtype == np_dtype:
            return clone(input) if copy else input
        return call(CAST, (input,), (np_dtype,))
    order: Order = order_like("to", format, input._array)
    if input._array.dtype != np_dtype:
        input = call(CAST, (input,), (np_dtype,))
        copy = False
    return copied(input, order) if copy or not lies_in(input._array, order) else input


@export(function=False)
def to(
    self: Any,
    *args: Any,
    dtype: Dtype | None = None,
    device: DeviceLike | None = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: MemoryFormat | None = None,
) -> Tensor:
    """This tensor in another dtype, on another device or in another memory format: to(dtype), to(device), to(other).

    Returns self when nothing changes. Gradients flow through. A copy to a GPU is under way when it returns, whatever
    non_blocking says; one from a GPU is complete.
    """
    wanted = dtype
    for arg in args:
        if isinstance(arg, Tensor):
            wanted = from_numpy(arg._array.dtype)
            device = device_of(arg)
        elif isinstance(arg, (str, device_type)) or type(arg) is int:
            device = arg
        elif isinstance(arg, bool):
            continue  # non_blocking
        elif arg is not None:
            wanted = arg
    moved = self if device is None else on(self, device)
    np_dtype = self._array.dtype if wanted is None else to_numpy(wanted)
    return _convert(moved, np_dtype, copy and moved is self, memory_format)


@export("type_as", function=False)
def type_as(self: Any, other: Any) -> Tensor:
    """This tensor in other's dtype, on its device."""
    return _convert(on(self, device_of(other)), other._array.dtype)


@export(function=False)
def cpu(self: Any, memory_format: MemoryFormat | None = None) -> Tensor:
    """This tensor in the CPU's memory: itself where it lies there, unless memory_format asks for another order of dimensions."""
    moved = on(self, CPU)
    return moved if memory_format is None else to(moved, memory_format=memory_format)


@export(function=False)
def cuda(
    self: Any, device: DeviceLike | None = None, non_blocking: bool = False, memory_format: MemoryFormat | None = None
) -> Tensor:
    """This tensor on a GPU, by default the one in use; RuntimeError where there is none."""
    return to(self, device="cuda" if device is None else device, memory_format=memory_format)


def _publish_conversion(name: str, np_name: Any) -> None:
    def function(self: Any, memory_format: MemoryFormat | None = None) -> Tensor:
        return _convert(self, DTYPES[np_name].numpy, format=memory_format)

    function.__name__ = name
    function.__doc__ = f"This tensor as {np_name}."
    export(name, function=False)(function)


for _kind, _target in TYPES.items():
    _publish_conversion(_kind.lower(), _target)


@export("type", function=False)
def _type(self: Any, dtype: Dtype | None = None, non_blocking: bool = False) -> str | Tensor:
    """The name of this tensor's type, as torch writes it, or this tensor in another dtype.

    dtype: a dtype, a tensor type (`pynn.LongTensor`) or its name ("torch.LongTensor").
    """
    from pynn._typed import dtype_of

    if dtype is None:
        return f"pynn.{TYPE_OF[self._array.dtype.name]}Tensor"
    return _convert(self, to_numpy(dtype_of(dtype) or dtype))


@export(function=False)
def contiguous(self: Any, memory_format: MemoryFormat | None = None) -> Tensor:
    """This tensor, copied unless its memory is row-major (or channels_last, where that is the memory_format) already.

    RuntimeError for channels_last where the tensor has not 4 dimensions (channels_last_3d: 5), or for preserve_format.
    """
    if memory_format is None:
        return self if self._array.flags.c_contiguous else unary(CLONE, self)
    check_format("contiguous", memory_format)
    order = order_in(memory_format, self._array.ndim)
    if lies_in(self._array, order):
        same: Tensor = self
        return same
    if memory_format is preserve_format:
        raise RuntimeError("preserve memory format is unsupported by the contiguous operator; use clone().")
    return copied(self, order)


@export(function=False)
def is_contiguous(self: Any, memory_format: MemoryFormat | None = None) -> bool:
    """Whether this tensor's memory is row-major without gaps; for channels_last, whether its channels lie innermost."""
    check_format("is_contiguous", memory_format)
    if memory_format in CHANNELS_LAST and len(CHANNELS_LAST[memory_format]) != self._array.ndim:
        return False
    return lies_in(self._array, CHANNELS_LAST.get(memory_format))


__all__ = ["CAST", "CLONE", "COPY_", "DTYPES", "dtype"]
