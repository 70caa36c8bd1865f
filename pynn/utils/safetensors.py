"""safetensors files: named tensors and nothing else, in the format of the library of that name.

A file is an 8-byte little-endian length, a JSON header of that length, and the tensors'
bytes. The header maps each name to `{"dtype", "shape", "data_offsets": [begin, end]}`,
and `__metadata__` to a dict of strings. Everything is checked before memory is made.

Source: the format's description in https://github.com/huggingface/safetensors.
"""

import io
import json
import math
import os
from typing import Any

import numpy

from pynn._core import Tensor, observe, wrap
from pynn._device import check_device
from pynn.ops.devices import on

_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}
_NAMES = {name: code for code, name in _DTYPES.items()}
_LARGEST_HEADER = 100_000_000  # bytes; the format's own limit


def save(tensors: Any, metadata: Any = None) -> Any:
    """The bytes of a safetensors file of a dict from names to tensors; metadata: a dict of strings.

    The format knows no strides and no sharing: each tensor is written row-major, and on its own.
    Raises TypeError for names or metadata that are not strings and values that are not tensors.
    """
    file = io.BytesIO()
    _write(tensors, metadata, file)
    return file.getvalue()


def save_file(tensors: Any, filename: Any, metadata: Any = None) -> None:
    """Write what `save` returns to a path; a save that fails leaves an existing file as it was."""
    from pynn.serialization import files

    with files.whole(os.fspath(filename)) as file:
        _write(tensors, metadata, file)


def load(data: Any) -> Any:
    """The dict of tensors of a safetensors file's bytes. Raises what `load_file` raises."""
    return _read(io.BytesIO(data))


def load_file(filename: Any, device: str = "cpu") -> Any:
    """The dict from names to tensors of a safetensors file.

    Raises RuntimeError for a file that is damaged, truncated, of another format or holds a dtype that pynn has not.
    """
    where = check_device(device)
    with open(filename, "rb") as file:
        return {name: on(tensor, where) for name, tensor in _read(file).items()}


def _write(tensors: Any, metadata: Any, file: Any) -> None:
    if not isinstance(tensors, dict):
        raise TypeError(f"safetensors takes a dict from names to tensors, got {type(tensors).__name__}.")
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise TypeError(
                f"safetensors takes a dict from names to tensors, got {name!r}: {type(tensor).__name__}. Other values, such "
                "as an optimizer's numbers, go into pynn.save."
            )
    header = {}
    if metadata is not None:
        if not isinstance(metadata, dict) or not all(isinstance(s, str) for pair in metadata.items() for s in pair):
            raise TypeError(f"metadata must be a dict from strings to strings, got {metadata!r}.")
        header["__metadata__"] = metadata
    arrays = {name: observe(tensor) for name, tensor in tensors.items()}
    order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))  # keeps every tensor aligned
    end = 0
    for name in order:
        array = arrays[name]
        header[name] = {
            "dtype": _NAMES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [end, end + array.nbytes],
        }
        end += array.nbytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little"))
    file.write(text)
    for name in order:
        array = arrays[name]
        array = array.view(numpy.uint16) if array.dtype.kind == "V" else array
        file.write(numpy.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(-1).view(numpy.uint8))


def _bad(what: Any) -> Any:
    return RuntimeError(f"not a valid safetensors file: {what}. It is damaged, truncated or of another format.")


