"""Gradients of draws of the gamma and beta families, given the draws, against torch 2.13's and what is known of them."""

import numpy
import pytest

import pynn
from pynn._backends import special
from pynn.distributions import Beta, Chi2, Dirichlet, Gamma, StudentT
from pynn.distributions.implicit import beta_slope, gamma_slope

# (concentration, draw, torch._standard_gamma_grad), in float64
GAMMA = [
    (0.5, 0.2, 0.7940506), (1.0, 1.0, 1.1736212), (3.0, 0.5, 0.3761721), (3.0, 9.0, 1.7399374), (100.0, 95.0, 0.9762077),
    (5000.0, 5100.0, 1.009967),
]  # fmt: skip
# (draw, concentration, total, torch._dirichlet_grad), in float64
DIRICHLET = [
    (0.3, 0.5, 1.0, 1.3220416), (0.3, 2.0, 5.0, 0.1992985), (0.7, 2.0, 5.0, 0.306977), (0.5, 20.0, 50.0, 0.0226612),
    (0.05, 3.0, 40.0, 0.021574),
]  # fmt: skip


@pytest.mark.parametrize(("a", "x", "slope"), GAMMA)
def test_gamma(a, x, slope):
    assert gamma_slope(numpy.array([a]), numpy.array([x]))[0] == pytest.approx(slope, rel=1e-3)


@pytest.mark.parametrize(("x", "a", "total", "slope"), DIRICHLET)
def test_beta(x, a, total, slope):
    assert beta_slope(numpy.array([a]), numpy.array([total - a]), numpy.array([x]))[0] == pytest.approx(slope, rel=1e-3)


@pytest.mark.parametrize(("low", "high", "close"), [(0.02, 0.2, 1e-4), (0.2, 1, 2e-6), (1, 100, 2e-7), (100, 1e4, 2e-7)])
def test_gamma_is_the_slope_of_igamma(low, high, close):
    rng = numpy.random.default_rng(0)
    a = rng.uniform(low, high, 300)
    x = numpy.maximum(rng.gamma(a), 1e-10)
    step = 1e-3 * numpy.minimum(a, numpy.sqrt(a))
    change = []
    for f, sign in ((special.igamma, 1), (special.igammac, -1)):  # of the tail that x lies in, for its digits
        d = 8 * (f(a + step, x) - f(a - step, x)) - (f(a + 2 * step, x) - f(a - 2 * step, x))
        change.append(sign * d / (12 * step))
    wanted = -numpy.where(x < a, *change) / special.gamma_density(a, x)
    numpy.testing.assert_allclose(gamma_slope(a, x), wanted, rtol=close)


def test_near_0_a_draw_moves_by_its_logarithm():
    assert gamma_slope(numpy.array([1.0]), numpy.array([1e-20]))[0] == pytest.approx(1e-20 * (46.0517 + 0.4227843), rel=1e-4)


@pytest.mark.parametrize(
    "make",
    [lambda a: Gamma(a, a + 1), lambda a: Chi2(a), lambda a: Beta(a, a + 1), lambda a: Dirichlet(a), lambda a: StudentT(a)],
)
def test_draws_carry_gradients(make):
    a = pynn.tensor([0.7, 2.0, 5.0], requires_grad=True)
    d = make(a)
    assert d.has_rsample
    d.rsample((4,)).sum().backward()
    assert a.grad.isfinite().all()
    assert not d.sample((4,)).requires_grad


@pytest.mark.parametrize(("make", "mean_slope"), [(lambda a: Gamma(a, 2.0), 0.5), (lambda a: Beta(a, 3.0), 3.0 / 25)])
def test_the_mean_of_the_gradients_is_the_gradient_of_the_mean(make, mean_slope):
    pynn.manual_seed(0)
    a = pynn.tensor(2.0, requires_grad=True)
    make(a).rsample((400,)).mean().backward()
    assert a.grad.item() == pytest.approx(mean_slope, rel=0.2)
