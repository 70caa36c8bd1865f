"""Running totals and extremes along a dimension: cumsum, cumprod, logcumsumexp, cummax, cummin."""

import math
from typing import Any

import numpy

from pynn._core import Tensor, call, made_beside
from pynn._dtypes import INT64, to_numpy
from pynn._dtypes import dtype as Dtype
from pynn.ops.cast import _convert
from pynn.ops.extremes import picked_vjp
from pynn.ops.reduction import _floating
from pynn.ops.registry import Sample, export, register
from pynn.ops.view import normal_dim
from pynn.return_types import ValuesIndices, named


def _samples(low: Any, high: Any, extreme: Any = ()) -> Any:
    def samples(rng: Any) -> Any:
        found = [((3, 4), 0), ((3, 4), 1), ((7,), 0), ((37,), 0), ((2, 5, 3), 1), ((0, 3), 0), ((9, 150), 0)]
        out = [Sample((rng.uniform(low, high, size),), (dim,)) for size, dim in found]
        out.append(Sample((rng.uniform(low, high, (4, 3)).T,), (1,)))
        return out + [Sample((numpy.array(x),), (0,), grad=False) for x in extreme]

    return samples


def _slices(xp: Any, x: Any, dim: Any) -> Any:
    return x.unbind(dim) if xp.name == "pynn" else [numpy.take(x, i, axis=dim) for i in range(x.shape[dim])]


CUMSUM = register(
    "cumsum",
    vjp=(lambda xp, g, out, x, dim: xp.flip(xp.cumsum(xp.flip(g, axis=dim), axis=dim), axis=dim),),
    shape=lambda x, dim: x,
    attrs=("dim",),
    samples=_samples(-2, 2),
    torch=lambda t, x, dim: t.cumsum(x, dim),
)(lambda xp, x, dim: xp.cumsum(x, axis=dim) if xp.name == "pynn" else xp.cumsum(x, axis=dim, dtype=x.dtype))


def _cumprod_vjp(xp: Any, g: Any, out: Any, x: Any, dim: Any) -> Any:
    """(product before k) * s_k, s_k = g_k + x_{k+1} s_{k+1}: no division, so elements may be 0."""
    if x.shape[dim] == 0:
        return g
    factors, grads = _slices(xp, x, dim), _slices(xp, g, dim)
    before = [xp.ones_like(factors[0])]
    for factor in factors[:-1]:
        before.append(before[-1] * factor)
    after = [grads[-1]]
    for k in range(len(grads) - 2, -1, -1):
        after.append(grads[k] + factors[k + 1] * after[-1])
    return xp.stack([b * a for b, a in zip(before, reversed(after))], axis=dim)


CUMPROD = register(
    "cumprod",
    vjp=(_cumprod_vjp,),
    saves=(0,),
    shape=lambda x, dim: x,
    attrs=("dim",),
    samples=lambda rng: [
        *_samples(0.5, 1.5)(rng), Sample((numpy.array([[1.5, 0.0, 2.0, 3.0], [0.0, 2.0, 0.0, -1.0]]),), (1,)),
    ],
    torch=lambda t, x, dim: t.cumprod(x, dim),
    tolerance={"float32": 2e-5},
)(lambda xp, x, dim: xp.cumprod(x, axis=dim, dtype=x.dtype))  # fmt: skip


def _logcumsumexp_vjp(xp: Any, g: Any, out: Any, x: Any, dim: Any) -> Any:
    """exp(x_k - out_k) * t_k, t_k = g_k + exp(out_k - out_{k+1}) t_{k+1}: no power exceeds 1."""
    if x.shape[dim] == 0:
        return g
    totals, grads = _slices(xp, out, dim), _slices(xp, g, dim)
    after = [grads[-1]]
    for k in range(len(grads) - 2, -1, -1):
        after.append(grads[k] + xp.exp(_minus(xp, totals[k], totals[k + 1])) * after[-1])
    return xp.where(x == -math.inf, 0.0, xp.exp(_minus(xp, x, out)) * xp.stack(after[::-1], axis=dim))


