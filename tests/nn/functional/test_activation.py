"""Activations: values, gradients, in-place forms, errors."""

import numpy
import pytest

import pynn
import pynn.nn.functional as F

X = numpy.random.default_rng(0).normal(size=(3, 4)) * 2
CASES = [
    ("relu", {}),
    ("relu6", {}),
    ("leaky_relu", {"negative_slope": 0.2}),
    ("elu", {"alpha": 0.7}),
    ("selu", {}),
    ("celu", {"alpha": 1.3}),
    ("hardtanh", {"min_val": -0.5, "max_val": 1.5}),
    ("threshold", {"threshold": 0.3, "value": -7.0}),
    ("silu", {}),
    ("mish", {}),
    ("hardswish", {}),
    ("hardsigmoid", {}),
    ("gelu", {}),
    ("gelu", {"approximate": "tanh"}),
    ("softplus", {"beta": 2, "threshold": 3}),
    ("logsigmoid", {}),
    ("softsign", {}),
    ("tanhshrink", {}),
    ("hardshrink", {"lambd": 0.7}),
    ("softshrink", {"lambd": 0.7}),
    ("sigmoid", {}),
    ("tanh", {}),
    ("glu", {}),
    ("glu", {"dim": 1}),
    ("rrelu", {}),
]
INPLACE = ["relu", "relu6", "leaky_relu", "elu", "selu", "celu", "hardtanh", "silu", "mish", "hardswish", "hardsigmoid"]


@pytest.mark.parametrize(("name", "kwargs"), CASES)
def test_as_torch(same_as_torch, name, kwargs):
    same_as_torch(name, X, tolerance=1e-7 if name == "hardsigmoid" else 1e-9, **kwargs)
    same_as_torch(name, X.astype("float32"), tolerance=3e-6, **kwargs)


@pytest.mark.parametrize(("name", "kwargs"), CASES)
def test_gradients(gradients, name, kwargs):
    gradients(lambda x: getattr(F, name)(x, **kwargs), X[:2])


@pytest.mark.parametrize("weight", [numpy.array([0.3]), numpy.array([0.1, 0.2, 0.3, 0.4])])
def test_prelu(same_as_torch, gradients, weight):
    same_as_torch("prelu", X, weight)
    gradients(F.prelu, X, weight)


def test_prelu_errors(same_error):
    message = same_error(RuntimeError, "prelu", X, numpy.ones(3))
    assert "parameter numbers = 3 and channel size = 4" in message


@pytest.mark.parametrize("name", INPLACE)
def test_inplace(name):
    x = pynn.tensor(X)
    expected = getattr(F, name)(x)
    written = x.clone()
    assert getattr(F, name)(written, inplace=True) is written
    assert pynn.equal(written, expected)


@pytest.mark.parametrize("name", INPLACE)
def test_inplace_gradient(name):
    grads = []
    for inplace in (False, True):
        x = pynn.tensor(X, requires_grad=True)
        (getattr(F, name)(x * 1.5, inplace=inplace) ** 2).sum().backward()
        grads.append(x.grad.numpy())
    numpy.testing.assert_allclose(*grads, rtol=1e-12)


def test_names_with_underscore():
    for name in ("relu_", "leaky_relu_", "elu_", "selu_", "celu_", "hardtanh_", "rrelu_"):
        x = pynn.tensor(X)
        result = getattr(F, name)(x)
        assert result is x
        assert pynn.equal(x, getattr(F, name[:-1])(pynn.tensor(X)))
    x = pynn.tensor(X)
    assert x.relu_() is x
    assert x.min().item() == 0.0


def test_inplace_on_a_leaf_that_requires_grad(same_error):
    same_error(RuntimeError, lambda lib, x: lib.nn.functional.relu(x, inplace=True), X)


def test_relu_keeps_integers_and_nan():
    assert F.relu(pynn.tensor([-1, 2])).tolist() == [0, 2]
    assert numpy.isnan(F.relu(pynn.tensor([float("nan")])).item())


def test_swish_is_silu_with_a_slope():
    x = pynn.tensor(X)
    numpy.testing.assert_allclose(F.swish(x, 1.7).numpy(), X / (1 + numpy.exp(-1.7 * X)), rtol=1e-12)
    assert pynn.equal(F.swish(x), F.silu(x))


def test_rrelu_draws_slopes_within_bounds():
    x = pynn.full((1000,), -1.0)
    slopes = -F.rrelu(x, 0.2, 0.4, training=True)
    assert 0.2 <= slopes.min().item() < 0.22
    assert 0.38 < slopes.max().item() <= 0.4


def test_errors(same_error):
    assert "Use input.float()" in same_error(NotImplementedError, "elu", numpy.array([1, 2]))
    assert "approximate" in same_error(RuntimeError, "gelu", X, approximate="no")
    assert "min_val cannot be greater" in same_error(ValueError, "hardtanh", X, 1.0, -1.0)
    assert "size 3" in same_error(RuntimeError, "glu", X[:, :3])
    assert "found to be -1" in same_error(RuntimeError, "softshrink", X, -1.0)
    assert "alpha cannot be 0" in same_error(RuntimeError, "celu", X, 0.0)
    assert "must be Tensor, not list" in same_error(TypeError, "silu", [1.0])
