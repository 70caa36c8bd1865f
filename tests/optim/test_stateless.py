"""An optimizer that works on other parameters for a block."""

import copy

import pytest

import pynn
from pynn import nn, optim


def parameter():
    p = nn.Parameter(pynn.ones(2))
    p.grad = pynn.ones(2)
    return p


@pytest.mark.parametrize("kind", [optim.Adam, optim.LBFGS])
def test_the_optimizer_has_its_own_again(kind):
    p, q = parameter(), parameter()
    optimizer = kind([p], lr=0.1)
    optimizer.step(lambda: pynn.ones(()))
    after = p.tolist()
    other = copy.deepcopy(optimizer.state_dict())
    groups, state = optimizer.param_groups, optimizer.state
    with optim.swap_in_optimizer_params_and_state(optimizer, {"w": q}, other):
        assert optimizer.param_groups[0]["params"][0] is q
    assert optimizer.param_groups is groups
    assert optimizer.state is state
    assert p.tolist() == after


def test_steps_write_into_what_was_swapped_in():
    p, q = parameter(), parameter()
    optimizer = optim.SGD([p], lr=0.5, momentum=0.9)
    optimizer.step()
    other = copy.deepcopy(optimizer.state_dict())
    with optim.swap_in_optimizer_params_and_state(optimizer, {"w": q}, other):
        optimizer.step()
    assert q.tolist() == pytest.approx([1 - 0.5 * 1.9] * 2)
    assert other["state"][0]["momentum_buffer"].tolist() == pytest.approx([1.9] * 2)
    assert p.tolist() == [0.5, 0.5]
    optimizer.step()
    assert p.tolist() == pytest.approx([0.5 - 0.5 * 1.9] * 2)


def test_errors():
    p = parameter()
    optimizer = optim.SGD([p], lr=0.5)
    state = optimizer.state_dict()
    for params, given in (({}, state), ({"w": p}, {"state": {}}), ({"w": p}, {"state": {}, "param_groups": []})):
        with (
            pytest.raises(RuntimeError, match=r"swap"),
            optim.swap_in_optimizer_params_and_state(optimizer, params, given),
        ):
            pass
    assert optimizer.param_groups[0]["params"][0] is p
