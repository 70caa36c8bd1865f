"""Resilient backpropagation."""

from typing import Any

import numpy

from pynn._core import Tensor
from pynn.ops.optim_variants import RPROP_STEP
from pynn.optim._grouped import GroupedOptimizer, check_lr, check_switches, scalar
from pynn.optim.optimizer import ParamsT

__all__ = ["Rprop"]


class Rprop(GroupedOptimizer):
    """Rprop: reads only the sign of the gradient; for whole batches.

    Each element's step size starts as lr, grows by etas[1] while the sign holds, shrinks by etas[0] when it turns
    (that step is left out), and stays within step_sizes.
    State: step, prev, step_size. Raises ValueError for options out of range. Riedmiller and Braun (1993).
    """

    op = RPROP_STEP
    options = ("etas", "step_sizes", "maximize")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        etas: Any = (0.5, 1.2),
        step_sizes: Any = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        check_switches(foreach, None, differentiable)
        defaults = {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("prev", "step_size", "step")

    def _start(self, name: str, param: Any, group: dict[str, Any]) -> numpy.ndarray:
        if name == "step_size":
            return numpy.full_like(param._array, scalar(group["lr"]))
        return super()._start(name, param, group)
