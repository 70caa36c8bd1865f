"""Quantiles, counts, distances: made of other operations."""

import numpy

from pynn._core import METHODS, Tensor, made, observe
from pynn._dtypes import to_numpy
from pynn.amp.autocast_mode import float32_function
from pynn.ops.reduction import mean, std, sum, var
from pynn.ops.registry import export
from pynn.ops.sorting import sort
from pynn.ops.view import normal_dim


def _with_dim(function):
    def several(input, dim=None, unbiased=None, keepdim=False, *, correction=1):
        whole = isinstance(dim, bool)
        average = mean(input, None if whole else dim, keepdim)
        return function(input, dim, unbiased, keepdim, correction=correction), average

    several.__name__ = function.__name__ + "_mean"
    several.__doc__ = f"(`{function.__name__}`, `mean`) over dim(s)."
    export(several.__name__, method=False)(several)


_with_dim(var)
_with_dim(std)


@export()
@float32_function
def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """The q-quantiles (q in [0, 1]; a tensor of them comes first in the result), linear between elements."""
    if interpolation != "linear":
        raise ValueError(f"quantile() takes interpolation='linear' only, got {interpolation!r}.")
    ndim = input._array.ndim
    flat, d = (input.flatten(), 0) if dim is None else (input, normal_dim(dim, ndim))
    values = sort(flat, d).values
    points = observe(q) if isinstance(q, Tensor) else numpy.asarray(q, input._array.dtype)
    if ((points < 0) | (points > 1)).any():
        raise RuntimeError("quantile() q values must be in the range [0, 1].")
    place = points.reshape(-1).astype(numpy.float64) * (values._array.shape[d] - 1)
    low = numpy.floor(place).astype(numpy.int64)
    high = numpy.ceil(place).astype(numpy.int64)
    weight = made((place - low).astype(input._array.dtype)).reshape([-1 if i == d else 1 for i in range(values._array.ndim)])
    below, above = values.index_select(d, made(low)), values.index_select(d, made(high))
    out = (below + (above - below) * weight).movedim(d, 0)
    if keepdim:
        out = out.reshape([out._array.shape[0], *([1] * ndim)]) if dim is None else out.unsqueeze(d + 1)
    return out if points.ndim else out.squeeze(0)


@export()
def nansum(input, dim=None, keepdim=False, *, dtype=None):
    """`sum` that takes NaN for 0."""
    return sum(input.masked_fill(input.isnan(), 0), dim, keepdim, dtype=dtype)


@export()
def nanmean(input, dim=None, keepdim=False, *, dtype=None):
    """`mean` of the elements that are not NaN."""
    return nansum(input, dim, keepdim, dtype=dtype) / sum(~input.isnan(), dim, keepdim)


@export(method=False)
def isin(elements, test_elements, *, assume_unique=False, invert=False):
    """Which elements are among test_elements."""
    arrays = [observe(x) if isinstance(x, Tensor) else x for x in (elements, test_elements)]
    return made(numpy.asarray(numpy.isin(*arrays, assume_unique=assume_unique, invert=invert)))


@export(method=False)
def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None):
    """Where in the last dimension of sorted_sequence each value of input would go."""
    side = "right" if right or side == "right" else "left"
    sequence = observe(sorted_sequence)
    values = observe(input) if isinstance(input, Tensor) else numpy.asarray(input)
    if sequence.ndim == 1:
        found = numpy.searchsorted(sequence, values, side)
    else:
        rows = zip(sequence.reshape(-1, sequence.shape[-1]), values.reshape(-1, values.shape[-1]))
        found = numpy.stack([numpy.searchsorted(s, v, side) for s, v in rows]).reshape(values.shape)
    return made(numpy.asarray(found, numpy.int32 if out_int32 else numpy.int64))


@export(method=False)
def bucketize(input, boundaries, *, out_int32=False, right=False):
    """The number of the interval between boundaries in which each value lies."""
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


@export()
def histc(input, bins=100, min=0, max=0):
    """How many elements lie in each of `bins` equal intervals from min to max (of the data, where both are 0)."""
    array = observe(input)
    bounds = (float(min), float(max)) if min != max else (float(array.min()), float(array.max()))
    return made(numpy.histogram(array, int(bins), bounds)[0].astype(array.dtype))


@export()
def diff(input, n=1, dim=-1):
    """The differences of neighbours along dim, n times over."""
    for _ in range(n):
        size = input._array.shape[normal_dim(dim, input._array.ndim)]
        later, earlier = input.narrow(dim, min(1, size), max(size - 1, 0)), input.narrow(dim, 0, max(size - 1, 0))
        input = later ^ earlier if input._array.dtype == bool else later - earlier
    return input


@export()
def dist(input, other, p=2):
    """The p-norm of input - other."""
    return METHODS["norm"](input - other, p)


@export(method=False)
def scalar_tensor(s, *, dtype=None, device=None, requires_grad=False):
    """A 0-d tensor of the default float."""
    from pynn.ops.creation import full

    return full((), s, dtype=to_numpy(float) if dtype is None else dtype, device=device, requires_grad=requires_grad)
