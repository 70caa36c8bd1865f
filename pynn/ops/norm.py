"""Normalizations: batch, layer, group and root-mean-square, each one op with its statistics as further outputs.

All compute x^ = (x - mean) / sqrt(var + eps) over some axes, then x^ * weight + bias. Where gradients of higher order
are asked for, backward computes the statistics anew from the input, so that they too are differentiated.
"""

import math
from typing import Any

import numpy

from pynn._core import Tensor, is_half
from pynn._dtypes import FLOAT32
from pynn.ops.activation import require_floating
from pynn.ops.registry import Effects, Sample, joint, register


def _statistics(xp: Any, x: Any, axes: Any) -> Any:
    """The mean and the biased variance over axes, which stay as size 1."""
    mean = xp.mean(x, axis=axes, keepdims=True)
    return mean, xp.mean(xp.square(x - mean), axis=axes, keepdims=True)


def _affine(xp: Any, y: Any, weight: Any, bias: Any, shape: Any) -> Any:
    if weight is not None:
        y = y * xp.reshape(weight, shape)
    return y if bias is None else y + xp.reshape(bias, shape)


def _gradients(xp: Any, needs: Any, g: Any, x: Any, weight: Any, axes: Any, shape: Any, mean: Any, rstd: Any) -> Any:
    """The gradients of x, weight and bias from that of x^ * weight + bias; shape: the parameters', with ones before."""
    others = tuple(i for i, n in enumerate(shape) if n == 1)
    centred = (x - mean) * rstd
    gx = gw = gb = None
    if needs & 2:
        gw = xp.sum(g * centred, axis=others)
    if needs & 4:
        gb = xp.sum(g, axis=others)
    if needs & 1:
        gh = g if weight is None else g * xp.reshape(weight, shape)
        drift = xp.mean(gh, axis=axes, keepdims=True)
        lean = xp.mean(gh * centred, axis=axes, keepdims=True)
        gx = rstd * (gh - drift - centred * lean)
    return gx, gw, gb


def _check_parameters(name: str, x: Any, parameters: Any, shape: Any) -> None:
    require_floating(name, x)
    for what, p in parameters:
        if p is None:
            continue
        if not isinstance(p, Tensor):
            raise TypeError(f"{name}(): argument '{what}' must be Tensor, not {type(p).__name__}.")
        if p._array.shape != shape:
            raise RuntimeError(
                f"{name}(): expected {what} to have shape {list(shape)}, but got {what} of shape {list(p.shape)} with "
                f"input of shape {list(x.shape)}."
            )
        if p._array.dtype != x._array.dtype and not (is_half(x._array.dtype) and p._array.dtype == FLOAT32):
            raise RuntimeError(
                f"{name}(): expected {what} to have the input's dtype, {x._array.dtype}, but got {p._array.dtype}. "
                "Cast the input with .to(), or the layer."
            )


# ---- batch normalization: over all but dimension 1 ----


def _all_but_one(x: Any) -> Any:
    return (0, *range(2, x.ndim))


def _channels(x: Any) -> Any:
    return (1, x.shape[1]) + (1,) * (x.ndim - 2)


def _batch_norm(xp: Any, x: Any, weight: Any, bias: Any, eps: Any) -> Any:
    """(y, mean, biased variance) of x (N, C, ...)."""
    mean, var = _statistics(xp, x, _all_but_one(x))
    y = _affine(xp, (x - mean) / xp.sqrt(var + eps), weight, bias, _channels(x))
    return y, xp.reshape(mean, (-1,)), xp.reshape(var, (-1,))


@joint
def _batch_norm_vjp(xp: Any, needs: Any, g: Any, out: Any, x: Any, weight: Any, bias: Any, eps: Any) -> Any:
    axes, shape = _all_but_one(x), _channels(x)
    if xp.name == "pynn":
        mean, var = _statistics(xp, x, axes)
    else:
        mean, var = xp.reshape(out[1], shape), xp.reshape(out[2], shape)
    gy, g_mean, g_var = g
    gx, gw, gb = None, None, None
    if gy is not None:
        gx, gw, gb = _gradients(xp, needs, gy, x, weight, axes, shape, mean, 1.0 / xp.sqrt(var + eps))
        gw, gb = (None if p is None else xp.reshape(p, shape[1:2]) for p in (gw, gb))
    if needs & 1:
        count = math.prod(x.shape) / max(x.shape[1], 1)
        for part, slope in ((g_mean, None), (g_var, x - mean)):
            if part is not None:
                part = xp.reshape(part, shape) / count
                part = xp.broadcast_to(part, tuple(x.shape)) if slope is None else part * 2.0 * slope
                gx = part if gx is None else gx + part
    return gx, gw, gb


