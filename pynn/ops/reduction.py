"""Reductions: sums, products, moments, norms, any and all; the largest and smallest are in `extremes`."""

import builtins
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy

from pynn._core import Tensor, call
from pynn._dtypes import INT64, to_numpy
from pynn._dtypes import dtype as Dtype
from pynn.ops.cast import _convert
from pynn.ops.out import store
from pynn.ops.registry import Sample, export, register, run, unbroadcast
from pynn.ops.unary import STD_ROOT
from pynn.ops.view import normal_dim


def dims_of(dim: Any, ndim: int) -> Any:
    """dim (None, an int or several) as a sorted tuple of axes; None and () mean all of them."""
    if dim is None or (isinstance(dim, (tuple, list)) and len(dim) == 0):
        return tuple(range(ndim))
    if not isinstance(dim, (tuple, list)):
        d = normal_dim(dim, ndim)
        return (d,) if ndim else ()
    found = tuple(sorted(normal_dim(d, ndim) for d in dim))
    if len(set(found)) != len(found):
        raise RuntimeError(f"dim {list(dim)} appears multiple times in the list of dims.")
    return found if ndim else ()


def reduced_shape(x: Tensor, dims: Any, keepdim: bool = False) -> Any:
    """The shape left by a reduction over `dims`."""
    if keepdim:
        return tuple(1 if i in dims else n for i, n in enumerate(x))
    return tuple(n for i, n in enumerate(x) if i not in dims)


def spread(xp: Any, g: Any, like: Any, dims: Any, keepdim: Any) -> Any:
    """A reduction's gradient, stretched back over the reduced dimensions."""
    if not keepdim:
        g = xp.reshape(g, reduced_shape(like.shape, dims, True))
    return xp.broadcast_to(g, tuple(like.shape))


def reduction_samples(extra: Any = ()) -> Any:
    def samples(rng: Any) -> Any:
        cases = [
            ((3, 4, 5), (0, 2), False),
            ((3, 4, 5), (1,), True),
            ((3, 4), (0, 1), False),
            ((7,), (0,), False),
            ((), (), False),
        ]
        out = [Sample((rng.normal(size=s),), (d, k, *extra)) for s, d, k in cases]
        out.append(Sample((rng.normal(size=(5, 4, 3)).T,), ((1,), False, *extra)))
        return out

    return samples


def _totals(xp: Any, name: Any, x: Any, dims: Any, keepdim: Any) -> Any:
    """xp.sum or xp.prod, of integers and bools in int64."""
    reduce = getattr(xp, name)
    if xp.name == "numpy" and x.dtype.kind in "biu":
        return reduce(x, axis=dims, keepdims=keepdim, dtype=INT64)
    return reduce(x, axis=dims, keepdims=keepdim)


def _total_dtype(x: Any, dims: Any, keepdim: Any) -> Any:
    return INT64 if x.dtype.kind in "biu" else x.dtype


SUM = register(
    "sum",
    vjp=(lambda xp, g, out, x, dims, keepdim: spread(xp, g, x, dims, keepdim),),
    likes=(0,),
    shape=reduced_shape,
    dtype=_total_dtype,
    attrs=("dim", "keepdim"),
    samples=lambda rng: [
        *reduction_samples()(rng),
        Sample((numpy.zeros((0, 3)),), ((0,), False)),
        Sample((rng.integers(-9, 9, (3, 4)),), ((1,), False)),
        Sample((rng.integers(0, 2, (3, 4)).astype(bool),), ((0, 1), False)),
    ],
    torch=lambda t, x, dims, keepdim: t.sum(x, dims, keepdim) if dims else t.sum(x),
)(lambda xp, x, dims, keepdim: _totals(xp, "sum", x, dims, keepdim))


def _check_sum_to_size(inputs: Any, attrs: Any) -> Any:
    shape, size = inputs[0]._array.shape, attrs[0]
    own = shape[len(shape) - len(size) :]
    if len(size) > len(shape) or any(n not in (1, m) for n, m in zip(size, own)):
        raise RuntimeError(f"size {{{list(size)}}} is not expandable to size {{{list(shape)}}}.")
    return inputs


