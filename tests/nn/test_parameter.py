"""Parameter and Buffer."""

import copy
import pickle

import pytest

import pynn
from pynn import nn


def test_takes_the_tensors_memory_and_requires_grad():
    data = pynn.ones(2, 3)
    p = nn.Parameter(data)
    assert isinstance(p, pynn.Tensor)
    assert p.requires_grad
    assert p.is_leaf
    data[0, 0] = 5.0
    assert p[0, 0].item() == 5.0


def test_a_write_to_the_shared_memory_is_seen_by_backward():
    data = pynn.ones(3)
    p = nn.Parameter(data)
    y = (p * p).sum()
    data.mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_without_data_is_empty():
    assert tuple(nn.Parameter().shape) == (0,)


def test_wrong_data():
    with pytest.raises(TypeError, match="takes a Tensor or None, got list"):
        nn.Parameter([1.0])
    with pytest.raises(RuntimeError, match="floating point"):
        nn.Parameter(pynn.tensor([1, 2]))
    assert not nn.Parameter(pynn.tensor([1, 2]), requires_grad=False).requires_grad


def test_results_are_plain_tensors():
    p = nn.Parameter(pynn.ones(2))
    assert type(p + 1) is pynn.Tensor
    assert type(p.detach()) is pynn.Tensor


def test_repr():
    assert repr(nn.Parameter(pynn.ones(2))) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"

    class Special(nn.Parameter):
        """A subclass prints alike."""

    assert repr(Special(pynn.ones(1))) == "Parameter containing:\nParameter(Special([1.], requires_grad=True))"


def test_deepcopy_copies_values_without_gradient():
    p = nn.Parameter(pynn.ones(2), requires_grad=True)
    (p * 2).sum().backward()
    q, again = copy.deepcopy([p, p])
    assert q is again
    assert type(q) is nn.Parameter
    assert q.grad is None
    with pynn.no_grad():
        q.fill_(3.0)
    assert p.tolist() == [1.0, 1.0]


def test_pickle():
    for requires_grad in (True, False):
        p = nn.Parameter(pynn.tensor([1.0, 2.0]), requires_grad=requires_grad)
        q = pickle.loads(pickle.dumps(p))
        assert type(q) is nn.Parameter
        assert q.requires_grad == requires_grad
        assert q.tolist() == [1.0, 2.0]


def test_buffer_registers_itself():
    m = nn.Module()
    m.kept = nn.Buffer(pynn.ones(1))
    m.passing = nn.Buffer(pynn.ones(1), persistent=False)
    assert list(m._buffers) == ["kept", "passing"]
    assert list(m.state_dict()) == ["kept"]
    assert not m.kept.requires_grad
