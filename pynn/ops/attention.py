"""Attention, composed of matrix products and a softmax: a fused kernel can take its name."""

import math

import numpy

from pynn.ops.activation import require_floating
from pynn.ops.registry import Sample, register


def _weights(xp, scores):
    """softmax over the last dimension; a row of -inf only, where everything is masked, gives zeros."""
    top = xp.max(scores, axis=-1, keepdims=True)
    e = xp.exp(scores - xp.where(xp.isfinite(top), top, 0))
    total = xp.sum(e, axis=-1, keepdims=True)
    return e / xp.where(total == 0, 1, total)


def _scores(xp, q, k, mask, is_causal, scale):
    turned = xp.permute_dims(k, (*range(k.ndim - 2), k.ndim - 1, k.ndim - 2))
    scores = xp.matmul(q * scale, turned)
    if is_causal:
        rows, columns = scores.shape[-2:]
        mask = xp.expand_dims(xp.arange(rows), 1) >= xp.arange(columns)
    if mask is None:
        return scores
    return xp.where(mask, scores, -math.inf) if _is_bool(mask) else scores + mask


def _is_bool(mask):
    return numpy.dtype(getattr(mask.dtype, "numpy", mask.dtype)).kind == "b"


def _attention_weights(xp, q, k, mask, is_causal, scale):
    return _weights(xp, _scores(xp, q, k, mask, is_causal, scale))


def _attention(xp, q, k, v, mask, is_causal, scale):
    return xp.matmul(_attention_weights(xp, q, k, mask, is_causal, scale), v)


def _check(inputs, attrs):
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


def _samples(with_value):
    def samples(rng):
        mask = rng.integers(0, 2, (3, 5)).astype(bool)
        mask[:, 0] = True
        out = []
        for lead in ((), (2, 2)):
            q, k, v = rng.normal(size=(*lead, 3, 4)), rng.normal(size=(*lead, 5, 4)), rng.normal(size=(*lead, 5, 2))
            for m, causal in ((None, False), (mask, False), (rng.normal(size=(3, 5)), False), (None, True)):
                out.append(Sample((q, k, v, m) if with_value else (q, k, m), (causal, 0.5)))
        return out

    return samples


ATTENTION = register(
    "scaled_dot_product_attention",  # Vaswani and others: arXiv:1706.03762
    check=_check,
    shape=lambda q, k, v, *rest: (*numpy.broadcast_shapes(q[:-2], k[:-2], v[:-2]), q[-2], v[-1]),
    attrs=("is_causal", "scale"),
    samples=_samples(True),
    torch=lambda t, q, k, v, mask, is_causal, scale: t.nn.functional.scaled_dot_product_attention(
        q, k, v, mask, 0.0, is_causal, scale=scale
    ),
    tolerance={"float32": 1e-5},
)(_attention)

ATTENTION_WEIGHTS = register(
    "attention_weights",
    check=_check,
    shape=lambda q, k, *rest: (*numpy.broadcast_shapes(q[:-2], k[:-2]), q[-2], k[-2]),
    attrs=("is_causal", "scale"),
    samples=_samples(False),
    torch=lambda t, q, k, mask, is_causal, scale: t.nn.functional.scaled_dot_product_attention(
        q, k, t.eye(k.shape[-2], dtype=k.dtype).expand(*k.shape[:-1], k.shape[-2]), mask, 0.0, is_causal, scale=scale
    ),
    tolerance={"float32": 1e-5},
)(_attention_weights)
