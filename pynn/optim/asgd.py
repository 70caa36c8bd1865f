"""Averaged stochastic gradient descent."""

from typing import Any

from pynn.ops.optim_variants import ASGD_STEP
from pynn.optim._grouped import GroupedOptimizer, check_lr, check_range, check_switches, scalar, scalar_array

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
        params: Any,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: int = 0,
        foreach: Any = None,
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

    def _names(self, group: Any) -> Any:
        return ("ax", "mu", "eta", "step")

    def _order(self, name: str) -> Any:
        return ("step", "eta", "mu", "ax").index(name)

    def _start(self, name: str, param: Any, group: Any) -> Any:
        if name == "eta":
            return scalar_array(scalar(group["lr"]))
        return scalar_array(1.0) if name == "mu" else super()._start(name, param, group)
