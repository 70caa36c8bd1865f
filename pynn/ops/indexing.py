"""Reading and writing parts of a tensor: x[...], gather, scatter, index_select."""

from typing import Any, Literal, overload
from warnings import warn

import numpy

from pynn import _core
from pynn._core import Tensor, call, call_inplace, several_views
from pynn._dtypes import INT64
from pynn.ops.cast import COPY_
from pynn.ops.fitting import fitted
from pynn.ops.registry import Effects, Sample, as_operand, cast, check_broadcast, export, register
from pynn.ops.view import normal_dim

# ---- basic indexing: a view ----


def _slice_vjp(xp: Any, g: Any, out: Any, x: Any, index: Any) -> Any:
    if isinstance(g, Tensor):
        return xp.put(xp.zeros(x.shape, dtype=g.dtype), index, g)
    full = xp.zeros(x.shape, dtype=g.dtype)
    full[index] = g
    return full


def _indexed_shape(x: Any, index: Any) -> Any:
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


def _fill_pattern(pattern: Any, indices: Any) -> Any:
    rest = iter(indices)
    return tuple(next(rest) if p is PLACE or p == PLACE else p for p in pattern)


def _index_vjp(xp: Any, needs: Any, g: Any, out: Any, inputs: Any, pattern: Any) -> Any:
    x, *indices = inputs
    where = _fill_pattern(pattern, indices)
    if isinstance(g, Tensor):
        full = call(
            INDEX_PUT,
            (
                xp.zeros(x.shape, dtype=g.dtype),
                g,
                *[_core.wrap(i) if not isinstance(i, Tensor) else i for i in indices],
            ),
            (pattern, True),
        )
        return (full,) + (None,) * len(indices)
    full = xp.zeros(x.shape, dtype=g.dtype)
    xp.add_at(full, where, g)
    return (full,) + (None,) * len(indices)


def _joint(f: Any) -> Any:
    from pynn.ops.registry import joint

    return joint(f)


def _index_reference(xp: Any, inputs: Any, pattern: Any) -> Any:
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
        Sample(
            (rng.normal(size=(3, 4, 5)), numpy.array([0, 2, 2]), numpy.array([1, -1, 3])),
            ((slice(None), PLACE, PLACE),),
        ),
        Sample(
            (rng.normal(size=(3, 4, 5)), numpy.array([0, 2, 2]), numpy.array([1, -1, 3])),
            ((PLACE, slice(None), PLACE),),
        ),
        Sample((rng.normal(size=(3, 4, 5)), rng.integers(0, 2, (3, 4)).astype(bool)), ((PLACE, ...),)),
        Sample((rng.normal(size=(3, 4, 5)), rng.integers(0, 2, (5,)).astype(bool)), ((..., PLACE),)),
        Sample((rng.normal(size=(3, 4)), numpy.array([[0, 1], [2, 2]]), numpy.array([0, 3])), ((PLACE, PLACE),)),
    ],
    torch=lambda t, x, *rest: x[_fill_pattern(rest[-1], rest[:-1])],
)(_index_reference)


def _index_put_reference(xp: Any, inputs: Any, pattern: Any, accumulate: Any) -> Any:
    x, value, *indices = inputs
    out = xp.copy(x)
    where = _fill_pattern(pattern, indices)
    if accumulate:
        xp.add_at(out, where, value)
    else:
        out[where] = value
    return out


def _index_put_vjp(xp: Any, needs: Any, g: Any, out: Any, inputs: Any, pattern: Any, accumulate: Any) -> Any:
    from pynn.ops.registry import unbroadcast

    _, value, *indices = inputs
    picked = None
    if isinstance(g, Tensor):
        indices = [_core.wrap(i) if isinstance(i, numpy.ndarray) else i for i in indices]
        picked = call(INDEX, (g, *indices), (pattern,)) if indices else g[pattern]
        kept = (
            g
            if accumulate
            else call(INDEX_PUT, (g, _core.made(numpy.zeros((), g._array.dtype)), *indices), (pattern, False))
        )
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
        Sample(
            (rng.normal(size=(4, 5)), rng.normal(size=()), numpy.array([0, 2, 3]), numpy.array([1, 1, 0])),
            ((PLACE, PLACE), False),
        ),
        Sample((rng.normal(size=(4, 5)), rng.normal(size=(2, 5))), ((slice(1, 3), slice(None)), False)),
        Sample((rng.normal(size=(3, 4)), rng.normal(size=(3, 1)), numpy.array([0, 3])), ((slice(None), PLACE), False)),
        Sample(
            (rng.normal(size=(3, 4)), rng.normal(size=(3, 3)), numpy.array([0, -1, 3])), ((slice(None), PLACE), True)
        ),
        Sample(
            (rng.normal(size=(3, 4)), rng.normal(size=()), rng.integers(0, 2, (3, 4)).astype(bool)), ((PLACE,), False)
        ),
    ],
    torch=lambda t, x, v, *rest: _torch_put(t, x, v, rest[:-2], *rest[-2:]),
)(_index_put_reference)


