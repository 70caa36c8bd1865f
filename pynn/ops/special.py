"""Records of the special functions: erfc and its inverse, the gamma family, Bessel's, orthogonal polynomials.

Their values come from `pynn._backends.special` and `pynn._backends.bessel`, which are imported when first needed.
The public names that torch has at its top are here, too; `pynn.special` has the others.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy

from pynn._core import Tensor, call, call_inplace
from pynn.ops.elementary import binary_op, without_gradient
from pynn.ops.pointwise_functions import _beside, _inplace, operand, publish_binary, publish_unary
from pynn.ops.registry import FLOATS, OPS, Sample, export, only, register_inplace, written
from pynn.ops.samples import binary_samples, unary_samples
from pynn.ops.unary import unary_op

_ROOT_PI = math.sqrt(math.pi)
_LOOSE = {"float32": 1e-5, "float64": 1e-11}
# torch's own trigamma is good to some 1e-9 in float64, its J and Y to some 1e-7; tests/ops/test_special.py asks for more.
_TORCHS_TRIGAMMA = {"float32": 1e-5, "float64": 2e-9}
_TORCHS_BESSEL = {"float32": 2e-5, "float64": 5e-6}


def _special(name: str, vjp: Callable[..., Any] | None, saves: Any = (0,), **kwargs: Any) -> Any:
    """A one-input op whose reference is the namespace's function of that name and whose torch twin is in torch.special."""
    kwargs.setdefault("torch", lambda t, x: getattr(t.special, name)(x))
    return unary_op(name, lambda xp, x: getattr(xp, name)(x), vjp, saves, **kwargs)


# ---- the error function ----

ERFC = _special("erfc", lambda xp, g, out, x: -g * xp.exp(-x * x) * (2 / _ROOT_PI))
ERFCX = _special(
    "erfcx",
    lambda xp, g, out, x: g * (2 * x * out - 2 / _ROOT_PI),
    ("out", 0),
    samples=unary_samples(-2, 6, extreme=False),
    tolerance=_LOOSE,
)
ERFINV = _special(
    "erfinv", lambda xp, g, out, x: g * xp.exp(out * out) * (_ROOT_PI / 2), ("out",), samples=unary_samples(-0.9, 0.9, extreme=False),
    tolerance=_LOOSE,
)  # fmt: skip
NDTR = _special("ndtr", lambda xp, g, out, x: g * xp.exp(x * x * -0.5) / math.sqrt(2 * math.pi))
NDTRI = _special(
    "ndtri", lambda xp, g, out, x: g * xp.exp(out * out * 0.5) * math.sqrt(2 * math.pi), ("out",),
    samples=unary_samples(0.05, 0.95, extreme=False), tolerance=_LOOSE,
)  # fmt: skip
LOG_NDTR = _special(
    "log_ndtr", lambda xp, g, out, x: g / xp.erfcx(x * -math.sqrt(0.5)) * math.sqrt(2 / math.pi), samples=unary_samples(-8, 8, extreme=False),
    tolerance=_LOOSE,
)  # fmt: skip


def _entr(xp: Any, x: Any) -> Any:
    positive = x > 0
    out = -x * xp.log(xp.where(positive, x, xp.ones_like(x)))
    out = xp.where(positive, out, xp.where(x == 0, xp.zeros_like(x), xp.full_like(x, -math.inf)))
    return xp.where(xp.isnan(x), x, out)


ENTR = unary_op(
    "entr", _entr, lambda xp, g, out, x: xp.where(x < 0, xp.full_like(g, math.nan), g * (-xp.log(x) - 1)),
    samples=unary_samples(0.1, 4, extreme=False), torch=lambda t, x: t.special.entr(x),
)  # fmt: skip

# ---- the gamma function ----

