"""Averaged stochastic gradient descent."""

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
        params,
        lr=1e-2,
        lambd=1e-4,
        alpha=0.75,
        t0=1e6,
        weight_decay=0,
        foreach=None,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        check_lr(lr)
        check_range("weight_decay value", weight_decay)
        check_switches(foreach, None, differentiable)
        defaults = {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _names(self, group):
        return ("ax", "mu", "eta", "step")

    def _order(self, name):
        return ("step", "eta", "mu", "ax").index(name)

    def _start(self, name, param, group):
        if name == "eta":
            return scalar_array(scalar(group["lr"]))
        return scalar_array(1.0) if name == "mu" else super()._start(name, param, group)