def _sum_to_size(xp: Any, x: Any, size: Any) -> Any:
    if tuple(size) != tuple(x.shape) and x.dtype.kind == "u":  # NumPy would count in uint64
        x = xp.astype(x, xp.int64)
    out = unbroadcast(xp, x, size)
    return xp.copy(out) if math.prod(out.shape) == math.prod(x.shape) else out  # nothing was summed: x's own memory


SUM_TO_SIZE = register(
    "sum_to_size",
    vjp=(lambda xp, g, out, x, size: xp.broadcast_to(g, tuple(x.shape)),),
    likes=(0,),
    check=_check_sum_to_size,
    shape=lambda x, size: size,
    attrs=("size",),
    samples=lambda rng: [
        Sample((rng.normal(size=a),), (b,))
        for a, b in (
            ((3, 4, 5), (4, 5)), ((3, 4, 5), (4, 1)), ((3, 4, 5), (5,)), ((3, 4, 5), (1, 4, 1)), ((3, 4), ()), ((37, 20), (20,)),
            ((37, 20), (37, 1)), ((2, 3, 4, 5), (3, 1, 1)), ((3, 4), (3, 4)), ((3, 0), (1, 1)), ((0, 4), (4,)),
        )
    ] + [Sample((rng.normal(size=(5, 4, 3)).T,), ((4, 1),)), Sample((numpy.broadcast_to(rng.normal(size=(4, 1)), (3, 4, 5)),), ((5,),), grad=False)],
    torch=lambda t, x, size: x.sum_to_size(size),
)(_sum_to_size)  # fmt: skip
"""The sum over what broadcasting from `size` to the input's shape repeated: the gradient of such a broadcast."""


def _count(shape: Any, dims: Any) -> Any:
    n = 1
    for d in dims:
        n *= shape[d]
    return n


MEAN = register(
    "mean",
    vjp=(lambda xp, g, out, x, dims, keepdim: spread(xp, g / (_count(x.shape, dims) or 1), x, dims, keepdim),),
    likes=(0,),
    shape=reduced_shape,
    attrs=("dim", "keepdim"),
    samples=reduction_samples(),
    torch=lambda t, x, dims, keepdim: t.mean(x, dims, keepdim) if dims else t.mean(x),
)(
    lambda xp, x, dims, keepdim: (
        xp.sum(x, axis=dims, keepdims=keepdim) / numpy.float64(_count(x.shape, dims)).astype(x.dtype)
        if hasattr(x, "strides")
        else xp.sum(x, axis=dims, keepdims=keepdim) / _count(x.shape, dims)
    )
)


def _others(xp: Any, x: Any, axis: Any) -> Any:
    """The product, along an axis, of all elements but each: those before it by those after it, without a division."""
    from pynn.ops.scan import CUMPROD

    n = x.shape[axis]
    cut = (slice(None),) * axis + (slice(0, n - 1),)
    ones = xp.ones_like(x[(slice(None),) * axis + (slice(0, 1),)])

    def before(values: Any) -> Any:
        return xp.concat([ones, run(xp, CUMPROD, (values,), (axis,))[cut]], axis=axis) if n > 1 else ones

    return before(x) * xp.flip(before(xp.flip(x, axis=axis)), axis=axis)


def _prod_vjp(xp: Any, g: Any, out: Any, x: Any, dims: Any, keepdim: Any) -> Any:
    if not dims:
        return g
    if not bool((x == 0).any()):
        return spread(xp, g, x, dims, keepdim) * spread(xp, out, x, dims, keepdim) / x
    if len(dims) == 1:
        others = _others(xp, x, dims[0])
    else:
        rest = tuple(d for d in range(len(x.shape)) if d not in dims)
        order = rest + dims
        moved = xp.permute_dims(x, order)
        flat = xp.reshape(moved, (*(x.shape[d] for d in rest), -1))
        others = xp.reshape(_others(xp, flat, len(rest)), tuple(moved.shape))
        others = xp.permute_dims(others, tuple(sorted(range(len(order)), key=order.__getitem__)))
    return spread(xp, g, x, dims, keepdim) * others


