"""matmul and linear, with bias and relu where the product is stored, and their gradients."""

# mypy: disable-error-code="no-untyped-def"

from typing import Any

import numpy

from pynn._backends.numba.arrays import are_floats, dense, flat, is_float, optional
from pynn._backends.numba.gemm import multiply, multiply_many
from pynn._backends.numba.runtime import jit, parallel

MANY = 1 << 12  # multiply-adds below which NumPy's own product is quicker to call


def matmul(a: Any, b: Any) -> Any:
    """a @ b for matrices, or for stacks of matrices of one shape."""
    if (
        not (is_float(a) and is_float(b))
        or a.dtype != b.dtype
        or a.ndim < 2
        or b.ndim != a.ndim
        or a.shape[-1] != b.shape[-2]
    ):
        return None
    if a.shape[:-2] != b.shape[:-2]:
        return None
    return _product(a, b)


def _product(a: Any, b: Any) -> Any:
    out = numpy.empty((*a.shape[:-1], b.shape[-1]), a.dtype)
    if a.size * b.shape[-1] < MANY or out.size == 0:
        return numpy.matmul(a, b, out=out)
    if a.ndim == 2:
        multiply(a, b, out)
    else:
        multiply_many(a, b, out)
    return out


def matmul_backward(g: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """saved: (None, a for b's gradient, b for a's); what has to be summed over a batch is the reference's."""
    _, a, b = saved
    if not is_float(g) or g.ndim < 2:
        return None
    for bit, own, other in ((1, a, b), (2, b, a)):
        if needs & bit and not (
            type(other) is numpy.ndarray and other.dtype == g.dtype and own is not None and other.ndim == g.ndim == own.ndim
            and other.shape[:-2] == g.shape[:-2] == tuple(own.shape[:-2])
        ):  # fmt: skip
            return None
    return (
        _product(g, b.swapaxes(-1, -2)) if needs & 1 else None,
        _product(a.swapaxes(-1, -2), g) if needs & 2 else None,
    )


@jit
def _finish(start, stop, y, bias, relu, columns):
    for i in range(start, stop):
        row = y[i * columns : (i + 1) * columns]
        if bias.size:
            for j in range(columns):
                row[j] += bias[j]
        if relu:
            for j in range(columns):
                row[j] = row[j] if not row[j] <= 0 else 0


@jit
def column_sums(start, stop, x, rows, columns, out):
    """out[start:stop] = the sums of those columns of x (rows, columns), taken in float64."""
    total = numpy.zeros(stop - start, numpy.float64)
    for i in range(rows):
        row = x[i * columns + start : i * columns + stop]
        for j in range(stop - start):
            total[j] += row[j]
    for j in range(stop - start):
        out[start + j] = total[j]


@jit
def _masked(start, stop, g, out, to):
    g, out, to = g[start:stop], out[start:stop], to[start:stop]
    for i in range(stop - start):
        to[i] = g[i] if out[i] > 0 else 0


def linear(x: Any, weight: Any, bias: Any, activation: Any) -> Any:
    """x (..., I) @ weight (O, I).T + bias (O,) or None, then relu where activation says so."""
    if not (is_float(x) and are_floats(x.dtype, weight, bias)) or weight is None or weight.ndim != 2 or x.ndim < 1:
        return None
    if x.shape[-1] != weight.shape[1] or (bias is not None and bias.shape != weight.shape[:1]):
        return None
    if activation not in (None, "relu"):
        return None
    rows = x if x.ndim == 2 else dense(x).reshape(-1, x.shape[-1]) if x.size else None
    if rows is None or not weight.size:
        return None
    y = _product(rows, weight.T)
    if bias is not None or activation is not None:
        parallel(_finish, y.shape[0], y.size // 4, flat(y), optional(bias, y), activation is not None, y.shape[1])
    return y.reshape(*x.shape[:-1], weight.shape[0])


def linear_backward(g: Any, saved: Any, attrs: Any, needs: int) -> Any:
    """saved: (out where there is an activation, x for the weight's gradient, weight for the input's, bias)."""
    out, x, weight = saved[:3]
    if not is_float(g) or g.ndim < 1 or not g.size or attrs[0] not in (None, "relu"):
        return None
    if (needs & 1 and not (is_float(weight) and weight.dtype == g.dtype)) or (needs & 2 and not (is_float(x) and x.dtype == g.dtype)):  # fmt: skip
        return None
    grad = dense(g).reshape(-1, g.shape[-1])
    if attrs[0] == "relu":
        if not (is_float(out) and out.dtype == g.dtype and out.shape == g.shape):
            return None
        masked = numpy.empty_like(grad)
        parallel(_masked, g.size, g.size // 4, flat(grad), flat(out), flat(masked))
        grad = masked
    gx = gw = gb = None
    if needs & 1:
        gx = _product(grad, weight).reshape(*g.shape[:-1], weight.shape[1])
    if needs & 2:
        gw = _product(grad.T, x if x.ndim == 2 else dense(x).reshape(-1, x.shape[-1]))
    if needs & 4:
        gb = numpy.empty(g.shape[-1], g.dtype)
        parallel(column_sums, g.shape[-1], grad.size // 4, flat(grad), grad.shape[0], g.shape[-1], gb)
    return gx, gw, gb


KERNELS = {
    "matmul": matmul,
    "matmul.backward": matmul_backward,
    "linear": linear,
    "linear.backward": linear_backward,
}
