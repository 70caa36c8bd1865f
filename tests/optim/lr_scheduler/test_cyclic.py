"""Cycles, one cycle and warm restarts: options, momentum and errors (their values are in test_values)."""

import pytest

import pynn
from pynn.optim import lr_scheduler as s


def one(kind="SGD", **options):
    return getattr(pynn.optim, kind)([pynn.ones(1, requires_grad=True)], lr=0.5, **options)


def test_momentum_moves_against_the_rate():
    optimizer = one(momentum=0.5)
    scheduler = s.CyclicLR(optimizer, 0.1, 1.0, step_size_up=2, base_momentum=0.25, max_momentum=0.75)
    group = optimizer.param_groups[0]
    seen = [(group["lr"], group["momentum"])]
    for _ in range(4):
        optimizer.step()
        scheduler.step()
        seen.append((group["lr"], group["momentum"]))
    assert seen == [pytest.approx(pair) for pair in ((0.1, 0.75), (0.55, 0.5), (1.0, 0.25), (0.55, 0.5), (0.1, 0.75))]


def test_beta1_is_adams_momentum():
    optimizer = one("Adam", betas=(0.5, 0.875))
    s.OneCycleLR(optimizer, 1.0, 10, max_momentum=0.75)
    assert optimizer.param_groups[0]["betas"] == (0.75, 0.875)


def test_optimizers_without_momentum():
    optimizer = one()
    del optimizer.defaults["momentum"]
    for make in (lambda: s.CyclicLR(optimizer, 0.1, 1.0), lambda: s.OneCycleLR(optimizer, 1.0, 10)):
        with pytest.raises(ValueError, match="must support momentum or beta1"):
            make()
    s.CyclicLR(optimizer, 0.1, 1.0, cycle_momentum=False)


class Scale:
    def __init__(self, height):
        self.height = height

    def __call__(self, x):
        return self.height


def test_a_scale_object_keeps_its_attributes_in_the_state():
    saved = s.CyclicLR(one(), 0.1, 1.0, scale_fn=Scale(0.5)).state_dict()
    assert saved["_scale_fn_custom"] == {"height": 0.5}
    other = s.CyclicLR(one(), 0.1, 1.0, scale_fn=Scale(0.25))
    other.load_state_dict(saved)
    assert other.scale_fn(3) == 0.5
    assert s.CyclicLR(one(), 0.1, 1.0, scale_fn=lambda x: 1.0).state_dict()["_scale_fn_custom"] is None


def test_cyclic_errors():
    with pytest.raises(ValueError, match="mode is invalid"):
        s.CyclicLR(one(), 0.1, 1.0, mode="square")
    with pytest.raises(ValueError, match="max_lr has 2 values, param_groups has 1"):
        s.CyclicLR(one(), 0.1, [1.0, 2.0])


@pytest.mark.parametrize("epoch", [0, 0.5, 4.75, 5, 9.25, 15, 34.5])
@pytest.mark.parametrize("t_mult", [1, 2])
def test_restarts_at_fractions_of_epochs(epoch, t_mult):
    torch = pytest.importorskip("torch")
    found = []
    for lib in (pynn, torch):
        optimizer = lib.optim.SGD([lib.ones(1, requires_grad=True)], lr=0.5)
        scheduler = lib.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 5, t_mult, 0.01)
        scheduler.step(epoch)
        scheduler.step(epoch + 0.25)
        found.append((scheduler.get_last_lr(), scheduler.T_cur, scheduler.T_i, scheduler.last_epoch))
    assert found[0] == found[1]


def test_restart_errors():
    for t_0 in (0, -1, 2.0):
        with pytest.raises(ValueError, match="Expected positive integer T_0"):
            s.CosineAnnealingWarmRestarts(one(), t_0)
    with pytest.raises(ValueError, match="Expected integer T_mult >= 1, but got 0"):
        s.CosineAnnealingWarmRestarts(one(), 5, 0)
    with pytest.raises(ValueError, match="Expected float or int eta_min"):
        s.CosineAnnealingWarmRestarts(one(), 5, eta_min="0")
    with pytest.raises(ValueError, match="Expected non-negative epoch, but got -1"):
        s.CosineAnnealingWarmRestarts(one(), 5).step(-1)


def test_one_cycle_errors():
    for options, message in (
        ({}, "You must define either total_steps OR"),
        ({"total_steps": 0}, "positive integer total_steps, but got 0"),
        ({"epochs": 2.5, "steps_per_epoch": 2}, "positive integer epochs, but got 2.5"),
        ({"epochs": 2, "steps_per_epoch": -2}, "positive integer steps_per_epoch, but got -2"),
        ({"total_steps": 9, "pct_start": 2.0}, "Expected float between 0 and 1 pct_start, but got 2.0"),
        ({"total_steps": 9, "anneal_strategy": "cubic"}, "must be one of 'cos' or 'linear', instead got cubic"),
    ):
        with pytest.raises(ValueError, match=message):
            s.OneCycleLR(one(momentum=0.5), 1.0, **options)


def test_one_cycle_ends():
    optimizer = one(momentum=0.5)
    scheduler = s.OneCycleLR(optimizer, 1.0, 3)
    optimizer.step()
    for _ in range(3):
        scheduler.step()
    with pytest.raises(ValueError, match="Tried to step 4 times"):
        scheduler.step()
