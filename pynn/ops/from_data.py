"""Making tensors of data: numbers, nested lists, arrays, buffers, files."""

import warnings
from typing import Any

import numpy

from pynn import _core
from pynn._core import Tensor, made, wrap
from pynn._device import DeviceLike, check_device
from pynn._dtypes import FLOAT64, default_float, from_numpy, to_numpy
from pynn._dtypes import dtype as Dtype
from pynn._layout import layout as Layout
from pynn.ops.creation import _dtype_or_default, finish, shape_of
from pynn.ops.devices import beside, device_of, on
from pynn.ops.fitting import fitted
from pynn.ops.overlap import repeats
from pynn.ops.registry import export


def _array_from(data: Any, dtype: Any) -> Any:
    """An ndarray copied from anything torch.tensor takes."""
    if isinstance(data, Tensor):
        array = numpy.array(_core.observe(data), order="C")
    elif _core.on_device(data):
        array = data.get()
    else:
        nested = isinstance(data, (list, tuple)) and any(isinstance(d, (Tensor, list, tuple)) for d in data)
        try:
            array = numpy.array(_plain(data) if nested else data, order="C")
        except ValueError as error:
            _check_even(data)
            raise ValueError(f"cannot make a tensor of {type(data).__name__}: {error}") from None
    if isinstance(data, numpy.ndarray) and array.dtype.kind in "OSU":
        from_numpy(array.dtype)  # raises
    elif array.dtype == object and any(value is None for value in array.flat):
        raise RuntimeError("Could not infer dtype of NoneType: tensors hold numbers, got None.")
    if array.dtype == object:
        raise TypeError(f"cannot make a tensor of {type(data).__name__} holding {type(array.flat[0]).__name__}s.")
    if array.dtype.kind in "US":
        kind = TypeError if isinstance(data, (str, bytes)) else ValueError
        raise kind(
            f"too many dimensions 'str': tensors hold numbers, got {array.flat[0]!r}. Convert text to numbers first."
        )
    from_data = isinstance(data, (numpy.ndarray, numpy.generic, Tensor))
    if dtype is not None:
        if array.size and not from_data and dtype.kind in "iu" and array.dtype.kind in "iuf":
            fitted(array.min().item(), dtype)
            fitted(array.max().item(), dtype)
        return array.astype(dtype, copy=False)
    if array.dtype == FLOAT64 and not from_data and not _holds_arrays(data):
        return array.astype(default_float())
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        raise TypeError(f"can't convert an array of type {array.dtype} to a tensor: use a signed integer type.")
    from_numpy(array.dtype)
    return array


def _length(data: Any) -> Any:
    """How many elements a list or tuple, or a tensor in one, has; None for a number."""
    if isinstance(data, Tensor):
        return data._array.shape[0] if data._array.ndim else None
    return len(data) if isinstance(data, (list, tuple)) else None


def _check_even(data: Any, dim: int = 1) -> None:
    """ValueError, in torch's words, for nested lists of unequal length."""
    if not isinstance(data, (list, tuple)) or not data:
        return
    first = _length(data[0])
    for part in data:
        size = _length(part)
        if size != first:
            if first is None or size is None:
                raise TypeError(f"not a sequence: at dim {dim}, lists and numbers are mixed. Give lists of one depth.")
            raise ValueError(
                f"expected sequence of length {first} at dim {dim} (got {size}). Give lists of one length, or pad them."
            )
        _check_even(part, dim + 1)


def _plain(data: Any) -> Any:
    """Nested lists with the tensors in them as NumPy values."""
    if isinstance(data, Tensor):
        return _core.observe(data)
    if isinstance(data, (list, tuple)):
        return [_plain(d) for d in data]
    return data


def _holds_arrays(data: Any) -> Any:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, (numpy.ndarray, numpy.generic)) or (
        isinstance(data, Tensor) and data._array.dtype == FLOAT64
    )


