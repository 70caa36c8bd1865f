"""Activations and their slopes, element by element, and dropout's neighbours in `random`."""

# mypy: disable-error-code="no-untyped-def"

import math
from collections.abc import Callable
from typing import Any

import numpy

from pynn._backends.numba.arrays import flat, is_float
from pynn._backends.numba.elementary import exp, sigmoid, tanh
from pynn._backends.numba.runtime import jit, parallel

_SQRT_HALF, _GELU_K, _GELU_C = math.sqrt(0.5), math.sqrt(2.0 / math.pi), 0.044715
_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)


@jit
def _relu(start, stop, x, y):
    x, y = x[start:stop], y[start:stop]
    for i in range(x.size):
        y[i] = x[i] if not x[i] <= 0 else 0


@jit
def _relu_slope(start, stop, g, out, y):
    g, out, y = g[start:stop], out[start:stop], y[start:stop]
    for i in range(g.size):
        y[i] = g[i] if out[i] > 0 else 0


@jit
def _leaky_relu(start, stop, x, y, slope):
    x, y, slope = x[start:stop], y[start:stop], y.dtype.type(slope)
    for i in range(x.size):
        y[i] = x[i] if x[i] > 0 else x[i] * slope


@jit
def _leaky_relu_slope(start, stop, g, x, y, slope):
    g, x, y, slope = g[start:stop], x[start:stop], y[start:stop], y.dtype.type(slope)
    for i in range(g.size):
        y[i] = g[i] if x[i] > 0 else g[i] * slope


@jit
def _elu(start, stop, x, y, alpha):
    x, y, alpha = x[start:stop], y[start:stop], y.dtype.type(alpha)
    for i in range(x.size):
        y[i] = x[i] if x[i] > 0 else alpha * numpy.expm1(x[i])


@jit
def _elu_slope(start, stop, g, x, y, alpha):
    g, x, y, alpha = g[start:stop], x[start:stop], y[start:stop], y.dtype.type(alpha)
    for i in range(g.size):
        y[i] = g[i] if x[i] > 0 else g[i] * alpha * exp(x[i])


@jit
def _sigmoid(start, stop, x, y):
    x, y = x[start:stop], y[start:stop]
    for i in range(x.size):
        y[i] = sigmoid(x[i])


@jit
def _sigmoid_slope(start, stop, g, out, y):
    g, out, y = g[start:stop], out[start:stop], y[start:stop]
    for i in range(g.size):
        y[i] = g[i] * out[i] * (1 - out[i])


@jit
def _tanh(start, stop, x, y):
    x, y = x[start:stop], y[start:stop]
    for i in range(x.size):
        y[i] = tanh(x[i])


@jit
def _tanh_slope(start, stop, g, out, y):
    g, out, y = g[start:stop], out[start:stop], y[start:stop]
    for i in range(g.size):
        y[i] = g[i] * (1 - out[i] * out[i])


@jit
def _silu(start, stop, x, y, beta):
    x, y, beta = x[start:stop], y[start:stop], y.dtype.type(beta)
    for i in range(x.size):
        y[i] = x[i] * sigmoid(x[i] * beta)


@jit
def _silu_slope(start, stop, g, x, y, beta):
    g, x, y, beta = g[start:stop], x[start:stop], y[start:stop], y.dtype.type(beta)
    for i in range(g.size):
        s = sigmoid(x[i] * beta)
        y[i] = g[i] * (s * (1 + beta * x[i] * (1 - s)))


@jit
def _gelu(start, stop, x, y):
    x, y, half, root = x[start:stop], y[start:stop], y.dtype.type(0.5), y.dtype.type(_SQRT_HALF)
    for i in range(x.size):
        y[i] = x[i] * half * (1 + math.erf(x[i] * root))


@jit
def _gelu_slope(start, stop, g, x, y):
    g, x, y, half, root = g[start:stop], x[start:stop], y[start:stop], y.dtype.type(0.5), y.dtype.type(_SQRT_HALF)
    density = y.dtype.type(_DENSITY)
    for i in range(g.size):
        y[i] = g[i] * (half * (1 + math.erf(x[i] * root)) + x[i] * density * exp(-half * x[i] * x[i]))


@jit
def _gelu_tanh(start, stop, x, y):
    x, y, half, k, c = x[start:stop], y[start:stop], y.dtype.type(0.5), y.dtype.type(_GELU_K), y.dtype.type(_GELU_C)
    for i in range(x.size):
        y[i] = x[i] * half * (1 + tanh(k * (x[i] + c * x[i] * x[i] * x[i])))


