"""A tensor's storage and strides: as_strided, views of diagonals and of windows, set_, resize_, empty_strided."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy

from pynn import _core
from pynn._backends import numpy_namespace
from pynn._core import Tensor, call
from pynn._device import DeviceLike
from pynn._dtypes import dtype as Dtype
from pynn._dtypes import to_numpy
from pynn._layout import channels_last, channels_last_3d, contiguous_format, preserve_format
from pynn._layout import layout as Layout
from pynn._layout import memory_format as MemoryFormat
from pynn.ops.creation import _dtype_or_default, finish, shape_of, unset
from pynn.ops.devices import beside
from pynn.ops.memory_order import CHANNELS_LAST, check_format, in_order, lies_in, order_in
from pynn.ops.overlap import owner
from pynn.ops.registry import Effects, Sample, export, register
from pynn.ops.selecting import SCATTER_ADD
from pynn.ops.view import _ints, normal_dim, strides

VIEW = Effects(aliases=True)


def _places(size: Sequence[int], stride: Sequence[int], offset: int) -> numpy.ndarray:
    """The place in memory of each element, in elements."""
    found = numpy.full((), offset, numpy.int64)
    for n, step in zip(size, stride):
        found = found[..., None] + numpy.arange(n) * step
    return found


def _as_strided(xp: Any, x: Any, size: tuple[int, ...], stride: tuple[int, ...], offset: int) -> Any:
    if prod(size) == 0:
        return xp.reshape(x, (-1,))[:0].reshape(size)
    flat = xp.reshape(x, (-1,))  # a view of the row-major arrays that writes reach; a copy of any other
    repeats = any(s == 0 and n > 1 for s, n in zip(stride, size))  # read-only then, as what expand makes
    return xp.as_strided(flat[offset:], size, tuple(s * x.dtype.itemsize for s in stride), writeable=not repeats)


def _as_strided_vjp(
    xp: Any, g: Any, out: Any, x: Any, size: tuple[int, ...], stride: tuple[int, ...], offset: int
) -> Any:
    places = _places(size, stride, offset).reshape(-1)
    flat = xp.zeros((prod(x.shape),), dtype=g.dtype)
    if isinstance(g, Tensor):
        flat = call(SCATTER_ADD, (flat, _core.made_beside(g, places), g.reshape(-1)), (0,))
    else:
        xp.add_at(flat, xp.asarray(places), xp.reshape(g, (-1,)))
    return xp.reshape(flat, tuple(x.shape))


AS_STRIDED = register(
    "as_strided",
    exact="forward",
    vjp=(_as_strided_vjp,),
    likes=(0,),
    effects=VIEW,
    shape=lambda x, size, stride, offset: size,
    dtype="same",
    attrs=("size", "stride", "offset"),
    samples=lambda rng: [
        Sample((rng.normal(size=(3, 4)),), a)
        for a in (((2, 2), (4, 1), 1), ((4, 3), (1, 4), 0), ((3, 3), (1, 1), 2), ((), (), 5), ((2, 3), (0, 1), 0))
    ],
    torch=lambda t, x, size, stride, offset: x.as_strided(size, stride, offset),
)(_as_strided)
"""x's memory, row by row, seen in another shape with other strides; places seen twice add up in the gradient."""


# ---- the memory a tensor lies in ----


def root(array: numpy.ndarray) -> numpy.ndarray:
    """The array whose memory this one is a view of, flat; array itself, flattened, where that cannot be had."""
    found = owner(array) if not _core.on_device(array) else array if array.base is None else array.base
    for whole in (found, array):
        order = sorted(range(whole.ndim), key=lambda d: (-abs(whole.strides[d]), -whole.shape[d]))
        dense = whole.transpose(order)
        if dense.flags.c_contiguous:
            flat = dense.reshape(-1)
            return flat if flat.dtype == array.dtype else _as_dtype(flat, array.dtype)
    return array.reshape(-1)


def _as_dtype(flat: numpy.ndarray, dtype: numpy.dtype) -> numpy.ndarray:
    data = flat.view(numpy.uint8)
    return data[: data.size - data.size % dtype.itemsize].view(dtype)


