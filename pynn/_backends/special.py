"""Special functions over NumPy arrays: the error and gamma functions, zeta, and what is made of them.

Each is computed in float64 and returned in its argument's float dtype; about 1e-14 relative, or absolute near a zero,
unless it says otherwise. `pynn._backends.bessel` has Bessel functions, `pynn._backends.polynomials` the orthogonal ones.
References: Cody, Math. Comp. 23 (1969) 631 for erf; Wichura, Applied Statistics 37 (1988) 477 for erfinv; Giles, GPU
Computing Gems (2011) for the start of the inverse of erfc;
the DLMF, chapters 5, 7, 8 and 25, for the series and continued fractions.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy
from numpy import float64

from pynn._backends import namespace

Array = Any

_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)
_SQRT_PI = math.sqrt(math.pi)
_EULER = 0.5772156649015329


def in_float64(f: Callable[..., Array]) -> Callable[..., Array]:
    """Let f see float64 arrays; its result gets the dtype of the first float array among the arguments."""

    @functools.wraps(f)
    def function(*args: Any) -> Array:
        dtype = next((a.dtype for a in args if hasattr(a, "dtype") and a.dtype.kind in "fV"), None)
        arrays = [a for a in args if hasattr(a, "astype")]
        if len(arrays) < len(args) and arrays:  # numbers go where the arrays lie
            args = tuple([a if hasattr(a, "astype") else numpy.full_like(arrays[0], a, dtype=float64, shape=()) for a in args])
        with numpy.errstate(all="ignore"):
            out = f(*[a.astype(float64, copy=False) if hasattr(a, "astype") else numpy.asarray(a, float64) for a in args])
            return out.astype(dtype, copy=False) if dtype is not None else out

    return function


def poly(coefficients: tuple[float, ...], x: Array) -> Array:
    """The polynomial with these coefficients, the constant first, by Horner's rule."""
    out = numpy.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        out = out * x + c
    return out


# ---- the error function ----


def _scaled_tail(a: Array) -> Array:
    """exp(a^2) erfc(a) for a >= 0.46875."""
    middle = numpy.minimum(a, 4.0)
    middle = poly(namespace._ERFC_P, middle) / poly(namespace._ERFC_Q, middle)
    far = numpy.maximum(a, 4.0)
    z = 1.0 / (far * far)
    tail = (1 / _SQRT_PI + z * poly(namespace._TAIL_P, z) / poly(namespace._TAIL_Q, z)) / far
    return numpy.where(a <= 4.0, middle, tail)


def _exp_minus_square(a: Array) -> Array:
    """exp(-a^2) with the square's rounding made good: the high part of a squares without one."""
    high = numpy.trunc(a * 16) / 16
    return numpy.exp(-high * high) * numpy.exp(-(a - high) * (a + high))


def _erfc(x: Array) -> Array:
    a = numpy.minimum(numpy.abs(x), 30.0)
    out = _exp_minus_square(a) * _scaled_tail(numpy.maximum(a, 0.46875))
    out = numpy.where(x < 0, 2.0 - out, out)
    out = numpy.where(a <= 0.46875, 1.0 - namespace.erf(x), out)
    return numpy.where(numpy.isnan(x), x, out)


def _erfcx(x: Array) -> Array:
    a = numpy.abs(x)
    tail = _scaled_tail(numpy.maximum(a, 0.46875))
    square = numpy.exp(numpy.minimum(x * x, 745.0))
    low = numpy.minimum(x, 0.46875)
    out = numpy.where(x < -0.46875, numpy.where(x < -26.7, numpy.inf, 2.0 * square - tail), tail)
    near = numpy.exp(numpy.minimum(low * low, 1.0)) * (1.0 - namespace.erf(low))
    out = numpy.where(a <= 0.46875, near, out)
    return numpy.where(numpy.isnan(x), x, out)


erfc = in_float64(_erfc)
erfcx = in_float64(_erfcx)

_GILES = (
    1.50140941, 0.246640727, -0.00417768164, -0.00125372503, 0.00021858087, -4.39150654e-06, -3.5233877e-06,
    3.43273939e-07, 2.81022636e-08,
)  # fmt: skip
_GILES_TAIL = (
    2.83297682, 1.00167406, 0.00943887047, -0.0076224613, 0.00573950773, -0.00367342844, 0.00134934322, 0.000100950558,
    -0.000200214257,
)  # fmt: skip


