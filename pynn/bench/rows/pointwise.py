"""Activations, elementary functions, comparisons, broadcasting, softmax."""

from typing import Any

from pynn.bench.row import Step, row
from pynn.bench.side import Jax, Side

_ACTIVATIONS = ("relu", "sigmoid", "tanh", "leaky_relu", "elu", "gelu", "silu", "mish", "softplus", "hardswish")


def _activation(name: str) -> None:
    def in_jax(side: Jax) -> Any:
        """JAX's function of the name, torch's meaning of it."""
        if name == "gelu":
            return lambda x: side.lib.nn.gelu(x, approximate=False)
        return getattr(side.lib.nn, {"hardswish": "hard_swish"}.get(name, name))

    def jax_forward(side: Jax) -> Step:
        return side.forward(in_jax(side), side.randn(2000, 1000))

    def jax_train(side: Jax) -> Step:
        return side.gradients(in_jax(side), [side.randn(2000, 1000)], side.randn(2000, 1000), pick=0)

    @row(f"{name} of 2 M, forward", bytes=16_000_000, also=("ort",), jax=jax_forward)
    def forward(side: Side) -> Step:
        return side.forward(getattr(side.functional, name), side.randn(2000, 1000))

    @row(f"{name} of 2 M, train", bytes=48_000_000, jax=jax_train)
    def train(side: Side) -> Step:
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
    def jax(side: Jax) -> Step:
        return side.forward(getattr(side.lib.numpy, name), abs(side.randn(*shape)) + 0.1)

    @row(f"{name} of {' x '.join(map(str, shape))}", tolerance=1e-5, also=("ort",), jax=jax)
    def function(side: Side) -> Step:
        return side.forward(getattr(side.lib, name), side.randn(*shape).abs() + 0.1)


for _name in ("exp", "log", "tanh", "sin", "sqrt"):
    _function(_name, 1000, 1000)
_function("tanh", 4, 4)


@row("prelu, 32 x 64 x 32 x 32, train")
def prelu(side: Side) -> Step:
    x, w = side.randn(32, 64, 32, 32, requires_grad=True), side.randn(64, requires_grad=True)
    g = side.randn(32, 64, 32, 32)

    def step() -> Any:
        x.grad = w.grad = None
        side.functional.prelu(x, w).backward(g)
        return x.grad, w.grad

    return step


@row("less than a transpose, 1000 x 1000")
def compare(side: Side) -> Step:
    return side.forward(lambda x, y: (x < y.t()).float(), side.randn(1000, 1000), side.randn(1000, 1000))


@row("where over a column, 1000 x 1000")
def choose(side: Side) -> Step:
    x, y = side.randn(1000, 1000), side.randn(1000, 1)
    return side.forward(side.lib.where, x > 0, x, y)


@row("int64 remainder, 1 M")
def remainder(side: Side) -> Step:
    x, y = side.randint(1000, 1000, 1000), side.randint(100, 1000, 1000) + 1
    return side.forward(lambda x, y: (x % y).float(), x, y)


def _softmax(name: str, shape: tuple[int, ...], dim: int) -> None:
    def jax(side: Jax) -> Step:
        function = getattr(side.lib.nn, name)
        return side.gradients(lambda x: function(x, dim), [side.randn(*shape)], side.randn(*shape), pick=0)

    @row(f"{name} over dim {dim} of {' x '.join(map(str, shape))}, train", jax=jax)
    def train(side: Side) -> Step:
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
