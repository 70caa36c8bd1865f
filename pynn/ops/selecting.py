"""Selecting along a dimension: gather and the scatters it is the gradient of, index_select, masks, pieces, nonzero."""

from typing import Any, Literal, overload

import numpy

from pynn import _core
from pynn._core import Tensor, call, call_inplace, several_views
from pynn._dtypes import INT64
from pynn.ops.cast import COPY_
from pynn.ops.devices import beside_input
from pynn.ops.fitting import fitted
from pynn.ops.indexing import GETITEM, INDEX, PLACE, getitem
from pynn.ops.overlap import repeats
from pynn.ops.pointwise_functions import where
from pynn.ops.registry import Sample, cast, check_broadcast, export, register
from pynn.ops.view import normal_dim

# ---- gather and scatter ----


def _along(x: Any, dim: Any, index: Any) -> Any:
    """Index arrays that address x along dim by index and by position elsewhere."""
    grid = []
    for d in range(index.ndim):
        if d == dim:
            grid.append(index)
        else:
            shape = [1] * index.ndim
            shape[d] = index.shape[d]
            grid.append(numpy.arange(index.shape[d]).reshape(shape))
    return tuple(grid)


def _gather_vjp(xp: Any, g: Any, out: Any, x: Any, index: Any, dim: Any) -> Any:
    if isinstance(g, Tensor):
        index = _core.wrap(index) if not isinstance(index, Tensor) else index
        return call(SCATTER_ADD, (xp.zeros(x.shape, dtype=g.dtype), index, g), (dim,))
    full = xp.zeros(x.shape, dtype=g.dtype)
    xp.add_at(full, _along(full, dim, index), g)
    return full


def _int64_index(index: Any, name: str) -> Any:
    """index as int64; RuntimeError for any but integers of 32 or 64 bits."""
    dtype = index._array.dtype
    if dtype == INT64:
        return index
    if dtype != numpy.int32:
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index, got {dtype}. Use index.long().")
    return cast(index, INT64)


def _check_gather(inputs: Any, attrs: Any) -> Any:
    """What gather and the scatters demand: index within x's shape apart from dim, and within src's."""
    x, index = inputs[0], inputs[1]
    name = "gather" if len(inputs) == 2 else "scatter"
    dim = attrs[0]
    size, shape = x._array.shape, index._array.shape
    if index._array.dtype != INT64:
        index = _int64_index(index, name) if index._array.size else cast(index, INT64)
        inputs = (x, index, *inputs[2:])
    if index._array.size == 0:
        return inputs
    if len(size) != len(shape):
        raise RuntimeError(
            "Index tensor must have the same number of dimensions as input tensor: got index shape "
            f"{list(shape)} and input shape {list(size)}."
        )
    if index._array.max() >= size[dim] or index._array.min() < 0:
        bad = index._array.max() if index._array.max() >= size[dim] else index._array.min()
        raise RuntimeError(f"index {int(bad)} is out of bounds for dimension {dim} with size {size[dim]}.")
    for d in range(len(size)):
        if d != dim and shape[d] > size[d]:
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(shape)} to be no larger than "
                f"self {list(size)} apart from dimension {dim}."
            )
    if len(inputs) > 2:
        source = inputs[2]._array.shape
        if len(source) != len(shape):
            raise RuntimeError(
                "Index tensor must have the same number of dimensions as src tensor: got index shape "
                f"{list(shape)} and src shape {list(source)}."
            )
        if any(n > m for n, m in zip(shape, source)):
            raise RuntimeError(
                f"Expected index {list(shape)} to be no larger than self {list(size)} apart from dimension {dim} and to be "
                f"no larger than src {list(source)}."
            )
    return inputs


_GATHER_SAMPLES = lambda rng: [  # noqa: E731
    Sample((rng.normal(size=(4, 5)), rng.integers(0, 5, (4, 3))), (1,)),
    Sample((rng.normal(size=(4, 5)), rng.integers(0, 4, (2, 5))), (0,)),
    Sample((rng.normal(size=(4,)), numpy.array([1, 1, 3])), (0,)),
    Sample((rng.normal(size=(5, 4)).T, rng.integers(0, 4, (2, 5))), (0,)),
    Sample((rng.normal(size=(2, 4, 3)), rng.integers(0, 4, (2, 6, 3))), (1,)),
    Sample((rng.normal(size=(2, 4, 3)), numpy.broadcast_to(rng.integers(0, 4, (6, 1)), (2, 6, 3))), (1,)),
]

