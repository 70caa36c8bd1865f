"""Schedulers made of schedulers: hand-over, errors and state (their values are in test_values)."""

import pytest

import pynn
from pynn.optim import lr_scheduler as s


def one():
    return pynn.optim.SGD([pynn.ones(1, requires_grad=True)], lr=1.0)


def rates(optimizer, scheduler, steps):
    seen = [optimizer.param_groups[0]["lr"]]
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
        seen.append(optimizer.param_groups[0]["lr"])
    return seen


def test_the_next_scheduler_starts_from_the_initial_rate():
    optimizer = one()
    parts = [s.ConstantLR(optimizer, 0.5, 9), s.ExponentialLR(optimizer, 0.5)]
    assert rates(optimizer, s.SequentialLR(optimizer, parts, [2]), 4) == [0.5, 0.5, 1.0, 0.5, 0.25]


def test_a_chain_may_come_second():
    optimizer = one()
    chain = s.ChainedScheduler([s.StepLR(optimizer, 1, 0.5), s.ExponentialLR(optimizer, 0.5)])
    parts = [s.ConstantLR(optimizer, 0.25, 9), chain]
    assert rates(optimizer, s.SequentialLR(optimizer, parts, [2]), 4) == [0.25, 0.25, 1.0, 0.25, 0.0625]


def test_state_holds_the_parts():
    optimizer = one()
    chain = s.ChainedScheduler([s.StepLR(optimizer, 1, 0.5), s.ExponentialLR(optimizer, 0.5)])
    saved = chain.state_dict()
    assert [part["last_epoch"] for part in saved["_schedulers"]] == [0, 0]
    saved["_schedulers"][1]["last_epoch"] = 7
    chain.load_state_dict(saved)
    assert chain._schedulers[1].last_epoch == 7
    assert "_schedulers" in saved


def test_errors():
    optimizer, other = one(), one()
    fine = s.StepLR(optimizer, 1)
    makers = (lambda parts: s.SequentialLR(optimizer, parts, [1] * (len(parts) - 1)), s.ChainedScheduler)
    for make in makers:
        with pytest.raises(ValueError, match="got no scheduler"):
            make([])
        with pytest.raises(ValueError, match=r"does not support `ReduceLROnPlateau`.*at index 1"):
            make([fine, s.ReduceLROnPlateau(optimizer)])
        with pytest.raises(ValueError, match="belong to the same optimizer, but got scheduler StepLR at index 1"):
            make([fine, s.StepLR(other, 1)])
        with pytest.raises(TypeError, match="at index 1 should have `optimizer`"):
            make([fine, 0.5])
    with pytest.raises(ValueError, match=r"schedulers 1 and the number of milestones to be equal to 2"):
        s.SequentialLR(optimizer, [fine], [1, 2])
