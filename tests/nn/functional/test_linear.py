"""linear and bilinear."""

import numpy
import pytest

import pynn
import pynn.nn.functional as F

RNG = numpy.random.default_rng(1)


@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(same_as_torch, gradients, lead, bias):
    args = (RNG.normal(size=(*lead, 4)), RNG.normal(size=(5, 4))) + ((RNG.normal(size=5),) if bias else ())
    same_as_torch("linear", *args)
    gradients(F.linear, *args)


def test_linear_errors(same_error):
    message = same_error(RuntimeError, "linear", RNG.normal(size=(2, 3)), RNG.normal(size=(5, 4)))
    assert "(2x3 and 4x5)" in message


def test_bilinear(same_as_torch, gradients):
    args = [RNG.normal(size=s) for s in ((2, 3, 4), (2, 3, 5), (6, 4, 5), (6,))]
    same_as_torch("bilinear", *args)
    same_as_torch("bilinear", *args[:3])
    gradients(F.bilinear, *[RNG.normal(size=s) for s in ((2, 2), (2, 3), (2, 2, 3), (2,))])


def test_bilinear_errors(same_error):
    shapes = ((2, 4), (2, 5), (6, 4, 5))
    for bad in (((2, 3), *shapes[1:]), ((3, 4), *shapes[1:])):
        same_error(RuntimeError, "bilinear", *[RNG.normal(size=s) for s in bad])


def test_result_is_tracked_only_when_inputs_are():
    x, w = pynn.ones(2, 3), pynn.ones(4, 3)
    assert not F.linear(x, w).requires_grad
    assert F.linear(x, w.requires_grad_()).requires_grad
