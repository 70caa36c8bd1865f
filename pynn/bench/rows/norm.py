"""Normalization layers, forward and backward."""

from collections.abc import Callable
from typing import Any

from pynn.bench.row import Step, row
from pynn.bench.side import Side


def _train(name: str, shape: tuple[int, ...], layer: Callable[..., Any]) -> None:
    size = 4
    for n in shape:
        size *= n

    @row(f"{name}, train", bytes=5 * size)  # forward reads x and writes y; backward reads both x and g and writes dx
    def train(side: Side) -> Step:
        module = side.model(layer(side.nn))
        x, g = side.laid(side.randn(*shape, requires_grad=True)), side.laid(side.randn(*shape))

        def step() -> Any:
            x.grad = None
            module.zero_grad()
            module(x).backward(g)
            return x.grad

        return step


def _forward(name: str, shape: tuple[int, ...], layer: Callable[..., Any]) -> None:
    size = 4
    for n in shape:
        size *= n

    @row(f"{name}, eval", bytes=2 * size, also=("ort",))
    def forward(side: Side) -> Step:
        return side.forward(side.model(layer(side.nn)).eval(), side.laid(side.randn(*shape)))


_train("BatchNorm2d 32 x 64 x 56 x 56", (32, 64, 56, 56), lambda nn: nn.BatchNorm2d(64))
_forward("BatchNorm2d 32 x 64 x 56 x 56", (32, 64, 56, 56), lambda nn: nn.BatchNorm2d(64))
_train("BatchNorm2d 128 x 32 x 32 x 32", (128, 32, 32, 32), lambda nn: nn.BatchNorm2d(32))
_train("BatchNorm2d 16 x 2048 x 7 x 7", (16, 2048, 7, 7), lambda nn: nn.BatchNorm2d(2048))
_train("BatchNorm2d 8 x 3 x 129 x 127", (8, 3, 129, 127), lambda nn: nn.BatchNorm2d(3))
_train("BatchNorm1d 32 x 20", (32, 20), lambda nn: nn.BatchNorm1d(20))
_forward("BatchNorm1d 32 x 20", (32, 20), lambda nn: nn.BatchNorm1d(20))
_train("BatchNorm1d 4096 x 513", (4096, 513), lambda nn: nn.BatchNorm1d(513))
_train("LayerNorm 4096 x 256", (4096, 256), lambda nn: nn.LayerNorm(256))
_train("LayerNorm 1024 x 768", (1024, 768), lambda nn: nn.LayerNorm(768))
_train("LayerNorm 8 x 128 x 1024", (8, 128, 1024), lambda nn: nn.LayerNorm(1024))
_train("LayerNorm 32 x 20", (32, 20), lambda nn: nn.LayerNorm(20))
_train("RMSNorm 4096 x 256", (4096, 256), lambda nn: nn.RMSNorm(256))
_train("GroupNorm(8) 32 x 64 x 28 x 28", (32, 64, 28, 28), lambda nn: nn.GroupNorm(8, 64))
_train("InstanceNorm2d 16 x 64 x 31 x 31", (16, 64, 31, 31), lambda nn: nn.InstanceNorm2d(64, affine=True))
