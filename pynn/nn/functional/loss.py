"""Losses of predictions against targets, with torch.nn.functional's signatures.

reduction is "none" (a loss an element or row), "mean" or "sum"; size_average and reduce are its older form. An
unknown reduction raises ValueError.
"""

import math
import warnings
from typing import Any

from pynn._core import Tensor, alike, call
from pynn._dtypes import get_default_dtype
from pynn.amp.autocast_mode import float32_function
from pynn.nn.functional.activation import logsigmoid
from pynn.nn.functional.arguments import require_tensors
from pynn.nn.functional.softmax import log_softmax
from pynn.ops import loss as ops
from pynn.ops.halves import rounded_once
from pynn.ops.registry import check_broadcast
from pynn.ops.softmax import CROSS_ENTROPY, NLL_LOSS
from pynn.ops.view import broadcast_to

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "gaussian_nll_loss", "huber_loss",
    "kl_div", "l1_loss", "mse_loss", "multilabel_soft_margin_loss", "nll_loss", "poisson_nll_loss", "smooth_l1_loss",
    "soft_margin_loss",
]  # fmt: skip


REDUCTIONS = ("none", "mean", "sum")


def averaging(size_average: bool | None) -> bool:
    """torch's older flag, True by default; RuntimeError for a tensor."""
    if isinstance(size_average, Tensor):
        raise RuntimeError(
            f"size_average must be a bool, got a Tensor of shape {list(size_average.shape)}. To compute a loss, make its "
            "module first and call that, nn.CrossEntropyLoss()(input, target), or use nn.functional."
        )
    return size_average is None or bool(size_average)


def reduction_of(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that torch's older arguments ask for, or the newer one, checked."""
    if size_average is not None or reduce is not None:
        reduction = "none" if reduce is False else "mean" if averaging(size_average) else "sum"
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
            stacklevel=3,
        )
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction. Use 'none', 'mean' or 'sum'.")
    return reduction


def reduce_loss(loss: Tensor, reduction: str) -> Tensor:
    """A tensor of losses reduced."""
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()


def _same_shape(input: Any, target: Any) -> tuple[Any, Any]:
    """Both broadcast to one shape, with torch's warning where they differ."""
    a, b = input._array.shape, target._array.shape
    if a == b:
        return input, target
    warnings.warn(
        f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will likely "
        "lead to incorrect results due to broadcasting. Please ensure they have the same size.",
        stacklevel=3,
    )
    return pair_of(input, target)


def pair_of(input: Tensor, target: Tensor) -> tuple[Any, Any]:
    """Both as one shape."""
    if input._array.shape == target._array.shape:
        return input, target
    shape = check_broadcast((input, target))
    return broadcast_to(input, shape), broadcast_to(target, shape)


def _weighted(
    op: Any,
    input: Tensor,
    target: Tensor,
    attrs: Any,
    weight: Tensor | None,
    reduction: Any,
    divide_by_weight: bool = True,
) -> Tensor:
    if weight is None:
        return call(op, (input, target), (*attrs, reduction))
    if weight._array.shape != input._array.shape:
        raise ValueError(
            f"Weights and input must have the same size, got {list(weight.shape)} and {list(input.shape)}."
        )
    loss = call(op, (input, target), (*attrs, "none")) * weight
    if reduction == "mean" and divide_by_weight:
        return loss.sum() / weight.sum()
    return reduce_loss(loss, reduction)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(input - target)^2; with weight, a mean over the weights. Shapes that differ broadcast with a warning."""
    if weight is None and size_average is None and reduce is None and reduction in REDUCTIONS and alike(input, target):
        return call(ops.MSE_LOSS, (input, target), (reduction,))
    require_tensors("mse_loss", input, target)
    input, target = _same_shape(input, target)
    return _weighted(ops.MSE_LOSS, input, target, (), weight, reduction_of(size_average, reduce, reduction))


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|input - target|; with weight, a mean over the weights. Shapes that differ broadcast with a warning."""
    if weight is None and size_average is None and reduce is None and reduction in REDUCTIONS and alike(input, target):
        return call(ops.L1_LOSS, (input, target), (reduction,))
    require_tensors("l1_loss", input, target)
    input, target = _same_shape(input, target)
    return _weighted(ops.L1_LOSS, input, target, (), weight, reduction_of(size_average, reduce, reduction))


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """d^2 / 2 for |d| <= delta, else delta * (|d| - delta / 2), of d = input - target.

    With weight the mean is over the elements, as in torch. RuntimeError for a delta that is not positive.
    """
    require_tensors("huber_loss", input, target)
    if not isinstance(delta, (int, float)):
        raise TypeError(f"huber_loss: delta must be a float or int, got: {type(delta)}")
    if delta <= 0:
        raise RuntimeError(f"huber_loss does not support non-positive values for delta, got {delta}.")
    input, target = _same_shape(input, target)
    reduction = reduction_of(None, None, reduction)
    return _weighted(ops.HUBER_LOSS, input, target, (float(delta),), weight, reduction, divide_by_weight=False)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d^2 / (2 beta) for |d| < beta, else |d| - beta / 2, of d = input - target (arXiv:1504.08083).

    beta 0 is l1_loss; RuntimeError for a negative one.
    """
    require_tensors("smooth_l1_loss", input, target)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss does not support negative values for beta, got {beta}.")
    input, target = _same_shape(input, target)
    reduction = reduction_of(size_average, reduce, reduction)
    if beta == 0:
        return call(ops.L1_LOSS, (input, target), (reduction,))
    return call(ops.SMOOTH_L1_LOSS, (input, target), (float(beta), reduction))


@float32_function
@rounded_once
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-(y log x + (1 - y) log(1 - x)) for probabilities x; logarithms are limited to -100.

    weight: broadcasts to the input. ValueError where shapes differ, RuntimeError for x outside [0, 1].
    """
    require_tensors("binary_cross_entropy", input, target)
    reduction = reduction_of(size_average, reduce, reduction)
    if target._array.shape != input._array.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
            "Please ensure they have the same size."
        )
    if target._array.dtype != input._array.dtype:
        raise RuntimeError(
            f"Found dtype {target._array.dtype} but expected {input._array.dtype}: binary_cross_entropy takes a target "
            "of the input's dtype. Use target.to(input.dtype)."
        )
    values = input._array
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise RuntimeError(
            f"all elements of input should be between 0 and 1, got {float(values.min())} to {float(values.max())}. "
            "Pass logits to binary_cross_entropy_with_logits instead."
        )
    if weight is None:
        return call(ops.BINARY_CROSS_ENTROPY, (input, target), (reduction,))
    return reduce_loss(call(ops.BINARY_CROSS_ENTROPY, (input, target), ("none",)) * weight, reduction)


