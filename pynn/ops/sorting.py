"""Order along a dimension: sort, argsort, topk, kthvalue, median."""

from typing import Any

import numpy

from pynn._core import Tensor, call, made, made_beside, observe
from pynn._dtypes import plain
from pynn.ops.devices import beside_input
from pynn.ops.extremes import picked_vjp
from pynn.ops.registry import Sample, export, register
from pynn.ops.view import normal_dim
from pynn.return_types import Named, ValuesIndices, named


def _order(array: Any, dim: Any, descending: Any) -> Any:
    keys = numpy.flip(array, dim) if descending else array
    order = numpy.argsort(keys, axis=dim, kind="stable")
    # Flipping twice keeps equal elements in their first order.
    return array.shape[dim] - 1 - numpy.flip(order, dim) if descending else order


def _picked(x: Any, order: Any, dim: Any) -> Any:
    order = order if order.flags.c_contiguous else order.copy()
    return numpy.take_along_axis(x, order, dim), order


def _first(order: Any, k: Any, dim: Any) -> Any:
    return order[(slice(None),) * dim + (slice(0, k),)]


def _resized(shape: Any, dim: Any, k: Any) -> Any:
    return (*shape[:dim], k, *shape[dim + 1 :])


_SHAPES = (((3, 5), 1), ((5, 3), 0), ((7,), 0), ((2, 6, 3), 1), ((2, 1000), 1))
_TIES = numpy.array([[2.0, -0.0, 0.0, 2.0, -1.0, 0.0], [numpy.nan, 1.0, numpy.inf, -numpy.inf, numpy.nan, 1.0]])

SORT = register(
    "sort",
    vjp=(picked_vjp,),
    saves=("out1",),
    likes=(0,),
    outputs=2,
    shape=lambda x, dim, descending: (x, x),
    dtype="same",
    attrs=("dim", "descending"),
    samples=lambda rng: [Sample((rng.normal(size=s),), (d, down)) for s, d in (*_SHAPES, ((0, 3), 0)) for down in (False, True)]
    + [Sample((_TIES,), (1, down), grad=False) for down in (False, True)]
    + [Sample((rng.integers(-3, 3, (4, 9)),), (1, down)) for down in (False, True)],
    torch=lambda t, x, dim, descending: tuple(t.sort(x, dim=dim, descending=descending, stable=True)),
)(lambda xp, x, dim, descending: _picked(x, _order(x, dim, descending), dim))  # fmt: skip

TOPK = register(
    "topk",
    vjp=(picked_vjp,),
    saves=("out1",),
    likes=(0,),
    outputs=2,
    shape=lambda x, k, dim, largest: (_resized(x, dim, k),) * 2,
    dtype="same",
    attrs=("k", "dim", "largest"),
    samples=lambda rng: [Sample((rng.normal(size=s),), (k, d, large)) for s, d in _SHAPES for k in (0, 2) for large in (False, True)],
    torch=lambda t, x, k, dim, largest: tuple(t.topk(x, k, dim, largest)),
)(lambda xp, x, k, dim, largest: _picked(x, _first(_order(x, dim, largest), k, dim), dim))  # fmt: skip


def _kth(xp: Any, x: Any, k: Any, dim: Any, nan_first: Any) -> Any:
    order = _order(x, dim, False)
    place = order[(slice(None),) * dim + (slice(k - 1, k),)]
    if nan_first and x.dtype.kind == "f":
        nan = x != x
        place = numpy.where(nan.any(dim, keepdims=True), nan.argmax(dim, keepdims=True), place)
    return _picked(x, place, dim)


KTHVALUE = register(
    "kthvalue",
    vjp=(picked_vjp,),
    saves=("out1",),
    likes=(0,),
    outputs=2,
    shape=lambda x, k, dim, nan_first: (_resized(x, dim, 1),) * 2,
    dtype="same",
    attrs=("k", "dim", "nan_first"),
    samples=lambda rng: [Sample((rng.normal(size=s),), (k, d, False)) for s, d in _SHAPES for k in (1, 3)],
    torch=lambda t, x, k, dim, nan_first: tuple(t.kthvalue(x, k, dim, True)),
)(_kth)


def _median(xp: Any, x: Any, skip_nan: Any) -> Any:
    flat = x.reshape(-1)
    count = flat.size
    if flat.dtype.kind == "f":
        nans = int((flat != flat).sum())
        if nans and (not skip_nan or nans == count):
            return numpy.full_like(flat, numpy.nan, shape=())
        count -= nans  # they come last
    k = (count - 1) // 2
    return numpy.partition(flat, k)[k : k + 1].reshape(())


def _shared_vjp(xp: Any, g: Any, out: Any, x: Any, *attrs: Any) -> Any:
    """The elements that are the result, or NaN as it is, share the gradient equally, as in torch."""
    hit = xp.astype((x == out) | ((x != x) & (out != out)), g.dtype)
    return g * (hit / xp.sum(hit))


MEDIAN = register(
    "median",
    vjp=(_shared_vjp,),
    saves=("out", 0),
    shape=lambda x, skip_nan: (),
    dtype="same",
    attrs=("skip_nan",),
    samples=lambda rng: [Sample((rng.normal(size=s),), (skip,)) for s in ((7,), (4, 6), (1,)) for skip in (False, True)]
    + [Sample((numpy.array([[1.0, 3.0, 3.0], [2.0, 3.0, 0.0]]),), (skip,)) for skip in (False, True)]
    + [Sample((_TIES,), (skip,), grad=False) for skip in (False, True)]
    + [Sample((rng.integers(-3, 3, (4, 9)),), (False,))],
    torch=lambda t, x, skip_nan: (t.nanmedian if skip_nan else t.median)(x),
)(_median)


