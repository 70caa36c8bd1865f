"""Reading: torch's zip format, and the sequence of pickles that came before it."""

import io
import os
import pickle
import struct
import sys
from typing import Any

import numpy

from pynn import _gpu, serialization
from pynn._device import check_device, device
from pynn.serialization import archive, names, rebuild
from pynn.serialization.unpickler import SafeUnpickler, TrustingUnpickler, allowed, pickled_globals

_MALFORMED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    NameError,
    TypeError,
    ValueError,
    struct.error,
)


def load(f: Any, map_location: Any, weights_only: Any, mmap: Any, encoding: Any) -> Any:
    """See `pynn.load`."""
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            return _load(file, os.fspath(f), map_location, weights_only, mmap, encoding)
    for method in ("read", "seek", "tell", "readline"):
        if not hasattr(f, method):
            raise AttributeError(
                f"{type(f).__name__!r} object has no attribute {method!r}. load() takes a path or a seekable file of bytes; "
                "read others into an io.BytesIO first."
            )
    if mmap:
        raise ValueError("f must be a file path in order to use the mmap argument.")
    return _load(f, None, map_location, weights_only, mmap, encoding)


def _order(entries: Any) -> Any:
    """The order of bytes in an archive."""
    if entries.has("byteorder"):
        return entries.read("byteorder").decode("ascii", "replace")
    chosen = serialization.get_default_load_endianness()
    kinds = serialization.LoadEndianness
    orders: dict[Any, str] = {kinds.BIG: "big", kinds.NATIVE: sys.byteorder}
    return orders.get(chosen, "little")


def unsafe_globals(f: Any) -> Any:
    """See `pynn.serialization.get_unsafe_globals_in_checkpoint`."""
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            return unsafe_globals(file)
    region = archive.Region.measured(f)
    start = region.read(4)
    region.seek(0)
    if start != archive.MAGIC:
        raise ValueError("Expected input to be a checkpoint returned by torch.save, in the zip format.")
    found = pickled_globals(archive.Reader(region).read("data.pkl"))
    return sorted(name for name in found if allowed(name) is None)


def _load(file: Any, path: Any, map_location: Any, weights_only: Any, mmap: Any, encoding: Any) -> Any:
    region = archive.Region.measured(file)
    if region.size == 0:
        raise EOFError("Ran out of input: the file is empty. Was it saved completely?")
    kind = SafeUnpickler if weights_only else TrustingUnpickler
    start = region.read(4)
    region.seek(0)
    loader = _Loader(region, kind, map_location, encoding)
    if start == archive.MAGIC:
        return loader.load_archive(path if mmap else None)
    if mmap:
        raise RuntimeError(
            "mmap can only be used with files in the zip format (torch 1.6 and later, pynn). Load the file without it, or "
            "save it anew first."
        )
    return loader.load_legacy()