@float32_function
@rounded_once
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """binary_cross_entropy of sigmoid(input), without overflow.

    weight broadcasts to the input; pos_weight (classes last) weighs the positive targets. ValueError where shapes
    differ.
    """
    require_tensors("binary_cross_entropy_with_logits", input, target)
    reduction = reduction_of(size_average, reduce, reduction)
    if target._array.shape != input._array.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    if not target.is_floating_point():
        raise RuntimeError(
            f"result type {input._array.dtype} can't be cast to the desired output type {target._array.dtype}: "
            "binary_cross_entropy_with_logits takes a floating point target. Use target.to(input.dtype)."
        )
    if weight is None and pos_weight is None:
        return call(ops.BINARY_CROSS_ENTROPY_WITH_LOGITS, (input, target), (reduction,))
    if pos_weight is None:
        loss = call(ops.BINARY_CROSS_ENTROPY_WITH_LOGITS, (input, target), ("none",))
    else:
        loss = (1 - target) * input - ((pos_weight - 1) * target + 1) * logsigmoid(input)
    return reduce_loss(loss if weight is None else loss * weight, reduction)


def _rows(input: Any, target: Any) -> Any:
    """(N, C, d...) and (N, d...), with torch's errors where they do not fit; (C) and () as (1, C) and (1)."""
    a, t = input._array.shape, target._array.shape
    if not a:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    if len(a) == 1:
        return input.reshape(1, -1), target.reshape(-1)
    if t[:1] != a[:1]:
        raise ValueError(f"Expected input batch_size ({a[0]}) to match target batch_size ({t[0] if t else 0}).")
    if t != a[:1] + a[2:]:
        advice = ". Use target.squeeze(1)" if t == (a[0], 1, *a[2:]) else ""
        raise RuntimeError(f"Expected target size {list(a[:1] + a[2:])}, got {list(t)}{advice}")
    order = (0, *range(2, len(a)), 1)
    if len(a) > 2 and input._array.transpose(order).flags.c_contiguous:  # channels last: rows as they lie
        return input.permute(order).reshape(-1, a[1]), target.reshape(-1)
    return input, target