def _erfinv_start(y: Array, one_minus: Array) -> Array:
    w = -numpy.log(one_minus * (1.0 + numpy.abs(y)))
    near = poly(_GILES, numpy.minimum(w, 5.0) - 2.5)
    far = poly(_GILES_TAIL, numpy.sqrt(numpy.clip(w, 5.0, 40.0)) - 3.0)
    return numpy.where(w < 5.0, near, far) * y


# Wichura's rational approximations of the normal distribution's quantile (algorithm AS 241, PPND16), the constant first.
_MIDDLE = (
    (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
)  # fmt: skip
_NEAR_ONE = (
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9),
)  # fmt: skip
_VERY_NEAR_ONE = (
    (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15),
)  # fmt: skip
_BLOCK = 8192  # so many numbers' intermediate results stay in the processor's cache


def _erfinv(y: Array) -> Array:
    out = numpy.empty_like(y, order="C")
    flat, results = y.reshape(-1), out.reshape(-1)
    for start in range(0, flat.size, _BLOCK):
        results[start : start + _BLOCK] = _erfinv_block(flat[start : start + _BLOCK])
    return out


def _erfinv_block(y: Array) -> Array:
    """The inverse of erf by the normal distribution's quantile: erfinv(y) = quantile((1 + y) / 2) / sqrt(2)."""
    r = 0.180625 - 0.25 * y * y
    out = 0.5 * y * poly(_MIDDLE[0], r) / poly(_MIDDLE[1], r)
    tail = numpy.flatnonzero(~(numpy.abs(y) <= 0.85))
    if tail.size:
        v = y[tail]
        root = numpy.sqrt(-numpy.log(0.5 * (1.0 - numpy.abs(v))))
        near, far = root - 1.6, root - 5.0
        found = numpy.where(
            root <= 5.0,
            poly(_NEAR_ONE[0], near) / poly(_NEAR_ONE[1], near),
            poly(_VERY_NEAR_ONE[0], far) / poly(_VERY_NEAR_ONE[1], far),
        )
        out[tail] = numpy.copysign(numpy.where(numpy.abs(v) == 1.0, numpy.inf, found), v)  # beyond 1 the root is nan
    return out * math.sqrt(0.5)


def _erfc_inverse(y: Array) -> Array:
    """x >= 0 with erfc(x) = y, for 0 < y <= 1: Newton's method on log(erfc), which has no bend to speak of."""
    small = numpy.clip(y, 1e-320, 1e-3)
    root = numpy.sqrt(-numpy.log(small * _SQRT_PI * numpy.sqrt(-numpy.log(small))))
    plain = numpy.maximum(y, 1e-3)
    x = numpy.where(y < 1e-3, root, _erfinv_start(1.0 - plain, plain))
    log_y = numpy.log(y)
    for _ in range(5):
        scaled = _erfcx(x)
        x = x + (numpy.log(scaled) - x * x - log_y) * scaled * (_SQRT_PI / 2)
    return x


erfinv = in_float64(_erfinv)


@in_float64
def ndtri(p: Array) -> Array:
    """The normal distribution's quantile: x with ndtr(x) = p."""
    low = p < 0.5
    tail = numpy.where(low, p, 1.0 - p)
    middle = _erfinv(2.0 * p - 1.0)
    inside = (tail > 0) & (tail <= 0.5)
    far = _erfc_inverse(numpy.where(inside & (tail < 0.1), 2.0 * tail, 1e-3))
    out = math.sqrt(2) * numpy.where(tail < 0.1, numpy.where(low, -far, far), middle)
    out = numpy.where(p == 0, -numpy.inf, numpy.where(p == 1, numpy.inf, out))
    return numpy.where((p >= 0) & (p <= 1), out, numpy.nan)


@in_float64
def ndtr(x: Array) -> Array:
    """The normal distribution function."""
    return 0.5 * _erfc(-x / math.sqrt(2))


@in_float64
def log_ndtr(x: Array) -> Array:
    """log(ndtr(x)), right in both tails."""
    t = x / math.sqrt(2)
    left = numpy.log(_erfcx(-numpy.minimum(t, 0.0)) / 2) - t * t
    return numpy.where(x < -1.0, left, numpy.log1p(-_erfc(numpy.maximum(t, -1.0)) / 2))


# ---- the gamma function ----

