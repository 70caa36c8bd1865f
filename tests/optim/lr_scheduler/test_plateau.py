"""ReduceLROnPlateau: patience, cooldown, floor and errors."""

import pytest

import pynn
from pynn.optim.lr_scheduler import ReduceLROnPlateau


def groups(count=1, lr=1.0):
    return pynn.optim.SGD([{"params": [pynn.ones(1, requires_grad=True)]} for _ in range(count)], lr=lr)


def rates(optimizer):
    return [g["lr"] for g in optimizer.param_groups]


def run(scheduler, metrics):
    seen = []
    for m in metrics:
        scheduler.step(m)
        seen.append(scheduler.get_last_lr()[0])
    return seen


def test_patience_and_cooldown():
    scheduler = ReduceLROnPlateau(groups(), factor=0.5, patience=1, cooldown=2)
    assert run(scheduler, [1.0] * 8) == [1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25]
    assert scheduler.in_cooldown


def test_a_tensor_may_be_the_metric():
    scheduler = ReduceLROnPlateau(groups(), factor=0.5, patience=0)
    assert run(scheduler, [pynn.tensor(1.0), pynn.tensor(0.5), pynn.tensor(0.5)]) == [1.0, 1.0, 0.5]


def test_floor_for_each_group():
    optimizer = groups(2)
    scheduler = ReduceLROnPlateau(optimizer, factor=0.1, patience=0, min_lr=[0.5, 0.01])
    run(scheduler, [1.0] * 5)
    assert rates(optimizer) == pytest.approx([0.5, 0.01])


def test_groups_added_later():
    optimizer = groups()
    common, listed = ReduceLROnPlateau(optimizer, patience=0), ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.0])
    optimizer.add_param_group({"params": [pynn.ones(1, requires_grad=True)]})
    run(common, [1.0, 1.0])
    assert rates(optimizer) == pytest.approx([0.1, 0.1])
    with pytest.raises(RuntimeError, match=r"param groups in the `optimizer` \(2\) differs .* \(1\)"):
        run(listed, [1.0, 1.0])


def test_errors():
    with pytest.raises(ValueError, match="Factor should be <"):
        ReduceLROnPlateau(groups(), factor=1.0)
    with pytest.raises(ValueError, match="mode best is unknown"):
        ReduceLROnPlateau(groups(), "best")
    with pytest.raises(ValueError, match="threshold mode share is unknown"):
        ReduceLROnPlateau(groups(), threshold_mode="share")
    with pytest.raises(ValueError, match="expected 1 min_lrs, got 2"):
        ReduceLROnPlateau(groups(), min_lr=[0, 0])


def test_epoch_is_deprecated():
    scheduler = ReduceLROnPlateau(groups())
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(1.0, epoch=7)
    assert scheduler.last_epoch == 7