def _address(array: numpy.ndarray) -> int:
    if _core.on_device(array):
        there: Any = array
        return int(there.data.ptr)
    address: int = array.__array_interface__["data"][0]
    return address


def _offset_in(array: numpy.ndarray, whole: numpy.ndarray) -> int:
    return (_address(array) - _address(whole)) // array.itemsize


def _over_storage(input: Tensor) -> Tensor:
    """A tensor whose elements, row by row, are the storage that input lies in: input's base where that will do."""
    base = input._view.base if input._view is not None else input
    whole = root(input._array)
    held = base._array
    if held.flags.c_contiguous and held.dtype == input._array.dtype:
        if (held.size == whole.size and _offset_in(held, whole) == 0) or base.requires_grad:
            return base
    elif base.requires_grad:
        order = sorted(range(held.ndim), key=lambda d: -held.strides[d])
        turned = base.permute(order)
        return turned if turned._array.flags.c_contiguous else base.contiguous()
    result = _core.wrap(whole)
    result._version = _core.shared_version(input)
    return result


def _check_reach(size: Sequence[int], stride: Sequence[int], offset: int, room: int) -> None:
    if len(size) != len(stride):
        raise RuntimeError(f"mismatch in length of strides and shape: got size {list(size)} and stride {list(stride)}.")
    if any(s < 0 for s in stride):
        raise RuntimeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}."
        )
    if any(n < 0 for n in size) or offset < 0:
        raise RuntimeError(f"as_strided: sizes and offset must not be negative, got {list(size)}, offset {offset}.")
    if prod(size) == 0:
        return
    reach = offset + sum((n - 1) * s for n, s in zip(size, stride)) + 1
    if reach > room:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, requiring a storage of "
            f"{reach} elements are out of bounds for storage of {room} elements."
        )


@export()
def as_strided(input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None) -> Tensor:
    """A view of the memory that input lies in: element (i, j, ...) is at storage_offset + i*stride[0] + j*stride[1]...

    storage_offset: input's own where None. Elements may overlap; their gradients add up. RuntimeError for strides below 0
    and for places beyond the storage.
    """
    wanted, steps = _ints((size,)), _ints((stride,))
    whole = _over_storage(input)
    offset = _offset_in(input._array, whole._array) if storage_offset is None else int(storage_offset)
    if storage_offset is not None:
        offset -= _offset_in(whole._array, root(input._array))
    _check_reach(wanted, steps, offset, whole._array.size)
    return call(AS_STRIDED, (whole,), (wanted, steps, offset))


@export(function=False)
def as_strided_(self: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None) -> Tensor:
    """`as_strided`, of the tensor itself; RuntimeError for a recorded tensor."""
    if self._node is not None:
        raise RuntimeError("as_strided_() takes no recorded tensor. Use x = x.as_strided(...).")
    version = _core.shared_version(self)
    view = as_strided(self.detach(), size, stride, storage_offset)
    self._array = view._array
    self._version, self._view = version, None
    return self


@export(function=False)
def storage_offset(self: Tensor) -> int:
    """How many elements into its storage this tensor starts."""
    return _offset_in(self._array, root(self._array)) if self._array.size else 0


@export(function=False)
def untyped_storage(self: Tensor) -> Any:
    """The memory this tensor lies in, as bytes: `.data_ptr()`, `.nbytes()`, the same for all views of it."""
    from pynn.storage import UntypedStorage

    return UntypedStorage._of(root(self._array))


@export("storage", "_typed_storage", function=False)
def storage(self: Tensor) -> Any:
    """The memory this tensor lies in, as elements of its dtype."""
    from pynn.storage import TypedStorage

    return TypedStorage._of(root(self._array))


@export(function=False)
def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether tensor is this one's memory in the same shape with the same strides."""
    a, b = self._array, tensor._array
    same = a.shape == b.shape and a.strides == b.strides and a.dtype == b.dtype
    return same and _address(a) == _address(b)


def _own(self: Tensor, name: str) -> None:
    if self.requires_grad:
        raise RuntimeError(f"cannot {name} variables that require grad. Use {name} inside a detach()ed tensor.")


