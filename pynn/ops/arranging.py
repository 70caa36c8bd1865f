"""Elements put in another order or shape, repeated, added and set along a dimension: made of other operations."""


import itertools

import numpy

from pynn._core import METHODS, Tensor, call_inplace, made, observe
from pynn.ops.cast import COPY_
from pynn.ops.indexing import gather, getitem, index_select, narrow, scatter, scatter_add
from pynn.ops.joining import cat, repeat, stack
from pynn.ops.registry import export, written
from pynn.ops.view import Size, normal_dim


@export()
def roll(input, shifts, dims=None):
    """input with its elements moved on by shifts along dims, those pushed out coming in at the other end."""
    if dims is None or dims == ():
        return roll(input.flatten(), shifts, 0).reshape(input._array.shape)
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    if len(shifts) != len(dims):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims: {len(dims)}.")
    for shift, dim in zip(shifts, dims):
        n = input._array.shape[normal_dim(dim, input._array.ndim)]
        cut = n - shift % n if n else 0
        input = cat([narrow(input, dim, cut, n - cut), narrow(input, dim, 0, cut)], dim)
    return input


@export()
def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each element of input repeated (along dim, or of the flattened input): a number of times, or its own number.

    repeat_interleave(repeats) alone gives the indices: i, repeats[i] times.
    """
    if repeats is None:
        counts = observe(input)
        return made(numpy.repeat(numpy.arange(counts.shape[0]), counts))
    if dim is None:
        input, dim = input.flatten(), 0
    n = input._array.shape[normal_dim(dim, input._array.ndim)]
    counts = observe(repeats) if isinstance(repeats, Tensor) else numpy.asarray(repeats)
    if counts.ndim and counts.size not in (1, n):
        raise RuntimeError(f"repeats must have the same size as input along dim, but got {counts.size} and {n}.")
    if (counts < 0).any():
        raise RuntimeError("repeats can not be negative.")
    return index_select(input, dim, made(numpy.repeat(numpy.arange(n), counts)))


@export()
def tile(input, *dims):
    """input repeated dims[i] times along each dimension; dimensions that dims lacks are not."""
    dims = tuple(dims[0]) if len(dims) == 1 and not isinstance(dims[0], int) else dims
    return repeat(input, (1,) * (input._array.ndim - len(dims)) + dims)


@export()
def fliplr(input):
    """input with dimension 1 reversed."""
    return input.flip(1)


@export()
def flipud(input):
    """input with dimension 0 reversed."""
    return input.flip(0)


@export()
def rot90(input, k=1, dims=(0, 1)):
    """input turned k quarter turns in the plane of two dimensions."""
    a, b = dims
    turned = {0: lambda: input.clone(), 1: lambda: input.flip(b).transpose(a, b), 2: lambda: input.flip(a, b)}
    return turned.get(k % 4, lambda: input.flip(a).transpose(a, b))()


@export(method=False)
def meshgrid(*tensors, indexing=None):
    """One grid a vector: its values along its own dimension, repeated along the others'. indexing "ij" or "xy"."""
    if len(tensors) == 1 and not isinstance(tensors[0], Tensor):
        tensors = tuple(tensors[0])
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(f"meshgrid: indexing must be one of 'xy' or 'ij', but received: {indexing}.")
    if indexing == "xy" and len(tensors) > 1:
        grids = meshgrid(tensors[1], tensors[0], *tensors[2:])
        return (grids[1], grids[0], *grids[2:])
    shape = [x.numel() for x in tensors]
    return tuple(
        x.reshape([-1 if i == j else 1 for j in range(len(shape))]).expand(shape) for i, x in enumerate(tensors)
    )


@export(method=False)
def cartesian_prod(*tensors):
    """Every combination of the vectors' elements, one a row."""
    if len(tensors) == 1:
        return tensors[0]
    return stack([g.reshape(-1) for g in meshgrid(*tensors)], dim=1)


@export(method=False)
def broadcast_shapes(*shapes):
    """The shape that tensors of these shapes broadcast to."""
    try:
        return Size(numpy.broadcast_shapes(*shapes))
    except ValueError:
        raise RuntimeError(
            f"Shape mismatch: objects cannot be broadcast to a single shape: {[list(s) for s in shapes]}."
        ) from None


@export(method=False)
def broadcast_tensors(*tensors):
    """The tensors expanded to the shape they broadcast to."""
    shape = broadcast_shapes(*(x._array.shape for x in tensors))
    return tuple(x.expand(shape) for x in tensors)


def _at_least(n, reshaped):
    def function(*tensors):
        if len(tensors) == 1 and not isinstance(tensors[0], Tensor):
            tensors = tuple(tensors[0])
        out = tuple(x if x._array.ndim >= n else reshaped(x) for x in tensors)
        return out[0] if len(out) == 1 else out

    function.__name__ = f"atleast_{n}d"
    function.__doc__ = f"Tensors with dimensions of size 1 put in until they have {n}."
    export(f"atleast_{n}d", method=False)(function)
    return function


_at_least(1, lambda x: x.reshape(1))
_at_least(2, lambda x: x.reshape(1, -1))
_three = _at_least(3, lambda x: x.reshape(1, -1, 1) if x.ndim < 2 else x.unsqueeze(-1))


@export(method=False)
def dstack(tensors):
    """tensors joined along dimension 2, smaller ones given dimensions first."""
    return cat([_three(x) for x in tensors], 2)


@export(method=False)
def column_stack(tensors):
    """tensors joined along dimension 1, vectors as columns."""
    return cat([x if x.ndim > 1 else x.reshape(-1, 1) for x in tensors], 1)


