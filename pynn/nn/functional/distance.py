"""Distances between vectors and the losses made of them, with torch.nn.functional's signatures."""

from typing import Any

import numpy

from pynn._core import Tensor, binary, call, made, observe
from pynn._dtypes import promote_types
from pynn.amp.autocast_mode import float32_function
from pynn.nn.functional.arguments import require_tensors
from pynn.nn.functional.loss import pair_of, reduce_loss, reduction_of
from pynn.ops.devices import beside_input
from pynn.ops.halves import rounded_once
from pynn.ops.loss import HINGE_EMBEDDING_LOSS
from pynn.ops.pointwise import MINIMUM
from pynn.ops.pointwise_functions import where
from pynn.ops.reduction import norm
from pynn.ops.registry import export

__all__ = [
    "cosine_embedding_loss", "cosine_similarity", "hinge_embedding_loss", "margin_ranking_loss", "multi_margin_loss",
    "multilabel_margin_loss", "normalize", "pairwise_distance", "pdist", "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]  # fmt: skip

_PAIR = ("input1", "input2", "target")


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """input / max(its p-norm along dim, eps): the input's shape."""
    result = input / norm(input, p, dim, keepdim=True).clamp(min=eps)
    return result if out is None else out.copy_(result)


@export("cosine_similarity", method=False)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 . x2 / (max(|x1|, eps) * max(|x2|, eps)) along dim; shapes broadcast, and lose dim.

    Raises RuntimeError where both are integers or the shapes do not broadcast.
    """
    if not (x1.is_floating_point() or x2.is_floating_point()):
        raise RuntimeError(
            f"expected common dtype to be floating point, yet common dtype is {x1.dtype}. Use x1.float()."
        )
    dtype = promote_types(x1.dtype, x2.dtype)
    x1, x2 = pair_of(x1.to(dtype), x2.to(dtype))  # dim counts in the shape that both broadcast to
    lengths = [norm(x, 2.0, dim, keepdim=True).clamp(min=eps) for x in (x1, x2)]
    return ((x1 / lengths[0]) * (x2 / lengths[1])).sum(dim)


@export("pairwise_distance", method=False)
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of x1 - x2 + eps over the last dimension; shapes broadcast."""
    return norm(x1 - x2 + eps, p, -1, keepdim=keepdim)


@export("pdist", method=False)
@beside_input
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm distances between all pairs of rows of input (N, D): (N (N - 1) / 2,), pairs 01, 02, ..., 12, ..."""
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    first, second = numpy.triu_indices(input._array.shape[0], 1)
    return norm(input[made(first)] - input[made(second)], p, -1)


@float32_function
@rounded_once
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos for targets 1, max(0, cos - margin) for targets -1; inputs (N, D) or (D), target (N) or ()."""
    require_tensors("cosine_embedding_loss", input1, input2, target, names=_PAIR)
    reduction = reduction_of(size_average, reduce, reduction)
    if target.ndim not in (0, 1) or input1.ndim != target.ndim + 1 or input2.ndim != target.ndim + 1:
        raise RuntimeError(
            f"cosine_embedding_loss takes inputs (N, D) with target (N), or (D) with (); got {list(input1.shape)}, "
            f"{list(input2.shape)} and {list(target.shape)}."
        )
    eps = 1e-12
    product = (input1 * input2).sum(-1)
    cos = product / (((input1 * input1).sum(-1) + eps) * ((input2 * input2).sum(-1) + eps)).sqrt()
    loss = where(target == 1, 1 - cos, where(target == -1, (cos - margin).clamp(min=0), 0.0))
    return reduce_loss(loss, reduction)


@float32_function
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """x for targets 1, max(0, margin - x) for targets -1."""
    require_tensors("hinge_embedding_loss", input, target)
    reduction = reduction_of(size_average, reduce, reduction)
    return call(HINGE_EMBEDDING_LOSS, pair_of(input, target), (float(margin), reduction))


@float32_function
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, -y (x1 - x2) + margin): x1 should rank above x2 for y = 1, below for y = -1."""
    require_tensors("margin_ranking_loss", input1, input2, target, names=_PAIR)
    reduction = reduction_of(size_average, reduce, reduction)
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            f"margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
            f"{list(input1.shape)}, input2: {list(input2.shape)}, target: {list(target.shape)}"
        )
    return reduce_loss((-target * (input1 - input2) + margin).clamp(min=0), reduction)


@float32_function
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: float = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """sum over i != y of max(0, margin - x_y + x_i)^p / C: input (N, C) or (C), target (N) or () of int64 classes."""
    require_tensors("multi_margin_loss", input, target)
    reduction = reduction_of(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError(f"only p == 1 and p == 2 supported, got {p}.")
    if input.ndim > 2 or 0 in input._array.shape[1 if input.ndim == 2 else 0 :]:
        raise RuntimeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(input.shape)}"
        )
    single = input.ndim < 2
    rows, wanted = (input.reshape(1, -1), target.reshape(-1)) if single else (input, target)
    if wanted.ndim != 1 or wanted._array.shape[0] != rows._array.shape[0]:
        raise RuntimeError(f"inconsistent target size, expected {rows._array.shape[0]} but got {list(target.shape)}")
    if weight is not None and (weight.ndim != 1 or weight._array.shape[0] != rows._array.shape[1]):
        wrong = ValueError if weight.ndim != 1 else RuntimeError
        raise wrong(
            f"weight must be one-dimensional, inconsistent weight size, expected {rows._array.shape[1]} but got "
            f"{list(weight.shape)}"
        )
    index = wanted.reshape(-1, 1)
    room = (margin - rows.gather(1, index) + rows).clamp(min=0)
    room = room * room if p == 2 else room
    if weight is not None:
        room = room * weight[wanted].reshape(-1, 1)
    room = room.scatter(1, index, value=0.0)
    loss = room.sum(1) / rows._array.shape[1]
    return reduce_loss(loss.reshape(target._array.shape) if single else loss, reduction)


@float32_function
@beside_input
def multilabel_margin_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Tensor:
    """sum over targets j and others i of max(0, 1 - (x_j - x_i)) / C.

    input (N, C) or (C); target of its shape, int64: the classes that hold, then -1 and anything.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    require_tensors("multilabel_margin_loss", input, target)
    if input.ndim > 2 or 0 in input._array.shape[1 if input.ndim == 2 else 0 :]:
        raise RuntimeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(input.shape)}"
        )
    if target._array.shape != input._array.shape and not (input.ndim < 2 and target.numel() == input.numel()):
        raise RuntimeError(f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}")
    if target._array.dtype != numpy.int64:
        raise RuntimeError(f"expected scalar type Long for target but found {target.dtype}. Use target.long().")
    single = input.ndim < 2
    rows = input.reshape(1, -1) if single else input
    classes = rows._array.shape[1]
    listed = observe(target).reshape(rows._array.shape)
    if listed.size and (listed.min() < -1 or listed.max() >= classes):
        raise RuntimeError(f"argument #2 'target' is out of range: classes are 0 to {classes - 1}, or -1 for the end.")
    counts = numpy.cumprod(listed >= 0, axis=1).astype(bool)  # what comes before the first -1
    chosen = numpy.zeros((listed.shape[0], classes), bool)
    numpy.put_along_axis(chosen, numpy.where(counts, listed, listed[:, :1]), counts[:, :1], axis=1)
    held = made(numpy.where(counts, listed, 0))
    room = (1 - rows.gather(1, held).unsqueeze(2) + rows.unsqueeze(1)).clamp(min=0)
    pairs = (counts[:, :, None] & ~chosen[:, None, :]).astype(rows._array.dtype)
    loss = (room * made(pairs)).sum((1, 2)) / classes
    return reduce_loss(loss.reshape(()) if single else loss, reduction)


@float32_function
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d the pairwise_distance.

    swap: the lesser of d(anchor, negative) and d(positive, negative).
    """
    reduction = reduction_of(size_average, reduce, reduction)

    def distance(a: Any, b: Any) -> Tensor:
        return pairwise_distance(a, b, p, eps)

    return triplet_margin_with_distance_loss(
        anchor, positive, negative, distance_function=distance, margin=margin, swap=swap, reduction=reduction
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Any = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """triplet_margin_loss for any distance (default pairwise_distance); ValueError for a margin not above 0."""
    reduction = reduction_of(None, None, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = binary(MINIMUM, far, distance(positive, negative))
    return reduce_loss((near - far + margin).clamp(min=0), reduction)
