"""Convolutions beyond the samples: more images than a weight gradient takes at once, planes longer than a block, odd strides."""

import numpy
import pytest

from pynn._backends import namespace as xp
from pynn.ops import conv as records

pytest.importorskip("numba", exc_type=ImportError)

from pynn._backends.numba import conv

# x, weight, stride, padding, dilation, groups
CASES = [
    ((70, 3, 20, 20), (9, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((1, 2, 50, 61), (3, 2, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 4, 33, 70), (4, 1, 5, 3), (1, 1), (2, 1), (1, 1), 4),
    ((2, 6, 17, 19), (4, 3, 3, 5), (2, 3), (3, 4), (2, 1), 2),
    ((3, 5, 9, 8), (7, 5, 2, 2), (3, 4), (0, 2), (1, 3), 1),  # a stride larger than the kernel
    ((2, 3, 8, 8), (4, 3, 1, 1), (2, 2), (0, 0), (1, 1), 1),
    ((2, 3, 5, 5), (4, 3, 2, 3), (1, 1), (4, 3), (1, 1), 1),  # more padding than the kernel reaches
    ((9, 16, 6, 6), (17, 16, 3, 3), (1, 1), (1, 1), (1, 1), 1),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: "x".join(map(str, case[0])))
def test_values_and_gradients(case, dtype):
    x_shape, w_shape, *geometry = case
    rng = numpy.random.default_rng(0)
    x, w, b = (rng.normal(size=s).astype(dtype) for s in (x_shape, w_shape, w_shape[:1]))
    expected = records._conv(xp, x, w, b, *geometry)
    tolerance = {"rtol": 1e-4, "atol": 2e-3} if dtype == "float32" else {"rtol": 1e-10, "atol": 1e-10}
    numpy.testing.assert_allclose(conv.conv2d(x, w, b, *geometry), expected, **tolerance)
    g = rng.normal(size=expected.shape).astype(dtype)
    gx, gw, gb = conv.conv2d_backward(g, (None, x, w, b), tuple(geometry), 7)
    numpy.testing.assert_allclose(gx, records._conv_input(xp, g, w, *geometry, x_shape[2:]), **tolerance)
    numpy.testing.assert_allclose(gw, records._conv_weight(xp, g, x, *geometry, w_shape[2:]), **tolerance)
    numpy.testing.assert_allclose(gb, g.sum((0, 2, 3)), **tolerance)


def test_what_is_not_for_the_kernels():
    x, w = numpy.ones((1, 2, 4, 4), "f4"), numpy.ones((2, 2, 3, 3), "f4")
    geometry = ((1, 1), (0, 0), (1, 1), 1)
    assert conv.conv2d(x, w.astype("f8"), None, *geometry) is None
    assert conv.conv2d(x[:, :1], w, None, *geometry) is None
    assert conv.conv2d(x[:0], w, None, *geometry) is None
    assert conv.conv2d(x, w, numpy.ones(3, "f4"), *geometry) is None
    assert conv.conv2d(x, numpy.ones((2, 2, 5, 3), "f4"), None, *geometry) is None
    assert conv.conv2d(x, w, None, (0, 1), *geometry[1:]) is None
