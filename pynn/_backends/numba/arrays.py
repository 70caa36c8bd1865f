"""What kernels ask of the arrays they are given, and the forms they pass them on in."""

from typing import Any

import numpy
from numpy import ndarray

FLOATS = "fd"


def is_float(x: Any) -> bool:
    """Whether x is an array of float32 or float64 in the machine's byte order."""
    return type(x) is ndarray and x.dtype.char in FLOATS and x.dtype.isnative


def is_number(x: Any) -> bool:
    """Whether x is one of Python's real numbers."""
    return type(x) in (float, int)


def are_floats(dtype: Any, *others: Any) -> bool:
    """Whether all others are arrays of a dtype that `is_float` accepts, or None."""
    return all(x is None or (type(x) is ndarray and x.dtype == dtype) for x in others)


def dense(x: Any) -> Any:
    """x, or a copy of it, row-major, aligned and writeable: the one layout that kernels are compiled for."""
    return x if x.flags.carray else numpy.array(x, order="C")


def flat(x: Any) -> Any:
    """The elements of x as a one-dimensional array, copied only where x is not row-major."""
    return dense(x).reshape(-1)


def optional(x: Any, like: Any) -> Any:
    """The elements of x, or none where x is None, in an array of like's dtype."""
    return numpy.empty(0, like.dtype) if x is None else flat(x)


def matrix(x: Any) -> tuple[Any, int, int, int]:
    """A matrix as (one-dimensional array, place, row stride, column stride), copied only if neither order is dense."""
    if x.flags.farray and not x.flags.c_contiguous:
        return x.T.reshape(-1), 0, 1, x.shape[0]
    return flat(x), 0, x.shape[1], 1


def pair(value: Any, least: int) -> bool:
    """Whether a value is two integers of at least `least` and far from overflowing."""
    return type(value) is tuple and len(value) == 2 and all(type(n) is int and least <= n < 1 << 31 for n in value)
