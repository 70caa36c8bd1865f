"""Reading and writing parts of a tensor: x[...], gather, scatter, index_select."""

import numpy

from pynn import _core
from pynn._core import Tensor, call, call_inplace, several_views
from pynn._dtypes import INT64
from pynn.ops.cast import COPY_
from pynn.ops.registry import Effects, Sample, as_operand, cast, export, register
from pynn.ops.view import normal_dim

# ---- basic indexing: a view ----


def _slice_vjp(xp, g, out, x, index):
    if isinstance(g, Tensor):
        return xp.put(xp.zeros(x.shape, dtype=g.dtype), index, g)
    full = xp.zeros(x.shape, dtype=g.dtype)
    full[index] = g
    return full


def _indexed_shape(x, index):
    return numpy.broadcast_to(numpy.empty((), bool), x)[index].shape


GETITEM = register(
    "slice",
    exact=True,
    vjp=(_slice_vjp,),
    likes=(0,),
    effects=Effects(aliases=True),
    shape=_indexed_shape,
    dtype="same",
    attrs=("index",),
    samples=lambda rng: [
        Sample((rng.normal(size=(4, 5, 6)),), (index,))
        for index in (
            (1, ...), (slice(1, 3), slice(None), -1), (..., slice(None, None, 2)), (None, slice(0, 0), ...), (0, 0, 0, ...),
        )
    ],
    torch=lambda t, x, index: x[index],
)(lambda xp, x, index: x[index])  # fmt: skip

# ---- indexing with tensors: a copy. The indices are inputs; attrs hold the pattern with None^ places for them ----

PLACE = "tensor"  # stands in a pattern for the next index tensor


def _fill_pattern(pattern, indices):
    rest = iter(indices)
    return tuple(next(rest) if p is PLACE or p == PLACE else p for p in pattern)


def _index_vjp(xp, needs, g, out, inputs, pattern):
    x, *indices = inputs
    where = _fill_pattern(pattern, indices)
    if isinstance(g, Tensor):
        full = call(INDEX_PUT, (xp.zeros(x.shape, dtype=g.dtype), g, *[_core.wrap(i) if not isinstance(i, Tensor) else i for i in indices]), (pattern, True))
        return (full,) + (None,) * len(indices)
    full = xp.zeros(x.shape, dtype=g.dtype)
    xp.add_at(full, where, g)
    return (full,) + (None,) * len(indices)


def _joint(f):
    from pynn.ops.registry import joint

    return joint(f)


def _index_reference(xp, inputs, pattern):
    x, *indices = inputs
    out = x[_fill_pattern(pattern, indices)]
    return out if not numpy.may_share_memory(out, x) else out.copy()


INDEX = register(
    "index",
    exact="forward",
    vjp=_joint(_index_vjp),
    saves=(0,),
    likes=(0,),
    variadic=True,
    shape=None,
    dtype="same",
    attrs=("pattern",),
    samples=lambda rng: [
        Sample((rng.normal(size=(4, 5)), numpy.array([0, 2, 2])), ((PLACE,),)),
        Sample((rng.normal(size=(4, 5)), numpy.array([0, 2, 2]), numpy.array([1, -1, 0])), ((PLACE, PLACE),)),
        Sample((rng.normal(size=(4, 5, 3)), numpy.array([[0, 1], [3, 3]])), ((slice(None), PLACE, slice(0, 2)),)),
        Sample((rng.normal(size=(4, 5)), rng.integers(0, 2, (4, 5)).astype(bool)), ((PLACE,),)),
        Sample((rng.normal(size=(4, 5)), numpy.zeros((0,), numpy.int64)), ((PLACE,),)),
        Sample((rng.normal(size=(4, 5)), numpy.array([0, -1, 2, 0])), ((..., PLACE),)),
        Sample((rng.normal(size=(5, 4)).T, numpy.array([0, -1, 2, 0, 3])), ((PLACE, ...),)),
        Sample((rng.normal(size=(3, 4, 5)), numpy.array([0, 2, 2]), numpy.array([1, -1, 3])), ((slice(None), PLACE, PLACE),)),
        Sample((rng.normal(size=(3, 4, 5)), numpy.array([0, 2, 2]), numpy.array([1, -1, 3])), ((PLACE, slice(None), PLACE),)),
        Sample((rng.normal(size=(3, 4, 5)), rng.integers(0, 2, (3, 4)).astype(bool)), ((PLACE, ...),)),
        Sample((rng.normal(size=(3, 4, 5)), rng.integers(0, 2, (5,)).astype(bool)), ((..., PLACE),)),
        Sample((rng.normal(size=(3, 4)), numpy.array([[0, 1], [2, 2]]), numpy.array([0, 3])), ((PLACE, PLACE),)),
    ],
    torch=lambda t, x, *rest: x[_fill_pattern(rest[-1], rest[:-1])],
)(_index_reference)