def _scalar(name: str, input: Any) -> ValuesIndices:
    return named(name)((input.clone(), made_beside(input, numpy.zeros((), numpy.int64))))


@export()
def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> ValuesIndices:
    """(values, indices) of input in order along dim; equal elements keep their order, NaN comes after all numbers."""
    d = normal_dim(dim, input._array.ndim)
    return named("sort")(call(SORT, (input,), (d, bool(descending)))) if input._array.ndim else _scalar("sort", input)


@export()
def argsort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Tensor:
    """The indices that sort input along dim."""
    return sort(input, dim, descending).indices


@export()
def msort(input: Tensor) -> Tensor:
    """input sorted along its first dimension."""
    return sort(input, 0).values


@export()
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesIndices:
    """(values, indices) of the k largest (or smallest) elements along dim, in order."""
    if isinstance(k, Tensor):
        k = k.item()
    if not isinstance(k, (int, numpy.integer)):
        raise TypeError(f"topk(): argument 'k' (position 2) must be int, not {type(k).__name__}.")
    if isinstance(dim, bool):
        raise TypeError("topk(): argument 'dim' (position 2) must be int, not bool.")
    d = normal_dim(dim, input._array.ndim)
    size = input._array.shape[d] if input._array.ndim else 1
    if not 0 <= k <= size:
        raise RuntimeError(f"selected index k out of range: k is {k}, dimension {dim} has size {size}.")
    if input._array.ndim == 0:
        return _scalar("topk", input)
    return named("topk")(call(TOPK, (input,), (int(k), d, bool(largest))))


def _kth_value(name: str, input: Any, k: Any, dim: Any, keepdim: Any, nan_first: Any) -> ValuesIndices:
    d = normal_dim(dim, input._array.ndim)
    if input._array.ndim == 0:
        return _scalar(name, input)
    found = call(KTHVALUE, (input,), (int(k), d, nan_first))
    return named(name)(found if keepdim else [x.squeeze(d) for x in found])


def _size(name: str, input: Any, dim: Any) -> Any:
    """The size of dim; IndexError where it is 0."""
    n = input._array.shape[normal_dim(dim, input._array.ndim)] if input._array.ndim else 1
    if n == 0:
        raise IndexError(
            f"{name}(): Expected reduction dim {dim} to have non-zero size, got shape {list(input._array.shape)}."
        )
    return n


@export()
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> ValuesIndices:
    """(values, indices) of the k-th smallest elements along dim, k counted from 1."""
    n = _size("kthvalue", input, dim)
    if not 1 <= k <= n:
        raise RuntimeError(
            f"kthvalue(): selected number k out of range for dimension {dim}: k is {k}, the dimension has size {n}."
        )
    return _kth_value("kthvalue", input, k, dim, keepdim, False)


def _empty_median(input: Any) -> Tensor:
    kind = input._array.dtype
    nothing = numpy.nan if kind.kind in "fV" else numpy.iinfo(kind).min if kind.kind == "i" else 0
    return made_beside(input, numpy.full((), nothing, kind))


@export()
@beside_input
def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor | ValuesIndices:
    """The median of all elements, or (values, indices) along dim; of an even number, the lower of the middle two.

    NaN where any element is.
    """
    if dim is None:
        return call(MEDIAN, (input,), (False,)) if input._array.size else _empty_median(input)
    n = _size("median", input, dim)
    return _kth_value("median", input, (n + 1) // 2, dim, keepdim, True)


@export()
@beside_input
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor | ValuesIndices:
    """`median` of the elements that are not NaN; NaN where all are."""
    if input._array.dtype.kind not in "fV":
        middle = median(input, dim, keepdim)
        return middle if dim is None else named("nanmedian")(middle)
    if dim is None:
        return call(MEDIAN, (input,), (True,)) if input._array.size else _empty_median(input)
    _size("nanmedian", input, dim)
    if input._array.ndim == 0:
        return _scalar("nanmedian", input)
    d = normal_dim(dim, input._array.ndim)
    array = observe(input)
    count = (array == array).sum(axis=d, keepdims=True)
    place = made(numpy.maximum(count - 1, 0) // 2)
    values, indices = sort(input, d)
    found = (values.gather(d, place), indices.gather(d, place))
    return named("nanmedian")(found if keepdim else [x.squeeze(d) for x in found])


@export()
@beside_input
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> ValuesIndices:
    """(values, indices): the most frequent element along dim, the smallest of several, and where it is last."""
    d = normal_dim(dim, input._array.ndim)
    _size("mode", input, dim)
    if input._array.ndim == 0:
        return _scalar("mode", input)
    values, indices = sort(input, d)
    sorted_ = numpy.moveaxis(plain(observe(values)), d, -1)
    new = numpy.ones(sorted_.shape, bool)
    new[..., 1:] = sorted_[..., 1:] != sorted_[..., :-1]
    places = numpy.arange(sorted_.shape[-1])
    first = numpy.maximum.accumulate(numpy.where(new, places, 0), axis=-1)
    # Where a run has come to be longest: the first such place is the end of the longest run of the smallest value.
    last = numpy.argmax(places - first, axis=-1)[..., None]
    place = made(numpy.ascontiguousarray(numpy.moveaxis(last, -1, d)))
    found = (values.gather(d, place), indices.gather(d, place))
    return named("mode")(found if keepdim else [x.squeeze(d) for x in found])


@export()
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Named:
    """(min, max) of all elements, or along one dim; ties share the gradient."""
    if dim is not None:
        _size("aminmax", input, dim)
    elif input._array.size == 0:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity: got shape "
            f"{list(input._array.shape)}."
        )
    over = () if dim is None else dim
    both = input.amin(over, keepdim), input.amax(over, keepdim)
    return named("aminmax", ("min", "max"))(both)