def _check_batch_norm(inputs: Any, attrs: Any) -> Any:
    x, weight, bias = inputs
    require_floating("batch_norm", x)
    if x._array.ndim < 2:
        raise RuntimeError(f"batch_norm(): expected input of shape (N, C, ...), got {list(x.shape)}.")
    _check_parameters("batch_norm", x, (("weight", weight), ("bias", bias)), (x._array.shape[1],))
    return inputs


def _affine_samples(rng: Any, cases: Any) -> Any:
    """Samples (x, weight or None, bias or None) + attrs for (shape of x, shape of the parameters, attrs)."""
    out = []
    for shape, parameters, attrs in cases:
        for affine in (True, False):
            more = (rng.uniform(0.5, 1.5, parameters), rng.normal(size=parameters)) if affine else (None, None)
            out.append(Sample((2.0 * rng.normal(size=shape) + 1.0, *more), attrs))
    return out


def _channels_last(sample: Any) -> Any:
    x = numpy.ascontiguousarray(numpy.moveaxis(sample.inputs[0], 1, -1))
    return Sample((numpy.moveaxis(x, -1, 1), *sample.inputs[1:]), sample.attrs)


BATCH_NORM = register(
    "batch_norm",  # Ioffe, Szegedy: arXiv:1502.03167
    vjp=_batch_norm_vjp,
    saves=("out1", "out2", 0, 1),
    outputs=3,
    wide_outputs=(1, 2),
    check=_check_batch_norm,
    shape=lambda x, weight, bias, eps: (x, x[1:2], x[1:2]),
    attrs=("eps",),
    samples=lambda rng: [
        *_affine_samples(rng, [((4, 3), 3, (1e-5,)), ((2, 3, 4), 3, (1e-5,)), ((2, 3, 2, 4), 3, (0.1,))]),
        *(_channels_last(s) for s in _affine_samples(rng, [((2, 5, 3, 3), 5, (1e-5,))])),
        *_affine_samples(rng, [((9, 17), 17, (1e-5,)), ((3, 2, 35), 2, (1e-5,)), ((1, 9, 2), 9, (1e-5,))]),
    ],
    torch=lambda t, x, w, b, eps: (
        t.nn.functional.batch_norm(x, None, None, w, b, True, 0.1, eps),
        x.mean([0, *range(2, x.ndim)]),
        x.var([0, *range(2, x.ndim)], correction=0),
    ),
    tolerance={"float32": 1e-5},
)(_batch_norm)


def _batch_norm_fixed(xp: Any, x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: Any) -> Any:
    """y of x (N, C, ...) by statistics that are given."""
    shape = _channels(x)
    y = (x - xp.reshape(mean, shape)) / xp.sqrt(xp.reshape(var, shape) + eps)
    return _affine(xp, y, weight, bias, shape)


@joint
def _batch_norm_fixed_vjp(
    xp: Any, needs: Any, g: Any, out: Any, x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: Any
) -> Any:
    axes, shape = _all_but_one(x), _channels(x)
    rstd = 1.0 / xp.sqrt(xp.reshape(var, shape) + eps)
    centred = (x - xp.reshape(mean, shape)) * rstd
    gh = g if weight is None else g * xp.reshape(weight, shape)
    return (
        gh * rstd if needs & 1 else None,
        -xp.sum(gh * rstd, axis=axes) if needs & 2 else None,
        xp.sum(gh * centred * rstd * rstd, axis=axes) * -0.5 if needs & 4 else None,
        xp.sum(g * centred, axis=axes) if needs & 8 else None,
        xp.sum(g, axis=axes) if needs & 16 else None,
    )


