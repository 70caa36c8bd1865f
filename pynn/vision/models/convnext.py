"""ConvNeXt (Liu et al., 2022)."""

import functools
from collections.abc import Callable
from typing import Any

import pynn
from pynn import Tensor, nn
from pynn.nn import functional as F
from pynn.vision.models._builders import define
from pynn.vision.ops.misc import Conv2dNormActivation, Permute
from pynn.vision.ops.stochastic_depth import StochasticDepth

_Layer = Callable[..., nn.Module]


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of (N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class CNBlock(nn.Module):
    """Depthwise 7 x 7, layer norm, a perceptron on the channels; scaled by `layer_scale` and added to the input."""

    def __init__(
        self, dim: int, layer_scale: float, stochastic_depth_prob: float, norm_layer: _Layer | None = None
    ) -> None:
        super().__init__()
        norm = norm_layer or functools.partial(nn.LayerNorm, eps=1e-6)
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim, bias=True),
            Permute([0, 2, 3, 1]),
            norm(dim),
            nn.Linear(dim, 4 * dim, bias=True),
            nn.GELU(),
            nn.Linear(4 * dim, dim, bias=True),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = nn.Parameter(pynn.ones(dim, 1, 1) * layer_scale)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input: Tensor) -> Tensor:
        result = self.layer_scale * self.block(input)
        result = self.stochastic_depth(result)
        result += input
        out: Tensor = result
        return out


class CNBlockConfig:
    """A stage: its channels, the next one's (None: there is none), and how many blocks."""

    def __init__(self, input_channels: int, out_channels: int | None, num_layers: int) -> None:
        self.input_channels = input_channels
        self.out_channels = out_channels
        self.num_layers = num_layers

    def __repr__(self) -> str:
        inner = f"input_channels={self.input_channels}, out_channels={self.out_channels}, num_layers={self.num_layers}"
        return f"CNBlockConfig({inner})"


class ConvNeXt(nn.Module):
    """Images (N, 3, H, W) to (N, num_classes).

    stochastic_depth_prob: the last block's chance to be skipped, growing from 0 at the first.
    Raises ValueError for an empty setting and TypeError for one of other things.
    """

    def __init__(
        self,
        block_setting: list[CNBlockConfig],
        stochastic_depth_prob: float = 0.0,
        layer_scale: float = 1e-6,
        num_classes: int = 1000,
        block: _Layer | None = None,
        norm_layer: _Layer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if not block_setting:
            raise ValueError("The block_setting should not be empty")
        if not all(isinstance(setting, CNBlockConfig) for setting in block_setting):
            raise TypeError("The block_setting should be List[CNBlockConfig]")
        block = block or CNBlock
        norm = norm_layer or functools.partial(LayerNorm2d, eps=1e-6)
        first, last = (
            block_setting[0].input_channels,
            block_setting[-1].out_channels or block_setting[-1].input_channels,
        )
        layers: list[nn.Module] = [
            Conv2dNormActivation(3, first, 4, 4, 0, norm_layer=norm, activation_layer=None, bias=True)
        ]
        total, number = sum(setting.num_layers for setting in block_setting), 0
        for setting in block_setting:
            stage = []
            for _ in range(setting.num_layers):
                probability = stochastic_depth_prob * number / (total - 1.0)
                stage.append(block(setting.input_channels, layer_scale, probability))
                number += 1
            layers.append(nn.Sequential(*stage))
            if setting.out_channels is not None:
                smaller = nn.Conv2d(setting.input_channels, setting.out_channels, kernel_size=2, stride=2)
                layers.append(nn.Sequential(norm(setting.input_channels), smaller))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(norm(last), nn.Flatten(1), nn.Linear(last, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def _forward_impl(self, x: Tensor) -> Tensor:
        out: Tensor = self.classifier(self.avgpool(self.features(x)))
        return out

    def forward(self, x: Tensor) -> Tensor:
        return self._forward_impl(x)


def _convnext(widths: list[int], deep: int, **options: Any) -> ConvNeXt:
    stages = zip(widths, [*widths[1:], None], (3, 3, deep, 3))
    return ConvNeXt([CNBlockConfig(width, following, count) for width, following, count in stages], **options)


convnext_tiny = define("convnext_tiny", "ConvNeXt, tiny", _convnext, [96, 192, 384, 768], 9, stochastic_depth_prob=0.1)
convnext_small = define(
    "convnext_small", "ConvNeXt, small", _convnext, [96, 192, 384, 768], 27, stochastic_depth_prob=0.4
)
convnext_base = define(
    "convnext_base", "ConvNeXt, base", _convnext, [128, 256, 512, 1024], 27, stochastic_depth_prob=0.5
)
convnext_large = define(
    "convnext_large", "ConvNeXt, large", _convnext, [192, 384, 768, 1536], 27, stochastic_depth_prob=0.5
)
