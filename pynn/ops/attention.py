"""Attention as one op that keeps no matrix of weights.

The reference holds the weights while it computes; the native kernel holds a block of them at a time.
"""

import math
from typing import Any

import numpy

from pynn import _random
from pynn.ops.activation import require_floating
from pynn.ops.random import DROPOUT_AGAIN
from pynn.ops.registry import Effects, Sample, joint, register, run, unbroadcast


def _exponentials(xp: Any, scores: Any) -> Any:
    """(exp(scores - top), their sums, top) over the last dimension; top is 0 in a row of -inf, which then sums to 0."""
    if scores.shape[-1] == 0:
        nothing = xp.sum(scores, axis=-1, keepdims=True)
        return scores, nothing, nothing
    top = xp.max(scores, axis=-1, keepdims=True)
    top = xp.where(xp.isfinite(top), top, 0)
    e = xp.exp(scores - top)
    return e, xp.sum(e, axis=-1, keepdims=True), top


def _weights(xp: Any, scores: Any) -> Any:
    """softmax over the last dimension; a row of -inf only, where everything is masked, gives zeros."""
    e, total, _ = _exponentials(xp, scores)
    return e / xp.where(total == 0, 1, total)


def _swap(xp: Any, x: Any) -> Any:
    """The last two dimensions exchanged."""
    return xp.permute_dims(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def _scores(xp: Any, q: Any, k: Any, mask: Any, is_causal: Any, scale: Any) -> Any:
    scores = xp.matmul(q * scale, _swap(xp, k))
    if is_causal:
        rows, columns = scores.shape[-2:]
        mask = xp.expand_dims(xp.arange(rows), 1) >= xp.arange(columns)
    if mask is None:
        return scores
    return xp.where(mask, scores, -math.inf) if _is_bool(mask) else scores + mask


def _is_bool(mask: Any) -> Any:
    return numpy.dtype(getattr(mask.dtype, "numpy", mask.dtype)).kind == "b"


def _dropped(xp: Any, weights: Any, p: Any, place: Any) -> Any:
    return weights if p == 0.0 else run(xp, DROPOUT_AGAIN, (weights,), (p, place))


def _attention(
    xp: Any, q: Any, k: Any, v: Any, mask: Any, is_causal: Any, scale: Any, dropout_p: Any, place: Any
) -> Any:
    """(softmax(q k' scale + mask) v, the logarithm of each row's sum of exponentials)."""
    e, total, top = _exponentials(xp, _scores(xp, q, k, mask, is_causal, scale))
    weights = e / xp.where(total == 0, 1, total)
    return xp.matmul(_dropped(xp, weights, dropout_p, place), v), (xp.log(total) + top)[..., 0]


@joint
def _attention_vjp(
    xp: Any,
    needs: Any,
    grads: Any,
    out: Any,
    q: Any,
    k: Any,
    v: Any,
    mask: Any,
    is_causal: Any,
    scale: Any,
    dropout_p: Any,
    place: Any,
) -> Any:
    g, g_lse = grads
    weights = _weights(xp, _scores(xp, q, k, mask, is_causal, scale))
    slope = 0.0  # of the weights
    gv = None
    if g is not None:
        gv = xp.matmul(_swap(xp, _dropped(xp, weights, dropout_p, place)), g)
        slope = _dropped(xp, xp.matmul(g, _swap(xp, v)), dropout_p, place)
        slope = slope - xp.sum(slope * weights, axis=-1, keepdims=True)
    if g_lse is not None:
        slope = slope + xp.expand_dims(g_lse, -1)
    slope = weights * slope  # of the scores
    return (
        unbroadcast(xp, xp.matmul(slope, k) * scale, q.shape) if needs & 1 else None,
        unbroadcast(xp, xp.matmul(_swap(xp, slope), q) * scale, k.shape) if needs & 2 else None,
        unbroadcast(xp, gv, v.shape) if needs & 4 and gv is not None else None,
        unbroadcast(xp, slope, mask.shape) if needs & 8 else None,
    )


def _check(inputs: Any, attrs: Any) -> Any:
    q, k, *rest = inputs
    require_floating("scaled_dot_product_attention", q, k, *(rest[:1] if len(rest) == 2 else ()))
    a, b = q._array, k._array
    if min(a.ndim, b.ndim) < 2 or a.shape[-1] != b.shape[-1]:
        raise RuntimeError(
            "scaled_dot_product_attention: query (..., L, E) and key (..., S, E) must have at least 2 dimensions and "
            f"equal E, got {list(a.shape)} and {list(b.shape)}."
        )
    if len(rest) == 2 and rest[0]._array.shape[-2] != b.shape[-2]:
        raise RuntimeError(
            "scaled_dot_product_attention: key (..., S, E) and value (..., S, Ev) must have equal S, got "
            f"{list(b.shape)} and {list(rest[0].shape)}."
        )
    return inputs


def _shapes(q: Any, k: Any, v: Any, mask: Any, *attrs: Any) -> Any:
    lead = numpy.broadcast_shapes(q[:-2], k[:-2], v[:-2])
    return (*lead, q[-2], v[-1]), (*lead, q[-2])


def _random_words(arrays: Any, attrs: Any) -> Any:
    """A word for each weight where weights are dropped."""
    if attrs[2] == 0.0:
        return 0
    q, k, v = arrays[:3]
    return math.prod(numpy.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])) * q.shape[-2] * k.shape[-2]


