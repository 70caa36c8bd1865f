"""Resizing over the last dimensions: along each, an output element is a weighted sum of its neighbours."""

from typing import Any

import numpy

from pynn._core import Op
from pynn.ops.activation import require_floating
from pynn.ops.registry import Sample, register, run

_CUBIC = -0.75  # the free parameter of Keys' kernel (IEEE Trans. ASSP 29, 1981), as torch sets it


def _sources(size: Any, out: Any, scale: Any, align_corners: Any) -> Any:
    """Where each output element lies on the input's axis."""
    place = numpy.arange(out, dtype=numpy.float64)
    if align_corners:
        return place * ((size - 1) / (out - 1) if out > 1 else 0.0)
    return (place + 0.5) * scale - 0.5


def _taps(mode: Any, size: Any, out: Any, scale: Any, align_corners: Any) -> Any:
    """[(indices, weights), ...] whose sum is the resized axis; weights None for 1."""
    if mode in ("nearest", "nearest-exact"):
        shift = 0.5 if mode == "nearest-exact" else 0.0
        index = numpy.floor((numpy.arange(out) + shift) * scale)
        return [(numpy.clip(index, 0, size - 1).astype(numpy.int64), None)]
    where = _sources(size, out, scale, align_corners)
    if mode == "linear":
        where = numpy.maximum(where, 0.0)
        low = numpy.minimum(numpy.floor(where).astype(numpy.int64), size - 1)
        part = numpy.minimum(where - low, 1.0)  # far beyond the edge
        return [(low, 1.0 - part), (numpy.minimum(low + 1, size - 1), part)]
    low = numpy.floor(where).astype(numpy.int64)
    part = where - low
    taps = []
    for k in range(-1, 3):
        d = numpy.abs(part - k)
        near = (_CUBIC + 2) * d**3 - (_CUBIC + 3) * d**2 + 1
        far = _CUBIC * (d**3 - 5 * d**2 + 8 * d - 4)
        taps.append((numpy.clip(low + k, 0, size - 1), numpy.where(d <= 1, near, far)))
    return taps


def _axes(shape: Any, mode: Any, size: Any, out: Any, factors: Any, align_corners: Any) -> Any:
    """(axis, taps) of each resized dimension of an array of `shape`."""
    first = len(shape) - len(size)
    for i, (n, o) in enumerate(zip(size, out)):
        scale = n / o if factors is None else 1.0 / factors[i]
        yield first + i, _taps(mode, n, o, scale, align_corners)


def _weights(xp: Any, weight: Any, dtype: Any, ndim: Any, axis: Any) -> Any:
    return xp.asarray(weight, dtype=dtype).reshape((-1,) + (1,) * (ndim - 1 - axis))


def _resample(xp: Any, x: Any, mode: Any, size: Any, factors: Any, align_corners: Any) -> Any:
    for axis, taps in _axes(x.shape, mode, x.shape[-len(size) :], size, factors, align_corners):
        total = None
        for index, weight in taps:
            part = x[(slice(None),) * axis + (xp.asarray(index),)]
            part = part if weight is None else part * _weights(xp, weight, x.dtype, x.ndim, axis)
            total = part if total is None else total + part
        x = total
    return x


def _resample_input(xp: Any, g: Any, mode: Any, size: Any, factors: Any, align_corners: Any) -> Any:
    out = g.shape[-len(size) :]
    for axis, taps in _axes(g.shape, mode, size, out, factors, align_corners):
        total = xp.zeros((*g.shape[:axis], size[axis - g.ndim + len(size)], *g.shape[axis + 1 :]), dtype=g.dtype)
        for index, weight in taps:
            part = g if weight is None else g * _weights(xp, weight, g.dtype, g.ndim, axis)
            xp.add_at(total, (slice(None),) * axis + (xp.asarray(index),), part)
        g = total
    return g


def _check(inputs: Any, attrs: Any) -> Any:
    require_floating("interpolate", inputs[0])
    return inputs


