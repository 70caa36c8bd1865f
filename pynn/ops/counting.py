"""Which values there are and how often: unique, bincount, histograms, isin; and where values go: searchsorted."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy

from pynn._core import Tensor, made, observe
from pynn._dtypes import INT64, plain
from pynn.ops.devices import beside_input
from pynn.ops.registry import export, number
from pynn.ops.view import normal_dim
from pynn.return_types import Named, named


def _several(values: Tensor, inverse: Tensor | None, counts: Tensor | None) -> Any:
    found = [x for x in (values, inverse, counts) if x is not None]
    return found[0] if len(found) == 1 else tuple(found)


def _check_unique(name: str, input: Tensor, dim: int) -> int:
    d = normal_dim(dim, input._array.ndim)
    shape = input._array.shape
    if input._array.size == 0 and any(n == 0 for i, n in enumerate(shape) if i != d):
        raise RuntimeError(
            f"There are 0 sized dimensions, and they aren't selected, so {name} cannot be applied: got shape {list(shape)}, "
            f"dim {d}."
        )
    return d


@export()
@beside_input
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements in order, or along dim the different slices; each NaN is one of its own.

    Returns the tensor, or a tuple with, where asked, the place in it of each element (or slice) and how often it occurs
    (int64). The order is the same whatever `sorted`.
    """
    array = plain(observe(input))
    if dim is None:
        found = numpy.unique(array, return_inverse=True, return_counts=True, equal_nan=False)
        shape: tuple[int, ...] = array.shape
    else:
        d = _check_unique("unique", input, dim)
        if array.ndim == 0:
            array, d = array.reshape(1), 0
        if array.shape[d] == 0:
            found = (array, numpy.zeros(0, INT64), numpy.zeros(0, INT64))
        else:
            found = numpy.unique(array, return_inverse=True, return_counts=True, axis=d)
        shape = (array.shape[d],)
    values, inverse, counts = found
    return _several(
        made(numpy.ascontiguousarray(values.astype(input._array.dtype, copy=False))),
        made(inverse.reshape(shape).astype(INT64, copy=False)) if return_inverse else None,
        made(counts.astype(INT64, copy=False)) if return_counts else None,
    )


@export()
@beside_input
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """input (flattened, or along dim) with each run of equal elements as one; with their places and lengths where asked."""
    array = observe(input)
    d = 0 if dim is None else _check_unique("unique_consecutive", input, dim)
    whole = array.reshape(-1) if dim is None or array.ndim == 0 else array
    n = whole.shape[d]
    rows = plain(numpy.moveaxis(whole, d, 0)).reshape(n, -1 if n else 0)
    new = numpy.ones(n, bool)
    new[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    starts = numpy.nonzero(new)[0]
    inverse = numpy.cumsum(new) - 1
    return _several(
        made(numpy.ascontiguousarray(whole.take(starts, d))),
        made(inverse.reshape(array.shape if dim is None else (n,))) if return_inverse else None,
        made(numpy.diff(starts, append=n)) if return_counts else None,
    )


@export()
@beside_input
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each integer from 0 on occurs in a vector, or the sum of its weights; int64, or the weights' float dtype."""
    array = observe(input)
    if array.ndim != 1 or array.dtype.kind not in "iu" or (array.size and array.min() < 0):
        raise RuntimeError(
            f"bincount only supports 1-d non-negative integral inputs, got {array.dtype} of shape {list(array.shape)}."
        )
    if minlength < 0:
        raise RuntimeError(f"minlength should be >= 0, got {minlength}.")
    if weights is None:
        return made(numpy.bincount(array, minlength=minlength).astype(INT64, copy=False))
    held = plain(observe(weights))
    if held.shape != array.shape:
        raise RuntimeError(
            f"weights should be 1-d and have the same length as input, got {list(held.shape)} and {list(array.shape)}."
        )
    dtype = numpy.dtype("float32") if held.dtype == numpy.float32 else numpy.dtype("float64")
    return made(numpy.bincount(array, held, minlength).astype(dtype, copy=False))


@export(method=False)
@beside_input
def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Which elements are among test_elements; one of the two may be a number."""
    if not isinstance(elements, Tensor) and not isinstance(test_elements, Tensor):
        raise TypeError("isin(): elements or test_elements must be a Tensor, got two numbers.")
    a, b = [plain(observe(x)) if isinstance(x, Tensor) else numpy.asarray(x) for x in (elements, test_elements)]
    return made(numpy.asarray(numpy.isin(a, b, assume_unique=assume_unique, invert=invert)))


# ---- where values go ----


@export(method=False)
@beside_input
def searchsorted(
    sorted_sequence: Tensor,
    input: Tensor | float,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where in the last dimension of sorted_sequence each value of input (a tensor or a number) would go to keep the order.

    side: "left", before equal elements, or "right", behind them (right=True is the same). sorter: the order (`argsort`)
    that sorts the sequence's last dimension. input: of the sequence's leading dimensions, or any where that has one.
    """
    if side not in (None, "left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}.")
    if right and side == "left":
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True."
        )
    sequence = plain(observe(sorted_sequence))
    values = plain(observe(input)) if isinstance(input, Tensor) else numpy.asarray(number(input))
    if sequence.ndim == 0:
        raise RuntimeError(
            "torch.searchsorted(): input value tensor and boundaries need at least one dimension, got none."
        )
    if sequence.ndim > 1 and values.shape[:-1] != sequence.shape[:-1]:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor "
            f"and input value tensor must match, but we got {list(sequence.shape)} and {list(values.shape)}."
        )
    if sorter is not None:
        order = observe(sorter)
        if order.shape != sequence.shape or order.dtype != INT64:
            raise RuntimeError(
                f"torch.searchsorted(): boundary and sorter must have the same size, and sorter be int64, but got "
                f"{list(sequence.shape)} and {order.dtype} {list(order.shape)}."
            )
        if order.size and (order.min() < 0 or order.max() >= order.shape[-1]):
            raise RuntimeError("torch.searchsorted(): sorter index out of range.")
        sequence = numpy.take_along_axis(sequence, order, -1)
    where: Any = "right" if right or side == "right" else "left"
    out = numpy.empty(values.shape, numpy.int32 if out_int32 else INT64)
    if sequence.ndim == 1:
        out[...] = numpy.searchsorted(sequence, values, where)
    elif out.size:
        rows = zip(
            sequence.reshape(-1, sequence.shape[-1]),
            values.reshape(-1, values.shape[-1]),
            out.reshape(-1, values.shape[-1]),
        )
        for row, wanted, found in rows:
            found[...] = numpy.searchsorted(row, wanted, where)
    return made(out)


