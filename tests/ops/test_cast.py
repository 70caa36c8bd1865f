"""Copies and conversions."""

import pytest

import pynn


def test_to_returns_self_when_nothing_changes():
    x = pynn.ones(2)
    assert x.to("cpu") is x
    assert x.to(pynn.float32) is x
    assert x.float() is x
    assert x.contiguous() is x
    assert x.to(pynn.float32, copy=True) is not x


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((pynn.float64,), {}),
        (("cpu", pynn.float64), {}),
        ((pynn.zeros(1, dtype=pynn.float64),), {}),
        ((), {"dtype": pynn.float64}),
    ],
)
def test_to_takes_torchs_forms(arguments, named):
    assert pynn.ones(2).to(*arguments, **named).dtype is pynn.float64


def test_gradients_pass_through_conversions():
    x = pynn.ones(3, requires_grad=True)
    x.double().mul(2).float().sum().backward()
    assert x.grad.dtype is pynn.float32
    assert x.grad.tolist() == [2, 2, 2]


def test_short_names():
    x = pynn.tensor([1.7, -1.7])
    assert x.long().tolist() == [1, -1]
    assert x.int().dtype is pynn.int32
    assert x.bool().tolist() == [True, True]
    assert x.half().dtype is pynn.float16
    assert x.type_as(pynn.zeros(1, dtype=pynn.float64)).dtype is pynn.float64


def test_detach_shares_memory_and_version_but_no_history():
    x = pynn.ones(2, requires_grad=True)
    y = x * 2
    free = y.detach()
    assert not free.requires_grad
    free[0] = 9
    assert y[0].item() == 9
    z = y * y
    free[1] = 3
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_data_is_the_same_memory_unseen_by_autograd():
    x = pynn.ones(2, requires_grad=True)
    x.data[0] = 5
    assert x.tolist() == [5, 1]
    x.data = pynn.zeros(3)
    assert x.shape == (3,)
    with pytest.raises(TypeError, match="has to be a tensor"):
        x.data = 3


def test_copy_broadcasts_converts_and_carries_gradients():
    x = pynn.zeros(2, 3)
    source = pynn.tensor([1.0, 2.0, 3.0], dtype=pynn.float64, requires_grad=True)
    x.copy_(source)
    x.sum().backward()
    assert x.tolist() == [[1, 2, 3], [1, 2, 3]]
    assert source.grad.tolist() == [2, 2, 2]
    with pytest.raises(RuntimeError, match=r"size|copy_"):
        x.copy_(pynn.zeros(4))