def _check_batch_norm_fixed(inputs: Any, attrs: Any) -> Any:
    x, mean, var, weight, bias = inputs
    _check_batch_norm((x, weight, bias), attrs)
    named = (("running_mean", mean), ("running_var", var))
    _check_parameters("batch_norm", x, named, (x._array.shape[1],))
    return inputs


BATCH_NORM_FIXED = register(
    "batch_norm_fixed",
    vjp=_batch_norm_fixed_vjp,
    saves=(0, 1, 2, 3),
    check=_check_batch_norm_fixed,
    shape=lambda x, *rest: x,
    attrs=("eps",),
    samples=lambda rng: [
        Sample((s.inputs[0], rng.normal(size=3), rng.uniform(0.5, 2, 3), *s.inputs[1:]), s.attrs)
        for s in _affine_samples(rng, [((4, 3), 3, (1e-5,)), ((2, 3, 2, 4), 3, (0.1,))])
    ],
    torch=lambda t, x, mean, var, w, b, eps: (
        lambda c, y: y if w is None else y * w.reshape(c) + b.reshape(c)  # torch has no gradient of mean and var
    )(
        (1, -1) + (1,) * (x.ndim - 2),
        (x - mean.reshape((1, -1) + (1,) * (x.ndim - 2))) / (var.reshape((1, -1) + (1,) * (x.ndim - 2)) + eps).sqrt(),
    ),
    tolerance={"float32": 1e-5},
)(_batch_norm_fixed)


def _update(xp: Any, arrays: Any, momentum: Any, correction: Any) -> Any:
    """running = (1 - momentum) * running + momentum * batch, the variance corrected to count - 1."""
    for running, batch, scale in zip(arrays[:2], arrays[2:], (1.0, correction)):
        old, new = (xp.astype(a, xp.float32) if a.dtype.itemsize == 2 else a for a in (running, batch))
        xp.copyto(running, (1.0 - momentum) * old + momentum * scale * new, casting="unsafe")
    return arrays


# Inputs: running_mean, running_var, mean, var; the first two are written.
BATCH_NORM_UPDATE = register(
    "batch_norm_update",
    shape=None,
    dtype=None,
    outputs=0,
    differentiable=False,
    variadic=True,
    groups=lambda attrs: 4,
    attrs=("momentum", "correction"),
    effects=Effects(writes=(0, 1)),
    check=lambda inputs, attrs: inputs,
    samples=lambda rng: [Sample(tuple(rng.uniform(0.5, 2, 3) for _ in range(4)), (0.1, 1.25), grad=False)],
)(_update)

# ---- layer normalization: over the last dimensions ----


def _last(x: Any, count: Any) -> Any:
    return tuple(range(x.ndim - count, x.ndim))


def _tail(x: Any, count: Any) -> Any:
    return (1,) * (x.ndim - count) + tuple(x.shape[x.ndim - count :])


def _layer_norm(xp: Any, x: Any, weight: Any, bias: Any, count: Any, eps: Any) -> Any:
    """(y, mean, 1 / sqrt(var + eps)) over the last `count` dimensions, which the statistics keep as size 1."""
    mean, var = _statistics(xp, x, _last(x, count))
    rstd = 1.0 / xp.sqrt(var + eps)
    return _affine(xp, (x - mean) * rstd, weight, bias, _tail(x, count)), mean, rstd


def _statistics_gradient(xp: Any, gx: Any, g_mean: Any, g_rstd: Any, x: Any, mean: Any, rstd: Any, axes: Any) -> Any:
    """What the gradients of the mean and of 1 / sqrt(var + eps) add to that of x."""
    count = math.prod(x.shape[a] for a in axes)
    if g_mean is not None:
        part = xp.broadcast_to(g_mean / count, tuple(x.shape))
        gx = part if gx is None else gx + part
    if g_rstd is not None:
        part = (x - mean) * (rstd * rstd * rstd * g_rstd / -count)
        gx = part if gx is None else gx + part
    return gx


