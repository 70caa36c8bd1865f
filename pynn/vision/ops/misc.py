"""Building blocks that several networks share; names, arguments and state_dict keys are torchvision's."""

from collections.abc import Callable, Sequence
from typing import Any

import pynn
from pynn import Tensor, nn

__all__ = [
    "MLP",
    "Conv2dNormActivation",
    "Conv3dNormActivation",
    "ConvNormActivation",
    "FrozenBatchNorm2d",
    "Permute",
    "SqueezeExcitation",
]

_Layer = Callable[..., nn.Module]


class ConvNormActivation(nn.Sequential):
    """A convolution, a norm and an activation: entries 0, 1 and 2.

    padding: by default what keeps the size at stride 1. norm_layer, activation_layer: called with the channels,
    and with nothing (or `inplace=`); None leaves the entry out. bias: by default only where there is no norm.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...] = 3,
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] | str | None = None,
        groups: int = 1,
        norm_layer: _Layer | None = nn.BatchNorm2d,
        activation_layer: _Layer | None = nn.ReLU,
        dilation: int | tuple[int, ...] = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
        conv_layer: _Layer = nn.Conv2d,
    ) -> None:
        if padding is None:
            padding = _same(kernel_size, dilation)
        if bias is None:
            bias = norm_layer is None
        layers = [
            conv_layer(
                in_channels, out_channels, kernel_size, stride, padding, dilation=dilation, groups=groups, bias=bias
            )
        ]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer() if inplace is None else activation_layer(inplace=inplace))
        super().__init__(*layers)
        self.out_channels = out_channels


def _same(kernel_size: int | tuple[int, ...], dilation: int | tuple[int, ...]) -> int | tuple[int, ...]:
    """The padding that keeps an odd kernel's output as large as its input."""
    if isinstance(kernel_size, int) and isinstance(dilation, int):
        return (kernel_size - 1) // 2 * dilation
    rank = len(kernel_size) if isinstance(kernel_size, Sequence) else len(dilation)  # type: ignore[arg-type]
    sizes = kernel_size if isinstance(kernel_size, Sequence) else (kernel_size,) * rank
    steps = dilation if isinstance(dilation, Sequence) else (dilation,) * rank
    return tuple((k - 1) // 2 * d for k, d in zip(sizes, steps))


class Conv2dNormActivation(ConvNormActivation):
    """ConvNormActivation over images (N, C, H, W)."""


class Conv3dNormActivation(ConvNormActivation):
    """ConvNormActivation over volumes (N, C, D, H, W)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...] = 3,
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] | str | None = None,
        groups: int = 1,
        norm_layer: _Layer | None = nn.BatchNorm3d,
        activation_layer: _Layer | None = nn.ReLU,
        dilation: int | tuple[int, ...] = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, groups, norm_layer, activation_layer,
                         dilation, inplace, bias, nn.Conv3d)  # fmt: skip


class SqueezeExcitation(nn.Module):
    """Scales every channel by what two 1 x 1 convolutions make of all channels' means.

    Hu, Shen and Sun: Squeeze-and-Excitation Networks, 2018. Input and output: (N, input_channels, H, W).
    """

    def __init__(
        self,
        input_channels: int,
        squeeze_channels: int,
        activation: _Layer = nn.ReLU,
        scale_activation: _Layer = nn.Sigmoid,
    ) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def forward(self, input: Tensor) -> Tensor:
        scale = self.fc2(self.activation(self.fc1(self.avgpool(input))))
        out: Tensor = self.scale_activation(scale) * input
        return out


class MLP(nn.Sequential):
    """Linear layers with norm, activation and dropout between them, and dropout after the last.

    hidden_channels: the width after each layer; the last is the output's.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: Sequence[int],
        norm_layer: _Layer | None = None,
        activation_layer: _Layer | None = nn.ReLU,
        inplace: bool | None = None,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        options: dict[str, Any] = {} if inplace is None else {"inplace": inplace}
        layers: list[nn.Module] = []
        *inner, last = hidden_channels
        for width in inner:
            layers.append(nn.Linear(in_channels, width, bias=bias))
            if norm_layer is not None:
                layers.append(norm_layer(width))
            if activation_layer is not None:
                layers.append(activation_layer(**options))
            layers.append(nn.Dropout(dropout, **options))
            in_channels = width
        layers += [nn.Linear(in_channels, last, bias=bias), nn.Dropout(dropout, **options)]
        super().__init__(*layers)


class Permute(nn.Module):
    """`input.permute(dims)` as a module."""

    def __init__(self, dims: Sequence[int]) -> None:
        super().__init__()
        self.dims = list(dims)

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(*self.dims)


class FrozenBatchNorm2d(nn.Module):
    """Batch norm whose weight, bias and statistics are buffers and never change. Input: (N, num_features, H, W)."""

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", pynn.ones(num_features))
        self.register_buffer("bias", pynn.zeros(num_features))
        self.register_buffer("running_mean", pynn.zeros(num_features))
        self.register_buffer("running_var", pynn.ones(num_features))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        state_dict.pop(prefix + "num_batches_tracked", None)  # weights of an ordinary batch norm fit too
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        out: Tensor = x * scale.reshape(1, -1, 1, 1) + shift.reshape(1, -1, 1, 1)
        return out

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, eps={self.eps}"
