"""Writing along a dimension by index: scatter, scatter_reduce, index_add and their kin, put, index_put."""

from collections.abc import Sequence
from typing import Any

import numpy

from pynn import _core
from pynn._core import METHODS, Tensor, call, call_inplace, made, made_beside, observe
from pynn._dtypes import INT64
from pynn.amp.autocast_mode import promoting_function
from pynn.ops.devices import beside_input
from pynn.ops.fitting import fitted
from pynn.ops.indexing import INDEX_PUT, INDEX_PUT_, PLACE, _index_error, _split_index
from pynn.ops.overlap import arrays_in, refuse_overlap
from pynn.ops.registry import Sample, cast, export, joint, register, run, written
from pynn.ops.selecting import GATHER, SCATTER, SCATTER_ADD, _along, _at_least_1d, _check_gather, _int64_index
from pynn.ops.view import normal_dim

# ---- scatter_reduce's products and extremes ----

_AT: dict[str, Any] = {"prod": numpy.multiply, "amax": numpy.maximum, "amin": numpy.minimum}


def _identity(reduce: str, dtype: numpy.dtype) -> Any:
    """The value that a reduction starts from where the tensor's own does not count."""
    if reduce == "prod":
        return 1
    if dtype.kind == "b":
        return reduce == "amin"
    if dtype.kind in "iu":
        limits = numpy.iinfo(dtype)
        return limits.min if reduce == "amax" else limits.max
    return -numpy.inf if reduce == "amax" else numpy.inf


def _scatter_reduce(xp: Any, x: Any, index: Any, src: Any, dim: int, reduce: str, include_self: bool) -> Any:
    out = xp.copy(x)
    if index.size == 0:
        return out
    where = _along(out, dim, index)
    if not include_self:
        out[where] = _identity(reduce, out.dtype)
    _AT[reduce].at(out, where, src[tuple(slice(0, n) for n in index.shape)])
    return out


def _picked(xp: Any, x: Any, index: Any, dim: int) -> Any:
    return run(xp, GATHER, (x, index), (dim,))


def _added(xp: Any, x: Any, index: Any, src: Any, dim: int) -> Any:
    return run(xp, SCATTER_ADD, (x, index, src), (dim,))


def _scatter_reduce_vjp(
    xp: Any,
    needs: int,
    g: Any,
    out: Any,
    x: Any,
    index: Any,
    src: Any,
    dim: int,
    reduce: str,
    include_self: bool,
) -> tuple[Any, None, Any]:
    """A product's gradient is the product of the others: of all, over the element, or, where one is 0, without that one."""
    if 0 in index.shape:
        return g, None, xp.zeros_like(src)
    if tuple(src.shape) != tuple(index.shape):
        part = src[tuple(slice(0, n) for n in index.shape)]
    else:
        part = src
    if isinstance(g, Tensor) and not isinstance(index, Tensor):
        index = _core.wrap(index)
    touched = run(xp, SCATTER, (xp.ones_like(x), index, xp.zeros_like(part)), (dim,))
    if reduce == "prod":
        if isinstance(g, Tensor) and bool((part == 0).any()):
            raise RuntimeError(
                "scatter_reduce(): double backward is unsupported for prod where src has zeros. Use scatter_add of logarithms, "
                "or leave create_graph out."
            )
        zero = xp.astype(part == 0, g.dtype)
        zeros = _added(xp, xp.zeros_like(x), index, zero, dim)  # zeros among the sources of each place
        filled = xp.where(part == 0, 1.0, part)
        rest = _scatter_reduce_of(xp, xp.ones_like(x), index, filled, dim, "prod", True)  # the sources that are not 0
        own = x if include_self else xp.where(touched == 0, 1.0, x)
        grad_self = g * xp.where(zeros == 0, rest, 0.0)
        without = xp.where(_picked(xp, zeros, index, dim) - zero == 0, _picked(xp, rest * own * g, index, dim), 0.0)
        grad_src = without / filled
    else:
        hit_self = xp.astype(x == out, g.dtype)
        if not include_self:
            hit_self = hit_self * touched
        hit = xp.astype(part == _picked(xp, out, index, dim), g.dtype)
        share = g / _added(xp, hit_self, index, hit, dim)
        grad_self = xp.where(hit_self == 0, 0.0, share)
        grad_src = xp.where(hit == 0, 0.0, _picked(xp, share, index, dim))
    if not include_self:
        grad_self = xp.where(touched == 0, 0.0, grad_self)
    if tuple(src.shape) != tuple(index.shape):
        where = tuple(slice(0, n) for n in index.shape)
        full = xp.zeros(tuple(src.shape), dtype=g.dtype)
        if isinstance(g, Tensor):
            grad_src = xp.put(full, where, grad_src)
        else:
            full[where] = grad_src
            grad_src = full
    return grad_self, None, grad_src


