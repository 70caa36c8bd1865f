"""Normalizations, with torch.nn.functional's signatures. All keep the input's shape.

They raise RuntimeError for shapes and dtypes that do not fit.
"""

import math
from collections.abc import Sequence
from typing import Any

from pynn._core import Tensor, call, call_writing, is_half
from pynn._dtypes import FLOAT32, from_numpy
from pynn._info import finfo
from pynn.nn.functional.arguments import require_tensors
from pynn.nn.functional.pad import pad
from pynn.ops.norm import BATCH_NORM, BATCH_NORM_FIXED, BATCH_NORM_UPDATE, GROUP_NORM, LAYER_NORM, RMS_NORM
from pynn.ops.registry import export

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "rms_norm"]


def _check_count(shape: Any) -> None:
    """ValueError where statistics would be of one value a channel."""
    if math.prod(shape[:1] + shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {list(shape)}. Use a larger batch "
            "(drop_last=True leaves out a last batch of 1), or model.eval()."
        )


def batch_norm(
    input: Tensor,
    running_mean: Any,
    running_var: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias for each channel of (N, C, ...) (arXiv:1502.03167).

    training: by the batch's own statistics, with which running_mean and running_var, where given, are moved by
    momentum (the variance by its unbiased form); else by those two. ValueError for one value a channel in training.
    """
    require_tensors("batch_norm", input)
    if input._array.shape == (0,):  # torch takes this one shape without channels
        return input.clone()
    if not training:
        if eps < 0:
            raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
        if running_mean is None or running_var is None:
            raise RuntimeError("Expected running_mean and running_var to be defined when training=False")
        return call(BATCH_NORM_FIXED, (input, running_mean, running_var, weight, bias), (float(eps),))
    shape = input._array.shape
    _check_count(shape)
    if eps <= 0:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    y, mean, var = call(BATCH_NORM, (input, weight, bias), (float(eps),))
    if running_mean is not None and running_var is not None:
        for name, x in (("running_mean", running_mean), ("running_var", running_var)):
            if x._array.shape != shape[1:2]:
                raise RuntimeError(f"{name} should contain {shape[1]} elements not {x.numel()}")
        count = input._array.size // max(shape[1], 1)
        if not count:  # an empty batch has no statistics to learn from
            return y
        correction = count / (count - 1) if count > 1 else 1.0
        call_writing(BATCH_NORM_UPDATE, (running_mean, running_var, mean, var), (float(momentum), correction))
    return y


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    """batch_norm of each sample on its own: each channel of each element of (N, C, ...) (arXiv:1607.08022)."""
    require_tensors("instance_norm", input)
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    shape = input._array.shape
    if len(shape) < 3 or math.prod(shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {list(shape)}")
    if running_mean is None and running_var is None and input._array.size:
        return call(GROUP_NORM, (input, weight, bias), (shape[1], float(eps)))[0]
    count, channels = shape[:2]
    many: list[Any] = [None if p is None else p.repeat(count) for p in (running_mean, running_var, weight, bias)]
    rows = input.reshape((1, count * channels, *shape[2:]))
    mean, var, scale, shift = many
    result = batch_norm(rows, mean, var, scale, shift, True, momentum, eps).reshape(shape)
    for running, moved in zip((running_mean, running_var), many):
        if running is not None:
            running.copy_(moved.detach().reshape(count, channels).mean(0))
    return result


def _tail(name: str, input: Any, normalized_shape: Any) -> int:
    require_tensors(name, input)
    wanted = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(int(n) for n in normalized_shape)
    if not wanted:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element."
        )
    shape = input._array.shape
    if shape[len(shape) - len(wanted) :] != wanted:
        raise RuntimeError(
            f"Given normalized_shape={list(wanted)}, expected input with shape [*, {', '.join(map(str, wanted))}], but "
            f"got input of size{list(shape)} in {name}()."
        )
    return len(wanted)


def layer_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-05,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias over the last dimensions, normalized_shape (arXiv:1607.06450)."""
    return call(LAYER_NORM, (input, weight, bias), (_tail("layer_norm", input, normalized_shape), float(eps)))[0]


@export(method=False)
def rms_norm(
    input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight over the last dimensions (arXiv:1910.07467); eps defaults to the dtype's."""
    count = _tail("rms_norm", input, normalized_shape)
    if eps is None:  # of what the numbers are computed in
        eps = finfo(from_numpy(FLOAT32) if is_half(input._array.dtype) else input.dtype).eps
    return call(RMS_NORM, (input, weight), (count, float(eps)))


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-05
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias over each of num_groups groups of channels (arXiv:1803.08494)."""
    require_tensors("group_norm", input)
    shape = input._array.shape
    if len(shape) >= 2 and num_groups > 0 and shape[1] % num_groups == 0:
        _check_count((shape[0] * shape[1] // num_groups, num_groups, *shape[2:]))
    return call(GROUP_NORM, (input, weight, bias), (int(num_groups), float(eps)))[0]


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """x / (k + alpha * mean of x^2 over `size` neighbouring channels)^beta, for (N, C, ...)."""
    require_tensors("local_response_norm", input)
    shape = input._array.shape
    if len(shape) < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {len(shape)} dimensions)")
    if not input._array.size:
        return input
    squares = pad(input * input, [0, 0] * (len(shape) - 2) + [size // 2, (size - 1) // 2])
    total = squares[:, : shape[1]]
    for i in range(1, size):
        total = total + squares[:, i : i + shape[1]]
    if input._array.dtype.kind in "iu":  # the mean of whole numbers is one, cut off
        return input / (total.div(size, rounding_mode="trunc") * alpha + k) ** beta
    return input / (total * (alpha / size) + k) ** beta
