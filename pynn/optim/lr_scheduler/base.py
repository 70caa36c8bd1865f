"""The base of the schedulers."""

import types
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from pynn._core import Tensor
from pynn.optim.optimizer import Optimizer

ORDER_WARNING = (
    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. Call them in the opposite order: "
    "`optimizer.step()` before `lr_scheduler.step()`. Otherwise the first value of the learning rate schedule is skipped. "
    "See https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
)
OVERRIDDEN_WARNING = (
    "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization, and does not call "
    "the optimizer's own. Please, make sure to call `optimizer.step()` before `lr_scheduler.step()`. "
    "See https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
)
EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
    "`scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from None, the closed form "
    "is used instead of the new chainable form, where available."
)


def check_optimizer(optimizer: Any) -> None:
    """TypeError unless optimizer is one."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def group_values(optimizer: Optimizer, key: str) -> list[Any]:
    """An option of every group; Tensors are copied."""
    values = [group[key] for group in optimizer.param_groups]
    return [value.clone() if isinstance(value, Tensor) else value for value in values]


def set_option(group: dict[str, Any], key: str, value: Any) -> None:
    """Set a group's option; one that is a Tensor stays the Tensor it is and takes the value."""
    if isinstance(group[key], Tensor):
        group[key].fill_(value.item() if isinstance(value, Tensor) else value)
    else:
        group[key] = value


def one_each(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """A number, or a list of one for each group, as such a list; ValueError for a list of another length."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        value = [value] * groups
    elif len(value) != groups:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, "
            f"param_groups has {groups}."
        )
    return [v.clone() if isinstance(v, Tensor) else v for v in value]


class LRScheduler:
    """Base class: a subclass writes get_lr(), which returns each group's next rate for `last_epoch`.

    optimizer: whose groups get their "lr" set. last_epoch: where to go on, -1 to start; then each group's rate becomes
    its "initial_lr". Raises TypeError for what is no Optimizer, KeyError for a group without initial_lr when going on.
    """

    _get_lr_called_within_step = False
    _is_initial = False
    _last_lr: list[Any]
    _step_count: int

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                lr = group["lr"]
                group.setdefault("initial_lr", lr.clone() if isinstance(lr, Tensor) else lr)
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with "
                    f"last_epoch >= 0 (got {last_epoch}). Load the optimizer's state first, or start with last_epoch=-1."
                )
        self.base_lrs = group_values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        if not getattr(optimizer, "_has_scheduler", False):
            optimizer._has_scheduler = True  # type: ignore[attr-defined]  # a mark of ours
            optimizer._opt_called = False  # only steps from here on count for the warning about their order
        self._initial_step()

    def _initial_step(self) -> None:
        """Set the first rates."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """All that the scheduler holds but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what state_dict() gave."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Any]:
        """Each group's rate as the scheduler set it last."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """Each group's next rate."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_lr(); write it in the subclass.")

    def step(self, epoch: int | None = None) -> None:
        """Go to the next step, or to `epoch` (deprecated), and set the rates. Warns where the optimizer never stepped."""
        if self._step_count == 1 and not self.optimizer._opt_called:
            overridden = "step" in vars(self.optimizer)
            warnings.warn(OVERRIDDEN_WARNING if overridden else ORDER_WARNING, UserWarning, stacklevel=2)
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        with self._inside_step():
            closed = None if epoch is None else getattr(self, "_get_closed_form_lr", None)
            self._set_lr(self.get_lr() if closed is None else closed())

    def _set_lr(self, values: Iterable[Any]) -> None:
        for group, lr in zip(self.optimizer.param_groups, values, strict=True):
            set_option(group, "lr", lr)
        self._last_lr = group_values(self.optimizer, "lr")

    @contextmanager
    def _inside_step(self) -> Iterator[None]:
        self._get_lr_called_within_step = True
        try:
            yield
        finally:
            self._get_lr_called_within_step = False

    def _check_inside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )

    def _current(self) -> list[Any]:
        """Each group's rate as it is."""
        return group_values(self.optimizer, "lr")

    def _times(self, factor: Any) -> list[Any]:
        """Each group's rate times factor."""
        return [group["lr"] * factor for group in self.optimizer.param_groups]


class _LRScheduler(LRScheduler):
    """The base class under its old name."""


def pack_callables(callables: Iterable[Any]) -> list[dict[str, Any] | None]:
    """What a state_dict keeps of functions: nothing, or the attributes of callable objects."""
    return [None if isinstance(f, types.FunctionType) else f.__dict__.copy() for f in callables]


def unpack_callables(callables: Iterable[Any], saved: Iterable[dict[str, Any] | None]) -> None:
    """Give callable objects the attributes that pack_callables kept."""
    for f, attributes in zip(callables, saved):
        if attributes is not None:
            f.__dict__.update(attributes)
