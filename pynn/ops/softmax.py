"""softmax, log_softmax, logsumexp, and the losses over classes: cross_entropy (fused) and nll_loss."""

import math
from collections.abc import Sequence
from typing import Any

import numpy

from pynn._core import Like, Tensor, call
from pynn._dtypes import INT64, default_float, to_numpy
from pynn.ops.activation import require_floating
from pynn.ops.cast import _convert
from pynn.ops.out import store
from pynn.ops.reduction import dims_of, reduced_shape, reduction_samples, spread
from pynn.ops.registry import Sample, cast, export, joint, register, run
from pynn.ops.view import normal_dim


def _shifted(xp: Any, x: Any, dim: Any) -> Any:
    """x less its largest element along dim, so that exp does not overflow."""
    return x if 0 in x.shape else x - xp.max(x, axis=dim, keepdims=True)


def _softmax(xp: Any, x: Any, dim: Any) -> Any:
    e = xp.exp(_shifted(xp, x, dim))
    return e / xp.sum(e, axis=dim, keepdims=True)


def _log_softmax(xp: Any, x: Any, dim: Any) -> Any:
    z = _shifted(xp, x, dim)
    return z - xp.log(xp.sum(xp.exp(z), axis=dim, keepdims=True))


def _samples(rng: Any) -> Any:
    cases = [((3, 5), 1), ((3, 5), 0), ((2, 3, 4), 1), ((7,), 0), ((3, 1), 1), ((0, 3), 1)]
    out = [Sample((3 * rng.normal(size=s),), (d,)) for s, d in cases]
    out.append(Sample((rng.normal(size=(4, 3)).T,), (1,)))
    out.append(Sample((numpy.array([[1e4, 0.0, -1e4], [-1e4, -1e4, -1e4]]),), (1,), grad=False))
    out.append(Sample((numpy.array([[-numpy.inf, 0.0, 1.0], [numpy.nan, 1.0, 2.0]]),), (1,), grad=False))
    return out


def _check_softmax(name: str) -> Any:
    def check(inputs: Any, attrs: Any) -> Any:
        require_floating(name, *inputs)
        return inputs

    return check


SOFTMAX = register(
    "softmax",
    vjp=(lambda xp, g, out, x, dim: out * (g - xp.sum(g * out, axis=dim, keepdims=True)),),
    saves=("out",),
    check=_check_softmax("softmax"),
    shape=lambda x, dim: x,
    attrs=("dim",),
    samples=_samples,
    torch=lambda t, x, dim: t.softmax(x, dim),
)(_softmax)

LOG_SOFTMAX = register(
    "log_softmax",
    vjp=(lambda xp, g, out, x, dim: g - xp.exp(out) * xp.sum(g, axis=dim, keepdims=True),),
    saves=("out",),
    check=_check_softmax("log_softmax"),
    shape=lambda x, dim: x,
    attrs=("dim",),
    samples=_samples,
    torch=lambda t, x, dim: t.log_softmax(x, dim),
    tolerance={"float32": 5e-6},
)(_log_softmax)


def _logsumexp(xp: Any, x: Any, dims: Any, keepdim: Any) -> Any:
    if 0 in x.shape:
        out = xp.log(xp.sum(xp.exp(x), axis=dims, keepdims=True))
        return out if keepdim else xp.reshape(out, reduced_shape(x.shape, dims))
    top = xp.max(x, axis=dims, keepdims=True)
    top = xp.where(xp.isfinite(top), top, 0)  # a row of -inf sums to 0, whose log is -inf
    out = xp.log(xp.sum(xp.exp(x - top), axis=dims, keepdims=True)) + top
    return out if keepdim else xp.reshape(out, reduced_shape(x.shape, dims))


def _logsumexp_vjp(xp: Any, g: Any, out: Any, x: Any, dims: Any, keepdim: Any) -> Any:
    return spread(xp, g, x, dims, keepdim) * xp.exp(x - spread(xp, out, x, dims, keepdim))