def _scatter_reduce_of(xp: Any, x: Any, index: Any, src: Any, dim: int, reduce: str, include_self: bool) -> Any:
    return run(xp, SCATTER_REDUCE, (x, index, src), (dim, reduce, include_self))


SCATTER_REDUCE = register(
    "scatter_reduce",
    vjp=joint(_scatter_reduce_vjp),
    saves=("out", 0, 1, 2),
    check=_check_gather,
    shape=lambda x, index, src, dim, reduce, include_self: x,
    dtype="same",
    attrs=("dim", "reduce", "include_self"),
    samples=lambda rng: [
        Sample((rng.uniform(0.5, 2, s), index, rng.uniform(0.5, 2, src)), (dim, reduce, include))
        for s, index, src, dim in (
            ((4, 5), rng.integers(0, 5, (4, 3)), (4, 3), 1),
            ((3, 4), rng.integers(0, 3, (5, 4)), (6, 4), 0),
        )
        for reduce in ("prod", "amax", "amin")
        for include in (True, False)
    ],
    torch=lambda t, x, index, src, dim, reduce, include: t.scatter_reduce(x, dim, index, src, reduce, include_self=include),
)(_scatter_reduce)  # fmt: skip


def _source(name: str, input: Tensor, index: Tensor, src: Any) -> Tensor:
    if not isinstance(src, Tensor):
        if input._array.dtype.kind in "biu":
            src = fitted(src, input._array.dtype)
        return made_beside(input, numpy.full(index._array.shape, src, input._array.dtype))
    if src._array.dtype != input._array.dtype:
        raise RuntimeError(
            f"{name}(): Expected self.dtype to be equal to src.dtype, got {input._array.dtype} and {src._array.dtype}."
        )
    return src


def _by_index(op: Any, input: Tensor, index: Tensor, src: Tensor, dim: int, *attrs: Any) -> Tensor:
    """A scatter op, a tensor of no dimension taken as one of a single element."""
    d = normal_dim(dim, input._array.ndim)
    if index._array.size == 0 and not (src.requires_grad and index._array.ndim == input._array.ndim):
        return input.clone()
    if input._array.ndim and index._array.ndim and src._array.ndim:
        return call(op, (input, index, src), (d, *attrs))
    found = call(op, (_at_least_1d(input), _at_least_1d(index), _at_least_1d(src)), (d, *attrs))
    return found.reshape(input._array.shape)


@export()
def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor | float | None = None,
    *,
    value: float | None = None,
    reduce: str | None = None,
) -> Tensor:
    """input with src (a tensor or a number) written at index along dim, or added or multiplied there.

    index: int64 or int32; src: of input's dtype, no smaller than index. reduce: None, "add" or "multiply".
    """
    src = _source("scatter", input, index, src if src is not None else value)
    if reduce is None:
        return _by_index(SCATTER, input, index, src, dim)
    if reduce == "add":
        return _by_index(SCATTER_ADD, input, index, src, dim)
    if reduce == "multiply":
        return _by_index(SCATTER_REDUCE, input, index, src, dim, "prod", True)
    raise RuntimeError(f"reduce argument must be either add or multiply, got {reduce!r}.")


@export()
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """input with src added at index along dim, repeats counted."""
    return _by_index(SCATTER_ADD, input, index, _source("scatter", input, index, src), dim)


@export()
@beside_input
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """input with each place that index names along dim replaced by the reduction of what src sends there.

    reduce: "sum", "prod", "mean", "amax" or "amin". include_self: whether input's own value counts.
    """
    src = _source("scatter", input, index, src)
    if reduce in _AT:
        return _by_index(SCATTER_REDUCE, input, index, src, dim, reduce, bool(include_self))
    if reduce not in ("sum", "mean"):
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce!r}.")
    own = input if include_self else scatter(input, dim, index, 0)
    total = _by_index(SCATTER_ADD, own, index, src, dim)
    if reduce == "sum":
        return total
    ones = made(numpy.ones(input._array.shape, INT64))
    counts = ones if include_self else scatter(ones, dim, index, 0)
    counts = scatter_add(counts, dim, index, made(numpy.ones(src._array.shape, INT64))).clamp(min=1)
    if input._array.dtype.kind in "biu":
        return cast(total.div(counts, rounding_mode="floor"), input._array.dtype)
    return total / cast(counts, input._array.dtype)


# ---- index_add, index_copy, index_fill, index_reduce: whole slices ----


