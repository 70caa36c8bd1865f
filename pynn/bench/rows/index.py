"""Reading and adding up by index."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pynn.bench.row import Step, row
from pynn.bench.side import Side


def _indexed(
    name: str, shape: tuple[int, ...], picks: tuple[int, ...], size: int, function: Callable[..., Any]
) -> None:
    @row(name)
    def forward(side: Side) -> Step:
        return side.forward(lambda x, index: function(side, x, index), side.randn(*shape), side.randint(size, *picks))

    @row(name + ", train")
    def train(side: Side) -> Step:
        x, index = side.randn(*shape, requires_grad=True), side.randint(size, *picks)
        g = side.randn(*function(side, x, index).shape)

        def step() -> Any:
            x.grad = None
            function(side, x, index).backward(g)
            return x.grad

        return step


def _embedding(side: Side, x: Any, index: Any) -> Any:
    return side.functional.embedding(index, x)


_indexed("embedding 10000 x 256, 32 x 128", (10000, 256), (32, 128), 10000, _embedding)
_indexed("embedding 1000 x 64, 16 x 20", (1000, 64), (16, 20), 1000, _embedding)
_indexed("index_select 64 x 1000 x 32", (64, 1000, 32), (500,), 1000, lambda s, x, i: s.lib.index_select(x, 1, i))
_indexed("x[index], 1 M", (1000000,), (200000,), 1000000, lambda s, x, i: x[i])
_indexed("gather along 1, 1000 x 1000", (1000, 1000), (1000, 500), 1000, lambda s, x, i: s.lib.gather(x, 1, i))
_indexed("gather along 1, 32 x 10", (32, 10), (32, 1), 10, lambda s, x, i: s.lib.gather(x, 1, i))


@row("x[mask], 1000 x 1000")
def mask(side: Side) -> Step:
    x = side.randn(1000, 1000)
    chosen = side.lib.from_numpy(np.random.default_rng(1).random((1000, 1000)) < 0.5)
    return side.forward(lambda x, chosen: x[chosen], x, chosen)


@row("transpose, 1000 x 1000")
def transpose(side: Side) -> Step:
    return side.forward(lambda x: x.t().contiguous(), side.randn(1000, 1000))


@row("heads apart, 8 x 128 x 8 x 64")
def heads(side: Side) -> Step:
    return side.forward(lambda x: x.permute(0, 2, 1, 3).contiguous(), side.randn(8, 128, 8, 64))