@export()
def tensor_split(input, indices_or_sections, dim=0):
    """input cut along dim into n pieces of almost equal size, or at the indices listed. Views."""
    n = input._array.shape[normal_dim(dim, input._array.ndim)]
    if isinstance(indices_or_sections, int):
        whole, more = divmod(n, indices_or_sections)
        sizes = [whole + (i < more) for i in range(indices_or_sections)]
        cuts = [sum(sizes[:i]) for i in range(1, len(sizes))]
    else:
        cuts = [min(max(int(i) + n if i < 0 else int(i), 0), n) for i in indices_or_sections]
    edges = [0, *cuts, n]
    return tuple(narrow(input, dim, a, max(b - a, 0)) for a, b in itertools.pairwise(edges))


@export(function=False)
def unfold(self, dimension, size, step):
    """Windows of `size` along a dimension, `step` apart, as a new last dimension (a copy)."""
    d = normal_dim(dimension, self._array.ndim)
    n = self._array.shape[d]
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {d} is {n} but size is {size}.")
    starts = numpy.arange(0, n - size + 1, step)
    index = made(starts[:, None] + numpy.arange(size))
    out = getitem(self, (slice(None),) * d + (index,))
    return out.movedim(d + 1, -1)


@export()
def take(input, index):
    """The elements of the flattened input at index, in index's shape."""
    return input.flatten()[index]


@export()
def take_along_dim(input, indices, dim=None):
    """input's elements at indices along dim; other dimensions broadcast."""
    if dim is None:
        return take(input, indices.flatten())
    d = normal_dim(dim, input._array.ndim)
    a, b = list(input._array.shape), list(indices._array.shape)
    rest = list(numpy.broadcast_shapes(a[:d] + [1] + a[d + 1 :], b[:d] + [1] + b[d + 1 :]))
    return gather(
        input.expand(rest[:d] + [a[d]] + rest[d + 1 :]), d, indices.expand(rest[:d] + [b[d]] + rest[d + 1 :])
    )


def _index_along(input, dim, index, shape):
    """index (1-D) spread over the shape of a source, for scatter."""
    d = normal_dim(dim, input._array.ndim)
    return d, index.reshape([-1 if i == d else 1 for i in range(len(shape))]).expand(shape)


@export()
def index_add(input, dim, index, source, *, alpha=1):
    """input with alpha * the slices of source added at index along dim; repeats add up."""
    d, spread = _index_along(input, dim, index, source._array.shape)
    return scatter_add(input, d, spread, source if alpha == 1 else source * alpha)


@export()
def index_copy(input, dim, index, source):
    """input with its slices at index along dim replaced by those of source."""
    d, spread = _index_along(input, dim, index, source._array.shape)
    return scatter(input, d, spread, source)


@export()
def index_fill(input, dim, index, value):
    """input with its slices at index along dim set to a number."""
    d = normal_dim(dim, input._array.ndim)
    mask = numpy.zeros(input._array.shape[d], bool)
    mask[observe(index)] = True
    return input.masked_fill(made(mask).reshape([-1 if i == d else 1 for i in range(input._array.ndim)]), value)


@export()
def index_put(input, indices, values, accumulate=False):
    """input with values written (or added) at a tuple of index tensors."""
    return index_put_(input.clone(), indices, values, accumulate)


@export(function=False)
def index_put_(self, indices, values, accumulate=False):
    """index_put, written to the tensor itself."""
    if not accumulate:
        self[tuple(indices)] = values
        return self
    places = made(numpy.arange(self._array.size).reshape(self._array.shape))[tuple(indices)]
    flat = self.flatten() + 0
    total = scatter_add(flat, 0, places.flatten(), values.expand(places._array.shape).flatten())
    return call_inplace(COPY_, (self, total.reshape(self._array.shape)))


@export()
def masked_scatter(input, mask, source):
    """input with the elements where mask is true replaced by those of source, in order."""
    place = numpy.broadcast_to(observe(mask), input._array.shape)
    if int(place.sum()) > source._array.size:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have enough elements: mask selects {int(place.sum())}, source "
            f"has {source._array.size}."
        )
    order = numpy.cumsum(place.reshape(-1)) - 1
    spread = source.flatten()[made(numpy.maximum(order, 0))].reshape(input._array.shape)
    return METHODS["where"](spread, made(numpy.array(place)), input)


for _name, _function in (
    ("index_add", index_add), ("index_copy", index_copy), ("index_fill", index_fill), ("masked_scatter", masked_scatter),
):  # fmt: skip
    written(_name, _function)


def _reshaped(name):
    """Publish an in-place change of shape, for a tensor that is no view and is not recorded."""
    function = METHODS[name]

    def function_(self, *args):
        if self._view is not None or self._node is not None:
            raise RuntimeError(f"{name}_() takes no view and no recorded tensor. Use x = x.{name}(...).")
        self._array = function(self.detach(), *args)._array
        return self

    function_.__name__ = name + "_"
    function_.__doc__ = f"`{name}` of the tensor itself; RuntimeError for a view or a recorded tensor."
    export(name + "_", function=False)(function_)


for _name in ("unsqueeze", "squeeze", "transpose", "t"):
    _reshaped(_name)


@export(method=False)
def argwhere(input):
    """The indices of elements that are not 0, one row each."""
    return METHODS["nonzero"](input)


@export()
def combinations(input, r=2, with_replacement=False):
    """Every choice of r of a vector's elements, one a row."""
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(input._array.shape[0]), r))
    return input[made(numpy.array(rows, numpy.int64).reshape(len(rows), r))]
