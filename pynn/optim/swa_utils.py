"""Averages of a model's weights over the steps: stochastic weight averaging and exponential moving averages.

Izmailov et al., "Averaging weights leads to wider optima and better generalization" (2018).
"""

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

from pynn.autograd import no_grad
from pynn.nn.batchnorm import _BatchNorm
from pynn.nn.module import Module
from pynn.ops.from_data import tensor
from pynn.optim.lr_scheduler.base import LRScheduler, one_each
from pynn.optim.optimizer import Optimizer

__all__ = [
    "SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn",
    "update_bn",
]  # fmt: skip


def get_ema_avg_fn(decay: float = 0.999) -> Callable[..., Any]:
    """An avg_fn: decay * average + (1 - decay) * new. Raises ValueError unless 0 <= decay <= 1."""
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")

    @no_grad()
    def ema_update(ema_param: Any, current_param: Any, num_averaged: Any) -> Any:
        return decay * ema_param + (1 - decay) * current_param

    found: Callable[..., Any] = ema_update
    return found


def get_swa_avg_fn() -> Callable[..., Any]:
    """An avg_fn: the mean of all."""

    @no_grad()
    def swa_update(averaged_param: Any, current_param: Any, num_averaged: Any) -> Any:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    found: Callable[..., Any] = swa_update
    return found


def _for_lists(avg_fn: Callable[..., Any]) -> Callable[..., None]:
    """The form of an avg_fn that takes lists of tensors and writes the first."""

    @no_grad()
    def update(averaged_param_list: Any, current_param_list: Any, num_averaged: Any) -> None:
        for averaged, current in zip(averaged_param_list, current_param_list, strict=True):
            averaged.copy_(avg_fn(averaged, current, num_averaged))

    found: Callable[..., None] = update
    return found


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[..., Any]:
    """A multi_avg_fn of get_ema_avg_fn."""
    return _for_lists(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> Callable[..., Any]:
    """A multi_avg_fn of get_swa_avg_fn."""
    return _for_lists(get_swa_avg_fn())


class AveragedModel(Module):
    """A copy of a model whose parameters are the average of those it is shown by update_parameters.

    avg_fn(average, new, count) -> the next average of one tensor; or multi_avg_fn(averages, news, count), which writes
    lists of them; neither: the mean of all. use_buffers: average the buffers too, rather than copy the last ones.
    Raises AssertionError for both.
    """

    def __init__(
        self, model: Any, device: Any = None, avg_fn: Any = None, multi_avg_fn: Any = None, use_buffers: bool = False
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model gives."""
        return self.module(*args, **kwargs)

    def _averaged(self, model: Any) -> Any:
        return list(chain(model.parameters(), model.buffers()) if self.use_buffers else model.parameters())

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take another model's weights into the average; the first are copied."""
        ours = [p.detach() for p in self._averaged(self.module)]
        theirs = [p.detach() for p in self._averaged(model)]
        if self.n_averaged == 0:
            for average, new in zip(ours, theirs):
                average.copy_(new)
        elif self.multi_avg_fn is not None:
            for kind in dict.fromkeys(p.dtype for p in ours):
                places = [i for i, p in enumerate(ours) if p.dtype is kind]
                self.multi_avg_fn([ours[i] for i in places], [theirs[i] for i in places], self.n_averaged)
        else:
            avg_fn = self.avg_fn or get_swa_avg_fn()
            for average, new in zip(ours, theirs):
                average.copy_(avg_fn(average, new, self.n_averaged))
        if not self.use_buffers:
            for mine, new in zip(self.module.buffers(), model.buffers(), strict=True):
                mine.detach().copy_(new.detach())
        self.n_averaged += 1


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Run the model over a loader's batches, so that its batch normalisations hold the mean statistics of them all.

    A batch may be a tensor, or a list or tuple that begins with it. Averaged weights need this before use.
    """
    momenta = {module: module.momentum for module in model.modules() if isinstance(module, _BatchNorm)}
    if not momenta:
        return
    training = model.training
    model.train()
    for module in momenta:
        module.reset_running_stats()
        module.momentum = None  # a plain mean over the batches
    for batch in loader:
        x = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(x if device is None else x.to(device))
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(training)


class SWALR(LRScheduler):
    """Anneal each group's rate to swa_lr in anneal_epochs steps, and keep it there.

    swa_lr: a number, or a list of one for each group. anneal_strategy: the curve, "cos" or "linear".
    Raises ValueError for another curve, or an anneal_epochs that is no integer from 0 on.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        for lr, group in zip(one_each("swa_lr", optimizer, swa_lr), optimizer.param_groups):
            group["swa_lr"] = lr
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step: Any) -> Any:
        """How much of the rate is swa_lr at a step."""
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self) -> list[Any]:
        """Each group's next rate: the share of its first rate, worked out of the last one, and that of swa_lr."""
        self._check_inside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, share = self._share(step - 1), self._share(step)
        values = []
        for group in self.optimizer.param_groups:
            target = group["swa_lr"]
            first = target if before == 1 else (group["lr"] - before * target) / (1 - before)
            values.append(target * share + first * (1 - share))
        return values
