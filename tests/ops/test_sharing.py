"""share_memory_ moves the memory: all tensors and storages over it see the new one."""

import pytest

import pynn


def test_views_made_before_move_along():
    x = pynn.zeros(4, 3)
    rows, turned, same, wide = x[1:], x.t(), x.detach(), x[:1].expand(5, 3)
    x.share_memory_()
    x.fill_(5.0)
    for y in (rows, turned, same, wide):
        assert y.is_shared()
        assert y.unique().tolist() == [5]
    assert turned.stride() == (1, 3)
    with pytest.raises(RuntimeError, match="more than one element"):
        wide.add_(1)


def test_a_view_moves_all_of_its_memory():
    x = pynn.zeros(4, 3, dtype=pynn.bfloat16)
    x[1:].share_memory_().fill_(2.0)
    assert x.is_shared()
    assert x[:, 0].tolist() == [0, 2, 2, 2]


def test_a_storage_moves_its_tensors():
    x = pynn.arange(6)
    storage = x.untyped_storage()
    assert storage.share_memory_() is storage
    x[0] = 7
    assert x.is_shared()
    assert storage[0] == 7


def test_history_stays():
    x = pynn.ones(3, requires_grad=True)
    y = x * 2
    part = y[1:]
    y.share_memory_()
    part.mul_(3.0)
    y.sum().backward()
    assert y.tolist() == [2, 6, 6]
    assert x.grad.tolist() == [2, 6, 6]


def test_parameters_keep_what_their_data_sees():
    layer = pynn.nn.Linear(2, 2)
    data = layer.weight.data
    layer.share_memory()
    with pynn.no_grad():
        layer.weight.fill_(3.0)
    assert data.unique().tolist() == [3]
    assert isinstance(layer.weight, pynn.nn.Parameter)