def _over_classes(op: Any, input: Tensor, target: Tensor, weight: Tensor | None, attrs: Any, reduction: Any) -> Tensor:
    rows, wanted = _rows(input, target)
    loss = call(op, (rows, wanted, weight), (*attrs, reduction))
    return loss if reduction != "none" or rows is input else loss.reshape(target._array.shape)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-input[target]: input (N, C, d...) or (C) of log-probabilities, target (N, d...) or () of int64 classes.

    Rows with target ignore_index count nothing; weight (C) weighs the classes, and a mean divides by the weights.
    Raises IndexError for a class out of range, ValueError or RuntimeError for shapes and dtypes that do not fit.
    """
    require_tensors("nll_loss", input, target)
    reduction = reduction_of(size_average, reduce, reduction)
    return _over_classes(NLL_LOSS, input, target, weight, (int(ignore_index),), reduction)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """nll_loss of log_softmax(input), in one op.

    input (N, C, d...) or (C); target (N, d...) or () of int64 classes, or of the input's shape and floating point:
    probabilities. label_smoothing (0 to 1) mixes the targets with the uniform distribution (arXiv:1512.00567).
    Raises as nll_loss does.
    """
    require_tensors("cross_entropy", input, target)
    reduction = reduction_of(size_average, reduce, reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if target._array.shape == input._array.shape and target.is_floating_point():
        if ignore_index >= 0:
            raise RuntimeError(f"ignore_index is not supported for floating point target, got {ignore_index}.")
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    if input.ndim and target._array.shape == input._array.shape:
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {target.dtype}. Use target.float(), or "
            "give classes without the dimension of input's."
        )
    return _over_classes(CROSS_ENTROPY, input, target, weight, (int(ignore_index), float(label_smoothing)), reduction)


@float32_function
@rounded_once
def _soft_cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None, reduction: Any, smoothing: Any) -> Tensor:
    classes = 0 if input.ndim == 1 else 1
    count: int = input._array.shape[classes]
    if smoothing:
        target = target * (1 - smoothing) + smoothing / count
    loss = -(log_softmax(input, classes) * target)
    if weight is not None:
        if weight._array.shape != (count,):
            raise RuntimeError(
                f"cross_entropy: weight tensor should be defined either for all {count} classes or no classes but got "
                f"weight tensor of shape: {list(weight.shape)}"
            )
        loss = loss * weight.reshape((1,) * classes + (-1,) + (1,) * (input.ndim - classes - 1))
    loss = loss.sum(classes)
    if reduction == "mean":
        return loss.sum() / (input.numel() // count if count else 0)
    return reduce_loss(loss, reduction)


@float32_function
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target * (log target - input): the Kullback-Leibler divergence of log-probabilities input from target.

    reduction "batchmean" divides the sum by the first size, "mean" by the number of elements (with a warning).
    """
    require_tensors("kl_div", input, target)
    if target._array.dtype.kind in "iub":
        raise RuntimeError(
            f"kl_div: Integral inputs not supported, got a target of {target._array.dtype}. Use target.to(input.dtype)."
        )
    if size_average is None and reduce is None and reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size. 'batchmean' divides "
            "only by the batch size, and aligns with the KL div math definition.",
            stacklevel=2,
        )
    batch = reduction == "batchmean"
    reduction = reduction_of(size_average, reduce, "sum" if batch else reduction)
    loss = call(ops.KL_DIV, pair_of(input, target), (bool(log_target), reduction))
    return loss / input._array.shape[0] if batch and input.ndim else loss


@float32_function
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """exp(x) - y x (log_input), or x - y log(x + eps); full adds Stirling's approximation of log(y!) for y > 1."""
    require_tensors("poisson_nll_loss", input, target)
    input = input if input.is_floating_point() or target.is_floating_point() else input.to(get_default_dtype())
    reduction = reduction_of(size_average, reduce, reduction)
    attrs = (bool(log_input), bool(full), float(eps), reduction)
    return call(ops.POISSON_NLL_LOSS, pair_of(input, target), attrs)


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """(log var + (input - target)^2 / var) / 2 with var at least eps; full adds log(2 pi) / 2.

    var: a number, the input's shape, or that with its last size 1 or missing. ValueError for a negative one.
    """
    require_tensors("gaussian_nll_loss", input, target)
    if isinstance(var, (int, float)):
        var = input.detach() * 0 + var
    if bool((var < 0).any()):
        raise ValueError("var has negative entry/entries")
    shape, found = input._array.shape, var._array.shape
    if found != shape:
        if shape[:-1] == found:
            var = var.unsqueeze(-1)
        elif len(found) != len(shape) or [v for s, v in zip(shape, found) if s != v] != [1]:
            raise ValueError(f"var is of incorrect size: {list(found)} for input of shape {list(shape)}.")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid. Use 'none', 'mean' or 'sum'.")
    var = var + (var.detach().clamp(min=eps) - var.detach())  # limited below; the gradient passes
    difference = input - target
    loss = 0.5 * (var.log() + difference * difference / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduce_loss(loss, reduction)


@float32_function
def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Tensor:
    """log(1 + exp(-y x)) for targets y of 1 and -1."""
    require_tensors("soft_margin_loss", input, target)
    reduction = reduction_of(size_average, reduce, reduction)
    return call(ops.SOFT_MARGIN_LOSS, pair_of(input, target), (reduction,))


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """binary_cross_entropy_with_logits, averaged over the last dimension's classes; weight (C) weighs them."""
    require_tensors("multilabel_soft_margin_loss", input, target)
    reduction = reduction_of(size_average, reduce, reduction)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    loss = loss if weight is None else loss * weight
    return reduce_loss(loss.sum(-1) / input._array.shape[-1], reduction)
