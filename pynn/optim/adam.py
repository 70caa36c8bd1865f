"""Adam."""

from typing import Any

from pynn._core import Tensor
from pynn.ops.optim import ADAM_STEP
from pynn.optim._grouped import GroupedOptimizer, check_betas, check_lr, check_range, check_switches, scalar
from pynn.optim.optimizer import ParamsT

__all__ = ["Adam"]


class Adam(GroupedOptimizer):
    """Adam: moves each element by its running mean gradient over its running root mean square gradient.

    m = beta1 * m + (1 - beta1) * g, v = beta2 * v + (1 - beta2) * g**2, both divided by 1 - beta**step,
    p -= lr * m / (sqrt(v) + eps). weight_decay adds weight_decay * p to g; decoupled_weight_decay shrinks p instead.
    amsgrad: v is replaced by the largest v so far.
    State: step, exp_avg (m), exp_avg_sq (v), max_exp_avg_sq with amsgrad.
    Raises ValueError for options out of range. Kingma and Ba (2014); Reddi et al. (2018).
    """

    op = ADAM_STEP
    options = ("lr", "betas", "eps", "weight_decay", "amsgrad", "maximize", "decoupled_weight_decay")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        check_lr(lr)
        check_range("epsilon value", eps)
        for i, beta in enumerate(betas):
            if isinstance(beta, Tensor):
                if foreach and not capturable:
                    raise ValueError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
                if beta.numel() != 1:
                    raise ValueError(f"Tensor betas[{i}] must be 1-element, got {beta.numel()} elements")
        check_betas(betas)
        check_range("weight_decay value", weight_decay)
        if not any(all(isinstance(beta, kind) for beta in betas) for kind in (float, Tensor)):
            raise ValueError(f"betas must be either both floats or both Tensors, got {betas}")
        check_switches(foreach, fused, differentiable)
        defaults = {
            "lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize, "foreach": foreach, "capturable": capturable, "differentiable": differentiable,
            "fused": fused, "decoupled_weight_decay": decoupled_weight_decay,
        }  # fmt: skip
        super().__init__(params, defaults)

    def _names(self, group: dict[str, Any]) -> tuple[str, ...]:
        if group["amsgrad"]:
            return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "step")
        return ("exp_avg", "exp_avg_sq", "step")

    def _attrs(
        self, lr: Any, betas: Any, eps: Any, weight_decay: Any, amsgrad: Any, maximize: Any, decoupled: Any
    ) -> tuple[Any, ...]:
        beta1, beta2 = betas
        return (
            scalar(lr),
            scalar(beta1),
            scalar(beta2),
            scalar(eps),
            scalar(weight_decay),
            bool(amsgrad),
            bool(maximize),
            bool(decoupled),
        )