class _Loader:
    """One file being loaded: where its storages are, and those read so far."""

    def __init__(self, region: Any, unpickler: Any, map_location: Any, encoding: Any) -> None:
        self._region = region
        self._unpickler = unpickler
        self._relocate = _relocation(map_location)
        self._encoding = encoding
        self._storages: dict[Any, Any] = {}
        self._promised = 0  # bytes of the storages that the legacy format's pickle named

    def _unpickle(self, file: Any, find_storage: Any) -> Any:
        """The object of a pickle, made by the unpickler that the caller chose."""
        if self._unpickler is SafeUnpickler:
            return self._unpickle_safely(file, find_storage)
        unpickler = self._unpickler(file, encoding=self._encoding)
        unpickler.find_storage = find_storage
        return unpickler.load()

    def _unpickle_safely(self, file: Any, find_storage: Any = None) -> Any:
        unpickler = SafeUnpickler(file, encoding=self._encoding)
        unpickler.find_storage = find_storage
        try:
            return unpickler.load()
        except _MALFORMED as error:
            raise pickle.UnpicklingError(
                f"Weights only load failed: the file's pickle is damaged, truncated or no file of torch.save or pynn.save "
                f"({type(error).__name__}: {error})."
            ) from error

    # ---- the zip format ----

    def load_archive(self, path: Any) -> Any:
        """The object in a zip archive. path: of the file to map into memory, or None to read."""
        entries = archive.Reader(self._region)
        swap = _order(entries) != sys.byteorder
        mapped = None
        if path is not None and not swap:
            mapped = numpy.memmap(path, numpy.uint8, "c")

        def find(kind: Any, key: Any, location: Any, numel: Any, view: Any) -> Any:
            name = f"data/{key}"
            held = self._storages.get(name)
            if held is None:
                if mapped is None:
                    array = entries.array(name, kind.dtype, numel)
                else:
                    start = entries.place(name, numel * kind.dtype.itemsize)[1]
                    array = mapped[start : start + numel * kind.dtype.itemsize].view(kind.dtype).view(numpy.ndarray)
                held = self._storages[name] = self._storage(kind, array, location, swap)
            return self._same_kind(held, kind, name)

        return self._unpickle(io.BytesIO(entries.read("data.pkl")), find)

    def _same_kind(self, storage: Any, kind: Any, name: str) -> Any:
        if storage.kind is not kind:
            raise pickle.UnpicklingError(f"the file names storage {name} as {storage.kind!r} and as {kind!r}.")
        return storage

    def _storage(self, kind: Any, array: Any, location: Any, swap: Any) -> Any:
        """The storage over an array from the file."""
        if swap:
            array = array.byteswap()
        if not array.flags.aligned:  # mapped from a file that someone packed anew
            array = array.copy()
        if kind is rebuild.BFLOAT16:
            array = rebuild.as_bfloat16(array)
        return self._relocate(rebuild.Storage(kind, array), location)

    # ---- the format before torch 1.6 ----

    def load_legacy(self) -> Any:
        """The object in a sequence of pickles: magic number, version, system, object, storage keys; then the storages."""
        try:
            magic = self._unpickle_safely(self._region)
        except pickle.UnpicklingError as error:
            self._region.seek(0)
            start = self._region.read(8)
            raise pickle.UnpicklingError(
                f"the file of {self._region.size} bytes is neither a zip archive nor a pickle of torch.save's old format: it "
                f"begins with {start!r}."
            ) from error
        if magic != names.LEGACY_MAGIC:
            raise RuntimeError(
                "Invalid magic number; corrupt file? It is a pickle, but not one of torch.save or pynn.save. "
                "Read it with the module that wrote it (pickle, joblib, numpy.load)."
            )
        version = self._unpickle_safely(self._region)
        if version != names.LEGACY_VERSION:
            raise RuntimeError(f"Invalid protocol version: {version}, expected {names.LEGACY_VERSION}.")
        system = self._unpickle_safely(self._region)
        if not isinstance(system, dict):
            raise RuntimeError(
                f"the file should describe the system that wrote it by a dict, not {type(system).__name__}."
            )
        little = system.get("little_endian", True)
        result = self._unpickle(self._region, self._promise)
        self._fill(self._unpickle_safely(self._region), bool(little))
        return result

    def _promise(self, kind: Any, key: Any, location: Any, numel: Any, view: Any) -> Any:
        """A storage whose bytes come after the pickle. It is made here, so the sizes claimed must fit into the file."""
        held = self._storages.get(key)
        if held is None:
            size = numel * kind.dtype.itemsize
            if self._promised + size > self._region.size:
                raise RuntimeError(
                    f"storage {key} claims {size} bytes, but the file has {self._region.size} in all. It is truncated or "
                    "damaged; get it anew."
                )
            self._promised += size
            data = numpy.zeros(numel, kind.dtype)
            array = rebuild.as_bfloat16(data) if kind is rebuild.BFLOAT16 else data
            held = self._storages[key] = (self._relocate(rebuild.Storage(kind, array), location), data, array)
        storage = self._same_kind(held[0], kind, key)
        if view is None:
            return storage
        _, start, count = view
        if not (type(start) is int and type(count) is int and 0 <= start <= start + count <= numel):
            raise pickle.UnpicklingError(f"the file names a part {start}, {count} of a storage of {numel} elements.")
        return rebuild.Storage(kind, storage.array[start : start + count])

    def _fill(self, keys: Any, little: Any) -> None:
        """Read the storages in the order of their keys: an int64 count, then the elements."""
        if not isinstance(keys, list) or not all(isinstance(key, (str, bytes, int)) for key in keys):
            raise RuntimeError("the file should list the keys of its storages, and does not. It is damaged.")
        for key in keys:
            held = self._storages.get(key)
            if held is None:
                raise RuntimeError(f"the file holds storage {key!r}, which nothing in it refers to. It is damaged.")
            data = held[1]
            order = "<" if little else ">"
            count = self._region.read(8)
            if len(count) < 8 or struct.unpack(f"{order}q", count)[0] != data.size:
                raise RuntimeError(
                    f"storage {key} should begin with its number of elements, {data.size}, but the file has {count!r}. It is "
                    "truncated or damaged; get it anew."
                )
            missing = data.nbytes - self._region.fill(data)
            if missing:
                raise RuntimeError(f"unexpected EOF, expected {missing} more bytes. The file might be corrupted.")
            if little != (sys.byteorder == "little"):
                data.byteswap(inplace=True)
            if held[0].array is not held[2]:  # it lies on a GPU since it was promised
                held[0].array.set(held[2])


def moved(storage: Any, where: device) -> Any:
    """A storage on a device."""
    return storage if where.type == "cpu" else rebuild.Storage(storage.kind, _gpu.place(storage.array, where))


def default_location(storage: Any, location: Any) -> Any:
    """The storage where its location says: on the CPU, or a GPU by number; RuntimeError for any other."""
    location = location.decode() if isinstance(location, bytes) else location
    if location.startswith("cuda") and _gpu.reason() is None:
        return moved(storage, check_device(location))
    if location.startswith("cuda"):
        raise RuntimeError(
            f"Attempting to deserialize object on a CUDA device ({location}) but pynn.cuda.is_available() is False. On a "
            "machine without a GPU use pynn.load with map_location='cpu'."
        )
    if location != "cpu":
        raise RuntimeError(
            f"don't know how to restore data location of a storage (tagged with {location}). Use map_location='cpu'."
        )
    return storage


def _relocation(map_location: Any) -> Any:
    """A function (storage, location) -> storage that puts storages where map_location says."""

    if map_location is None:
        return default_location
    if isinstance(map_location, (str, device)):
        where = check_device(map_location)
        return lambda storage, location: moved(storage, where)
    if isinstance(map_location, dict):
        return lambda storage, location: default_location(storage, str(map_location.get(location, location)))
    if not callable(map_location):
        raise TypeError(
            f"map_location must be None, a device, its name, a dict or a function, got {type(map_location).__name__}."
        )

    def ask(storage: Any, location: Any) -> Any:
        chosen = map_location(storage, location)
        if chosen is None:
            return default_location(storage, location)
        if not isinstance(chosen, rebuild.Storage):
            raise TypeError(f"map_location must return the storage it was given or None, got {type(chosen).__name__}.")
        return chosen

    return ask
