"""exp, its kin and their slopes, in forms that LLVM turns into vector code for float32.

exp(x) = 2^n exp(r) with n the nearest integer to x / log(2) (Cody and Waite, Software Manual for the Elementary
Functions, 1980); exp(r) - 1 for |r| <= log(2) / 2 by its Taylor series, to half a unit in the last place. float64 takes
the system's functions.
"""

# mypy: disable-error-code="no-untyped-def"

import math
from typing import Any

import numpy
from numba import njit, types
from numba.extending import overload

from pynn._backends.numba.vectors import float_of

_LOG2E = numpy.float32(1.4426950408889634)
_LN2_HIGH, _LN2_LOW = (
    numpy.float32(0.693359375),
    numpy.float32(-2.12194440e-4),
)  # the first has ten bits: n times it is exact
_ONE, _HALF, _TWO = numpy.float32(1), numpy.float32(0.5), numpy.float32(2)
_C3, _C4, _C5, _C6, _C7 = (numpy.float32(1 / math.factorial(n)) for n in (3, 4, 5, 6, 7))
_MOST, _LEAST = numpy.float32(89), numpy.float32(-104)

# No reassociation: the two parts of log(2) would be added up.
_exactly = njit(fastmath={"contract"}, nogil=True, error_model="numpy")


@_exactly
def _reduced(x):
    """(n, exp(r) - 1) of x between -104 and 89."""
    x = _MOST if x > _MOST else x
    x = _LEAST if x < _LEAST else x
    n = numpy.rint(x * _LOG2E)
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    p = ((((_C7 * r + _C6) * r + _C5) * r + _C4) * r + _C3) * r + _HALF
    return numpy.int32(n), p * r * r + r


@_exactly
def less_both(x, a, b):
    """(x - a) - b, in this order: a may be as large as x, and b small."""
    return (x - a) - b


@_exactly
def gap(x, a, b):
    """b - (x - a), likewise."""
    return b - (x - a)


@_exactly
def _power(n):
    return float_of(numpy.int32((n + 127) << 23))


@_exactly
def _exp32(x):
    n, part = _reduced(x)
    half = numpy.int32(n >> 1)  # 2^n itself may be no float
    return (part + _ONE) * _power(half) * _power(numpy.int32(n - half))


@_exactly
def _expm1_32(x):
    """For x up to 88."""
    n, part = _reduced(x)
    scale = _power(n)
    return scale * part + (scale - _ONE)


@_exactly
def _tanh32(x):
    y = _expm1_32(
        numpy.float32(40) if x > numpy.float32(20) else numpy.float32(-40) if x < numpy.float32(-20) else _TWO * x
    )
    return y / (y + _TWO)


@_exactly
def _sigmoid32(x):
    n, part = _reduced(-x)
    half = numpy.int32(n >> 1)
    return _ONE / (_ONE + (part + _ONE) * _power(half) * _power(numpy.int32(n - half)))


@_exactly
def _sigmoid64(x):
    return 1.0 / (1.0 + math.exp(-x))


def _by_type(stub: Any, single: Any, double: Any) -> None:
    @overload(stub)
    def choose(x):
        if x == types.float32:
            return lambda x: single(x)
        return lambda x: double(x)


def exp(x: Any) -> Any:
    """e to the power of x."""
    raise NotImplementedError("exp is for compiled code")


def tanh(x: Any) -> Any:
    """The hyperbolic tangent of x."""
    raise NotImplementedError("tanh is for compiled code")


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    raise NotImplementedError("sigmoid is for compiled code")


@_exactly
def _exp64(x):
    return math.exp(x)


@_exactly
def _tanh64(x):
    return math.tanh(x)


_by_type(exp, _exp32, _exp64)
_by_type(tanh, _tanh32, _tanh64)
_by_type(sigmoid, _sigmoid32, _sigmoid64)
