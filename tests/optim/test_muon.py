"""Muon and SparseAdam."""

import numpy
import pytest

import pynn
from pynn.optim._muon import _orthogonalized


def test_an_orthogonal_update_has_singular_values_near_one():
    rng = numpy.random.default_rng(0)
    for shape in ((6, 6), (4, 9), (9, 4)):
        u, _, v = numpy.linalg.svd(rng.normal(size=shape), full_matrices=False)
        update = pynn.tensor(u @ numpy.diag(numpy.linspace(0.5, 2, 4 if shape != (6, 6) else 6)) @ v)
        found = _orthogonalized(update, (3.4445, -4.7750, 2.0315), 5, 1e-7)
        assert found.dtype is pynn.bfloat16
        assert found.shape == shape
        values = numpy.linalg.svd(found.double().numpy(), compute_uv=False)
        assert ((values > 0.6) & (values < 1.3)).all()


@pytest.mark.parametrize(("adjust", "ratio"), [(None, 2.0), ("original", 2.0), ("match_rms_adamw", 0.4)])
def test_one_step_by_hand(adjust, ratio):
    p = pynn.ones(4, 1, requires_grad=True)
    p.grad = pynn.tensor([[1.0], [0.0], [0.0], [0.0]])
    optimizer = pynn.optim.Muon([p], lr=0.5, weight_decay=0.1, adjust_lr_fn=adjust)
    optimizer.step()
    x = 1.0  # the iteration of a vector of length 1
    for _ in range(5):
        x = 3.4445 * x - 4.7750 * x**3 + 2.0315 * x**5
    expected = numpy.full((4, 1), 1 - 0.05)
    expected[0] -= 0.5 * ratio * x
    numpy.testing.assert_allclose(p.detach().numpy(), expected, atol=0.02)
    assert optimizer.state_dict()["state"][0]["momentum_buffer"].flatten().tolist() == pytest.approx([0.05, 0, 0, 0])


@pytest.mark.parametrize("options", [{}, {"nesterov": False}, {"adjust_lr_fn": "match_rms_adamw"}, {"ns_steps": 3}])
def test_steps_are_torchs(options):
    torch = pytest.importorskip("torch")
    found = []
    for lib in (pynn, torch):
        p = lib.tensor(numpy.sin(numpy.arange(15.0)).reshape(3, 5).tolist(), requires_grad=True)
        optimizer = lib.optim.Muon([p], lr=0.02, **options)
        for _ in range(2):
            optimizer.zero_grad()
            (p**3).sum().backward()
            optimizer.step()
        found.append(p.detach().numpy())
    numpy.testing.assert_allclose(*found, atol=2e-3)


def test_limits():
    p = pynn.ones(2, 2, requires_grad=True)
    p.grad = pynn.ones(2, 2)
    with pytest.raises(ValueError, match="Number of steps must be less than 100"):
        pynn.optim.Muon([p], ns_steps=100).step()
    with pytest.raises(ValueError, match="tuple of exactly 3 values"):
        pynn.optim.Muon([p], ns_coefficients=(1.0, 2.0)).step()
    assert pynn.optim.Muon([p]).step(lambda: 7) == 7


def test_sparse_adam_refuses_dense_gradients():
    p = pynn.ones(2, requires_grad=True)
    optimizer = pynn.optim.SparseAdam([p])
    assert optimizer.step(lambda: 7) == 7
    p.grad = pynn.ones(2)
    with pytest.raises(RuntimeError, match="SparseAdam does not support dense gradients, please consider Adam instead"):
        optimizer.step()
