"""Stochastic gradient descent."""

from typing import Any

from pynn._core import Tensor
from pynn.ops.optim import SGD_STEP
from pynn.optim._grouped import GroupedOptimizer, check_lr, check_range, check_switches, scalar
from pynn.optim.optimizer import ParamsT

__all__ = ["SGD"]


class SGD(GroupedOptimizer):
    """Stochastic gradient descent, with momentum, Nesterov's momentum and weight decay where asked.

    g is the gradient plus weight_decay * p (minus it to maximize); with momentum
    b = momentum * b + (1 - dampening) * g, where b starts as g, and p moves by -lr * b
    (nesterov: by -lr * (g + momentum * b)).
    State: momentum_buffer, where momentum is not 0.
    Raises ValueError for options out of range. Sutskever et al. (2013).
    """

    op = SGD_STEP
    options = ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize")
    extra = (False,)
    detaches = True  # as in torch, a buffer begins as the gradient's value, through which no gradient flows

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check_range("momentum value", momentum)
        check_range("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError(
                "Nesterov momentum requires a momentum and zero dampening: "
                f"got momentum={momentum}, dampening={dampening}"
            )
        check_switches(foreach, fused, differentiable)
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
            "maximize": maximize, "foreach": foreach, "differentiable": differentiable, "fused": fused,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] != 0 else ()

    def _attrs(
        self, lr: Any, momentum: Any, dampening: Any, weight_decay: Any, nesterov: Any, maximize: Any
    ) -> tuple[Any, ...]:
        return (
            scalar(lr),
            scalar(momentum),
            scalar(dampening),
            scalar(weight_decay),
            bool(nesterov),
            bool(maximize),
        )

    def _split(self, group: Any, params: Any) -> Any:
        # A new buffer becomes g. Without dampening that is what momentum * 0 + g gives; with it, new ones go apart.
        if group["momentum"] == 0 or (group["dampening"] == 0 and not group["differentiable"]):
            return [(None, (False,))]
        fresh = [self.state[p].get("momentum_buffer") is None for p in params]
        if not any(fresh):
            return [(None, (False,))]
        places = {first: tuple([i for i, new in enumerate(fresh) if new is first]) for first in (True, False)}
        return [(where, (first,)) for first, where in places.items() if where]