def _check_slices(name: str, input: Tensor, dim: int, index: Tensor, source: Tensor) -> tuple[int, Tensor]:
    """(dim from 0, index spread over source's shape); RuntimeError or IndexError where they do not fit input."""
    d = normal_dim(dim, input._array.ndim)
    if index._array.ndim > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector, but got dim: {index._array.ndim}.")
    index = _at_least_1d(_int64_index(index, name))
    if source._array.dtype != input._array.dtype:
        raise RuntimeError(
            f"{name}(): self and source expected to have the same dtype, but got (self) {input._array.dtype} and (source) "
            f"{source._array.dtype}."
        )
    shape = source._array.shape or (1,)
    own = input._array.shape or (1,)
    if len(shape) != len(own) or shape[:d] + shape[d + 1 :] != own[:d] + own[d + 1 :]:
        raise RuntimeError(
            f"{name}(): source/destination tensor must have same slice shapes. Destination slice shape: {list(own)} at "
            f"dimension {d} and source slice shape: {list(shape)} at dimension {d}."
        )
    if index._array.size != shape[d]:
        raise IndexError(
            f"{name}(): Number of indices ({index._array.size}) should be equal to source.size(dim): ({shape[d]})."
        )
    if index._array.size and not (index._array.min() >= 0 and index._array.max() < own[d]):
        raise IndexError(
            f"{name}(): index out of range in self: dimension {d} has size {own[d]}, got {index.tolist()}."
        )
    return d, index.reshape([-1 if i == d else 1 for i in range(len(shape))]).expand(shape)


@export()
@beside_input
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """input with alpha * the slices of source added at index along dim; repeats add up."""
    d, spread = _check_slices("index_add", input, dim, index, source)
    if alpha != 1:
        factor = numpy.asarray(alpha).astype(source._array.dtype)  # of uint8, -1 wraps around, as in torch
        source = source * made(factor)
    return _by_index(SCATTER_ADD, input, spread, source, d)


@export()
@promoting_function
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """input with its slices at index along dim replaced by those of source."""
    d, spread = _check_slices("index_copy", input, dim, index, source)
    return _by_index(SCATTER, input, spread, source, d)


@export()
def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """input with its slices at index along dim reduced with those of source; reduce: "prod", "mean", "amax" or "amin"."""
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    d, spread = _check_slices("index_reduce", input, dim, index, source)
    if not input._array.ndim:
        found = scatter_reduce(input.reshape(1), 0, spread, _at_least_1d(source), reduce, include_self=include_self)
        return found.reshape(())
    return scatter_reduce(input, d, spread, source, reduce, include_self=include_self)


@export()
@beside_input
def index_fill(input: Tensor, dim: int, index: Tensor, value: Tensor | float) -> Tensor:
    """input with its slices at index along dim set to a number or a 0-d tensor; indices below 0 count from the end."""
    d = normal_dim(dim, input._array.ndim)
    if index._array.ndim > 1:
        raise IndexError(f"index_fill_(): Index is supposed to be a vector, got shape {list(index._array.shape)}.")
    if index._array.dtype.kind != "i":
        raise IndexError(f"index_fill_(): Expected dtype int64 for index, got {index._array.dtype}.")
    own = input._array.shape or (1,)
    on = numpy.zeros(own[d], bool)
    try:
        on[observe(index)] = True
    except IndexError as error:
        raise _index_error(error, index, input._array) from None
    mask = made(on).reshape([-1 if i == d else 1 for i in range(len(own))])
    return input.masked_fill(mask if input._array.ndim else mask.reshape(()), value)


# ---- put, index_put, masked_scatter, take ----


@export()
def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements of the flattened input at index (int64; below 0 from the end), in index's shape."""
    if index._array.dtype != INT64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {index._array.dtype}. Use index.long().")
    if input._array.size == 0 and index._array.size:
        raise IndexError("take(): tried to take from an empty tensor.")
    found = input.reshape(-1)[index.reshape(-1)]
    return found.reshape(index._array.shape)


@export()
@beside_input
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """input's elements at indices along dim (below 0 from the end); other dimensions broadcast. Without dim, of the flattened."""
    if indices._array.dtype != INT64:
        raise RuntimeError(
            f"torch.take_along_dim(): dtype of indices should be Long but got {indices._array.dtype}. Use indices.long()."
        )
    if dim is None:
        return take(input, indices.flatten())
    if input._array.ndim != indices._array.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input._array.ndim} dimensions for input, and {indices._array.ndim} dimensions for indices."
        )
    d = normal_dim(dim, input._array.ndim)
    a, b = list(input._array.shape), list(indices._array.shape)
    n = a[d] if a else 1
    places = observe(indices)
    if places.size and places.min() < 0:
        if places.min() < -n:
            raise RuntimeError(f"index {int(places.min())} is out of bounds for dimension {d} with size {n}.")
        indices = made(numpy.where(places < 0, places + n, places))
    rest = list(numpy.broadcast_shapes((*a[:d], 1, *a[d + 1 :]), (*b[:d], 1, *b[d + 1 :]))) if a else []
    if not a:
        return input.gather(0, indices)
    wide = input.expand(rest[:d] + [a[d]] + rest[d + 1 :])
    return wide.gather(d, indices.expand(rest[:d] + [b[d]] + rest[d + 1 :]))


