"""Quantiles, counts, distances: made of other operations."""

from collections.abc import Sequence
from typing import Any

import numpy

from pynn._core import METHODS, Tensor, made, observe
from pynn._device import DeviceLike
from pynn._dtypes import dtype as Dtype
from pynn._dtypes import to_numpy
from pynn.amp.autocast_mode import float32_function
from pynn.ops.devices import beside_input
from pynn.ops.reduction import mean, std, sum, var
from pynn.ops.registry import export
from pynn.ops.sorting import sort
from pynn.ops.view import normal_dim


def _with_dim(function: Any) -> None:
    def several(
        input: Tensor,
        dim: int | Sequence[int] | None = None,
        unbiased: bool | None = None,
        keepdim: bool = False,
        *,
        correction: float | None = 1,
    ) -> tuple[Tensor, Tensor]:
        whole = isinstance(dim, bool)
        average = mean(input, None if whole else dim, keepdim)
        return function(input, dim, unbiased, keepdim, correction=correction), average

    several.__name__ = function.__name__ + "_mean"
    several.__doc__ = f"(`{function.__name__}`, `mean`) over dim(s)."
    export(several.__name__, method=False)(several)


_with_dim(var)
_with_dim(std)


@beside_input
def _quantile(name: str, input: Any, q: Any, dim: Any, keepdim: Any, interpolation: Any, ignore_nan: Any) -> Tensor:
    kind = input._array.dtype
    if kind not in (numpy.float32, numpy.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype, got {kind}. Use .float().")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}."
        )
    if isinstance(q, Tensor):
        if q._array.ndim > 1:
            raise RuntimeError(f"{name}() q must be a scalar or 1D tensor, got shape {list(q._array.shape)}.")
        if q._array.dtype != kind:
            raise RuntimeError(
                f"{name}() q tensor must be same dtype as the input tensor: {q._array.dtype}, not {kind}."
            )
        points = observe(q)
    elif isinstance(q, (int, float)):
        points = numpy.asarray(q, kind)
    else:
        raise TypeError(f"{name}(): argument 'q' must be a number or a Tensor, not {type(q).__name__}.")
    if not ((points >= 0) & (points <= 1)).all():
        raise RuntimeError(f"{name}() q values must be in the range [0, 1], got {points.tolist()}.")
    ndim = input._array.ndim
    d = None if dim is None else normal_dim(dim, ndim)
    rows = input.flatten() if d is None else input.movedim(d, -1) if ndim else input.reshape(1)
    n = rows._array.shape[-1]
    if n == 0 or (input._array.size == 0 and d is None):
        raise RuntimeError(f"{name}() input tensor must be non-empty, got shape {list(input._array.shape)}.")
    values = sort(rows, -1).values
    held = observe(values)
    count = (held == held).sum(axis=-1, keepdims=True)
    flat = points.reshape(-1)
    scale = numpy.maximum(count - 1, 0).astype(kind) if ignore_nan else kind.type(n - 1)
    if ignore_nan:
        rank = flat * scale
    else:  # NaN is sorted last: of a row that has one it is every quantile
        rank = numpy.where(count < n, scale, flat * scale)
    if interpolation == "lower":
        rank = numpy.floor(rank)
    elif interpolation == "higher":
        rank = numpy.ceil(rank)
    elif interpolation == "nearest":
        rank = numpy.round(rank)
    low = numpy.floor(rank)
    out = values.gather(-1, made(low.astype(numpy.int64)))
    if interpolation in ("linear", "midpoint"):
        weight = made(numpy.full_like(rank, 0.5) if interpolation == "midpoint" else rank - low)
        if interpolation == "linear" and isinstance(q, Tensor) and q.requires_grad:
            weight = q.reshape(-1) * made(numpy.asarray(scale)) - made(low)
        above = values.gather(-1, made(numpy.ceil(rank).astype(numpy.int64)))
        out = out.lerp(above, weight)
    if keepdim:
        shape = [1] * ndim if d is None else [1 if i == d else m for i, m in enumerate(input._array.shape)]
        out = out.movedim(-1, 0).reshape([flat.size, *shape])
    else:
        out = out.movedim(-1, 0)
        out = out.reshape([flat.size]) if d is None or not ndim else out
    return out if points.ndim else out.squeeze(0)


@export()
@float32_function
def quantile(
    input: Tensor, q: Tensor | float, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """The q-quantiles (q in [0, 1]; a 1-D tensor of them comes first in the result) of all elements or along dim.

    interpolation: what lies between two elements, "linear", "lower", "higher", "midpoint" or "nearest". NaN where any
    element is. RuntimeError for any input but float32 and float64 (q of the same), and for an empty one.
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@export()
@float32_function
def nanquantile(
    input: Tensor, q: Tensor | float, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """`quantile` of the elements that are not NaN; NaN where all are."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)


@export()
def nansum(
    input: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False, *, dtype: Dtype | None = None
) -> Tensor:
    """`sum` that takes NaN for 0."""
    return sum(input.masked_fill(input.isnan(), 0), dim, keepdim, dtype=dtype)


@export()
def nanmean(
    input: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False, *, dtype: Dtype | None = None
) -> Tensor:
    """`mean` of the elements that are not NaN."""
    return nansum(input, dim, keepdim, dtype=dtype) / sum(~input.isnan(), dim, keepdim)


@export()
def dist(input: Tensor, other: Any, p: float = 2) -> Tensor:
    """The p-norm of input - other."""
    result: Tensor = METHODS["norm"](input - other, p)
    return result


@export(method=False)
def scalar_tensor(
    s: Any, *, dtype: Dtype | None = None, device: DeviceLike | None = None, requires_grad: bool = False
) -> Tensor:
    """A 0-d tensor of the default float."""
    from pynn.ops.creation import full

    return full((), s, dtype=to_numpy(float) if dtype is None else dtype, device=device, requires_grad=requires_grad)
