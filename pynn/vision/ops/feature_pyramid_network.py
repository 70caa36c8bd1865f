"""A pyramid of features of one width (arXiv:1612.03144)."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from pynn import nn
from pynn._core import Tensor
from pynn.nn import functional as F
from pynn.vision.ops.misc import Conv2dNormActivation

__all__ = ["FeaturePyramidNetwork"]


class ExtraFPNBlock(nn.Module):
    """What adds coarser levels to a pyramid: called with its levels, the backbone's maps, and the levels' names."""

    def forward(self, results: list[Tensor], x: list[Tensor], names: list[str]) -> tuple[list[Tensor], list[str]]:
        raise NotImplementedError(f"{type(self).__name__} has no forward: it returns the levels and their names.")


class FeaturePyramidNetwork(nn.Module):
    """Each level of a backbone, narrowed or widened to out_channels, plus the coarser level enlarged; then a 3x3 convolution.

    in_channels_list: channels of the backbone's maps, finest first; extra_blocks: an ExtraFPNBlock, or None;
    norm_layer: after each convolution, or None. Raises ValueError for a channel count of 0.
    """

    def __init__(
        self,
        in_channels_list: list[int],
        out_channels: int,
        extra_blocks: ExtraFPNBlock | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.inner_blocks, self.layer_blocks = nn.ModuleList(), nn.ModuleList()
        for channels in in_channels_list:
            if channels == 0:
                raise ValueError("in_channels=0 is currently not supported")
            for blocks, width, size in ((self.inner_blocks, channels, 1), (self.layer_blocks, out_channels, 3)):
                blocks.append(
                    Conv2dNormActivation(
                        width,
                        out_channels,
                        kernel_size=size,
                        padding=size // 2,
                        norm_layer=norm_layer,
                        activation_layer=None,
                    )
                )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, a=1)
                if module.bias is not None:
                    nn.init.constant_(module.bias, 0)
        if extra_blocks is not None and not isinstance(extra_blocks, ExtraFPNBlock):
            raise TypeError(f"extra_blocks should be of type ExtraFPNBlock not {type(extra_blocks)}")
        self.extra_blocks = extra_blocks

    def forward(self, x: dict[str, Tensor]) -> "OrderedDict[str, Tensor]":
        """Maps (N, C, H, W) by name, finest first: the pyramid's, of out_channels each, under the same names."""
        names, maps = list(x), list(x.values())
        inner = self.inner_blocks[-1](maps[-1])
        results = [self.layer_blocks[-1](inner)]
        for i in range(len(maps) - 2, -1, -1):
            lateral = self.inner_blocks[i](maps[i])
            inner = lateral + F.interpolate(inner, size=lateral.shape[-2:], mode="nearest")
            results.insert(0, self.layer_blocks[i](inner))
        if self.extra_blocks is not None:
            results, names = self.extra_blocks(results, maps, names)
        return OrderedDict(zip(names, results))


class LastLevelMaxPool(ExtraFPNBlock):
    """One more level, "pool": every second pixel of the coarsest."""

    def forward(self, results: list[Tensor], x: list[Tensor], names: list[str]) -> tuple[list[Tensor], list[str]]:
        return [*results, F.max_pool2d(results[-1], kernel_size=1, stride=2, padding=0)], [*names, "pool"]


class LastLevelP6P7(ExtraFPNBlock):
    """Two more levels, "p6" and "p7", by convolutions of stride 2 (arXiv:1708.02002)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.p6 = nn.Conv2d(in_channels, out_channels, 3, 2, 1)
        self.p7 = nn.Conv2d(out_channels, out_channels, 3, 2, 1)
        for module in (self.p6, self.p7):
            nn.init.kaiming_uniform_(module.weight, a=1)
            nn.init.constant_(module.bias, 0)
        self.use_P5 = in_channels == out_channels

    def forward(self, results: list[Tensor], x: list[Tensor], names: list[str]) -> tuple[list[Tensor], list[str]]:
        p6: Any = self.p6((results if self.use_P5 else x)[-1])
        return [*results, p6, self.p7(F.relu(p6))], [*names, "p6", "p7"]
