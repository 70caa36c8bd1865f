"""bfloat16 and float16: products, conversions, pointwise functions, training under autocast."""

from typing import Any

from pynn.bench.row import Step, row
from pynn.bench.side import Side

BF16_TOLERANCE = 2e-2


def _product(name: str, m: int, k: int, n: int, dtype: str = "bfloat16") -> None:
    @row(name, flops=2 * m * k * n, tolerance=BF16_TOLERANCE)
    def product(side: Side) -> Step:
        kind = getattr(side.lib, dtype)
        a, b = side.randn(m, k).to(kind), side.randn(k, n).to(kind)
        return side.forward(lambda a, b: (a @ b).float(), a, b)


for _n in (64, 256, 512, 1024):
    _product(f"bfloat16 {_n} x {_n} x {_n}", _n, _n, _n)
_product("bfloat16 32 x 512 x 2048", 32, 512, 2048)
_product("bfloat16 3072 x 27 x 64", 3072, 27, 64)
_product("float16 256 x 256 x 256", 256, 256, 256, "float16")


def _conversion(name: str, source: str, target: str) -> None:
    @row(name, bytes=6 << 20)
    def conversion(side: Side) -> Step:
        x = side.randn(1 << 20).to(getattr(side.lib, source))
        kind = getattr(side.lib, target)
        return side.forward(lambda x: x.to(kind), x)


_conversion("float32 to bfloat16, 1 M", "float32", "bfloat16")
_conversion("bfloat16 to float32, 1 M", "bfloat16", "float32")
_conversion("float16 to float32, 1 M", "float16", "float32")


@row("add bfloat16, 1 M", bytes=6 << 20, tolerance=BF16_TOLERANCE)
def add(side: Side) -> Step:
    a, b = side.randn(1 << 20).bfloat16(), side.randn(1 << 20).bfloat16()
    return side.forward(lambda a, b: (a + b).float(), a, b)


@row("linear bfloat16 1 x 1024 -> 4096", bytes=8 << 20, tolerance=BF16_TOLERANCE)
def one_row(side: Side) -> Step:
    x, w = side.randn(1, 1024).bfloat16(), side.randn(4096, 1024).bfloat16()
    return side.forward(lambda x, w: side.functional.linear(x, w).float(), x, w)


@row("MLP 256-1024-256 b128 under autocast, train", flops=3 * 4 * 128 * 256 * 1024, tolerance=5e-2)
def autocast_step(side: Side) -> Step:
    nn = side.nn
    model = side.model(nn.Sequential(nn.Linear(256, 1024), nn.ReLU(), nn.Linear(1024, 256)))
    x, y = side.randn(128, 256), side.randn(128, 256)

    def step() -> Any:
        model.zero_grad()
        with side.lib.autocast("cpu", dtype=side.lib.bfloat16):
            loss = side.functional.mse_loss(model(x), y)
        loss.backward()
        return model[0].weight.grad

    return step
