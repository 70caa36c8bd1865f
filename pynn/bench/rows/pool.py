"""Pools, forward and with their gradients."""

from collections.abc import Callable
from typing import Any

from pynn.bench.row import Step, row
from pynn.bench.side import Side


def _pool(name: str, shape: tuple[int, ...], function: Callable[..., Any]) -> None:
    count = 1
    for n in shape:
        count *= n

    @row(name, bytes=4 * count, also=("ort",))
    def forward(side: Side) -> Step:
        return side.forward(lambda x: function(side.functional, x), side.laid(side.randn(*shape)))

    @row(name + ", train", bytes=4 * 3 * count)
    def train(side: Side) -> Step:
        x = side.laid(side.randn(*shape, requires_grad=True))
        g = side.laid(side.randn(*function(side.functional, x).shape))

        def step() -> Any:
            x.grad = None
            function(side.functional, x).backward(g)
            return x.grad

        return step


_pool("max 2 s2, 32 x 64 x 32 x 32", (32, 64, 32, 32), lambda f, x: f.max_pool2d(x, 2))
_pool("max 2 s2, 1 x 8 x 16 x 16", (1, 8, 16, 16), lambda f, x: f.max_pool2d(x, 2))
_pool("max 3 s2 p1, 8 x 64 x 112 x 112", (8, 64, 112, 112), lambda f, x: f.max_pool2d(x, 3, 2, 1))
_pool("max 3 s1 p1, 8 x 32 x 41 x 41", (8, 32, 41, 41), lambda f, x: f.max_pool2d(x, 3, 1, 1))
_pool("average 2 s2, 32 x 64 x 32 x 32", (32, 64, 32, 32), lambda f, x: f.avg_pool2d(x, 2))
_pool("average 3 s2 p1, 8 x 64 x 57 x 57", (8, 64, 57, 57), lambda f, x: f.avg_pool2d(x, 3, 2, 1))
_pool("adaptive average to 1, 32 x 512 x 7 x 7", (32, 512, 7, 7), lambda f, x: f.adaptive_avg_pool2d(x, 1))
_pool("max 2, 4 x 16 x 16 x 32 x 32", (4, 16, 16, 32, 32), lambda f, x: f.max_pool3d(x, 2))
