"""Operations on gradients: their common norm, and marks on the tape that hooks wait at."""

import math
from typing import Any

import numpy

from pynn.ops.registry import Effects, Sample, joint, promote, register


def _total_norm(xp: Any, arrays: Any, norm_type: Any) -> Any:
    dtype = arrays[0].dtype
    if dtype.itemsize == 2:  # squares of 16-bit numbers overflow early
        arrays = [xp.astype(a, xp.float32) for a in arrays]
    if norm_type == math.inf:
        norm = xp.max(xp.stack([xp.max(xp.abs(a)) for a in arrays if a.size]))
    elif norm_type == 2.0:
        norm = xp.sqrt(sum(xp.sum(a * a) for a in arrays))
    elif norm_type == 0.0:  # the 0-norm of the tensors' 0-norms: how many of them have an element that is not 0
        norm = sum((xp.sum(xp.abs(xp.sign(a))) != 0) * 1.0 for a in arrays)
    else:
        norm = sum(xp.sum(xp.abs(a) ** norm_type) for a in arrays) ** (1.0 / norm_type)
    return xp.astype(xp.asarray(norm), dtype)


TOTAL_NORM = register(
    "total_norm",
    variadic=True,
    differentiable=False,
    shape=lambda *args: (),
    check=lambda inputs, attrs: promote(inputs, "float"),
    attrs=("norm_type",),
    samples=lambda rng: [
        Sample((rng.normal(size=(3, 4)), rng.normal(size=(5,)), rng.normal(size=())), (p,), grad=False)
        for p in (2.0, 1.0, 3.0, 0.0, math.inf)
    ],
    torch=lambda t, *args: t.nn.utils.get_total_norm(list(args[:-1]), args[-1]),
    tolerance={"float32": 1e-5},
)(_total_norm)
"""The norm of the elements of several tensors taken together."""


def _clip_by_norm(xp: Any, arrays: Any, max_norm: Any) -> Any:
    count = len(arrays) // 2
    for x, norm in zip(arrays[:count], arrays[count:]):
        scale = xp.minimum(norm.dtype.type(max_norm) / (norm + norm.dtype.type(1e-6)), norm.dtype.type(1))
        xp.multiply(x, xp.astype(xp.asarray(scale), x.dtype), out=x)
    return arrays


CLIP_BY_NORM = register(
    "clip_by_norm",
    variadic=True,
    differentiable=False,
    dtype=None,
    shape=None,
    outputs=0,
    groups=lambda attrs: 2,
    effects=Effects(writes=(0,)),
    attrs=("max_norm",),
    samples=lambda rng: [
        Sample(
            (rng.normal(size=(3, 4)), rng.normal(size=(5,)), numpy.array(norm), numpy.array(norm)), (most,), grad=False
        )
        for norm, most in ((3.0, 1.0), (0.5, 1.0), (2.0, 0.25))
    ],
)(_clip_by_norm)
"""Tensors, then as often their common norm: the tensors times max_norm / (norm + 1e-6), where that is less than 1."""


def _backward_hook_vjp(xp: Any, needs: Any, grads: Any, out: Any, arrays: Any, callback: Any) -> Any:
    return tuple(grads) if callback is None else callback(grads)


BACKWARD_HOOK = register(
    "backward_hook",
    exact=True,
    vjp=joint(_backward_hook_vjp),
    outputs=0,  # as many as inputs
    variadic=True,
    shape=lambda *args: args[:-1],
    dtype="same",
    attrs=("callback",),
    samples=lambda rng: [Sample((rng.normal(size=(2, 3)), rng.normal(size=(4,))), (None,))],
    torch=lambda t, *args: tuple(x.clone() for x in args[:-1]),
)(lambda xp, inputs, callback: tuple(xp.copy(x) for x in inputs))
"""Copies of its inputs; in backward, callback(gradients) -> gradients sees all of theirs at once (None: no gradient)."""