_POSITIVE = unary_samples(0.3, 9, extreme=False)
LGAMMA = _special(
    "lgamma",
    lambda xp, g, out, x: g * xp.digamma(x),
    torch=lambda t, x: t.lgamma(x),
    samples=_POSITIVE,
    tolerance=_LOOSE,
)
DIGAMMA = _special(
    "digamma", lambda xp, g, out, x: g * xp.polygamma(1, x), samples=_POSITIVE, tolerance=_TORCHS_TRIGAMMA
)
POLYGAMMA = unary_op(
    "polygamma", lambda xp, x, n: xp.polygamma(n, x), lambda xp, g, out, x, n: g * xp.polygamma(n + 1, x), attrs=("n",),
    samples=lambda rng: [Sample(s.inputs, (n,)) for s in unary_samples(1, 9, extreme=False)(rng) for n in (1, 2)],
    torch=lambda t, x, n: t.polygamma(n, x), tolerance=_TORCHS_TRIGAMMA,
)  # fmt: skip
ZETA = binary_op(
    "zeta", lambda xp, x, q: xp.zeta(x, q), (None, lambda xp, g, out, x, q: -g * x * xp.zeta(x + 1, q)),
    samples=without_gradient(binary_samples(1.5, 6, scalar=False)), torch=lambda t, x, q: t.special.zeta(x, q), tolerance=_LOOSE,
)  # fmt: skip


def _incomplete(name: str, sign: int) -> Any:
    return binary_op(
        name, lambda xp, a, x: getattr(xp, name)(a, x), (None, lambda xp, g, out, a, x: sign * g * xp.gamma_density(a, x)),
        dtype="promote", kinds=FLOATS, samples=without_gradient(binary_samples(0.5, 6, scalar=False)),
        tolerance=_LOOSE,
    )  # fmt: skip


IGAMMA, IGAMMAC = _incomplete("igamma", 1), _incomplete("igammac", -1)
# x^(a - 1) exp(-x) / gamma(a), the slope of igamma.
GAMMA_DENSITY = binary_op(
    "gamma_density",
    lambda xp, a, x: xp.gamma_density(a, x),
    (
        lambda xp, g, out, a, x: g * out * (xp.log(x) - xp.digamma(a)),
        lambda xp, g, out, a, x: g * out * ((a - 1) / x - 1),
    ),
    ("out", 0, 1),
    samples=binary_samples(0.5, 6, scalar=False),
    torch=lambda t, a, x: t.exp((a - 1) * t.log(x) - x - t.lgamma(a)),
    tolerance=_LOOSE,
)

# ---- Bessel's functions ----


def _reciprocal(xp: Any, x: Any, at_zero: float) -> Any:
    """1 / x, and `at_zero` at 0."""
    zero = x == 0
    return xp.where(zero, xp.full_like(x, at_zero), 1 / xp.where(zero, xp.ones_like(x), x))


def _i1_vjp(xp: Any, g: Any, out: Any, x: Any) -> Any:
    return g * xp.where(x == 0, xp.full_like(x, 0.5), xp.i0(x) - out * _reciprocal(xp, x, 0.0))


def _i1e_vjp(xp: Any, g: Any, out: Any, x: Any) -> Any:
    slope = xp.i0e(x) - out * (xp.sign(x) + _reciprocal(xp, x, 0.0))
    return g * xp.where(x == 0, xp.full_like(x, 0.5), slope)


I0 = _special("i0", lambda xp, g, out, x: g * xp.i1(x), tolerance=_LOOSE)
I0E = _special(
    "i0e",
    lambda xp, g, out, x: g * (xp.i1e(x) - xp.sign(x) * out),
    ("out", 0),
    samples=unary_samples(extreme=False, away=(0,)),
    tolerance=_LOOSE,
)
I1 = _special("i1", _i1_vjp, ("out", 0), samples=unary_samples(extreme=False, away=(0,)), tolerance=_LOOSE)
I1E = _special("i1e", _i1e_vjp, ("out", 0), samples=unary_samples(extreme=False, away=(0,)), tolerance=_LOOSE)

_BESSEL = {
    "bessel_j0": ("j0", -9), "bessel_j1": ("j1", -9), "bessel_y0": ("y0", 0.2), "bessel_y1": ("y1", 0.2), "modified_bessel_i0": ("i0", -9),
    "modified_bessel_i1": ("i1", -9), "modified_bessel_k0": ("k0", 0.2), "modified_bessel_k1": ("k1", 0.2),
    "scaled_modified_bessel_k0": ("k0e", 0.2), "scaled_modified_bessel_k1": ("k1e", 0.2), "spherical_bessel_j0": ("spherical_j0", -9),
}  # fmt: skip


