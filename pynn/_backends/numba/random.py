"""Dropout and uniform numbers, with the very bits of `pynn._random`: Philox 4x32-10 by element index."""

# mypy: disable-error-code="no-untyped-def"

from typing import Any

import numpy

from pynn._backends.numba.arrays import flat, is_float, is_number
from pynn._backends.numba.runtime import jit, parallel

_M0, _M1 = numpy.uint64(0xD2511F53), numpy.uint64(0xCD9E8D57)
_W0, _W1 = numpy.uint64(0x9E3779B9), numpy.uint64(0xBB67AE85)
_LOW, _ZERO, _8, _32 = numpy.uint64(0xFFFFFFFF), numpy.uint64(0), numpy.uint64(8), numpy.uint64(32)


@jit
def _words(seed, counter):
    """The four 32-bit words of a counter."""
    k0, k1 = seed & _LOW, seed >> _32
    c0, c1, c2, c3 = counter & _LOW, counter >> _32, _ZERO, _ZERO
    for _ in range(10):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ k0, p1 & _LOW, (p0 >> _32) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@jit
def _dropout(start, stop, x, y, seed, offset, p, scale):
    """Blocks of four elements start to stop."""
    for block in range(start, stop):
        words = _words(seed, offset + numpy.uint64(block))
        for i in range(min(4, x.size - 4 * block)):
            kept = numpy.float32(words[i] >> _8) * numpy.float32(2.0**-24) >= p
            y[4 * block + i] = x[4 * block + i] * (scale if kept else y.dtype.type(0))


@jit
def _uniform(start, stop, y, seed, offset):
    """Blocks of four words start to stop: four float32 or two float64."""
    each = 16 // y.itemsize
    for block in range(start, stop):
        words = _words(seed, offset + numpy.uint64(block))
        for i in range(min(each, y.size - each * block)):
            if each == 4:
                y[4 * block + i] = numpy.float32(words[i] >> _8) * numpy.float32(2.0**-24)
            else:
                high, low = words[2 * i], words[2 * i + 1]
                bits = ((high << numpy.uint64(21)) ^ (low >> numpy.uint64(11))) & numpy.uint64((1 << 53) - 1)
                y[2 * block + i] = numpy.float64(bits) * 2.0**-53


def _is_place(place: Any) -> bool:
    """Whether it is a generator's (seed, offset)."""
    return type(place) is tuple and len(place) == 2 and all(type(n) is int and 0 <= n < 1 << 64 for n in place)


def dropout(x: Any, p: Any, place: Any) -> Any:
    """x zeroed with probability p, else scaled by 1 / (1 - p); place: (seed, offset)."""
    if not (is_float(x) and x.size) or not is_number(p) or not 0 <= p < 1 or not _is_place(place):
        return None
    y = numpy.empty(x.shape, x.dtype)
    seed, offset = (numpy.uint64(n) for n in place)
    parallel(_dropout, -(-x.size // 4), 8 * x.size, flat(x), y.reshape(-1), seed, offset, numpy.float32(p),
             x.dtype.type(1.0 / (1.0 - p)))  # fmt: skip
    return y


def dropout_backward(g: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """The same zeros and the same scale, from the place in the attrs."""
    return dropout(g, *attrs)


def rand(shape: Any, dtype: Any, place: Any) -> Any:
    """Uniform numbers in [0, 1)."""
    if dtype not in (numpy.float32, numpy.float64) or type(shape) is not tuple or not _is_place(place):
        return None
    if not all(type(n) is int and n > 0 for n in shape):
        return None
    y = numpy.empty(shape, dtype)
    seed, offset = (numpy.uint64(n) for n in place)
    parallel(_uniform, -(-y.size * y.itemsize // 16), 8 * y.size, y.reshape(-1), seed, offset)
    return y


KERNELS = {
    "dropout": dropout,
    "dropout.backward": dropout_backward,
    "dropout_again": dropout,
    "dropout_again.backward": dropout_backward,
    "rand": rand,
}
