"""Losses that compare two tensors of one shape element by element: one op each, with the reduction inside.

Each is a value v(x, y), its two slopes, and a reduction ("none", "mean" or "sum").
"""

import math
from typing import Any

import numpy

from pynn.ops.activation import require_floating
from pynn.ops.registry import Sample, joint, promote, register


def _elementwise_loss(
    name: str,
    value: Any,
    slope: Any,
    target_slope: Any,
    attrs: Any = (),
    choices: Any = ((),),
    draw: Any = None,
    torch: Any = None,
    **more: Any,
) -> Any:
    """Register the loss `name`: value(xp, x, y, *attrs), and its derivatives by x and by y."""

    def reference(xp: Any, x: Any, y: Any, *rest: Any) -> Any:
        *params, reduction = rest
        v = value(xp, x, y, *params)
        if reduction == "none":
            return v
        total = xp.sum(v)
        return total if reduction == "sum" else total / (_size(x) or numpy.nan)

    @joint
    def vjp(xp: Any, needs: Any, g: Any, out: Any, x: Any, y: Any, *rest: Any) -> Any:
        *params, reduction = rest
        if reduction == "mean":
            g = g / _size(x)
        return (
            g * slope(xp, x, y, *params) if needs & 1 else None,
            g * target_slope(xp, x, y, *params) if needs & 2 else None,
        )

    def check(inputs: Any, attrs: Any) -> Any:
        inputs = promote(inputs, "promote")
        require_floating(name, inputs[0])
        x, y = (i._array for i in inputs)
        if x.shape != y.shape:
            raise RuntimeError(
                f"{name}: input and target must have one shape, got {list(x.shape)} and {list(y.shape)}."
            )
        return inputs

    def samples(rng: Any) -> Any:
        out = []
        for params in choices:
            for reduction in ("mean", "sum", "none"):
                for shape in ((3, 4), (), (5,)):
                    pair = draw(rng, shape) if draw else (rng.normal(size=shape), rng.normal(size=shape))
                    out.append(Sample(tuple(map(numpy.asarray, pair)), (*params, reduction)))
            out.append(
                Sample((rng.normal(size=(4, 3)).T * 0.1 + 0.4, rng.uniform(0.1, 0.9, (3, 4))), (*params, "mean"))
            )
        return out

    return register(
        name,
        vjp=vjp,
        saves=(0, 1),
        check=check,
        shape=lambda x, y, *rest: x if rest[-1] == "none" else (),
        attrs=(*attrs, "reduction"),
        samples=samples,
        torch=torch or (lambda t, x, y, reduction: getattr(t.nn.functional, name)(x, y, reduction=reduction)),
        tolerance={"float32": 5e-6},
        **more,
    )(reference)


def _size(x: Any) -> Any:
    n = 1
    for size in x.shape:
        n *= size
    return n


def _apart(rng: Any, shape: Any) -> Any:
    """Two tensors whose differences keep clear of 0, 0.5 and 1, where losses have kinks."""
    gaps = rng.choice([0.25, 0.75, 1.6], shape) * rng.choice([-1, 1], shape) + rng.uniform(-0.1, 0.1, shape)
    y = rng.normal(size=shape)
    return y + gaps, y


def _probabilities(rng: Any, shape: Any) -> Any:
    return rng.uniform(0.05, 0.95, shape), rng.uniform(0.05, 0.95, shape)


MSE_LOSS = _elementwise_loss(
    "mse_loss",
    lambda xp, x, y: xp.square(x - y),
    lambda xp, x, y: (x - y) * 2.0,
    lambda xp, x, y: (y - x) * 2.0,
)
L1_LOSS = _elementwise_loss(
    "l1_loss",
    lambda xp, x, y: xp.abs(x - y),
    lambda xp, x, y: xp.sign(x - y),
    lambda xp, x, y: xp.sign(y - x),
    draw=_apart,
)


