"""How a draw moves with the parameters of its distribution: -(dF / d parameter) / density, F the distribution function.

dF / d parameter is the integral, over the tail that the draw lies in, of the density times its logarithm's slope. With the
draw's distance into the tail as a logarithm, the integrand over the density at the draw falls from 1 to nothing without
a turn, so that Gauss' rule takes it to seven digits and more (below a concentration of 0.2: to five); torch's
`_standard_gamma_grad` and `_dirichlet_grad`, the same quantities, have three to six.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy
from numpy.typing import NDArray

from pynn._backends import special
from pynn._core import Tensor, made_beside, observe
from pynn.autograd.function import Function

Array = NDArray[numpy.float64]

_GONE = 34.0  # where exp(-h) leaves nothing
_COUNT = 20


@functools.cache
def _rule() -> tuple[Array, Array]:
    """Places t^2 in (0, 1), close together near 0, and weights."""
    places, weights = numpy.polynomial.legendre.leggauss(_COUNT)
    t = (places[:, None] + 1) / 2
    return t * t, weights[:, None] * t


def _end(h: Callable[[Array], Array], slope: Callable[[Array], Array], u: Array) -> Array:
    """Where a convex h reaches _GONE, or a little beyond, by Newton's steps down from a u beyond it."""
    for _ in range(5):
        u = u - (h(u) - _GONE) / slope(u)
    return u


def _gamma_tail(a: Array, x: Array, away: Array, sign: float) -> Array:
    """`gamma_slope` of draws from whose tail is summed towards 0 (sign -1) or away from it; away: log(x) - digamma(a)."""

    def h(u: Array) -> Array:  # the density at x exp(sign u) over that at x is exp(-h(u)), times exp(-sign u)
        found: Array = x * numpy.expm1(sign * u) - (sign * a) * u
        return found

    if sign < 0:  # by what h is at least: a u - x, and x u^2 / 3 for u below 1
        near, far = numpy.sqrt(3 * _GONE / x), (_GONE + x) / a
        beyond = numpy.where(near < 1, numpy.minimum(near, far), far)
    else:  # x u^2 / 2, and x (exp(u) - 1) / 2 for u above 1.3
        beyond = numpy.minimum(numpy.sqrt(2 * _GONE / x), numpy.maximum(numpy.log1p(2 * _GONE / x), 1.3))
    end = _end(h, lambda u: sign * (x * numpy.exp(sign * u) - a), beyond)
    places, weights = _rule()
    u = places * end
    slope: Array = (sign * x * end) * (weights * numpy.exp(-h(u)) * (away + sign * u)).sum(0)
    return slope


def gamma_slope(a: Array, x: Array) -> Array:
    """The derivative by the concentration a of a draw x of the gamma distribution of rate 1."""
    x = numpy.maximum(x, 1e-300)
    slope = numpy.empty_like(x)
    with numpy.errstate(all="ignore"):
        away = numpy.log(x) - special.digamma(a)
        for part, sign in ((x < a, -1.0), (x >= a, 1.0)):
            slope[part] = _gamma_tail(a[part], x[part], away[part], sign)
    return slope


def _beta_tail(a: Array, b: Array, x: Array, away: Array, low: bool) -> Array:
    """`beta_slope` of draws whose tail is summed towards 0, or (low False; a, b and x are then the other end's) towards 1.

    away: digamma(a + b) - digamma of the concentration that is differentiated by.
    """
    gain = numpy.log1p(-x)

    def left(u: Array) -> Array:  # the logarithm of what x exp(-u) leaves of 1
        found: Array = numpy.log1p(-x * numpy.exp(-u))
        return found

    def h(u: Array) -> Array:  # the density at x exp(-u) over that at x is exp(-h(u)), times exp(u)
        return a * u - (b - 1) * (left(u) - gain)

    beyond = (_GONE - numpy.maximum(b - 1, 0) * gain) / a
    end = numpy.where(b > 1, _end(h, lambda u: a - (b - 1) * x / (numpy.exp(u) - x), beyond), beyond)
    places, weights = _rule()
    u = places * end
    rest = left(u)
    fall = weights * numpy.exp((b - 1) * (rest - gain) - a * u)
    if low:
        slope: Array = -x / (1 - x) * end * (fall * (numpy.log(x) + away - u)).sum(0)
    else:
        slope = end * (fall * (rest + away)).sum(0)
    return slope


def beta_slope(a: Array, b: Array, x: Array) -> Array:
    """The derivative by the concentration a of a draw x of the beta distribution of a and b, over 1 - x."""
    x = numpy.clip(x, 1e-300, 1 - 1e-16)
    slope = numpy.empty_like(x)
    with numpy.errstate(all="ignore"):
        away = special.digamma(a + b) - special.digamma(a)
        low = x < a / (a + b)
        slope[low] = _beta_tail(a[low], b[low], x[low], away[low], True)
        high = ~low
        slope[high] = _beta_tail(b[high], a[high], 1 - x[high], away[high], False)
    return slope


def _wide(x: Tensor) -> Array:
    array: Array = numpy.asarray(observe(x), numpy.float64)
    return array


def _narrow(slope: Array, like: Tensor) -> Any:
    return made_beside(like, slope.astype(like._array.dtype))


class _Draw(Function):
    """A draw as a function of the concentrations that it was drawn by."""

    @staticmethod
    def forward(ctx: Any, concentration: Tensor, drawn: Tensor) -> Tensor:
        ctx.save_for_backward(concentration, drawn)
        return drawn.clone()

    @staticmethod
    def saved(ctx: Any) -> tuple[Tensor, Array, Array]:
        """(the draw, the concentrations in float64, the draw in float64)."""
        concentration, drawn = ctx.saved_tensors
        a, x = numpy.broadcast_arrays(_wide(concentration), _wide(drawn))
        return drawn, a, x


class GammaDraw(_Draw):
    """A draw of the gamma distribution of rate 1."""

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        drawn, a, x = _Draw.saved(ctx)
        return grads[0] * _narrow(gamma_slope(a, x), drawn), None


class DirichletDraw(_Draw):
    """A draw of the Dirichlet distribution, of the concentrations along the last dimension."""

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        drawn, a, x = _Draw.saved(ctx)
        grad = grads[0]
        around = grad - (drawn * grad).sum(-1, True)
        return _narrow(beta_slope(a, a.sum(-1, keepdims=True) - a, x), drawn) * around, None