def _no_duplicates(pairs: Any) -> Any:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _read_header(file: Any) -> Any:
    """(header, bytes of data that follow, metadata)."""
    file.seek(0, io.SEEK_END)
    size = file.tell()
    file.seek(0)
    if size < 8:
        raise _bad(f"it has {size} bytes, fewer than the 8 of the header's length")
    length = int.from_bytes(file.read(8), "little")
    if length > min(size - 8, _LARGEST_HEADER):
        raise _bad(f"the header claims {length} bytes, of a file of {size}")
    try:
        header = json.loads(file.read(length).decode(), object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise _bad(f"the header is not JSON ({error})") from None
    if not isinstance(header, dict):
        raise _bad(f"the header is a {type(header).__name__}, not an object")
    metadata = header.pop("__metadata__", None)
    return header, size - 8 - length, metadata


def _checked(name: str, entry: Any) -> Any:
    """(begin, end, dtype, shape, dtype code) of a header's entry."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _bad(f"tensor {name!r} is described by {entry!r}, not by dtype, shape and data_offsets")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in _DTYPES:
        raise RuntimeError(
            f"tensor {name!r} is of dtype {code!r}, which pynn has not: the supported ones are {', '.join(_DTYPES)}."
        )
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or not all(type(n) is int and 0 <= n < 2**63 for n in numbers):
            raise _bad(f"tensor {name!r} has shape {shape!r} and data_offsets {offsets!r}")
    dtype = numpy.dtype(_DTYPES[code] if code != "BF16" else "uint16")  # bits, later seen as bfloat16
    if len(offsets) != 2 or offsets[1] - offsets[0] != math.prod(shape) * dtype.itemsize:
        raise _bad(f"tensor {name!r} of dtype {code} and shape {shape} does not fit its data_offsets {offsets}")
    return *offsets, dtype, tuple(shape), code


def _places(file: Any) -> Any:
    """(region that begins with the data, where each tensor lies in it, metadata), all checked."""
    from pynn.serialization.archive import Region

    header, size, metadata = _read_header(file)
    region = Region(file)
    places = {name: _checked(name, entry) for name, entry in header.items()}
    end = 0
    for name, place in sorted(places.items(), key=lambda item: item[1][:2]):
        if place[0] != end:
            raise _bad(f"tensor {name!r} begins at {place[0]}, but the one before it ends at {end}")
        end = place[1]
    if end != size:
        raise _bad(f"the tensors take {end} bytes, but the file has {size} for them")
    return region, places, metadata


def _tensor(region: Any, name: str, place: Any) -> Tensor:
    from pynn.serialization.rebuild import as_bfloat16

    begin, _, dtype, shape, code = place
    array = numpy.empty(shape, dtype.newbyteorder("<"))
    region.seek(begin)
    if region.fill(array.reshape(-1)) != array.nbytes:
        raise _bad(f"it ends within tensor {name!r}")
    array = array.astype(dtype, copy=False)
    return wrap(as_bfloat16(array) if code == "BF16" else array)


def _read(file: Any) -> Any:
    region, places, _ = _places(file)
    return {name: _tensor(region, name, place) for name, place in places.items()}


# ---- one tensor at a time ----


class safe_open:
    """A safetensors file, of which tensors are read as they are asked for: `with safe_open(path, "pt") as f:`.

    framework: "pt", "pytorch" or "pynn": what the library of that name calls tensors like these; ValueError for others.
    Raises what `load_file` raises.
    """

    def __init__(self, filename: Any, framework: str, device: Any = "cpu", **options: Any) -> None:
        if framework not in ("pt", "torch", "pytorch", "pynn"):
            raise ValueError(f"framework must be 'pt', for tensors of pynn, got {framework!r}.")
        self._where = check_device(device)
        self._file: Any = open(filename, "rb")  # noqa: SIM115
        try:
            self._region, self._found, self._metadata = _places(self._file)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "safe_open":
        return self

    def __exit__(self, *error: Any) -> None:
        self._file.close()

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

    def keys(self) -> list[str]:
        """The tensors' names."""
        return list(self._found)

    def offset_keys(self) -> list[str]:
        """The tensors' names, in the order in which they lie in the file."""
        return sorted(self._found, key=lambda name: self._found[name][:2])

    def metadata(self) -> dict[str, str] | None:
        """The file's metadata, or None."""
        return self._metadata  # type: ignore[no-any-return]

    def _place(self, name: str) -> Any:
        if self._file.closed:
            raise RuntimeError("the file is closed: read tensors within the `with` block.")
        if name not in self._found:
            raise RuntimeError(f"the file has no tensor {name!r}; it has {', '.join(list(self._found)[:10])}.")
        return self._found[name]

    def get_tensor(self, name: str) -> Tensor:
        """A tensor."""
        return on(_tensor(self._region, name, self._place(name)), self._where)

    def get_slice(self, name: str) -> "_Slice":
        """A tensor that is read when it is indexed, and only as many of its rows as it takes."""
        return _Slice(self, name, self._place(name))


class _Slice:
    """A tensor in a file, to be indexed."""

    def __init__(self, file: safe_open, name: str, place: Any) -> None:
        self._file, self._name, self._at = file, name, place

    def get_shape(self) -> list[int]:
        """The size of each dimension."""
        return list(self._at[3])

    def get_dtype(self) -> str:
        """The format's name of the dtype, such as "F32"."""
        return str(self._at[4])

    def __getitem__(self, index: Any) -> Tensor:
        begin, end, dtype, shape, code = self._at
        self._file._place(self._name)
        first, *rest = index if isinstance(index, tuple) and index else (index,)
        if not shape or not isinstance(first, slice) or first.step not in (None, 1) or 0 in shape:
            return on(_tensor(self._file._region, self._name, self._at)[index], self._file._where)
        start, stop, _ = first.indices(shape[0])
        rows = max(0, stop - start)
        size = (end - begin) // shape[0]
        at = begin + start * size, begin + (start + rows) * size, dtype, (rows, *shape[1:]), code
        return on(_tensor(self._file._region, self._name, at)[(slice(None), *rest)], self._file._where)


# ---- modules ----


def _shared(tensors: dict[str, Tensor]) -> dict[str, str]:
    """From the names of tensors that are others under another name to the names of those, the first by alphabet."""
    first: dict[Any, str] = {}
    found = {}
    for name in sorted(tensors):
        array = tensors[name]._array
        key = tensors[name].data_ptr(), array.shape, array.strides, array.dtype
        if array.size and key in first:
            found[name] = first[key]
        first.setdefault(key, name)
    return found


def save_model(
    model: Any, filename: Any, metadata: dict[str, str] | None = None, force_contiguous: bool = True
) -> None:
    """Write a module's state_dict, tied parameters once; the metadata says under which name the others are."""
    tensors = model.state_dict()
    twins = _shared(tensors)
    metadata = {**twins, **(metadata or {})} or None
    save_file({name: tensor for name, tensor in tensors.items() if name not in twins}, filename, metadata)


def load_model(model: Any, filename: Any, strict: bool = True, device: Any = "cpu") -> tuple[set[str], list[str]]:
    """Load what `save_model` wrote into a module; (missing names, unexpected names).

    RuntimeError where strict and there are any.
    """
    tensors = load_file(filename, device)
    names = model.state_dict()
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    twins = _shared(names)
    given = {twins.get(name, name) for name in tensors}
    missing = {name for name in missing if twins.get(name, name) not in given}
    if strict and (missing or unexpected):
        lines = [f"Error(s) in loading state_dict for {type(model).__name__}:"]
        for kind, wrong in (("Missing", missing), ("Unexpected", unexpected)):
            if wrong:
                listed = ", ".join(f'"{name}"' for name in sorted(wrong))
                lines.append(f"    {kind} key(s) in state_dict: {listed}")
        raise RuntimeError("\n".join(lines))
    return missing, list(unexpected)
