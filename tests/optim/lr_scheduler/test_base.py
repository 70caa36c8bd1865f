"""What all schedulers share: start, resuming, order of calls, warnings and errors."""

import warnings

import pytest

import pynn
from pynn.optim import lr_scheduler


def one(lr=0.5, kind="SGD"):
    return getattr(pynn.optim, kind)([pynn.ones(1, requires_grad=True)], lr=lr)


def rate(optimizer):
    return optimizer.param_groups[0]["lr"]


class Falling(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [base / (1 + self.last_epoch) for base in self.base_lrs]


def test_a_scheduler_of_ones_own():
    optimizer = one(1.0)
    scheduler = Falling(optimizer)
    assert optimizer.param_groups[0]["initial_lr"] == 1.0
    optimizer.step()
    scheduler.step()
    assert scheduler.get_last_lr() == [0.5]
    assert rate(optimizer) == 0.5
    with pytest.raises(NotImplementedError, match="get_lr"):
        lr_scheduler.LRScheduler(one())


def test_no_optimizer_no_scheduler():
    for make in (Falling, lambda o: lr_scheduler.CyclicLR(o, 1, 2), lambda o: lr_scheduler.OneCycleLR(o, 1, 2)):
        with pytest.raises(TypeError, match="float is not an Optimizer"):
            make(0.5)
    with pytest.raises(TypeError, match="str is not an Optimizer"):
        lr_scheduler.ReduceLROnPlateau("sgd")


def test_going_on_needs_the_initial_rate():
    with pytest.raises(KeyError, match=r"'initial_lr' is not specified in param_groups\[0\]"):
        lr_scheduler.StepLR(one(), 3, last_epoch=4)
    optimizer = one(0.25)
    optimizer.param_groups[0]["initial_lr"] = 1.0
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5, last_epoch=1)
    assert scheduler.last_epoch == 2
    optimizer.step()
    scheduler.step()
    assert rate(optimizer) == 0.125


def test_wrong_order_warns_once_the_schedule_starts():
    optimizer = one()
    optimizer.step()  # before the scheduler: does not count
    scheduler = lr_scheduler.StepLR(optimizer, 3)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()


def test_right_order_does_not_warn_even_with_several_schedulers():
    optimizer = one()
    first, second = lr_scheduler.StepLR(optimizer, 3), lr_scheduler.ExponentialLR(optimizer, 0.9)
    optimizer.step()
    first.step()
    second.step()


def test_a_step_that_replaces_the_optimizers_own_warns():
    optimizer = one()
    scheduler = lr_scheduler.StepLR(optimizer, 3)
    optimizer.step = lambda: None
    optimizer.step()
    with pytest.warns(UserWarning, match="overridden"):
        scheduler.step()


def test_get_lr_outside_a_step_warns():
    scheduler = lr_scheduler.StepLR(one(), 3)
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()


def test_a_rate_in_a_tensor_stays_the_same_tensor():
    lr = pynn.tensor(1.0)
    optimizer = one(lr)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert rate(optimizer) is lr
    assert lr.item() == 0.5
    assert scheduler.get_last_lr()[0].item() == 0.5
    assert scheduler.base_lrs[0].item() == 1.0


def test_state_dict_leaves_the_optimizer_out():
    saved = lr_scheduler.StepLR(one(), 3).state_dict()
    assert "optimizer" not in saved
    assert saved["step_size"] == 3


def test_old_name():
    assert issubclass(lr_scheduler._LRScheduler, lr_scheduler.LRScheduler)