def _minus(xp: Any, a: Any, b: Any) -> Any:
    return xp.where(a == b, 0.0, a - b)  # of equal infinities, too


LOGCUMSUMEXP = register(
    "logcumsumexp",
    vjp=(_logcumsumexp_vjp,),
    saves=("out", 0),
    shape=lambda x, dim: x,
    attrs=("dim",),
    samples=_samples(
        -3, 3, ([-math.inf, -math.inf, 1.0, 90.0, -math.inf, 200.0], [1.0, math.inf, 2.0], [1.0, math.nan, 2.0])
    ),
    torch=lambda t, x, dim: t.logcumsumexp(x, dim),
    tolerance={"float64": 1e-11, "float32": 5e-6},
)(lambda xp, x, dim: xp.running("logaddexp", x, dim))


_TIES = ([1.0, 3.0, 3.0, -2.0, 3.0], [1.0, math.nan, 5.0, math.nan, 2.0], [0.0, -0.0, 0.0])


def _running_extreme(name: str, extreme: str) -> Any:
    def reference(xp: Any, x: Any, dim: Any) -> Any:
        if x.shape[dim] == 0:
            return xp.copy(x), xp.zeros(x.shape, dtype=INT64)
        values = xp.running(extreme, x, dim)
        places = xp.arange(x.shape[dim]).reshape([-1 if d == dim else 1 for d in range(x.ndim)])
        own = xp.where((x == values) | (x != x), places, 0)  # of equal elements the later counts
        return values, xp.running("maximum", own, dim)

    return register(
        name,
        vjp=(picked_vjp,),
        saves=("out1",),
        likes=(0,),
        outputs=2,
        shape=lambda x, dim: (x, x),
        dtype="same",
        attrs=("dim",),
        samples=lambda rng: [s for s in _samples(-2, 2, _TIES)(rng) if s.inputs[0].size],
        torch=lambda t, x, dim: tuple(getattr(t, name)(x, dim)),
    )(reference)


CUMMAX = _running_extreme("cummax", "maximum")
CUMMIN = _running_extreme("cummin", "minimum")


def _scan(op: Any, input: Any, dim: Any) -> Tensor:
    d = normal_dim(dim, input._array.ndim)
    return call(op, (input,), (d,)) if input._array.ndim else input.clone()


def _accumulating(input: Any, dtype: Any) -> Tensor:
    """input cast to dtype, or, for running sums of integers and bools, to int64."""
    if dtype is not None:
        return _convert(input, to_numpy(dtype))
    return _convert(input, INT64) if input._array.dtype.kind in "biu" else input


@export()
def cumsum(input: Tensor, dim: int, *, dtype: Dtype | None = None) -> Tensor:
    """Running sums along dim. Integers and bools sum to int64."""
    return _scan(CUMSUM, _accumulating(input, dtype), dim)


@export()
def cumprod(input: Tensor, dim: int, *, dtype: Dtype | None = None) -> Tensor:
    """Running products along dim. Integers and bools multiply to int64."""
    return _scan(CUMPROD, _accumulating(input, dtype), dim)


@export()
def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """log(cumsum(exp(input))) along dim, without overflow."""
    return _scan(LOGCUMSUMEXP, _floating(input, "logcumsumexp"), dim)


def _extreme(op: Any, input: Any, dim: Any) -> ValuesIndices:
    d = normal_dim(dim, input._array.ndim)
    if input._array.ndim == 0:
        return named(op.name)((input.clone(), made_beside(input, numpy.zeros((), numpy.int64))))
    if input._array.dtype == bool:
        values, indices = call(op, (_convert(input, numpy.dtype("uint8")),), (d,))
        return named(op.name)((_convert(values, numpy.dtype(bool)), indices))
    return named(op.name)(call(op, (input,), (d,)))


@export()
def cummax(input: Tensor, dim: int) -> ValuesIndices:
    """(values, indices): the largest element so far along dim, and where the last such one is."""
    return _extreme(CUMMAX, input, dim)


@export()
def cummin(input: Tensor, dim: int) -> ValuesIndices:
    """(values, indices): the smallest element so far along dim, and where the last such one is."""
    return _extreme(CUMMIN, input, dim)
