"""Embeddings: rows of a table by index, the gradient that adds them up again, and one-hot vectors."""

import math
from typing import Any

import numpy

from pynn import _core
from pynn._core import Op, Tensor
from pynn._dtypes import INT64
from pynn.ops.registry import Effects, Sample, cast, register, run


def _add_rows(xp: Any, rows: Any, indices: Any, count: Any) -> Any:
    """(count, D) with rows (n, D) added at indices (n); equal indices are summed in their order."""
    out = xp.zeros((count, rows.shape[1]), dtype=rows.dtype)
    if xp.name != "numpy":
        xp.add_at(out, indices, rows)
    elif len(indices):
        order = numpy.argsort(indices, kind="stable")
        found = indices[order]
        starts = numpy.flatnonzero(numpy.concatenate(([True], found[1:] != found[:-1])))
        out[found[starts]] = numpy.add.reduceat(rows[order], starts, axis=0)
    return out


def _share(indices: Any, padding_idx: Any, scale_grad_by_freq: Any) -> Any:
    """What part of each row's gradient counts, shape (n, 1): none at padding_idx, 1 / frequency where asked."""
    share = indices != padding_idx
    if scale_grad_by_freq and indices.size:
        share = share / numpy.bincount(indices)[indices]
    return share[:, None]


def _embedding_weight(xp: Any, g: Any, indices: Any, count: Any, padding_idx: Any, scale_grad_by_freq: Any) -> Any:
    flat = indices.reshape(-1)
    rows = xp.reshape(g, (flat.size, g.shape[-1]))
    if padding_idx >= 0 or scale_grad_by_freq:
        rows = xp.astype(rows * _share(flat, padding_idx, scale_grad_by_freq), g.dtype)
    return _add_rows(xp, rows, flat, count)


def _embedding_weight_vjp(
    xp: Any, g: Any, out: Any, rows: Any, indices: Any, count: Any, padding_idx: Any, scale_grad_by_freq: Any
) -> Any:
    picked = run(xp, EMBEDDING, (g, indices), (-1, False))
    if padding_idx < 0 and not scale_grad_by_freq:
        return picked
    plain = _core.observe(indices) if isinstance(indices, Tensor) else indices
    share = _share(plain.reshape(-1), padding_idx, scale_grad_by_freq).reshape((*plain.shape, 1))
    if isinstance(picked, Tensor):
        return picked * _core.made(share.astype(picked._array.dtype))
    return xp.astype(picked * share, g.dtype)


def _check_embedding(inputs: Any, attrs: Any) -> Any:
    weight, indices = inputs
    for place, (name, value) in enumerate((("weight", weight), ("indices", indices)), start=1):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"embedding(): argument '{name}' (position {place}) must be Tensor, not {type(value).__name__}."
            )
    if indices._array.dtype.kind != "i" or indices._array.dtype.itemsize < 4:
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{indices._array.dtype} instead (while checking arguments for embedding). Use input.long()."
        )
    if weight._array.ndim != 2:
        raise RuntimeError(f"'weight' must be 2-D, got shape {list(weight.shape)} (embedding).")
    held = indices._array
    count = weight._array.shape[0]
    wrong = (held < 0) | (held >= count)
    if wrong.any():
        raise IndexError(
            f"index out of range in self: embedding got index {int(held[wrong][0])}, but its table has {count} rows, 0 "
            f"to {count - 1}."
        )
    return inputs if held.dtype == INT64 else (weight, cast(indices, INT64))


_CASES = [
    ((3,), (-1, False)),
    ((2, 3), (1, False)),
    ((2, 4), (2, True)),
    ((), (-1, False)),
    ((0,), (-1, False)),
    ((5, 9), (-1, False)),
]

