"""Batch, layer and root-mean-square normalization and their gradients; statistics add rows up in float64."""

# mypy: disable-error-code="no-untyped-def"

import math
from typing import Any

import numpy

from pynn._backends.numba.arrays import are_floats, dense, flat, is_float, is_number, optional
from pynn._backends.numba.runtime import jit, parallel


@jit
def _sum(row):
    total = row.dtype.type(0)
    for j in range(row.size):
        total += row[j]
    return numpy.float64(total)


# ---- batch normalization: x (images, channels, plane) ----


@jit
def _batch(start, stop, x, weight, bias, eps, y, means, variances, images, channels, plane):
    for channel in range(start, stop):
        total, count = 0.0, images * plane
        for n in range(images):
            at = (n * channels + channel) * plane
            total += _sum(x[at : at + plane])
        mean, total = y.dtype.type(total / count), 0.0
        for n in range(images):
            at = (n * channels + channel) * plane
            row, part = x[at : at + plane], y.dtype.type(0)
            for j in range(plane):
                part += (row[j] - mean) * (row[j] - mean)
            total += part
        variance = y.dtype.type(total / count)
        means[channel], variances[channel] = mean, variance
        _scale_channel(x, y, channel, mean, variance, weight, bias, eps, images, channels, plane)


@jit
def _scale_channel(x, y, channel, mean, variance, weight, bias, eps, images, channels, plane):
    scale = y.dtype.type(1 / math.sqrt(variance + eps)) * (weight[channel] if weight.size else y.dtype.type(1))
    shift = bias[channel] if bias.size else y.dtype.type(0)
    for n in range(images):
        at = (n * channels + channel) * plane
        row, to = x[at : at + plane], y[at : at + plane]
        for j in range(plane):
            to[j] = (row[j] - mean) * scale + shift


@jit
def _batch_fixed(start, stop, x, means, variances, weight, bias, eps, y, images, channels, plane):
    for channel in range(start, stop):
        _scale_channel(x, y, channel, means[channel], variances[channel], weight, bias, eps, images, channels, plane)


@jit
def _batch_slope(start, stop, g, x, means, variances, weight, eps, fixed, gx, gw, gb, images, channels, plane):
    """Of channels start to stop; fixed: the statistics were given, and do not move with x."""
    for channel in range(start, stop):
        mean, rstd = means[channel], gb.dtype.type(1 / math.sqrt(variances[channel] + eps))
        total, leaning, count = 0.0, 0.0, images * plane
        for n in range(images):
            at = (n * channels + channel) * plane
            row, slope = x[at : at + plane], g[at : at + plane]
            part, lean = gb.dtype.type(0), gb.dtype.type(0)
            for j in range(plane):
                part += slope[j]
                lean += slope[j] * (row[j] - mean)
            total += part
            leaning += lean
        gb[channel], gw[channel] = total, leaning * rstd
        if gx.size:
            scale = rstd * (weight[channel] if weight.size else gb.dtype.type(1))
            drift, bend = gb.dtype.type(total / count), gb.dtype.type(leaning * rstd * rstd / count)
            if fixed:
                drift = bend = gb.dtype.type(0)
            for n in range(images):
                at = (n * channels + channel) * plane
                row, slope, to = x[at : at + plane], g[at : at + plane], gx[at : at + plane]
                for j in range(plane):
                    to[j] = scale * (slope[j] - drift - (row[j] - mean) * bend)


def _channels(x: Any, *vectors: Any) -> bool:
    """Whether x is (N, C, ...) in row-major order and the vectors (or None) have C elements of its dtype."""
    return (
        is_float(x) and x.ndim >= 2 and bool(x.size) and x.flags.c_contiguous and are_floats(x.dtype, *vectors)
        and all(v is None or v.shape == x.shape[1:2] for v in vectors)
    )  # fmt: skip


