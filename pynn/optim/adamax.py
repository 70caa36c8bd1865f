"""Adamax."""

from typing import Any

from pynn._core import Tensor
from pynn.ops.optim_variants import ADAMAX_STEP
from pynn.optim._grouped import GroupedOptimizer, check_betas, check_lr, check_range, check_switches
from pynn.optim.optimizer import ParamsT

__all__ = ["Adamax"]


class Adamax(GroupedOptimizer):
    """Adam with the largest recent gradient, forgotten by beta2, in the place of the root mean square.

    m = beta1 * m + (1 - beta1) * g, u = max(beta2 * u, |g| + eps), p -= lr / (1 - beta1**step) * m / u.
    State: step, exp_avg (m), exp_inf (u). Raises ValueError for options out of range. Kingma and Ba (2014).
    """

    op = ADAMAX_STEP
    options = ("lr", "betas", "eps", "weight_decay", "maximize")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_range("epsilon value", eps)
        check_betas(betas)
        check_range("weight_decay value", weight_decay)
        check_switches(foreach, None, differentiable)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_inf", "step")
