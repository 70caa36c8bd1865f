"""Matrix products, with transposed operands and in batches, and linear layers."""

from typing import Any

from pynn.bench.row import Step, row
from pynn.bench.side import Jax, Side


def _product(m: int, k: int, n: int, layout: str = "NN", batch: tuple[int, ...] = ()) -> None:
    """Rows a layout: N as it lies, T transposed, of the first operand and the second."""
    sizes = f"{m} x {k} x {n}" + (f", {layout}" if layout != "NN" else "")
    if batch:
        sizes = f"batched {' x '.join(map(str, batch))} x ({sizes})"
    flops = 2 * m * k * n
    for count in batch:
        flops *= count

    def call(a: Any, b: Any) -> Any:
        a = a.swapaxes(-1, -2) if layout[0] == "T" else a
        return a @ (b.swapaxes(-1, -2) if layout[1] == "T" else b)

    @row(sizes, flops=flops, also=("jax", "ort", "numpy"))
    def product(side: Side) -> Step:
        a = side.randn(*batch, *((k, m) if layout[0] == "T" else (m, k)))
        b = side.randn(*batch, *((n, k) if layout[1] == "T" else (k, n)))
        return side.forward(call, a, b)


for _n in (64, 128, 192, 256, 384, 512, 1024, 2048):
    _product(_n, _n, _n)
for _layout in ("NT", "TN", "TT"):
    for _n in (256, 1024):
        _product(_n, _n, _n, _layout)
_product(32, 512, 2048)
_product(32, 512, 2048, "NT")
_product(2048, 32, 512, "TN")
_product(3072, 27, 64)
_product(1, 1024, 1024)
_product(1, 1024, 1024, "NT")
_product(128, 64, 128, batch=(64,))
_product(128, 64, 128, "NT", batch=(64,))
_product(128, 128, 64, "TN", batch=(8, 8))
_product(16, 16, 16, batch=(512,))


def _jax_linear(side: Jax) -> Step:
    w, b = side.weights((2048, 512), (2048,))
    x, g = side.randn(32, 512), side.randn(32, 2048)
    return side.gradients(lambda w, b: x @ w.T + b, [w, b], g, pick=0)


@row("linear 32 x 512 -> 2048, train", flops=2 * 2 * 32 * 512 * 2048, jax=_jax_linear)
def linear(side: Side) -> Step:
    layer = side.model(side.nn.Linear(512, 2048))
    x, g = side.randn(32, 512), side.randn(32, 2048)

    def step() -> Any:
        layer.zero_grad()
        layer(x).backward(g)
        return layer.weight.grad

    return step
