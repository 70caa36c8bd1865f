"""Window functions: weights that fade a stretch of samples out at its ends.

Each takes M, how many samples, and sym: True for a symmetric window, False for one period of a periodic one (which is a
symmetric window of M + 1 samples without its last). M below 0 is a ValueError; 0 samples are an empty tensor, one is a 1.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy

from pynn._core import Tensor
from pynn._dtypes import from_numpy
from pynn._layout import strided
from pynn.ops.creation import _dtype_or_default, finish


def _phase(M: int, sym: bool) -> numpy.ndarray:
    """Where each sample lies between the ends, 0 and 1."""
    return numpy.arange(M) / max(M - 1 if sym else M, 1)


def _window(name: str, M: int, values: Any, dtype: Any, layout: Any, device: Any, requires_grad: bool) -> Tensor:
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}.")
    if layout not in (None, strided):
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}.")
    np_dtype = _dtype_or_default(dtype)
    if np_dtype.kind != "f" or np_dtype.itemsize < 4:
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {from_numpy(np_dtype)}.")
    array = numpy.ones(1) if M == 1 else values() if M else numpy.empty(0)
    made: Tensor = finish(array.astype(np_dtype), device, requires_grad)
    return made


def _cosines(x: numpy.ndarray, a: Iterable[float]) -> numpy.ndarray:
    out = numpy.zeros_like(x)
    for k, weight in enumerate(a):
        out += (-1) ** k * weight * numpy.cos(2 * math.pi * k * x)
    return out


def exponential(
    M: int,
    *,
    center: float | None = None,
    tau: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """exp(-|n - center| / tau); center (the middle) may be given for a periodic window only. tau above 0."""
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows.")
    middle = (M - 1 if sym else M) / 2 if center is None else center
    values = lambda: numpy.exp(-numpy.abs(numpy.arange(M) - middle) / tau)  # noqa: E731
    return _window("exponential", M, values, dtype, layout, device, requires_grad)


def cosine(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Half a wave: sin(pi * (n + 1/2) / M)."""
    count = M if sym else M + 1
    values = lambda: numpy.sin(math.pi * (numpy.arange(M) + 0.5) / count)  # noqa: E731
    return _window("cosine", M, values, dtype, layout, device, requires_grad)


def gaussian(
    M: int,
    *,
    std: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """exp(-(n / std)^2 / 2), n counted from the middle. std above 0."""
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    middle = (M - 1 if sym else M) / 2
    values = lambda: numpy.exp(-(((numpy.arange(M) - middle) / std) ** 2) / 2)  # noqa: E731
    return _window("gaussian", M, values, dtype, layout, device, requires_grad)


def kaiser(
    M: int,
    *,
    beta: float = 12.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """I0(beta * sqrt(1 - x^2)) / I0(beta), x from -1 to 1. beta not below 0."""
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    values = lambda: numpy.i0(beta * numpy.sqrt(1 - (2 * _phase(M, sym) - 1) ** 2)) / numpy.i0(beta)  # noqa: E731
    return _window("kaiser", M, values, dtype, layout, device, requires_grad)


def general_cosine(
    M: int,
    *,
    a: Iterable[float],
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """a[0] - a[1] cos(2 pi x) + a[2] cos(4 pi x) - ..., x from 0 to 1."""
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple.")
    weights = list(a)
    if not weights:
        raise ValueError("Coefficients cannot be empty.")
    values = lambda: _cosines(_phase(M, sym), weights)  # noqa: E731
    return _window("general_cosine", M, values, dtype, layout, device, requires_grad)


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, **options: Any) -> Tensor:
    """alpha - (1 - alpha) cos(2 pi x), x from 0 to 1. options: dtype, layout, device, requires_grad."""
    return general_cosine(M, a=[alpha, 1.0 - alpha], sym=sym, **options)


def hamming(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """0.54 - 0.46 cos(2 pi x), x from 0 to 1. options: dtype, layout, device, requires_grad."""
    return general_hamming(M, sym=sym, **options)


def hann(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """(1 - cos(2 pi x)) / 2, x from 0 to 1. options: dtype, layout, device, requires_grad."""
    return general_hamming(M, alpha=0.5, sym=sym, **options)


def blackman(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """0.42 - 0.5 cos(2 pi x) + 0.08 cos(4 pi x), x from 0 to 1. options: dtype, layout, device, requires_grad."""
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, **options)


def nuttall(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """Nuttall's four-term window with a continuous first derivative. options: dtype, layout, device, requires_grad."""
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, **options)


def bartlett(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A triangle: 1 - |2 x - 1|, x from 0 to 1."""
    values = lambda: 1 - numpy.abs(2 * _phase(M, sym) - 1)  # noqa: E731
    return _window("bartlett", M, values, dtype, layout, device, requires_grad)


__all__ = [
    "bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming", "hamming", "hann", "kaiser",
    "nuttall",
]  # fmt: skip