PROD = register(
    "prod",
    vjp=(_prod_vjp,),
    saves=("out", 0),
    shape=reduced_shape,
    dtype=_total_dtype,
    attrs=("dim", "keepdim"),
    samples=lambda rng: [
        *(Sample((rng.uniform(0.5, 1.5, (3, 4)),), a) for a in (((0,), False), ((0, 1), False), ((1,), True))),
        Sample((rng.integers(-9, 9, (3, 4)),), ((1,), False)),
        Sample((numpy.array([[2.0, 0.0, 3.0], [0.0, 4.0, 0.0], [1.0, 2.0, 5.0]]),), ((1,), False)),
        Sample((numpy.array([[2.0, 0.0], [3.0, 4.0]]),), ((0, 1), False)),
    ],
    torch=lambda t, x, dims, keepdim: t.prod(x, dims[0], keepdim) if len(dims) == 1 else t.prod(x),
)(lambda xp, x, dims, keepdim: _totals(xp, "prod", x, dims, keepdim))


def _freedom(x: Any, dims: Any, correction: Any) -> Any:
    return builtins.max(float(_count(x.shape, dims) - correction), 0.0)


def _centred(xp: Any, x: Any, dims: Any) -> Any:
    return x - xp.sum(x, axis=dims, keepdims=True) / (_count(x.shape, dims) or math.nan)


def _var(xp: Any, x: Any, dims: Any, correction: Any, keepdim: Any) -> Any:
    return xp.sum(xp.square(_centred(xp, x, dims)), axis=dims, keepdims=keepdim) / _freedom(x, dims, correction)


def _var_vjp(xp: Any, g: Any, out: Any, x: Any, dims: Any, correction: Any, keepdim: Any) -> Any:
    freedom = _freedom(x, dims, correction)
    return spread(xp, g, x, dims, keepdim) * (_centred(xp, x, dims) * (2.0 / freedom if freedom else math.inf))


VAR = register(
    "var",
    vjp=(_var_vjp,),
    saves=(0,),
    shape=lambda x, dims, correction, keepdim: reduced_shape(x, dims, keepdim),
    attrs=("dim", "correction", "keepdim"),
    samples=lambda rng: [
        Sample((rng.normal(size=s) + 3,), a)
        for s, a in (
            ((3, 4, 5), ((0, 2), 1, False)), ((3, 4, 5), ((1,), 0, True)), ((3, 4), ((0, 1), 1, False)), ((7,), ((0,), 2, False)),
            ((3, 4, 5), ((1, 2), 1, False)), ((40, 30), ((0,), 1, False)),
        )
    ]
    + [Sample((rng.normal(size=(5, 4, 3)).T,), ((1,), 1, False)), Sample((rng.normal(size=(3, 1)),), ((1,), 1, False), grad=False)],
    torch=lambda t, x, dims, correction, keepdim: t.var(x, dims, correction=correction, keepdim=keepdim),
    tolerance={"float32": 5e-6},
)(_var)  # fmt: skip


def _converted(input: Any, dtype: Any) -> Any:
    return input if dtype is None else _convert(input, to_numpy(dtype))


@export()
def sum(
    input: Tensor,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: Dtype | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The sum of all elements, or over dim(s). Integers and bools sum to int64."""
    input = _converted(input, out.dtype if dtype is None and isinstance(out, Tensor) else dtype)
    result = call(SUM, (input,), (dims_of(dim, input._array.ndim), bool(keepdim)))
    if dtype is not None:
        result = _convert(result, to_numpy(dtype))  # whole numbers were summed in int64
    return result if out is None else store(out, result, "sum")


def _floating(input: Tensor, name: str) -> Tensor:
    if input._array.dtype.kind not in "fV":
        raise RuntimeError(
            f"{name}(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {input._array.dtype}. Convert it first, for example with .float()."
        )
    return input


@export()
def mean(
    input: Tensor,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: Dtype | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The mean of all elements, or over dim(s). RuntimeError for integers without dtype."""
    input = _floating(_converted(input, dtype), "mean")
    result = call(MEAN, (input,), (dims_of(dim, input._array.ndim), bool(keepdim)))
    return result if out is None else store(out, result, "mean")


@export()
def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Dtype | None = None) -> Tensor:
    """The product of all elements, or over one dim."""
    if isinstance(dim, (tuple, list)):
        raise TypeError(f"prod(): argument 'dim' must be int, not {type(dim).__name__}. Call it once for each dim.")
    input = _converted(input, dtype)
    result = call(PROD, (input,), (dims_of(dim, input._array.ndim), bool(keepdim)))
    return result if dtype is None else _convert(result, to_numpy(dtype))


