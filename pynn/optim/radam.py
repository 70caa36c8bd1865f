"""RAdam."""

from typing import Any

from pynn._core import Tensor
from pynn.ops.optim_variants import RADAM_STEP
from pynn.optim._grouped import GroupedOptimizer, check_betas, check_lr, check_range, check_switches
from pynn.optim.optimizer import ParamsT

__all__ = ["RAdam"]


class RAdam(GroupedOptimizer):
    """Adam with a rectified rate: plain momentum for the first steps, when the mean square is not yet known well.

    State: step, exp_avg, exp_avg_sq. Raises ValueError for options out of range. Liu et al. (2019).
    """

    op = RADAM_STEP
    options = ("lr", "betas", "eps", "weight_decay", "decoupled_weight_decay", "maximize")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check_range("epsilon value", eps)
        check_betas(betas)
        check_range("weight_decay value", weight_decay)
        check_switches(foreach, None, differentiable)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "foreach": foreach, "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq", "step")
