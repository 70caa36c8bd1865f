"""Averaged stochastic gradient descent."""

from typing import Any

import numpy

from pynn._core import Tensor
from pynn.ops.optim_variants import ASGD_STEP
from pynn.optim._grouped import GroupedOptimizer, check_lr, check_range, check_switches, scalar, scalar_array
from pynn.optim.optimizer import ParamsT

__all__ = ["ASGD"]


class ASGD(GroupedOptimizer):
    """Stochastic gradient descent that also keeps the mean of the parameters from step t0 on, in state["ax"].

    p -= eta * (g + lambd * p), eta = lr / (1 + lambd * lr * step)**alpha.
    State: step, eta, mu, ax. Raises ValueError for options out of range. Polyak and Juditsky (1992).
    """

    op = ASGD_STEP
    options = ("lr", "lambd", "alpha", "t0", "weight_decay", "maximize")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_range("weight_decay value", weight_decay)
        check_switches(foreach, None, differentiable)
        defaults = {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("ax", "mu", "eta", "step")

    def _order(self, name: str) -> int:
        return ("step", "eta", "mu", "ax").index(name)

    def _start(self, name: str, param: Any, group: dict[str, Any]) -> numpy.ndarray:
        if name == "eta":
            return scalar_array(scalar(group["lr"]))
        return scalar_array(1.0) if name == "mu" else super()._start(name, param, group)