def _samples(rng: Any) -> Any:
    """Batches, masks of each kind and shape, causal, dropout, keys shared by heads, transposed heads, odd sizes."""

    def draw(*shape: Any) -> Any:
        return rng.normal(size=shape)

    seen = rng.integers(0, 2, (3, 5)).astype(bool)
    seen[:, 0] = True
    out = []
    for lead in ((), (2, 2)):
        three = draw(*lead, 3, 4), draw(*lead, 5, 4), draw(*lead, 5, 2)
        for mask, causal in ((None, False), (seen, False), (draw(3, 5), False), (None, True)):
            out.append(Sample((*three, mask), (causal, 0.5, 0.0, None)))
    hidden = seen.copy()
    hidden[1] = False
    out.append(Sample((*three, hidden), (False, 0.5, 0.0, None), grad=False))
    heads = [draw(2, n, 3, 4).transpose(0, 2, 1, 3) for n in (6, 5, 5)]
    keys = numpy.ones((2, 1, 1, 5), bool)
    keys[1, ..., 3:] = False
    for mask in (keys, draw(3, 6, 5), draw(6, 1), None):
        out.append(Sample((*heads, mask), (False, 0.7, 0.0, None)))
    out.append(Sample((*heads, None), (False, 0.7, 0.3, None)))
    out.append(Sample((*heads, None), (True, 0.7, 0.5, None)))
    out.append(Sample((draw(2, 2, 3, 7, 5), draw(2, 2, 1, 9, 5), draw(2, 2, 1, 9, 3), None), (True, 0.4, 0.0, None)))
    out.append(Sample((draw(2, 1, 7, 5), draw(1, 3, 9, 5), draw(3, 9, 3), None), (True, 0.4, 0.0, None)))
    out.append(Sample((draw(5, 70).T, draw(5, 130).T, draw(6, 130).T, None), (True, 0.4, 0.0, None)))
    out.append(Sample((draw(1, 1, 1), draw(1, 1, 1), draw(1, 1, 1), None), (False, 1.0, 0.0, None)))
    out.append(Sample((draw(2, 0, 3), draw(2, 4, 3), draw(2, 4, 3), None), (False, 1.0, 0.0, None), grad=False))
    out.append(Sample((draw(2, 4, 3), draw(2, 0, 3), draw(2, 0, 3), None), (False, 1.0, 0.0, None), grad=False))
    return out


def _torch_attention(
    t: Any, q: Any, k: Any, v: Any, mask: Any, is_causal: Any, scale: Any, dropout_p: Any, generator: Any
) -> Any:
    """Torch's numbers, with the weights written out where they are dropped; and the logarithm of the sums."""
    lead = numpy.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    scores = (q * scale) @ k.mT
    if is_causal:
        mask = t.ones(scores.shape[-2:], dtype=t.bool).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype is t.bool else scores + mask
    lse = scores.logsumexp(-1).expand((*lead, q.shape[-2]))
    if dropout_p == 0.0:
        q, k, v = (x.expand((*lead, *x.shape[-2:])) for x in (q, k, v))
        return t.nn.functional.scaled_dot_product_attention(q, k, v, mask, 0.0, scale=scale), lse
    kept = _random.uniform(7, 0, tuple(scores.shape), numpy.float32) >= numpy.float32(dropout_p)
    return (scores.softmax(-1) * t.from_numpy(kept / (1 - dropout_p)).to(q.dtype)) @ v, lse


ATTENTION = register(
    "scaled_dot_product_attention",  # Vaswani and others: arXiv:1706.03762
    vjp=_attention_vjp,
    saves=("out", 0, 1, 2, 3),
    outputs=2,
    wide_outputs=(1,),
    check=_check,
    effects=Effects(random=_random_words),
    shape=_shapes,
    attrs=("is_causal", "scale", "dropout_p", "generator"),
    samples=_samples,
    torch=_torch_attention,
    tolerance={"float32": 1e-5},
)(_attention)
