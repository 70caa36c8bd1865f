"""exp, tanh and sigmoid of float32 against float64's, and at the ends."""

import numpy
import pytest

pytest.importorskip("numba", exc_type=ImportError)

from pynn._backends.numba import activation, softmax

X = numpy.concatenate(
    [numpy.linspace(-30, 30, 50001), numpy.linspace(-1, 1, 5001), 10.0 ** numpy.linspace(-30, -1, 101)]
)


@pytest.mark.parametrize(
    ("name", "exact", "ulps"), [("tanh", numpy.tanh, 3), ("sigmoid", lambda x: 1 / (1 + numpy.exp(-x)), 3)]
)
def test_single_precision_is_good_to_a_few_ulps(name, exact, ulps):
    x = X.astype("f4")
    expected = exact(x.astype("f8"))
    error = numpy.abs(activation.KERNELS[name](x) - expected) / numpy.spacing(numpy.abs(expected).astype("f4"))
    assert error.max() < ulps


def test_the_ends():
    x = numpy.array([numpy.inf, -numpy.inf, numpy.nan, 1000, -1000, 0], "f4")
    numpy.testing.assert_array_equal(activation.KERNELS["tanh"](x), numpy.tanh(x))
    numpy.testing.assert_array_equal(activation.KERNELS["sigmoid"](x), [1, 0, numpy.nan, 1, 0, 0.5])
    numpy.testing.assert_array_equal(
        softmax.KERNELS["softmax"](numpy.array([[0, -1000, -numpy.inf]], "f4"), 1), [[1, 0, 0]]
    )


def test_activations_keep_their_inputs_memory_order():
    x = numpy.ones((3, 4, 5), "f4").transpose(2, 0, 1)
    assert activation.KERNELS["relu"](x).strides == x.strides
    spread = numpy.ones((3, 8), "f4")[:, ::2]
    assert activation.KERNELS["relu"](spread).flags.c_contiguous


def test_logarithms_of_large_scores_lose_nothing():
    x = numpy.full((2, 3), -1e4, "f4")
    numpy.testing.assert_allclose(softmax.KERNELS["log_softmax"](x, 1), numpy.full((2, 3), -numpy.log(3)), rtol=1e-6)
    loss = softmax.KERNELS["cross_entropy"](x, numpy.array([0, 2]), None, -100, 0.0, "mean")
    numpy.testing.assert_allclose(loss, numpy.log(3), rtol=1e-6)
