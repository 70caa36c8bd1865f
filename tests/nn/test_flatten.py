"""Flatten and Unflatten."""

import pytest

import pynn
from pynn import nn


@pytest.mark.parametrize("arguments", [(), (0,), (1, 2), (-2, -1)])
def test_flatten_matches_torch(twin, rng, arguments):
    twin(lambda nn: nn.Flatten(*arguments), rng.normal(size=(2, 3, 4, 5)))


@pytest.mark.parametrize("sizes", [(2, 3), (2, -1), [3, 2]])
def test_unflatten_matches_torch(twin, rng, sizes):
    twin(lambda nn: nn.Unflatten(1, sizes), rng.normal(size=(4, 6, 2)))


def test_unflatten_undoes_flatten():
    x = pynn.randn(2, 3, 4)
    assert pynn.equal(nn.Sequential(nn.Flatten(), nn.Unflatten(1, (3, 4)))(x), x)


def test_unflatten_errors():
    with pytest.raises(TypeError, match="must be a tuple of ints, but found type int"):
        nn.Unflatten(1, 3)
    with pytest.raises(TypeError, match="found element of type float at pos 1"):
        nn.Unflatten(1, (2, 3.0))
    with pytest.raises(TypeError, match="takes dim as an int"):
        nn.Unflatten("features", (2, 3))
