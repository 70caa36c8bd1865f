"""The formulas of the less common steps, by hand (their effects and dtypes are tested in test_optim)."""

import numpy
import pytest

import pynn
from pynn._core import call_writing
from pynn.ops.optim_variants import (
    ADADELTA_STEP,
    ADAGRAD_STEP,
    ADAMAX_STEP,
    ASGD_STEP,
    NADAM_STEP,
    RADAM_STEP,
    RPROP_STEP,
)


def run(op, attrs, *values):
    """The inputs' values after a step, as lists."""
    inputs = tuple(pynn.tensor(numpy.array(v, "float64")) for v in values)
    call_writing(op, inputs, attrs)
    return [x.numpy().tolist() for x in inputs]


def test_adagrad():
    p, _, s, t = run(ADAGRAD_STEP, (0.1, 0.5, 0.0, 0.0, False), [1.0], [2.0], [5.0], 2.0)
    assert (s, t) == ([9.0], 3.0)
    assert p == pytest.approx([1 - 0.1 / 2 * 2 / 3])


def test_adadelta():
    p, _, v, a, _ = run(ADADELTA_STEP, (0.5, 0.75, 0.0, 0.0, False), [1.0], [2.0], [4.0], [1.0], 0.0)
    assert v == [4.0]
    assert p == [1 - 0.5 * 1.0]  # d = 1 / 2 * 2
    assert a == [1.0]


def test_adamax():
    attrs = (0.1, 0.5, 0.5, 0.0, 0.0, False)
    p, _, m, u, _ = run(ADAMAX_STEP, attrs, [1.0, 1.0], [2.0, -1.0], [0.0, 0.0], [1.0, 8.0], 0.0)
    assert (m, u) == ([1.0, -0.5], [2.0, 4.0])
    assert p == pytest.approx([1 - 0.2 * 0.5, 1 + 0.2 * 0.125])


def test_nadam():
    attrs = (0.1, 0.5, 0.75, 0.0, 0.0, 0.0, False, False)  # mu is 0.25 at every step
    p, _, m, v, product, _ = run(NADAM_STEP, attrs, [1.0], [2.0], [0.0], [0.0], 1.0, 0.0)
    assert (m, v, product) == ([1.0], [1.0], 0.25)
    assert p == pytest.approx([1 - 0.1 * (0.75 / 0.75 * 2 + 0.25 / (1 - 0.0625) * 1) / 2])


def test_radam_begins_without_a_denominator():
    attrs = (0.1, 0.5, 0.999, 0.0, 0.0, False, False)
    p, *_ = run(RADAM_STEP, attrs, [1.0], [2.0], [0.0], [0.0], 0.0)
    assert p == pytest.approx([1 - 0.1 * 2])


def test_radam_rectifies_later():
    attrs = (0.1, 0.5, 0.5, 0.0, 0.0, False, False)  # rho never passes 3: no denominator at all
    p, *_ = run(RADAM_STEP, attrs, [1.0], [2.0], [2.0], [9.0], 50.0)
    assert p == pytest.approx([1 - 0.1 * 2])
    attrs = (0.1, 0.5, 0.999, 0.0, 0.0, False, False)
    p, *_ = run(RADAM_STEP, attrs, [1.0], [2.0], [2.0], [4.0], 1e6)
    assert p == pytest.approx([1 - 0.1 * 2 / 2])  # in the end it is Adam


def test_rprop():
    attrs = (0.5, 2.0, 0.1, 3.0, False)
    p, _, prev, sizes, _ = run(
        RPROP_STEP, attrs, [0.0] * 4, [1.0, -1.0, 1.0, -4.0], [1.0, 1.0, 0.0, -1.0], [1.0, 1.0, 1.0, 2.0], 1.0
    )
    assert sizes == [2.0, 0.5, 1.0, 3.0]
    assert p == [-2.0, 0.0, -1.0, 3.0]
    assert prev == [1.0, 0.0, 1.0, -4.0]


def test_asgd_averages_from_t0_on():
    attrs = (0.5, 0.0, 0.75, 1.0, 0.0, False)
    p, _, a, mu, eta, t = run(ASGD_STEP, attrs, [1.0], [2.0], [4.0], 0.5, 0.25, 4.0)
    assert p == [0.5]
    assert a == [4 + 0.5 * (0.5 - 4)]
    assert (mu, eta, t) == (0.25, 0.5, 5.0)
