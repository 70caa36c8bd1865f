"""Linear, Bilinear, Identity."""

import math

import pytest

import pynn
from pynn import nn


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 4, 3)])
def test_linear_matches_torch(twin, rng, bias, shape):
    twin(lambda nn: nn.Linear(3, 4, bias=bias), rng.normal(size=shape))


@pytest.mark.parametrize("bias", [True, False])
def test_bilinear_matches_torch(twin, rng, bias):
    twin(lambda nn: nn.Bilinear(3, 2, 4, bias=bias), rng.normal(size=(5, 3)), rng.normal(size=(5, 2)))


def test_initial_values():
    pynn.manual_seed(0)
    m = nn.Linear(100, 200)
    bound = 1 / math.sqrt(100)
    for p in m.parameters():
        assert p.abs().max().item() <= bound
        assert abs(p.mean().item()) < 0.1 * bound
        assert abs(p.std().item() - bound / math.sqrt(3)) < 0.1 * bound
    before = m.weight.clone()
    m.reset_parameters()
    assert not pynn.equal(before, m.weight)


def test_no_inputs():
    with pytest.warns(UserWarning, match="zero-element"):
        m = nn.Linear(0, 3)
    assert m(pynn.ones(2, 0)).tolist() == [[0.0] * 3] * 2


def test_dtype():
    assert nn.Linear(2, 2, dtype=pynn.float64).bias.dtype is pynn.float64


def test_errors():
    with pytest.raises(RuntimeError, match=r"cannot be multiplied \(2x4 and 3x5\)"):
        nn.Linear(3, 5)(pynn.ones(2, 4))
    with pytest.raises(RuntimeError, match="same dtype"):
        nn.Linear(3, 5)(pynn.ones(2, 3, dtype=pynn.float64))
    with pytest.raises(ValueError, match="in1_features must be > 0, but got 0"):
        nn.Bilinear(0, 2, 3)


def test_identity_takes_any_arguments():
    x = pynn.ones(2)
    assert nn.Identity(54, unused=0.1)(x) is x
