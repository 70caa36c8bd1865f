"""nn.grad: the convolutions' gradients as functions."""

import pytest

import pynn
from pynn import nn


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_gradients_are_those_of_backward(dims, rng):
    x = pynn.tensor(rng.normal(size=(2, 4) + (6,) * dims)).requires_grad_()
    w = pynn.tensor(rng.normal(size=(6, 2) + (3,) * dims)).requires_grad_()
    geometry = (2, 1, 1, 2)
    y = getattr(nn.functional, f"conv{dims}d")(x, w, None, *geometry)
    g = pynn.tensor(rng.normal(size=tuple(y.shape)))
    y.backward(g)
    by_input = getattr(nn.grad, f"conv{dims}d_input")(x.shape, w, g, *geometry)
    by_weight = getattr(nn.grad, f"conv{dims}d_weight")(x, w.shape, g, *geometry)
    assert pynn.allclose(by_input, x.grad)
    assert pynn.allclose(by_weight, w.grad)
