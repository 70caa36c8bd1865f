"""ShuffleNetV2 (Ma et al., 2018)."""

import pynn
from pynn import Tensor, nn
from pynn.vision.models._builders import define


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """x (N, C, H, W) with the channels of `groups` equal groups taken in turn."""
    n, channels, height, width = x.shape
    return x.view(n, groups, channels // groups, height, width).transpose(1, 2).reshape(n, channels, height, width)


def _convolved(
    inp: int, oup: int, kernel: int = 1, stride: int = 1, depthwise: bool = False, relu: bool = True
) -> list[nn.Module]:
    groups = inp if depthwise else 1
    layers = [nn.Conv2d(inp, oup, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(oup)]
    return layers + [nn.ReLU(inplace=True)] if relu else layers


class InvertedResidual(nn.Module):
    """Half of the channels pass as they are (stride 1) or through a depthwise convolution; then both are shuffled.

    Raises ValueError for a stride outside 1 to 3 and channels that do not fit stride 1.
    """

    def __init__(self, inp: int, oup: int, stride: int) -> None:
        super().__init__()
        if not 1 <= stride <= 3:
            raise ValueError(f"illegal stride value {stride}: 1 to 3 expected")
        half = oup // 2
        if stride == 1 and inp != half << 1:
            raise ValueError(
                f"Invalid combination of stride {stride}, inp {inp} and oup {oup}: at stride 1, inp must be oup."
            )
        self.stride = stride
        first: list[nn.Module] = []
        if stride > 1:
            first = _convolved(inp, inp, 3, stride, depthwise=True, relu=False) + _convolved(inp, half)
        self.branch1 = nn.Sequential(*first)
        self.branch2 = nn.Sequential(
            *_convolved(inp if stride > 1 else half, half),
            *_convolved(half, half, 3, stride, depthwise=True, relu=False),
            *_convolved(half, half),
        )

    @staticmethod
    def depthwise_conv(
        i: int, o: int, kernel_size: int, stride: int = 1, padding: int = 0, bias: bool = False
    ) -> nn.Conv2d:
        """A convolution of every channel by itself."""
        return nn.Conv2d(i, o, kernel_size, stride, padding, bias=bias, groups=i)

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 1:
            kept, changed = x.chunk(2, dim=1)
            out = pynn.cat((kept, self.branch2(changed)), dim=1)
        else:
            out = pynn.cat((self.branch1(x), self.branch2(x)), dim=1)
        return channel_shuffle(out, 2)


class ShuffleNetV2(nn.Module):
    """Images (N, 3, H, W) to (N, num_classes).

    stages_repeats: blocks in each of the three stages; stages_out_channels: channels of the first convolution, the
    stages and the last one. Raises ValueError for lists of other lengths.
    """

    def __init__(
        self,
        stages_repeats: list[int],
        stages_out_channels: list[int],
        num_classes: int = 1000,
        inverted_residual: type[nn.Module] = InvertedResidual,
    ) -> None:
        super().__init__()
        if len(stages_repeats) != 3:
            raise ValueError("expected stages_repeats as list of 3 positive ints")
        if len(stages_out_channels) != 5:
            raise ValueError("expected stages_out_channels as list of 5 positive ints")
        first, *stages, last = stages_out_channels
        self._stage_out_channels = stages_out_channels
        self.conv1 = nn.Sequential(*_convolved(3, first, 3, 2))
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = first
        for number, (repeats, width) in enumerate(zip(stages_repeats, stages), 2):
            blocks = [inverted_residual(channels, width, 2)]
            blocks += [inverted_residual(width, width, 1) for _ in range(repeats - 1)]
            setattr(self, f"stage{number}", nn.Sequential(*blocks))
            channels = width
        self.conv5 = nn.Sequential(*_convolved(channels, last))
        self.fc = nn.Linear(last, num_classes)

    def _forward_impl(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.conv1(x))
        x = self.conv5(self.stage4(self.stage3(self.stage2(x))))
        out: Tensor = self.fc(x.mean([2, 3]))
        return out

    def forward(self, x: Tensor) -> Tensor:
        return self._forward_impl(x)


shufflenet_v2_x0_5 = define(
    "shufflenet_v2_x0_5", "ShuffleNetV2 at half width", ShuffleNetV2, [4, 8, 4], [24, 48, 96, 192, 1024]
)
shufflenet_v2_x1_0 = define("shufflenet_v2_x1_0", "ShuffleNetV2", ShuffleNetV2, [4, 8, 4], [24, 116, 232, 464, 1024])
shufflenet_v2_x1_5 = define(
    "shufflenet_v2_x1_5", "ShuffleNetV2 at 1.5 times the width", ShuffleNetV2, [4, 8, 4], [24, 176, 352, 704, 1024]
)
shufflenet_v2_x2_0 = define(
    "shufflenet_v2_x2_0", "ShuffleNetV2 at twice the width", ShuffleNetV2, [4, 8, 4], [24, 244, 488, 976, 2048]
)
