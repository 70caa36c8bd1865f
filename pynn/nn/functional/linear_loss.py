"""The cross entropy of a linear map's output, with torch.nn.functional's signature."""

from typing import Any, NamedTuple

from pynn._core import Tensor
from pynn.nn.functional.arguments import require_tensors
from pynn.nn.functional.linear import linear
from pynn.nn.functional.loss import cross_entropy

__all__ = ["linear_cross_entropy"]


class LinearCrossEntropyOptions(NamedTuple):
    """How torch splits the work to save memory. Accepted, and without effect: the logits are computed at once."""

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str | None = "auto"
    acc_dtype: Any = None


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: LinearCrossEntropyOptions | None = None,
) -> Tensor:
    """cross_entropy(linear(input, linear_weight, linear_bias), target, ...).

    input (N, in) or (in); linear_weight (C, in), or (C, d..., in) for a loss of d... positions a row, with linear_bias
    (C) or (C, d...). target: classes (N, d...), or probabilities (N, C, d...). ignore_index None: -100, of classes.
    Raises RuntimeError for shapes that do not fit.
    """
    require_tensors("linear_cross_entropy", input, linear_weight, target, names=("input", "linear_weight", "target"))
    shape = linear_weight._array.shape
    if len(shape) < 2:
        raise RuntimeError(f"linear_cross_entropy: linear_weight must have 2 or more dimensions, got {list(shape)}.")
    if input.ndim not in (1, 2) or (len(shape) > 2 and input.ndim != 2):
        raise RuntimeError(
            f"linear_cross_entropy takes an input (N, in_features){' or (in_features)' if len(shape) == 2 else ''}, got "
            f"{list(input.shape)} for a weight of shape {list(shape)}."
        )
    flat = linear_weight if len(shape) == 2 else linear_weight.reshape((-1, shape[-1]))
    logits = linear(input, flat, None if linear_bias is None else linear_bias.reshape(-1))
    if len(shape) > 2:
        logits = logits.reshape((input._array.shape[0], *shape[:-1]))
    return cross_entropy(
        logits,
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )
