import copy

import pytest

import pynn
from pynn import nn


def test_tensors_that_share_memory_share_their_copies(lib):
    x = lib.arange(6.0)
    kept = {"x": x, "tail": x[2:], "grid": x.view(2, 3).t(), "every": x[::2]}
    twin = copy.deepcopy(kept)
    for name, value in kept.items():
        assert twin[name].tolist() == value.tolist()
        assert twin[name].stride() == value.stride()
    twin["x"].zero_()
    assert twin["tail"].tolist() == [0, 0, 0, 0]
    assert twin["grid"].sum().item() == 0
    assert twin["every"].tolist() == [0, 0, 0]
    assert x.tolist() == [0, 1, 2, 3, 4, 5]


def test_views_alone_and_apart(lib):
    x = lib.arange(6.0)
    one, other = copy.deepcopy(x[1:3]), copy.deepcopy(x[1:3])
    one.zero_()
    assert other.tolist() == [1, 2]
    assert x.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("make", [
    lambda: pynn.arange(12.0).view(3, 4).t(),
    lambda: pynn.ones(2, 0),
    lambda: pynn.tensor(3.0),
    lambda: pynn.ones(1).expand(4),
    lambda: pynn.arange(6).view(2, 3).flip(0),
    lambda: pynn.ones(3).bfloat16()[1:],
    lambda: pynn.ones(2, 3).share_memory_()[1],
    lambda: pynn.ones(2, 3, 4, 5).to(memory_format=pynn.channels_last),
])  # fmt: skip
def test_values_survive(make):
    x = make()
    y = copy.deepcopy(x)
    assert y.shape == x.shape
    assert y.dtype is x.dtype
    assert (y == x).all()
    assert not y.numel() or y.data_ptr() != x.data_ptr()


def test_attributes_and_gradients():
    x = pynn.ones(2, requires_grad=True)
    x.note = [1]
    (x * 3).sum().backward()
    y = copy.deepcopy(x)
    assert y.grad.tolist() == [3, 3]
    assert y.note == [1]
    assert y.note is not x.note
    model = nn.Linear(2, 2)
    model.twin = model.weight
    again = copy.deepcopy(model)
    assert again.twin is again.weight
