"""softmax, log_softmax, softmin, logsumexp, gumbel_softmax."""

import numpy
import pytest

import pynn
import pynn.nn.functional as F

X = numpy.random.default_rng(2).normal(size=(2, 3, 4)) * 3


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_as_torch(same_as_torch, name, dim):
    same_as_torch(name, X, dim=dim)
    same_as_torch(name, X.astype("float32"), dim=dim, tolerance=3e-6)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_gradients(gradients, name):
    gradients(lambda x: getattr(F, name)(x, 1), X[0])
    gradients(lambda x: pynn.logsumexp(x, 1), X[0])


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4), (1, 2, 3, 4)])
def test_implicit_dim(same_as_torch, shape):
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax"):
        ours = F.softmax(pynn.ones(shape))
    expected = 0 if len(shape) in (0, 1, 3) else 1
    numpy.testing.assert_allclose(ours.numpy(), 1 / (shape[expected] if shape else 1), rtol=1e-6)


def test_methods_and_dtype(same_as_torch):
    same_as_torch(lambda t, x: (t.softmax(x, 1), x.softmax(-1), t.log_softmax(x, dim=0), x.logsumexp((0, 1))), X)
    same_as_torch(lambda t, x: x.softmax(0, dtype=t.float64), numpy.arange(4))


def test_large_values_do_not_overflow():
    x = pynn.tensor([1e4, 0.0, -1e4])
    assert F.softmax(x, 0).tolist() == [1.0, 0.0, 0.0]
    assert F.log_softmax(x, 0).tolist() == [0.0, -1e4, -2e4]
    assert pynn.logsumexp(x, 0).item() == 1e4
    assert pynn.logsumexp(pynn.full((3,), -float("inf")), 0).item() == -float("inf")


def test_errors(same_error):
    assert "got 5" in same_error(IndexError, "softmax", X, 5)
    assert "input.float()" in same_error(NotImplementedError, "softmax", numpy.arange(4), 0)
    assert "must be Tensor, not list" in same_error(TypeError, lambda t, x: t.softmax(x, 0), [1.0])


def test_gumbel_softmax():
    pynn.manual_seed(0)
    logits = pynn.tensor(numpy.log([[0.7, 0.2, 0.1]] * 3000), requires_grad=True)
    soft = F.gumbel_softmax(logits, tau=0.5)
    numpy.testing.assert_allclose(soft.sum(-1).detach().numpy(), 1.0)
    hard = F.gumbel_softmax(logits, hard=True)
    assert set(numpy.unique(hard.detach().numpy().round(12)).tolist()) == {0.0, 1.0}
    numpy.testing.assert_allclose(hard.detach().numpy().mean(0), [0.7, 0.2, 0.1], atol=0.03)
    (hard * pynn.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert logits.grad.abs().sum().item() > 0
