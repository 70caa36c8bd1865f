"""Distances between the rows of matrices, all with all."""

import math
from typing import Any

import numpy

from pynn._core import Tensor, call
from pynn.amp.autocast_mode import float32_function
from pynn.ops.factorization import fit, turn
from pynn.ops.reduction import NORM
from pynn.ops.registry import Sample, export, joint, register


def _euclidean(xp: Any, a: Any, b: Any) -> Any:
    """sqrt(|a|^2 - 2 a b^T + |b|^2), both taken relative to b's mean first, which leaves less to cancel."""
    middle = b.mean(axis=-2, keepdims=True)
    a, b = a - middle, b - middle
    squares = numpy.square(a).sum(-1)[..., :, None] + numpy.square(b).sum(-1)[..., None, :]
    return numpy.sqrt(numpy.maximum(squares - 2 * (a @ numpy.swapaxes(b, -1, -2)), 0))


@joint
def _euclidean_vjp(xp: Any, needs: Any, g: Any, out: Any, a: Any, b: Any) -> Any:
    """(a_i - b_j) / distance, summed by products; 0 at distance 0."""
    ratio = xp.where(out == 0, 0.0, g / xp.where(out == 0, 1.0, out))
    ga = gb = None
    if needs & 1:
        ga = fit(xp, a * xp.sum(ratio, axis=(ratio.ndim - 1,), keepdims=True) - xp.matmul(ratio, b), a.shape)
    if needs & 2:
        back = turn(xp, ratio)
        gb = fit(xp, b * xp.sum(back, axis=(back.ndim - 1,), keepdims=True) - xp.matmul(back, a), b.shape)
    return ga, gb


EUCLIDEAN = register(
    "euclidean_dist",
    vjp=_euclidean_vjp,
    saves=("out", 0, 1),
    shape=lambda a, b: (*numpy.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-2]),
    dtype="same",
    samples=lambda rng: [
        Sample((rng.normal(size=a), rng.normal(size=b)))
        for a, b in (((3, 4), (2, 4)), ((2, 1, 3, 4), (5, 2, 4)), ((0, 3), (2, 3)))
    ],
    torch=lambda t, a, b: t.cdist(a, b, compute_mode="use_mm_for_euclid_dist"),
    tolerance={"float32": 2e-5, "float64": 1e-11},
)(_euclidean)

_MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")


@export(method=False)
@float32_function
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary") -> Tensor:
    """The p-norm distance of each row of x1 (*, n, k) to each row of x2 (*, m, k): (*, n, m); batches broadcast.

    compute_mode: whether Euclidean distances come of a matrix product, which is faster and less exact where points are
    close: where n or m is above 25 (the default), always ("use_mm_for_euclid_dist") or never. The gradient is 0 at
    distance 0. Raises RuntimeError for integers, other dtypes than one, vectors, and where the rows' lengths differ.
    """
    for argument, x in (("x1", x1), ("x2", x2)):
        if not isinstance(x, Tensor):
            raise TypeError(f"cdist(): argument '{argument}' must be Tensor, not {type(x).__name__}.")
        if x._array.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {argument.upper()} got: {x._array.ndim}D")
        if x._array.dtype.kind not in "fV":
            raise RuntimeError(f"cdist only supports floating-point dtypes, {argument.upper()} got: {x.dtype}")
    a, b = x1._array.shape, x2._array.shape
    if a[-1] != b[-1]:
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {a[-1]} X2: {b[-1]}")
    if x1._array.dtype != x2._array.dtype:
        raise RuntimeError(
            f"expected scalar type {x1.dtype} but found {x2.dtype}: cdist takes two tensors of one dtype."
        )
    if not p >= 0:
        raise RuntimeError(f"cdist only supports non-negative p values, got {p}.")
    if compute_mode is None:
        compute_mode = _MODES[0]
    if compute_mode not in _MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode: use one of {', '.join(_MODES)}.")
    try:
        numpy.broadcast_shapes(a[:-2], b[:-2])
    except ValueError:
        raise RuntimeError(f"cdist: the batch dimensions must broadcast, got shapes {list(a)} and {list(b)}.") from None
    difference_free = compute_mode == _MODES[1] or (compute_mode == _MODES[0] and max(a[-2], b[-2]) > 25)
    if p == 2 and difference_free and a[-1] and b[-2]:
        return call(EUCLIDEAN, (x1, x2))
    difference = x1.unsqueeze(-2) - x2.unsqueeze(-3)
    if a[-1] == 0:
        return difference.sum(-1)
    return call(NORM, (difference,), (math.inf if p == math.inf else float(p), (difference.ndim - 1,), False))
