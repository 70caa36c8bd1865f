"""Memory that processes share: an anonymous file, mapped by each of them.

Such a file has no name, so nothing is left behind when a process is killed: the kernel takes
the pages back with the last mapping and the last descriptor.
"""

import ctypes
import mmap
import os
import secrets
import weakref
from typing import Any

import numpy
from numpy.typing import NDArray

Buffer = Any  # whatever offers its bytes: bytes, memoryview, pickle.PickleBuffer


def create(size: int) -> int:
    """The descriptor of a new anonymous file of `size` zero bytes. OSError where memory or descriptors are used up."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("pynn", os.MFD_CLOEXEC)
    else:
        import _posixshmem  # type: ignore[import-not-found]  # not Linux: a named one, which loses its name at once

        name = f"/pynn-{os.getpid()}-{secrets.token_hex(6)}"
        fd = _posixshmem.shm_open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        _posixshmem.shm_unlink(name)
    try:
        if size:
            os.ftruncate(fd, size)
    except BaseException:
        os.close(fd)
        raise
    return fd


def write(fd: int, data: Buffer, offset: int) -> None:
    """Write all bytes of data from offset on."""
    view = memoryview(data).cast("B")
    done = 0
    while done < len(view):
        done += os.pwrite(fd, view[done:], offset + done)


_libc: Any = None


def _system_calls() -> Any:
    """The C library's mmap and munmap: Python's own mmap keeps a descriptor open for each mapping, and those are few."""
    global _libc
    if _libc is None:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [
            ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long,
        ]  # fmt: skip
        libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        _libc = libc
    return _libc


class Mapping:
    """The bytes of an anonymous file in this process's memory, for as long as an array lies in them.

    fd: the file; closed by this object in the end where keep is true (to send it on), else the caller's.
    """

    def __init__(self, fd: int, size: int, keep: bool = False) -> None:
        libc = _system_calls()
        address = libc.mmap(None, max(size, 1), mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, fd, 0)
        if address in (None, ctypes.c_void_p(-1).value):
            number = ctypes.get_errno()
            raise OSError(number, f"cannot map {size} bytes of shared memory: {os.strerror(number)}")
        self.size = size
        self.fd = fd if keep else -1
        self.__array_interface__ = {"version": 3, "shape": (size,), "typestr": "|u1", "data": (address, False)}
        self._release = weakref.finalize(self, _unmap, libc, address, max(size, 1), self.fd)
        self._release.atexit = False  # arrays may still be read by other exit handlers; the kernel cleans up

    def array(self) -> NDArray[numpy.uint8]:
        """All bytes, as an array that keeps the mapping alive."""
        return numpy.asarray(self)


def _unmap(libc: Any, address: int, size: int, fd: int) -> None:
    libc.munmap(address, size)
    if fd >= 0:
        os.close(fd)


def mapping_of(array: NDArray[Any]) -> Mapping | None:
    """The mapping that an array lies in, or None for memory of this process alone."""
    base: Any = array
    while isinstance(base, (numpy.ndarray, memoryview)):
        base = base.base if isinstance(base, numpy.ndarray) else base.obj
    return base if isinstance(base, Mapping) else None


def shared_copy(array: NDArray[Any]) -> NDArray[Any]:
    """The array's values, row-major, in new shared memory that can be sent on to other processes."""
    size = array.size * array.itemsize
    fd = create(size)
    try:
        mapping = Mapping(fd, size, keep=True)
    except BaseException:
        os.close(fd)
        raise
    twin = mapping.array().view(array.dtype)[: array.size].reshape(array.shape)
    twin[...] = array
    return twin
