"""save and load: torch's zip file format, written and read without torch.

A file holds a pickle (`data.pkl`), in which tensors name the storage they lie in, and
the bytes of each storage as an entry of its own. `writer` makes it, `reader` reads it
and torch's older format, `unpickler` decides which globals a file may name: by default
those on an allow-list, and nothing in a file is executed.
"""

import enum
from typing import Any

from pynn import _lazy

_safe_globals: dict[str, Any] = {}  # "module.name" -> a class or function that files may name besides the built-in list


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Write an object made of tensors, numbers, strings, containers or modules in the format `torch.load` reads.

    f: a path, or a file opened for writing bytes. A path is written beside and then put in place, so a
        save that fails leaves an existing file as it was.
    pickle_protocol: of the pickle inside; torch's own weights_only loader takes 2 only.
    _use_new_zipfile_serialization: False writes the format from before torch 1.6 instead of the zip format.

    Tensors that share memory are written once and share it again when loaded; strides and offsets are kept.
    A view is written with the whole memory it is a view of: `.clone()` a small part of a large tensor first.

    Raises RuntimeError for a folder that does not exist or tensors of different dtypes over one memory,
    AttributeError for an f that cannot be written to, and what pickle raises for objects it does not take.
    """
    from pynn.serialization import writer

    if pickle_module is not None and pickle_module.__name__ != "pickle":
        raise RuntimeError(
            f"save() writes with its own pickler; pickle_module={pickle_module.__name__} is not supported. Leave it out."
        )
    writer.save(obj, f, pickle_protocol, legacy=not _use_new_zipfile_serialization)


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool = True,
    mmap: Any = None,
    encoding: str = "utf-8",
) -> Any:
    """Read what `pynn.save` or `torch.save` wrote, in the zip format or the one before torch 1.6.

    f: a path, or a seekable file opened for reading bytes.
    map_location: a device, its name, a dict from names to names, or a function (storage, name) -> storage, that
        says where tensors saved on another device go. Needed for files saved on a GPU: map_location="cpu".
    weights_only: take tensors, numbers, strings and containers only, and what `add_safe_globals` allows.
        False unpickles anything, and so can run any code: only for files you trust.
    mmap: map the file into memory (a path in the zip format) and read pages as they are used; writes stay private.
    encoding: of byte strings that Python 2 wrote.

    Raises pickle.UnpicklingError for a global that is not allowed and for a damaged pickle, RuntimeError for a
    damaged, truncated or foreign file and for a device that is not there, EOFError for an empty file.
    """
    from pynn.serialization import reader

    if pickle_module is not None and pickle_module.__name__ != "pickle":
        raise RuntimeError(
            f"load() reads with its own unpickler; pickle_module={pickle_module.__name__} is not supported. Leave it out."
        )
    return reader.load(f, map_location, weights_only is None or bool(weights_only), bool(mmap), encoding)


def _named(item: Any) -> Any:
    obj, name = item if isinstance(item, tuple) and len(item) == 2 else (item, None)
    if not callable(obj) or not isinstance(name, (str, type(None))):
        raise TypeError(
            f"a safe global must be a class or function, or a tuple (class or function, 'module.name'), got {item!r}."
        )
    return name or f"{obj.__module__}.{obj.__qualname__}", obj


def add_safe_globals(safe_globals: Any) -> None:
    """Allow files to name, and call, these classes and functions: a list of them, or of (object, "module.name")."""
    _safe_globals.update(_named(item) for item in safe_globals)


def get_safe_globals() -> Any:
    """What add_safe_globals allowed so far."""
    return [
        obj if name == f"{obj.__module__}.{obj.__qualname__}" else (obj, name) for name, obj in _safe_globals.items()
    ]


def clear_safe_globals() -> None:
    """Forget what add_safe_globals allowed."""
    _safe_globals.clear()


class safe_globals:
    """Allow files to name these classes and functions for the length of a `with` block."""

    def __init__(self, safe_globals: Any) -> None:
        self._globals = safe_globals

    def __enter__(self) -> None:
        self._before = dict(_safe_globals)
        add_safe_globals(self._globals)

    def __exit__(self, *error: Any) -> None:
        _safe_globals.clear()
        _safe_globals.update(self._before)


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """The globals that a file in the zip format names and `load` with weights_only=True would refuse, as "module.name".

    Nothing in the file is executed. Raises ValueError for a file of the older format, and what `load` raises.
    """
    from pynn.serialization import reader

    result: list[str] = reader.unsafe_globals(f)
    return result


_crc32 = True


def get_crc32_options() -> bool:
    """What set_crc32_options said; True at first."""
    return _crc32


def set_crc32_options(compute_crc32: bool) -> None:
    """Accepted: checksums are written always. Those of 0, which torch writes without this option, are not checked."""
    global _crc32
    _crc32 = bool(compute_crc32)


class LoadEndianness(enum.Enum):
    """The order of bytes in files that do not say theirs."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


_endianness: LoadEndianness | None = None


def get_default_load_endianness() -> LoadEndianness | None:
    """What set_default_load_endianness said; None at first, which is little-endian."""
    return _endianness


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Say in which order the bytes are of files, in the zip format, that do not say it themselves."""
    global _endianness
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise TypeError(f"Invalid argument type in function set_default_load_endianness: got {endianness!r}.")
    _endianness = endianness


class SourceChangeWarning(Warning):
    """Not raised: sources are not kept in files any more."""


def location_tag(storage: Any) -> str:
    """ "cpu": where a storage's memory is, as files say it."""
    return "cpu"


def default_restore_location(storage: Any, location: Any) -> Any:
    """The storage, where its location is the CPU; RuntimeError for any other."""
    from pynn.serialization import reader

    return reader.default_location(storage, location)


_ABSENT = ("skip_data", "register_package", "set_default_mmap_options", "get_default_mmap_options")
_WHY = "there is one device, and files are mapped privately."
__getattr__, __dir__ = _lazy.names(__name__, {}, dict.fromkeys(_ABSENT, _WHY))

DEFAULT_PROTOCOL = 2
PROTOCOL_VERSION = 1001
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C

__all__ = [
    "DEFAULT_PROTOCOL",
    "LoadEndianness",
    "SourceChangeWarning",
    "add_safe_globals",
    "clear_safe_globals",
    "default_restore_location",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "location_tag",
    "safe_globals",
    "save",
    "set_crc32_options",
    "set_default_load_endianness",
]