GATHER = register(
    "gather",
    exact="forward",
    vjp=(_gather_vjp, None),
    saves=(1,),
    likes=(0,),
    check=_check_gather,
    shape=lambda x, index, dim: index,
    dtype="same",
    attrs=("dim",),
    samples=_GATHER_SAMPLES,
    torch=lambda t, x, index, dim: t.gather(x, dim, index),
)(lambda xp, x, index, dim: x[_along(x, dim, index)])


def _scatter_add(xp: Any, x: Any, index: Any, src: Any, dim: Any) -> Any:
    out = xp.copy(x)
    xp.add_at(out, _along(out, dim, index), src[tuple(slice(0, n) for n in index.shape)])
    return out


def _scatter_src_vjp(xp: Any, g: Any, out: Any, x: Any, index: Any, src: Any, dim: Any) -> Any:
    if isinstance(g, Tensor):
        picked = call(GATHER, (g, _core.wrap(index) if not isinstance(index, Tensor) else index), (dim,))
        if tuple(src.shape) == tuple(picked.shape):
            return picked
        return xp.put(xp.zeros(src.shape, dtype=g.dtype), tuple(slice(0, n) for n in index.shape), picked)
    picked = g[_along(g, dim, index)]
    if src.shape == picked.shape:
        return picked
    full = xp.zeros(src.shape, dtype=g.dtype)
    full[tuple(slice(0, n) for n in index.shape)] = picked
    return full


SCATTER_ADD = register(
    "scatter_add",
    vjp=(lambda xp, g, out, x, index, src, dim: g, None, _scatter_src_vjp),
    saves=(1,),
    likes=(2,),
    check=_check_gather,
    shape=lambda x, index, src, dim: x,
    dtype="same",
    attrs=("dim",),
    samples=lambda rng: [
        Sample((rng.normal(size=(4, 5)), rng.integers(0, 5, (4, 3)), rng.normal(size=(4, 3))), (1,)),
        Sample((rng.normal(size=(4, 5)), rng.integers(0, 4, (2, 5)), rng.normal(size=(3, 5))), (0,)),
        Sample((rng.normal(size=(2, 4, 3)), rng.integers(0, 4, (2, 6, 3)), rng.normal(size=(3, 6, 2)).T), (1,)),
        Sample(
            (
                rng.normal(size=(2, 4, 3)),
                numpy.broadcast_to(rng.integers(0, 4, (6, 1)), (2, 6, 3)),
                rng.normal(size=(2, 6, 3)),
            ),
            (1,),
        ),
    ],
    torch=lambda t, x, index, src, dim: t.scatter_add(x, dim, index, src),
)(_scatter_add)


def _scatter(xp: Any, x: Any, index: Any, src: Any, dim: Any) -> Any:
    out = xp.copy(x)
    out[_along(out, dim, index)] = src[tuple(slice(0, n) for n in index.shape)]
    return out


def _scatter_self_vjp(xp: Any, g: Any, out: Any, x: Any, index: Any, src: Any, dim: Any) -> Any:
    if isinstance(g, Tensor):
        index = _core.wrap(index) if not isinstance(index, Tensor) else index
        return call(SCATTER, (g, index, xp.zeros(index.shape, dtype=g.dtype)), (dim,))
    rest = xp.copy(g)
    rest[_along(rest, dim, index)] = 0
    return rest


SCATTER = register(
    "scatter",
    exact=True,
    vjp=(_scatter_self_vjp, None, _scatter_src_vjp),
    saves=(1,),
    likes=(2,),
    check=_check_gather,
    shape=lambda x, index, src, dim: x,
    dtype="same",
    attrs=("dim",),
    samples=lambda rng: [
        Sample((rng.normal(size=(3, 5)), numpy.array([[0, 2, 4], [1, 0, 3]]), rng.normal(size=(2, 3))), (1,)),
        Sample(
            (
                rng.normal(size=(2, 4, 3)),
                numpy.broadcast_to(numpy.array([[3], [1]]), (2, 2, 3)),
                rng.normal(size=(2, 2, 3)),
            ),
            (1,),
        ),
        Sample((rng.normal(size=(4,)), numpy.array([3, 1]), rng.normal(size=(3,))), (0,)),
    ],
    torch=lambda t, x, index, src, dim: t.scatter(x, dim, index, src),
)(_scatter)


