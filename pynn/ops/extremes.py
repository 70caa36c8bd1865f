"""The largest and the smallest, and where they are: amax, amin, max, min, argmax, argmin."""

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy

from pynn._core import Tensor, call, made_beside
from pynn.ops.pointwise import MAXIMUM, MINIMUM
from pynn.ops.reduction import dims_of, reduced_shape, reduction_samples, spread
from pynn.ops.registry import Sample, export, register
from pynn.ops.selecting import _gather_vjp
from pynn.ops.view import normal_dim
from pynn.return_types import ValuesIndices, named


def _extreme_vjp(xp: Any, g: Any, out: Any, x: Any, dims: Any, keepdim: Any) -> Any:
    """amax and amin share the gradient equally among ties, as torch."""
    full = spread(xp, out, x, dims, keepdim)
    hit = xp.astype(x == full, g.dtype)
    share = hit / xp.sum(hit, axis=dims, keepdims=True)
    return spread(xp, g, x, dims, keepdim) * share


AMAX = register(
    "amax", vjp=(_extreme_vjp,), saves=("out", 0), shape=reduced_shape, dtype="same", attrs=("dim", "keepdim"),
    samples=reduction_samples(), torch=lambda t, x, dims, keepdim: t.amax(x, dims, keepdim),
)(lambda xp, x, dims, keepdim: xp.max(x, axis=dims, keepdims=keepdim))  # fmt: skip
AMIN = register(
    "amin", vjp=(_extreme_vjp,), saves=("out", 0), shape=reduced_shape, dtype="same", attrs=("dim", "keepdim"),
    samples=reduction_samples(), torch=lambda t, x, dims, keepdim: t.amin(x, dims, keepdim),
)(lambda xp, x, dims, keepdim: xp.min(x, axis=dims, keepdims=keepdim))  # fmt: skip


def _arg(name: str, reference: Any) -> Any:
    return register(
        name, differentiable=False, dtype="int64", attrs=("dim", "keepdim"),
        shape=lambda x, dim, keepdim: () if dim is None else reduced_shape(x, (dim,), keepdim),
        samples=lambda rng: [Sample((rng.normal(size=(3, 4)),), a) for a in ((0, False), (1, True), (None, False))],
        torch=lambda t, x, dim, keepdim: getattr(t, name)(x, dim, keepdim),
    )(reference)  # fmt: skip


ARGMAX = _arg(
    "argmax", lambda xp, x, dim, keepdim: xp.argmax(x, axis=dim, keepdims=keepdim if dim is not None else False)
)
ARGMIN = _arg(
    "argmin", lambda xp, x, dim, keepdim: xp.argmin(x, axis=dim, keepdims=keepdim if dim is not None else False)
)


def picked_vjp(xp: Any, g: Any, out: Any, x: Any, *attrs: Any) -> Any:
    """The gradient of elements that op picked by place along a dimension: (grad of values, _), out[1] the places."""
    grad, places, dim = g[0], out[1], attrs[0] if len(attrs) < 3 else attrs[1]
    if grad is None:
        return None
    if grad.ndim < len(x.shape):
        grad, places = xp.expand_dims(grad, dim), xp.expand_dims(places, dim)
    return _gather_vjp(xp, grad, None, x, places, dim)


def _max_dim(name: str, place: Any) -> Any:
    """The extreme element along one dimension and where it is; the gradient goes to that element alone."""

    def reference(xp: Any, x: Any, dim: Any, keepdim: Any) -> Any:
        indices = place(xp, x, dim)
        values = xp.take_along_axis(x, indices, dim)
        return (values, indices) if keepdim else (xp.squeeze(values, dim), xp.squeeze(indices, dim))

    return register(
        f"{name}_dim",
        vjp=(picked_vjp,),
        saves=("out1",),
        likes=(0,),
        outputs=2,
        shape=lambda x, dim, keepdim: (reduced_shape(x, (dim,), keepdim),) * 2,
        dtype="same",
        attrs=("dim", "keepdim"),
        samples=lambda rng: (
            [
                Sample((rng.normal(size=s),), a)
                for s in ((3, 4, 5), (33, 20))
                for a in ((0, False), (1, True), (-1 % len(s), False))
            ]
            + [
                Sample((rng.normal(size=(5, 4)).T,), (0, False)),
                Sample(
                    (numpy.array([[1.0, 3.0, 3.0], [2.0, math.nan, 5.0], [-0.0, 0.0, math.nan]]),),
                    (1, False),
                    grad=False,
                ),
                Sample(
                    (numpy.array([[1.0, 3.0, 3.0], [2.0, math.nan, 5.0], [2.0, 0.0, math.nan]]),),
                    (0, False),
                    grad=False,
                ),
            ]
        ),
        torch=lambda t, x, dim, keepdim: tuple(getattr(t, name)(x, dim, keepdim)),
    )(reference)