@joint
def _layer_norm_vjp(xp: Any, needs: Any, g: Any, out: Any, x: Any, weight: Any, bias: Any, count: Any, eps: Any) -> Any:
    axes = _last(x, count)
    if xp.name == "pynn":
        mean, var = _statistics(xp, x, axes)
        rstd = 1.0 / xp.sqrt(var + eps)
    else:
        mean, rstd = out[1], out[2]
    gx, gw, gb = None, None, None
    if g[0] is not None:
        shape = _tail(x, count)
        gx, gw, gb = _gradients(xp, needs, g[0], x, weight, axes, shape, mean, rstd)
        gw, gb = (None if p is None else xp.reshape(p, shape[-count:]) for p in (gw, gb))
    return (_statistics_gradient(xp, gx, g[1], g[2], x, mean, rstd, axes) if needs & 1 else None), gw, gb


def _check_layer_norm(inputs: Any, attrs: Any) -> Any:
    x, weight, bias = inputs
    require_floating("layer_norm", x)
    shape = x._array.shape[x._array.ndim - attrs[0] :]
    _check_parameters("layer_norm", x, (("weight", weight), ("bias", bias)), shape)
    return inputs


LAYER_NORM = register(
    "layer_norm",  # Ba, Kiros, Hinton: arXiv:1607.06450
    vjp=_layer_norm_vjp,
    saves=("out1", "out2", 0, 1),
    outputs=3,
    wide_outputs=(1, 2),
    check=_check_layer_norm,
    shape=lambda x, weight, bias, count, eps: (x,) + (x[: len(x) - count] + (1,) * count,) * 2,
    attrs=("dims", "eps"),
    samples=lambda rng: _affine_samples(
        rng,
        [
            ((3, 4), (4,), (1, 1e-5)),
            ((2, 3, 4), (3, 4), (2, 1e-5)),
            ((2, 3, 4), (4,), (1, 0.1)),
            ((5,), (5,), (1, 1e-5)),
            ((7, 37), (37,), (1, 1e-5)),
        ],
    ),
    torch=lambda t, x, w, b, count, eps: (
        t.nn.functional.layer_norm(x, x.shape[x.ndim - count :], w, b, eps),
        x.mean(list(range(-count, 0)), keepdim=True),
        (x.var(list(range(-count, 0)), correction=0, keepdim=True) + eps).rsqrt(),
    ),
    tolerance={"float32": 1e-5},
)(_layer_norm)

# ---- group normalization: over the channels of a group ----


def _grouped(xp: Any, x: Any, groups: Any) -> Any:
    return xp.reshape(x, (x.shape[0], groups, math.prod(x.shape[1:]) // groups))


def _group_norm(xp: Any, x: Any, weight: Any, bias: Any, groups: Any, eps: Any) -> Any:
    """(y, mean, 1 / sqrt(var + eps)) of x (N, C, ...), the statistics (N, groups)."""
    rows = _grouped(xp, x, groups)
    mean, var = _statistics(xp, rows, (2,))
    rstd = 1.0 / xp.sqrt(var + eps)
    y = xp.reshape((rows - mean) * rstd, tuple(x.shape))
    return _affine(xp, y, weight, bias, _channels(x)), xp.reshape(mean, (-1, groups)), xp.reshape(rstd, (-1, groups))


@joint
def _group_norm_vjp(
    xp: Any, needs: Any, g: Any, out: Any, x: Any, weight: Any, bias: Any, groups: Any, eps: Any
) -> Any:
    rows = _grouped(xp, x, groups)
    column = (-1, groups, 1) if x.shape[0] else (0, groups, 1)
    if xp.name == "pynn":
        mean, var = _statistics(xp, rows, (2,))
        rstd = 1.0 / xp.sqrt(var + eps)
    else:
        mean, rstd = xp.reshape(out[1], column), xp.reshape(out[2], column)
    gy, g_mean, g_rstd = g
    gx = gw = gb = None
    if gy is not None:
        others = _all_but_one(x)
        if needs & 2:
            gw = xp.sum(gy * xp.reshape((rows - mean) * rstd, tuple(x.shape)), axis=others)
        if needs & 4:
            gb = xp.sum(gy, axis=others)
        if needs & 1:
            gh = gy if weight is None else gy * xp.reshape(weight, _channels(x))
            gx, _, _ = _gradients(xp, 1, _grouped(xp, gh, groups), rows, None, (2,), (1, 1, 1), mean, rstd)
    if needs & 1:
        parts = [None if p is None else xp.reshape(p, column) for p in (g_mean, g_rstd)]
        gx = _statistics_gradient(xp, gx, parts[0], parts[1], rows, mean, rstd, (2,))
        gx = None if gx is None else xp.reshape(gx, tuple(x.shape))
    return gx, gw, gb


def _check_group_norm(inputs: Any, attrs: Any) -> Any:
    x, weight, bias = inputs
    require_floating("group_norm", x)
    shape, groups = x._array.shape, attrs[0]
    if len(shape) < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {len(shape)}: (N, C, ...).")
    if groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {groups}.")
    if shape[1] % groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(shape)} and num_groups={groups}."
        )
    _check_parameters("group_norm", x, (("weight", weight), ("bias", bias)), shape[1:2])
    return inputs