@export()
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """out[i][j] = input[index[i][j]][j] for dim 0, and so on: values picked along dim, index's shape.

    index: int64 or int32, as many dimensions as input, no larger than input but along dim.
    """
    d = normal_dim(dim, input._array.ndim)
    if input._array.ndim == 0 or index._array.ndim == 0:
        found = call(GATHER, (_at_least_1d(input), _at_least_1d(index)), (d,))
        return found.reshape(index._array.shape)
    if index._array.size == 0 and index._array.ndim != input._array.ndim:
        return input.reshape(-1)[:0].reshape(index._array.shape)
    return call(GATHER, (input, index), (d,))


def _at_least_1d(x: Any) -> Any:
    return x if x._array.ndim else x.reshape(1)


@export()
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices of input along dim that index (0-D or 1-D, int64 or int32) names, in its order."""
    d = normal_dim(dim, input._array.ndim)
    if index._array.ndim > 1:
        raise IndexError(f"index_select(): Index is supposed to be a vector, got shape {list(index._array.shape)}.")
    index = _at_least_1d(_int64_index(index, "index_select"))
    size = input._array.shape[d] if input._array.ndim else 1
    if index._array.size and not (index._array.min() >= 0 and index._array.max() < size):
        raise IndexError(
            f"index out of range in self: index_select takes 0 to {size - 1}, got {index._array.tolist()}."
        )
    if input._array.ndim == 0:
        if index._array.size != 1:
            raise RuntimeError(
                f"index_select(): Index to scalar can have only 1 value, got {index._array.size} value(s)."
            )
        return input.clone()
    return call(INDEX, (input, index), ((slice(None),) * d + (PLACE,),))


# ---- by a mask ----


def _check_mask(mask: Any, name: str) -> None:
    if not isinstance(mask, Tensor):
        raise TypeError(f"{name}(): argument 'mask' must be Tensor, not {type(mask).__name__}.")
    if mask._array.dtype.kind != "b":
        raise RuntimeError(
            f"{name} only supports boolean masks, but got mask with dtype {mask._array.dtype}. Use .bool()."
        )


@export()
def masked_fill(input: Tensor, mask: Tensor, value: Tensor | float) -> Tensor:
    """input with value (a number or a 0-d tensor) where mask is true; both broadcast."""
    _check_mask(mask, "masked_fill")
    if isinstance(value, Tensor):
        if value._array.ndim:
            raise RuntimeError(
                f"masked_fill only supports a 0-dimensional value tensor, but got tensor with {value._array.ndim} "
                "dimension(s). Use where."
            )
        value = cast(value, input._array.dtype)
    else:
        value = fitted(value, input._array.dtype, narrow=True)
    return where(mask, value, input)


@export(function=False)
def masked_fill_(self: Any, mask: Tensor, value: Tensor | float) -> Tensor:
    """masked_fill, written to the tensor itself."""
    filled = masked_fill(self, mask, value)
    if repeats(self._array):
        mask = mask.expand(self._array.shape)
        found: Tensor = _core.METHODS["index_put_"](self, (mask,), filled[mask])
        return found
    return call_inplace(COPY_, (self, filled))


@export()
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where mask (broadcast) is true, in one dimension."""
    if isinstance(mask, Tensor) and mask._array.dtype.kind != "b":
        raise RuntimeError(f"masked_select: expected BoolTensor for mask, but got {mask.dtype}. Use .bool().")
    _check_mask(mask, "masked_select")
    a, b = input._array.shape, mask._array.shape
    if a != b:
        shape = check_broadcast((input, mask))
        input, mask = input.expand(shape), mask.expand(shape)
    return getitem(input, mask) if mask._array.ndim else getitem(input.reshape(1), mask.reshape(1))


# ---- pieces: views ----


