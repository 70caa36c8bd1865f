"""How a draw moves with the parameters of its distribution: -(dF / d parameter) / density, F the distribution function.

F is differentiated by differences of fourth order of the tail that the draw lies in, in float64: good to some nine digits,
where torch's `_standard_gamma_grad` and `_dirichlet_grad`, the same quantities, have three to six.
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


def _slope(f: Callable[[Array], Array], a: Array) -> Array:
    """The derivative of f at a > 0, by values some thousandths of its scale apart."""
    h = 1e-3 * numpy.minimum(a, numpy.sqrt(a))
    slope: Array = (8 * (f(a + h) - f(a - h)) - (f(a + 2 * h) - f(a - 2 * h))) / (12 * h)
    return slope


def _swapped(f: Callable[[Array, Array], Array], x: Array, a: Array) -> Array:
    return f(a, x)


def gamma_slope(a: Array, x: Array) -> Array:
    """The derivative by the concentration a of a draw x of the gamma distribution of rate 1."""
    x = numpy.maximum(x, 1e-300)
    with numpy.errstate(all="ignore"):
        change, low = numpy.empty_like(x), x < a
        for part, tail, sign in ((low, special.igamma, 1), (~low, special.igammac, -1)):
            change[part] = sign * _slope(functools.partial(_swapped, tail, x[part]), a[part])
        slope: Array = -change / special.gamma_density(a, x)
        # As x falls towards 0, F is x^a / gamma(a + 1).
        small = -x * (numpy.log(x) - special.digamma(a + 1)) / a
    return numpy.where(numpy.isfinite(slope) & (x > 1e-12), slope, small)


def _beta_tail(a: Array, b: Array, x: Array) -> Array:
    """The incomplete beta function, regularized, for x below (a + 1) / (a + b + 2): a continued fraction, by Lentz."""
    tiny = 1e-300
    c, d = numpy.ones_like(x), 1 / (1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, 2000):
        for up in (m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                   -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))):  # fmt: skip
            d = 1 + up * d
            c = 1 + up / c
            d, c = 1 / numpy.where(d == 0, tiny, d), numpy.where(c == 0, tiny, c)
            fraction = fraction * (d * c)
        if not numpy.any(numpy.abs(d * c - 1) > 1e-14):
            break
    tail: Array = fraction * numpy.exp(_log_weight(a, b, x)) / a
    return tail


def _log_weight(a: Array, b: Array, x: Array) -> Array:
    """The logarithm of x^a (1 - x)^b / B(a, b)."""
    log_beta = special.lgamma(a) + special.lgamma(b) - special.lgamma(a + b)
    weight: Array = a * numpy.log(x) + b * numpy.log1p(-x) - log_beta
    return weight


def beta_slope(a: Array, b: Array, x: Array) -> Array:
    """The derivative by the concentration a of a draw x of the beta distribution of a and b, over 1 - x."""
    x = numpy.clip(x, 1e-300, 1 - 1e-16)
    with numpy.errstate(all="ignore"):
        low = x < (a + 1) / (a + b + 2)
        lower = _slope(lambda k: _beta_tail(k, b, numpy.where(low, x, 0.1)), a)
        upper = -_slope(lambda k: _beta_tail(b, k, numpy.where(low, 0.1, 1 - x)), a)
        density = numpy.exp(_log_weight(a, b, x)) / x  # times 1 - x
        slope: Array = -numpy.where(low, lower, upper) / density
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
