"""Products: sizes around the tiles' and the blocks', every memory order."""

import numpy
import pytest

pytest.importorskip("numba", exc_type=ImportError)

from pynn._backends.numba import gemm

ORDERS = {
    "rows": lambda x: x,
    "columns": numpy.asfortranarray,
    "spread": lambda x: numpy.repeat(x, 2, axis=1)[:, ::2],
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [(1, 1, 1), (3, 5, 4), (8, 256, 32), (9, 257, 33), (37, 300, 70), (20, 600, 1100)])
def test_any_size_and_order(dtype, size):
    rows, depth, columns = size
    rng = numpy.random.default_rng(0)
    a, b = rng.normal(size=(rows, depth)).astype(dtype), rng.normal(size=(depth, columns)).astype(dtype)
    expected = a @ b
    for left in ORDERS.values():
        for right in ORDERS.values():
            out = numpy.full((rows, columns), numpy.nan, dtype)
            gemm.multiply(left(a), right(b), out)
            numpy.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-4 if dtype == "float32" else 1e-12)


def test_stacks_of_matrices():
    rng = numpy.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, 5, 7)), rng.normal(size=(2, 3, 9, 7))
    out = numpy.empty((2, 3, 5, 9))
    gemm.multiply_many(a, b.swapaxes(-1, -2), out)
    numpy.testing.assert_allclose(out, a @ b.swapaxes(-1, -2), rtol=1e-12)


def test_infinity_stays_in_its_column():
    a, b = numpy.ones((40, 40), "f4"), numpy.ones((40, 40), "f4")
    b[3, 5] = numpy.inf
    out = numpy.empty((40, 40), "f4")
    gemm.multiply(a, b, out)
    assert (out[:, 5] == numpy.inf).all()
    assert (numpy.delete(out, 5, axis=1) == 40).all()
