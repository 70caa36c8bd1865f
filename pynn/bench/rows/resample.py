"""Resizing images."""

from typing import Any

from pynn.bench.row import Step, row
from pynn.bench.side import Side


def _resize(name: str, shape: tuple[int, ...], **how: Any) -> None:
    @row(name)
    def forward(side: Side) -> Step:
        return side.forward(lambda x: side.functional.interpolate(x, **how), side.laid(side.randn(*shape)))

    @row(name + ", train")
    def train(side: Side) -> Step:
        x = side.laid(side.randn(*shape, requires_grad=True))
        g = side.laid(side.randn(*side.functional.interpolate(x, **how).shape))

        def step() -> Any:
            x.grad = None
            side.functional.interpolate(x, **how).backward(g)
            return x.grad

        return step


_resize("nearest x2, 4 x 32 x 32 x 32", (4, 32, 32, 32), scale_factor=2)
_resize("bilinear x2, 4 x 32 x 32 x 32", (4, 32, 32, 32), scale_factor=2, mode="bilinear")
_resize("bicubic 64 to 100, 4 x 3", (4, 3, 64, 64), size=(100, 100), mode="bicubic")
_resize("bilinear 224 to 96, 2 x 3", (2, 3, 224, 224), size=(96, 96), mode="bilinear")
