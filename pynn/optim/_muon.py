"""Muon."""

import math
from collections.abc import Sequence
from typing import Any

from pynn._core import Tensor
from pynn.optim._grouped import check_lr, scalar
from pynn.optim._single import SingleOptimizer
from pynn.optim.optimizer import ParamsT

__all__ = ["Muon"]


def _orthogonalized(update: Tensor, coefficients: Sequence[float], steps: int, eps: float) -> Tensor:
    """A matrix of about the singular vectors of `update` with all singular values near 1, in bfloat16.

    A quintic Newton-Schulz iteration x <- a x + (b (x x') + c (x x')^2) x, on the wide form of the matrix.
    """
    if steps >= 100:
        raise ValueError(f"Number of steps must be less than 100 for computational efficiency, got {steps}")
    if len(coefficients) != 3:
        raise ValueError(f"Coefficients must be a tuple of exactly 3 values, got {len(coefficients)}")
    a, b, c = coefficients
    tall = update.shape[0] > update.shape[1]
    x = update.bfloat16()
    x = x.T if tall else x
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):  # each product summed in float32 and rounded once
        gram = (x @ x.T).float()
        mixed = (gram * b + (gram @ gram) * c).bfloat16().float()
        x = x.float()
        x = (x * a + mixed @ x).bfloat16()
    out: Tensor = x.T if tall else x
    return out


class Muon(SingleOptimizer):
    """Momentum whose update is made orthogonal, for the matrices of hidden layers.

    b = lerp(b, g, 1 - momentum); the update is b (nesterov: lerp(g, b, momentum)) with its singular values brought near
    1 by ns_steps of a Newton-Schulz iteration with ns_coefficients. The parameter shrinks by 1 - lr * weight_decay.
    adjust_lr_fn: the rate of a (rows, columns) matrix, "original" (None): lr * sqrt(max(1, rows / columns)),
    "match_rms_adamw": lr * 0.2 * sqrt(max(rows, columns)).
    State: momentum_buffer. Raises ValueError for options out of range and for parameters not of two dimensions.
    Jordan, "Muon: an optimizer for hidden layers in neural networks" (2024).
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_lr(lr, "Learning rate should be >= 0 but is")
        if not momentum >= 0.0:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn,
        }  # fmt: skip
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                if p.dim() != 2:
                    raise ValueError(
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {p.shape}"
                    )

    def _move(self, p: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        lr, momentum = scalar(group["lr"]), group["momentum"]
        state = self.state[p]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = grad.new_zeros(tuple(grad.shape))
        buffer = state["momentum_buffer"].lerp_(grad, 1 - momentum)
        update = grad.lerp(buffer, momentum) if group["nesterov"] else buffer
        update = _orthogonalized(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
        rows, columns = p.shape
        wide = group["adjust_lr_fn"] == "match_rms_adamw"
        ratio = 0.2 * math.sqrt(max(rows, columns)) if wide else math.sqrt(max(1, rows / columns))
        p.mul_(1 - lr * group["weight_decay"])
        p.add_(update, alpha=-lr * ratio)
