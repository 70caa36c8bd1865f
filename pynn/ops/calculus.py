"""Differences, slopes and areas of samples: diff, gradient, trapezoid, cumulative_trapezoid."""

from collections.abc import Sequence
from typing import Any

import numpy

from pynn._core import Tensor, made, observe
from pynn.ops.devices import beside_input
from pynn.ops.joining import cat
from pynn.ops.registry import export
from pynn.ops.view import normal_dim


@export()
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """The differences of neighbours along dim, n times over; of bools, where neighbours differ.

    prepend, append: tensors to put before and behind input along dim first.
    """
    if input._array.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional.")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}.")
    d = normal_dim(dim, input._array.ndim)
    for part in (prepend, append):
        if part is not None and part._array.ndim != input._array.ndim:
            raise RuntimeError(
                "diff expects prepend or append to be the same dimension as input, got "
                f"{part._array.ndim} dimensions beside {input._array.ndim}."
            )
        if part is not None:
            for i, (n_, m) in enumerate(zip(input._array.shape, part._array.shape)):
                if i != d and n_ != m:
                    raise RuntimeError(
                        "diff expects the shape of tensor to prepend or append to match that of input except along the "
                        f"differencing dimension; input.size({i}) = {n_}, but got tensor.size({i}) = {m}."
                    )
    if n == 0:
        return input.clone()
    parts = [x for x in (prepend, input, append) if x is not None]
    x = cat(parts, d) if len(parts) > 1 else input
    for _ in range(min(n, x._array.shape[d])):
        size = x._array.shape[d]
        later, earlier = x.narrow(d, min(1, size), max(size - 1, 0)), x.narrow(d, 0, max(size - 1, 0))
        x = later ^ earlier if x._array.dtype == bool else later - earlier
    return x if x is not input else input.clone()


# ---- areas ----


def _widths(y: Tensor, x: Tensor, d: int) -> Tensor:
    """The distances of neighbouring sample points, to multiply y's intervals along d with."""
    if x._array.ndim == 0:
        raise IndexError("trapezoid: x must have at least one dimension.")
    if x._array.ndim == 1:
        if x._array.size != y._array.shape[d]:
            raise RuntimeError(
                "trapezoid: There must be one `x` value for each sample point: got "
                f"{x._array.size} for {y._array.shape[d]} points."
            )
        x = x.reshape([-1 if i == d else 1 for i in range(y._array.ndim)])
    elif x._array.ndim < y._array.ndim:
        x = x.reshape((1,) * (y._array.ndim - x._array.ndim) + x._array.shape)
    size = x._array.shape[d]
    return x.narrow(d, 1, size - 1) - x.narrow(d, 0, size - 1)


def _sums(name: str, y: Tensor, x: Tensor | None, dx: Any, dim: int) -> tuple[Tensor | None, int]:
    """(the area over each interval, or None where there are no points, dim from 0)."""
    if y._array.dtype == bool or (x is not None and x._array.dtype == bool):
        raise RuntimeError(f"{name}: received a bool input for x or y, but bool is not supported. Use .float().")
    if x is not None and dx is not None:
        raise TypeError(f"{name}() takes x or dx, not both.")
    d = normal_dim(dim, y._array.ndim)
    size = y._array.shape[d]
    if size == 0:
        return None, d
    pairs = y.narrow(d, 0, size - 1) + y.narrow(d, 1, size - 1)
    if x is None:
        return pairs * ((1 if dx is None else dx) / 2), d
    return pairs * _widths(y, x, d) / 2, d


@export("trapezoid", "trapz", method=False)
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The area under y along dim by straight lines between its samples, which lie at x, or dx (1) apart."""
    areas, d = _sums("trapezoid", y, x, dx, dim)
    if areas is None:
        return y.new_zeros(y._array.shape[:d] + y._array.shape[d + 1 :])
    return areas.sum(d)


@export(method=False)
def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The areas under y along dim from its first sample to each later one; see trapezoid."""
    areas, d = _sums("cumulative_trapezoid", y, x, dx, dim)
    if areas is None:
        return y.new_zeros(y._array.shape)
    return areas.cumsum(d)


