"""Activations, elementary functions, comparisons, broadcasting, softmax."""

from typing import Any

from pynn.bench.row import Side, row

_ACTIVATIONS = ("relu", "leaky_relu", "elu", "gelu", "silu", "mish", "softplus", "hardswish")


def _activation(name: str) -> None:
    @row(f"{name} of 2 M, forward", bytes=16_000_000)
    def forward(side: Side) -> Any:
        x, f = side.randn(2000, 1000), getattr(side.functional, name)
        return lambda: f(x)

    @row(f"{name} of 2 M, train", bytes=48_000_000)
    def train(side: Side) -> Any:
        x, g = side.randn(2000, 1000, requires_grad=True), side.randn(2000, 1000)
        f = getattr(side.functional, name)

        def step() -> Any:
            x.grad = None
            f(x).backward(g)
            return x.grad

        return step


for _name in _ACTIVATIONS:
    _activation(_name)


def _function(name: str, *shape: int) -> None:
    @row(f"{name} of {' x '.join(map(str, shape))}", tolerance=1e-5)
    def function(side: Side) -> Any:
        x = side.randn(*shape).abs() + 0.1
        f = getattr(side.lib, name)
        return lambda: f(x)


for _name in ("exp", "log", "tanh", "sin", "sqrt"):
    _function(_name, 1000, 1000)
_function("tanh", 4, 4)


@row("prelu, 32 x 64 x 32 x 32, train")
def prelu(side: Side) -> Any:
    x, w = side.randn(32, 64, 32, 32, requires_grad=True), side.randn(64, requires_grad=True)
    g = side.randn(32, 64, 32, 32)

    def step() -> Any:
        x.grad = w.grad = None
        side.functional.prelu(x, w).backward(g)
        return x.grad, w.grad

    return step


@row("less than a transpose, 1000 x 1000")
def compare(side: Side) -> Any:
    x, y = side.randn(1000, 1000), side.randn(1000, 1000)
    return lambda: (x < y.t()).float()


@row("where over a column, 1000 x 1000")
def choose(side: Side) -> Any:
    x, y = side.randn(1000, 1000), side.randn(1000, 1)
    mask = x > 0
    return lambda: side.lib.where(mask, x, y)


@row("int64 remainder, 1 M")
def remainder(side: Side) -> Any:
    x, y = side.randint(1000, 1000, 1000), side.randint(100, 1000, 1000) + 1
    return lambda: (x % y).float()


def _softmax(name: str, shape: tuple[int, ...], dim: int) -> None:
    @row(f"{name} over dim {dim} of {' x '.join(map(str, shape))}, train")
    def train(side: Side) -> Any:
        x, g = side.randn(*shape, requires_grad=True), side.randn(*shape)
        f = getattr(side.functional, name)

        def step() -> Any:
            x.grad = None
            f(x, dim).backward(g)
            return x.grad

        return step


_softmax("softmax", (2000, 1000), 1)
_softmax("log_softmax", (8, 64, 64, 64), 1)
_softmax("softmax", (32, 10), 1)
