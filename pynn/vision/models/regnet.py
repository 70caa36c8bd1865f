"""RegNet (Radosavovic et al., 2020): widths that grow along a line, rounded into stages."""

import itertools
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy

from pynn import Tensor, nn
from pynn.vision.models._builders import define
from pynn.vision.models._utils import _make_divisible
from pynn.vision.ops.misc import Conv2dNormActivation, SqueezeExcitation

_Layer = Callable[..., nn.Module]


class SimpleStemIN(Conv2dNormActivation):
    """A 3 x 3 convolution of stride 2, a norm and an activation."""

    def __init__(self, width_in: int, width_out: int, norm_layer: _Layer, activation_layer: _Layer) -> None:
        super().__init__(width_in, width_out, 3, 2, norm_layer=norm_layer, activation_layer=activation_layer)


class BottleneckTransform(nn.Sequential):
    """1 x 1, grouped 3 x 3, squeeze and excite where se_ratio is given, 1 x 1: entries a, b, se, c."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer: _Layer,
        activation_layer: _Layer,
        group_width: int,
        bottleneck_multiplier: float,
        se_ratio: float | None,
    ) -> None:
        inner = round(width_out * bottleneck_multiplier)
        options: dict[str, Any] = {"norm_layer": norm_layer, "activation_layer": activation_layer}
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["a"] = Conv2dNormActivation(width_in, inner, 1, **options)
        layers["b"] = Conv2dNormActivation(inner, inner, 3, stride, groups=inner // group_width, **options)
        if se_ratio:
            layers["se"] = SqueezeExcitation(inner, round(se_ratio * width_in), activation=activation_layer)
        layers["c"] = Conv2dNormActivation(inner, width_out, 1, norm_layer=norm_layer, activation_layer=None)
        super().__init__(layers)


class ResBottleneckBlock(nn.Module):
    """A BottleneckTransform beside a shortcut, which is projected where the shape changes."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer: _Layer,
        activation_layer: _Layer,
        group_width: int = 1,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
    ) -> None:
        super().__init__()
        self.proj = None
        if width_in != width_out or stride != 1:
            self.proj = Conv2dNormActivation(
                width_in, width_out, 1, stride, norm_layer=norm_layer, activation_layer=None
            )
        self.f = BottleneckTransform(
            width_in, width_out, stride, norm_layer, activation_layer, group_width, bottleneck_multiplier, se_ratio
        )
        self.activation = activation_layer(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.proj is None else self.proj(x)
        out: Tensor = self.activation(shortcut + self.f(x))
        return out


class AnyStage(nn.Sequential):
    """`depth` blocks of one width, the first with the stride."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        depth: int,
        block_constructor: _Layer,
        norm_layer: _Layer,
        activation_layer: _Layer,
        group_width: int,
        bottleneck_multiplier: float,
        se_ratio: float | None = None,
        stage_index: int = 0,
    ) -> None:
        super().__init__()
        for i in range(depth):
            block = block_constructor(
                width_in if i == 0 else width_out,
                width_out,
                stride if i == 0 else 1,
                norm_layer,
                activation_layer,
                group_width,
                bottleneck_multiplier,
                se_ratio,
            )
            self.add_module(f"block{stage_index}-{i}", block)


class BlockParams:
    """Depth, width, width of a group, bottleneck and stride of every stage."""

    def __init__(
        self,
        depths: list[int],
        widths: list[int],
        group_widths: list[int],
        bottleneck_multipliers: list[float],
        strides: list[int],
        se_ratio: float | None = None,
    ) -> None:
        self.depths = depths
        self.widths = widths
        self.group_widths = group_widths
        self.bottleneck_multipliers = bottleneck_multipliers
        self.strides = strides
        self.se_ratio = se_ratio

    @classmethod
    def from_init_params(
        cls,
        depth: int,
        w_0: int,
        w_a: float,
        w_m: float,
        group_width: int,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
        **kwargs: Any,
    ) -> "BlockParams":
        """The stages of a network whose block i wants to be w_0 + w_a i wide.

        Widths are rounded to w_0 times a power of w_m, then to a multiple of 8, and blocks of one width form a
        stage. Raises ValueError for settings outside the family.
        """
        if w_a < 0 or w_0 <= 0 or w_m <= 1 or w_0 % 8 != 0:
            raise ValueError(f"Invalid RegNet settings: w_0={w_0}, w_a={w_a}, w_m={w_m}")
        wanted = numpy.arange(depth, dtype=numpy.float32) * numpy.float32(w_a) + w_0
        powers = numpy.round(numpy.log(wanted / w_0) / math.log(w_m))
        widths = (numpy.round(w_0 * numpy.power(w_m, powers) / 8) * 8).astype(int).tolist()
        stages = [(width, len(list(blocks))) for width, blocks in itertools.groupby(widths)]
        # A stage's inner width has to be a multiple of its groups' width.
        inner = [int(width * bottleneck_multiplier) for width, _ in stages]
        groups = [min(group_width, width) for width in inner]
        fitted = [_make_divisible(width, group) for width, group in zip(inner, groups)]
        return cls(
            depths=[count for _, count in stages],
            widths=[int(width / bottleneck_multiplier) for width in fitted],
            group_widths=groups,
            bottleneck_multipliers=[bottleneck_multiplier] * len(stages),
            strides=[2] * len(stages),
            se_ratio=se_ratio,
        )

    def _get_expanded_params(self) -> Iterator[tuple[int, int, int, int, float]]:
        return zip(self.widths, self.strides, self.depths, self.group_widths, self.bottleneck_multipliers)


class RegNet(nn.Module):
    """Images (N, 3, H, W) to (N, num_classes)."""

    def __init__(
        self,
        block_params: BlockParams,
        num_classes: int = 1000,
        stem_width: int = 32,
        stem_type: _Layer | None = None,
        block_type: _Layer | None = None,
        norm_layer: _Layer | None = None,
        activation: _Layer | None = None,
    ) -> None:
        super().__init__()
        norm, activation = norm_layer or nn.BatchNorm2d, activation or nn.ReLU
        block = block_type or ResBottleneckBlock
        self.stem = (stem_type or SimpleStemIN)(3, stem_width, norm, activation)
        width_in = stem_width
        stages: OrderedDict[str, nn.Module] = OrderedDict()
        for i, (width, stride, depth, group, bottleneck) in enumerate(block_params._get_expanded_params(), 1):
            stages[f"block{i}"] = AnyStage(
                width_in, width, stride, depth, block, norm, activation, group, bottleneck, block_params.se_ratio, i
            )
            width_in = width
        self.trunk_output = nn.Sequential(stages)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(width_in, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
                nn.init.normal_(module.weight, mean=0.0, std=math.sqrt(2.0 / fan_out))
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, mean=0.0, std=0.01)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc(self.avgpool(self.trunk_output(self.stem(x))).flatten(start_dim=1))
        return out


def _regnet(kind: str, row: tuple[int, int, float, float, int], **options: Any) -> RegNet:
    return RegNet(BlockParams.from_init_params(*row, se_ratio=0.25 if kind == "y" else None), **options)


def _define(name: str, depth: int, w_0: int, w_a: float, w_m: float, group_width: int) -> Callable[..., nn.Module]:
    kind, _, size = name.partition("_")
    about = f"RegNet{kind.upper()} of {size.replace('_', '.')[:-2]} {size[-2:].upper()} operations"
    return define(f"regnet_{name}", about, _regnet, kind, (depth, w_0, w_a, w_m, group_width))


regnet_x_400mf = _define("x_400mf", 22, 24, 24.48, 2.54, 16)
regnet_x_800mf = _define("x_800mf", 16, 56, 35.73, 2.28, 16)
regnet_x_1_6gf = _define("x_1_6gf", 18, 80, 34.01, 2.25, 24)
regnet_x_3_2gf = _define("x_3_2gf", 25, 88, 26.31, 2.25, 48)
regnet_x_8gf = _define("x_8gf", 23, 80, 49.56, 2.88, 120)
regnet_x_16gf = _define("x_16gf", 22, 216, 55.59, 2.1, 128)
regnet_x_32gf = _define("x_32gf", 23, 320, 69.86, 2.0, 168)
regnet_y_400mf = _define("y_400mf", 16, 48, 27.89, 2.09, 8)
regnet_y_800mf = _define("y_800mf", 14, 56, 38.84, 2.4, 16)
regnet_y_1_6gf = _define("y_1_6gf", 27, 48, 20.71, 2.65, 24)
regnet_y_3_2gf = _define("y_3_2gf", 21, 80, 42.63, 2.66, 24)
regnet_y_8gf = _define("y_8gf", 17, 192, 76.82, 2.19, 56)
regnet_y_16gf = _define("y_16gf", 18, 200, 106.23, 2.48, 112)
regnet_y_32gf = _define("y_32gf", 20, 232, 115.89, 2.53, 232)
regnet_y_128gf = _define("y_128gf", 27, 456, 160.83, 2.52, 264)
