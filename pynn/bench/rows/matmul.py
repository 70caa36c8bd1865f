"""Matrix products and linear layers."""

from typing import Any

from pynn.bench.row import Side, row


def _product(name: str, m: int, k: int, n: int) -> None:
    @row(name, flops=2 * m * k * n)
    def product(side: Side) -> Any:
        a, b = side.randn(m, k), side.randn(k, n)
        return lambda: a @ b


for _n in (64, 128, 192, 256, 384, 512, 1024):
    _product(f"{_n} x {_n} x {_n}", _n, _n, _n)
_product("32 x 512 x 2048", 32, 512, 2048)
_product("3072 x 27 x 64", 3072, 27, 64)
_product("1 x 1024 x 1024", 1, 1024, 1024)


@row("batched 64 x (128 x 64 x 128)", flops=2 * 64 * 128 * 64 * 128)
def batched(side: Side) -> Any:
    a, b = side.randn(64, 128, 64), side.randn(64, 64, 128)
    return lambda: a @ b


@row("linear 32 x 512 -> 2048, train", flops=2 * 2 * 32 * 512 * 2048)
def linear(side: Side) -> Any:
    layer = side.fill(side.nn.Linear(512, 2048))
    x, g = side.randn(32, 512), side.randn(32, 2048)

    def step() -> Any:
        layer.zero_grad()
        layer(x).backward(g)
        return layer.weight.grad

    return step
