"""Convolutions and sliding windows, with torch.nn.functional's signatures.

Inputs are (N, C, ...) or (C, ...). All raise RuntimeError for shapes, dtypes and amounts that do not fit.
"""

from typing import Any

from pynn._core import Tensor, call
from pynn.nn.common_types import _size_any_t
from pynn.nn.functional.arguments import require_tensors, sizes
from pynn.nn.functional.pad import pad
from pynn.ops.conv import CONV2D, CONV2D_INPUT, CONV3D, CONV3D_INPUT, wrong_channels
from pynn.ops.registry import export
from pynn.ops.unfold import FOLD, UNFOLD

__all__ = [
    "conv1d", "conv2d", "conv3d", "conv_tbc", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "fold",
    "unfold",
]  # fmt: skip


def _same_padding(input: Any, weight: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """(input, padding): "same" and "valid" as amounts; where "same" is odd the input is padded at its end."""
    dims = len(stride)
    if not isinstance(padding, str):
        return input, sizes(padding, dims, "padding")
    if padding == "valid":
        return input, (0,) * dims
    if padding != "same":
        raise RuntimeError(f"Invalid padding string: {padding!r}. Use 'same', 'valid' or amounts.")
    if any(s != 1 for s in stride):
        raise RuntimeError(f"padding='same' is not supported for strided convolutions, got stride={stride}.")
    total = [d * (k - 1) for k, d in zip(weight._array.shape[-dims:], dilation)]
    if any(t % 2 for t in total):
        input = pad(input, [n for t in reversed(total) for n in (0, t % 2)])
    return input, tuple(t // 2 for t in total)


def _batched(name: str, input: Any, weight: Any, dims: Any) -> Any:
    """(input with a batch dimension, whether it lacked one)."""
    for what, x in (("input", input), ("weight", weight)):
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}(): argument '{what}' must be Tensor, not {type(x).__name__}.")
    shape = input._array.shape
    if len(shape) not in (dims + 1, dims + 2) or weight._array.ndim != dims + 2:
        raise RuntimeError(
            f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, and a {dims + 2}D weight, but "
            f"got input of size: {list(shape)} and weight of size: {list(weight._array.shape)}."
        )
    return (input.unsqueeze(0), True) if len(shape) == dims + 1 else (input, False)


def _convolve(
    dims: Any, input: Tensor, weight: Tensor, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Tensor:
    input, single = _batched(f"conv{dims}d", input, weight, dims)
    stride, dilation = sizes(stride, dims, "stride"), sizes(dilation, dims, "dilation")
    input, padding = _same_padding(input, weight, stride, padding, dilation)
    if dims == 1:
        taken, held = input._array.shape, weight._array.shape
        if groups > 0 and taken[1] != held[1] * groups:
            raise wrong_channels(taken, held, groups)
        lead = ((1, *stride), (0, *padding), (1, *dilation))
        result = call(CONV2D, (input.unsqueeze(2), weight.unsqueeze(2), bias), (*lead, int(groups))).squeeze(2)
    else:
        op = CONV2D if dims == 2 else CONV3D
        result = call(op, (input, weight, bias), (stride, padding, dilation, int(groups)))
    return result.squeeze(0) if single else result


@export(method=False)
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _size_any_t = 1,
    padding: str | _size_any_t = 0,
    dilation: _size_any_t = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of input (N, C, L) with weight (O, C / groups, K): (N, O, L').

    L' = (L + 2 padding - dilation (K - 1) - 1) // stride + 1. padding may be "same" (stride 1) or "valid".
    """
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups)


@export(method=False)
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _size_any_t = 1,
    padding: str | _size_any_t = 0,
    dilation: _size_any_t = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of input (N, C, H, W) with weight (O, C / groups, KH, KW): (N, O, H', W'); see conv1d."""
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups)


@export(method=False)
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _size_any_t = 1,
    padding: str | _size_any_t = 0,
    dilation: _size_any_t = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of input (N, C, D, H, W) with weight (O, C / groups, KD, KH, KW): see conv1d."""
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups)


@export(method=False)
def conv_tbc(input: Tensor, weight: Tensor, bias: Any, pad: int = 0) -> Tensor:
    """conv1d with time first: input (T, N, C), weight (K, C, O), bias (O): (T + 2 pad - K + 1, N, O)."""
    require_tensors("conv_tbc", input, weight, bias, names=("input", "weight", "bias"))
    if input.ndim != 3 or weight.ndim != 3 or bias.ndim != 1:
        raise RuntimeError(
            f"conv_tbc takes input (time, batch, channels), weight (kernel, channels, outputs) and bias (outputs), got "
            f"{list(input.shape)}, {list(weight.shape)} and {list(bias.shape)}."
        )
    return conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, 1, pad).permute(2, 0, 1)


def _transposed(
    dims: Any,
    input: Tensor,
    weight: Tensor,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    input, single = _batched(f"conv_transpose{dims}d", input, weight, dims)
    named = (("stride", stride), ("padding", padding), ("output_padding", output_padding), ("dilation", dilation))
    stride, padding, extra, dilation = (sizes(v, dims, n) for n, v in named)
    if any(e >= s and e >= d for e, s, d in zip(extra, stride, dilation)):
        raise RuntimeError(
            f"output padding must be smaller than either stride or dilation, but got output_padding: {extra}, stride: "
            f"{stride}, dilation: {dilation}."
        )
    size = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1
        for n, k, s, p, d, e in zip(input._array.shape[2:], weight._array.shape[2:], stride, padding, dilation, extra)
    )
    if min(size) < 1:
        raise RuntimeError(
            f"Given input size per channel: {list(input._array.shape[2:])}. Calculated output size per channel: "
            f"{list(size)}. Output size is too small."
        )
    channels = weight._array.shape[1] * groups
    if bias is not None and bias._array.shape != (channels,):
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(weight._array.shape)}, expected bias to be 1-dimensional with "
            f"{channels} elements, but got bias of size {list(bias._array.shape)} instead."
        )
    if dims == 1:
        geometry = ((1, *stride), (0, *padding), (1, *dilation), int(groups), (1, *size))
        result = call(CONV2D_INPUT, (input.unsqueeze(2), weight.unsqueeze(2)), geometry).squeeze(2)
    else:
        op = CONV2D_INPUT if dims == 2 else CONV3D_INPUT
        result = call(op, (input, weight), (stride, padding, dilation, int(groups), size))
    result = result if bias is None else result + bias.reshape((1, -1) + (1,) * dims)
    return result.squeeze(0) if single else result


@export(method=False)
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _size_any_t = 1,
    padding: _size_any_t = 0,
    output_padding: _size_any_t = 0,
    groups: int = 1,
    dilation: _size_any_t = 1,
) -> Tensor:
    """The gradient of conv1d as a map: input (N, C, L), weight (C, O / groups, K): (N, O, L').

    L' = (L - 1) stride - 2 padding + dilation (K - 1) + output_padding + 1.
    """
    return _transposed(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@export(method=False)
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _size_any_t = 1,
    padding: _size_any_t = 0,
    output_padding: _size_any_t = 0,
    groups: int = 1,
    dilation: _size_any_t = 1,
) -> Tensor:
    """The gradient of conv2d as a map: input (N, C, H, W), weight (C, O / groups, KH, KW); see conv_transpose1d."""
    return _transposed(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@export(method=False)
def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _size_any_t = 1,
    padding: _size_any_t = 0,
    output_padding: _size_any_t = 0,
    groups: int = 1,
    dilation: _size_any_t = 1,
) -> Tensor:
    """The gradient of conv3d as a map: input (N, C, D, H, W), weight (C, O / groups, ...); see conv_transpose1d."""
    return _transposed(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def unfold(
    input: Tensor,
    kernel_size: _size_any_t,
    dilation: _size_any_t = 1,
    padding: _size_any_t = 0,
    stride: _size_any_t = 1,
) -> Tensor:
    """The sliding windows of input (N, C, H, W) as columns: (N, C * prod(kernel_size), windows)."""
    geometry = ((kernel_size, "kernel_size"), (dilation, "dilation"), (padding, "padding"), (stride, "stride"))
    single = input._array.ndim == 3
    x = input.unsqueeze(0) if single else input
    result = call(UNFOLD, (x,), tuple(sizes(v, 2, n) for v, n in geometry))
    return result.squeeze(0) if single else result


def fold(
    input: Tensor,
    output_size: Any,
    kernel_size: _size_any_t,
    dilation: _size_any_t = 1,
    padding: _size_any_t = 0,
    stride: _size_any_t = 1,
) -> Tensor:
    """unfold's columns (N, C * prod(kernel_size), windows) summed into an image (N, C, *output_size)."""
    geometry = (
        (output_size, "output_size"), (kernel_size, "kernel_size"), (dilation, "dilation"), (padding, "padding"),
        (stride, "stride"),
    )  # fmt: skip
    single = input._array.ndim == 2
    x = input.unsqueeze(0) if single else input
    result = call(FOLD, (x,), tuple(sizes(v, 2, n) for v, n in geometry))
    return result.squeeze(0) if single else result