@export(function=False)
def set_(
    self: Tensor,
    source: Any = None,
    storage_offset: int = 0,
    size: Sequence[int] | None = None,
    stride: Sequence[int] | None = None,
) -> Tensor:
    """Let this tensor show other memory: another tensor's, or a storage's in a shape with strides; none at all without source."""
    from pynn.storage import TypedStorage, UntypedStorage

    if source is None:
        _core.set_array(self, numpy.empty_like(self._array, shape=(0,)))
        return self
    if isinstance(source, Tensor):
        if source._array.dtype != self._array.dtype:
            raise RuntimeError(
                f"Could not set tensor of type {source._array.dtype} to a tensor of type {self._array.dtype}. Convert it first."
            )
        if size is None:
            array, version = source._array, _core.shared_version(source)
            _core.set_array(self, array)
            self._version = version
            return self
        flat = root(source._array)
    elif isinstance(source, (TypedStorage, UntypedStorage)):
        if isinstance(source, TypedStorage) and source.dtype is not self.dtype:
            raise RuntimeError(
                f"Expected a Storage of type {self.dtype} or an UntypedStorage, but got type {source.dtype} for argument 1 "
                "'storage'."
            )
        flat = source._elements(self._array.dtype)
    else:
        raise TypeError(f"set_(): source must be a Tensor or a storage, not {type(source).__name__}.")
    wanted = (flat.size - storage_offset,) if size is None else _ints((size,))
    steps = contiguous_strides(wanted) if stride is None else _ints((stride,))
    _check_reach(wanted, steps, storage_offset, flat.size)
    xp = _core.METHODS["namespace_of"](flat) if _core.on_device(flat) else numpy_namespace
    _core.set_array(self, _as_strided(xp, flat, wanted, steps, storage_offset))
    return self


def contiguous_strides(size: Sequence[int]) -> tuple[int, ...]:
    """The strides of row-major memory, in elements."""
    steps, step = [], 1
    for n in reversed(size):
        steps.append(step)
        step *= max(n, 1)
    return tuple(reversed(steps))


@export(function=False)
def resize_(self: Tensor, *sizes: Any, memory_format: MemoryFormat | None = None) -> Tensor:
    """Give this tensor another shape: over its own memory where that is large enough, else over new memory.

    The elements keep their order; what is new is not set. RuntimeError for a tensor that requires grad.
    """
    _own(self, "resize_")
    wanted = shape_of(sizes)
    array = self._array
    order = None
    if memory_format is not None:
        check_format("resize_", memory_format)
        if memory_format is preserve_format:
            raise RuntimeError("Unsupported memory format for resize_: preserve_format.")
        order = order_in(memory_format, len(wanted))
    if array.shape == wanted and (memory_format is None or lies_in(array, order)):
        return self
    whole = root(array)
    offset = _offset_in(array, whole) if array.size else 0
    if prod(wanted) <= whole.size - offset and (_core.on_device(whole) or whole.flags.writeable):
        fresh = whole[offset : offset + prod(wanted)]
    else:
        count = prod(wanted)
        fresh = numpy.empty_like(array, shape=count) if _core.on_device(array) else unset(count, array.dtype)
        kept = min(whole.size - offset, fresh.size)
        fresh[:kept] = whole[offset : offset + kept]
    fresh = in_order(lambda shape, dtype: fresh.reshape(shape), wanted, array.dtype, order)
    version = _core.shared_version(self)
    _core.set_array(self, fresh)
    self._version = version
    return self


@export()
def resize_as_(self: Tensor, the_template: Tensor, *, memory_format: MemoryFormat | None = None) -> Tensor:
    """`resize_` to another tensor's shape; memory_format=preserve_format takes channels_last from it too."""
    if memory_format is preserve_format:
        array = the_template._array
        last = channels_last if array.ndim == 4 else channels_last_3d
        wanted = None if array.flags.c_contiguous else CHANNELS_LAST.get(last)
        found = array.ndim == len(wanted or ()) and lies_in(array, wanted)
        memory_format = last if found else contiguous_format
    return resize_(self, tuple(the_template._array.shape), memory_format=memory_format)


# ---- new memory of given strides ----


