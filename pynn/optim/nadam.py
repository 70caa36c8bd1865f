"""NAdam."""

from typing import Any

import numpy

from pynn._core import Tensor
from pynn.ops.optim_variants import NADAM_STEP
from pynn.optim._grouped import GroupedOptimizer, check_betas, check_lr, check_range, check_switches, scalar_array
from pynn.optim.optimizer import ParamsT

__all__ = ["NAdam"]


class NAdam(GroupedOptimizer):
    """Adam with Nesterov's momentum, whose weight mu = beta1 * (1 - 0.96**(step * momentum_decay) / 2) rises.

    State: step, mu_product (of all mu so far), exp_avg, exp_avg_sq.
    Raises ValueError for options out of range. Dozat (2016).
    """

    op = NADAM_STEP
    options = ("lr", "betas", "eps", "weight_decay", "momentum_decay", "decoupled_weight_decay", "maximize")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        check_range("momentum_decay value", momentum_decay)
        check_switches(foreach, None, differentiable)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize, "foreach": foreach,
            "capturable": capturable, "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq", "mu_product", "step")

    def _order(self, name: str) -> int:
        return ("step", "mu_product", "exp_avg", "exp_avg_sq").index(name)

    def _start(self, name: str, param: Any, group: dict[str, Any]) -> numpy.ndarray:
        return scalar_array(1.0) if name == "mu_product" else super()._start(name, param, group)
