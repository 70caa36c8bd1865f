"""Parameters as one vector."""

import pytest

import pynn
from pynn import nn
from pynn.nn.utils import parameters_to_vector, vector_to_parameters


def test_round_trip():
    m = nn.Linear(2, 3)
    vector = parameters_to_vector(m.parameters())
    assert tuple(vector.shape) == (9,)
    assert vector.tolist() == m.weight.flatten().tolist() + m.bias.tolist()
    vector_to_parameters(pynn.arange(9.0), m.parameters())
    assert m.weight.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert m.bias.tolist() == [6, 7, 8]


def test_gradients_flow_to_the_parameters():
    m = nn.Linear(2, 3)
    (parameters_to_vector(m.parameters()) * pynn.arange(9.0)).sum().backward()
    assert m.bias.grad.tolist() == [6, 7, 8]


def test_errors():
    m = nn.Linear(2, 3)
    with pytest.raises(TypeError, match=r"expected pynn.Tensor, but got: list"):
        vector_to_parameters([1.0], m.parameters())
    with pytest.raises(RuntimeError, match="the parameters' 9 elements, got shape"):
        vector_to_parameters(pynn.ones(8), m.parameters())
