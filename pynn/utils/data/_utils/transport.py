"""A channel between two processes: small things through a socket, the memory of arrays through shared memory.

A message is a header (two integers: the bytes that follow, and the bytes of shared memory), the pickled head, and
where there is much data the descriptor of an anonymous file that holds it. Nobody else has that file, so that it
is gone with the message when either end dies.
"""

import io
import os
import pickle
import socket
import struct
from collections import deque
from typing import Any

import numpy

from pynn import _shared

_HEADER = struct.Struct("<QQ")
_INLINE = 1 << 15  # bytes up to which data goes through the socket, where it is cheaper than a mapping
_ALIGNMENT = 64
_CLOEXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
_NOSIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)


class Closed(Exception):
    """The other end is gone."""


class _Pickler(pickle.Pickler):
    """Gives every large array's bytes to buffer_callback, whatever its dtype and layout."""

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is numpy.ndarray and not obj.dtype.hasobject:
            return _plain_array, _parts(obj)
        return NotImplemented


def _parts(array: Any) -> tuple[Any, ...]:
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    dense: Any = array.T if fortran else numpy.ascontiguousarray(array)
    return pickle.PickleBuffer(dense.reshape(-1).view(numpy.uint8)), array.dtype, array.shape, fortran


def _plain_array(buffer: Any, dtype: Any, shape: tuple[int, ...], fortran: bool) -> Any:
    flat = buffer if isinstance(buffer, numpy.ndarray) else numpy.frombuffer(buffer, numpy.uint8)
    flat = flat.view(dtype) if flat.size else numpy.empty(0, dtype)
    return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)


def pack(obj: Any) -> tuple[bytes, int, int]:
    """(what goes through the socket, a descriptor or -1, the size of its file)."""
    buffers: list[pickle.PickleBuffer] = []
    stream = io.BytesIO()
    _Pickler(stream, 5, buffer_callback=buffers.append).dump(obj)
    views = [buffer.raw() for buffer in buffers]
    views.append(stream.getbuffer())
    if sum(view.nbytes for view in views) <= _INLINE:
        return pickle.dumps([bytes(view) for view in views]), -1, 0
    places, end = [], 0
    for view in views:
        places.append((end, view.nbytes))
        end += -(-view.nbytes // _ALIGNMENT) * _ALIGNMENT
    fd = _shared.create(end)
    try:
        for view, (start, size) in zip(views, places):
            if size:
                _shared.write(fd, view, start)
    except BaseException:
        os.close(fd)
        raise
    return pickle.dumps(places), fd, end


def unpack(head: bytes, fd: int, size: int) -> Any:
    """The object of a message; its arrays lie in the message's own memory. Closes the descriptor."""
    parts = pickle.loads(head)
    if fd < 0:
        return pickle.loads(parts[-1], buffers=[bytearray(part) for part in parts[:-1]])
    try:
        memory = _shared.Mapping(fd, size).array()
    finally:
        os.close(fd)
    *buffers, body = [memory[start : start + count] for start, count in parts]
    return pickle.loads(body.data, buffers=buffers)


class Channel:
    """One end of a pair of sockets. Sending never waits for the other end; what it does not take yet is kept here."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._unsent: deque[tuple[memoryview, int]] = deque()

    def fileno(self) -> int:
        """The socket's descriptor; -1 once closed."""
        return self._socket.fileno()

    def unsent(self) -> bool:
        """Whether something waits here to be sent."""
        return bool(self._unsent)

    def send(self, obj: Any, wait: bool) -> None:
        """Send an object; with wait, until the other end's socket has taken it all. Raises Closed."""
        head, fd, size = pack(obj)
        self._unsent.append((memoryview(_HEADER.pack(len(head), size) + head), fd))
        self.flush(wait)

    def flush(self, wait: bool) -> bool:
        """Send what is left; returns whether all is sent. Raises Closed."""
        while self._unsent:
            data, fd = self._unsent[0]
            ancillary = [] if fd < 0 else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", fd))]
            flags = _NOSIGNAL | (0 if wait else socket.MSG_DONTWAIT)
            try:
                sent = self._socket.sendmsg([data], ancillary, flags)
            except BlockingIOError:
                return False
            except OSError as error:
                raise Closed from error
            if fd >= 0:
                os.close(fd)
            if sent == len(data):
                self._unsent.popleft()
            else:
                self._unsent[0] = data[sent:], -1
        return True

    def receive(self) -> Any:
        """The next object, waiting for it. Raises Closed."""
        fd = -1
        try:
            header, ancillary, _, _ = self._socket.recvmsg(_HEADER.size, socket.CMSG_SPACE(4), _CLOEXEC)
            for level, kind, data in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fd = struct.unpack("i", data[:4])[0]
            if len(header) < _HEADER.size:
                header += self._exactly(_HEADER.size - len(header))
            length, size = _HEADER.unpack(header)
            head = self._exactly(length)
        except BaseException as error:
            if fd >= 0:
                os.close(fd)
            if isinstance(error, OSError):
                raise Closed from error
            raise
        return unpack(head, fd, size)

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            more = self._socket.recv(count - len(data))
            if not more:
                raise Closed
            data += more
        return bytes(data)

    def close(self) -> None:
        """Close this end."""
        self._socket.close()
        for _, fd in self._unsent:
            if fd >= 0:
                os.close(fd)
        self._unsent.clear()


__all__ = ["Channel", "Closed", "pack", "unpack"]