@jit
def _gelu_tanh_slope(start, stop, g, x, y):
    g, x, y, half = g[start:stop], x[start:stop], y[start:stop], y.dtype.type(0.5)
    k, c = y.dtype.type(_GELU_K), y.dtype.type(_GELU_C)
    for i in range(g.size):
        curve = half * (1 + tanh(k * (x[i] + c * x[i] * x[i] * x[i])))
        y[i] = g[i] * (curve + x[i] * 2 * curve * (1 - curve) * k * (1 + 3 * c * x[i] * x[i]))


@jit
def _hardswish(start, stop, x, y):
    x, y = x[start:stop], y[start:stop]
    for i in range(x.size):
        gate = x[i] + 3
        y[i] = x[i] * (0 if gate <= 0 else 6 if gate >= 6 else gate) / 6


@jit
def _hardswish_slope(start, stop, g, x, y):
    g, x, y, half = g[start:stop], x[start:stop], y[start:stop], y.dtype.type(0.5)
    for i in range(g.size):
        y[i] = 0 if x[i] <= -3 else g[i] * (x[i] / 3 + half) if x[i] < 3 else g[i]


def _run(kernel: Any, cost: int, arrays: tuple[Any, ...], attrs: tuple[Any, ...]) -> Any:
    """kernel(*arrays, y, *attrs) over all elements of arrays of one shape and dtype, in whatever memory order."""
    first = arrays[0]
    if not (is_float(first) and first.size) or not all(
        is_float(a) and a.dtype == first.dtype and a.shape == first.shape for a in arrays
    ):
        return None
    if not all(type(a) in (float, int) for a in attrs):
        return None
    attrs = tuple(map(float, attrs))  # one form to compile for
    y = numpy.empty_like(first)  # in the order of the input's memory, where that is dense
    if y.strides == first.strides and all(a.strides == y.strides for a in arrays) and not first.flags.c_contiguous:
        order = sorted(range(y.ndim), key=lambda d: -abs(y.strides[d]))
        turned = [a.transpose(order) for a in (*arrays, y)]
        if all(a.flags.carray for a in turned):
            parallel(kernel, y.size, cost * y.size, *(a.reshape(-1) for a in turned), *attrs)
            return y
    if not y.flags.c_contiguous:
        y = numpy.empty(first.shape, first.dtype)
    parallel(kernel, y.size, cost * y.size, *(flat(a) for a in arrays), y.reshape(-1), *attrs)
    return y


def _forward(kernel: Any, cost: int) -> Callable[..., Any]:
    return lambda x, *attrs: _run(kernel, cost, (x,), attrs)


def _backward(kernel: Any, cost: int, place: int) -> Callable[..., Any]:
    """The gradient by what stands at a place of `saved`: the output (0) or the input (1)."""
    return lambda g, saved, attrs, needs: _run(kernel, cost, (g, saved[place]), attrs)


def _gelu_any(x: Any, approximate: Any) -> Any:
    return _run(_gelu_tanh if approximate == "tanh" else _gelu, 16, (x,), ())


def _gelu_backward(g: Any, saved: Any, attrs: Any, needs: int) -> Any:
    return _run(_gelu_tanh_slope if attrs[0] == "tanh" else _gelu_slope, 16, (g, saved[1]), ())


KERNELS = {
    "relu": _forward(_relu, 1),
    "relu.backward": _backward(_relu_slope, 1, 0),
    "leaky_relu": _forward(_leaky_relu, 1),
    "leaky_relu.backward": _backward(_leaky_relu_slope, 1, 1),
    "elu": _forward(_elu, 16),
    "elu.backward": _backward(_elu_slope, 4, 1),
    "sigmoid": _forward(_sigmoid, 4),
    "sigmoid.backward": _backward(_sigmoid_slope, 1, 0),
    "tanh": _forward(_tanh, 4),
    "tanh.backward": _backward(_tanh_slope, 1, 0),
    "silu": _forward(_silu, 4),
    "silu.backward": _backward(_silu_slope, 4, 1),
    "gelu": _gelu_any,
    "gelu.backward": _gelu_backward,
    "hardswish": _forward(_hardswish, 1),
    "hardswish.backward": _backward(_hardswish_slope, 1, 1),
}