LOGSUMEXP = register(
    "logsumexp",
    vjp=(_logsumexp_vjp,),
    saves=("out", 0),
    check=_check_softmax("logsumexp"),
    shape=reduced_shape,
    attrs=("dim", "keepdim"),
    samples=lambda rng: [
        *reduction_samples()(rng),
        Sample((numpy.array([[-numpy.inf, -numpy.inf], [1e4, 1.0], [numpy.inf, 0.0]]),), ((1,), False), grad=False),
    ],
    torch=lambda t, x, dims, keepdim: t.logsumexp(x, dims, keepdim) if dims else t.logsumexp(x, ()),
    tolerance={"float32": 5e-6},
)(_logsumexp)

# ---- losses over classes ----


def _class_weights(xp: Any, like: Any, target: Any, weight: Any, ignore_index: Any, smoothing: Any) -> Any:
    """(q, valid): how much of -log p of each class (N, C) counts, and which rows do (N, 1)."""
    dtype = like.dtype
    classes = xp.arange(like.shape[1])
    rows = xp.expand_dims(target, 1)
    valid = xp.astype(rows != ignore_index, dtype)
    q = xp.astype(rows == classes, dtype)
    if smoothing:
        q = q * (1.0 - smoothing) + smoothing / like.shape[1]
    if weight is not None:
        q = q * weight
    return q * valid, valid


def _count(xp: Any, target: Any, weight: Any, valid: Any, ignore_index: Any) -> Any:
    """What a mean divides by: the valid rows, or the weights of their targets."""
    if weight is None:
        return xp.sum(valid)
    classes = xp.arange(weight.shape[0])
    return xp.sum(xp.astype(xp.expand_dims(target, 1) == classes, weight.dtype) * weight * valid)


def _rows(xp: Any, x: Any, target: Any) -> Any:
    """(N, C, ...) and (N, ...) as (M, C) and (M,)."""
    if len(x.shape) == 2:
        return x, target
    count = math.prod(target.shape)
    if isinstance(x, Like):
        return Like((count, x.shape[1]), x.dtype), xp.reshape(target, (count,))
    order = (0, *range(2, len(x.shape)), 1)
    return xp.reshape(xp.permute_dims(x, order), (count, x.shape[1])), xp.reshape(target, (count,))


def _from_rows(xp: Any, rows: Any, shape: Any) -> Any:
    """(M, C) as an array of shape (N, C, ...)."""
    if len(shape) == 2:
        return rows
    moved = xp.reshape(rows, (shape[0], *shape[2:], shape[1]))
    return xp.permute_dims(moved, (0, len(shape) - 1, *range(1, len(shape) - 1)))


def _class_loss(xp: Any, logp: Any, target: Any, weight: Any, ignore_index: Any, smoothing: Any, reduction: Any) -> Any:
    q, valid = _class_weights(xp, logp, target, weight, ignore_index, smoothing)
    rows = -xp.sum(xp.where(q == 0, 0, q * logp), axis=1)  # log p may be -inf where it does not count
    if reduction == "none":
        return rows
    total = xp.sum(rows)
    return total if reduction == "sum" else total / _count(xp, target, weight, valid, ignore_index)


def _row_scale(xp: Any, g: Any, target: Any, weight: Any, valid: Any, ignore_index: Any, reduction: Any) -> Any:
    """The gradient that each row's loss receives, as (N, 1)."""
    if reduction == "mean":
        g = g / _count(xp, target, weight, valid, ignore_index)
    g = xp.reshape(g, (-1, 1) if reduction == "none" else (1, 1))
    return xp.where(valid > 0, g, 0)  # a mean over no rows is NaN, but moves nothing


def _nll(xp: Any, logp: Any, target: Any, weight: Any, ignore_index: Any, reduction: Any) -> Any:
    rows, wanted = _rows(xp, logp, target)
    loss = _class_loss(xp, rows, wanted, weight, ignore_index, 0.0, reduction)
    return xp.reshape(loss, tuple(target.shape)) if reduction == "none" else loss


@joint
def _nll_vjp(
    xp: Any, needs: Any, g: Any, out: Any, logp: Any, target: Any, weight: Any, ignore_index: Any, reduction: Any
) -> Any:
    _no_weight_gradient("nll_loss", needs)
    rows, wanted = _rows(xp, logp, target)
    q, valid = _class_weights(xp, rows, wanted, weight, ignore_index, 0.0)
    slope = -q * _row_scale(xp, g, wanted, weight, valid, ignore_index, reduction)
    return _from_rows(xp, slope, tuple(logp.shape)), None, None


