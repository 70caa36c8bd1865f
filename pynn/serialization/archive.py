"""The zip archive of torch's format: entries stored, not compressed, each aligned to 64 bytes.

Reading trusts nothing: an entry's sizes are checked against the file before memory is
made for it, names are only looked up, never used as paths, and checksums are compared.
"""

import io
import struct
import zipfile
import zlib
from typing import Any

import numpy

ALIGNMENT = 64
MAGIC = b"PK\x03\x04"
_LOCAL_HEADER = 30  # bytes before an entry's name
_ZIP64_EXTRA = 20  # bytes zipfile adds to the header of an entry that may pass 2 GiB
_LARGE = 2**30
_EPOCH = (1980, 1, 1, 0, 0, 0)  # equal objects give equal files


class Region:
    """A binary file from its current position on, as a file of its own. Never reads past the end."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._start = file.tell()
        self.size = None  # of a file to read; see `measured`

    @classmethod
    def measured(cls, file: Any) -> Any:
        """The region up to the file's end."""
        region = cls(file)
        file.seek(0, io.SEEK_END)
        region.size = file.tell() - region._start
        region.seek(0)
        return region

    def seekable(self) -> bool:
        return True

    def tell(self) -> Any:
        return self._file.tell() - self._start

    def seek(self, position: Any, whence: Any = io.SEEK_SET) -> Any:
        self._file.seek(position + self._start if whence == io.SEEK_SET else position, whence)
        return self.tell()

    def write(self, data: Any) -> Any:
        return self._file.write(data)

    def flush(self) -> None:
        if hasattr(self._file, "flush"):
            self._file.flush()

    def read(self, count: int = -1) -> Any:
        left = max(0, self.size - self.tell())
        return self._file.read(left if count is None or count < 0 else min(count, left))

    def readline(self) -> Any:
        return self._file.readline()

    def fill(self, array: Any) -> Any:
        """Read into all of a contiguous array; returns how many bytes there were."""
        view = memoryview(array.view(numpy.uint8))
        done = 0
        while done < len(view):
            if hasattr(self._file, "readinto"):
                count = self._file.readinto(view[done:])
            else:
                data = self._file.read(len(view) - done)
                count = len(data)
                view[done : done + count] = data
            if not count:
                break
            done += count
        return done


class Writer:
    """Writes entries under one folder name, as torch does. Use as a context manager."""

    def __init__(self, file: Any, folder: str = "archive") -> None:
        self._folder = folder
        if hasattr(file, "seek") and hasattr(file, "tell") and (not hasattr(file, "seekable") or file.seekable()):
            self._sink: Any = Region(file)
            self._copy_to: Any = None
        else:  # a pipe: sizes and checksums stand before the data, so it is collected first
            self._sink, self._copy_to = io.BytesIO(), file
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_STORED)

    def add(self, name: str, data: Any) -> None:
        """Write an entry: anything that offers its bytes."""
        data = memoryview(data)
        info = zipfile.ZipInfo(f"{self._folder}/{name}", _EPOCH)
        large = data.nbytes > _LARGE
        start = self._sink.tell() + _LOCAL_HEADER + len(info.filename) + (_ZIP64_EXTRA if large else 0)
        padding = -(start + 4) % ALIGNMENT
        info.extra = struct.pack("<2sH", b"FB", padding) + b"\0" * padding
        info.file_size = data.nbytes
        with self._zip.open(info, "w", force_zip64=large) as entry:
            entry.write(data)
        info.extra = b""  # padding is for the data's place; the directory needs none

    def __enter__(self) -> Any:
        return self

    def __exit__(self, kind: Any, *error: Any) -> None:
        if kind is None:
            self._zip.close()
            if self._copy_to is not None:
                self._copy_to.write(self._sink.getbuffer())
        else:
            self._zip.fp = None  # the file is given up: write no directory


