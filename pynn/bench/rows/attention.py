"""Scaled dot-product attention of heads cut out of a projection, and modules over it."""

from collections.abc import Callable
from typing import Any

from pynn.bench.row import Step, row
from pynn.bench.side import Jax, Side


def _attention(batch: int, heads: int, length: int, width: int, causal: bool, train: bool) -> None:
    flops = 4 * batch * heads * length * length * width * (0.5 if causal else 1) * (3.5 if train else 1)
    sizes = f"b{batch} h{heads} L{length} E{width}{', causal' if causal else ''}"

    def jax(side: Jax) -> Step:
        projected = side.randn(batch, length, 3 * heads * width)
        g = side.randn(batch, heads, length, width)

        def forward(projected: Any) -> Any:
            parts = side.lib.numpy.split(projected, 3, 2)
            q, k, v = (x.reshape(batch, length, heads, width) for x in parts)
            return side.lib.nn.dot_product_attention(q, k, v, is_causal=causal).swapaxes(1, 2)

        return side.gradients(forward, [projected], g, pick=0) if train else side.forward(forward, projected)

    also = () if train else ("ort",)

    @row(f"{sizes}, {'train' if train else 'forward'}", flops=flops, also=also, jax=jax)
    def attention(side: Side) -> Step:
        projected = side.randn(batch, length, 3 * heads * width, requires_grad=train)
        g = side.randn(batch, heads, length, width)

        def forward(projected: Any) -> Any:
            parts = projected.split(heads * width, 2)
            q, k, v = (x.view(batch, length, heads, width).transpose(1, 2) for x in parts)
            return side.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)

        def step() -> Any:
            projected.grad = None
            forward(projected).backward(g)
            return projected.grad

        return step if train else side.forward(forward, projected)


for _train in (False, True):
    _attention(8, 8, 128, 32, True, _train)
    _attention(8, 8, 128, 64, False, _train)
    _attention(2, 8, 512, 64, False, _train)
    _attention(1, 8, 1024, 64, True, _train)
    _attention(32, 4, 16, 16, False, _train)
    _attention(1, 4, 8, 16, True, _train)


def _layer(name: str, make: Callable[..., Any], call: Callable[..., Any]) -> None:
    @row(name)
    def layer(side: Side) -> Step:
        module, x = side.model(make(side.nn)), side.randn(8, 128, 256)
        g = side.randn(8, 128, 256)

        def step() -> Any:
            module.zero_grad()
            call(module, x).backward(g)
            return module.linear1.weight.grad if hasattr(module, "linear1") else module.out_proj.weight.grad

        return step


_layer(
    "encoder layer 256, b8 L128, train",
    lambda nn: nn.TransformerEncoderLayer(256, 8, 1024, dropout=0.0, batch_first=True),
    lambda layer, x: layer(x),
)
_layer(
    "multi-head attention 256 with weights, b8 L128, train",
    lambda nn: nn.MultiheadAttention(256, 8, batch_first=True),
    lambda layer, x: layer(x, x, x)[0],
)
