"""Padding: with a constant, where a negative amount crops, so that the op is its own gradient's form; and with the
input's own edge, whose gradient is an op beside it."""

from collections.abc import Callable
from typing import Any

import numpy

from pynn.ops.registry import Sample, register, run


def _pad(xp: Any, x: Any, pads: Any, value: Any) -> Any:
    out = xp.full(tuple(n + a + b for n, (a, b) in zip(x.shape, pads)), value, dtype=x.dtype)
    here = tuple(slice(max(a, 0), max(a, 0) + n + min(a, 0) + min(b, 0)) for n, (a, b) in zip(x.shape, pads))
    out[here] = x[tuple(slice(max(-a, 0), n + min(b, 0)) for n, (a, b) in zip(x.shape, pads))]
    return out


def _pad_vjp(xp: Any, g: Any, out: Any, x: Any, pads: Any, value: Any) -> Any:
    return run(xp, PAD, (g,), (tuple((-a, -b) for a, b in pads), 0))


def _flat(pads: Any) -> Any:
    """Pairs by dimension as torch's list: the last dimension first."""
    return [n for pair in reversed(pads) for n in pair]


PAD = register(
    "pad",
    exact=True,
    vjp=(_pad_vjp,),
    check=lambda inputs, attrs: inputs,
    shape=lambda x, pads, value: tuple(n + a + b for n, (a, b) in zip(x, pads)),
    dtype="same",
    attrs=("pads", "value"),
    samples=lambda rng: [
        Sample((rng.normal(size=(2, 3, 4)),), attrs)
        for attrs in (
            (((0, 0), (1, 2), (0, 1)), 0.0),
            (((0, 0), (-1, 2), (3, -2)), 1.5),
            (((1, 1), (0, 0), (-1, -1)), 0.0),
        )
    ],
    torch=lambda t, x, pads, value: t.nn.functional.pad(x, _flat(pads), value=value),
)(_pad)


# ---- with the input's own edge ----


def _reflected(size: Any, before: Any, after: Any) -> Any:
    """The places that ...2 1 | 0 1 2 ... n-1 | n-2 ... names."""
    places = numpy.abs(numpy.arange(-before, size + after))
    return (size - 1) - numpy.abs(size - 1 - places)


PLACES: dict[str, Callable[[int, int, int], Any]] = {
    "reflect": _reflected,
    "replicate": lambda size, before, after: numpy.clip(numpy.arange(-before, size + after), 0, size - 1),
    "circular": lambda size, before, after: numpy.arange(-before, size + after) % max(size, 1),
}


def _pad_edges(xp: Any, x: Any, pads: Any, mode: Any) -> Any:
    for dim, (before, after) in enumerate(pads):
        if before or after:
            x = x[(slice(None),) * dim + (PLACES[mode](x.shape[dim], before, after),)]
    return x


def _pad_edges_input(xp: Any, g: Any, pads: Any, mode: Any) -> Any:
    """Taking places is a product with a matrix of ones; its gradient one with the matrix turned."""
    for dim, (before, after) in enumerate(pads):
        if before or after:
            size = g.shape[dim] - before - after
            ones = PLACES[mode](size, before, after)[:, None] == numpy.arange(size)
            axes = [d for d in range(g.ndim) if d != dim] + [dim]
            back = [axes.index(d) for d in range(g.ndim)]
            g = xp.permute_dims(xp.matmul(xp.permute_dims(g, axes), xp.asarray(ones, dtype=g.dtype)), back)
    return xp.copy(g)


def _edges_vjp(xp: Any, g: Any, out: Any, x: Any, pads: Any, mode: Any) -> Any:
    return run(xp, PAD_EDGES_INPUT, (g,), (pads, mode))


def _edges_input_vjp(xp: Any, g: Any, out: Any, y: Any, pads: Any, mode: Any) -> Any:
    return run(xp, PAD_EDGES, (g,), (pads, mode))


_EDGES = (
    ((2, 3, 4), (((0, 0), (0, 0), (1, 2)), "reflect")),
    ((2, 3, 4), (((0, 0), (0, 0), (3, 5)), "replicate")),
    ((2, 3, 4), (((0, 0), (0, 0), (4, 1)), "circular")),
    ((1, 2, 3, 4), (((0, 0), (0, 0), (2, 1), (0, 3)), "reflect")),
    ((1, 2, 3, 4), (((0, 0), (0, 0), (1, 1), (-1, 2)), "replicate")),
    ((1, 2, 3, 4), (((0, 0), (0, 0), (3, 1), (2, 0)), "circular")),
)


def _grown(shape: Any, pads: Any, mode: Any) -> Any:
    return tuple(n + a + b for n, (a, b) in zip(shape, pads))


def _torch_gradient(t: Any, y: Any, pads: Any, mode: Any) -> Any:
    x = t.zeros([n - a - b for n, (a, b) in zip(y.shape, pads)], dtype=y.dtype, requires_grad=True)
    return t.autograd.grad(t.nn.functional.pad(x, _flat(pads[2:]), mode=mode), x, y, create_graph=True)[0]


PAD_EDGES = register(
    "pad_edges",
    vjp=(_edges_vjp,),
    check=lambda inputs, attrs: inputs,
    shape=_grown,
    dtype="same",
    attrs=("pads", "mode"),
    samples=lambda rng: [Sample((rng.normal(size=shape),), attrs) for shape, attrs in _EDGES],
    torch=lambda t, x, pads, mode: t.nn.functional.pad(x, _flat(pads[2:]), mode=mode),
)(_pad_edges)

PAD_EDGES_INPUT = register(
    "pad_edges_input",
    vjp=(_edges_input_vjp,),
    check=lambda inputs, attrs: inputs,
    shape=lambda y, pads, mode: tuple(n - a - b for n, (a, b) in zip(y, pads)),
    dtype="same",
    attrs=("pads", "mode"),
    samples=lambda rng: [Sample((rng.normal(size=_grown(shape, *attrs)),), attrs) for shape, attrs in _EDGES],
    torch=lambda t, y, pads, mode: _torch_gradient(t, y, pads, mode),
)(_pad_edges_input)
