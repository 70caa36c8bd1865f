"""Losses, forward and backward."""

from typing import Any

from pynn.bench.row import Step, row
from pynn.bench.side import Side


def _train(name: str, shape: tuple[int, ...], call: str, positive: bool = False, tolerance: float = 1e-4) -> None:
    size = 4
    for n in shape:
        size *= n

    @row(f"{name} {' x '.join(map(str, shape))}, train", bytes=5 * size, tolerance=tolerance)
    def train(side: Side) -> Step:
        x, y = side.randn(*shape), side.randn(*shape)
        if positive:
            x, y = x.sigmoid(), y.sigmoid()
        x.requires_grad_(True)
        loss = getattr(side.functional, call)

        def step() -> Any:
            x.grad = None
            loss(x, y).backward()
            return x.grad

        return step


@row("mse_loss 2048 x 1024, forward", bytes=2 * 4 * 2048 * 1024)
def mse_forward(side: Side) -> Step:
    return side.forward(side.functional.mse_loss, side.randn(2048, 1024), side.randn(2048, 1024))


def _classes(name: str, shape: tuple[int, ...], call: str = "cross_entropy", **options: Any) -> None:
    size = 4
    for n in shape:
        size *= n

    @row(f"{name} {' x '.join(map(str, shape))}, train", bytes=3 * size)
    def train(side: Side) -> Step:
        x = side.randn(*shape, requires_grad=True)
        target = side.randint(shape[1], shape[0], *shape[2:])
        loss = getattr(side.functional, call)

        def step() -> Any:
            x.grad = None
            loss(x, target, **options).backward()
            return x.grad

        return step


_train("mse_loss", (32, 1), "mse_loss")
_train("mse_loss", (2048, 1024), "mse_loss")
_train("l1_loss", (2048, 1024), "l1_loss")
_train("smooth_l1_loss", (1023, 511), "smooth_l1_loss")
_train("huber_loss", (32, 1), "huber_loss")
_train("binary_cross_entropy", (1024, 512), "binary_cross_entropy", positive=True)
_train("binary_cross_entropy_with_logits", (32, 1), "binary_cross_entropy_with_logits")
_train("binary_cross_entropy_with_logits", (1024, 512), "binary_cross_entropy_with_logits")
_train("kl_div", (512, 1000), "kl_div", positive=True)
_train("poisson_nll_loss", (512, 1000), "poisson_nll_loss")
_train("soft_margin_loss", (512, 1000), "soft_margin_loss")
_classes("nll_loss", (512, 1000), "nll_loss")
_classes("cross_entropy", (256, 1000))
_classes("cross_entropy", (8, 21, 128, 128))
_classes("cross_entropy, smoothed", (8, 21, 61, 67), label_smoothing=0.1)
