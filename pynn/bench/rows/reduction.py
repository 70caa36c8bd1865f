"""Sums, extremes, variances and norms over dimensions, and their gradients."""

from collections.abc import Callable
from typing import Any

from pynn.bench.row import Step, row
from pynn.bench.side import Side


def _reduced(name: str, shape: tuple[int, ...], run: Callable[..., Any], dtype_bytes: int = 4) -> None:
    count = 1
    for n in shape:
        count *= n

    @row(name, bytes=dtype_bytes * count)
    def reduced(side: Side) -> Step:
        return side.forward(run, side.randn(*shape))


_reduced("sum 1M", (1024, 1024), lambda x: x.sum())
_reduced("sum 32 x 10 over rows", (32, 10), lambda x: x.sum(1))
_reduced("sum 1024 x 1024 over columns", (1024, 1024), lambda x: x.sum(0))
_reduced("sum 100000 x 8 over rows", (100000, 8), lambda x: x.sum(1))
_reduced("sum 64 x 256 x 28 x 28 per channel", (64, 256, 28, 28), lambda x: x.sum((0, 2, 3)))
_reduced("mean 128 x 64 x 64 in the middle", (128, 64, 64), lambda x: x.mean(1))
_reduced("sum of every second column", (1024, 2048), lambda x: x[:, ::2].sum(0))
_reduced("max and place 1024 x 1024 by row", (1024, 1024), lambda x: x.max(1)[0])
_reduced("argmax 32 x 10", (32, 10), lambda x: x.argmax(1))
_reduced("var 1024 x 1024 by row", (1024, 1024), lambda x: x.var(1))
_reduced("norm 1M", (1024, 1024), lambda x: x.norm())
_reduced("count of true, 1M", (1024, 1024), lambda x: (x > 0).sum())


@row("bias gradient 1024 x 1024", bytes=8 << 20)
def bias(side: Side) -> Step:
    x, g, b = side.randn(1024, 1024), side.randn(1024, 1024), side.randn(1024, requires_grad=True)

    def step() -> Any:
        b.grad = None
        (x + b).backward(g)
        return b.grad

    return step


@row("max by row 1024 x 1024, train")
def extreme(side: Side) -> Step:
    x, g = side.randn(1024, 1024, requires_grad=True), side.randn(1024)

    def step() -> Any:
        x.grad = None
        x.max(1)[0].backward(g)
        return x.grad

    return step


@row("clip_grad_norm_ of 16 tensors")
def clipped(side: Side) -> Step:
    parameters = [side.nn.Parameter(side.randn(*s)) for s in [(512, 512)] * 8 + [(512,)] * 8]
    for p in parameters:
        p.grad = p.detach().clone()
    return lambda: side.nn.utils.clip_grad_norm_(parameters, 1e9)