@export(method=False)
def tensor(
    data: Any,
    *,
    dtype: Dtype | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A new tensor holding a copy of data: numbers, nested lists, arrays.

    dtype is inferred: Python floats give the default float (float32), integers int64, arrays keep theirs.
    Raises ValueError for ragged lists, TypeError for what is no number.
    """
    if device is None and _core.has_devices():
        device = _device_in(data)
    return finish(_array_from(data, None if dtype is None else to_numpy(dtype)), device, requires_grad)


def _device_in(data: Any) -> Any:
    """Where a tensor or an array of a GPU that a tensor is copied from lies; None for other data."""
    if isinstance(data, Tensor):
        return device_of(data)
    return device_of(wrap(data)) if _core.on_device(data) else None


_warned: set[str] = set()


def _warn_once_of_read_only(name: str) -> None:
    if name not in _warned:
        _warned.add(name)
        warnings.warn(
            f"{name}(): the memory is not writable, and tensors have no read-only kind: writing to this tensor writes to the "
            "supposedly read-only memory, or is undefined. Copy it first to protect it. This warning comes once.",
            UserWarning,
            stacklevel=4,
        )


def _as_writable(array: Any) -> Any:
    """The same memory as an array that may be written; the array itself where a write would end the process (a mapped
    file) or reach several elements (a broadcast array): a write to its tensor raises RuntimeError."""
    root = array
    while True:
        inner = root.obj if isinstance(root, memoryview) else root.base if isinstance(root, numpy.ndarray) else None
        if inner is None:
            break
        root = inner
    if type(root).__name__ == "mmap" or repeats(array):
        return array
    from pynn._dlpack import writable

    return writable(array)


def share_array(array: Any, name: str) -> Tensor:
    """A tensor over the caller's own array: a write to either shows in both."""
    if not isinstance(array, numpy.ndarray):
        raise TypeError(f"{name}() expected np.ndarray (got {type(array).__name__}).")
    from_numpy(array.dtype)
    if not array.flags.writeable:
        array = _as_writable(array)
        _warn_once_of_read_only(name)
    if not array.dtype.isnative:
        raise ValueError(f"{name}(): the array has byte order {array.dtype.byteorder!r}; convert it to native first.")
    return wrap(array)


@export("from_numpy", method=False)
def from_numpy_array(ndarray: Any) -> Tensor:
    """A tensor over the array's own memory: a write to either shows in both. Warns, once, of a read-only array."""
    return share_array(ndarray, "from_numpy")


@export(method=False)
def as_tensor(data: Any, dtype: Dtype | None = None, device: DeviceLike | None = None) -> Tensor:
    """data as a tensor, sharing its memory where dtype allows."""
    found = None if device is None else check_device(device)
    wanted = None if dtype is None else to_numpy(dtype)
    if isinstance(data, Tensor):
        moved = data if found is None else on(data, found)
        result: Tensor = moved if wanted is None else _core.METHODS["to"](moved, wanted)
        return result
    if hasattr(data, "__cuda_array_interface__"):
        from pynn.ops.interchange import from_gpu

        return as_tensor(from_gpu(data), dtype, device)
    if isinstance(data, numpy.ndarray) and (wanted is None or wanted == data.dtype) and data.dtype.isnative:
        shared: Tensor = share_array(data, "as_tensor")
        where = (_core.state.device if _core.has_modes() else None) if found is None else found
        return shared if where is None else on(shared, where)
    return finish(_array_from(data, wanted), found)


@export(method=False)
def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: Any = None, requires_grad: bool | None = None
) -> Tensor:
    """obj (a tensor, an array, anything with a buffer or DLPack, numbers) as a tensor, sharing its memory where it can.

    copy: True copies always; False raises ValueError where memory cannot be shared; None copies where it must.
    A tensor keeps its history; requires_grad=False cuts it off, and True asks for gradients where there is none.
    """
    from pynn.ops.interchange import shared

    where = None if device is None else check_device(device)
    wanted = None if dtype is None else to_numpy(dtype)
    found = shared(obj, dtype)
    if found is None:
        if copy is False:
            raise ValueError(
                "can't alias arbitrary sequence into a tensor: asarray(copy=False) needs an array or a tensor."
            )
        return finish(_array_from(obj, wanted), device, bool(requires_grad))
    if isinstance(obj, Tensor) and requires_grad is not False:
        found = obj
    if where is not None and where != device_of(found):
        if copy is False:
            raise ValueError(f"can't alias tensor on {device_of(found)} as one on {where}: asarray(copy=False).")
        found, copy = on(found, where), None
    if wanted is not None and wanted != found._array.dtype:
        if copy is False:
            raise ValueError(f"can't alias tensor of type {found._array.dtype} as {wanted}: asarray(copy=False).")
        found = _core.METHODS["to"](found, wanted)
    elif copy:
        found = _core.METHODS["clone"](found)
    if requires_grad and not found.requires_grad:
        found.requires_grad = True
    return found