EMBEDDING = register(
    "embedding",
    exact="forward",
    vjp=(
        lambda xp, g, out, weight, indices, *attrs: run(xp, EMBEDDING_WEIGHT, (g, indices), (weight.shape[0], *attrs)),
        None,
    ),
    saves=(1,),
    likes=(0,),
    check=_check_embedding,
    shape=lambda weight, indices, *attrs: (*indices, weight[1]),
    dtype="same",
    attrs=("padding_idx", "scale_grad_by_freq"),
    samples=lambda rng: [
        # Rows that get another gradient than the value's own, on purpose, have no gradient to check.
        Sample((rng.normal(size=(4, 3)), numpy.asarray(rng.integers(0, 4, shape))), attrs, grad=attrs == (-1, False))
        for shape, attrs in _CASES
    ],
    torch=lambda t, weight, indices, padding_idx, scale: t.embedding(weight, indices, padding_idx, scale),
)(lambda xp, weight, indices, padding_idx, scale_grad_by_freq: weight[indices])

EMBEDDING_WEIGHT: Op = register(
    "embedding_weight",
    vjp=(_embedding_weight_vjp, None),
    saves=(1,),
    check=lambda inputs, attrs: inputs,  # its arguments come from an embedding that was checked
    shape=lambda g, indices, count, *attrs: (count, g[-1]),
    dtype="same",
    attrs=("count", "padding_idx", "scale_grad_by_freq"),
    samples=lambda rng: [
        Sample((rng.normal(size=(*shape, 3)), numpy.asarray(rng.integers(0, 4, shape))), (4, *attrs))
        for shape, attrs in _CASES
    ],
    torch=lambda t, g, indices, count, padding_idx, scale: t.zeros(count, g.shape[-1], dtype=g.dtype).index_add(
        0,
        indices.reshape(-1),
        g.reshape(indices.numel(), -1 if g.numel() else g.shape[-1])
        * t.from_numpy(_share(indices.numpy().reshape(-1), padding_idx, scale).astype(str(g.dtype)[6:])),
    ),
)(_embedding_weight)


def _wide(x: Any) -> Any:
    """16-bit numbers as float32, others as they are."""
    return x.astype(numpy.float32) if x.dtype.itemsize == 2 else x


def _renorm(xp: Any, arrays: Any, max_norm: Any, norm_type: Any) -> Any:
    """Scale the rows that indices name down to max_norm where their norm is more."""
    weight, indices = arrays
    rows = numpy.unique(indices)
    held = _wide(weight[rows])
    if norm_type == math.inf:
        norms = numpy.abs(held).max(axis=1, keepdims=True)
    else:
        norms = (numpy.abs(held) ** norm_type).sum(axis=1, keepdims=True) ** (1.0 / norm_type)
    weight[rows] = numpy.where(norms > max_norm, held * (max_norm / (norms + 1e-7)), held)
    return arrays


# Inputs: the table, which is written, and the indices.
EMBEDDING_RENORM = register(
    "embedding_renorm",
    shape=None,
    dtype=None,
    outputs=0,
    differentiable=False,
    variadic=True,
    groups=lambda attrs: 2,
    attrs=("max_norm", "norm_type"),
    effects=Effects(writes=(0,)),
    check=_check_embedding,
    samples=lambda rng: [Sample((rng.normal(size=(4, 3)), numpy.array([0, 2, 2])), (0.5, 2.0), grad=False)],
)(_renorm)


def _check_one_hot(inputs: Any, attrs: Any) -> Any:
    (x,) = inputs
    if not isinstance(x, Tensor) or x._array.dtype != INT64:
        found = x._array.dtype if isinstance(x, Tensor) else type(x).__name__
        raise RuntimeError(f"one_hot is only applicable to index tensor of type int64, got {found}. Use .long().")
    held = x._array
    if held.size and held.min() < 0:
        raise RuntimeError(f"Class values must be non-negative, got {int(held.min())}.")
    if held.size and held.max() >= attrs[0]:
        raise RuntimeError(f"Class values must be smaller than num_classes, got {int(held.max())} of {attrs[0]}.")
    return inputs


ONE_HOT = register(
    "one_hot",
    differentiable=False,
    check=_check_one_hot,
    shape=lambda x, classes: (*x, classes),
    dtype="int64",
    attrs=("num_classes",),
    samples=lambda rng: [Sample((numpy.asarray(rng.integers(0, 4, shape)),), (4,)) for shape in ((3,), (2, 2), ())],
    torch=lambda t, x, classes: t.nn.functional.one_hot(x, classes),
)(lambda xp, x, classes: xp.astype(xp.expand_dims(x, x.ndim) == xp.arange(classes), xp.int64))
