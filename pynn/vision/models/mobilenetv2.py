"""MobileNetV2 (Sandler et al., 2018)."""

import functools
from collections.abc import Callable

import pynn
from pynn import Tensor, nn
from pynn.vision.models._builders import define
from pynn.vision.models._utils import _make_divisible
from pynn.vision.ops.misc import Conv2dNormActivation

_Layer = Callable[..., nn.Module]

# Expansion, channels, blocks and the first block's stride of each stage.
_STAGES = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]]


class InvertedResidual(nn.Module):
    """1 x 1 to expand_ratio times the channels, 3 x 3 depthwise, 1 x 1 back; a shortcut where the shape stays.

    Raises ValueError for a stride other than 1 and 2.
    """

    def __init__(self, inp: int, oup: int, stride: int, expand_ratio: int, norm_layer: _Layer | None = None) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        self.stride = stride
        norm = norm_layer or nn.BatchNorm2d
        layer = functools.partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.ReLU6)
        hidden = round(inp * expand_ratio)
        self.use_res_connect = stride == 1 and inp == oup
        layers: list[nn.Module] = [layer(inp, hidden, kernel_size=1)] if expand_ratio != 1 else []
        layers += [
            layer(hidden, hidden, stride=stride, groups=hidden),
            nn.Conv2d(hidden, oup, 1, 1, 0, bias=False),
            norm(oup),
        ]
        self.conv = nn.Sequential(*layers)
        self.out_channels = oup
        self._is_cn = stride > 1

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.conv(x) if self.use_res_connect else self.conv(x)
        return out


class MobileNetV2(nn.Module):
    """Images (N, 3, H, W) to (N, num_classes).

    width_mult: scales all channel counts; inverted_residual_setting: rows of expansion, channels, blocks, stride;
    round_nearest: channel counts become multiples of it. Raises ValueError for a setting of another form.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: list[list[int]] | None = None,
        round_nearest: int = 8,
        block: _Layer | None = None,
        norm_layer: _Layer | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        block = block or InvertedResidual
        norm = norm_layer or nn.BatchNorm2d
        stages = _STAGES if inverted_residual_setting is None else inverted_residual_setting
        if len(stages) == 0 or len(stages[0]) != 4:
            raise ValueError(f"inverted_residual_setting should be non-empty or a 4-element list, got {stages}")
        layer = functools.partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.ReLU6)
        channels = _make_divisible(32 * width_mult, round_nearest)
        self.last_channel = _make_divisible(1280 * max(1.0, width_mult), round_nearest)
        features: list[nn.Module] = [layer(3, channels, stride=2)]
        for expansion, width, count, first_stride in stages:
            width = _make_divisible(width * width_mult, round_nearest)
            for i in range(count):
                stride = first_stride if i == 0 else 1
                features.append(block(channels, width, stride, expand_ratio=expansion, norm_layer=norm))
                channels = width
        features.append(layer(channels, self.last_channel, kernel_size=1))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes))
        _initialise(self)

    def _forward_impl(self, x: Tensor) -> Tensor:
        x = nn.functional.adaptive_avg_pool2d(self.features(x), (1, 1))
        out: Tensor = self.classifier(pynn.flatten(x, 1))
        return out

    def forward(self, x: Tensor) -> Tensor:
        return self._forward_impl(x)


def _initialise(model: nn.Module) -> None:
    """Both MobileNets' starting weights."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
        elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            nn.init.ones_(module.weight)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)


mobilenet_v2 = define("mobilenet_v2", "MobileNetV2", MobileNetV2)
