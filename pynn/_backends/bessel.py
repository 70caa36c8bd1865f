"""Bessel functions over NumPy arrays, of the orders 0 and 1; computed in float64, about 1e-14 relative or absolute.

I by its power series and, from 20 on, its asymptotic one; K by the trapezoidal rule, which converges at the rate of a
double exponential on its integral; J and Y by Miller's backward recurrence and Neumann's series, from 25 on by
Hankel's expansion. See the DLMF, chapter 10.
"""

import math
from typing import Any

import numpy

from pynn._backends.special import _EULER, Array, in_float64, poly

_I0_SERIES = tuple(1.0 / math.factorial(k) ** 2 for k in range(50))
_I1_SERIES = tuple(1.0 / (math.factorial(k) * math.factorial(k + 1)) for k in range(50))
_FAR_I = 20.0
_FAR_J = 25.0


def _hankel_terms(order: int, count: int) -> list[float]:
    """The coefficients a_k of the asymptotic series in 1/x: products of (4 n^2 - (2k - 1)^2) / (8 k)."""
    terms, term = [1.0], 1.0
    for k in range(1, count):
        term *= (4.0 * order * order - (2 * k - 1) ** 2) / (8.0 * k)
        terms.append(term)
    return terms


_A0, _A1 = _hankel_terms(0, 30), _hankel_terms(1, 30)


def _scaled_i(x: Array, order: int) -> Array:
    """exp(-|x|) I_n(|x|)."""
    a = numpy.abs(x)
    near = numpy.minimum(a, _FAR_I)
    square = near * near / 4
    small = poly(_I1_SERIES if order else _I0_SERIES, square) * numpy.exp(-near) * (near / 2 if order else 1.0)
    far = numpy.maximum(a, _FAR_I)
    terms = _A1 if order else _A0
    series = poly(tuple((-1) ** k * t for k, t in enumerate(terms)), 1.0 / far)
    return numpy.where(a < _FAR_I, small, series / numpy.sqrt(2 * math.pi * far))


@in_float64
def i0e(x: Array) -> Array:
    """exp(-|x|) I0(x)."""
    return _scaled_i(x, 0)


@in_float64
def i0(x: Array) -> Array:
    """I0(x)."""
    return _unscaled(x, _scaled_i(x, 0))


@in_float64
def i1e(x: Array) -> Array:
    """exp(-|x|) I1(x)."""
    return numpy.copysign(1.0, x) * _scaled_i(x, 1)


@in_float64
def i1(x: Array) -> Array:
    """I1(x)."""
    return numpy.copysign(1.0, x) * _unscaled(x, _scaled_i(x, 1))


def _unscaled(x: Array, scaled: Array) -> Array:
    half = numpy.exp(numpy.abs(x) / 2)  # twice its square root: the product overflows no sooner than the result
    out = scaled * half * half
    return numpy.where(numpy.isinf(x), numpy.inf, out)


def _scaled_k(x: Array, order: int) -> Array:
    """exp(x) K_n(x) for x > 0: the integral of exp(-x (cosh t - 1)) cosh(n t) from 0 on."""
    safe = numpy.where((x > 0) & (x < numpy.inf), x, 1.0)
    end = numpy.arccosh(1.0 + 750.0 / safe)
    total = numpy.full_like(safe, 0.5)
    # from a large end (a small x) on the integrand falls faster than any step of this size could miss
    count = 64 if not safe.size else int(min(4096, max(64, 8 * float(end.max()) + 32)))
    step = end / count
    for k in range(1, count + 1):
        t = k * step
        half = numpy.sinh(t / 2)
        term = numpy.exp(-2.0 * safe * half * half)
        total = total + (term * numpy.cosh(t) if order else term)
    out = total * step
    out = numpy.where(x == 0, numpy.inf, numpy.where(x == numpy.inf, 0.0, out))
    return numpy.where(x >= 0, out, numpy.nan)


@in_float64
def k0e(x: Array) -> Array:
    """exp(x) K0(x)."""
    return _scaled_k(x, 0)


@in_float64
def k1e(x: Array) -> Array:
    """exp(x) K1(x)."""
    return _scaled_k(x, 1)


@in_float64
def k0(x: Array) -> Array:
    """K0(x)."""
    return _scaled_k(x, 0) * numpy.exp(-numpy.abs(x))


@in_float64
def k1(x: Array) -> Array:
    """K1(x)."""
    return _scaled_k(x, 1) * numpy.exp(-numpy.abs(x))


_START = 70  # Miller's recurrence starts at this order: J_70(25) is about 1e-24 of J_0's size


def _near(x: Array) -> tuple[Array, Array, Array, Array]:
    """J0, J1 and the sums of Neumann's series for Y0 and Y1, for 0 < x <= 25."""
    above, here = numpy.zeros_like(x), numpy.full_like(x, 1e-280)
    norm, sum0, sum1 = numpy.zeros_like(x), numpy.zeros_like(x), numpy.zeros_like(x)
    first = numpy.zeros_like(x)
    for n in range(_START, -1, -1):  # here is J_n, up to a factor
        k = n // 2
        sign = -1.0 if k % 2 else 1.0
        if n % 2 == 0:
            norm = norm + (2.0 if n else 1.0) * here
            if n:
                sum0 = sum0 + sign * here / k
        elif n > 1:
            sum1 = sum1 + sign * (2 * k + 1) / (k * (k + 1.0)) * here
        else:
            first = here
        if n:
            above, here = here, (2.0 * n) / x * here - above
            large = numpy.abs(here) > 1e250
            if large.any():
                shrink = numpy.where(large, 1e-250, 1.0)
                above, here, first = above * shrink, here * shrink, first * shrink
                norm, sum0, sum1 = norm * shrink, sum0 * shrink, sum1 * shrink
    return here / norm, first / norm, sum0 / norm, sum1 / norm


