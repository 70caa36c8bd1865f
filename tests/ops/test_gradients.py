"""Every differentiable op against finite differences: its gradient, and the gradient of its gradient."""

import numpy
import pytest

from pynn.ops.registry import OPS, Sample, register
from tests import cases
from tests.ops import differences

DIFFERENTIABLE = cases.names(lambda record: any(cases.has_gradient(record, s) for s in cases.samples(record.name)))

# Ops whose gradient cannot be differentiated again. May only shrink.
ONCE_ONLY = set()


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradient(name):
    for i, sample in enumerate(cases.samples(name)):
        if differences.differentiable_here(name, sample):
            differences.check_first(name, sample, f"{name}, sample {i}")


@pytest.mark.parametrize("name", [n for n in DIFFERENTIABLE if n not in ONCE_ONLY])
def test_gradient_of_gradient(name):
    for i, sample in enumerate(cases.samples(name)):
        if differences.differentiable_here(name, sample):
            differences.check_second(name, sample, f"{name}, sample {i}")


@pytest.fixture
def cube():
    """Registers x**3 with its gradient wrong by a factor."""

    def make(factor, second=1.0):
        register(
            "cube",
            vjp=(lambda xp, g, out, x: g * x * x * (3 * factor) if xp.name == "numpy" else g * x * x * (3 * second),),
            saves=(0,),
            samples=lambda rng: [Sample((rng.uniform(0.5, 2, (3, 4)),))],
        )(lambda xp, x: x * x * x)
        return cases.samples("cube")[0]

    yield make
    del OPS["cube"]
    cases.samples.cache_clear()


def test_the_checker_passes_what_is_right(cube):
    sample = cube(1.0)
    differences.check_first("cube", sample, "cube")
    differences.check_second("cube", sample, "cube")


@pytest.mark.parametrize("factor", [1.0005, 0.9995])
def test_the_checker_finds_a_gradient_wrong_by_a_twentieth_of_a_percent(cube, factor):
    with pytest.raises(AssertionError, match="Not equal"):
        differences.check_first("cube", cube(factor), "cube")


def test_the_checker_finds_a_gradient_that_is_not_differentiable_again(cube):
    sample = cube(1.0)
    record = OPS["cube"]
    right = record.op.vjp
    detach = lambda x: x.detach() if hasattr(x, "detach") else x  # noqa: E731
    record.op.vjp = lambda xp, needs, g, saved, attrs: right(xp, needs, g, tuple(map(detach, saved)), attrs)
    with pytest.raises(AssertionError):
        differences.check_second("cube", sample, "cube")


def test_large_arrays_are_checked_in_directions():
    x = numpy.linspace(-1, 1, 64)
    differences.compare(lambda a: float((a[0] ** 2).sum()), [x], [2 * x], "square")
    wrong = 2 * x
    wrong[17] += 0.01
    with pytest.raises(AssertionError):
        differences.compare(lambda a: float((a[0] ** 2).sum()), [x], [wrong], "square")