@export(method=False)
def frombuffer(
    buffer: Any, *, dtype: Dtype | None, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A tensor over the memory of an object with a buffer (bytes, bytearray, array, mmap): `count` elements from byte offset.

    Warns, once, of read-only memory. ValueError where the buffer does not hold as much.
    """
    try:
        size = memoryview(buffer).nbytes
    except TypeError:
        raise ValueError(
            f"object does not implement Python buffer protocol: frombuffer() got {type(buffer).__name__}."
        ) from None
    if size == 0 or count == 0:
        raise ValueError(f"both buffer length ({size}) and count ({count}) must not be 0.")
    try:
        array = numpy.frombuffer(buffer, to_numpy(dtype), count, offset)
    except ValueError as error:
        raise ValueError(f"frombuffer(): {error} (count {count}, offset {offset}, dtype {dtype}).") from None
    return finish(share_array(array, "frombuffer"), None, requires_grad)


@export(method=False)
def from_file(
    filename: Any,
    shared: Any = None,
    size: int = 0,
    *,
    dtype: Dtype | None = None,
    layout: Layout | None = None,
    device: DeviceLike | None = None,
    pin_memory: bool = False,
) -> Tensor:
    """The first `size` elements of a file as a tensor; shared: writes to it go to the file, which is made if need be."""
    np_dtype = _dtype_or_default(dtype)
    if not shared:
        return made(numpy.fromfile(filename, np_dtype, size))
    with open(filename, "ab") as file:
        if file.tell() < size * np_dtype.itemsize:
            file.truncate(size * np_dtype.itemsize)
    return wrap(numpy.asarray(numpy.memmap(filename, np_dtype, "r+", shape=(size,))))


@export(function=False)
def new_tensor(
    self: Any,
    data: Any,
    *,
    dtype: Dtype | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    layout: Layout | None = None,
    pin_memory: bool = False,
) -> Tensor:
    """`tensor(data)` of this tensor's dtype."""
    return tensor(
        data,
        dtype=from_numpy(self._array.dtype) if dtype is None else dtype,
        device=beside(self, device),
        requires_grad=requires_grad,
    )


def _legacy_data(args: Any) -> Any:
    """The array of `Tensor(...)`: sizes, data or nothing."""
    if not args:
        return numpy.empty((0,), default_float())
    if len(args) == 1 and (isinstance(args[0], bool) or not isinstance(args[0], (int, numpy.integer))):
        if args[0].__class__.__name__ == "Size":
            return numpy.empty(shape_of(args), default_float())
        if args[0] is None or isinstance(args[0], (float, bool, complex)):
            raise TypeError(
                f"new(): data must be a sequence (got {type(args[0]).__name__}). Use pynn.tensor for numbers."
            )
        if isinstance(args[0], Tensor):
            return args[0]._array
        return _array_from(args[0], default_float())
    return numpy.empty(shape_of(args), default_float())


_core.METHODS["legacy_data"] = _legacy_data


@export(method=False)
def is_tensor(obj: Any) -> bool:
    """Whether obj is a Tensor."""
    return isinstance(obj, Tensor)