def _cross_entropy(xp: Any, x: Any, target: Any, weight: Any, ignore_index: Any, smoothing: Any, reduction: Any) -> Any:
    rows, wanted = _rows(xp, x, target)
    loss = _class_loss(xp, _log_softmax(xp, rows, 1), wanted, weight, ignore_index, smoothing, reduction)
    return xp.reshape(loss, tuple(target.shape)) if reduction == "none" else loss


@joint
def _cross_entropy_vjp(
    xp: Any,
    needs: Any,
    g: Any,
    out: Any,
    x: Any,
    target: Any,
    weight: Any,
    ignore_index: Any,
    smoothing: Any,
    reduction: Any,
) -> Any:
    """d/dx of -sum(q * log_softmax(x)) is sum(q) * softmax(x) - q."""
    _no_weight_gradient("cross_entropy", needs)
    rows, wanted = _rows(xp, x, target)
    q, valid = _class_weights(xp, rows, wanted, weight, ignore_index, smoothing)
    slope = run(xp, SOFTMAX, (rows,), (1,)) * xp.sum(q, axis=1, keepdims=True) - q
    slope = slope * _row_scale(xp, g, wanted, weight, valid, ignore_index, reduction)
    return _from_rows(xp, slope, tuple(x.shape)), None, None


def _no_weight_gradient(name: str, needs: Any) -> None:
    if needs & 4:
        raise RuntimeError(f"the derivative for 'weight' of {name} is not implemented. Use weight.detach().")


def _check_classes(name: str) -> Any:
    def check(inputs: Any, attrs: Any) -> Any:
        x, target, weight = inputs
        require_floating(name, x)
        if not isinstance(target, Tensor):
            raise TypeError(f"{name}(): argument 'target' must be Tensor, not {type(target).__name__}.")
        a, t = x._array, target._array
        if t.dtype != INT64 and t.dtype != numpy.uint8:
            raise RuntimeError(
                f"expected target dtype to be Long or Byte, but got {t.dtype}. Class indices are int64 "
                f"(target.long()); class probabilities have the input's shape, {list(a.shape)}."
            )
        if a.shape[0] != t.shape[0]:
            raise ValueError(f"Expected input batch_size ({a.shape[0]}) to match target batch_size ({t.shape[0]}).")
        classes = a.shape[1]
        if weight is not None:
            if weight._array.shape != (classes,):
                raise RuntimeError(
                    f"weight tensor should be defined either for all {classes} classes or no classes but got weight "
                    f"tensor of shape: {list(weight._array.shape)}"
                )
            if weight._array.dtype != a.dtype:
                raise RuntimeError(
                    f"expected scalar type {a.dtype} but found {weight._array.dtype}: cast the weight with "
                    ".to(input.dtype)."
                )
        wrong = ((t < 0) | (t >= classes)) & (t != attrs[0])
        if wrong.any():
            raise IndexError(
                f"Target {int(t[wrong][0])} is out of bounds. The input of shape {list(a.shape)} has {classes} "
                f"classes, so targets are 0 to {classes - 1}, or ignore_index ({attrs[0]})."
            )
        return (x, _convert(target, INT64), weight) if t.dtype != INT64 else inputs

    return check


def _class_samples(smoothings: Any) -> Any:
    """Trial calls; those with class weights, which have no gradient, count as not differentiable."""

    def samples(rng: Any) -> Any:
        out = []
        for reduction in ("mean", "sum", "none"):
            for smoothing in smoothings:
                for weight in (None, rng.uniform(0.5, 2.0, 4)):
                    inputs = (rng.normal(size=(5, 4)), rng.integers(0, 4, 5), weight)
                    out.append(Sample(inputs, (-100, *smoothing, reduction), grad=weight is None))
        ignored = (rng.normal(size=(5, 4)), numpy.array([0, 2, 1, 2, 3]), None)
        out.append(Sample(ignored, (2, *smoothings[-1], "mean")))
        out.append(Sample(ignored[:2] + (rng.uniform(0.5, 2.0, 4),), (2, *smoothings[-1], "mean"), grad=False))
        for reduction in ("mean", "none"):  # positions beside the classes
            spread_out = (rng.normal(size=(2, 3, 4, 5)), rng.integers(0, 3, (2, 4, 5)))
            out.append(Sample((*spread_out, None), (1, *smoothings[-1], reduction)))
            out.append(Sample((*spread_out, rng.uniform(0.5, 2.0, 3)), (-100, *smoothings[-1], reduction), grad=False))
        out.append(
            Sample((rng.normal(size=(3, 4, 2)), rng.integers(0, 4, (3, 2)), None), (-100, *smoothings[0], "sum"))
        )
        return out

    return samples