_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def _torch(t: Any, x: Any, mode: Any, size: Any, factors: Any, align_corners: Any) -> Any:
    name = {"linear": _LINEAR[len(size)], "cubic": "bicubic"}.get(mode, mode)
    corners = {"align_corners": align_corners} if mode in ("linear", "cubic") else {}
    if factors is not None:
        return t.nn.functional.interpolate(x, scale_factor=factors, mode=name, **corners)
    return t.nn.functional.interpolate(x, size=size, mode=name, **corners)


def _torch_input(t: Any, g: Any, mode: Any, size: Any, factors: Any, align_corners: Any) -> Any:
    x = t.zeros((*g.shape[: -len(size)], *size), dtype=g.dtype, requires_grad=True)
    out = _torch(t, x, mode, tuple(g.shape[-len(size) :]), factors, align_corners)
    return t.autograd.grad(out, x, g, create_graph=True)[0]


_CASES = (
    # shape of x, (mode, size, factors, align_corners)
    ((2, 3, 4, 5), ("nearest", (7, 9), None, False)),
    ((1, 2, 2, 19), ("nearest", (4, 38), None, False)),
    ((2, 1, 6, 5), ("nearest", (3, 2), None, False)),
    ((2, 1, 4, 5), ("nearest-exact", (7, 3), None, False)),
    ((1, 2, 5, 6), ("nearest", (7, 9), (1.5, 1.6), False)),
    ((2, 3, 7), ("linear", (11,), None, False)),
    ((2, 3, 7), ("linear", (4,), None, True)),
    ((2, 2, 4, 5), ("linear", (7, 9), None, False)),
    ((2, 2, 4, 5), ("linear", (7, 1), None, True)),
    ((1, 2, 4, 5), ("linear", (10, 12), (2.5, 2.5), False)),
    ((1, 2, 4, 5), ("cubic", (7, 9), None, False)),
    ((1, 2, 4, 5), ("cubic", (4, 9), None, True)),
    ((1, 2, 6, 7), ("cubic", (3, 4), None, False)),
    ((1, 2, 3, 4, 5), ("linear", (5, 4, 9), None, False)),
    ((1, 2, 3, 2, 5), ("nearest", (2, 5, 7), None, False)),
    ((1, 2, 1, 1), ("linear", (3, 4), None, False)),
)

RESAMPLE = register(
    "resample",
    vjp=(
        lambda xp, g, out, x, mode, size, factors, align_corners: run(
            xp, RESAMPLE_INPUT, (g,), (mode, tuple(x.shape[-len(size) :]), factors, align_corners)
        ),
    ),
    likes=(0,),
    check=_check,
    shape=lambda x, mode, size, *rest: (*x[: -len(size)], *size),
    dtype="same",
    attrs=("mode", "size", "factors", "align_corners"),
    samples=lambda rng: (
        [Sample((rng.normal(size=shape),), attrs) for shape, attrs in _CASES]
        + [Sample((rng.normal(size=(5, 4, 2, 1)).T,), ("linear", (7, 9), None, False))]
    ),
    tolerance={"float32": 4e-6},
    torch=_torch,
)(_resample)

RESAMPLE_INPUT: Op = register(
    "resample_input",
    vjp=(
        lambda xp, g, out, x, mode, size, factors, align_corners: run(
            xp, RESAMPLE, (g,), (mode, tuple(x.shape[-len(size) :]), factors, align_corners)
        ),
    ),
    likes=(0,),
    check=lambda inputs, attrs: inputs,  # its arguments come from a resize that was checked
    shape=lambda g, mode, size, *rest: (*g[: -len(size)], *size),
    dtype="same",
    attrs=("mode", "size", "factors", "align_corners"),
    samples=lambda rng: [
        Sample((rng.normal(size=(*shape[:2], *size)),), (mode, shape[2:], *rest))
        for shape, (mode, size, *rest) in _CASES
    ],
    tolerance={"float32": 4e-6},
    torch=_torch_input,
)(_resample_input)
