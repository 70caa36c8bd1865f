"""Residual networks (He et al., 2015), ResNeXt (Xie et al., 2017) and wide ones (Zagoruyko and Komodakis, 2016)."""

from collections.abc import Callable
from typing import ClassVar

import pynn
from pynn import Tensor, nn
from pynn.vision.models._builders import define

_Norm = Callable[..., nn.Module]


def conv3x3(in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A 3 x 3 convolution without bias that keeps the size at stride 1."""
    return nn.Conv2d(in_planes, out_planes, 3, stride, dilation, dilation, groups, bias=False)


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """A 1 x 1 convolution without bias."""
    return nn.Conv2d(in_planes, out_planes, 1, stride, bias=False)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut. Raises for groups, widths and dilations it has no use for."""

    expansion: ClassVar[int] = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: _Norm | None = None,
    ) -> None:
        super().__init__()
        if groups != 1 or base_width != 64:
            raise ValueError(f"BasicBlock only supports groups=1 and base_width=64, got {groups} and {base_width}")
        if dilation > 1:
            raise NotImplementedError(f"Dilation > 1 not supported in BasicBlock, got {dilation}")
        norm = norm_layer or nn.BatchNorm2d
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += shortcut
        result: Tensor = self.relu(out)
        return result


class Bottleneck(nn.Module):
    """A 3 x 3 convolution between two of 1 x 1, beside a shortcut; the stride is the 3 x 3's ("v1.5")."""

    expansion: ClassVar[int] = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: _Norm | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += shortcut
        result: Tensor = self.relu(out)
        return result


class ResNet(nn.Module):
    """Images (N, 3, H, W) to (N, num_classes).

    block: BasicBlock, Bottleneck or one like them; layers: how many in each of the four stages.
    zero_init_residual: start with every block's last norm at 0, so that blocks begin as the identity.
    replace_stride_with_dilation: for each of the last three stages, whether to dilate rather than halve the size.
    """

    def __init__(
        self,
        block: "type[BasicBlock | Bottleneck]",
        layers: list[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: list[bool] | None = None,
        norm_layer: _Norm | None = None,
    ) -> None:
        super().__init__()
        self._norm_layer = norm_layer or nn.BatchNorm2d
        self.inplanes = 64
        self.dilation = 1
        dilate = [False] * 3 if replace_stride_with_dilation is None else replace_stride_with_dilation
        if len(dilate) != 3:
            raise ValueError(
                f"replace_stride_with_dilation should be None or a 3-element tuple, got {replace_stride_with_dilation}"
            )
        self.groups = groups
        self.base_width = width_per_group
        self.conv1 = nn.Conv2d(3, self.inplanes, 7, 2, 3, bias=False)
        self.bn1 = self._norm_layer(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], stride=2, dilate=dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], stride=2, dilate=dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], stride=2, dilate=dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        self._initialise(zero_init_residual)

    def _initialise(self, zero_init_residual: bool) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
        for module in self.modules() if zero_init_residual else ():
            last = getattr(module, {BasicBlock: "bn2", Bottleneck: "bn3"}.get(type(module), ""), None)
            if last is not None and last.weight is not None:
                nn.init.zeros_(last.weight)

    def _make_layer(
        self, block: "type[BasicBlock | Bottleneck]", planes: int, blocks: int, stride: int = 1, dilate: bool = False
    ) -> nn.Sequential:
        norm = self._norm_layer
        before = self.dilation
        if dilate:
            self.dilation *= stride
            stride = 1
        width = planes * block.expansion
        downsample = None
        if stride != 1 or self.inplanes != width:
            downsample = nn.Sequential(conv1x1(self.inplanes, width, stride), norm(width))
        stage = [block(self.inplanes, planes, stride, downsample, self.groups, self.base_width, before, norm)]
        self.inplanes = width
        for _ in range(1, blocks):
            stage.append(
                block(
                    width,
                    planes,
                    groups=self.groups,
                    base_width=self.base_width,
                    dilation=self.dilation,
                    norm_layer=norm,
                )
            )
        return nn.Sequential(*stage)

    def _forward_impl(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        out: Tensor = self.fc(pynn.flatten(self.avgpool(x), 1))
        return out

    def forward(self, x: Tensor) -> Tensor:
        return self._forward_impl(x)


resnet18 = define("resnet18", "ResNet-18", ResNet, BasicBlock, [2, 2, 2, 2])
resnet34 = define("resnet34", "ResNet-34", ResNet, BasicBlock, [3, 4, 6, 3])
resnet50 = define("resnet50", "ResNet-50", ResNet, Bottleneck, [3, 4, 6, 3])
resnet101 = define("resnet101", "ResNet-101", ResNet, Bottleneck, [3, 4, 23, 3])
resnet152 = define("resnet152", "ResNet-152", ResNet, Bottleneck, [3, 8, 36, 3])
resnext50_32x4d = define(
    "resnext50_32x4d", "ResNeXt-50 with 32 groups of 4 channels", ResNet, Bottleneck, [3, 4, 6, 3],
    groups=32, width_per_group=4,
)  # fmt: skip
resnext101_32x8d = define(
    "resnext101_32x8d", "ResNeXt-101 with 32 groups of 8 channels", ResNet, Bottleneck, [3, 4, 23, 3],
    groups=32, width_per_group=8,
)  # fmt: skip
resnext101_64x4d = define(
    "resnext101_64x4d", "ResNeXt-101 with 64 groups of 4 channels", ResNet, Bottleneck, [3, 4, 23, 3],
    groups=64, width_per_group=4,
)  # fmt: skip
wide_resnet50_2 = define(
    "wide_resnet50_2", "ResNet-50 with twice the channels inside its bottlenecks", ResNet, Bottleneck, [3, 4, 6, 3],
    width_per_group=128,
)  # fmt: skip
wide_resnet101_2 = define(
    "wide_resnet101_2", "ResNet-101 with twice the channels inside its bottlenecks", ResNet, Bottleneck, [3, 4, 23, 3],
    width_per_group=128,
)  # fmt: skip
