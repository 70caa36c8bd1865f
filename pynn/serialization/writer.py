"""Writing: the pickler that names tensors as torch does."""

import io
import os
import pickle
import struct
from collections import OrderedDict
from typing import Any, ClassVar

import numpy

from pynn._core import Tensor, observe
from pynn._device import device
from pynn._dtypes import dtype
from pynn.ops.devices import device_of
from pynn.ops.strided import root
from pynn.ops.view import Size
from pynn.serialization import archive, files, names
from pynn.storage import TypedStorage, UntypedStorage

_Base: Any = pickle._Pickler  # whose methods (save, memoize, ...) typeshed does not know


class Storage:
    """Memory that tensors lie in: a flat array and the name of its entry."""

    __slots__ = ("flat", "key", "location")

    def __init__(self, flat: Any, key: Any, location: str) -> None:
        self.flat = flat
        self.key = key
        self.location = location


class Pickler(_Base):  # type: ignore[misc]
    """Pickles tensors, dtypes, devices and sizes under torch's names.

    The Python form of the pickler, because the compiled one refuses globals that it cannot import.
    """

    dispatch: ClassVar[dict[Any, Any]] = dict(pickle._Pickler.dispatch)

    def __init__(self, file: Any, protocol: Any, legacy: bool = False) -> None:
        super().__init__(file, protocol)
        self.storages: dict[Any, Any] = {}
        self._brought: dict[Any, Any] = {}  # from memory of a GPU to (that memory, its copy on the CPU)
        self._legacy = legacy

    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, Storage):
            kind = names.STORAGE_NAMES[obj.flat.dtype.name]
            place: tuple[Any, ...] = ("storage", kind, obj.key, obj.location, obj.flat.size)
            return (*place, None) if self._legacy else place
        if isinstance(obj, TypedStorage):
            return self.persistent_id(self._storage(obj._flat))
        return None

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, UntypedStorage):
            raise RuntimeError(
                "an UntypedStorage cannot be saved on its own: save the tensor, or its bytes as a tensor."
            )
        if isinstance(obj, Tensor) and type(obj).__reduce_ex__ is Tensor.__reduce_ex__:
            return self._reduce_tensor(obj)
        if isinstance(obj, Size):
            return names.SIZE, (tuple(obj),)
        if isinstance(obj, device):
            return names.DEVICE, (obj.type,) if obj.index is None else (obj.type, obj.index)
        return NotImplemented

    def save_global(self, obj: Any, name: Any = None) -> None:
        if obj is Tensor:
            self.save(names.TENSOR)
        elif name is None and f"{obj.__module__}.{obj.__qualname__}" == "pynn.nn.parameter.Parameter":
            self.save(names.PARAMETER)
        else:
            super().save_global(obj, name)

    def _save_name(self, obj: Any) -> None:
        self.write(f"c{obj.module}\n{obj.name}\n".encode())
        self.memoize(obj)

    def _save_dtype(self, obj: Any) -> None:
        self.save(names.DTYPE_NAMES[obj.name])

    dispatch[names.TorchName] = _save_name
    dispatch[dtype] = _save_dtype

    def _reduce_tensor(self, tensor: Any) -> Any:
        location = str(device_of(tensor))
        array = observe(tensor) if location == "cpu" else self._bring(tensor._array)
        storage, offset, strides = self._place(array, location)
        shape = array.shape
        if 0 in shape:
            strides = contiguous_strides(shape)  # NumPy gives none of use
        attributes = names.attributes_of(tensor)
        cls = type(tensor)
        if f"{cls.__module__}.{cls.__qualname__}" == "pynn.nn.parameter.Parameter":
            data = _Plain((storage, offset, shape, strides, False, OrderedDict()))
            args: tuple[Any, ...] = (data, tensor.requires_grad, OrderedDict())
            if attributes:
                return names.REBUILD_PARAMETER_WITH_STATE, (*args, attributes)
            return names.REBUILD_PARAMETER, args
        args = (storage, offset, shape, strides, tensor.requires_grad, OrderedDict())
        if cls is Tensor and not attributes:
            return names.REBUILD_TENSOR, args
        return names.REBUILD_SUBCLASS, (names.REBUILD_TENSOR, cls, args, attributes)

    def _bring(self, array: Any) -> Any:
        """An array of a GPU on the CPU: tensors over one memory there share their memory here too."""
        whole: Any = root(array)
        key = int(whole.data.ptr), whole.nbytes
        if key not in self._brought:
            self._brought[key] = whole, whole.get()
        flat = self._brought[key][1]
        offset = int(array.data.ptr) - key[0]
        if array.size == 0 or not 0 <= offset < max(key[1], 1):
            return array.get()
        return numpy.ndarray(array.shape, array.dtype, flat, offset, array.strides)

    def _place(self, array: Any, location: str) -> Any:
        """(storage, offset, strides), in elements: where array lies in the memory of the array that owns it."""
        owned = array
        while isinstance(owned.base, numpy.ndarray):
            owned = owned.base
        if owned.dtype != array.dtype or isinstance(owned, numpy.memmap):
            owned = array  # a part of someone's buffer or file, which is not ours to write whole
        for owner in (owned, array):
            flat = _flat(owner)
            if flat is not None and all(s >= 0 and s % array.itemsize == 0 for s in array.strides):
                storage = self._storage(flat, location)
                offset, rest = divmod(_address(array) - _address(storage.flat), array.itemsize)
                if not rest:
                    return storage, offset if array.size else 0, tuple(s // array.itemsize for s in array.strides)
        copy = numpy.ascontiguousarray(array).reshape(array.shape)  # gaps or a negative stride, which torch has not
        return self._storage(copy.reshape(-1), location), 0, tuple(s // array.itemsize for s in copy.strides)

    def _storage(self, flat: Any, location: str = "cpu") -> Any:
        """The storage of some memory, one however often it is met. Holds the memory, so its address stays its own."""
        key = (_address(flat), flat.nbytes) if flat.size else flat.dtype
        held = self.storages.setdefault(key, Storage(flat, str(len(self.storages)), location))
        if held.flat.dtype != flat.dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types: one memory is "
                f"viewed as {held.flat.dtype} and as {flat.dtype}. Save .clone() of one of them."
            )
        return held


class _Plain:
    """The tensor of which a Parameter is made, in the file."""

    def __init__(self, args: Any) -> None:
        self._args = args

    def __reduce__(self) -> Any:
        return names.REBUILD_TENSOR, self._args


def contiguous_strides(shape: Any) -> Any:
    """The strides, in elements, of a row-major tensor; as torch has them for empty ones too."""
    strides = [1] * len(shape)
    for d in range(len(shape) - 2, -1, -1):
        strides[d] = strides[d + 1] * max(1, shape[d + 1])
    return tuple(strides)


def _address(array: Any) -> Any:
    return array.__array_interface__["data"][0]


def _flat(array: Any) -> Any:
    """All memory of an array in one dimension, without copying; None where it has gaps or runs backwards."""
    if array.flags.c_contiguous:
        return array.reshape(-1)
    order = sorted(range(array.ndim), key=lambda d: -array.strides[d])
    dense = array.transpose(order)
    return dense.reshape(-1) if dense.flags.c_contiguous else None


def save(obj: Any, f: Any, protocol: Any, legacy: bool = False) -> None:
    """See `pynn.save`."""
    write = _write_legacy if legacy else _write
    if isinstance(f, (str, os.PathLike)):
        with files.whole(os.fspath(f)) as file:
            write(obj, file, protocol)
    elif hasattr(f, "write"):
        write(obj, f, protocol)
        if hasattr(f, "flush"):
            f.flush()
    else:
        raise AttributeError(
            f"expected 'f' to be string, path, or a file-like object with a 'write' attribute, got {type(f).__name__}."
        )


def _bytes_of(storage: Any) -> Any:
    """A storage's memory as a file has it: little-endian."""
    flat = storage.flat
    flat = flat.view(numpy.uint16) if flat.dtype.kind == "V" else flat
    return flat.astype(flat.dtype.newbyteorder("<"), copy=False).view(numpy.uint8)


def _write(obj: Any, file: Any, protocol: Any) -> None:
    stream = io.BytesIO()
    pickler = Pickler(stream, protocol)
    pickler.dump(obj)
    with archive.Writer(file) as out:
        out.add("data.pkl", stream.getbuffer())
        out.add(".format_version", b"1")
        out.add(".storage_alignment", str(archive.ALIGNMENT).encode())
        out.add("byteorder", b"little")
        for storage in pickler.storages.values():
            out.add(f"data/{storage.key}", _bytes_of(storage))
        out.add("version", b"3\n")


def _write_legacy(obj: Any, file: Any, protocol: Any) -> None:
    """The format before torch 1.6: pickles one after another, then each storage's element count and bytes."""
    stream = io.BytesIO()
    pickler = Pickler(stream, protocol, legacy=True)
    pickler.dump(obj)
    sizes = {"short": 2, "int": 4, "long": 4}
    system = {"protocol_version": names.LEGACY_VERSION, "little_endian": True, "type_sizes": sizes}
    for head in (names.LEGACY_MAGIC, names.LEGACY_VERSION, system):
        file.write(pickle.dumps(head, protocol))
    file.write(stream.getbuffer())
    held = {storage.key: storage for storage in pickler.storages.values()}
    file.write(pickle.dumps(sorted(held), protocol))
    for key in sorted(held):
        file.write(struct.pack("<q", held[key].flat.size))
        file.write(_bytes_of(held[key]))
