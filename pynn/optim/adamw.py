"""AdamW."""

from typing import Any

from pynn._core import Tensor
from pynn.optim.adam import Adam
from pynn.optim.optimizer import ParamsT

__all__ = ["AdamW"]


class AdamW(Adam):
    """Adam with decoupled weight decay: each step first shrinks p by 1 - lr * weight_decay.

    Options, state and errors are Adam's. Loshchilov and Hutter (2017).
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # whatever the checkpoint of an Adam says
            group["decoupled_weight_decay"] = True