@export()
def narrow(input: Tensor, dim: int, start: Tensor | int, length: int) -> Tensor:
    """The part start..start+length of input along dim (a view). start: an int (from the end below 0) or a 0-d tensor."""
    if input._array.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if isinstance(start, Tensor):
        if start._array.ndim or start._array.dtype.kind not in "iu":
            raise RuntimeError(
                f"start must be an 0-dim integral Tensor, got {start._array.dtype} of shape {list(start._array.shape)}."
            )
        start = int(_core.observe(start))
    d = normal_dim(dim, input._array.ndim)
    size = input._array.shape[d]
    if length < 0:
        raise RuntimeError(f"narrow(): length must be non-negative, got {length}.")
    if not -size <= start <= size:
        raise IndexError(f"start out of range (expected to be in range of [{-size}, {size}], but got {start}).")
    start = start + size if start < 0 else start
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return getitem(input, (slice(None),) * d + (slice(start, start + length),))


@export()
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """input without dim, at one index along it (a view)."""
    if input._array.ndim == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    return getitem(input, (slice(None),) * normal_dim(dim, input._array.ndim) + (index,))


@export()
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """All slices along dim, as a tuple of views."""
    if input._array.ndim == 0:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions: unbind() takes none of those.")
    d = normal_dim(dim, input._array.ndim)
    before = (slice(None),) * d
    places = range(input._array.shape[d])
    return several_views(tuple([call(GETITEM, (input,), ((*before, i, Ellipsis),)) for i in places]))


@export()
def split(
    tensor: Tensor, split_size_or_sections: Any = None, dim: int = 0, *, split_size: Any = None
) -> tuple[Tensor, ...]:
    """tensor cut along dim: pieces of one size (the last may be smaller), or of the sizes listed. Views.

    split_size: the method's name of split_size_or_sections.
    """
    if split_size is not None and split_size_or_sections is None:
        split_size_or_sections = split_size
    if split_size_or_sections is None:
        raise TypeError("split() missing 1 required positional argument: 'split_size_or_sections'.")
    if tensor._array.ndim == 0:
        raise RuntimeError("split expects at least a 1-dimensional tensor.")
    d = normal_dim(dim, tensor._array.ndim)
    total = tensor._array.shape[d]
    if isinstance(split_size_or_sections, (int, numpy.integer)):
        step = int(split_size_or_sections)
        if step <= 0:
            raise RuntimeError(f"split_size must be positive, got {step}.")
        sizes = [min(step, total - i) for i in range(0, total, step)] or [0]
    else:
        sizes = [int(n) for n in split_size_or_sections]
        if any(n < 0 for n in sizes):
            raise RuntimeError(
                f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={sizes}."
            )
        if sum(sizes) != total:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {total} (input tensor's size at dimension {d}), "
                f"but got split_sizes={sizes}."
            )
    out, start = [], 0
    before = (slice(None),) * d
    for n in sizes:
        out.append(call(GETITEM, (tensor,), ((*before, slice(start, start + n), Ellipsis),)))
        start += n
    return several_views(tuple(out))


@export()
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """input cut along dim into at most `chunks` pieces of equal size (the last may be smaller). Views."""
    if input._array.ndim == 0:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor.")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}.")
    total = input._array.shape[normal_dim(dim, input._array.ndim)]
    return split(input, max(1, -(-total // chunks)), dim)


# ---- where elements are not 0 ----


@overload
def nonzero(input: Tensor, *, as_tuple: Literal[False] = False) -> Tensor: ...


@overload
def nonzero(input: Tensor, *, as_tuple: Literal[True]) -> tuple[Tensor, ...]: ...


@export()
@beside_input
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Tensor | tuple[Tensor, ...]:
    """The indices of elements that are not 0: one row each, or a tuple of one tensor a dimension. int64."""
    array = _core.observe(input)
    if array.ndim == 0:
        if as_tuple:
            return (_core.made(numpy.zeros(int(bool(array)), INT64)),)
        return _core.made(numpy.zeros((int(bool(array)), 0), INT64))
    found = numpy.nonzero(array)
    if as_tuple:
        return tuple(_core.made(f) for f in found)
    return _core.made(numpy.stack(found, axis=1))


@export()
@beside_input
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """`nonzero` of exactly `size` rows: those too many are left out, those missing are fill_value."""
    found = _core.observe(nonzero(input))
    out = numpy.full((size, found.shape[1]), fill_value, INT64)
    kept = min(size, found.shape[0])
    out[:kept] = found[:kept]
    return _core.made(out)


@export()
def argwhere(input: Tensor) -> Tensor:
    """The indices of elements that are not 0, one row each."""
    return nonzero(input)