# lgamma(2 + z) = (1 - Euler's constant) z + z^2 times this, for |z| <= 1/2: (-1)^k (zeta(k) - 1) / k from k = 2.
_LGAMMA_AT_2 = (
    0.3224670334241132, -0.0673523010531981, 0.020580808427784546, -0.007385551028673986, 0.0028905103307415234,
    -0.001192753911703261, 0.0005096695247430425, -0.00022315475845357939, 9.945751278180853e-05,
    -4.492623673813314e-05, 2.050721277567069e-05, -9.439488275268397e-06, 4.374866789907488e-06,
    -2.039215753801366e-06, 9.55141213040742e-07, -4.492469198764566e-07, 2.1207184805554665e-07,
    -1.0043224823968099e-07, 4.7698101693639804e-08, -2.2711094608943164e-08, 1.0838659214896955e-08,
    -5.183475041970047e-09, 2.4836745438024785e-09, -1.1921401405860912e-09, 5.731367241678862e-10,
    -2.7595228851242334e-10, 1.330476437424449e-10, -6.4229645638381e-11,
)  # fmt: skip
# Stirling's series for lgamma and digamma: B_2k / (2k (2k - 1)) and B_2k / 2k.
_STIRLING = (
    0.08333333333333333, -0.002777777777777778, 0.0007936507936507937, -0.0005952380952380953,
    0.0008417508417508417, -0.0019175269175269176, 0.00641025641025641, -0.029550653594771242, 0.17964437236883057,
    -1.3924322169059011,
)  # fmt: skip
_DIGAMMA = (
    0.08333333333333333, -0.008333333333333333, 0.003968253968253968, -0.004166666666666667, 0.007575757575757576,
    -0.021092796092796094, 0.08333333333333333, -0.4432598039215686, 3.0539543302701198, -26.456212121212122,
)  # fmt: skip
_LARGE = 10.0  # from here on the asymptotic series serve


def sin_pi(x: Array) -> Array:
    """sin(pi x) without loss for large x."""
    r = numpy.remainder(x, 2.0)
    r = numpy.where(r > 1.0, r - 2.0, r)
    r = numpy.where(r > 0.5, 1.0 - r, numpy.where(r < -0.5, -1.0 - r, r))
    return numpy.sin(math.pi * r)


def _stirling_rest(x: Array) -> Array:
    """What Stirling's formula for lgamma(x) leaves out: 1/(12 x) - ..."""
    y = 1.0 / x
    return y * poly(_STIRLING, y * y)


def _lgamma_positive(x: Array) -> Array:
    large = numpy.maximum(x, _LARGE)
    far = (large - 0.5) * numpy.log(large) - large + _LOG_SQRT_2PI + _stirling_rest(large)
    z = numpy.clip(x, 0.0, _LARGE)
    product = numpy.ones_like(z)
    for _ in range(8):  # down to 1.5 ... 2.5
        above = z > 2.5
        z = numpy.where(above, z - 1.0, z)
        product = numpy.where(above, product * z, product)
    # lgamma(z) = lgamma(z + 1) - log(z), for z below 1.5 and again below 0.5
    tiny = z < 0.5
    once = z < 1.5
    less = numpy.where(tiny, numpy.log(z), 0.0)
    z = numpy.where(tiny, z + 1.0, z)
    d = numpy.where(once, z - 1.0, z - 2.0)
    near = d * ((1.0 - _EULER) + d * poly(_LGAMMA_AT_2, d)) - numpy.where(once, numpy.log1p(d), 0.0)
    near = near - less + numpy.log(product)
    return numpy.where(x >= _LARGE, numpy.where(numpy.isinf(x), numpy.inf, far), near)


def _lgamma(x: Array) -> Array:
    positive = _lgamma_positive(numpy.where(x > 0, x, 1.0 - x))
    reflected = math.log(math.pi) - numpy.log(numpy.abs(sin_pi(x))) - positive
    pole = (x <= 0) & (x == numpy.floor(x))
    out = numpy.where(x > 0, positive, numpy.where(pole, numpy.inf, reflected))
    return numpy.where(numpy.isnan(x), x, out)


lgamma = in_float64(_lgamma)