@export()
def var(
    input: Tensor,
    dim: int | Sequence[int] | None = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = 1,
) -> Tensor:
    """The variance over dim(s): squared deviations summed, over count - correction (1 = Bessel's, 0 = biased).

    Warns where that is no number of elements, and the result nan or inf.
    """
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None:
        correction = int(unbiased)
    correction = 1 if correction is None else correction
    shape = _floating(input, "var")._array.shape
    dims = dims_of(dim, len(shape))
    count = math.prod(shape if dims is None else [shape[d] for d in dims])
    if count <= correction:
        warnings.warn(
            f"var() or std(): degrees of freedom is <= 0: of {count} elements, with correction={correction}. Correction "
            "should be strictly less than the number of elements: correction=0 gives that of the elements themselves.",
            UserWarning,
            stacklevel=2,
        )
    return call(VAR, (input,), (dims, correction, bool(keepdim)))


@export()
def std(
    input: Tensor,
    dim: int | Sequence[int] | None = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = 1,
) -> Tensor:
    """The standard deviation over dim(s); see var."""
    return call(STD_ROOT, (var(input, dim, unbiased, keepdim, correction=correction),))


@export(function=False)
def sum_to_size(self: Any, *size: Any) -> Tensor:
    """This tensor summed to a shape that broadcasts to its own. RuntimeError for any other."""
    size = size[0] if len(size) == 1 and not isinstance(size[0], int) else size
    if not len(size):
        return sum(self)
    return call(SUM_TO_SIZE, (self,), (tuple(int(n) for n in size),))


def _norm(xp: Any, x: Any, p: Any, dims: Any, keepdim: Any) -> Any:
    if p == 2.0:
        return xp.sqrt(xp.sum(xp.square(x), axis=dims, keepdims=keepdim))
    size = xp.abs(x)
    if p == math.inf:
        return xp.max(size, axis=dims, keepdims=keepdim)
    if p == -math.inf:
        return xp.min(size, axis=dims, keepdims=keepdim)
    if p == 0.0:
        return xp.sum(xp.astype(x != 0, x.dtype), axis=dims, keepdims=keepdim)
    if p == 1.0:
        return xp.sum(size, axis=dims, keepdims=keepdim)
    return xp.pow(xp.sum(xp.pow(size, p), axis=dims, keepdims=keepdim), 1.0 / p)


def _norm_vjp(xp: Any, g: Any, out: Any, x: Any, p: Any, dims: Any, keepdim: Any) -> Any:
    """sign(x) * (|x| / norm)^(p - 1); 0, of the possible slopes, where the norm is 0."""
    g, out = spread(xp, g, x, dims, keepdim), spread(xp, out, x, dims, keepdim)
    if p == 0.0:
        return xp.zeros_like(x)
    if p == 1.0:
        return g * xp.sign(x)
    if p in (math.inf, -math.inf):
        hit = xp.astype(xp.abs(x) == out, x.dtype)
        return g * xp.sign(x) * hit / xp.sum(hit, axis=dims, keepdims=True)
    out = xp.where(out == 0, 1.0, out)
    if p == 2.0:
        return g * (x / out)
    size = xp.where(x == 0, 1.0, xp.abs(x))
    return xp.where(x == 0, 0.0, g * xp.sign(x) * xp.pow(size / out, p - 1.0))


