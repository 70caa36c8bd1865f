"""RMSprop."""

from typing import Any

from pynn._core import Tensor
from pynn.ops.optim import RMSPROP_STEP
from pynn.optim._grouped import GroupedOptimizer, check_lr, check_range, check_switches, scalar
from pynn.optim.optimizer import ParamsT

__all__ = ["RMSprop"]


class RMSprop(GroupedOptimizer):
    """RMSprop: divides the gradient by its running root mean square.

    v = alpha * v + (1 - alpha) * g**2, p -= lr * g / (sqrt(v) + eps); with momentum the quotient is gathered in
    b = momentum * b + g / (sqrt(v) + eps), p -= lr * b. centered: v less the square of the running mean of g.
    State: step, square_avg (v), momentum_buffer (b) where momentum > 0, grad_avg where centered.
    Raises ValueError for options out of range. Tieleman and Hinton (2012); Graves (2013).
    """

    op = RMSPROP_STEP
    options = ("lr", "alpha", "eps", "weight_decay", "momentum", "centered", "maximize")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check_range("epsilon value", eps)
        check_range("momentum value", momentum)
        check_range("weight_decay value", weight_decay)
        check_range("alpha value", alpha)
        check_switches(foreach, None, differentiable)
        defaults = {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        momentum = ("momentum_buffer",) if group["momentum"] > 0 else ()
        return ("square_avg", *momentum, *(("grad_avg",) if group["centered"] else ()), "step")

    def _attrs(
        self, lr: Any, alpha: Any, eps: Any, weight_decay: Any, momentum: Any, centered: Any, maximize: Any
    ) -> Any:
        return (
            scalar(lr),
            scalar(alpha),
            scalar(eps),
            scalar(weight_decay),
            scalar(momentum),
            bool(centered),
            bool(maximize),
        )
