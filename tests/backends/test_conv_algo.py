"""The switch between ways to compute 3x3 convolutions."""

import os
import subprocess
import sys

import numpy as np
import pytest

import pynn
from pynn import nn

pytestmark = pytest.mark.skipif(not pynn._config._native, reason="no compiled kernels")


@pytest.fixture(autouse=True)
def put_back():
    before = pynn.backends.conv_algo
    yield
    pynn.backends.conv_algo = before


def results(algo, dtype=pynn.float32):
    pynn.backends.conv_algo = algo
    pynn.manual_seed(0)
    layer = nn.Conv2d(32, 24, 3, padding=1, dtype=dtype)
    x = pynn.randn(2, 32, 18, 21, dtype=dtype, requires_grad=True)
    y = layer(x)
    y.backward(pynn.randn(y.shape, dtype=dtype))
    return [t.numpy() for t in (y.detach(), x.grad, layer.weight.grad, layer.bias.grad)]


def test_ways_agree_within_the_stated_error():
    exact, auto = results("direct", pynn.float64), results("auto")
    direct, fast = results("direct"), results("winograd")
    for e, d, f, a in zip(results("direct"), direct, fast, auto):
        np.testing.assert_allclose(f, d, rtol=0, atol=1e-5 * np.abs(d).max())
        np.testing.assert_array_equal(a, f)
        np.testing.assert_array_equal(e, d)
    assert any((d != f).any() for d, f in zip(direct, fast))
    for e, f in zip(exact, results("winograd", pynn.float64)):  # float64 is always direct
        np.testing.assert_array_equal(e, f)


def test_names_are_checked():
    pynn.backends.conv_algo = "direct"
    with pytest.raises(ValueError, match="'fft': expected 'auto', 'direct' or 'winograd'"):
        pynn.backends.conv_algo = "fft"
    assert pynn.backends.conv_algo == "direct"
    assert pynn._config.config()["conv algo"] == "direct"


@pytest.mark.parametrize(("value", "expected"), [("winograd", "winograd"), ("direct", "direct"), ("fft", "auto")])
def test_environment_variable(value, expected):
    code = "import pynn; print(pynn.backends.conv_algo)"
    env = {**os.environ, "PYNN_CONV_ALGO": value}
    out = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == expected
