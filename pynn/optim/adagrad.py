"""Adagrad."""

from typing import Any

import numpy

from pynn._core import Tensor
from pynn.ops.optim_variants import ADAGRAD_STEP
from pynn.optim._grouped import GroupedOptimizer, check_lr, check_range, check_switches
from pynn.optim.optimizer import ParamsT

__all__ = ["Adagrad"]


class Adagrad(GroupedOptimizer):
    """Adagrad: divides the gradient by the root of the sum of all its squares so far.

    s += g**2, p -= lr / (1 + (step - 1) * lr_decay) * g / (sqrt(s) + eps); s starts as initial_accumulator_value.
    State, from the start: step, sum (s). Raises ValueError for options out of range. Duchi et al. (2011).
    """

    op = ADAGRAD_STEP
    options = ("lr", "lr_decay", "eps", "weight_decay", "maximize")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check_range("lr_decay value", lr_decay)
        check_range("weight_decay value", weight_decay)
        check_range("initial_accumulator_value value", initial_accumulator_value)
        check_range("epsilon value", eps)
        check_switches(foreach, fused, differentiable)
        defaults = {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "fused": fused,
        }  # fmt: skip
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                self._complete(self.state[p], p, group, ("step", "sum"))

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("sum", "step")

    def _start(self, name: str, param: Any, group: dict[str, Any]) -> numpy.ndarray:
        if name == "sum":
            return numpy.full_like(param._array, self.defaults["initial_accumulator_value"])
        return super()._start(name, param, group)
