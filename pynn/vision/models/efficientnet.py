"""EfficientNet (Tan and Le, 2019) and EfficientNetV2 (the same, 2021)."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import pynn
from pynn import Tensor, nn
from pynn.vision.models._builders import define
from pynn.vision.models._utils import _make_divisible
from pynn.vision.ops.misc import Conv2dNormActivation, SqueezeExcitation
from pynn.vision.ops.stochastic_depth import StochasticDepth

_Layer = Callable[..., nn.Module]


class _Stage:
    """Blocks of one kind: expansion, kernel, the first one's stride, channels in and out, how many."""

    block: _Layer

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        block: _Layer | None = None,
    ) -> None:
        self.expand_ratio = expand_ratio
        self.kernel = kernel
        self.stride = stride
        self.input_channels = input_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.block = block or self.default_block()

    def default_block(self) -> _Layer:
        raise NotImplementedError

    def copy(self) -> "_Stage":
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    @staticmethod
    def adjust_channels(channels: int, width_mult: float, min_value: int | None = None) -> int:
        """The multiple of 8 near channels * width_mult."""
        return _make_divisible(channels * width_mult, 8, min_value)


class MBConvConfig(_Stage):
    """A stage of MBConv blocks, wider by width_mult and deeper by depth_mult."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        width_mult: float = 1.0,
        depth_mult: float = 1.0,
        block: _Layer | None = None,
    ) -> None:
        super().__init__(
            expand_ratio,
            kernel,
            stride,
            self.adjust_channels(input_channels, width_mult),
            self.adjust_channels(out_channels, width_mult),
            self.adjust_depth(num_layers, depth_mult),
            block,
        )

    @staticmethod
    def adjust_depth(num_layers: int, depth_mult: float) -> int:
        """num_layers * depth_mult, rounded up."""
        return math.ceil(num_layers * depth_mult)

    def default_block(self) -> _Layer:
        return MBConv


class FusedMBConvConfig(_Stage):
    """A stage of FusedMBConv blocks."""

    def default_block(self) -> _Layer:
        return FusedMBConv


class _Block(nn.Module):
    """What both kinds share: a shortcut, with stochastic depth, where the shape stays."""

    def __init__(self, cnf: _Stage, stochastic_depth_prob: float, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input: Tensor) -> Tensor:
        result = self.block(input)
        if self.use_res_connect:
            result = self.stochastic_depth(result)
            result += input
        out: Tensor = result
        return out


def _expanded(cnf: _Stage) -> int:
    if not 1 <= cnf.stride <= 2:
        raise ValueError(f"illegal stride value {cnf.stride}: 1 or 2 expected")
    return cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)


class MBConv(_Block):
    """1 x 1 to more channels, depthwise, squeeze and excite, 1 x 1 back."""

    def __init__(
        self,
        cnf: MBConvConfig,
        stochastic_depth_prob: float,
        norm_layer: _Layer,
        se_layer: _Layer = SqueezeExcitation,
    ) -> None:
        inner = _expanded(cnf)
        layer = functools.partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        layers: list[nn.Module] = []
        if inner != cnf.input_channels:
            layers.append(layer(cnf.input_channels, inner, kernel_size=1))
        layers += [
            layer(inner, inner, kernel_size=cnf.kernel, stride=cnf.stride, groups=inner),
            se_layer(inner, max(1, cnf.input_channels // 4), activation=functools.partial(nn.SiLU, inplace=True)),
            layer(inner, cnf.out_channels, kernel_size=1, activation_layer=None),
        ]
        super().__init__(cnf, stochastic_depth_prob, layers)


class FusedMBConv(_Block):
    """A whole convolution to more channels and 1 x 1 back, or one convolution where there is no expansion."""

    def __init__(self, cnf: FusedMBConvConfig, stochastic_depth_prob: float, norm_layer: _Layer) -> None:
        inner = _expanded(cnf)
        layer = functools.partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        if inner == cnf.input_channels:
            layers = [layer(cnf.input_channels, cnf.out_channels, kernel_size=cnf.kernel, stride=cnf.stride)]
        else:
            layers = [
                layer(cnf.input_channels, inner, kernel_size=cnf.kernel, stride=cnf.stride),
                layer(inner, cnf.out_channels, kernel_size=1, activation_layer=None),
            ]
        super().__init__(cnf, stochastic_depth_prob, layers)


class EfficientNet(nn.Module):
    """Images (N, 3, H, W) to (N, num_classes); one config a stage.

    stochastic_depth_prob: the last block's chance to be skipped, growing from 0 at the first; last_channel: by
    default four times the last stage's. Raises ValueError for an empty setting, TypeError for one of other things.
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[MBConvConfig | FusedMBConvConfig],
        dropout: float,
        stochastic_depth_prob: float = 0.2,
        num_classes: int = 1000,
        norm_layer: _Layer | None = None,
        last_channel: int | None = None,
    ) -> None:
        super().__init__()
        if not inverted_residual_setting:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not isinstance(inverted_residual_setting, Sequence) or not all(
            isinstance(s, _Stage) for s in inverted_residual_setting
        ):
            raise TypeError("The inverted_residual_setting should be List[MBConvConfig]")
        norm = norm_layer or nn.BatchNorm2d
        layer = functools.partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.SiLU)
        layers: list[nn.Module] = [layer(3, inverted_residual_setting[0].input_channels, kernel_size=3, stride=2)]
        total, number = sum(s.num_layers for s in inverted_residual_setting), 0
        for setting in inverted_residual_setting:
            stage: list[nn.Module] = []
            for i in range(setting.num_layers):
                config = setting.copy()
                if i > 0:
                    config.input_channels, config.stride = config.out_channels, 1
                stage.append(config.block(config, stochastic_depth_prob * number / total, norm))
                number += 1
            layers.append(nn.Sequential(*stage))
        width = inverted_residual_setting[-1].out_channels
        last = 4 * width if last_channel is None else last_channel
        layers.append(layer(width, last, kernel_size=1))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout, inplace=True), nn.Linear(last, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
            elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
                nn.init.ones_(module.weight)
            elif isinstance(module, nn.Linear):
                bound = 1.0 / math.sqrt(module.out_features)
                nn.init.uniform_(module.weight, -bound, bound)
            else:
                continue
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    def _forward_impl(self, x: Tensor) -> Tensor:
        out: Tensor = self.classifier(pynn.flatten(self.avgpool(self.features(x)), 1))
        return out

    def forward(self, x: Tensor) -> Tensor:
        return self._forward_impl(x)


# Expansion, kernel, stride, channels in and out, blocks.
_B0 = [
    (1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2), (6, 3, 2, 40, 80, 3), (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1),
]  # fmt: skip
_V2: dict[str, tuple[list[tuple[int, int, int, int, int, int]], list[tuple[int, int, int, int, int, int]]]] = {
    "s": (
        [(1, 3, 1, 24, 24, 2), (4, 3, 2, 24, 48, 4), (4, 3, 2, 48, 64, 4)],
        [(4, 3, 2, 64, 128, 6), (6, 3, 1, 128, 160, 9), (6, 3, 2, 160, 256, 15)],
    ),
    "m": (
        [(1, 3, 1, 24, 24, 3), (4, 3, 2, 24, 48, 5), (4, 3, 2, 48, 80, 5)],
        [(4, 3, 2, 80, 160, 7), (6, 3, 1, 160, 176, 14), (6, 3, 2, 176, 304, 18), (6, 3, 1, 304, 512, 5)],
    ),
    "l": (
        [(1, 3, 1, 32, 32, 4), (4, 3, 2, 32, 64, 7), (4, 3, 2, 64, 96, 7)],
        [(4, 3, 2, 96, 192, 10), (6, 3, 1, 192, 224, 19), (6, 3, 2, 224, 384, 25), (6, 3, 1, 384, 640, 7)],
    ),
}


def _scaled(width_mult: float, depth_mult: float, **options: Any) -> EfficientNet:
    return EfficientNet([MBConvConfig(*row, width_mult=width_mult, depth_mult=depth_mult) for row in _B0], **options)


def _second(size: str, **options: Any) -> EfficientNet:
    fused, plain = _V2[size]
    setting: list[MBConvConfig | FusedMBConvConfig] = [FusedMBConvConfig(*row) for row in fused]
    setting += [MBConvConfig(*row) for row in plain]
    norm = functools.partial(nn.BatchNorm2d, eps=1e-3)
    defaults: dict[str, Any] = {"last_channel": 1280, "norm_layer": norm}
    return EfficientNet(setting, **(defaults | options))


_SLOW_NORM = functools.partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)

