"""Random numbers of other distributions: normal(...), poisson, binomial, and exponential_, geometric_, cauchy_, log_normal_."""

import math
from collections.abc import Sequence
from typing import Any

import numpy

from pynn import _core
from pynn._core import Tensor, call_inplace, made, observe
from pynn._device import DeviceLike
from pynn._dtypes import INT64, plain
from pynn._dtypes import dtype as Dtype
from pynn._layout import layout as Layout
from pynn._random import Generator
from pynn.ops.devices import beside_input
from pynn.ops.random import _filler, _require_float, _words, randint, randn
from pynn.ops.registry import check_broadcast, export

# ---- normal ----


@export(method=False)
@beside_input
def normal(
    mean: Tensor | float = 0.0,
    std: Tensor | float = 1.0,
    size: Sequence[int] | None = None,
    *,
    generator: Generator | None = None,
    dtype: Dtype | None = None,
    layout: Layout | None = None,
    device: DeviceLike | None = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers: of a tensor of means, of deviations or of both (which broadcast), or of two numbers and a size.

    RuntimeError for a deviation below 0. No gradient flows to mean or std.
    """
    spread = observe(std) if isinstance(std, Tensor) else numpy.asarray(std)
    if (plain(spread) < 0).any():
        raise RuntimeError(f"normal expects all elements of std >= 0.0, but found {plain(spread).min()}.")
    if not isinstance(mean, Tensor) and not isinstance(std, Tensor):
        if size is None:
            raise TypeError("normal() of two numbers needs a size: normal(mean, std, size).")
        out = randn(size, generator=generator, dtype=dtype, device=device) * std + mean
    else:
        tensors = tuple(x.detach() for x in (mean, std) if isinstance(x, Tensor))
        shape = check_broadcast(tensors)
        mean, std = (x.detach() if isinstance(x, Tensor) else x for x in (mean, std))
        out = randn(shape, generator=generator, dtype=tensors[0].dtype) * std + mean
    result: Tensor = out
    if requires_grad:
        result.requires_grad = True
    return result


# ---- counts ----


def _numpy_generator(generator: Any) -> "numpy.random.Generator":
    """NumPy's source of random numbers, seeded by a draw of ours: for distributions that take a loop of draws each."""
    seed = observe(randint(0, 2**62, (2,), generator=generator))
    return numpy.random.default_rng(seed.tolist())


@export(method=False)
@beside_input
def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """How many events happen where input many are expected, for each element; input's float dtype."""
    _require_float(input, "poisson")
    rates = plain(observe(input)).astype(numpy.float64)
    if not (rates >= 0).all():
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative.")
    return made(numpy.asarray(_numpy_generator(generator).poisson(rates)).astype(input._array.dtype))


@export(method=False)
@beside_input
def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """How many of count trials succeed, each with probability prob, for each element (the two broadcast); float dtypes."""
    _require_float(count, "binomial")
    if count._array.dtype != prob._array.dtype:
        raise RuntimeError(
            f"Binomial count and probability should have the same dtype, got {count._array.dtype} and {prob._array.dtype}."
        )
    trials, chance = (plain(observe(x)).astype(numpy.float64) for x in (count, prob))
    if (trials < 0).any() or not ((chance >= 0) & (chance <= 1)).all():
        raise RuntimeError("binomial() takes counts from 0 on and probabilities from 0 to 1.")
    drawn = _numpy_generator(generator).binomial(numpy.floor(trials).astype(INT64), chance)
    return made(numpy.asarray(drawn).astype(count._array.dtype))


# ---- in-place fills ----


def _uniform(xp: Any, place: tuple[int, int], x: numpy.ndarray) -> numpy.ndarray:
    """Uniform numbers in (0, 1], in float64 or float32, for each element of x."""
    wide = numpy.float64 if x.dtype.kind in "iu" or x.dtype == numpy.float64 else numpy.float32
    result: numpy.ndarray = 1 - xp.uniform(place[0], place[1], x.shape, wide)
    return result


def _count(arrays: tuple[Any, ...], attrs: tuple[Any, ...]) -> int:
    kind = arrays[0].dtype
    words: int = _words(numpy.float64 if kind.kind in "iu" else kind)
    size: int = arrays[0].size
    return size * words


EXPONENTIAL_ = _filler(
    "exponential",
    lambda xp, x, rate, place: (-numpy.log(_uniform(xp, place, x)) / rate).astype(x.dtype),
    _count,
    ("lambd", "generator"),
    (1.5, None),
)
GEOMETRIC_ = _filler(
    "geometric",
    lambda xp, x, p, place: numpy.maximum(numpy.ceil(numpy.log(_uniform(xp, place, x)) / math.log1p(-p)), 1).astype(
        x.dtype
    ),
    _count,
    ("p", "generator"),
    (0.3, None),
)
CAUCHY_ = _filler(
    "cauchy",
    lambda xp, x, median, sigma, place: (median + sigma * numpy.tan(math.pi * (_uniform(xp, place, x) - 0.5))).astype(
        x.dtype
    ),
    _count,
    ("median", "sigma", "generator"),
    (0.0, 1.0, None),
)
LOG_NORMAL_ = _filler(
    "log_normal",
    lambda xp, x, mean, std, place: numpy.exp(
        mean + std * plain(xp.normal(place[0], place[1], x.shape, x.dtype))
    ).astype(x.dtype),
    lambda arrays, attrs: arrays[0].size * 2,
    ("mean", "std", "generator"),
    (0.0, 0.5, None),
)


@export(function=False)
def exponential_(self: Tensor, lambd: float = 1, *, generator: Any = None) -> Tensor:
    """Fill with numbers of the exponential distribution of rate lambd (above 0)."""
    _require_float(self, "exponential_")
    if not lambd > 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}.")
    return call_inplace(EXPONENTIAL_, (self,), (float(lambd), generator))