def _far(x: Array, order: int) -> tuple[Array, Array]:
    """J and Y of an order for x >= 25 by Hankel's expansion."""
    terms = _A1 if order else _A0
    y = 1.0 / x
    even = tuple((-1) ** (k // 2) * t for k, t in enumerate(terms) if k % 2 == 0)
    odd = tuple((-1) ** (k // 2) * t for k, t in enumerate(terms) if k % 2 == 1)
    p, q = poly(even, y * y), y * poly(odd, y * y)
    # cos and sin of x - (2n + 1) pi/4 from those of x, whose argument the library reduces exactly
    c, s = numpy.cos(x), numpy.sin(x)
    cosine, sine = ((s - c), -(s + c)) if order else ((c + s), (s - c))
    scale = numpy.sqrt(y / math.pi)
    return scale * (p * cosine - q * sine), scale * (p * sine + q * cosine)


def _bessel(x: Array, order: int, second: bool) -> Array:
    a = numpy.abs(x)
    near = numpy.clip(a, 1e-5, _FAR_J)
    j0, j1, sum0, sum1 = _near(near)
    tiny = a < 1e-5  # there the recurrence overflows, and two terms of the power series are enough
    j0 = numpy.where(tiny, 1.0 - a * a / 4, j0)
    j1 = numpy.where(tiny, a / 2, j1)
    far_j, far_y = _far(numpy.clip(a, _FAR_J, 1e300), order)
    if second:
        small = numpy.clip(a, 1e-320, _FAR_J)
        log = numpy.log(small / 2) + _EULER
        if order:
            close = (2 / math.pi) * ((log - 1.0) * j1 - sum1 - j0 / small)
        else:
            close = (2 / math.pi) * (log * j0 - 2.0 * numpy.where(tiny, -a * a / 8, sum0))
        out = numpy.where(a <= _FAR_J, close, far_y)
        out = numpy.where(a == numpy.inf, 0.0, out)
        return numpy.where(x > 0, out, numpy.where(x == 0, -numpy.inf, numpy.nan))
    out = numpy.where(a <= _FAR_J, j1 if order else j0, far_j)
    out = numpy.where(a == numpy.inf, 0.0, out)
    if order:
        out = numpy.copysign(1.0, x) * out
    return numpy.where(numpy.isnan(x), numpy.nan, out)


@in_float64
def j0(x: Array) -> Array:
    """J0(x)."""
    return _bessel(x, 0, False)


@in_float64
def j1(x: Array) -> Array:
    """J1(x)."""
    return _bessel(x, 1, False)


@in_float64
def y0(x: Array) -> Array:
    """Y0(x)."""
    return _bessel(x, 0, True)


@in_float64
def y1(x: Array) -> Array:
    """Y1(x)."""
    return _bessel(x, 1, True)


@in_float64
def spherical_j0(x: Array) -> Array:
    """sin(x) / x."""
    safe = numpy.where((x == 0) | numpy.isinf(x), 1.0, x)
    return numpy.where(x == 0, 1.0, numpy.where(numpy.isinf(x), 0.0, numpy.sin(safe) / safe))


def _orthogonal(x: Any, n: Any, second: Any, step: Any, name: str) -> Array:
    """A family of polynomials by its recurrence p_k = step(k, x, p_(k-1), p_(k-2)); n an array of degrees."""
    x, n = numpy.broadcast_arrays(x, numpy.trunc(n))
    top = int(min(max(float(n.max()), 0.0), 100000)) if n.size else 0
    before, here = numpy.ones_like(x), second(x)
    out = numpy.where(n < 0, 0.0, numpy.where(n == 0, 1.0, here))
    for k in range(2, top + 1):
        before, here = here, step(k, x, here, before)
        out = numpy.where(n == k, here, out)
    return out


def _chebyshev(k: int, x: Array, one: Array, two: Array) -> Array:
    return 2 * x * one - two


_FAMILIES = {
    "chebyshev_polynomial_t": (lambda x: x, _chebyshev),
    "chebyshev_polynomial_u": (lambda x: 2 * x, _chebyshev),
    "chebyshev_polynomial_v": (lambda x: 2 * x - 1, _chebyshev),
    "chebyshev_polynomial_w": (lambda x: 2 * x + 1, _chebyshev),
    "hermite_polynomial_h": (lambda x: 2 * x, lambda k, x, one, two: 2 * x * one - 2 * (k - 1) * two),
    "hermite_polynomial_he": (lambda x: x, lambda k, x, one, two: x * one - (k - 1) * two),
    "laguerre_polynomial_l": (lambda x: 1 - x, lambda k, x, one, two: ((2 * k - 1 - x) * one - (k - 1) * two) / k),
    "legendre_polynomial_p": (lambda x: x, lambda k, x, one, two: ((2 * k - 1) * x * one - (k - 1) * two) / k),
}


def polynomial(name: str, x: Array, n: Array) -> Array:
    """The orthogonal polynomial of a family of `_FAMILIES` ("shifted_" before a Chebyshev one), of degrees n at x."""

    @in_float64
    def evaluate(x: Array, n: Array) -> Array:
        shifted = name.startswith("shifted_")
        second, step = _FAMILIES[name.removeprefix("shifted_")]
        return _orthogonal(2 * x - 1 if shifted else x, n, second, step, name)

    return evaluate(x, n)