NORM = register(
    "norm",
    vjp=(_norm_vjp,),
    saves=("out", 0),
    shape=lambda x, p, dims, keepdim: reduced_shape(x, dims, keepdim),
    attrs=("p", "dim", "keepdim"),
    samples=lambda rng: [
        Sample((rng.normal(size=(3, 4)),), (p, dims, keepdim), grad=p != 0.0)
        for p in (2.0, 1.0, 3.0, 0.0, math.inf, -math.inf)
        for dims, keepdim in (((1,), False), ((0, 1), True))
    ],
    torch=lambda t, x, p, dims, keepdim: t.linalg.vector_norm(x, p, dims, keepdim),
    tolerance={"float32": 5e-6},
)(_norm)


@export()
def norm(
    input: Tensor,
    p: float | str | None = "fro",
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    dtype: Dtype | None = None,
) -> Tensor:
    """The p-norm over dim(s), or of all elements: p a number, inf, -inf, "fro" or None (2), or "nuc" of matrices.

    "nuc": the sum of the singular values of the matrices in two dims. The gradient is 0 where the norm is. For norms of
    matrices other than these see `linalg.matrix_norm`. Raises RuntimeError for integers.
    """
    if not isinstance(input, Tensor):
        raise TypeError(f"norm(): argument 'input' must be Tensor, not {type(input).__name__}.")
    if (isinstance(p, str) and p != "fro") or dtype is not None:
        from pynn.linalg import _norms

        if isinstance(p, str) and p != "fro":
            return _norms.matrix_norm(input, p, range(input._array.ndim) if dim is None else dim, keepdim, dtype=dtype)  # type: ignore[arg-type]  # it says what is wrong with an int
        return _norms.vector_norm(input, 2 if p is None or isinstance(p, str) else p, dim, keepdim, dtype=dtype)
    order = 2.0 if p is None or isinstance(p, str) else float(p)
    input = _floating(input, "norm")
    dims = dims_of(dim, input._array.ndim)
    if (
        input._array.size == 0
        and (order < 0 or order == math.inf)
        and builtins.any(input._array.shape[d] == 0 for d in dims)
    ):
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {order} norm on an empty tensor because the operation does not have an "
            f"identity. Got shape {list(input._array.shape)}."
        )
    return call(NORM, (input,), (order, dims, bool(keepdim)))


def _any_all(name: str, reference: Any) -> None:
    op = register(
        name, differentiable=False, dtype="bool", shape=reduced_shape, attrs=("dim", "keepdim"),
        samples=lambda rng: [Sample((rng.integers(0, 2, (3, 4)).astype(bool),), a) for a in (((0,), False), ((0, 1), False))],
        torch=lambda t, x, dims, keepdim: getattr(t, name)(x, dims[0], keepdim) if len(dims) == 1 else getattr(t, name)(x),
    )(reference)  # fmt: skip

    def function(input: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor:
        result = call(op, (input,), (dims_of(dim, input._array.ndim), bool(keepdim)))
        return _convert(result, input._array.dtype) if input._array.dtype == numpy.uint8 else result  # as torch's

    function.__name__ = name
    function.__doc__ = f"Whether {name} elements are true (not 0), over all or over dim(s)."
    export(name)(function)


_any_all("any", lambda xp, x, dims, keepdim: xp.any(x != 0, axis=dims, keepdims=keepdim))
_any_all("all", lambda xp, x, dims, keepdim: xp.all(x != 0, axis=dims, keepdims=keepdim))


COUNT_NONZERO = register(
    "count_nonzero", differentiable=False, dtype="int64", shape=reduced_shape, attrs=("dim", "keepdim"),
    samples=lambda rng: [Sample((rng.integers(-1, 2, (3, 4)) * 0.5,), (d, False)) for d in ((0,), (0, 1))],
    torch=lambda t, x, dims, keepdim: t.count_nonzero(x, dims),
)(lambda xp, x, dims, keepdim: xp.sum(x != 0, axis=dims, keepdims=keepdim, dtype=INT64))  # fmt: skip


@export()
def count_nonzero(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """How many elements are not 0, of all or over dim(s). int64."""
    return call(COUNT_NONZERO, (input,), (dims_of(dim, input._array.ndim), False))