@export(function=False)
def geometric_(self: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Fill with how many trials it takes until one succeeds, each with probability p (between 0 and 1)."""
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}.")
    return call_inplace(GEOMETRIC_, (self,), (float(p), generator))


@export(function=False)
def cauchy_(self: Tensor, median: float = 0, sigma: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers of the Cauchy distribution of a median and a width sigma (above 0)."""
    _require_float(self, "cauchy_")
    if not sigma > 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}.")
    return call_inplace(CAUCHY_, (self,), (float(median), float(sigma), generator))


@export(function=False)
def log_normal_(self: Tensor, mean: float = 1, std: float = 2, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers whose logarithms are normal of that mean and deviation (above 0)."""
    _require_float(self, "log_normal_")
    if not std > 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}.")
    return call_inplace(LOG_NORMAL_, (self,), (float(mean), float(std), generator))


_ALL_INTEGERS = {"f4": 2**24, "f8": 2**53, "f2": 2**11, "V2": 2**8}  # up to where a float dtype has every integer


@export(function=False)
@beside_input
def random_(
    self: Tensor, from_: int = 0, to: int | None = None, *, generator: Generator | None = None, **bounds: Any
) -> Tensor:
    """Fill with integers: of all that the dtype has exactly, from 0 on; in [0, to); or in [from, to)."""
    kind = self._array.dtype
    low = bounds.pop("from", from_)
    if bounds:
        raise TypeError(f"random_() got an unexpected keyword argument {next(iter(bounds))!r}.")
    if to is None and (low == 0 or low is None):
        low = 0
        if kind.kind == "b":
            to = 2
        elif kind.kind in "iu":
            to = numpy.iinfo(kind).max + (1 if kind != INT64 else 0)
        else:
            to = _ALL_INTEGERS[f"{kind.kind}{kind.itemsize}"] + 1
    elif to is None:
        low, to = 0, low
    if low >= to:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={to}.")
    if kind.kind in "iu" and (low < numpy.iinfo(kind).min or to - 1 > numpy.iinfo(kind).max):
        raise RuntimeError(f"random_: from {low} to {to} is out of bounds for {kind}.")
    filled: Tensor = _core.METHODS["copy_"](self, randint(low, to, self._array.shape, generator=generator))
    return filled
