"""SparseAdam: there by name, so that what is missing is said when it is used."""

from collections.abc import Callable
from typing import Any

from pynn._core import Tensor
from pynn.optim._grouped import check_betas, check_lr
from pynn.optim.optimizer import Optimizer, ParamsT, loss_of

__all__ = ["SparseAdam"]


class SparseAdam(Optimizer):
    """Adam for sparse gradients, which pynn does not have: `step` refuses dense ones, as torch's does.

    Raises ValueError for options out of range; step raises RuntimeError where a parameter has a gradient.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        check_lr(lr)
        if not eps > 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Refuse dense gradients; without any there is nothing to do."""
        loss = None if closure is None else loss_of(closure)
        if any(p.grad is not None for group in self.param_groups for p in group["params"]):
            raise RuntimeError(
                "SparseAdam does not support dense gradients, please consider Adam instead: sparse gradients are out "
                "of pynn's scope so far."
            )
        return loss