efficientnet_b0 = define("efficientnet_b0", "EfficientNet B0", _scaled, 1.0, 1.0, dropout=0.2)
efficientnet_b1 = define("efficientnet_b1", "EfficientNet B1", _scaled, 1.0, 1.1, dropout=0.2)
efficientnet_b2 = define("efficientnet_b2", "EfficientNet B2", _scaled, 1.1, 1.2, dropout=0.3)
efficientnet_b3 = define("efficientnet_b3", "EfficientNet B3", _scaled, 1.2, 1.4, dropout=0.3)
efficientnet_b4 = define("efficientnet_b4", "EfficientNet B4", _scaled, 1.4, 1.8, dropout=0.4)
efficientnet_b5 = define("efficientnet_b5", "EfficientNet B5", _scaled, 1.6, 2.2, dropout=0.4, norm_layer=_SLOW_NORM)
efficientnet_b6 = define("efficientnet_b6", "EfficientNet B6", _scaled, 1.8, 2.6, dropout=0.5, norm_layer=_SLOW_NORM)
efficientnet_b7 = define("efficientnet_b7", "EfficientNet B7", _scaled, 2.0, 3.1, dropout=0.5, norm_layer=_SLOW_NORM)
efficientnet_v2_s = define("efficientnet_v2_s", "EfficientNetV2, small", _second, "s", dropout=0.2)
efficientnet_v2_m = define("efficientnet_v2_m", "EfficientNetV2, medium", _second, "m", dropout=0.3)
efficientnet_v2_l = define("efficientnet_v2_l", "EfficientNetV2, large", _second, "l", dropout=0.4)