class Reader:
    """Finds and reads the entries of an archive. RuntimeError says what is wrong with a damaged or foreign one."""

    def __init__(self, region: Any) -> None:
        self._region = region
        self._taken = 0
        try:
            self._entries = {info.filename: info for info in zipfile.ZipFile(region).infolist()}
        except (zipfile.BadZipFile, ValueError, struct.error, NotImplementedError, OverflowError) as error:
            raise RuntimeError(
                f"failed finding central directory: the file of {region.size} bytes begins as a zip archive but does not "
                f"end as one ({error}). It was probably cut off while it was written or copied; get it anew."
            ) from None
        names = list(self._entries)
        folders = {name[: -len("/data.pkl")] for name in names if name.endswith("/data.pkl") and name.count("/") == 1}
        if len(folders) != 1:
            raise RuntimeError(
                f"the file is a zip archive, but not one of torch.save or pynn.save: those hold one <name>/data.pkl, "
                f"this one holds {len(names)} entries ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})."
            )
        self._folder = folders.pop()
        if self.has("constants.pkl"):
            raise RuntimeError(
                "the file is a TorchScript archive (torch.jit.save), which holds a program. Load it in torch and save "
                "its state_dict() with torch.save."
            )

    def has(self, name: str) -> bool:
        """Whether there is an entry of this name."""
        return f"{self._folder}/{name}" in self._entries

    def read(self, name: str) -> Any:
        """The bytes of an entry."""
        return self._take(name, *self._find(name)).tobytes()

    def array(self, name: str, dtype: Any, count: Any) -> Any:
        """A new array of count elements from the bytes of an entry."""
        info, start = self.place(name, count * dtype.itemsize)
        return self._take(name, info, start, dtype)

    def _take(self, name: str, info: Any, start: Any, dtype: Any = numpy.dtype("uint8")) -> Any:
        self._taken += info.file_size
        if self._taken > self._region.size:
            raise RuntimeError(
                f"entries of the file overlap: {name} claims bytes that belong to others. It is damaged."
            )
        out = numpy.empty(info.file_size // dtype.itemsize, dtype)
        self._region.seek(start)
        if self._region.fill(out) != info.file_size:
            raise RuntimeError(f"the file ends within entry {name}. It is truncated; get it anew.")
        if info.CRC and zlib.crc32(out) != info.CRC:  # type: ignore[arg-type]  # 0: torch.serialization.set_crc32_options(False) wrote it
            raise RuntimeError(
                f"the checksum of entry {name} does not match its bytes. The file is damaged; get it anew."
            )
        return out

    def place(self, name: str, size: Any) -> Any:
        """(record, start within the file) of an entry that must have `size` bytes."""
        info, start = self._find(name)
        if info.file_size != size:
            raise RuntimeError(
                f"entry {name} has {info.file_size} bytes, but the pickle claims {size}. The file is damaged; get it anew."
            )
        return info, start

    def _find(self, name: str) -> Any:
        info = self._entries.get(f"{self._folder}/{name}")
        if info is None:
            raise RuntimeError(f"the file has no entry {name!r}, which its pickle needs. It is damaged; get it anew.")
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise RuntimeError(
                f"entry {name} is compressed or encrypted; torch.save and pynn.save store entries as they are. Unpack the "
                "archive and pack it without compression (zip -0), or save it anew."
            )
        self._region.seek(max(0, info.header_offset))
        header = self._region.read(_LOCAL_HEADER)
        if info.header_offset < 0 or len(header) < _LOCAL_HEADER or header[:4] != MAGIC:
            raise RuntimeError(
                f"entry {name} is not where the archive's directory says. The file is damaged; get it anew."
            )
        name_size, extra_size = struct.unpack("<HH", header[26:30])
        start = info.header_offset + _LOCAL_HEADER + name_size + extra_size
        if start + info.file_size > self._region.size:
            raise RuntimeError(
                f"entry {name} claims {info.file_size} bytes from {start}, but the file has {self._region.size}. It is "
                "truncated or damaged; get it anew."
            )
        return info, start