def _clipped(xp: Any, d: Any, limit: Any) -> Any:
    return xp.minimum(xp.maximum(d, -limit), limit)


def _smooth_l1(xp: Any, x: Any, y: Any, beta: Any) -> Any:
    size = xp.abs(x - y)
    return xp.where(size < beta, 0.5 * size * size / beta, size - 0.5 * beta)


SMOOTH_L1_LOSS = _elementwise_loss(
    "smooth_l1_loss",  # Girshick, Fast R-CNN: arXiv:1504.08083
    _smooth_l1,
    lambda xp, x, y, beta: _clipped(xp, (x - y) / beta, 1.0),
    lambda xp, x, y, beta: _clipped(xp, (y - x) / beta, 1.0),
    attrs=("beta",),
    choices=((1.0,), (0.5,)),
    draw=_apart,
    torch=lambda t, x, y, beta, reduction: t.nn.functional.smooth_l1_loss(x, y, reduction=reduction, beta=beta),
)


def _huber(xp: Any, x: Any, y: Any, delta: Any) -> Any:
    size = xp.abs(x - y)
    return xp.where(size <= delta, 0.5 * size * size, delta * (size - 0.5 * delta))


HUBER_LOSS = _elementwise_loss(
    "huber_loss",
    _huber,
    lambda xp, x, y, delta: _clipped(xp, x - y, delta),
    lambda xp, x, y, delta: _clipped(xp, y - x, delta),
    attrs=("delta",),
    choices=((1.0,), (0.5,)),
    draw=_apart,
    torch=lambda t, x, y, delta, reduction: t.nn.functional.huber_loss(x, y, reduction, delta),
)


def _bce(xp: Any, x: Any, y: Any) -> Any:
    """Logarithms are limited to -100, as in torch, so that a wrong certainty costs a finite loss."""
    return -(y * xp.maximum(xp.log(x), -100.0) + (1.0 - y) * xp.maximum(xp.log1p(-x), -100.0))


BINARY_CROSS_ENTROPY = _elementwise_loss(
    "binary_cross_entropy",
    _bce,
    lambda xp, x, y: (x - y) / xp.maximum(x * (1.0 - x), 1e-12),
    lambda xp, x, y: xp.maximum(xp.log1p(-x), -100.0) - xp.maximum(xp.log(x), -100.0),
    draw=_probabilities,
    torch=lambda t, x, y, reduction: t.nn.functional.binary_cross_entropy(x, y, reduction=reduction),
)
BINARY_CROSS_ENTROPY_WITH_LOGITS = _elementwise_loss(
    "binary_cross_entropy_with_logits",
    lambda xp, x, y: xp.maximum(x, 0) - x * y + xp.log1p(xp.exp(-xp.abs(x))),
    lambda xp, x, y: xp.sigmoid(x) - y,
    lambda xp, x, y: -x,
    draw=lambda rng, shape: (2 * rng.normal(size=shape), rng.uniform(0, 1, shape)),
    torch=lambda t, x, y, reduction: t.nn.functional.binary_cross_entropy_with_logits(x, y, reduction=reduction),
)


def _log_or_zero(xp: Any, y: Any) -> Any:
    return xp.log(xp.where(y == 0, 1.0, y))


KL_DIV = _elementwise_loss(
    "kl_div",
    lambda xp, x, y, log_target: xp.exp(y) * (y - x) if log_target else y * (_log_or_zero(xp, y) - x),
    lambda xp, x, y, log_target: -xp.exp(y) if log_target else -y,
    lambda xp, x, y, log_target: (
        xp.exp(y) * (y - x + 1.0) if log_target else _log_or_zero(xp, y) - x + xp.where(y == 0, xp.zeros_like(y), xp.ones_like(y))
    ),
    attrs=("log_target",),
    choices=((False,), (True,)),
    draw=_probabilities,
    torch=lambda t, x, y, log_target, reduction: t.nn.functional.kl_div(
        x, y, reduction=reduction, log_target=log_target
    ),
)


