"""Two tensors exchanged in place."""

import weakref

import pytest

import pynn
from pynn import nn
from pynn.utils import swap_tensors


class Named(nn.Parameter):
    pass


def test_values_gradients_and_classes_change_places():
    layer = nn.Linear(2, 1, bias=False)
    weight, other = layer.weight, Named(pynn.full((3, 2), 5.0))
    weight.grad = pynn.ones(1, 2)
    other.label = "mine"
    swap_tensors(weight, other)
    assert layer.weight is weight
    assert type(weight) is Named
    assert type(other) is nn.Parameter
    assert (weight.shape, weight.label, weight.grad) == ((3, 2), "mine", None)
    assert other.grad.tolist() == [[1, 1]]
    assert not hasattr(other, "label")
    layer(pynn.ones(1, 2)).sum().backward()
    assert weight.grad.tolist() == [[1, 1]] * 3


def test_plain_tensors():
    x, y = pynn.ones(2), pynn.zeros(3, dtype=pynn.int64)
    swap_tensors(x, y)
    assert x.tolist() == [0, 0, 0]
    assert x.dtype is pynn.int64
    assert y.tolist() == [1, 1]


def test_what_cannot_change_places():
    x, y = pynn.ones(2), pynn.zeros(2)
    with pytest.raises(RuntimeError, match="different slots"):
        swap_tensors(x, nn.Parameter(y))
    kept = weakref.ref(y)
    with pytest.raises(RuntimeError, match="Cannot swap t2 because it has weakref"):
        swap_tensors(x, y)
    assert kept() is y