def _index_put_reference(xp, inputs, pattern, accumulate):
    x, value, *indices = inputs
    out = xp.copy(x)
    where = _fill_pattern(pattern, indices)
    if accumulate:
        xp.add_at(out, where, value)
    else:
        out[where] = value
    return out


def _index_put_vjp(xp, needs, g, out, inputs, pattern, accumulate):
    from pynn.ops.registry import unbroadcast

    _, value, *indices = inputs
    picked = None
    if isinstance(g, Tensor):
        indices = [_core.wrap(i) if isinstance(i, numpy.ndarray) else i for i in indices]
        picked = call(INDEX, (g, *indices), (pattern,)) if indices else g[pattern]
        kept = g if accumulate else call(INDEX_PUT, (g, _core.made(numpy.zeros((), g._array.dtype)), *indices), (pattern, False))
    else:
        where = _fill_pattern(pattern, indices)
        picked = g[where]
        kept = g
        if not accumulate:
            kept = xp.copy(g)
            kept[where] = 0
    if hasattr(value, "shape") and tuple(value.shape) != tuple(picked.shape):
        picked = unbroadcast(xp, picked, value.shape)
    return (kept, picked) + (None,) * len(indices)


INDEX_PUT = register(
    "index_put",
    exact=True,
    exact_unless="accumulate",
    vjp=_joint(_index_put_vjp),
    saves=(0,),
    variadic=True,
    shape=lambda x, *rest: x,
    dtype="same",
    attrs=("pattern", "accumulate"),
    samples=lambda rng: [
        Sample((rng.normal(size=(4, 5)), rng.normal(size=(3, 5)), numpy.array([0, 2, 3])), ((PLACE,), False)),
        Sample((rng.normal(size=(4, 5)), rng.normal(size=(3, 5)), numpy.array([0, 2, 2])), ((PLACE,), True)),
        Sample((rng.normal(size=(4, 5)), rng.normal(size=()), numpy.array([0, 2, 3]), numpy.array([1, 1, 0])), ((PLACE, PLACE), False)),
        Sample((rng.normal(size=(4, 5)), rng.normal(size=(2, 5))), ((slice(1, 3), slice(None)), False)),
        Sample((rng.normal(size=(3, 4)), rng.normal(size=(3, 1)), numpy.array([0, 3])), ((slice(None), PLACE), False)),
        Sample((rng.normal(size=(3, 4)), rng.normal(size=(3, 3)), numpy.array([0, -1, 3])), ((slice(None), PLACE), True)),
        Sample((rng.normal(size=(3, 4)), rng.normal(size=()), rng.integers(0, 2, (3, 4)).astype(bool)), ((PLACE,), False)),
    ],
    torch=lambda t, x, v, *rest: _torch_put(t, x, v, rest[:-2], *rest[-2:]),
)(_index_put_reference)


def _torch_put(t, x, value, indices, pattern, accumulate):
    if indices:
        where = [None if isinstance(p, slice) else p for p in _fill_pattern(pattern, indices)]
        return t.ops.aten.index_put(x, where, value, accumulate)
    out = x.clone()
    out[pattern] = value
    return out


def _write(xp, inputs, pattern, accumulate):
    x, value, *indices = inputs
    where = _fill_pattern(pattern, indices)
    if accumulate:
        xp.add_at(x, where, value)
    else:
        x[where] = value
    return x


