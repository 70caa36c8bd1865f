"""Convolutions, forward and as a train step, windows and padding."""

from typing import Any

from pynn.bench.row import Step, row
from pynn.bench.side import Jax, Side

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

    def make_layer(side: Side) -> tuple[Any, Any]:
        layer = getattr(side.nn, kind)(channels, filters, kernel, stride=stride, padding=padding, groups=groups)
        return side.model(layer), side.laid(side.randn(batch, channels, *[size] * dims))

    def make_jax(side: Jax) -> tuple[Any, list[Any]]:
        def apply(x: Any, w: Any, b: Any) -> Any:
            y = side.lib.lax.conv_general_dilated(
                x, w, [stride] * dims, [(padding, padding)] * dims, feature_group_count=groups
            )
            return y + b.reshape(-1, *[1] * dims)

        w, b = side.weights((filters, channels // groups, *[kernel] * dims), (filters,))
        return apply, [side.randn(batch, channels, *[size] * dims), w, b]

    def jax_forward(side: Jax) -> Step:
        apply, inputs = make_jax(side)
        return side.forward(apply, *inputs)

    def jax_train(side: Jax) -> Step:
        apply, inputs = make_jax(side)
        return side.gradients(apply, inputs, side.randn(*side.lib.eval_shape(apply, *inputs).shape), pick=1)

    @row(what, flops=flops, also=("ort",), jax=None if transposed else jax_forward)
    def forward(side: Side) -> Step:
        return side.forward(*make_layer(side))

    @row(what + ", train", flops=3 * flops, jax=None if transposed else jax_train)
    def train(side: Side) -> Step:
        layer, x = make_layer(side)
        x.requires_grad_()
        g = side.laid(side.randn(*layer(x).shape))

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
_conv("32 -> 32, 3x3, 28x28, batch 16", 16, 32, 28, 32, 3)
_conv("32 -> 64, 5x5, 28x28, batch 16", 16, 32, 28, 64, 5)
_conv("256 -> 64, 1x1, 56x56, batch 1", 1, 256, 56, 64, 1)
_conv("256 -> 512, 1x1/2, 56x56, batch 4", 4, 256, 56, 512, 1, stride=2)
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
def unfold(side: Side) -> Step:
    return side.forward(lambda x: side.functional.unfold(x, 3, padding=1), side.laid(side.randn(8, 64, 56, 56)))


def _pad(mode: str) -> None:
    @row(f"pad by 1, {mode}, 8x64x56x56", bytes=4 * 2 * 8 * 64 * 57 * 57)
    def pad(side: Side) -> Step:
        x = side.laid(side.randn(8, 64, 56, 56))
        return side.forward(lambda x: side.functional.pad(x, (1, 1, 1, 1), mode=mode), x)


for _mode in ("constant", "reflect"):
    _pad(_mode)
