"""Adamax."""

from typing import Any

from pynn.ops.optim_variants import ADAMAX_STEP
from pynn.optim._grouped import GroupedOptimizer, check_betas, check_lr, check_range, check_switches

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
        params: Any,
        lr: float = 2e-3,
        betas: Any = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: int = 0,
        foreach: Any = None,
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

    def _names(self, group: Any) -> Any:
        return ("exp_avg", "exp_inf", "step")