def _digamma(x: Array) -> Array:
    flip = x < 0.5
    z = numpy.where(flip, 1.0 - x, x)
    out = numpy.zeros_like(z)
    for _ in range(int(_LARGE)):
        small = z < _LARGE
        out = numpy.where(small, out - 1.0 / z, out)
        z = numpy.where(small, z + 1.0, z)
    y = 1.0 / (z * z)
    out = out + numpy.log(z) - 0.5 / z - y * poly(_DIGAMMA, y)
    reflected = out - math.pi * sin_pi(x + 0.5) / sin_pi(x)
    out = numpy.where(flip, reflected, out)
    whole = (x < 0) & (x == numpy.floor(x))
    out = numpy.where(x == 0, -numpy.copysign(numpy.inf, x), numpy.where(whole, numpy.nan, out))
    return numpy.where(x == numpy.inf, x, out)


digamma = in_float64(_digamma)

# Euler and Maclaurin's formula: B_2k / (2k)!
_MACLAURIN = (
    0.08333333333333333, -0.001388888888888889, 3.306878306878307e-05, -8.267195767195768e-07, 2.08767569878681e-08,
    -5.284190138687493e-10, 1.3382536530684679e-11, -3.3896802963225827e-13, 8.586062056277845e-15,
    -2.174868698558062e-16, 5.5090028283602295e-18, -1.3954464685812522e-19,
)  # fmt: skip


def _zeta_positive(s: Array, q: Array) -> Array:
    """Hurwitz' zeta for s > 1, q > 0: some terms of the sum, then Euler and Maclaurin's formula for the rest."""
    total = numpy.zeros_like(s + q)
    z = q + 0.0 * total
    for _ in range(12):
        total = total + numpy.power(z, -s)
        z = z + 1.0
    power = numpy.power(z, -s)
    total = total + z * power / (s - 1.0) + 0.5 * power
    term = s * power / z
    rest = numpy.zeros_like(total)
    for k, b in enumerate(_MACLAURIN):
        rest = rest + b * term
        term = term * (s + 2 * k + 1) * (s + 2 * k + 2) / (z * z)
    return numpy.where(numpy.isinf(q), 0.0, total + rest)


def _zeta(s: Array, q: Array) -> Array:
    step = q - numpy.floor(q)  # 0 < step < 1 where q is no integer
    out = _zeta_positive(s, numpy.where(q > 0, q, 1.0))
    if numpy.any((q < 0) & (step > 0)):
        # the terms left of 0 are those of (-1)^s zeta between 1 - step and 1 - q
        sign = numpy.where(numpy.remainder(s, 2.0) == 0, 1.0, -1.0)
        safe = numpy.where((q < 0) & (step > 0), step, 0.5)
        left = _zeta_positive(s, 1.0 - safe) - _zeta_positive(s, 1.0 - numpy.where(q < 0, q, 0.0))
        below = _zeta_positive(s, safe) + sign * left
        out = numpy.where(q < 0, numpy.where(s == numpy.floor(s), below, numpy.nan), out)
    out = numpy.where((q <= 0) & (step == 0), numpy.inf, out)
    out = numpy.where(s == 1, numpy.inf, numpy.where(s < 1, numpy.nan, out))
    return numpy.where(numpy.isnan(s + q), numpy.nan, out)


zeta = in_float64(_zeta)


def polygamma(n: int, x: Array) -> Array:
    """The n-th derivative of digamma."""
    if n == 0:
        return digamma(x)
    return _polygamma(x, n)


@in_float64
def _polygamma(x: Array, n: Array) -> Array:
    sign = numpy.where(numpy.remainder(n, 2.0) == 0, -1.0, 1.0)
    return sign * numpy.exp(_lgamma(n + 1.0)) * _zeta(n + 1.0, x)


# ---- the incomplete gamma functions ----


def _gamma_prefix(a: Array, x: Array) -> Array:
    """x^a exp(-x) / gamma(a + 1), for a > 0 and x > 0."""
    large = numpy.maximum(a, _LARGE)
    t = (x - large) / large
    near = numpy.abs(t) < 0.4
    small = numpy.where(near, t, 0.0)
    # log(1 + t) - t as a series, for the difference cancels where t is small
    series = numpy.zeros_like(small)
    for k in range(45, 1, -1):
        series = (-1.0) ** (k + 1) / k + small * series
    exponent = numpy.where(near, small * small * series, numpy.log1p(t) - t)
    far = numpy.exp(large * exponent - _stirling_rest(large)) / numpy.sqrt(2 * math.pi * large)
    less = numpy.minimum(a, _LARGE)
    plain = numpy.exp(less * numpy.log(x) - x - _lgamma_positive(less + 1.0))
    return numpy.where(a >= _LARGE, far, plain)


