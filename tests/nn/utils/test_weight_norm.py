"""The older weight_norm and spectral_norm, by hooks."""

import numpy
import pytest

import pynn
from pynn import nn
from pynn.nn.utils import remove_spectral_norm, remove_weight_norm, spectral_norm, weight_norm

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm_is_torchs(twin, rng, dim):
    utils = {pynn.nn: pynn.nn.utils}
    layer = twin(lambda nn: utils.get(nn, nn.utils).weight_norm(nn.Linear(4, 5), dim=dim), rng.normal(size=(3, 4)))
    assert list(layer.state_dict()) == ["bias", "weight_g", "weight_v"]
    value = layer.weight.detach().clone()
    remove_weight_norm(layer)
    assert pynn.allclose(layer.weight, value)
    assert isinstance(layer.weight, nn.Parameter)
    assert not layer._forward_pre_hooks
    with pytest.raises(ValueError, match="weight_norm of 'weight' not found"):
        remove_weight_norm(layer)


def test_weight_norm_twice():
    layer = weight_norm(nn.Linear(2, 2))
    with pytest.raises(RuntimeError, match="Cannot register two weight_norm hooks"):
        weight_norm(layer)


def test_weight_norm_warns():
    with pytest.warns(FutureWarning, match="weight_norm"):
        weight_norm(nn.Linear(2, 2))


def test_norm_except_dim():
    v = pynn.arange(6.0).reshape(2, 3)
    assert pynn.norm_except_dim(v, 2, 0).tolist() == [[5**0.5], [50**0.5]] or pynn.allclose(
        pynn.norm_except_dim(v, 2, 0), pynn.tensor([[5.0], [50.0]]).sqrt()
    )
    assert pynn.norm_except_dim(v, 1, 1).tolist() == [[3.0, 5.0, 7.0]]
    assert pynn.norm_except_dim(v, 1, -1).tolist() == 15.0


def test_spectral_norm():
    pynn.manual_seed(1)
    layer = spectral_norm(nn.Linear(4, 3), n_power_iterations=50)
    assert sorted(layer.state_dict()) == ["bias", "weight_orig", "weight_u", "weight_v"]
    x = pynn.ones(2, 4)
    layer(x)
    assert numpy.linalg.svd(layer.weight.detach().numpy())[1][0] == pytest.approx(1.0, rel=1e-4)
    assert layer.state_dict()._metadata[""]["spectral_norm"] == {"weight.version": 1}
    (layer(x) + layer(x)).sum().backward()  # the second call leaves what the first saved
    assert layer.weight_orig.grad is not None
    u = layer.weight_u.clone()
    layer.eval()(x)
    assert pynn.equal(layer.weight_u, u)
    value = layer.weight.detach().clone()
    remove_spectral_norm(layer)
    assert pynn.allclose(layer.weight, value)
    assert list(layer.state_dict()) == ["bias", "weight"]
    with pytest.raises(ValueError, match="spectral_norm of 'weight' not found"):
        remove_spectral_norm(layer)
    with pytest.raises(ValueError, match="n_power_iterations to be positive"):
        spectral_norm(layer, n_power_iterations=0)


def test_spectral_norm_gradient_is_torchs(rng):
    torch = pytest.importorskip("torch")
    x = rng.normal(size=(3, 4))
    theirs = torch.nn.utils.spectral_norm(torch.nn.Conv1d(4, 5, 1).double())
    ours = spectral_norm(nn.Conv1d(4, 5, 1).double())
    ours.load_state_dict({k: pynn.tensor(v.numpy().copy()) for k, v in theirs.state_dict().items()})
    for _ in range(2):
        a, b = theirs(torch.tensor(x.T.copy())), ours(pynn.tensor(x.T.copy()))
        numpy.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol=1e-9)
    a.square().sum().backward()
    b.square().sum().backward()
    numpy.testing.assert_allclose(ours.weight_orig.grad.numpy(), theirs.weight_orig.grad.numpy(), rtol=1e-8)
