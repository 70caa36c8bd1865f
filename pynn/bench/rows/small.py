"""Work so small that the library's own overhead is what it costs, and optimizers over many and few weights."""

from typing import Any

from pynn.bench.row import Step, row
from pynn.bench.side import Jax, Side


@row("tracked add, 4 x 4")
def add(side: Side) -> Step:
    a, b = side.randn(4, 4, requires_grad=True), side.randn(4, 4)
    return lambda: a + b


def _jax_backward(side: Jax) -> Step:
    return side.forward(
        side.lib.grad(lambda a, b: side.lib.numpy.tanh(a * b).sum()), side.randn(4, 4), side.randn(4, 4)
    )


@row("mul, tanh, sum, backward, 4 x 4", jax=_jax_backward)
def backward(side: Side) -> Step:
    a, b = side.randn(4, 4, requires_grad=True), side.randn(4, 4)

    def step() -> Any:
        a.grad = None
        (a * b).tanh().sum().backward()
        return a.grad

    return step


@row("Linear 4 -> 4 of one row, inference", also=("ort",))
def one_row(side: Side) -> Step:
    return side.forward(side.model(side.nn.Linear(4, 4)), side.randn(1, 4))


@row("ten adds of 100, no gradients", jax=lambda side: side.forward(_ten, side.randn(100), side.randn(100)))
def adds(side: Side) -> Step:
    return side.forward(_ten, side.randn(100), side.randn(100))


def _ten(x: Any, y: Any) -> Any:
    for _ in range(10):
        x = x + y
    return x


def _optimizer(name: str, kind: str, shapes: list[tuple[int, ...]], bytes: float | None = None) -> None:
    @row(name, bytes=bytes, checked=3)
    def optimize(side: Side) -> Step:
        parameters = [side.nn.Parameter(side.randn(*shape)) for shape in shapes]
        for parameter in parameters:
            parameter.grad = side.randn(*parameter.shape)
        optimizer = side.optimizer(kind, parameters, lr=1e-3)

        def step() -> Any:
            optimizer.step()
            return parameters[0]

        return step


_LAYERS = [(512, 1024), (1024,), (1024, 1024), (1024,), (1024, 1024), (1024,)]
_WEIGHTS = sum(n * (m[0] if m else 1) for n, *m in _LAYERS)
_optimizer("AdamW over 2.6 M weights", "AdamW", _LAYERS, bytes=7 * 4 * _WEIGHTS)
_optimizer("SGD over 2.6 M weights", "SGD", _LAYERS, bytes=3 * 4 * _WEIGHTS)
_TINY = [(64, 20), (64,), (32, 64), (32,), (1, 32), (1,)]
for _kind in ("AdamW", "SGD"):
    _optimizer(f"{_kind} over six tensors of the 20-64-32-1 network", _kind, _TINY)