@export(method=False)
@beside_input
def bucketize(input: Tensor | float, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """The number of the interval between boundaries (1-D, ascending) in which each value lies."""
    if boundaries._array.ndim != 1:
        raise RuntimeError(
            f"bucketize(): boundaries tensor must be 1 dimension, but got dim({boundaries._array.ndim})."
        )
    if isinstance(input, Tensor) and input._array.dtype != boundaries._array.dtype:
        wide = numpy.result_type(plain(input._array), plain(boundaries._array))
        array, edges = (plain(observe(x)).astype(wide) for x in (input, boundaries))
        found = numpy.searchsorted(edges, array, "right" if right else "left")
        return made(numpy.asarray(found, numpy.int32 if out_int32 else INT64))
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


# ---- histograms ----


def _bounds(array: numpy.ndarray, low: float, high: float, margin: float) -> tuple[float, float]:
    """The outermost edges: those given, or, where both are equal, of the data; a margin on each side where that has one value."""
    if low == high and array.size:
        low, high = float(array.min()), float(array.max())
    if not (numpy.isfinite(low) and numpy.isfinite(high)):
        raise RuntimeError(f"range of [{low}, {high}] is not finite.")
    if low == high:
        low, high = low - margin, high + margin
    if low > high:
        raise RuntimeError(f"max must be larger than min, got min {low} and max {high}.")
    return low, high


@export()
@beside_input
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements lie in each of `bins` equal intervals from min to max (of the data, where both are equal)."""
    array = plain(observe(input))
    count = int(bins)
    if count <= 0:
        raise RuntimeError(f"bins must be > 0, but got {bins}.")
    low, high = _bounds(array, float(number(min)), float(number(max)), 1.0)
    flat = array.reshape(-1)
    flat = flat[(flat >= low) & (flat <= high)]
    kind = flat.dtype if flat.dtype.kind == "f" else numpy.dtype("float64")
    place = ((flat.astype(kind) - kind.type(low)) * kind.type(count) / (kind.type(high) - kind.type(low))).astype(INT64)
    found = numpy.bincount(numpy.minimum(place, count - 1), minlength=count)
    return made(found.astype(input._array.dtype))


def _edges_of(array: numpy.ndarray, bins: Any, low: float, high: float) -> numpy.ndarray:
    if isinstance(bins, Tensor):
        if bins._array.ndim != 1 or bins._array.size == 0:
            raise RuntimeError(
                f"bins tensor should have one dimension and an element, but got shape {list(bins.shape)}."
            )
        result: numpy.ndarray = observe(bins)
        return result
    if bins <= 0:
        raise RuntimeError(f"number of bins must be positive, got {bins}.")
    if low == high and not array.size:
        low, high = 0.0, 1.0
    return numpy.linspace(*_bounds(array, low, high, 0.5), int(bins) + 1).astype(array.dtype)


def _places(values: numpy.ndarray, edges: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """(the interval that each value lies in, whether it lies in any); the last interval has both its ends."""
    place = numpy.searchsorted(edges, values, "right") - 1
    place = numpy.where(values == edges[-1], edges.size - 2, place)
    inside = (values >= edges[0]) & (values <= edges[-1])
    return place, inside


def _histogram(
    array: numpy.ndarray, edges: list[numpy.ndarray], weight: Tensor | None, density: bool, name: str
) -> numpy.ndarray:
    """The counts (or sums of weights) of the rows of array (n, dims) in a grid of intervals."""
    shape = tuple(e.size - 1 for e in edges)
    flat = numpy.zeros(array.shape[0], INT64)
    inside = numpy.ones(array.shape[0], bool)
    for d, e in enumerate(edges):
        place, within = _places(array[:, d], e)
        flat = flat * shape[d] + place
        inside &= within
    held = None
    if weight is not None:
        held = observe(weight).reshape(-1)
        if held.size != array.shape[0]:
            raise RuntimeError(f"{name}: if weight tensor is provided it should have one value an element of input.")
        held = held[inside]
    out = numpy.bincount(flat[inside], held, prod(shape)).reshape(shape).astype(array.dtype)
    if density:
        out = out / out.sum()
        for d, e in enumerate(edges):
            out = out / numpy.diff(e).reshape([-1 if i == d else 1 for i in range(len(edges))])
        out = out.astype(array.dtype)
    return out


@export()
@beside_input
def histogram(
    input: Tensor,
    bins: Any,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Named:
    """(hist, bin_edges): how many elements, or what weight of them, lie in each interval.

    bins: how many equal intervals over `range` (of the data where None), or a 1-D tensor of their edges.
    density: divided so that the integral is 1. float32 and float64.
    """
    array = observe(input).reshape(-1)
    edges = _edges_of(array, bins, *(range or (0.0, 0.0)))
    found = _histogram(array[:, None], [edges], weight, density, "histogram")
    return named("histogram", ("hist", "bin_edges"))((made(found), bins if isinstance(bins, Tensor) else made(edges)))


@export(method=False)
@beside_input
def histogramdd(
    input: Tensor,
    bins: Any,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """(hist, bin_edges): a histogram of points, input's last dimension, over a grid: `histogram` in several dimensions.

    bins: one number, or one number or tensor of edges a dimension. range: (low, high) of each dimension in a row.
    """
    if input._array.ndim < 2:
        raise RuntimeError(
            f"torch.histogramdd: input tensor should have at least 2 dimensions, got {input._array.ndim}."
        )
    dims = input._array.shape[-1]
    array = observe(input).reshape(-1, dims)
    each = [bins] * dims if isinstance(bins, int) else list(bins)
    if len(each) != dims:
        raise RuntimeError(
            f"histogramdd: the size of bins should be equal to the innermost dimension of the input, {dims}."
        )
    limits = list(range) if range is not None else [0.0] * (2 * dims)
    if len(limits) != 2 * dims:
        raise RuntimeError(f"histogramdd: for a {dims}-dimensional histogram range should have {2 * dims} elements.")
    edges = [_edges_of(array[:, d], b, limits[2 * d], limits[2 * d + 1]) for d, b in enumerate(each)]
    found = _histogram(array, edges, weight, density, "histogramdd")
    results: Any = made(found), tuple(made(e) for e in edges)
    return named("histogramdd", ("hist", "bin_edges"))(results)


@export(method=False)
@beside_input
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates, in a tensor of that shape, of flat indices: one tensor a dimension. ValueError for one out of range."""
    sizes = (int(shape),) if isinstance(shape, int) else tuple(int(n) for n in shape)
    if indices._array.dtype.kind not in "iu":
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices._array.dtype}.")
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {sizes}.")
    rest = observe(indices).astype(INT64)
    found = []
    for n in reversed(sizes):
        found.append(made(numpy.asarray(rest % max(n, 1))))
        rest = rest // max(n, 1)
    return tuple(reversed(found))