def _twin(name: str) -> Any:
    def torch_loss(t: Any, x: Tensor, target: Tensor, weight: Tensor, ignore_index: Any, *rest: Any) -> Any:
        more = {"label_smoothing": rest[0]} if len(rest) == 2 else {}
        return getattr(t.nn.functional, name)(x, target, weight, ignore_index=ignore_index, reduction=rest[-1], **more)

    return torch_loss


def _loss_shape(x: Any, target: Any, weight: Any, ignore_index: Any, *rest: Any) -> Any:
    return target if rest[-1] == "none" else ()


NLL_LOSS = register(
    "nll_loss",
    vjp=_nll_vjp,
    saves=(1, 2),
    likes=(0,),
    check=_check_classes("nll_loss"),
    shape=_loss_shape,
    attrs=("ignore_index", "reduction"),
    samples=_class_samples(((),)),
    torch=_twin("nll_loss"),
)(_nll)

# Saves the logits and recomputes softmax in backward: no memory of the logits' size is held in between.
CROSS_ENTROPY = register(
    "cross_entropy",
    vjp=_cross_entropy_vjp,
    saves=(0, 1, 2),
    check=_check_classes("cross_entropy_loss"),
    shape=_loss_shape,
    attrs=("ignore_index", "label_smoothing", "reduction"),
    samples=_class_samples(((0.0,), (0.1,))),
    torch=_twin("cross_entropy"),
    tolerance={"float32": 5e-6},
)(_cross_entropy)

# ---- public functions ----


def along_dim(op: Any, input: Tensor, dim: Any, dtype: Any) -> Tensor:
    """An op of one dim on input (cast to dtype first); a scalar is taken as a vector of one."""
    if not isinstance(input, Tensor):
        raise TypeError(f"{op.name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}.")
    if dtype is not None:
        input = _convert(input, to_numpy(dtype))
    ndim = input._array.ndim
    d = normal_dim(dim, ndim)
    return call(op, (input,), (d,)) if ndim else call(op, (input.reshape(1),), (0,)).reshape(())


def _dim_of(name: str, dim: Any, axis: Any) -> Any:
    """dim, or axis, its other name; TypeError where neither was given."""
    if dim is None and axis is None:
        raise TypeError(f"{name}() missing 1 required positional argument: 'dim'.")
    return axis if dim is None else dim


@export("softmax")
def softmax(input: Tensor, dim: Any = None, dtype: Any = None, *, axis: Any = None) -> Tensor:
    """exp(x) / sum(exp(x)) along dim: input's shape. IndexError for a dim out of range."""
    return along_dim(SOFTMAX, input, _dim_of("softmax", dim, axis), dtype)


@export("log_softmax")
def log_softmax(input: Tensor, dim: Any = None, dtype: Any = None, *, axis: Any = None) -> Tensor:
    """log(softmax(x)) along dim, without underflow: input's shape. IndexError for a dim out of range."""
    return along_dim(LOG_SOFTMAX, input, _dim_of("log_softmax", dim, axis), dtype)


@export()
def logsumexp(input: Tensor, dim: int | Sequence[int], keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """log(sum(exp(x))) over dim(s), without overflow; of integers in the default float."""
    if input._array.dtype.kind in "biu":
        input = cast(input, default_float())
    result = call(LOGSUMEXP, (input,), (dims_of(dim, input._array.ndim), bool(keepdim)))
    return result if out is None else store(out, result, "logsumexp")