def _torch_put(t: Any, x: Any, value: Any, indices: Any, pattern: Any, accumulate: Any) -> Any:
    if indices:
        where = [None if isinstance(p, slice) else p for p in _fill_pattern(pattern, indices)]
        return t.ops.aten.index_put(x, where, value, accumulate)
    out = x.clone()
    out[pattern] = value
    return out


def _write(xp: Any, inputs: Any, pattern: Any, accumulate: Any) -> Any:
    x, value, *indices = inputs
    where = _fill_pattern(pattern, indices)
    if accumulate:
        xp.add_at(x, where, value)
    else:
        x[where] = value
    return x


def _register_index_put_() -> Any:
    from pynn.ops.registry import OPS, register_inplace

    op = register_inplace(INDEX_PUT)
    op.variadic = True
    op.check = None
    op.reference = _write
    OPS["index_put_"].reference = _write
    return op


INDEX_PUT_ = _register_index_put_()


def _listed(index: list[Any]) -> Any:
    """What a list alone as index means in torch: a tuple of indices if a list, tensor, slice or the like is in it."""
    if len(index) >= 32 or not any(
        i is None or i is Ellipsis or isinstance(i, (Tensor, list, tuple, slice, numpy.ndarray, range)) for i in index
    ):
        return (index,)
    warn(
        "Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed; use x[tuple(seq)] "
        "instead of x[seq].",
        UserWarning,
        stacklevel=4,
    )
    return tuple(index)


def _split_index(index: Any, array: Any) -> Any:
    """(pattern, index arrays): what x[index] means, with tensors, lists and bools made index arrays."""
    items = index if isinstance(index, tuple) else _listed(index) if isinstance(index, list) else (index,)
    pattern: list[Any] = []
    tensors = []
    for item in items:
        if isinstance(item, Tensor):
            held = item._array
            if held.dtype.kind == "u" and held.dtype.itemsize == 1:
                warn(
                    "indexing with dtype pynn.uint8 is now deprecated, please use a dtype pynn.bool instead.",
                    UserWarning,
                    stacklevel=3,
                )
                item = cast(item, numpy.dtype(bool))
            elif held.dtype.kind != "b" and (held.dtype.kind != "i" or (held.ndim and held.dtype.itemsize < 4)):
                raise IndexError(
                    f"tensors used as indices must be long, int, byte or bool tensors, got {held.dtype}. "
                    "Convert the index with .long()."
                )
            if held.ndim == 0 and held.dtype.kind == "i":
                pattern.append(int(_core.observe(item)))
                continue
            tensors.append(item)
            pattern.append(PLACE)
        elif isinstance(item, (list, tuple, numpy.ndarray)):
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


def _is_place(item: Any) -> Any:
    return item is PLACE or (isinstance(item, str) and item == PLACE)


def _numbers_first(pattern: Any, tensors: Any) -> Any:
    """(a basic index, the pattern that is left), where numbers stand apart from index tensors; None where none do.

    A number takes its dimension away before the tensors index what is left, as in torch. NumPy counts it among the index
    arrays, and where those do not stand side by side it puts their dimensions in front.
    """
    chosen = [i for i, p in enumerate(pattern) if type(p) is int or _is_place(p)]
    if chosen[-1] - chosen[0] + 1 == len(chosen) or not any(type(p) is int for p in pattern):
        return None
    first: list[Any] = []
    rest: list[Any] = []
    place = 0
    for item in pattern:
        if _is_place(item):
            array = tensors[place]._array
            place += 1
            first.extend([slice(None)] * (array.ndim if array.dtype.kind == "b" else 1))
            rest.append(PLACE)
        elif type(item) is int:
            first.append(item)
        else:
            first.append(item)
            rest.append(Ellipsis if item is Ellipsis else slice(None))
    if Ellipsis not in first:
        first.append(Ellipsis)  # keeps a 0-d result an array
    return tuple(first), tuple(rest)


def _index_error(error: Any, index: Any, array: Any) -> Exception:
    text = str(error).replace("for axis", "for dimension")
    if text.startswith("too many indices"):
        text = f"too many indices for tensor of dimension {array.ndim}"
        if array.ndim == 0:
            text = "invalid index of a 0-dim tensor. Use `tensor.item()` to convert it to a number"
    return IndexError(f"{text} (indexing a tensor of shape {list(array.shape)} with {index!r}).")