def _put_parts(input: Tensor, indices: Sequence[Any], values: Tensor) -> tuple[tuple[Any, ...], tuple[Tensor, ...]]:
    if len(indices) > input._array.ndim:
        raise IndexError(f"too many indices for tensor of dimension {input._array.ndim} (got {len(indices)}).")
    if values._array.dtype != input._array.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{input._array.dtype} for the destination and {values._array.dtype} for the source."
        )
    # An index of no dimension selects as one of a single element, which broadcasts alike.
    items = tuple(slice(None) if i is None else _at_least_1d(i) if isinstance(i, Tensor) else i for i in indices)
    parts: tuple[tuple[Any, ...], tuple[Tensor, ...]] = _split_index(input, items)
    return parts


@export()
def index_put(input: Tensor, indices: Sequence[Any], values: Tensor, accumulate: bool = False) -> Tensor:
    """input with values (which broadcast) written, or added, at a tuple of index tensors; None in it is a whole dimension."""
    pattern, tensors = _put_parts(input, indices, values)
    try:
        return call(INDEX_PUT, (input, values, *tensors), (pattern, bool(accumulate)))
    except (IndexError, ValueError) as error:
        raise _put_error(error, indices, input) from None


@export(function=False)
def index_put_(self: Tensor, indices: Sequence[Any], values: Tensor, accumulate: bool = False) -> Tensor:
    """index_put, written to the tensor itself."""
    pattern, tensors = _put_parts(self, indices, values)
    try:
        refuse_overlap("index_put_", self._array, arrays_in((values, tensors)), apart=True)
        return call_inplace(INDEX_PUT_, (self, values, *tensors), (pattern, bool(accumulate)))
    except (IndexError, ValueError) as error:
        raise _put_error(error, indices, self) from None


def _put_error(error: Exception, indices: Sequence[Any], input: Tensor) -> Exception:
    if isinstance(error, IndexError):
        return _index_error(error, tuple(indices), input._array)
    return RuntimeError(f"shape mismatch: {error} (index_put into shape {list(input._array.shape)}).")


@export()
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """input with source's elements written, or added, at index of the flattened tensor (int64; below 0 from the end)."""
    if index._array.dtype != INT64:
        raise RuntimeError(f"put_(): Expected a long tensor for index, but got {index._array.dtype}. Use index.long().")
    if source._array.dtype != input._array.dtype:
        raise RuntimeError(
            f"put_(): self and source expected to have the same dtype, but got self.dtype = {input._array.dtype} and "
            f"source.dtype = {source._array.dtype}."
        )
    if source._array.size != index._array.size:
        raise RuntimeError(
            f"put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source._array.size}, index.numel() = {index._array.size}."
        )
    n = input._array.size
    places = observe(index)
    if places.size and (n == 0 or places.max() >= n or places.min() < -n):
        raise IndexError(f"put_(): tried to put elements out of range: index {places.reshape(-1).tolist()}, size {n}.")
    if places.size == 0:
        return input.clone()
    attrs = ((PLACE,), bool(accumulate))
    flat = call(INDEX_PUT, (input.reshape(-1), source.reshape(-1), index.reshape(-1)), attrs)
    return flat.reshape(input._array.shape)


@export()
@beside_input
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """input with the elements where mask is true replaced by those of source, in order; input and mask broadcast."""
    if mask._array.dtype.kind != "b":
        raise RuntimeError(f"masked_scatter_ only supports boolean masks, but got mask with dtype {mask._array.dtype}.")
    if source._array.dtype != input._array.dtype:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got {input._array.dtype} and "
            f"{source._array.dtype}."
        )
    shape = numpy.broadcast_shapes(input._array.shape, mask._array.shape)
    input = input if input._array.shape == shape else input.expand(shape)
    place = numpy.broadcast_to(observe(mask), shape)
    count = int(place.sum())
    if count > source._array.size:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have enough elements: mask selects {count}, source "
            f"has {source._array.size}."
        )
    if count == 0:
        return input.clone()
    order = numpy.cumsum(place.reshape(-1)) - 1
    spread = source.flatten()[made(numpy.maximum(order, 0))].reshape(shape)
    return spread.where(made(numpy.array(place)), input)


for _name, _function in (
    ("scatter", scatter), ("scatter_add", scatter_add), ("scatter_reduce", scatter_reduce), ("index_add", index_add),
    ("index_copy", index_copy), ("index_fill", index_fill), ("index_reduce", index_reduce), ("put", put),
    ("masked_scatter", masked_scatter),
):  # fmt: skip
    written(_name, _function, apart=None if _name in ("masked_scatter", "index_fill") else True)
written("cumprod", METHODS["cumprod"])
