"""Convolution that samples where it is told to (arXiv:1703.06211, 1811.11168)."""

import math
from typing import Any

import pynn
from pynn import nn
from pynn._core import Tensor
from pynn.nn._tuples import _pair
from pynn.vision.ops.sampling import bilinear

__all__ = ["DeformConv2d", "deform_conv2d"]


def deform_conv2d(
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = (1, 1),
    padding: int | tuple[int, int] = (0, 0),
    dilation: int | tuple[int, int] = (1, 1),
    mask: Tensor | None = None,
) -> Tensor:
    """A convolution each of whose taps is moved by an offset, and weighted by a mask.

    input (N, C, H, W), weight (O, C / groups, kh, kw): (N, O, oh, ow). offset (N, 2 * G * kh * kw, oh, ow): for each of
    G groups of channels, tap by tap, how far down and to the right; mask (N, G * kh * kw, oh, ow), or None for ones.
    Values between pixels are bilinear, those outside are 0. Raises RuntimeError for shapes that do not fit.
    """
    (down, right), (top, left), (dy, dx) = _pair(stride), _pair(padding), _pair(dilation)
    n, channels, height, width = input.shape
    filters, per_group, kh, kw = weight.shape
    taps = kh * kw
    oh, ow = (height + 2 * top - dy * (kh - 1) - 1) // down + 1, (width + 2 * left - dx * (kw - 1) - 1) // right + 1
    groups = offset.shape[1] // (2 * taps)
    _check(input, offset, weight, mask, groups, taps, (n, oh, ow))
    moved = offset.reshape(n, groups, taps, 2, oh, ow)
    like: dict[str, Any] = {"dtype": input.dtype, "device": input.device}
    tap_y = (pynn.arange(kh, **like) * dy - top).repeat_interleave(kw).reshape(taps, 1, 1)
    tap_x = (pynn.arange(kw, **like) * dx - left).repeat(kh).reshape(taps, 1, 1)
    y = moved[:, :, :, 0] + (tap_y + (pynn.arange(oh, **like) * down).reshape(oh, 1))
    x = moved[:, :, :, 1] + (tap_x + pynn.arange(ow, **like) * right)
    planes = input.reshape(n * groups, channels // groups, height, width)
    places = (n * groups, taps * oh * ow)
    found = bilinear(planes, y.reshape(places), x.reshape(places))
    found = found.reshape(n, groups, channels // groups, taps, oh, ow)
    if mask is not None:
        found = found * mask.reshape(n, groups, 1, taps, oh, ow)
    split = channels // per_group
    columns = found.reshape(n, split, per_group * taps, oh * ow)
    result = (weight.reshape(split, filters // split, per_group * taps) @ columns).reshape(n, filters, oh, ow)
    return result if bias is None else result + bias.reshape(-1, 1, 1)


def _check(
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    mask: Tensor | None,
    groups: int,
    taps: int,
    out: tuple[int, int, int],
) -> None:
    n, oh, ow = out
    if groups == 0 or offset.shape[1] % (2 * taps):
        raise RuntimeError(
            "the shape of the offset tensor at dimension 1 is not valid. It should be a multiple of 2 * weight.size[2] * "
            f"weight.size[3].\nGot offset.shape[1]={offset.shape[1]}, while 2 * weight.size[2] * weight.size[3]={2 * taps}"
        )
    for what, x, channels in (("offset", offset, 2 * groups * taps), ("mask", mask, groups * taps)):
        if x is not None and tuple(x.shape) != (n, channels, oh, ow):
            raise RuntimeError(f"deform_conv2d: expected {what} of shape {[n, channels, oh, ow]}, got {list(x.shape)}.")
    channels, per_group = input.shape[1], weight.shape[1]
    if channels % groups or channels % per_group or weight.shape[0] % (channels // per_group):
        raise RuntimeError(
            f"deform_conv2d: {channels} channels of input, {per_group} of weight, {weight.shape[0]} filters and "
            f"{groups} groups of offsets do not divide one another."
        )


class DeformConv2d(nn.Module):
    """`deform_conv2d` with a weight (out_channels, in_channels / groups, *kernel_size) and a bias of its own.

    Raises ValueError where groups does not divide the channels.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int | tuple[int, int],
                 stride: int | tuple[int, int] = 1, padding: int | tuple[int, int] = 0,
                 dilation: int | tuple[int, int] = 1, groups: int = 1, bias: bool = True) -> None:  # fmt: skip
        super().__init__()
        if in_channels % groups:
            raise ValueError(f"in_channels must be divisible by groups, got {in_channels} and {groups}")
        if out_channels % groups:
            raise ValueError(f"out_channels must be divisible by groups, got {out_channels} and {groups}")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride = _pair(kernel_size), _pair(stride)
        self.padding, self.dilation = _pair(padding), _pair(dilation)
        self.weight = nn.Parameter(pynn.empty(out_channels, in_channels // groups, *self.kernel_size))
        if bias:
            self.bias = nn.Parameter(pynn.empty(out_channels))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, as a Conv2d's."""
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(math.prod(self.weight.shape[1:]))
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor, offset: Tensor, mask: Tensor | None = None) -> Tensor:
        """input (N, C, H, W), offset (N, 2 * G * kh * kw, oh, ow), mask (N, G * kh * kw, oh, ow): (N, O, oh, ow)."""
        return deform_conv2d(
            input, offset, self.weight, self.bias, self.stride, self.padding, self.dilation, mask
        )  # fmt: skip

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        for name, default in (("padding", (0, 0)), ("dilation", (1, 1)), ("groups", 1)):
            value = getattr(self, name)
            text += "" if value == default else f", {name}={value}"
        return text if self.bias is not None else text + ", bias=False"
