"""Convolutions, forward and as a train step, windows and padding."""

from typing import Any

from pynn.bench.row import Side, row

_DIMS = {1: "Conv1d", 2: "Conv2d", 3: "Conv3d"}


def _conv(
    what: str,
    batch: int,
    channels: int,
    size: int,
    filters: int,
    kernel: int,
    stride: int = 1,
    padding: int | None = None,
    groups: int = 1,
    dims: int = 2,
    transposed: bool = False,
) -> None:
    padding = kernel // 2 if padding is None else padding
    out = (size * stride if transposed else (size + 2 * padding - kernel) // stride + 1) ** dims
    places = size**dims if transposed else out
    flops = 2 * batch * places * filters * (channels // groups) * kernel**dims
    kind = _DIMS[dims].replace("Conv", "ConvTranspose") if transposed else _DIMS[dims]

    def make_layer(side: Side) -> Any:
        layer = getattr(side.nn, kind)(channels, filters, kernel, stride=stride, padding=padding, groups=groups)
        return side.fill(layer), side.randn(batch, channels, *[size] * dims)

    @row(what, flops=flops)
    def forward(side: Side) -> Any:
        layer, x = make_layer(side)

        def step() -> Any:
            with side.lib.no_grad():
                return layer(x)

        return step

    @row(what + ", train", flops=3 * flops)
    def train(side: Side) -> Any:
        layer, x = make_layer(side)
        x.requires_grad_()
        g = side.randn(*layer(x).shape)

        def step() -> Any:
            layer.zero_grad()
            x.grad = None
            layer(x).backward(g)
            return layer.weight.grad

        return step


_conv("3 -> 32, 3x3, 32x32, batch 32", 32, 3, 32, 32, 3)
_conv("64 -> 64, 3x3, 56x56, batch 1", 1, 64, 56, 64, 3)
_conv("64 -> 64, 3x3, 56x56, batch 16", 16, 64, 56, 64, 3)
_conv("128 -> 128, 3x3, 28x28, batch 1", 1, 128, 28, 128, 3)
_conv("128 -> 128, 3x3, 28x28, batch 16", 16, 128, 28, 128, 3)
_conv("256 -> 256, 3x3, 14x14, batch 1", 1, 256, 14, 256, 3)
_conv("256 -> 256, 3x3, 14x14, batch 16", 16, 256, 14, 256, 3)
_conv("32 -> 32, 3x3, 32x32, batch 32", 32, 32, 32, 32, 3)
_conv("64 -> 64, 3x3, 16x16, batch 32", 32, 64, 16, 64, 3)
_conv("128 -> 128, 3x3, 8x8, batch 32", 32, 128, 8, 128, 3)
_conv("128 -> 128, 3x3/2, 56x56, batch 4", 4, 128, 56, 128, 3, stride=2)
_conv("512 -> 512, 3x3, 7x7, batch 1", 1, 512, 7, 512, 3)
_conv("512 -> 512, 3x3, 7x7, batch 16", 16, 512, 7, 512, 3)
_conv("256 -> 64, 1x1, 56x56, batch 1", 1, 256, 56, 64, 1)
_conv("3 -> 64, 7x7/2, 224x224, batch 1", 1, 3, 224, 64, 7, stride=2)
_conv("128 -> 128, 3x3, 32 groups, 28x28, batch 8", 8, 128, 28, 128, 3, groups=32)
_conv("depthwise 384, 3x3, 14x14, batch 8", 8, 384, 14, 384, 3, groups=384)
_conv("depthwise 96, 3x3/2, 56x56, batch 4", 4, 96, 56, 96, 3, stride=2, groups=96)
_conv("depthwise 96, 7x7, 28x28, batch 4", 4, 96, 28, 96, 7, groups=96)
_conv("8 -> 8, 3x3, 8x8, batch 1", 1, 8, 8, 8, 3)
_conv("1-D 64 -> 64, 5, 1000, batch 4", 4, 64, 1000, 64, 5, dims=1)
_conv("3-D 16 -> 32, 3x3x3, 16x16x16, batch 2", 2, 16, 16, 32, 3, dims=3)
_conv("transposed 64 -> 32, 4x4/2, 28x28, batch 4", 4, 64, 28, 32, 4, stride=2, padding=1, transposed=True)


@row("unfold 3x3, 8x64x56x56", bytes=4 * 10 * 8 * 64 * 56 * 56)
def unfold(side: Side) -> Any:
    x = side.randn(8, 64, 56, 56)
    return lambda: side.functional.unfold(x, 3, padding=1)


def _pad(mode: str) -> None:
    @row(f"pad by 1, {mode}, 8x64x56x56", bytes=4 * 2 * 8 * 64 * 57 * 57)
    def pad(side: Side) -> Any:
        x = side.randn(8, 64, 56, 56)
        return lambda: side.functional.pad(x, (1, 1, 1, 1), mode=mode)


for _mode in ("constant", "reflect"):
    _pad(_mode)