def batch_norm(x: Any, weight: Any, bias: Any, eps: Any) -> Any:
    """(y, mean, biased variance) of x (N, C, ...)."""
    if not _channels(x, weight, bias) or not is_number(eps):
        return None
    y, mean, variance = numpy.empty(x.shape, x.dtype), *(numpy.empty(x.shape[1], x.dtype) for _ in range(2))
    images, channels = x.shape[:2]
    parallel(_batch, channels, x.size, flat(x), optional(weight, x), optional(bias, x), float(eps), y.reshape(-1), mean,
             variance, images, channels, x.size // (images * channels))  # fmt: skip
    return y, mean, variance


def _gradient(g: Any, x: Any, mean: Any, variance: Any, weight: Any, eps: Any, fixed: bool, needs_x: int) -> Any:
    images, channels = x.shape[:2]
    gx = numpy.empty(x.shape if needs_x else 0, x.dtype)
    gw, gb = numpy.empty(channels, x.dtype), numpy.empty(channels, x.dtype)
    parallel(_batch_slope, channels, x.size, flat(g), flat(x), flat(mean), flat(variance), optional(weight, x), float(eps),
             fixed, gx.reshape(-1), gw, gb, images, channels, x.size // (images * channels))  # fmt: skip
    return gx, gw, gb


def batch_norm_backward(grads: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """saved: ((None, mean, variance), x, weight, bias)."""
    (_, mean, variance), x, weight = saved[:3]
    g, g_mean, g_variance = grads
    if g_mean is not None or g_variance is not None or not _channels(x, weight, mean, variance):
        return None
    if not is_float(g) or g.dtype != x.dtype or g.shape != x.shape:
        return None
    gx, gw, gb = _gradient(g, x, mean, variance, weight, attrs[0], False, needs & 1)
    return gx if needs & 1 else None, gw if needs & 2 else None, gb if needs & 4 else None


def batch_norm_fixed(x: Any, mean: Any, variance: Any, weight: Any, bias: Any, eps: Any) -> Any:
    """y of x (N, C, ...) by statistics that are given."""
    if not _channels(x, mean, variance, weight, bias) or mean is None or variance is None or not is_number(eps):
        return None
    y = numpy.empty(x.shape, x.dtype)
    images, channels = x.shape[:2]
    parallel(_batch_fixed, channels, x.size, flat(x), flat(mean), flat(variance), optional(weight, x), optional(bias, x),
             float(eps), y.reshape(-1), images, channels, x.size // (images * channels))  # fmt: skip
    return y


def batch_norm_fixed_backward(g: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """saved: (out, x, mean, variance, weight, bias); gradients of the statistics are the reference's."""
    x, mean, variance, weight = saved[1:5]
    if (
        needs & 6
        or not _channels(x, mean, variance, weight)
        or not is_float(g)
        or g.dtype != x.dtype
        or g.shape != x.shape
    ):
        return None
    gx, gw, gb = _gradient(g, x, mean, variance, weight, attrs[0], True, needs & 1)
    return gx if needs & 1 else None, None, None, gw if needs & 8 else None, gb if needs & 16 else None


# ---- layer and root-mean-square normalization: rows of x ----


@jit
def _layer(start, stop, x, weight, bias, eps, centred, y, means, rstds, columns):
    for i in range(start, stop):
        row, to = x[i * columns : (i + 1) * columns], y[i * columns : (i + 1) * columns]
        mean = y.dtype.type(_sum(row) / columns) if centred else y.dtype.type(0)
        total = y.dtype.type(0)
        for j in range(columns):
            total += (row[j] - mean) * (row[j] - mean)
        rstd = y.dtype.type(1 / math.sqrt(total / columns + eps))
        means[i], rstds[i] = mean, rstd
        for j in range(columns):
            to[j] = (row[j] - mean) * rstd
        if weight.size:
            for j in range(columns):
                to[j] *= weight[j]
        if bias.size:
            for j in range(columns):
                to[j] += bias[j]


@jit
def _layer_slope(start, stop, g, x, weight, centred, means, rstds, gx, columns):
    for i in range(start, stop):
        row, slope, to = (x[i * columns : (i + 1) * columns], g[i * columns : (i + 1) * columns],
                          gx[i * columns : (i + 1) * columns])  # fmt: skip
        mean, rstd = means[i], rstds[i]
        for j in range(columns):
            to[j] = slope[j] * weight[j] if weight.size else slope[j]
        drift, lean = gx.dtype.type(0), gx.dtype.type(0)
        for j in range(columns):
            drift += to[j]
            lean += to[j] * (row[j] - mean)
        drift = drift / columns if centred else gx.dtype.type(0)
        lean = lean * rstd * rstd / columns
        for j in range(columns):
            to[j] = rstd * (to[j] - drift - (row[j] - mean) * lean)


@jit
def _layer_sums(start, stop, g, x, means, rstds, gw, gb, rows, columns):
    """The gradients of weights and biases start to stop."""
    width = stop - start
    scaled, plain = numpy.zeros(width, numpy.float64), numpy.zeros(width, numpy.float64)
    for i in range(rows):
        row, slope = x[i * columns + start : i * columns + stop], g[i * columns + start : i * columns + stop]
        mean, rstd = means[i], rstds[i]
        for j in range(width):
            plain[j] += slope[j]
            scaled[j] += slope[j] * ((row[j] - mean) * rstd)
    for j in range(width):
        gw[start + j], gb[start + j] = scaled[j], plain[j]


@jit
def _rstds(start, stop, x, eps, rstds, columns):
    for i in range(start, stop):
        row, total = x[i * columns : (i + 1) * columns], x.dtype.type(0)
        for j in range(columns):
            total += row[j] * row[j]
        rstds[i] = 1 / math.sqrt(total / columns + eps)


def _tails(x: Any, count: Any, *parameters: Any) -> bool:
    """Whether x is floats with something in its last `count` dimensions, which are the shape of the parameters (or None)."""
    return (
        is_float(x) and type(count) is int and 0 < count <= x.ndim and bool(x.size) and are_floats(x.dtype, *parameters)
        and all(p is None or p.shape == x.shape[x.ndim - count :] for p in parameters)
    )  # fmt: skip


def layer_norm(x: Any, weight: Any, bias: Any, count: Any, eps: Any) -> Any:
    """(y, mean, 1 / sqrt(variance + eps)) over the last `count` dimensions."""
    if not _tails(x, count, weight, bias) or not is_number(eps):
        return None
    lead, columns = x.shape[: x.ndim - count], numpy.prod(x.shape[x.ndim - count :], dtype=int)
    y, mean, rstd = numpy.empty(x.shape, x.dtype), *(numpy.empty((*lead, *(1,) * count), x.dtype) for _ in range(2))
    parallel(_layer, x.size // columns, x.size, flat(x), optional(weight, x), optional(bias, x), float(eps), True, y.reshape(-1),
             mean.reshape(-1), rstd.reshape(-1), columns)  # fmt: skip
    return y, mean, rstd


def _row_gradients(g: Any, x: Any, weight: Any, count: int, mean: Any, rstd: Any, centred: bool, needs: int) -> Any:
    """(gx, gw, gb), of which those that needs (bits 0, 1, 2) does not ask for are None."""
    shape = x.shape[x.ndim - count :]
    columns = numpy.prod(shape, dtype=int)
    gx = gw = gb = None
    if needs & 1:
        gx = numpy.empty(x.shape, x.dtype)
        parallel(_layer_slope, x.size // columns, x.size, flat(g), flat(x), optional(weight, x), centred, mean, rstd,
                 gx.reshape(-1), columns)  # fmt: skip
    if needs & 6:
        gw, gb = numpy.empty(shape, x.dtype), numpy.empty(shape, x.dtype)
        parallel(_layer_sums, columns, x.size, flat(g), flat(x), mean, rstd, gw.reshape(-1), gb.reshape(-1), x.size // columns,
                 columns)  # fmt: skip
    return gx, gw if needs & 2 else None, gb if needs & 4 else None


def layer_norm_backward(grads: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """saved: ((None, mean, rstd), x, weight, bias)."""
    (_, mean, rstd), x, weight = saved[:3]
    g, g_mean, g_rstd = grads
    if (
        g_mean is not None
        or g_rstd is not None
        or not _tails(x, attrs[0], weight)
        or not are_floats(x.dtype, mean, rstd)
    ):
        return None
    if not is_float(g) or g.dtype != x.dtype or g.shape != x.shape:
        return None
    return _row_gradients(g, x, weight, attrs[0], flat(mean), flat(rstd), True, needs)


def rms_norm(x: Any, weight: Any, count: Any, eps: Any) -> Any:
    """x / sqrt(mean(x^2) + eps) * weight over the last `count` dimensions."""
    if not _tails(x, count, weight) or not is_number(eps):
        return None
    columns = numpy.prod(x.shape[x.ndim - count :], dtype=int)
    y, unused = numpy.empty(x.shape, x.dtype), numpy.empty((2, x.size // columns), x.dtype)
    parallel(_layer, x.size // columns, x.size, flat(x), optional(weight, x), optional(None, x), float(eps), False,
             y.reshape(-1), unused[0], unused[1], columns)  # fmt: skip
    return y


def rms_norm_backward(g: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """saved: (out, x, weight)."""
    x, weight = saved[1:3]
    count, eps = attrs
    if not _tails(x, count, weight) or not is_float(g) or g.dtype != x.dtype or g.shape != x.shape:
        return None
    columns = numpy.prod(x.shape[x.ndim - count :], dtype=int)
    mean, rstd = numpy.zeros(x.size // columns, x.dtype), numpy.empty(x.size // columns, x.dtype)
    parallel(_rstds, rstd.size, x.size, flat(x), float(eps), rstd, columns)
    return _row_gradients(g, dense(x), weight, count, mean, rstd, False, needs & 3)[:2]


KERNELS = {
    "batch_norm": batch_norm,
    "batch_norm.backward": batch_norm_backward,
    "batch_norm_fixed": batch_norm_fixed,
    "batch_norm_fixed.backward": batch_norm_fixed_backward,
    "layer_norm": layer_norm,
    "layer_norm.backward": layer_norm_backward,
    "rms_norm": rms_norm,
    "rms_norm.backward": rms_norm_backward,
}
