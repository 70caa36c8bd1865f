"""Reductions of runs of a dimension whose lengths differ: segment_reduce."""

from typing import Any

import numpy

from pynn._core import Tensor, made
from pynn.ops.creation import full, zeros
from pynn.ops.devices import beside_input
from pynn.ops.registry import export
from pynn.ops.scattering import index_add, index_reduce
from pynn.ops.view import normal_dim

_EMPTY = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "max": -numpy.inf, "min": numpy.inf}


@export(method=False)
@beside_input
def segment_reduce(
    data: Tensor,
    reduce: str,
    *,
    lengths: Tensor | None = None,
    indices: Tensor | None = None,
    offsets: Tensor | None = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: float | None = None,
) -> Tensor:
    """Each of the consecutive segments of data along axis reduced to one element.

    data: floats, (*, n, *). reduce: "sum", "mean", "max", "min" or "prod".
    lengths: integers (*, s), with data's dimensions up to axis: how long each of the s segments is.
    offsets: (*, s + 1), in place of lengths: where each segment begins, and where the last one ends.
    unsafe: do not check that lengths are 0 or more and add up to n.
    initial: a value that counts in each segment, and is what an empty one gives; without it an empty one gives
        0, nan, -inf, inf and 1 respectively.
    Returns (*, s, *) of data's dtype. Raises RuntimeError where the arguments do not fit, and for indices, which torch
    does not take either.
    """
    if reduce not in _EMPTY:
        raise RuntimeError(f"segment_reduce(): reduce must be sum, mean, max, min or prod, got {reduce!r}.")
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    if data._array.dtype.kind in "biu":
        raise RuntimeError(f"segment_reduce(): expected data of floating point numbers, got {data.dtype}.")
    axis = normal_dim(axis, data._array.ndim)
    starts, ends = _bounds(data, lengths, offsets, axis, unsafe)
    # One row an element of the dimensions up to axis; rows are numbered by the segment that they belong to.
    shape, s = data._array.shape, starts.shape[-1]
    n, inner = shape[axis], shape[axis + 1 :]
    counts = (ends - starts).reshape(-1)
    batch = numpy.repeat(numpy.arange(counts.size) // max(s, 1), counts)
    owner = made(numpy.repeat(numpy.arange(counts.size), counts))
    within = numpy.arange(counts.sum()) - numpy.repeat(numpy.cumsum(counts) - counts, counts)
    rows = data.reshape(-1, *inner)
    if not (counts.sum() == len(rows._array) and bool((starts[..., 1:] == ends[..., :-1]).all())):
        rows = rows[made(batch * n + numpy.repeat(starts.reshape(-1), counts) + within)]
    out = _reduced(rows, owner, counts, reduce, initial)
    return out.reshape(*shape[:axis], s, *inner)


def _bounds(data: Tensor, lengths: Tensor | None, offsets: Tensor | None, axis: int, unsafe: bool) -> Any:
    """Where the segments begin and end, as arrays of int64."""
    given, name = (offsets, "offsets") if lengths is None else (lengths, "lengths")
    if given is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be provided.")
    array = given._array
    if array.dtype.kind not in "iu":
        raise RuntimeError(f"segment_reduce(): expected {name} of integers, got {given.dtype}.")
    if array.ndim != axis + 1:
        raise RuntimeError(
            f"segment_reduce(): Expected axis to be the last dimension of {name} but got axis {axis} and {name} of shape "
            f"{list(array.shape)}."
        )
    shape = data._array.shape
    if array.shape[:-1] != shape[:axis]:
        raise RuntimeError(
            f"segment_reduce(): Expected data and {name} to have the same sizes before dimension {axis}, got {list(shape)} "
            f"and {list(array.shape)}."
        )
    array = array.astype(numpy.int64)
    if name == "offsets":
        if not array.shape[-1]:
            raise RuntimeError("segment_reduce(): offsets must have at least one element in its last dimension.")
        starts, ends = array[..., :-1], array[..., 1:]
    else:
        if not unsafe and array.size and array.min() < 0:
            raise RuntimeError("segment_reduce(): lengths contains negative value!")
        if not unsafe and bool((array.sum(-1) != shape[axis]).any()):
            raise RuntimeError(
                f"segment_reduce(): Expected all rows of lengths along axis to sum to data.size({axis}) = {shape[axis]} when "
                f"!unsafe, got {array.sum(-1).tolist()}."
            )
        ends = numpy.cumsum(array, -1)
        starts = ends - array
    # What torch leaves undefined with unsafe must not reach memory here.
    if array.size and (bool((ends < starts).any()) or bool((starts < 0).any()) or bool((ends > shape[axis]).any())):
        raise RuntimeError(
            f"segment_reduce(): segments must lie within the {shape[axis]} elements of dimension {axis} and have lengths of "
            f"0 or more, got {name} {given.tolist()}."
        )
    return starts, ends


def _reduced(rows: Tensor, owner: Tensor, counts: Any, reduce: str, initial: float | None) -> Tensor:
    """(len(counts), *): the rows reduced by their owners."""
    shape = (len(counts), *rows._array.shape[1:])
    column = counts.reshape(-1, *[1] * (len(shape) - 1))
    if reduce in ("sum", "mean"):
        total = index_add(zeros(shape, dtype=rows.dtype), 0, owner, rows)
        if initial:
            total = total + initial
        if reduce == "sum":
            return total
        if initial is not None:
            column = numpy.maximum(column, 1)  # an empty segment's mean is then initial itself
        return total / made(column).to(rows.dtype)
    start = full(shape, _EMPTY[reduce], dtype=rows.dtype)
    if reduce == "prod":
        found = index_reduce(start, 0, owner, rows, "prod")
        return found if initial is None else found * initial
    found = index_reduce(start, 0, owner, rows, "amax" if reduce == "max" else "amin", include_self=False)
    if initial is None:
        return found
    beaten = found < initial if reduce == "max" else found > initial
    return found.masked_fill(beaten, initial)
