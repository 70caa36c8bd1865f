"""Optimizers that move one parameter at a time, by operations of tensors."""

from collections.abc import Callable
from typing import Any

from pynn._core import Tensor
from pynn.autograd import no_grad
from pynn.optim.optimizer import Optimizer, loss_of


class SingleOptimizer(Optimizer):
    """An optimizer whose subclass says how a parameter moves (`_move`)."""

    @no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move all parameters that have a gradient once; returns what closure, called with gradients, returned."""
        loss = None if closure is None else loss_of(closure)
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._move(p, p.grad, group)
        return loss

    def _move(self, p: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        """Move a parameter of a group by its gradient, and its state with it."""
        raise NotImplementedError
