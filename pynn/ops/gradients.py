"""Operations on gradients: their common norm, and marks on the tape that hooks wait at."""

import math

from pynn.ops.registry import Sample, joint, promote, register


def _total_norm(xp, arrays, norm_type):
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


def _backward_hook_vjp(xp, needs, grads, out, arrays, callback):
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