def _register_index_put_():
    from pynn.ops.registry import OPS, register_inplace

    op = register_inplace(INDEX_PUT)
    op.variadic = True
    op.check = None
    op.reference = _write
    OPS["index_put_"].reference = _write
    return op


INDEX_PUT_ = _register_index_put_()


def _split_index(index, array):
    """(pattern, index arrays): what x[index] means, with tensors, lists and bools made index arrays."""
    items = index if isinstance(index, tuple) else (index,)
    pattern = []
    tensors = []
    for item in items:
        if isinstance(item, Tensor):
            held = item._array
            if held.dtype.kind == "u" and held.dtype.itemsize == 1:
                item = cast(item, numpy.dtype(bool))
            elif held.dtype.kind not in "bi":
                raise IndexError(
                    f"tensors used as indices must be long, int, byte or bool tensors, got {held.dtype}. "
                    "Convert the index with .long()."
                )
            if held.ndim == 0 and held.dtype.kind == "i":
                pattern.append(int(_core.observe(item)))
                continue
            tensors.append(item)
            pattern.append(PLACE)
        elif isinstance(item, (list, numpy.ndarray)):
            held = numpy.asarray(item)
            if held.dtype.kind not in "bi" and held.size:
                raise IndexError(f"lists and arrays used as indices must hold integers or bools, got {held.dtype}.")
            tensors.append(_core.made(held if held.size or held.dtype.kind == "b" else held.astype(INT64)))
            pattern.append(PLACE)
        elif isinstance(item, (bool, numpy.bool_)):
            tensors.append(_core.made(numpy.array(bool(item))))
            pattern.append(PLACE)
        elif isinstance(item, (int, numpy.integer)):
            pattern.append(int(item))
        elif isinstance(item, slice):
            parts = [p.item() if isinstance(p, Tensor) else p for p in (item.start, item.stop, item.step)]
            if parts[2] is not None and parts[2] <= 0:
                raise ValueError(f"step must be greater than zero, got {item}. Use flip() to reverse.")
            pattern.append(slice(*parts))
        elif item is None or item is Ellipsis:
            pattern.append(item)
        elif isinstance(item, range):
            tensors.append(_core.made(numpy.array(item, dtype=INT64)))
            pattern.append(PLACE)
        else:
            raise IndexError(
                f"only integers, slices (`:`), ellipsis (`...`), None and long or bool tensors are valid indices "
                f"(got {type(item).__name__})."
            )
    if not tensors and Ellipsis not in pattern:
        pattern.append(Ellipsis)  # keeps a 0-d result an array
    return tuple(pattern), tuple(tensors)


def _index_error(error, index, array):
    text = str(error).replace("for axis", "for dimension")
    if text.startswith("too many indices"):
        text = f"too many indices for tensor of dimension {array.ndim}"
        if array.ndim == 0:
            text = "invalid index of a 0-dim tensor. Use `tensor.item()` to convert it to a number"
    return IndexError(f"{text} (indexing a tensor of shape {list(array.shape)} with {index!r}).")


@export("getitem", function=False)
def getitem(self, index):
    """self[index]: a view for ints, slices, None and ...; a copy where tensors, lists or masks select."""
    pattern, tensors = _split_index(index, self._array)
    try:
        if tensors:
            return call(INDEX, (self, *tensors), (pattern,))
        return call(GETITEM, (self,), (pattern,))
    except IndexError as error:
        raise _index_error(error, index, self._array) from None


@export("setitem", function=False)
def setitem(self, index, value):
    """self[index] = value: written in place, seen by every view; gradients flow to value."""
    pattern, tensors = _split_index(index, self._array)
    value = as_operand(value) if not isinstance(value, (list, tuple)) else _core.made(numpy.asarray(value))
    try:
        if not tensors:
            window = call(GETITEM, (self,), (pattern,))
            call_inplace(COPY_, (window, _drop_ones(value, window._array.ndim)))
            return
        if not isinstance(value, Tensor):
            value = _core.made(numpy.asarray(value, dtype=self._array.dtype))
        value = cast(value, self._array.dtype)
        call_inplace(INDEX_PUT_, (self, value, *tensors), (pattern, False))
    except IndexError as error:
        raise _index_error(error, index, self._array) from None
    except ValueError as error:
        raise RuntimeError(f"shape mismatch: {error} (writing to {index!r} of shape {list(self._array.shape)}).") from None


