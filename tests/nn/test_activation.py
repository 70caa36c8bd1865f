"""Activation modules."""

import numpy
import pytest

import pynn
from pynn import nn

MAKERS = [
    lambda nn: nn.ReLU(), lambda nn: nn.ReLU6(), lambda nn: nn.SiLU(), lambda nn: nn.SELU(), lambda nn: nn.Mish(),
    lambda nn: nn.Hardswish(), lambda nn: nn.Hardsigmoid(), lambda nn: nn.Sigmoid(), lambda nn: nn.Tanh(),
    lambda nn: nn.LogSigmoid(), lambda nn: nn.Softsign(), lambda nn: nn.Tanhshrink(), lambda nn: nn.LeakyReLU(),
    lambda nn: nn.LeakyReLU(0.3), lambda nn: nn.ELU(), lambda nn: nn.ELU(1.5), lambda nn: nn.CELU(),
    lambda nn: nn.CELU(0.7), lambda nn: nn.GELU(), lambda nn: nn.GELU("tanh"), lambda nn: nn.Softplus(),
    lambda nn: nn.Softplus(2.0, 1.0), lambda nn: nn.Hardtanh(), lambda nn: nn.Hardtanh(-0.2, 0.4),
    lambda nn: nn.Threshold(0.1, 20), lambda nn: nn.Hardshrink(), lambda nn: nn.Hardshrink(0.2),
    lambda nn: nn.Softshrink(), lambda nn: nn.Softshrink(0.2), lambda nn: nn.PReLU(), lambda nn: nn.PReLU(6, 0.1),
    lambda nn: nn.Softmax(1), lambda nn: nn.Softmax(dim=-1), lambda nn: nn.Softmin(1), lambda nn: nn.LogSoftmax(1),
    lambda nn: nn.GLU(), lambda nn: nn.GLU(1),
]  # fmt: skip


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: repr(make(nn)))
def test_matches_torch(twin, rng, make):
    twin(make, rng.normal(size=(3, 6, 2)), tolerance=1e-7)  # torch rounds some constants to float32


def test_softmax2d_matches_torch(twin, rng):
    twin(lambda nn: nn.Softmax2d(), rng.normal(size=(2, 3, 4, 5)))
    with pytest.raises(ValueError, match="Softmax2d: expected input to be 3D or 4D, got 2D instead"):
        nn.Softmax2d()(pynn.ones(2, 2))


def test_rrelu_matches_torch_in_evaluation(twin, rng):
    twin(lambda nn: nn.RReLU(), rng.normal(size=(3, 4)), training=False)


def test_rrelu_draws_slopes_in_training():
    slopes = -nn.RReLU(0.2, 0.4)(-pynn.ones(200)).numpy()
    assert 0.2 <= slopes.min() < slopes.max() <= 0.4


@pytest.mark.parametrize(
    "name",
    ["ReLU", "ReLU6", "SiLU", "SELU", "Mish", "Hardswish", "Hardsigmoid", "LeakyReLU", "ELU", "CELU", "Hardtanh"],
)
def test_inplace(name):
    x = pynn.randn(4, 3)
    wanted = getattr(nn, name)()(x)
    out = getattr(nn, name)(inplace=True)(x)
    assert out is x
    assert pynn.allclose(x, wanted)


def test_inplace_is_shown():
    for make in (lambda nn: nn.ReLU(True), lambda nn: nn.ELU(2.0, True), lambda nn: nn.Hardswish(True)):
        torch = pytest.importorskip("torch")
        assert repr(make(nn)) == repr(make(torch.nn))


def test_swish_has_a_beta():
    x = pynn.randn(7)
    assert pynn.allclose(nn.Swish()(x), nn.SiLU()(x))
    assert pynn.allclose(nn.Swish(1.5)(x), x * pynn.sigmoid(1.5 * x))
    assert repr(nn.Swish(2.0)) == "Swish(beta=2.0)"


def test_prelu_weight_is_trained():
    m = nn.PReLU(2)
    m(pynn.tensor([[-1.0, 2.0], [-3.0, -4.0]])).sum().backward()
    assert m.weight.grad.tolist() == [-4.0, -4.0]


def test_hardtanh_limits():
    with pytest.raises(ValueError, match="min_val < max_val, got 1 and 0"):
        nn.Hardtanh(1, 0)


def test_state_is_empty_but_for_prelu():
    for make in MAKERS:
        m = make(nn)
        assert list(m.state_dict()) == (["weight"] if isinstance(m, nn.PReLU) else [])
    assert numpy.allclose(nn.PReLU(3, 0.1).weight.tolist(), 0.1)
