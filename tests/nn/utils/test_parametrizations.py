"""Ready parametrizations."""

import pytest

import pynn
from pynn import nn
from pynn.nn.utils import parametrizations, parametrize

MAPS = ["householder", "matrix_exp", "cayley"]


@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm(twin, rng, dim):
    def make(nn):
        layer = nn.Conv2d(4, 6, 3)
        utils = parametrizations if nn is pynn.nn else __import__("torch").nn.utils.parametrizations
        return utils.weight_norm(layer, dim=dim)

    layer = twin(make, rng.normal(size=(2, 4, 5, 5)))
    assert list(layer.state_dict()) == [
        "bias", "parametrizations.weight.original0", "parametrizations.weight.original1",
    ]  # fmt: skip
    value = layer.weight.detach().clone()
    parametrize.remove_parametrizations(layer, "weight")
    assert pynn.equal(layer.weight, value)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_weight_norm_loads_the_older_state():
    older = nn.utils.weight_norm(nn.Linear(3, 2))
    newer = parametrizations.weight_norm(nn.Linear(3, 2))
    newer.load_state_dict(older.state_dict())
    assert pynn.allclose(newer.weight, older.weight)


@pytest.mark.parametrize("make", [lambda: nn.Linear(5, 4), lambda: nn.ConvTranspose2d(3, 4, 2)])
def test_spectral_norm_makes_the_largest_singular_value_one(make):
    pynn.manual_seed(2)
    layer = parametrizations.spectral_norm(make(), n_power_iterations=30)
    matrix = layer.weight.detach()
    if matrix.ndim == 4:
        matrix = matrix.transpose(0, 1)
    matrix = matrix.reshape(matrix.shape[0], -1).numpy()
    assert __import__("numpy").linalg.svd(matrix)[1][0] == pytest.approx(1.0, rel=1e-4)
    assert sorted(layer.state_dict()) == [
        "bias", "parametrizations.weight.0._u", "parametrizations.weight.0._v", "parametrizations.weight.original",
    ]  # fmt: skip
    layer.eval()
    u = layer.parametrizations.weight[0]._u.clone()
    layer.weight.sum().backward()
    assert pynn.equal(layer.parametrizations.weight[0]._u, u)
    layer.train()
    _ = layer.weight
    assert layer.parametrizations.weight.original.grad is not None


def test_spectral_norm_twice_before_backward():
    layer = parametrizations.spectral_norm(nn.Linear(3, 2))
    x = pynn.ones(1, 3)
    (layer(x) + layer(x)).sum().backward()  # the second call moved the buffers on
    assert layer.parametrizations.weight.original.grad is not None


def test_spectral_norm_of_a_vector_and_errors():
    layer = nn.LayerNorm(3)
    parametrizations.spectral_norm(layer)
    assert layer.weight.norm().item() == pytest.approx(1.0)
    with pytest.raises(ValueError, match="n_power_iterations to be positive"):
        parametrizations.spectral_norm(nn.Linear(2, 2), n_power_iterations=0)
    with pytest.raises(IndexError, match="Dimension out of range"):
        parametrizations.spectral_norm(nn.Linear(2, 2), dim=2)
    with pytest.raises(ValueError, match="has no parameter or buffer with name 'foo'"):
        parametrizations.spectral_norm(nn.Linear(2, 2), "foo")


@pytest.mark.parametrize("map", MAPS)
@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (2, 4, 3)])
def test_orthogonal(map, shape):
    def is_orthogonal(w):
        w = w if w.shape[-2] >= w.shape[-1] else w.mT
        return pynn.allclose(w.mT @ w, pynn.eye(w.shape[-1], dtype=w.dtype).expand_as(w.mT @ w), atol=1e-6)

    pynn.manual_seed(4)
    module = nn.Module()
    module.weight = nn.Parameter(pynn.randn(*shape, dtype=pynn.float64))
    parametrizations.orthogonal(module, orthogonal_map=map)
    assert module.weight.shape == shape
    assert is_orthogonal(module.weight)
    start = module.weight.detach().clone()
    (module.weight * pynn.randn(*shape, dtype=pynn.float64)).sum().backward()
    with pynn.no_grad():
        original = module.parametrizations.weight.original
        original -= 0.3 * original.grad
    assert is_orthogonal(module.weight)
    assert not pynn.allclose(module.weight, start)
    module.weight = start
    assert pynn.allclose(module.weight, start)


def test_orthogonal_without_trivialization():
    pynn.manual_seed(4)
    layer = parametrizations.orthogonal(nn.Linear(3, 5).double(), use_trivialization=False)
    value = nn.init.orthogonal_(pynn.empty(5, 3, dtype=pynn.float64))
    layer.weight = value
    assert pynn.allclose(layer.weight, value)
    assert "parametrizations.weight.0.base" not in layer.state_dict()
    square = parametrizations.orthogonal(
        nn.Linear(3, 3).double(), orthogonal_map="householder", use_trivialization=False
    )
    for signs in ([1.0, 1.0, 1.0], [1.0, -1.0, 1.0], [-1.0, 1.0, -1.0]):  # of either determinant; no reflection needed
        square.weight = pynn.diag(pynn.tensor(signs, dtype=pynn.float64))
        assert pynn.allclose(square.weight, pynn.diag(pynn.tensor(signs, dtype=pynn.float64)))


def test_orthogonal_errors():
    with pytest.raises(ValueError, match="Expected a matrix or batch of matrices"):
        parametrizations.orthogonal(nn.Linear(2, 2), "bias")
    with pytest.raises(ValueError, match="orthogonal_map has to be one of"):
        parametrizations.orthogonal(nn.Linear(2, 2), orthogonal_map="qr")
