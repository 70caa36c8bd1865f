"""torch's name of old for a tensor."""

import pytest

import pynn
from pynn.autograd import Variable


def test_a_variable_is_a_tensor_without_history():
    x = pynn.ones(2, requires_grad=True)
    y = Variable(x * 2)
    assert type(y) is pynn.Tensor
    assert y.is_leaf
    assert not y.requires_grad
    assert Variable(x * 2, requires_grad=True).requires_grad
    assert Variable().shape == (0,)


def test_every_tensor_is_an_instance():
    assert isinstance(pynn.ones(1), Variable)
    assert isinstance(pynn.nn.Parameter(pynn.ones(1)), Variable)
    assert not isinstance(1.0, Variable)


def test_volatile_has_no_effect(lib):
    with pytest.warns(UserWarning, match="volatile was removed and now has no effect"):
        assert lib.autograd.Variable(lib.ones(2), volatile=True).tolist() == [1.0, 1.0]
