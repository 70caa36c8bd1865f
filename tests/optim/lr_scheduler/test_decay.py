"""Schedules that are one formula of the step: options and errors (their values are in test_values)."""

import pytest

import pynn
from pynn.optim import lr_scheduler as s


def one(lr=0.5):
    return pynn.optim.SGD([pynn.ones(1, requires_grad=True)], lr=lr)


class Power:
    """A callable with a state."""

    def __init__(self, base):
        self.base = base

    def __call__(self, t):
        return self.base**t


@pytest.mark.parametrize("kind", [s.LambdaLR, s.MultiplicativeLR])
def test_functions_are_checked(kind):
    with pytest.raises(ValueError, match="Expected 1 lr_lambdas, but got 2"):
        kind(one(), [abs, abs])
    with pytest.raises(TypeError, match="lr_lambda should be a function, but got float"):
        kind(one(), 0.5)


@pytest.mark.parametrize("kind", [s.LambdaLR, s.MultiplicativeLR])
def test_callable_objects_keep_their_attributes_in_the_state(kind):
    saved = kind(one(), Power(0.5)).state_dict()
    assert saved["lr_lambdas"] == [{"base": 0.5}]
    other = kind(one(), Power(0.75))
    other.load_state_dict(saved)
    assert other.lr_lambdas[0].base == 0.5
    assert saved["lr_lambdas"] == [{"base": 0.5}]
    assert kind(one(), lambda t: 1.0).state_dict()["lr_lambdas"] == [None]


@pytest.mark.parametrize("factor", [-0.1, 1.1])
def test_factors_out_of_range(factor):
    with pytest.raises(ValueError, match="Constant multiplicative factor expected to be between 0 and 1"):
        s.ConstantLR(one(), factor)
    with pytest.raises(ValueError, match="Starting multiplicative factor"):
        s.LinearLR(one(), factor)
    with pytest.raises(ValueError, match="Ending multiplicative factor"):
        s.LinearLR(one(), 0.5, factor)


def test_a_linear_start_of_nothing():
    with pytest.raises(ValueError, match="greater than 0"):
        s.LinearLR(one(), 0)
