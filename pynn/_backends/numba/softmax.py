"""softmax and log_softmax over the last dimension, cross_entropy of scores (N, C), and their gradients."""

# mypy: disable-error-code="no-untyped-def"

import math
from typing import Any

import numpy

from pynn._backends.numba.arrays import flat, is_float
from pynn._backends.numba.elementary import exp, gap, less_both
from pynn._backends.numba.runtime import jit, parallel


@jit
def _top(row):
    """The largest element; NaN where there is one, and 0 in place of infinity's own kind, whose exp is NaN all the same."""
    top = row[0]
    for j in range(1, row.size):
        top = row[j] if row[j] > top or row[j] != row[j] else top
    return top


@jit
def _softmax(start, stop, x, y, columns):
    for i in range(start, stop):
        row, to = x[i * columns : (i + 1) * columns], y[i * columns : (i + 1) * columns]
        top, total = _top(row), y.dtype.type(0)
        for j in range(columns):
            to[j] = exp(row[j] - top)
        for j in range(columns):
            total += to[j]
        scale = 1 / total
        for j in range(columns):
            to[j] *= scale


@jit
def _softmax_slope(start, stop, g, out, to, columns):
    for i in range(start, stop):
        a, b, c = (
            g[i * columns : (i + 1) * columns],
            out[i * columns : (i + 1) * columns],
            to[i * columns : (i + 1) * columns],
        )
        total = g.dtype.type(0)
        for j in range(columns):
            total += a[j] * b[j]
        for j in range(columns):
            c[j] = b[j] * (a[j] - total)


@jit
def _log_of_sum(row):
    """(the largest element, log of the sum of exp(x - that))."""
    top, total = _top(row), row.dtype.type(0)
    for j in range(row.size):
        total += exp(row[j] - top)
    return top, math.log(total)


@jit
def _log_softmax(start, stop, x, y, columns):
    for i in range(start, stop):
        row, to = x[i * columns : (i + 1) * columns], y[i * columns : (i + 1) * columns]
        top, log = _log_of_sum(row)
        for j in range(columns):
            to[j] = less_both(row[j], top, log)


@jit
def _log_softmax_slope(start, stop, g, out, to, columns):
    for i in range(start, stop):
        a, b, c = (
            g[i * columns : (i + 1) * columns],
            out[i * columns : (i + 1) * columns],
            to[i * columns : (i + 1) * columns],
        )
        total = g.dtype.type(0)
        for j in range(columns):
            total += a[j]
        for j in range(columns):
            c[j] = a[j] - exp(b[j]) * total


@jit
def _cross_entropy(start, stop, x, target, ignore, losses, columns):
    for i in range(start, stop):
        if target[i] == ignore:
            losses[i] = 0
            continue
        row = x[i * columns : (i + 1) * columns]
        top, log = _log_of_sum(row)
        losses[i] = gap(row[target[i]], top, log)


@jit
def _cross_entropy_slope(start, stop, x, target, ignore, g, scale, to, columns):
    for i in range(start, stop):
        row, out = x[i * columns : (i + 1) * columns], to[i * columns : (i + 1) * columns]
        if target[i] == ignore:
            out[:] = 0
            continue
        top, total = _top(row), to.dtype.type(0)
        for j in range(columns):
            out[j] = exp(row[j] - top)
        for j in range(columns):
            total += out[j]
        factor = to.dtype.type(g[i if g.size > 1 else 0] * scale)
        each = factor / total
        for j in range(columns):
            out[j] *= each
        out[target[i]] -= factor


def _rows(kernel: Any, dim: Any, *arrays: Any) -> Any:
    first = arrays[0]
    if not (is_float(first) and first.size and first.ndim) or type(dim) is not int or dim != first.ndim - 1:
        return None
    if not all(is_float(a) and a.dtype == first.dtype and a.shape == first.shape for a in arrays):
        return None
    y = numpy.empty(first.shape, first.dtype)
    columns = first.shape[-1]
    parallel(kernel, first.size // columns, 4 * first.size, *map(flat, arrays), y.reshape(-1), columns)
    return y


def _classes(x: Any, target: Any, weight: Any, attrs: Any) -> bool:
    """Whether the kernels take a loss of scores (N, C) and targets (N,): no weights, no smoothing, all in range."""
    ignore, smoothing, reduction = attrs
    if not (is_float(x) and x.ndim == 2 and x.size and type(target) is numpy.ndarray and target.dtype == numpy.int64):
        return False
    if (
        weight is not None
        or smoothing
        or type(ignore) is not int
        or target.shape != x.shape[:1]
        or not target.dtype.isnative
    ):
        return False
    return reduction in ("mean", "sum", "none")


def cross_entropy(x: Any, target: Any, weight: Any, *attrs: Any) -> Any:
    """The loss of scores x (N, C) and classes target (N,)."""
    if len(attrs) != 3 or not _classes(x, target, weight, attrs):
        return None
    ignore, _, reduction = attrs
    counted = target != ignore
    if ((target < 0) | (target >= x.shape[1]))[counted].any():
        return None  # the record's check says which
    losses = numpy.empty(x.shape[0], x.dtype)
    parallel(_cross_entropy, x.shape[0], 4 * x.size, flat(x), flat(target), ignore, losses, x.shape[1])
    if reduction == "none":
        return losses
    with numpy.errstate(all="ignore"):
        total = losses.sum(dtype=numpy.float64)
        return numpy.array(total if reduction == "sum" else total / counted.sum(), x.dtype)


def cross_entropy_backward(g: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """saved: (out, x, target, weight); the softmax is computed anew."""
    x, target, weight = saved[1:4]
    if needs & 6 or not _classes(x, target, weight, attrs) or not is_float(g) or g.dtype != x.dtype:
        return None
    ignore, _, reduction = attrs
    scale = 1.0 / max(int((target != ignore).sum()), 1) if reduction == "mean" else 1.0
    gx = numpy.empty(x.shape, x.dtype)
    parallel(_cross_entropy_slope, x.shape[0], 4 * x.size, flat(x), flat(target), ignore, flat(g), scale, gx.reshape(-1),
             x.shape[1])  # fmt: skip
    return gx, None, None


KERNELS = {
    "softmax": lambda x, dim: _rows(_softmax, dim, x),
    "softmax.backward": lambda g, saved, attrs, needs: _rows(_softmax_slope, attrs[0], g, saved[0]),
    "log_softmax": lambda x, dim: _rows(_log_softmax, dim, x),
    "log_softmax.backward": lambda g, saved, attrs, needs: _rows(_log_softmax_slope, attrs[0], g, saved[0]),
    "cross_entropy": cross_entropy,
    "cross_entropy.backward": cross_entropy_backward,
}