def _strided_array(size: Sequence[int], stride: Sequence[int], dtype: numpy.dtype) -> numpy.ndarray:
    if len(size) != len(stride):
        raise RuntimeError(f"mismatch in length of strides and shape: got size {list(size)} and stride {list(stride)}.")
    if any(s < 0 for s in stride):
        raise RuntimeError(f"empty_strided: negative strides are not supported, got {list(stride)}.")
    room = 0 if prod(size) == 0 else sum((n - 1) * s for n, s in zip(size, stride)) + 1
    flat = unset(room, dtype)
    if room == 0:
        return flat.reshape(size)
    return numpy.lib.stride_tricks.as_strided(flat, tuple(size), tuple(s * dtype.itemsize for s in stride))


@export(method=False)
def empty_strided(
    size: Sequence[int],
    stride: Sequence[int],
    *,
    dtype: Dtype | None = None,
    layout: Layout | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of a shape and strides (in elements), its values not set."""
    return finish(_strided_array(shape_of((size,)), _ints((stride,)), _dtype_or_default(dtype)), device, requires_grad)


@export(function=False)
def new_empty_strided(
    self: Tensor,
    size: Sequence[int],
    stride: Sequence[int],
    dtype: Dtype | None = None,
    layout: Layout | None = None,
    device: DeviceLike | None = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """`empty_strided` of this tensor's dtype."""
    np_dtype = self._array.dtype if dtype is None else to_numpy(dtype)
    return finish(_strided_array(shape_of((size,)), _ints((stride,)), np_dtype), beside(self, device), requires_grad)


@export(method=False)
def empty_permuted(
    size: Sequence[int],
    physical_layout: Sequence[int],
    *,
    dtype: Dtype | None = None,
    layout: Layout | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of a shape, its values not set, whose dimensions lie in memory in the order of physical_layout."""
    shape, order = shape_of((size,)), _ints((physical_layout,))
    if sorted(order) != list(range(len(shape))):
        raise RuntimeError(
            f"Number of dimensions in size does not match the length of the physical_layout, or not every one of them occurs "
            f"once: size {list(shape)}, physical_layout {list(order)}."
        )
    array = unset([shape[d] for d in order], _dtype_or_default(dtype))
    return finish(array.transpose([order.index(d) for d in range(len(shape))]), device, requires_grad)


@export(function=False)
def dim_order(self: Tensor, ambiguity_check: Any = False) -> tuple[int, ...]:
    """The dimensions from that of the largest stride to that of the smallest.

    ambiguity_check: True, or memory formats of which the tensor is to have just one: RuntimeError where that is not so.
    """
    steps, formats = strides(self), ambiguity_check if isinstance(ambiguity_check, (list, tuple)) else ()
    if not isinstance(ambiguity_check, bool) and not (formats and all(isinstance(f, MemoryFormat) for f in formats)):
        raise TypeError("The ambiguity_check argument must be a bool or a list of memory formats.")
    unclear = ambiguity_check is True and (len(set(steps)) < len(steps) or 1 in self.shape)
    if unclear or (formats and [self.is_contiguous(memory_format=f) for f in formats].count(True) != 1):
        raise RuntimeError(
            "The tensor does not have unique dim order, or cannot map to exact one of the given memory formats: its shape is "
            f"{list(self.shape)}, its strides are {list(steps)}."
        )
    return tuple(sorted(range(len(steps)), key=lambda d: -steps[d]))


# ---- diagonals and windows as views ----


def _diagonal_geometry(shape: Sequence[int], offset: int, a: int, b: int) -> tuple[tuple[int, ...], int, int]:
    """(the result's shape, where the diagonal starts along a, and along b)."""
    row, column = max(-offset, 0), max(offset, 0)
    count = max(0, min(shape[a] - row, shape[b] - column))
    rest = tuple(n for d, n in enumerate(shape) if d not in (a, b))
    return (*rest, count), row, column


def _diagonal_view(xp: Any, x: Any, offset: int, a: int, b: int) -> Any:
    size, row, column = _diagonal_geometry(x.shape, offset, a, b)
    start = [slice(None)] * x.ndim
    start[a], start[b] = slice(row, None), slice(column, None)
    x = x[tuple(start)]
    steps = [s for d, s in enumerate(x.strides) if d not in (a, b)]
    return xp.as_strided(x, size, (*steps, x.strides[a] + x.strides[b]))


def _diagonal_vjp(xp: Any, g: Any, out: Any, x: Any, offset: int, a: int, b: int) -> Any:
    if isinstance(g, Tensor):
        full = xp.zeros(tuple(x.shape), dtype=g.dtype)
        call(DIAGONAL, (full,), (offset, a, b)).copy_(g)
        return full
    full = xp.zeros(tuple(x.shape), dtype=g.dtype)
    _diagonal_view(xp, full, offset, a, b)[...] = g
    return full


DIAGONAL = register(
    "diagonal",
    exact=True,
    vjp=(_diagonal_vjp,),
    likes=(0,),
    effects=VIEW,
    shape=lambda x, offset, a, b: _diagonal_geometry(x, offset, a, b)[0],
    dtype="same",
    attrs=("offset", "dim1", "dim2"),
    samples=lambda rng: [
        Sample((rng.normal(size=s),), a)
        for s, a in (((3, 4), (0, 0, 1)), ((3, 4), (2, 0, 1)), ((2, 3, 4), (-1, 2, 0)), ((3, 3), (5, 0, 1)))
    ],
    torch=lambda t, x, offset, a, b: x.diagonal(offset, a, b),
)(_diagonal_view)


@export()
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The elements of a diagonal of dimensions dim1 and dim2, as the last dimension (a view)."""
    ndim = input._array.ndim
    a, b = normal_dim(dim1, ndim), normal_dim(dim2, ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}.")
    return call(DIAGONAL, (input,), (int(offset), a, b))


def _windows_view(xp: Any, x: Any, d: int, size: int, step: int) -> Any:
    count = (x.shape[d] - size) // step + 1
    shape = (*x.shape[:d], count, *x.shape[d + 1 :], size)
    steps = (*x.strides[:d], x.strides[d] * step, *x.strides[d + 1 :], x.strides[d])
    return xp.as_strided(x, shape, steps)


def _windows_vjp(xp: Any, g: Any, out: Any, x: Any, d: int, size: int, step: int) -> Any:
    count = g.shape[d]
    if isinstance(g, Tensor):
        places = (numpy.arange(count)[:, None] * step + numpy.arange(size)).reshape(-1)
        parts = g.movedim(-1, d + 1).flatten(d, d + 1)
        index = _core.made_beside(g, places).reshape([-1 if i == d else 1 for i in range(len(x.shape))]).expand_as(parts)
        return call(SCATTER_ADD, (xp.zeros(tuple(x.shape), dtype=g.dtype), index, parts), (d,))
    full = xp.zeros(tuple(x.shape), dtype=g.dtype)
    before = (slice(None),) * d
    for k in range(size):
        full[(*before, slice(k, k + (count - 1) * step + 1, step))] += g[..., k]
    return full


UNFOLD = register(
    "unfold_dim",
    exact="forward",
    vjp=(_windows_vjp,),
    likes=(0,),
    effects=VIEW,
    shape=lambda x, d, size, step: (*x[:d], (x[d] - size) // step + 1, *x[d + 1 :], size),
    dtype="same",
    attrs=("dimension", "size", "step"),
    samples=lambda rng: [
        Sample((rng.normal(size=s),), a)
        for s, a in (((7,), (0, 3, 1)), ((7,), (0, 2, 3)), ((3, 6, 2), (1, 4, 2)), ((3, 4), (1, 4, 1)))
    ],
    torch=lambda t, x, d, size, step: x.unfold(d, size, step),
)(_windows_view)


@export(function=False)
def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows of `size` along a dimension, `step` apart, as a new last dimension (a view)."""
    d = normal_dim(dimension, self._array.ndim)
    n = self._array.shape[d] if self._array.ndim else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0.")
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {d} is {n} but size is {size}.")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0.")
    if self._array.ndim == 0:
        return self.reshape(1)[:size]
    if size == 0:
        shape = list(self._array.shape)
        shape[d] = n // step + 1
        return self.narrow(d, 0, 0).reshape(-1)[:0].reshape((*shape, 0))
    return call(UNFOLD, (self,), (d, int(size), int(step)))