def _drop_ones(value, ndim):
    """A value with leading dimensions of size 1 beyond ndim loses them, as torch allows in assignment."""
    if isinstance(value, Tensor) and value._array.ndim > ndim:
        shape = value._array.shape
        extra = len(shape) - ndim
        if all(n == 1 for n in shape[:extra]):
            return value.reshape(shape[extra:])
    return value


# ---- gather, scatter, index_select ----


def _along(x, dim, index):
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


def _gather_vjp(xp, g, out, x, index, dim):
    if isinstance(g, Tensor):
        index = _core.wrap(index) if not isinstance(index, Tensor) else index
        return call(SCATTER_ADD, (xp.zeros(x.shape, dtype=g.dtype), index, g), (dim,))
    full = xp.zeros(x.shape, dtype=g.dtype)
    xp.add_at(full, _along(full, dim, index), g)
    return full


def _check_gather(inputs, attrs):
    x, index = inputs[0], inputs[1]
    dim = attrs[0]
    if index._array.dtype != INT64:
        raise RuntimeError(f"gather(): Expected dtype int64 for index, got {index._array.dtype}. Use index.long().")
    if x._array.ndim != index._array.ndim:
        raise RuntimeError(
            "Index tensor must have the same number of dimensions as input tensor: got index shape "
            f"{list(index._array.shape)} and input shape {list(x._array.shape)}."
        )
    size = x._array.shape[dim]
    if index._array.size and (index._array.max() >= size or index._array.min() < 0):
        bad = index._array.max() if index._array.max() >= size else index._array.min()
        raise RuntimeError(f"index {int(bad)} is out of bounds for dimension {dim} with size {size}.")
    for d in range(x._array.ndim):
        if d != dim and index._array.shape[d] > x._array.shape[d]:
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(index._array.shape)} to be no larger than "
                f"self {list(x._array.shape)} apart from dimension {dim}."
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


def _scatter_add(xp, x, index, src, dim):
    out = xp.copy(x)
    xp.add_at(out, _along(out, dim, index), src[tuple(slice(0, n) for n in index.shape)])
    return out


def _scatter_src_vjp(xp, g, out, x, index, src, dim):
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
        Sample((rng.normal(size=(2, 4, 3)), numpy.broadcast_to(rng.integers(0, 4, (6, 1)), (2, 6, 3)), rng.normal(size=(2, 6, 3))), (1,)),
    ],
    torch=lambda t, x, index, src, dim: t.scatter_add(x, dim, index, src),
)(_scatter_add)


def _scatter(xp, x, index, src, dim):
    out = xp.copy(x)
    out[_along(out, dim, index)] = src[tuple(slice(0, n) for n in index.shape)]
    return out


def _scatter_self_vjp(xp, g, out, x, index, src, dim):
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
        Sample((rng.normal(size=(2, 4, 3)), numpy.broadcast_to(numpy.array([[3], [1]]), (2, 2, 3)), rng.normal(size=(2, 2, 3))), (1,)),
        Sample((rng.normal(size=(4,)), numpy.array([3, 1]), rng.normal(size=(3,))), (0,)),
    ],
    torch=lambda t, x, index, src, dim: t.scatter(x, dim, index, src),
)(_scatter)


@export()
def gather(input, dim, index, *, sparse_grad=False):
    """out[i][j] = input[index[i][j]][j] for dim 0, and so on: values picked along dim, index's shape."""
    return call(GATHER, (input, index), (normal_dim(dim, input._array.ndim),))


def _source(input, index, src):
    if isinstance(src, Tensor):
        return cast(src, input._array.dtype)
    return _core.made(numpy.full(index._array.shape, src, input._array.dtype))


@export()
def scatter(input, dim, index, src=None, *, value=None):
    """input with src (a tensor or a number) written at index along dim."""
    src = _source(input, index, src if src is not None else value)
    return call(SCATTER, (input, index, src), (normal_dim(dim, input._array.ndim),))


