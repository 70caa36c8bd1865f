"""Adadelta."""

from typing import Any

from pynn._core import Tensor
from pynn.ops.optim_variants import ADADELTA_STEP
from pynn.optim._grouped import GroupedOptimizer, check_lr, check_range, check_switches
from pynn.optim.optimizer import ParamsT

__all__ = ["Adadelta"]


class Adadelta(GroupedOptimizer):
    """Adadelta: steps as long as the running root mean square of the steps so far, over that of the gradients.

    v = rho * v + (1 - rho) * g**2, d = sqrt(a + eps) / sqrt(v + eps) * g, a = rho * a + (1 - rho) * d**2, p -= lr * d.
    State: step, square_avg (v), acc_delta (a). Raises ValueError for options out of range. Zeiler (2012).
    """

    op = ADADELTA_STEP
    options = ("lr", "rho", "eps", "weight_decay", "maximize")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_range("epsilon value", eps)
        check_range("weight_decay value", weight_decay)
        check_switches(foreach, None, differentiable)
        defaults = {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "capturable": capturable, "foreach": foreach, "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("square_avg", "acc_delta", "step")
