"""The array namespace `xp` that references are written over, for NumPy arrays.

A small subset of the array API standard under its names, plus erf, and the few writing
helpers that primitive ops need (`copyto`, `add_at`). `pynn.ops.namespace` gives the same
names over Tensors, without the writing helpers: only composites run there. Special functions beyond erf
(`pynn._backends.special`, `pynn._backends.bessel`) and random numbers (`pynn._random`) are among the names, and imported when first asked for.
"""

from typing import Any

import numpy
from numpy import (  # noqa: F401  (the namespace itself)
    abs,
    acos,
    acosh,
    add,
    arange,
    argmax,
    argmin,
    argsort,
    asarray,
    asin,
    asinh,
    astype,
    atan,
    atan2,
    atanh,
    bincount,
    bitwise_and,
    bitwise_left_shift,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    bool_,
    broadcast_to,
    ceil,
    clip,
    concat,
    copysign,
    copyto,
    cos,
    cosh,
    cumprod,
    cumsum,
    divide,
    equal,
    exp,
    exp2,
    expm1,
    flip,
    float32,
    float64,
    floor,
    floor_divide,
    fmax,
    fmin,
    frexp,
    full,
    full_like,
    gcd,
    greater,
    greater_equal,
    hypot,
    int64,
    invert,
    isfinite,
    isinf,
    isnan,
    lcm,
    less,
    less_equal,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logaddexp2,
    logical_and,
    logical_not,
    logical_or,
    matmul,
    max,
    maximum,
    mean,
    min,
    minimum,
    multiply,
    negative,
    nextafter,
    not_equal,
    ones,
    ones_like,
    permute_dims,
    pow,
    prod,
    remainder,
    reshape,
    round,
    signbit,
    sin,
    sinh,
    sort,
    sqrt,
    square,
    squeeze,
    stack,
    subtract,
    sum,
    take_along_axis,
    tan,
    tanh,
    tril,
    triu,
    trunc,
    where,
    zeros,
    zeros_like,
)
from numpy.lib.stride_tricks import as_strided  # noqa: F401

name = "numpy"


def expand_dims(x: Any, axis: Any) -> Any:
    """x with a dimension of size 1 at `axis`."""
    return numpy.expand_dims(x, axis)


def add_at(out: Any, index: Any, values: Any) -> None:
    """out[index] += values, counting every repeat of an index."""
    numpy.add.at(out, index, values)


def any(x: Any, axis: Any, keepdims: bool) -> Any:
    """Whether an element of a bool array is true, over dimensions."""
    return numpy.max(x, axis=axis, keepdims=keepdims, initial=False)


def all(x: Any, axis: Any, keepdims: bool) -> Any:
    """Whether every element of a bool array is true, over dimensions."""
    return numpy.min(x, axis=axis, keepdims=keepdims, initial=True)


def running(name: str, x: Any, axis: Any) -> Any:
    """The running maximum, minimum or logaddexp of x, by NumPy's name of the function, along a dimension."""
    return getattr(numpy, name).accumulate(x, axis=axis)


def copy(x: Any) -> Any:
    """A C-contiguous copy."""
    return numpy.array(x, order="C", copy=True)


def sign(x: Any) -> Any:
    """-1, 0 or 1; 0 for NaN, as in torch."""
    if x.dtype.kind == "b":
        return copy(x)
    out = numpy.sign(x)
    return numpy.where(x != x, numpy.zeros_like(out), out) if x.dtype.kind == "f" else out


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)) without overflow."""
    e = numpy.exp(-numpy.abs(x))
    return numpy.where(x >= 0, 1 / (1 + e), e / (1 + e)).astype(x.dtype, copy=False)


# erf and erfc by Cody's rational Chebyshev approximations (Math. Comp. 23, 1969, 631-637),
# the three ranges |x| <= 0.46875, <= 4 and beyond; about 1e-16 relative in float64.
_ERF_P = (
    3.20937758913846947e03,
    3.77485237685302021e02,
    1.13864154151050156e02,
    3.16112374387056560e00,
    1.85777706184603153e-1,
)
_ERF_Q = (2.84423683343917062e03, 1.28261652607737228e03, 2.44024637934444173e02, 2.36012909523441209e01, 1.0)
_ERFC_P = (
    1.23033935479799725e03, 2.05107837782607147e03, 1.71204761263407058e03, 8.81952221241769090e02, 2.98635138197400131e02,
    6.61191906371416295e01, 8.88314979438837594e00, 5.64188496988670089e-1, 2.15311535474403846e-8,
)  # fmt: skip
_ERFC_Q = (
    1.23033935480374942e03, 3.43936767414372164e03, 4.36261909014324716e03, 3.29079923573345963e03, 1.62138957456669019e03,
    5.37181101862009858e02, 1.17693950891312499e02, 1.57449261107098347e01, 1.0,
)  # fmt: skip
_TAIL_P = (
    -6.58749161529837803e-4,
    -1.60837851487422766e-2,
    -1.25781726111229246e-1,
    -3.60344899949804439e-1,
    -3.05326634961232344e-1,
    -1.63153871373020978e-2,
)
_TAIL_Q = (
    2.33520497626869185e-3,
    6.05183413124413191e-2,
    5.27905102951428412e-1,
    1.87295284992346725e00,
    2.56852019228982242e00,
    1.0,
)


def _poly(coefficients: Any, x: Any) -> Any:
    out = numpy.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        out = out * x + c
    return out


def erf(x: Any) -> Any:
    """The error function; computed in float64, returned in x's dtype."""
    v = x.astype(numpy.float64) if hasattr(x, "astype") else numpy.asarray(x, dtype=numpy.float64)
    a = numpy.minimum(numpy.abs(v), 6.0)
    small = numpy.minimum(a, 0.46875)
    near = small * _poly(_ERF_P, small * small) / _poly(_ERF_Q, small * small)
    middle = 1.0 - numpy.exp(-a * a) * _poly(_ERFC_P, a) / _poly(_ERFC_Q, a)
    z = 1.0 / numpy.maximum(a, 4.0) ** 2
    tail = (1 / numpy.sqrt(numpy.pi) + z * _poly(_TAIL_P, z) / _poly(_TAIL_Q, z)) / numpy.maximum(a, 4.0)
    far = 1.0 - numpy.exp(-a * a) * tail
    out = numpy.where(a <= 0.46875, near, numpy.where(a <= 4.0, middle, far))
    out = numpy.copysign(out, v)
    out = numpy.where(numpy.isnan(v), v, out)
    return out.astype(x.dtype) if hasattr(x, "dtype") else out


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        from pynn import _random
        from pynn._backends import bessel, special

        for module in (special, bessel, _random):
            if hasattr(module, name):
                globals()[name] = getattr(module, name)
                return globals()[name]
    raise AttributeError(f"the array namespace has no {name!r}.")
