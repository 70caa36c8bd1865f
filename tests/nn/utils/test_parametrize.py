"""parametrize: tensors that are functions of others."""

import copy
import pickle

import pytest

import pynn
from pynn import nn
from pynn.nn.utils import parametrize


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).mT

    def right_inverse(self, a):
        return a.triu()


class Twice(nn.Module):
    def forward(self, x):
        return 2 * x


class Sum(nn.Module):
    """Two originals."""

    def forward(self, a, b):
        return a + b

    def right_inverse(self, x):
        return x / 4, 3 * x / 4


def test_register_and_remove():
    layer = nn.Linear(3, 3)
    before = layer.weight.detach().clone()
    assert parametrize.register_parametrization(layer, "weight", Symmetric()) is layer
    assert type(layer).__name__ == "ParametrizedLinear"
    assert isinstance(layer, nn.Linear)
    assert parametrize.type_before_parametrizations(layer) is nn.Linear
    assert parametrize.is_parametrized(layer)
    assert parametrize.is_parametrized(layer, "weight")
    assert not parametrize.is_parametrized(layer, "bias")
    assert not parametrize.is_parametrized(nn.ReLU())
    assert list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]
    assert pynn.equal(layer.weight, before.triu() + before.triu(1).mT)
    layer(pynn.ones(1, 3)).sum().backward()
    assert layer.parametrizations.weight.original.grad.tolist() == [[1, 2, 2], [0, 1, 2], [0, 0, 1]]
    layer.weight = pynn.eye(3)
    assert pynn.equal(layer.weight, pynn.eye(3))
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear
    assert isinstance(layer.weight, nn.Parameter)
    assert pynn.equal(layer.weight, pynn.eye(3))
    assert list(layer.state_dict()) == ["bias", "weight"]


def test_leave_unparametrized():
    layer = nn.Linear(2, 2)
    before = layer.weight.detach().clone()
    parametrize.register_parametrization(layer, "weight", Twice())
    assert pynn.equal(layer.weight, 2 * before)
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    assert pynn.equal(layer.weight, before)


def test_several_on_one_tensor_and_on_a_buffer():
    layer = nn.BatchNorm1d(3)
    parametrize.register_parametrization(layer, "running_var", Twice())
    parametrize.register_parametrization(layer, "running_var", Twice())
    assert layer.running_var.tolist() == [4.0, 4.0, 4.0]
    assert "parametrizations.running_var.original" in dict(layer.named_buffers())
    assert len(layer.parametrizations.running_var) == 2
    with pytest.raises(RuntimeError, match="does not implement right_inverse"):
        layer.running_var = pynn.ones(3)


def test_several_originals():
    layer = nn.Linear(2, 2)
    before = layer.weight.detach().clone()
    parametrize.register_parametrization(layer, "weight", Sum())
    assert list(dict(layer.named_parameters())) == [
        "bias", "parametrizations.weight.original0", "parametrizations.weight.original1",
    ]  # fmt: skip
    assert pynn.allclose(layer.weight, before)
    layer.weight = pynn.ones(2, 2)
    assert layer.parametrizations.weight.original1.tolist() == [[0.75, 0.75], [0.75, 0.75]]
    with pytest.raises(ValueError, match="Cannot leave unparametrized"):
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    parametrize.remove_parametrizations(layer, "weight")
    assert layer.weight.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert layer.weight.requires_grad


def test_cached_computes_once():
    layer = nn.Linear(2, 2)
    parametrize.register_parametrization(layer, "weight", Twice())
    assert layer.weight is not layer.weight
    with parametrize.cached():
        assert layer.weight is layer.weight
        with parametrize.cached():
            inner = layer.weight
        assert layer.weight is inner
    assert layer.weight is not layer.weight


def test_state_can_be_loaded_and_copied_but_not_pickled():
    layer, other = nn.Linear(2, 2), nn.Linear(2, 2)
    for module in (layer, other):
        parametrize.register_parametrization(module, "weight", Symmetric())
    other.load_state_dict(layer.state_dict())
    assert pynn.equal(other.weight, layer.weight)
    twin = copy.deepcopy(layer)
    assert type(twin) is type(layer)
    assert pynn.equal(twin.weight, layer.weight)
    twin.weight = pynn.eye(2)
    assert not pynn.equal(twin.weight, layer.weight)
    with pytest.raises(RuntimeError, match=r"only supported through state_dict\(\)"):
        pickle.dumps(layer)


def test_transfer():
    layer, other = nn.Linear(2, 2), nn.Linear(2, 2)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    parametrize.transfer_parametrizations_and_params(layer, other)
    assert pynn.equal(other.weight, layer.weight)


def test_errors():
    class Wrong(nn.Module):
        def __init__(self, result):
            super().__init__()
            self.result = result

        def forward(self, x):
            return self.result(x)

    with pytest.raises(
        ValueError, match="does not have a parameter, a buffer, or a parametrized element with name 'foo'"
    ):
        parametrize.register_parametrization(nn.Linear(2, 2), "foo", Twice())
    for result, match in (
        (lambda x: x[:1], "should not change the shape"),
        (lambda x: x.double(), "should not change the dtype"),
        (lambda x: 3, "must return a tensor"),
    ):
        with pytest.raises(ValueError, match=match):
            parametrize.register_parametrization(nn.Linear(2, 2), "weight", Wrong(result))
        layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Twice())
        with pytest.raises(ValueError, match=match):
            parametrize.register_parametrization(layer, "weight", Wrong(result))
    layer = nn.Linear(2, 2)
    parametrize.register_parametrization(layer, "weight", Wrong(lambda x: x[:1]), unsafe=True)
    assert layer.weight.shape == (1, 2)
    with pytest.raises(ValueError, match="does not have a parametrization on bias"):
        parametrize.remove_parametrizations(layer, "bias")
    with pytest.raises(ValueError, match="requires one or more modules"):
        parametrize.ParametrizationList([], pynn.ones(2))
