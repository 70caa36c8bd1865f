"""Reading and writing parts of a tensor: x[...], by numbers, slices, tensors, lists and masks."""

from typing import Any
from warnings import warn

import numpy

from pynn import _core
from pynn._core import Tensor, call, call_inplace
from pynn._dtypes import INT64
from pynn.ops.cast import COPY_
from pynn.ops.devices import device_of, on
from pynn.ops.fitting import fitted
from pynn.ops.overlap import arrays_in, opened, refuse_overlap, repeats
from pynn.ops.registry import (
    Effects,
    Sample,
    as_operand,
    cast,
    export,
    joint,
    register,
    register_inplace,
    unbroadcast,
)

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

# ---- indexing with tensors: a copy. The indices are inputs; attrs hold the pattern, with PLACE for each of them ----

PLACE = "tensor"  # stands in a pattern for the next index tensor


def _fill_pattern(pattern: Any, indices: Any) -> Any:
    rest = iter(indices)
    return tuple(next(rest) if p == PLACE else p for p in pattern)


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


def _index_reference(xp: Any, inputs: Any, pattern: Any) -> Any:
    x, *indices = inputs
    out = x[_fill_pattern(pattern, indices)]
    return out if not numpy.may_share_memory(out, x) else out.copy()


INDEX = register(
    "index",
    exact="forward",
    vjp=joint(_index_vjp),
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


def _write(xp: Any, inputs: Any, pattern: Any, accumulate: Any) -> Any:
    x, value, *indices = inputs
    where = _fill_pattern(pattern, indices)
    if accumulate:
        xp.add_at(x, where, value)
    else:
        x[where] = value
    return x


def _index_put_reference(xp: Any, inputs: Any, pattern: Any, accumulate: Any) -> Any:
    x, *rest = inputs
    return _write(xp, (xp.copy(x), *rest), pattern, accumulate)


def _index_put_vjp(xp: Any, needs: Any, g: Any, out: Any, inputs: Any, pattern: Any, accumulate: Any) -> Any:
    _, value, *indices = inputs
    picked = None
    if isinstance(g, Tensor):
        indices = [_core.wrap(i) if _core.holds(i) else i for i in indices]
        picked = call(INDEX, (g, *indices), (pattern,)) if indices else g[pattern]
        kept = (
            g
            if accumulate
            else call(INDEX_PUT, (g, _core.made_beside(g, numpy.zeros((), g._array.dtype)), *indices), (pattern, False))
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
    vjp=joint(_index_put_vjp),
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


INDEX_PUT_ = register_inplace(INDEX_PUT)
INDEX_PUT_.check = None
INDEX_PUT_.reference = INDEX_PUT_.record.reference = _write


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


def _reachable(self: Tensor, index: Tensor) -> Tensor:
    """An index tensor where self lies; RuntimeError for one on a GPU beside a tensor on the CPU."""
    here = device_of(self)
    if here.type == "cpu" and _core.on_device(index._array):
        raise RuntimeError(
            f"indices should be either on cpu or on the same device as the indexed tensor ({here}), got one on "
            f"{device_of(index)}. Move it with .to(tensor.device)."
        )
    return on(index, here)


def _split_index(self: Any, index: Any) -> Any:
    """(pattern, index tensors): what self[index] means, with tensors, lists and bools made index tensors beside self."""
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
            tensors.append(_reachable(self, item) if _core.has_devices() else item)
            pattern.append(PLACE)
        elif isinstance(item, (list, tuple, numpy.ndarray)):
            held = numpy.asarray(item)
            if held.dtype.kind not in "bi" and held.size:
                raise IndexError(f"lists and arrays used as indices must hold integers or bools, got {held.dtype}.")
            tensors.append(_core.made_beside(self, held if held.size or held.dtype.kind == "b" else held.astype(INT64)))
            pattern.append(PLACE)
        elif isinstance(item, (bool, numpy.bool_)):
            tensors.append(_core.made_beside(self, numpy.array(bool(item))))
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
            tensors.append(_core.made_beside(self, numpy.array(item, dtype=INT64)))
            pattern.append(PLACE)
        else:
            raise IndexError(
                f"only integers, slices (`:`), ellipsis (`...`), None and long or bool tensors are valid indices "
                f"(got {type(item).__name__})."
            )
    if not tensors and Ellipsis not in pattern:
        pattern.append(Ellipsis)  # keeps a 0-d result an array
    return tuple(pattern), tuple(tensors)


def _numbers_first(pattern: Any, tensors: Any) -> Any:
    """(a basic index, the pattern that is left), where numbers stand apart from index tensors; None where none do.

    A number takes its dimension away before the tensors index what is left, as in torch. NumPy counts it among the index
    arrays, and where those do not stand side by side it puts their dimensions in front.
    """
    chosen = [i for i, p in enumerate(pattern) if type(p) is int or p == PLACE]
    if chosen[-1] - chosen[0] + 1 == len(chosen) or not any(type(p) is int for p in pattern):
        return None
    first: list[Any] = []
    rest: list[Any] = []
    place = 0
    for item in pattern:
        if item == PLACE:
            array = tensors[place]._array
            place += 1
            first.extend([slice(None)] * (array.ndim if array.dtype.kind == "b" else 1))
            rest.append(PLACE)
        else:
            first.append(item)
            if type(item) is not int:
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
    pattern, tensors = _split_index(self, index)
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
    pattern, tensors = _split_index(self, index)
    value = as_operand(value) if not isinstance(value, (list, tuple)) else _core.made_beside(self, numpy.asarray(value))
    if isinstance(value, (int, float)):
        value = fitted(value, self._array.dtype)
    try:
        if not tensors:
            window = call(GETITEM, (self,), (pattern,))
            array = window._array
            if not _core.on_device(array) and not array.flags.writeable and not repeats(array):
                window._array = opened(array)  # a part of an expanded tensor, each element of which has its own memory
            if isinstance(value, Tensor) and _core.has_devices():
                value = on(value, device_of(self))
            if isinstance(value, Tensor) and not value._array.ndim and window._version is value._version:
                value = value.clone()  # one element, read before any is written
            call_inplace(COPY_, (window, _drop_ones(value, window._array.ndim)))
            return
        if not isinstance(value, Tensor):
            value = _core.made_beside(self, numpy.asarray(value, dtype=self._array.dtype))
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
        refuse_overlap("index_put_", self._array, arrays_in((value, tensors)), apart=True)
        call_inplace(INDEX_PUT_, (target, value, *tensors), (pattern, False))
    except IndexError as error:
        raise _index_error(error, index, self._array) from None
    except ValueError as error:
        raise RuntimeError(
            f"shape mismatch: {error} (writing to {index!r} of shape {list(self._array.shape)})."
        ) from None


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