@export()
def scatter_add(input, dim, index, src):
    """input with src added at index along dim, repeats counted."""
    return call(SCATTER_ADD, (input, index, src), (normal_dim(dim, input._array.ndim),))


@export(function=False)
def scatter_(self, dim, index, src=None, *, value=None):
    """scatter, written to the tensor itself."""
    return call_inplace(COPY_, (self, scatter(self, dim, index, src, value=value)))


@export(function=False)
def scatter_add_(self, dim, index, src):
    """scatter_add, written to the tensor itself."""
    return call_inplace(COPY_, (self, scatter_add(self, dim, index, src)))


@export()
def index_select(input, dim, index):
    """The slices of input along dim that index (1-D integers) names, in its order."""
    pattern = (slice(None),) * normal_dim(dim, input._array.ndim) + (PLACE,)
    try:
        return call(INDEX, (input, index), (pattern,))
    except IndexError as error:
        raise _index_error(error, index, input._array) from None


@export()
def masked_fill(input, mask, value):
    """input with value where mask is true."""
    from pynn.ops.pointwise_functions import where

    return where(mask, cast(value, input._array.dtype) if isinstance(value, Tensor) else value, input)


@export(function=False)
def masked_fill_(self, mask, value):
    """masked_fill, written to the tensor itself."""
    return call_inplace(COPY_, (self, masked_fill(self, mask, value)))


@export()
def masked_select(input, mask):
    """The elements where mask (broadcast) is true, in one dimension."""
    from pynn.ops.view import broadcast_to

    shape = numpy.broadcast_shapes(input._array.shape, mask._array.shape)
    return getitem(broadcast_to(input, shape), broadcast_to(mask, shape))


@export()
def narrow(input, dim, start, length):
    """The part start..start+length of input along dim (a view)."""
    d = normal_dim(dim, input._array.ndim)
    size = input._array.shape[d]
    start = start + size if start < 0 else start
    if not 0 <= start <= size or start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return getitem(input, (slice(None),) * d + (slice(start, start + length),))


@export()
def select(input, dim, index):
    """input without dim, at one index along it (a view)."""
    return getitem(input, (slice(None),) * normal_dim(dim, input._array.ndim) + (index,))


@export()
def unbind(input, dim=0):
    """All slices along dim, as a tuple of views."""
    d = normal_dim(dim, input._array.ndim)
    return several_views(tuple(select(input, d, i) for i in range(input._array.shape[d])))


@export()
def split(tensor, split_size_or_sections, dim=0):
    """tensor cut along dim: pieces of one size (the last may be smaller), or of the sizes listed. Views."""
    d = normal_dim(dim, tensor._array.ndim)
    total = tensor._array.shape[d]
    if isinstance(split_size_or_sections, (int, numpy.integer)):
        step = int(split_size_or_sections)
        if step <= 0:
            raise RuntimeError(f"split_size must be positive, got {step}.")
        sizes = [min(step, total - i) for i in range(0, total, step)] or [0]
    else:
        sizes = [int(n) for n in split_size_or_sections]
        if sum(sizes) != total:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {total} (input tensor's size at dimension {d}), "
                f"but got split_sizes={sizes}."
            )
    out, start = [], 0
    for n in sizes:
        out.append(narrow(tensor, d, start, n))
        start += n
    return several_views(tuple(out))


@export()
def chunk(input, chunks, dim=0):
    """input cut along dim into at most `chunks` pieces of equal size (the last may be smaller). Views."""
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}.")
    total = input._array.shape[normal_dim(dim, input._array.ndim)]
    return split(input, max(1, -(-total // chunks)), dim)


@export()
def nonzero(input, *, as_tuple=False):
    """The indices of elements that are not 0: one row each, or a tuple of one tensor a dimension."""
    found = numpy.nonzero(_core.observe(input))
    if as_tuple:
        return tuple(_core.made(f) for f in found)
    return _core.made(numpy.stack(found, axis=1) if found else numpy.zeros((int(bool(input._array)), 0), INT64))
