"""MobileNetV3 (Howard et al., 2019)."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import pynn
from pynn import Tensor, nn
from pynn.vision.models._builders import define
from pynn.vision.models._utils import _make_divisible
from pynn.vision.models.mobilenetv2 import _initialise
from pynn.vision.ops.misc import Conv2dNormActivation
from pynn.vision.ops.misc import SqueezeExcitation as SElayer

_Layer = Callable[..., nn.Module]


class InvertedResidualConfig:
    """One block: channels in, inside and out, kernel, whether to squeeze and excite, "RE" or "HS", stride, dilation."""

    def __init__(
        self,
        input_channels: int,
        kernel: int,
        expanded_channels: int,
        out_channels: int,
        use_se: bool,
        activation: str,
        stride: int,
        dilation: int,
        width_mult: float,
    ) -> None:
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.kernel = kernel
        self.expanded_channels = self.adjust_channels(expanded_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.use_se = use_se
        self.use_hs = activation == "HS"
        self.stride = stride
        self.dilation = dilation

    @staticmethod
    def adjust_channels(channels: int, width_mult: float) -> int:
        """The multiple of 8 near channels * width_mult."""
        return _make_divisible(channels * width_mult, 8)


class InvertedResidual(nn.Module):
    """Expand, depthwise, squeeze and excite, project; a shortcut where the shape stays."""

    def __init__(
        self,
        cnf: InvertedResidualConfig,
        norm_layer: _Layer,
        se_layer: _Layer = functools.partial(SElayer, scale_activation=nn.Hardsigmoid),
    ) -> None:
        super().__init__()
        if cnf.stride not in (1, 2):
            raise ValueError(f"illegal stride value {cnf.stride}: 1 or 2 expected")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        inner = cnf.expanded_channels
        layer = functools.partial(Conv2dNormActivation, norm_layer=norm_layer)
        activation: type[nn.Module] = nn.Hardswish if cnf.use_hs else nn.ReLU
        layers: list[nn.Module] = []
        if inner != cnf.input_channels:
            layers.append(layer(cnf.input_channels, inner, kernel_size=1, activation_layer=activation))
        stride = 1 if cnf.dilation > 1 else cnf.stride
        layers.append(
            layer(inner, inner, cnf.kernel, stride, groups=inner, dilation=cnf.dilation, activation_layer=activation)
        )
        if cnf.use_se:
            layers.append(se_layer(inner, _make_divisible(inner // 4, 8)))
        layers.append(layer(inner, cnf.out_channels, kernel_size=1, activation_layer=None))
        self.block = nn.Sequential(*layers)
        self.out_channels = cnf.out_channels
        self._is_cn = cnf.stride > 1

    def forward(self, input: Tensor) -> Tensor:
        result = self.block(input)
        if self.use_res_connect:
            result += input
        out: Tensor = result
        return out


class MobileNetV3(nn.Module):
    """Images (N, 3, H, W) to (N, num_classes); one InvertedResidualConfig a block, last_channel before the classes.

    Raises ValueError for an empty setting and TypeError for one of other things.
    """

    def __init__(
        self,
        inverted_residual_setting: list[InvertedResidualConfig],
        last_channel: int,
        num_classes: int = 1000,
        block: _Layer | None = None,
        norm_layer: _Layer | None = None,
        dropout: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if not inverted_residual_setting:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not isinstance(inverted_residual_setting, Sequence) or not all(
            isinstance(s, InvertedResidualConfig) for s in inverted_residual_setting
        ):
            raise TypeError("The inverted_residual_setting should be List[InvertedResidualConfig]")
        block = block or InvertedResidual
        norm = norm_layer or functools.partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        layer = functools.partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.Hardswish)
        first, last = inverted_residual_setting[0].input_channels, inverted_residual_setting[-1].out_channels
        self.features = nn.Sequential(
            layer(3, first, kernel_size=3, stride=2),
            *(block(config, norm) for config in inverted_residual_setting),
            layer(last, 6 * last, kernel_size=1),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * last, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(p=dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        _initialise(self)

    def _forward_impl(self, x: Tensor) -> Tensor:
        out: Tensor = self.classifier(pynn.flatten(self.avgpool(self.features(x)), 1))
        return out

    def forward(self, x: Tensor) -> Tensor:
        return self._forward_impl(x)


# Kernel, channels inside and out, squeeze and excite, activation, stride. The last three are what `reduced_tail`
# halves and `dilated` keeps at their size.
_LARGE = [
    (3, 16, 16, False, "RE", 1), (3, 64, 24, False, "RE", 2), (3, 72, 24, False, "RE", 1), (5, 72, 40, True, "RE", 2),
    (5, 120, 40, True, "RE", 1), (5, 120, 40, True, "RE", 1), (3, 240, 80, False, "HS", 2), (3, 200, 80, False, "HS", 1),
    (3, 184, 80, False, "HS", 1), (3, 184, 80, False, "HS", 1), (3, 480, 112, True, "HS", 1),
    (3, 672, 112, True, "HS", 1), (5, 672, 160, True, "HS", 2), (5, 960, 160, True, "HS", 1), (5, 960, 160, True, "HS", 1),
]  # fmt: skip
_SMALL = [
    (3, 16, 16, True, "RE", 2), (3, 72, 24, False, "RE", 2), (3, 88, 24, False, "RE", 1), (5, 96, 40, True, "HS", 2),
    (5, 240, 40, True, "HS", 1), (5, 240, 40, True, "HS", 1), (5, 120, 48, True, "HS", 1), (5, 144, 48, True, "HS", 1),
    (5, 288, 96, True, "HS", 2), (5, 576, 96, True, "HS", 1), (5, 576, 96, True, "HS", 1),
]  # fmt: skip


def _configure(
    rows: list[tuple[int, int, int, bool, str, int]],
    last: int,
    width_mult: float = 1.0,
    reduced_tail: bool = False,
    dilated: bool = False,
) -> tuple[list[InvertedResidualConfig], int]:
    divider, dilation = 2 if reduced_tail else 1, 2 if dilated else 1
    configs = []
    channels = 16
    for i, (kernel, inner, out, squeeze, activation, stride) in enumerate(rows):
        tail = i >= len(rows) - 3
        if tail:
            out //= divider
            if i > len(rows) - 3:
                inner //= divider
        configs.append(
            InvertedResidualConfig(
                channels, kernel, inner, out, squeeze, activation, stride, dilation if tail else 1, width_mult
            )
        )
        channels = out
    return configs, InvertedResidualConfig.adjust_channels(last // divider, width_mult)


def _mobilenet(rows: list[tuple[int, int, int, bool, str, int]], last: int, **options: Any) -> MobileNetV3:
    own = {name: options.pop(name) for name in ("width_mult", "reduced_tail", "dilated") if name in options}
    configs, last_channel = _configure(rows, last, **own)
    return MobileNetV3(configs, last_channel, **options)


mobilenet_v3_large = define("mobilenet_v3_large", "MobileNetV3, the large form", _mobilenet, _LARGE, 1280)
mobilenet_v3_small = define("mobilenet_v3_small", "MobileNetV3, the small form", _mobilenet, _SMALL, 1024)