# ---- slopes ----


def _part(x: Tensor, d: int, start: int, count: int) -> Tensor:
    return x.narrow(d, start, count)


def _slope(x: Tensor, d: int, spacing: Any, edge_order: int) -> Tensor:
    """The slope along d of samples that lie a number apart, or at the points of a vector."""
    n = x._array.shape[d]
    if n < edge_order + 1:
        raise RuntimeError(
            f"torch.gradient expected each dimension size to be at least edge_order+1, got {n} for edge_order {edge_order}."
        )
    shape = [-1 if i == d else 1 for i in range(x._array.ndim)]
    if isinstance(spacing, Tensor):
        if spacing._array.size != n:
            raise RuntimeError(
                f"torch.gradient expected spacing to hold one point a sample, got {spacing._array.size} for {n}."
            )
        steps = numpy.diff(observe(spacing))
        even = False
    else:
        steps = numpy.full(n - 1, float(spacing))
        even = True

    def weight(values: Any) -> Any:
        array = numpy.asarray(values, x._array.dtype if x._array.dtype.kind in "fV" else numpy.float32)
        return made(array.reshape(-1)).reshape(shape)

    if even:
        middle = (_part(x, d, 2, n - 2) - _part(x, d, 0, n - 2)) / (2.0 * float(spacing)) if n > 2 else None
    elif n > 2:
        a, b = steps[:-1], steps[1:]
        middle = (
            _part(x, d, 0, n - 2) * weight(-b / (a * (a + b)))
            + _part(x, d, 1, n - 2) * weight((b - a) / (a * b))
            + _part(x, d, 2, n - 2) * weight(a / (b * (a + b)))
        )
    else:
        middle = None
    if edge_order == 1:
        first = (_part(x, d, 1, 1) - _part(x, d, 0, 1)) / weight(steps[:1])
        last = (_part(x, d, n - 1, 1) - _part(x, d, n - 2, 1)) / weight(steps[-1:])
    else:
        first = _edge(x, d, (0, 1, 2), float(steps[0]), float(steps[1]), 1.0, weight)
        last = _edge(x, d, (n - 1, n - 2, n - 3), float(steps[-1]), float(steps[-2]), -1.0, weight)
    return cat([p for p in (first, middle, last) if p is not None], d)


def _edge(x: Tensor, d: int, places: Sequence[int], h: float, k: float, sign: float, weight: Any) -> Tensor:
    """The slope at an end of the parabola through three samples, h and then k apart."""
    factors = (-(2 * h + k) / (h * (h + k)), (h + k) / (h * k), -h / (k * (h + k)))
    a, b, c = (_part(x, d, p, 1) * weight([sign * f]) for p, f in zip(places, factors))
    result: Tensor = a + b + c
    return result


@export(method=False)
@beside_input
def gradient(input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> tuple[Tensor, ...]:
    """The slope of samples along each of dim (all of them where None): central differences, one-sided at the ends.

    spacing: how far samples lie apart, one number for all or one a dimension, or a vector of points a dimension.
    edge_order: 1 or 2, the order of the differences at the ends.
    """
    if edge_order not in (1, 2):
        raise RuntimeError(f"torch.gradient only supports edge_order=1 and edge_order=2, got {edge_order}.")
    ndim = input._array.ndim
    if dim is None:
        dims = list(range(ndim))
    else:
        dims = [normal_dim(d, ndim) for d in ((dim,) if isinstance(dim, int) else dim)]
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"dim {dim} appears multiple times in the list of dims.")
    spacing = 1 if spacing is None else spacing
    each = list(spacing) if isinstance(spacing, (list, tuple)) else [spacing] * len(dims)
    if len(each) != len(dims):
        raise RuntimeError(
            f"torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to 'len(dim)' "
            f"({len(dims)}), but got a list of length {len(each)}."
        )
    return tuple(_slope(input, d, s, edge_order) for d, s in zip(dims, each))
