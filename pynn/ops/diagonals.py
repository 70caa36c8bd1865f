"""Matrices made of their diagonals."""

from typing import Any

import numpy

from pynn._core import METHODS
from pynn.ops.registry import Sample, register


def _diag_embed(xp: Any, x: Any, offset: int) -> Any:
    n = x.shape[-1]
    size = n + abs(offset)
    out = xp.zeros((*x.shape[:-1], size, size), dtype=x.dtype)
    places = numpy.arange(n)
    out[..., places + max(-offset, 0), places + max(offset, 0)] = x
    return out


def _diagonal(xp: Any, g: Any, out: Any, x: Any, offset: int) -> Any:
    if xp.name == "pynn":
        return METHODS["diagonal"](g, offset, -2, -1)
    return xp.copy(numpy.diagonal(g, offset, -2, -1))


DIAG_EMBED = register(
    "diag_embed",
    exact=True,
    vjp=(_diagonal,),
    shape=lambda x, offset: (*x[:-1], x[-1] + abs(offset), x[-1] + abs(offset)),
    dtype="same",
    attrs=("offset",),
    samples=lambda rng: [
        Sample((rng.normal(size=s),), (k,)) for s in ((3,), (2, 3), (2, 1, 4), (0,), (2, 0), (0, 3)) for k in (0, 1, -2)
    ]
    + [Sample((rng.normal(size=(3, 2)).T,), (0,)), Sample((rng.integers(-5, 5, (3,)),), (1,))],
    torch=lambda t, x, offset: t.diag_embed(x, offset),
)(_diag_embed)
