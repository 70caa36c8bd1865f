"""Embeddings and one-hot vectors, with torch.nn.functional's signatures."""

from typing import Any

import numpy

from pynn._core import Tensor, call, call_writing, made, observe
from pynn.nn.functional.arguments import require_tensors
from pynn.ops.devices import beside_input
from pynn.ops.embedding import EMBEDDING, EMBEDDING_RENORM, ONE_HOT
from pynn.ops.halves import rounded_once
from pynn.ops.joining import cat

__all__ = ["embedding", "embedding_bag", "one_hot"]


def _row(padding_idx: Any, count: Any) -> Any:
    """padding_idx counted from the front, -1 for None."""
    if padding_idx is None:
        return -1
    if not -count <= padding_idx < count:
        raise AssertionError(
            f"Padding_idx must be within num_embeddings, got {padding_idx} for a table of {count} rows."
        )
    return padding_idx % count


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of weight (V, D) that input (int64 or int32, any shape) names: input's shape + (D,).

    padding_idx: a row that gets no gradient. max_norm: first scale the named rows, in place, to that norm at most.
    scale_grad_by_freq: divide each row's gradient by how often it is named. sparse: accepted; gradients are dense.
    Raises IndexError for an index out of range, RuntimeError for other dtypes, AssertionError for such a padding_idx.
    """
    require_tensors("embedding", weight, input, names=("weight", "indices"))
    if weight.ndim != 2:
        raise RuntimeError(f"'weight' must be 2-D, got shape {list(weight.shape)}.")
    row = _row(padding_idx, weight._array.shape[0])
    if max_norm is not None:
        call_writing(EMBEDDING_RENORM, (weight, input), (float(max_norm), float(norm_type)))
    return call(EMBEDDING, (weight, input), (row, bool(scale_grad_by_freq)))


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """int64 vectors with 1 at the class that tensor (int64, any shape) names: its shape + (num_classes,).

    num_classes -1: the largest class + 1. Raises RuntimeError for classes out of range and other dtypes.
    """
    if num_classes == -1:
        if isinstance(tensor, Tensor) and not tensor._array.size:
            raise RuntimeError("Can not infer total number of classes from empty tensor. Give num_classes.")
        num_classes = int(observe(tensor).max()) + 1 if isinstance(tensor, Tensor) else 0
    elif num_classes <= 0 and isinstance(tensor, Tensor) and not tensor._array.size:
        raise RuntimeError(f"num_classes should be positive, got {num_classes}.")
    return call(ONE_HOT, (tensor,), (int(num_classes),))


def _bags(input: Any, offsets: Any, include_last_offset: Any) -> Any:
    """(bag of each index, number of bags) of 1-D input with the offsets where bags start."""
    starts = observe(offsets)
    if starts.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    if starts.size and starts[0] != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. "
            f"However, got {starts[0]}"
        )
    if starts.size and starts[-1] > input.numel():
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length ({input.numel()}). However, got offsets[-1] of "
            f"{starts[-1]}"
        )
    count = starts.size - 1 if include_last_offset else starts.size
    return numpy.searchsorted(starts[:count], numpy.arange(input.numel()), side="right") - 1, count


@beside_input
def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or max of the embeddings in each bag: (bags, D).

    input (bags, n), or (total,) with offsets (bags,) where each bag starts. per_sample_weights: of input's shape, for
    mode "sum". padding_idx: a row that bags leave out. An empty bag gives zeros.
    """
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            f"embedding_bag: per_sample_weights was not None. It is only supported for mode='sum' (got mode='{mode}')."
        )
    if per_sample_weights is not None and per_sample_weights._array.shape != input._array.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({list(per_sample_weights.shape)}) is not None, then it must have "
            f"the same shape as the input ({list(input.shape)})"
        )
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
                f"sequences. However, found offsets of shape {list(offsets.shape)}"
            )
        count, width = input._array.shape
        bags = numpy.repeat(numpy.arange(count), width)
    elif input.ndim == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        bags, count = _bags(input, offsets, include_last_offset)
    else:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}")
    if per_sample_weights is not None and per_sample_weights.dtype != weight.dtype:
        raise RuntimeError(
            f"embedding_bag: expected per_sample_weights to have the same type as weight, {weight.dtype}, but got "
            f"{per_sample_weights.dtype}."
        )
    try:
        if max_norm is not None:
            call_writing(EMBEDDING_RENORM, (weight, input), (float(max_norm), float(norm_type)))
        return _bagged(input.reshape(-1), weight, per_sample_weights, bags, count, mode, padding_idx, scale_grad_by_freq)
    except IndexError as error:
        raise RuntimeError(f"embedding_bag: {error}") from None  # as torch, whose embedding raises IndexError


@rounded_once
def _bagged(
    flat: Tensor,
    weight: Tensor,
    per_sample_weights: Tensor | None,
    bags: Any,
    count: int,
    mode: str,
    padding_idx: int | None,
    scale_grad_by_freq: bool,
) -> Tensor:
    """The bags' sums, means or maxima, of indices (total,) with the bag of each."""
    rows = embedding(flat, weight, padding_idx, scale_grad_by_freq=scale_grad_by_freq)
    kept = observe(flat) != _row(padding_idx, weight._array.shape[0])
    if mode == "max":
        return _bag_maxima(rows, bags, kept, count)
    share = kept.astype(weight._array.dtype)
    if mode == "mean":
        share = share / numpy.maximum(numpy.bincount(bags, kept, count), 1)[bags]
    rows = rows * made(share[:, None].astype(weight._array.dtype))
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1, 1)
    index = made(numpy.broadcast_to(bags[:, None], rows._array.shape).astype(numpy.int64))
    return rows.new_zeros((count, weight._array.shape[1])).scatter_add(0, index, rows)


def _bag_maxima(rows: Tensor, bags: Any, kept: Any, count: int) -> Tensor:
    found = [rows[:0]]
    for bag in range(count):
        places = numpy.flatnonzero((bags == bag) & kept)
        found.append(rows[made(places)].max(0).values.unsqueeze(0) if places.size else rows[:0].sum(0, keepdim=True))
    return cat(found)
