"""The array namespace's own functions, against the mathematics library."""

import math

import numpy as np

from pynn._backends import namespace as xp


def test_erf_is_right_to_the_last_bits():
    x = np.concatenate([np.linspace(-7, 7, 4001), [0.46875, 4.0, 1e-300, np.inf, -np.inf]])
    expected = np.array([math.erf(v) for v in x])
    np.testing.assert_allclose(xp.erf(x), expected, rtol=5e-16, atol=0)
    assert np.isnan(xp.erf(np.array([np.nan]))[0])
    assert xp.erf(np.float32([0.5])).dtype == np.float32


def test_sigmoid_does_not_overflow():
    with np.errstate(over="raise"):
        np.testing.assert_array_equal(xp.sigmoid(np.array([-1e4, 0.0, 1e4])), [0.0, 0.5, 1.0])


def test_add_at_counts_repeats():
    out = np.zeros(3)
    xp.add_at(out, np.array([1, 1, 2]), np.array([1.0, 2.0, 4.0]))
    assert out.tolist() == [0, 3, 4]