def _stirling(xp: Any, y: Any) -> Any:
    """Stirling's approximation of log(y!) for y > 1, else 0."""
    v = xp.where(y > 1, y, 1.0)
    return xp.where(y > 1, v * xp.log(v) - v + 0.5 * (math.log(2 * math.pi) + xp.log(v)), 0.0)


def _stirling_slope(xp: Any, y: Any) -> Any:
    v = xp.where(y > 1, y, 1.0)
    return xp.where(y > 1, xp.log(v) + 0.5 / v, 0.0)


def _poisson(xp: Any, x: Any, y: Any, log_input: Any, full: Any, eps: Any) -> Any:
    value = xp.exp(x) - y * x if log_input else x - y * xp.log(x + eps)
    return value + _stirling(xp, y) if full else value


def _poisson_target_slope(xp: Any, x: Any, y: Any, log_input: Any, full: Any, eps: Any) -> Any:
    slope = -x if log_input else -xp.log(x + eps)
    return slope + _stirling_slope(xp, y) if full else slope


POISSON_NLL_LOSS = _elementwise_loss(
    "poisson_nll_loss",
    _poisson,
    lambda xp, x, y, log_input, full, eps: xp.exp(x) - y if log_input else 1.0 - y / (x + eps),
    _poisson_target_slope,
    attrs=("log_input", "full", "eps"),
    choices=((True, False, 1e-8), (True, True, 1e-8), (False, True, 0.1)),
    draw=lambda rng, shape: (rng.uniform(0.1, 2.0, shape), rng.uniform(0.2, 5.0, shape)),
    torch=lambda t, x, y, log_input, full, eps, reduction: t.nn.functional.poisson_nll_loss(
        x, y, log_input=log_input, full=full, eps=eps, reduction=reduction
    ),
)


def _hinge_sum(xp: Any, near: Any, far: Any, y: Any) -> Any:
    """What counts where y is not -1, and what where it is not 1: as in torch, both of any other target."""
    return xp.where(y == -1, 0.0, near) + xp.where(y == 1, 0.0, far)


def _hinge(xp: Any, x: Any, y: Any, margin: Any) -> Any:
    room = margin - x
    return _hinge_sum(xp, x, xp.where(room < 0, 0.0, room), y)


def _hinge_slope(xp: Any, x: Any, y: Any, margin: Any) -> Any:
    one = xp.ones_like(x)
    return _hinge_sum(xp, one, xp.where(margin - x < 0, 0.0, -one), y)


HINGE_EMBEDDING_LOSS = _elementwise_loss(
    "hinge_embedding_loss",
    _hinge,
    _hinge_slope,
    lambda xp, x, y, margin: xp.zeros_like(x),
    attrs=("margin",),
    choices=((1.0,), (0.3,)),
    draw=lambda rng, shape: (rng.choice([-0.7, 0.1, 0.6, 1.8], shape), rng.choice([-1, 1], shape)),
    torch=lambda t, x, y, margin, reduction: t.nn.functional.hinge_embedding_loss(
        x, y, margin=margin, reduction=reduction
    ),
)


def _soft_margin(xp: Any, x: Any, y: Any) -> Any:
    z = -(x * y)
    return xp.maximum(z, 0) + xp.log1p(xp.exp(-xp.abs(z)))


SOFT_MARGIN_LOSS = _elementwise_loss(
    "soft_margin_loss",
    _soft_margin,
    lambda xp, x, y: -(y * xp.sigmoid(-(x * y))),
    lambda xp, x, y: -(x * xp.sigmoid(-(x * y))),
    draw=lambda rng, shape: (2 * rng.normal(size=shape), rng.choice([-1.0, 1.0], shape)),
    torch=lambda t, x, y, reduction: (  # torch's own has no gradient of the target
        lambda v: v if reduction == "none" else getattr(v, reduction)()
    )(t.nn.functional.softplus(-(x * y), 1, 1e9)),
)
