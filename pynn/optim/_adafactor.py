"""Adafactor."""

import math
from typing import Any

from pynn._core import Tensor
from pynn._device import CPU
from pynn._info import finfo
from pynn.ops.creation import finish
from pynn.optim._grouped import check_lr, scalar, scalar_array
from pynn.optim._single import SingleOptimizer
from pynn.optim.optimizer import ParamsT

__all__ = ["Adafactor"]


class Adafactor(SingleOptimizer):
    """Adam without momentum, whose mean squares of a matrix are kept as the product of a column and a row.

    The rate is min(lr, 1 / sqrt(step)) times the parameter's root mean square (eps[1] at least); the update's own
    root mean square is clipped to d. beta2_decay: the mean squares move by step**beta2_decay. eps[0]: None stands for
    the dtype's. weight_decay shrinks the parameter by 1 - lr * weight_decay.
    State: step; row_var and col_var of parameters of two dimensions and more, variance of others.
    Raises ValueError for options out of range. Shazeer and Stern, "Adafactor" (2018).
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_lr(lr, "Learning rate should be >= 0 but is")
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _state_of(self, p: Tensor, grad: Tensor) -> dict[str, Any]:
        state: dict[str, Any] = self.state[p]
        if not state:
            state["step"] = finish(scalar_array(0.0), CPU)
            if grad.dim() > 1:
                shape = tuple(grad.shape)
                state["row_var"] = grad.new_zeros((*shape[:-1], 1))
                state["col_var"] = grad.new_zeros((*shape[:-2], 1, shape[-1]))
            else:
                state["variance"] = grad.new_zeros(tuple(grad.shape))
        elif not isinstance(state["step"], Tensor):
            state["step"] = finish(scalar_array(float(state["step"])), CPU)
        return state

    def _move(self, p: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        grad = -grad if group["maximize"] else grad
        eps1, eps2 = group["eps"]
        eps1 = finfo(p.dtype).eps if eps1 is None else eps1
        lr = scalar(group["lr"])
        state = self._state_of(p, grad)
        state["step"] += 1
        step = state["step"].item()
        weight = step ** group["beta2_decay"]
        rate = max(eps2, _rms(p)) * min(lr, 1 / step**0.5)
        if group["weight_decay"] != 0:
            p.mul_(1 - lr * group["weight_decay"])
        squares = grad * grad
        if grad.dim() > 1:
            row, column = state["row_var"], state["col_var"]
            row.lerp_(squares.mean(-1, keepdim=True), weight)
            column.lerp_(squares.mean(-2, keepdim=True), weight)
            spread = (row @ column).div_(row.mean(-2, keepdim=True).clamp_(min=eps1))
        else:
            state["variance"].lerp_(squares, weight)
            spread = state["variance"].clone()
        update = spread.clamp_(min=eps1 * eps1).rsqrt_().mul_(grad)
        p.add_(update, alpha=-rate / max(1.0, _rms(update) / group["d"]))


def _rms(x: Tensor) -> float:
    """The root of the mean of a tensor's squares; 0 of none."""
    return float(x.norm(2)) / math.sqrt(max(1, x.numel()))
