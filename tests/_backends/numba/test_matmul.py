"""Products with bias and relu where they are stored, and their gradients."""

import numpy
import pytest

pytest.importorskip("numba", exc_type=ImportError)

from pynn._backends.numba import matmul as own

RNG = numpy.random.default_rng(0)


@pytest.mark.parametrize("shapes", [((3, 4), (4, 5)), ((40, 30), (30, 50)), ((2, 3, 20, 16), (2, 3, 16, 24))])
def test_matmul_and_its_gradients(shapes):
    a, b = (RNG.normal(size=shape) for shape in shapes)
    out = own.matmul(a, b)
    numpy.testing.assert_allclose(out, a @ b, rtol=1e-12)
    g = RNG.normal(size=out.shape)
    da, db = own.matmul_backward(g, (None, a, b), (), 3)
    numpy.testing.assert_allclose(da, g @ b.swapaxes(-1, -2), rtol=1e-12)
    numpy.testing.assert_allclose(db, a.swapaxes(-1, -2) @ g, rtol=1e-12)
    assert own.matmul_backward(g, (None, a, b), (), 1)[1] is None


def test_what_the_reference_serves():
    a = RNG.normal(size=(3, 4))
    for x, y in ((a, a), (a[0], a.T), (a, a.T.astype("f4")), (a[None], a.T), (a.astype("i8"), a.T.astype("i8"))):
        assert own.matmul(x, y) is None
    stacked = RNG.normal(size=(2, 3, 4))
    assert own.matmul(stacked, stacked[:1].swapaxes(-1, -2)) is None  # broadcast
    g = RNG.normal(size=(2, 3, 3))
    assert own.matmul_backward(g, (None, a, stacked.swapaxes(-1, -2)), (), 3) is None  # to be summed over the batch


def test_no_elements():
    assert own.matmul(numpy.ones((0, 3)), numpy.ones((3, 2))).shape == (0, 2)
    assert (own.matmul(numpy.ones((2, 0)), numpy.ones((0, 2))) == 0).all()


@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(4, 6), (50, 40), (2, 9, 33)])
def test_linear_and_its_gradients(shape, bias, activation):
    x, w = RNG.normal(size=shape), RNG.normal(size=(21, shape[-1]))
    b = RNG.normal(size=21) if bias else None
    out = own.linear(x, w, b, activation)
    sums = x @ w.T + (b if bias else 0)
    numpy.testing.assert_allclose(out, numpy.maximum(sums, 0) if activation else sums, rtol=1e-10, atol=1e-12)
    g = RNG.normal(size=out.shape)
    gx, gw, gb = own.linear_backward(g, (out if activation else None, x, w, None), (activation,), 7)
    kept = (g * (sums > 0) if activation else g).reshape(-1, 21)
    numpy.testing.assert_allclose(gx, (kept @ w).reshape(shape), rtol=1e-10, atol=1e-12)
    numpy.testing.assert_allclose(gw, kept.T @ x.reshape(-1, shape[-1]), rtol=1e-10, atol=1e-12)
    numpy.testing.assert_allclose(gb, kept.sum(0), rtol=1e-10, atol=1e-12)


def test_linear_that_the_reference_serves():
    x, w = RNG.normal(size=(4, 6)), RNG.normal(size=(5, 6))
    assert own.linear(x, w, None, "gelu") is None
    assert own.linear(x, w[:, :5], None, None) is None
    assert own.linear(x, w, numpy.ones(4), None) is None
    assert own.linear(x.astype("f4"), w, None, None) is None