MAX_DIM = _max_dim("max", lambda xp, x, dim: xp.argmax(x, axis=dim, keepdims=True))
MIN_DIM = _max_dim("min", lambda xp, x, dim: xp.argmin(x, axis=dim, keepdims=True))


@export()
def amax(input: Tensor, dim: int | Sequence[int] | None = (), keepdim: bool = False) -> Tensor:
    """The largest value over dim(s); ties share the gradient."""
    dims = _some(input, "amax", dims_of(dim, input._array.ndim), IndexError if dim not in (None, ()) else RuntimeError)
    return call(AMAX, (input,), (dims, bool(keepdim)))


@export()
def amin(input: Tensor, dim: int | Sequence[int] | None = (), keepdim: bool = False) -> Tensor:
    """The smallest value over dim(s); ties share the gradient."""
    dims = _some(input, "amin", dims_of(dim, input._array.ndim), IndexError if dim not in (None, ()) else RuntimeError)
    return call(AMIN, (input,), (dims, bool(keepdim)))


def _some(input: Any, name: str, dims: Any, error: Any = IndexError) -> Any:
    """`error` where a reduction that needs an element has none."""
    shape = input._array.shape
    if input._array.size == 0 and builtins.any(shape[d] == 0 for d in dims):
        raise error(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0, with a size other than 0. Specify "
            f"the reduction dim with the 'dim' argument. (got shape {list(shape)}, dims {list(dims)})"
        )
    return dims


def _extreme(input: Any, dim: Any, keepdim: Any, whole: Any, along: Any, pairwise: Any) -> Tensor | ValuesIndices:
    if not isinstance(input, Tensor):
        raise TypeError(
            f"{whole.__name__[1:]}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}."
        )
    if dim is None:
        found: Tensor | ValuesIndices = whole(input)
        return found
    if isinstance(dim, Tensor):
        answer: Tensor | ValuesIndices = pairwise(input, dim)
        return answer
    d = normal_dim(dim, input._array.ndim)
    if input._array.ndim == 0:
        return named(whole.__name__[1:])((input.clone(), made_beside(input, numpy.zeros((), numpy.int64))))
    if input._array.shape[d] == 0:
        raise IndexError(
            f"{whole.__name__[1:]}(): Expected reduction dim {d} to have non-zero size, got shape {list(input._array.shape)}."
        )
    return named(whole.__name__[1:])(call(along, (input,), (d, bool(keepdim))))


@export()
def max(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Tensor | ValuesIndices:
    """The largest element; with dim, (values, indices) along it; with another tensor, pairwise maximum."""
    return _extreme(input, dim if other is None else other, keepdim, amax, MAX_DIM, lambda a, b: call(MAXIMUM, (a, b)))


@export()
def min(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Tensor | ValuesIndices:
    """The smallest element; with dim, (values, indices) along it; with another tensor, pairwise minimum."""
    return _extreme(input, dim if other is None else other, keepdim, amin, MIN_DIM, lambda a, b: call(MINIMUM, (a, b)))


def _argument(op: Any, input: Any, dim: Any, keepdim: Any) -> Tensor:
    _some(input, op.name, dims_of(dim, input._array.ndim))
    found = call(op, (input,), (None if dim is None else normal_dim(dim, input._array.ndim), bool(keepdim)))
    return found.reshape((1,) * input._array.ndim) if keepdim and dim is None else found


@export()
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the largest element is: in the flattened tensor, or along dim. int64."""
    return _argument(ARGMAX, input, dim, keepdim)


@export()
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the smallest element is: in the flattened tensor, or along dim. int64."""
    return _argument(ARGMIN, input, dim, keepdim)
