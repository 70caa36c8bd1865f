"""The backend that docs/adding_a_backend.md starts from."""

import importlib.util
import pathlib

import numpy
import pytest

import pynn
from pynn import _backends

PATH = pathlib.Path(__file__).parents[2] / "docs" / "backend_template.py"


@pytest.fixture
def template():
    spec = importlib.util.spec_from_file_location("backend_template", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    calls = []

    def noting(name, kernel):
        def noted(*args):
            out = kernel(*args)
            calls.append((name, out is not None))
            return out

        return noted

    module.KERNELS = {name: noting(name, kernel) for name, kernel in module.KERNELS.items()}
    _backends.add(module.load())
    yield calls
    del _backends.BACKENDS["template"]


def test_its_kernels_serve_and_the_references_do_the_rest(template):
    x = pynn.linspace(-2, 2, 12).reshape(3, 4).requires_grad_()
    optimizer = pynn.optim.SGD([x], lr=0.1)
    with pynn.backend("template"):
        y = pynn.nn.functional.silu(x)
        (y * y).sum().backward()
        optimizer.step()
    assert template == [("silu", True), ("silu.backward", True), ("sgd_step", True)]
    z = pynn.linspace(-2, 2, 12).reshape(3, 4).requires_grad_()
    (pynn.nn.functional.silu(z) ** 2).sum().backward()
    numpy.testing.assert_allclose(x.grad.numpy(), z.grad.numpy(), 1e-5, 1e-6)
    numpy.testing.assert_allclose(x.detach().numpy(), (z - 0.1 * z.grad).detach().numpy(), 1e-5)


def test_what_it_does_not_take(template):
    x = pynn.ones(2, 3, dtype=pynn.float64)
    with pynn.backend("template"):
        assert pynn.nn.functional.silu(x).dtype == pynn.float64
    assert template == [("silu", False)]


def test_it_is_listed(template):
    assert pynn._config.config()["backends"]["template"] == "available"
    with pytest.raises(ValueError, match="already a backend 'numpy'"):
        _backends.add(_backends.Backend("numpy"))