def _settled(first: Array, state: tuple[Array, ...], step: Callable[..., tuple[Array, Array]]) -> Array:
    """Sums or products carried on until they settle, each element for as long as it has to.

    step(n, value, *state) -> (value, which elements are still open), the state changed in place. Every eight steps the
    settled elements are put away.
    """
    out, value = first.copy(), first
    (places,) = numpy.nonzero(numpy.ones_like(first, dtype=bool))  # all, on the device of first
    for n in range(1, 20000):
        value, still_open = step(n, value, *state)
        if n % 8 and n < 19999:
            continue
        out[places] = value
        if not still_open.any():
            break
        if not still_open.all():
            places, value, *rest = (array[still_open] for array in (places, value, *state))
            state = tuple(rest)
    return out


def _lower_by_series(a: Array, x: Array) -> Array:
    """P(a, x) for x < a + 1, without its prefix: sum of x^n / ((a + 1) ... (a + n))."""

    def step(n: int, total: Array, a: Array, x: Array, term: Array) -> tuple[Array, Array]:
        term *= x / (a + n)
        total = total + term
        return total, term > 1e-17 * total

    one = numpy.ones_like(x)
    return _settled(one, (a, x, one.copy()), step)


def _upper_by_fraction(a: Array, x: Array) -> Array:
    """Q(a, x) for x >= a + 1, without x^a exp(-x) / gamma(a): the continued fraction by Lentz' method."""
    tiny = 1e-300

    def step(n: int, h: Array, a: Array, b: Array, c: Array, d: Array) -> tuple[Array, Array]:
        an = n * (a - n)
        b += 2.0
        d *= an
        d += b
        numpy.divide(1.0, numpy.where(numpy.abs(d) < tiny, tiny, d), out=d)
        numpy.divide(an, c, out=c)
        c += b
        c[numpy.abs(c) < tiny] = tiny
        ratio = c * d
        return h * ratio, numpy.abs(ratio - 1.0) > 3e-16  # rounding keeps it from 1 by as much

    b = x + 1.0 - a
    d = 1.0 / b
    return _settled(d, (a, b, numpy.full_like(x, 1.0 / tiny), d.copy()), step)


def _incomplete(a: Array, x: Array, upper: bool) -> Array:
    a, x = numpy.broadcast_arrays(a, x)
    valid = (a > 0) & (x > 0) & numpy.isfinite(a) & numpy.isfinite(x)
    p = numpy.where(valid, a, 1.0).astype(float64).ravel()
    q = numpy.where(valid, x, 1.0).astype(float64).ravel()
    prefix = _gamma_prefix(p, q)
    lower = numpy.zeros_like(p)
    left = q < p + 1.0
    # far out on either side the prefix vanishes and no sum is needed
    gone = prefix == 0.0
    done = left & ~gone
    if done.any():
        lower[done] = prefix[done] * _lower_by_series(p[done], q[done])
    high = numpy.zeros_like(p)
    done = ~left & ~gone
    if done.any():
        high[done] = prefix[done] * p[done] * _upper_by_fraction(p[done], q[done])
    out = numpy.where(left, 1.0 - lower, high) if upper else numpy.where(left, lower, 1.0 - high)
    out = out.reshape(a.shape)
    at_zero, at_end = (1.0, 0.0) if upper else (0.0, 1.0)
    out = numpy.where((x == 0) & (a > 0) | numpy.isinf(a) & (a > 0) & numpy.isfinite(x), at_zero, out)
    out = numpy.where(((a == 0) & (x > 0)) | (numpy.isinf(x) & (x > 0) & numpy.isfinite(a) & (a >= 0)), at_end, out)
    bad = (
        (a < 0) | (x < 0) | numpy.isnan(a) | numpy.isnan(x) | ((a == 0) & (x == 0)) | (numpy.isinf(a) & numpy.isinf(x))
    )
    return numpy.where(bad, numpy.nan, out)


@in_float64
def igamma(a: Array, x: Array) -> Array:
    """The regularised lower incomplete gamma function P(a, x)."""
    return _incomplete(a, x, False)


@in_float64
def igammac(a: Array, x: Array) -> Array:
    """The regularised upper incomplete gamma function Q(a, x)."""
    return _incomplete(a, x, True)


@in_float64
def gamma_density(a: Array, x: Array) -> Array:
    """x^(a - 1) exp(-x) / gamma(a): the derivative of igamma in x."""
    return numpy.exp((a - 1.0) * numpy.log(x) - x - _lgamma(a))