def _bessel(name: str, inner: str, low: float) -> None:
    unary_op(
        name, lambda xp, x: getattr(xp, inner)(x), None, samples=unary_samples(low, 9, extreme=False), tolerance=_TORCHS_BESSEL,
        torch=lambda t, x: getattr(t.special, name)(x),
    )  # fmt: skip


for _name, (_inner, _low) in _BESSEL.items():
    _bessel(_name, _inner, _low)

# ---- orthogonal polynomials ----

POLYNOMIALS = [f"chebyshev_polynomial_{k}" for k in "tuvw"]
POLYNOMIALS += [f"shifted_{name}" for name in POLYNOMIALS]
POLYNOMIALS += ["hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p"]


def _degrees(rng: Any) -> list[Sample]:
    found = []
    for s in binary_samples(0.05, 0.95, scalar=False)(rng):
        x, y = s.inputs
        n = numpy.empty_like(y)
        n[...] = rng.integers(0, 5, y.shape)
        found.append(Sample((x, numpy.asarray(n))))
    return found


def _polynomial(name: str) -> None:
    binary_op(
        name, lambda xp, x, n: xp.polynomial(name, x, n), None, samples=_degrees, tolerance=_LOOSE,
        torch=lambda t, x, n: getattr(t.special, name)(x, n),
    )  # fmt: skip


for _name in POLYNOMIALS:
    _polynomial(_name)

# ---- public names ----

for _op in (ERFC, ERFINV, LGAMMA, DIGAMMA, I0, POLYGAMMA, IGAMMA, IGAMMAC):
    register_inplace(_op, values=only(_op.name, FLOATS) if _op in (IGAMMA, IGAMMAC) else None)
for _op in (ERFC, ERFINV, LGAMMA, DIGAMMA, I0):
    publish_unary(_op)
for _op in (IGAMMA, IGAMMAC):
    publish_binary(_op, inputs="xy")


def _order(n: Any) -> int:
    if isinstance(n, Tensor) or not isinstance(n, (int, numpy.integer)):
        raise TypeError(f"polygamma(): argument 'n' (position 1) must be int, not {type(n).__name__}.")
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n, got {n}.")
    return int(n)


@export(method=False)
def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of digamma (n >= 0) at each element; the default float for integers."""
    n = _order(n)
    return (
        call(DIGAMMA, (operand(input, "polygamma"),))
        if n == 0
        else call(POLYGAMMA, (operand(input, "polygamma"),), (n,))
    )


@export("polygamma", function=False)
def _polygamma_method(self: Tensor, n: int) -> Tensor:
    """`pynn.polygamma(n, self)`."""
    return polygamma(n, self)


@export(function=False)
def polygamma_(self: Tensor, n: int) -> Tensor:
    """polygamma written to the tensor itself."""
    n = _order(n)
    return call_inplace(_inplace("digamma"), (self,)) if n == 0 else call_inplace(_inplace("polygamma"), (self,), (n,))


@export()
def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension p >= 1, of elements above (p - 1) / 2."""
    if p < 1:
        raise RuntimeError(f"p has to be greater than or equal to 1, got {p}.")
    if operand(input, "mvlgamma")._array.dtype.kind == "b":
        raise RuntimeError("mvlgamma is not implemented for bool. Convert the tensor with .float().")
    total: Any = p * (p - 1) / 4 * math.log(math.pi)
    for j in range(p):
        total = call(LGAMMA, (input - j / 2,)) + total
    result: Tensor = total
    return result


written("mvlgamma", mvlgamma)


def with_numbers(name: str) -> Callable[..., Tensor]:
    """The function of a two-input record, either input of which may be a number."""
    op = OPS[name].op

    def function(input: Any, other: Any) -> Tensor:
        if isinstance(input, Tensor):
            return call(op, (input, _beside(input, other)))
        if not isinstance(other, Tensor):
            raise TypeError(f"{name}(): one of the two arguments must be a Tensor, got {type(input).__name__}.")
        return call(op, (_beside(other, input), other))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{name}` of two tensors, or of a tensor and a number, that broadcast."
    return function