@export("getitem", function=False)
def getitem(self: Any, index: Any) -> Tensor:
    """self[index]: a view for ints, slices, None and ...; a copy where tensors, lists or masks select."""
    pattern, tensors = _split_index(index, self._array)
    try:
        if tensors:
            parts = _numbers_first(pattern, tensors)
            if parts is not None:
                self, pattern = call(GETITEM, (self,), parts[:1]), parts[1]
            return call(INDEX, (self, *tensors), (pattern,))
        return call(GETITEM, (self,), (pattern,))
    except IndexError as error:
        raise _index_error(error, index, self._array) from None


@export("setitem", function=False)
def setitem(self: Any, index: Any, value: Any) -> None:
    """self[index] = value: written in place, seen by every view; gradients flow to value."""
    pattern, tensors = _split_index(index, self._array)
    value = as_operand(value) if not isinstance(value, (list, tuple)) else _core.made(numpy.asarray(value))
    if isinstance(value, (int, float)):
        value = fitted(value, self._array.dtype)
    try:
        if not tensors:
            window = call(GETITEM, (self,), (pattern,))
            if not window._array.flags.writeable:
                _allow_single_writes(window)
            call_inplace(COPY_, (window, _drop_ones(value, window._array.ndim)))
            return
        if not isinstance(value, Tensor):
            value = _core.made(numpy.asarray(value, dtype=self._array.dtype))
        elif value._array.ndim == 0 and len(tensors) == 1 and tensors[0]._array.dtype.kind == "b":
            value = cast(value, self._array.dtype)  # torch fills here, and filling converts
        if value._array.ndim and value._array.shape[0] == 1:
            value = _drop_ones(value, 0, all_ones=True)
        if value._array.dtype != self._array.dtype:
            raise RuntimeError(
                f"Index put requires the source and destination dtypes match, got {self._array.dtype} for the destination and "
                f"{value._array.dtype} for the source. Convert the value first, for example with .to(x.dtype)."
            )
        parts = _numbers_first(pattern, tensors)
        target = self
        if parts is not None:
            target, pattern = call(GETITEM, (self,), parts[:1]), parts[1]
        call_inplace(INDEX_PUT_, (target, value, *tensors), (pattern, False))
    except IndexError as error:
        raise _index_error(error, index, self._array) from None
    except ValueError as error:
        raise RuntimeError(
            f"shape mismatch: {error} (writing to {index!r} of shape {list(self._array.shape)})."
        ) from None


def _allow_single_writes(window: Tensor) -> None:
    """Let a part of an expanded tensor be written if no element of the part shares its memory with another of it."""
    array = window._array
    if any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape)):
        return
    root = array
    while isinstance(root.base, numpy.ndarray):
        root = root.base
    if root.flags.writeable:
        from pynn._dlpack import writable

        window._array = writable(array)


def _drop_ones(value: Any, ndim: Any, all_ones: bool = False) -> Any:
    """A value with leading dimensions of size 1 beyond ndim (or all it has) loses them, as torch allows in assignment."""
    if all_ones:
        shape = value._array.shape
        kept = next((i for i, n in enumerate(shape) if n != 1), len(shape))
        return value.reshape(shape[kept:])
    if isinstance(value, Tensor) and value._array.ndim > ndim:
        shape = value._array.shape
        extra = len(shape) - ndim
        if all(n == 1 for n in shape[:extra]):
            return value.reshape(shape[extra:])
    return value


# ---- gather, scatter, index_select ----


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
    from pynn.ops.pointwise_functions import where

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
    return call_inplace(COPY_, (self, masked_fill(self, mask, value)))


@export()
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where mask (broadcast) is true, in one dimension."""
    _check_mask(mask, "masked_select")
    a, b = input._array.shape, mask._array.shape
    if a != b:
        shape = check_broadcast((input, mask))
        input, mask = input.expand(shape), mask.expand(shape)
    return getitem(input, mask) if mask._array.ndim else getitem(input.reshape(1), mask.reshape(1))


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
    return several_views(tuple(select(input, d, i) for i in range(input._array.shape[d])))


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
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """input cut along dim into at most `chunks` pieces of equal size (the last may be smaller). Views."""
    if input._array.ndim == 0:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor.")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}.")
    total = input._array.shape[normal_dim(dim, input._array.ndim)]
    return split(input, max(1, -(-total // chunks)), dim)


@overload
def nonzero(input: Tensor, *, as_tuple: Literal[False] = False) -> Tensor: ...


@overload
def nonzero(input: Tensor, *, as_tuple: Literal[True]) -> tuple[Tensor, ...]: ...


@export()
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
