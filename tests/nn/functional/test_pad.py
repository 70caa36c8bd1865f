"""Padding in all modes."""

import numpy
import pytest

import pynn
import pynn.nn.functional as F

RNG = numpy.random.default_rng(8)
X = RNG.normal(size=(2, 3, 4, 5))


@pytest.mark.parametrize(
    "amounts", [(1, 2), (1, 2, 0, 3), (0, 1, 2, 0, 1, 1), (1, 0, 0, 1, 2, 0, 0, 1), (-1, 2), (-2, -1, 3, -1), ()]
)
def test_constant(same_as_torch, amounts):
    same_as_torch("pad", X, amounts, value=1.5)
    same_as_torch("pad", X, amounts)
    same_as_torch("pad", RNG.integers(0, 9, (2, 3, 4, 5)), amounts, value=2)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("amounts", [(1, 2), (2, 0, 1, 3), (1, 1, 2, 0, 1, 2)])
def test_other_modes(same_as_torch, mode, amounts):
    count = len(amounts) // 2
    same_as_torch("pad", RNG.normal(size=(2, 3, 4, 5, 4)[: count + 2]), amounts, mode=mode)
    same_as_torch("pad", RNG.normal(size=(3, 4, 5, 4)[: count + 1]), amounts, mode=mode)


def test_gradients(gradients):
    gradients(lambda x: F.pad(x, (1, -1, 0, 2)) ** 2, X[0, 0, :2, :3])
    for mode in ("reflect", "replicate", "circular"):
        gradients(lambda x, mode=mode: F.pad(x, (1, 2), mode=mode) ** 2, X[0, :2, :1, :3].reshape(1, 2, 3))


def test_errors(same_error):
    assert "divisible by 2" in same_error(RuntimeError, "pad", X, (1,))
    assert "less than the corresponding" in same_error(RuntimeError, "pad", X, (5, 1, 0, 0), mode="reflect")
    assert "at most" in same_error(RuntimeError, "pad", X, (6, 1, 0, 0), mode="circular")
    same_error(RuntimeError, "pad", X, (1,) * 10)
    same_error(NotImplementedError, "pad", X, (1, 1), mode="reflect")
    same_error(NotImplementedError, "pad", X, (1, 1, 1, 1), mode="mirror")
    same_error(RuntimeError, "pad", X, (1, 1, 1, 1), mode="reflect", value=1.0)
    assert "negative output size" in same_error(RuntimeError, "pad", X, (-3, -3))


def test_circular_with_cropping_wraps_what_is_left(same_as_torch):
    x = numpy.arange(48.0).reshape(1, 3, 4, 4)
    same_as_torch("pad", x, (-1, 1, -2, 1), "circular")
    assert pynn.nn.functional.pad(pynn.arange(4.0).reshape(1, 1, 4), (-1, 2), "circular").tolist() == [
        [[1, 2, 3, 1, 2]]
    ]