GROUP_NORM = register(
    "group_norm",  # Wu, He: arXiv:1803.08494
    vjp=_group_norm_vjp,
    saves=("out1", "out2", 0, 1),
    outputs=3,
    wide_outputs=(1, 2),
    check=_check_group_norm,
    shape=lambda x, weight, bias, groups, eps: (x, (x[0], groups), (x[0], groups)),
    attrs=("num_groups", "eps"),
    samples=lambda rng: _affine_samples(
        rng,
        [
            ((2, 4, 3), 4, (2, 1e-5)),
            ((2, 4), 4, (1, 1e-5)),
            ((2, 6, 2, 2), 6, (3, 0.1)),
            ((3, 5, 19), 5, (5, 1e-5)),
            ((9, 6), 6, (2, 1e-5)),
        ],
    ),
    torch=lambda t, x, w, b, groups, eps: (
        t.nn.functional.group_norm(x, groups, w, b, eps),
        x.reshape(x.shape[0], groups, -1).mean(2),
        (x.reshape(x.shape[0], groups, -1).var(2, correction=0) + eps).rsqrt(),
    ),
    tolerance={"float32": 1e-5},
)(_group_norm)

# ---- root mean square normalization ----


def _rms_norm(xp: Any, x: Any, weight: Any, count: Any, eps: Any) -> Any:
    """x / sqrt(mean(x^2) + eps) * weight over the last `count` dimensions."""
    rstd = 1.0 / xp.sqrt(xp.mean(xp.square(x), axis=_last(x, count), keepdims=True) + eps)
    return _affine(xp, x * rstd, weight, None, _tail(x, count))


@joint
def _rms_norm_vjp(xp: Any, needs: Any, g: Any, out: Any, x: Any, weight: Any, count: Any, eps: Any) -> Any:
    axes, shape = _last(x, count), _tail(x, count)
    rstd = 1.0 / xp.sqrt(xp.mean(xp.square(x), axis=axes, keepdims=True) + eps)
    scaled = x * rstd
    gx = gw = None
    if needs & 2:
        gw = xp.reshape(xp.sum(g * scaled, axis=tuple(range(x.ndim - count))), shape[-count:])
    if needs & 1:
        gh = g if weight is None else g * xp.reshape(weight, shape)
        gx = rstd * (gh - scaled * xp.mean(gh * scaled, axis=axes, keepdims=True))
    return gx, gw


def _check_rms_norm(inputs: Any, attrs: Any) -> Any:
    x, weight = inputs
    require_floating("rms_norm", x)
    _check_parameters("rms_norm", x, (("weight", weight),), x._array.shape[x._array.ndim - attrs[0] :])
    return inputs


RMS_NORM = register(
    "rms_norm",  # Zhang, Sennrich: arXiv:1910.07467
    vjp=_rms_norm_vjp,
    saves=(0, 1),
    check=_check_rms_norm,
    shape=lambda x, weight, count, eps: x,
    attrs=("dims", "eps"),
    samples=lambda rng: [
        Sample(s.inputs[:2], s.attrs)
        for s in _affine_samples(rng, [((3, 4), (4,), (1, 1e-6)), ((2, 3, 4), (3, 4), (2, 0.1))])
    ],
    torch=lambda t, x, w, count, eps: t.nn.functional.rms_norm(x, x.shape[x.ndim - count :], w, eps),
    tolerance={"float32": 1e-5},
)(_rms_norm)
