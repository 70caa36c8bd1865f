"""More pointwise operations beside `pointwise` and `unary`: inverse hyperbolic functions, shifts, divisors, rounding."""

import math
from collections.abc import Callable
from typing import Any

import numpy

from pynn.ops.pointwise import _check_divisor
from pynn.ops.registry import FLOATS, INTEGERS, Sample, only, pointwise_check, register, register_inplace
from pynn.ops.samples import binary_samples, unary_samples
from pynn.ops.unary import unary_op

_PAIRS = binary_samples(scalar=False)


def binary_op(
    name: str,
    reference: Callable[..., Any],
    vjp: tuple[Any, Any] | None,
    saves: Any = (0, 1),
    *,
    samples: Callable[..., list[Sample]] | None = None,
    dtype: str = "float",
    kinds: str | None = None,
    tolerance: dict[str, float] | None = None,
    torch: Callable[..., Any] | None = None,
    exact: bool = False,
) -> Any:
    """Register a two-input pointwise op; as `unary_op`."""
    return register(
        name,
        vjp=vjp,
        differentiable=vjp is not None,
        saves=saves if vjp is not None else (),
        dtype=dtype,
        samples=samples or _PAIRS,
        torch=torch or (lambda t, x, y: getattr(t, name)(x, y)),
        tolerance=tolerance,
        check=None if kinds is None else pointwise_check(dtype, only(name, kinds)),
        exact=exact,
    )(reference)


# ---- one input ----

ACOSH = unary_op(
    "acosh",
    lambda xp, x: xp.acosh(x),
    lambda xp, g, out, x: g / xp.sqrt(x * x - 1),
    samples=unary_samples(1.1, 9, extreme=False),
)
ASINH = unary_op("asinh", lambda xp, x: xp.asinh(x), lambda xp, g, out, x: g / xp.sqrt(x * x + 1))
ATANH = unary_op(
    "atanh",
    lambda xp, x: xp.atanh(x),
    lambda xp, g, out, x: g / (1 - x * x),
    samples=unary_samples(-0.9, 0.9, extreme=False),
)


def _sinc(xp: Any, x: Any) -> Any:
    y = x * math.pi
    return xp.where(y == 0, xp.ones_like(y), xp.sin(y) / xp.where(y == 0, xp.ones_like(y), y))


def _sinc_vjp(xp: Any, g: Any, out: Any, x: Any) -> Any:
    y = x * math.pi
    safe = xp.where(y == 0, xp.ones_like(y), y)
    return g * xp.where(y == 0, xp.zeros_like(y), (y * xp.cos(y) - xp.sin(y)) / (safe * safe) * math.pi)


SINC = unary_op("sinc", _sinc, _sinc_vjp, samples=unary_samples(extreme=False, away=(0,)), tolerance={"float32": 1e-5})


def _scaled(name: str, factor: float) -> Any:
    return unary_op(name, lambda xp, x: x * factor, lambda xp, g, out, x: g * factor, ())


DEG2RAD = _scaled("deg2rad", math.pi / 180)
RAD2DEG = _scaled("rad2deg", 180 / math.pi)
FRAC = unary_op(
    "frac", lambda xp, x: x - xp.trunc(x), lambda xp, g, out, x: g, (), samples=unary_samples(extreme=False, away=range(-3, 4)),
    kinds=FLOATS, dtype="promote",
)  # fmt: skip
SIGNBIT = unary_op(
    "signbit",
    lambda xp, x: xp.signbit(x) if x.dtype.kind == "f" else x < 0,
    None,
    dtype="bool",
    samples=unary_samples(),
)


def _angle(xp: Any, x: Any) -> Any:
    out = xp.where(x < 0, xp.full_like(x, math.pi), xp.zeros_like(x))
    return xp.where(xp.isnan(x), x, out)


ANGLE = unary_op("angle", _angle, lambda xp, g, out, x: xp.zeros_like(g), (), samples=unary_samples(away=(0,)))


def _is_infinite(sign: int) -> Callable[..., Any]:
    return lambda xp, x: x == sign * math.inf if x.dtype.kind == "f" else xp.zeros(x.shape, dtype=numpy.bool_)


ISPOSINF = unary_op("isposinf", _is_infinite(1), None, dtype="bool", samples=unary_samples())
ISNEGINF = unary_op("isneginf", _is_infinite(-1), None, dtype="bool", samples=unary_samples())
ISREAL = unary_op(
    "isreal", lambda xp, x: xp.ones(x.shape, dtype=numpy.bool_), None, dtype="bool", samples=unary_samples()
)


def _attr_samples(drawn: Callable[..., list[Sample]], *attrs: tuple[Any, ...]) -> Callable[..., list[Sample]]:
    return lambda rng: [Sample(s.inputs, a, s.grad) for s in drawn(rng) for a in attrs]


def _logit(xp: Any, x: Any, eps: float | None) -> Any:
    if eps is not None:
        x = xp.clip(x, eps, 1 - eps)
    return xp.log(x / (1 - x))


def _logit_vjp(xp: Any, g: Any, out: Any, x: Any, eps: float | None) -> Any:
    slope = g / (x * (1 - x))
    if eps is None:
        return xp.where((x < 0) | (x > 1), xp.full_like(slope, math.nan), slope)
    return xp.where((x < eps) | (x > 1 - eps), xp.zeros_like(slope), slope)


LOGIT = unary_op(
    "logit", _logit, _logit_vjp, attrs=("eps",), tolerance={"float32": 1e-5},
    samples=_attr_samples(unary_samples(0.05, 0.95, extreme=False, away=(0.2, 0.8)), (None,), (0.2,)),
)  # fmt: skip


def _nan_to_num(xp: Any, x: Any, nan: float, posinf: float, neginf: float) -> Any:
    out = xp.where(xp.isnan(x), xp.full_like(x, nan), x)
    out = xp.where(x == math.inf, xp.full_like(x, posinf), out)
    return xp.where(x == -math.inf, xp.full_like(x, neginf), out)


NAN_TO_NUM = unary_op(
    "nan_to_num", _nan_to_num, lambda xp, g, out, x, *attrs: g * xp.astype(xp.isfinite(x), g.dtype), dtype="promote",
    attrs=("nan", "posinf", "neginf"), samples=_attr_samples(unary_samples(), (0.0, 9.0, -9.0), (2.5, 1e30, -1e30)),
)  # fmt: skip


def _round_decimals(xp: Any, x: Any, decimals: int) -> Any:
    scale = 10.0 ** abs(decimals)
    return xp.round(x * scale) / scale if decimals > 0 else xp.round(x / scale) * scale


ROUND_DECIMALS = unary_op(
    "round_decimals", _round_decimals, lambda xp, g, out, x, decimals: xp.zeros_like(g), (), dtype="promote", kinds=FLOATS,
    attrs=("decimals",), samples=_attr_samples(unary_samples(-30, 30, extreme=False), (1,), (-1,)),
    torch=lambda t, x, decimals: t.round(x, decimals=decimals),
)  # fmt: skip

# ---- two inputs ----


def _turn(xp: Any, g: Any, y: Any, x: Any) -> Any:
    square = x * x + y * y
    return xp.where(square == 0, xp.zeros_like(square), g / xp.where(square == 0, xp.ones_like(square), square))


ATAN2 = binary_op(
    "atan2",
    lambda xp, y, x: xp.atan2(y, x),
    (lambda xp, g, out, y, x: _turn(xp, g, y, x) * x, lambda xp, g, out, y, x: -_turn(xp, g, y, x) * y),
)
HYPOT = binary_op(
    "hypot",
    lambda xp, x, y: xp.hypot(x, y),
    (lambda xp, g, out, x, y: g * (x / out), lambda xp, g, out, x, y: g * (y / out)),
    ("out", 0, 1),
    dtype="promote",
    kinds=FLOATS,
)


def _copysign_vjp(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
    zero = x == 0
    return xp.where(zero, xp.zeros_like(g), g * (out / xp.where(zero, xp.ones_like(x), x)))


COPYSIGN = binary_op(
    "copysign",
    lambda xp, x, y: xp.copysign(x, y),
    (_copysign_vjp, lambda xp, g, out, x, y: xp.zeros_like(g)),
    {0: ("out", 0), 1: ()},
    samples=binary_samples(scalar=False, away_from_zero=True),
)


def _first_of_fmax(better: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    def first(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
        return xp.where(better(x, y) | xp.isnan(y), g, xp.zeros_like(g))

    def second(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
        return xp.where(better(x, y) | xp.isnan(y), xp.zeros_like(g), g)

    return first, second


FMAX = binary_op("fmax", lambda xp, x, y: xp.fmax(x, y), _first_of_fmax(lambda a, b: a >= b), dtype="promote")
FMIN = binary_op("fmin", lambda xp, x, y: xp.fmin(x, y), _first_of_fmax(lambda a, b: a <= b), dtype="promote")


def _share(base: float) -> tuple[Any, Any]:
    scale = math.log(base)
    return (
        lambda xp, g, out, x, y: g / (1 + xp.exp((y - x) * scale)),
        lambda xp, g, out, x, y: g / (1 + xp.exp((x - y) * scale)),
    )


LOGADDEXP = binary_op(
    "logaddexp",
    lambda xp, x, y: xp.logaddexp(x, y),
    _share(math.e),
    dtype="promote",
    kinds=FLOATS,
    tolerance={"float32": 5e-6},
)
LOGADDEXP2 = binary_op(
    "logaddexp2",
    lambda xp, x, y: xp.logaddexp2(x, y),
    _share(2),
    dtype="promote",
    kinds=FLOATS,
    tolerance={"float32": 5e-6},
)


def _whole(drawn: Callable[..., list[Sample]], low: int = -20, high: int = 20) -> Callable[..., list[Sample]]:
    """The samples' shapes and strides with integers in them."""

    def samples(rng: Any) -> list[Sample]:
        found = []
        for s in drawn(rng):
            found.append(Sample(tuple(_like(rng.integers(low, high, numpy.shape(x)), x) for x in s.inputs)))
        return found

    return samples


def _like(values: Any, x: Any) -> Any:
    out = numpy.empty_like(x, dtype=numpy.int64)
    out[...] = values
    return numpy.asarray(out)


GCD = binary_op("gcd", lambda xp, x, y: xp.gcd(x, y), None, dtype="promote", kinds=INTEGERS, samples=_whole(_PAIRS))
LCM = binary_op("lcm", lambda xp, x, y: xp.lcm(x, y), None, dtype="promote", kinds=INTEGERS, samples=_whole(_PAIRS))
LEFT_SHIFT = binary_op(
    "bitwise_left_shift", lambda xp, x, y: xp.bitwise_left_shift(x, y), None, dtype="promote", kinds=INTEGERS,
    samples=_whole(_PAIRS, 0, 9),
)  # fmt: skip
RIGHT_SHIFT = binary_op(
    "bitwise_right_shift", lambda xp, x, y: xp.bitwise_right_shift(x, y), None, dtype="promote", kinds=INTEGERS,
    samples=_whole(_PAIRS, 0, 9),
)  # fmt: skip
NEXTAFTER = binary_op(
    "nextafter", lambda xp, x, y: xp.nextafter(x, y), (lambda xp, g, out, x, y: g, lambda xp, g, out, x, y: xp.zeros_like(g)), (),
    dtype="promote", kinds=FLOATS, exact=True,
)  # fmt: skip


def _check_heaviside(inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> tuple[Any, ...]:
    if inputs[0]._array.dtype != inputs[1]._array.dtype:
        raise RuntimeError(
            "heaviside is not yet implemented for tensors with different dtypes: got "
            f"{inputs[0].dtype} and {inputs[1].dtype}. Cast one with .to(dtype)."
        )
    return inputs


HEAVISIDE = binary_op(
    "heaviside", lambda xp, x, y: xp.where(x == 0, y, xp.astype(x > 0, y.dtype)), (None, None), (), dtype="promote",
    samples=lambda rng: [Sample((numpy.asarray(numpy.trunc(s.inputs[0] / 2)), s.inputs[1]), grad=False) for s in _PAIRS(rng)],
)  # fmt: skip
HEAVISIDE.check = lambda inputs, attrs: pointwise_check("promote")(_check_heaviside(inputs, attrs), attrs)


def _xlog(name: str, log: str) -> Any:
    """x * log(y), and 0 where x is 0 unless y is NaN."""
    shift = 1 if log == "log1p" else 0

    def reference(xp: Any, x: Any, y: Any) -> Any:
        out = xp.where(x == 0, xp.zeros_like(y * x), x * getattr(xp, log)(y))
        return xp.where(xp.isnan(y), xp.full_like(out, math.nan), out)

    def first(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
        return xp.where((x == 0) & (y <= -shift), xp.zeros_like(g), g * getattr(xp, log)(y))

    def second(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g * x / (y + shift)

    return binary_op(
        name, reference, (first, second), samples=binary_samples(0.2, 3.0, scalar=False),
        torch=lambda t, x, y: getattr(t.special, name)(x, y),
    )  # fmt: skip


XLOGY = _xlog("xlogy", "log")
XLOG1PY = _xlog("xlog1py", "log1p")


def _divide_rounded(xp: Any, x: Any, y: Any, mode: str) -> Any:
    if mode == "floor":
        return xp.floor_divide(x, y)
    if (x.dtype if hasattr(x, "dtype") else y.dtype).kind in "fV":
        return xp.trunc(x / y)
    down = xp.floor_divide(x, y)
    return down + xp.astype((down < 0) & (down * y != x), down.dtype)


def without_gradient(drawn: Callable[..., list[Sample]]) -> Callable[..., list[Sample]]:
    """The samples, where the op has no gradient for some of its inputs; tests of its own look at the others."""
    return lambda rng: [Sample(s.inputs, s.attrs, False) for s in drawn(rng)]


DIV_ROUNDED = register(
    "div_rounded",
    vjp=(lambda xp, g, out, x, y, mode: xp.zeros_like(g),) * 2,
    check=_check_divisor,
    attrs=("mode",),
    samples=_attr_samples(without_gradient(binary_samples(away_from_zero=True)), ("floor",), ("trunc",)),
    torch=lambda t, x, y, mode: t.div(x, y, rounding_mode=mode),
)(_divide_rounded)

# ---- several results ----

FREXP = register(
    "frexp",
    vjp=(lambda xp, g, out, x: g[0] / xp.exp2(xp.astype(out[1], g[0].dtype)),),
    saves=("out1",),
    outputs=2,
    shape=lambda x: (x, x),
    dtype="same",
    samples=unary_samples(extreme=False),
    torch=lambda t, x: tuple(t.frexp(x)),
)(lambda xp, x: xp.frexp(x))


def _set_inplace() -> None:
    kinds = {"gcd": INTEGERS, "lcm": INTEGERS, "bitwise_left_shift": INTEGERS, "bitwise_right_shift": INTEGERS}
    kinds |= {"frac": FLOATS, "hypot": FLOATS, "nextafter": FLOATS, "round_decimals": FLOATS}
    for op in (
        ACOSH, ASINH, ATANH, SINC, DEG2RAD, RAD2DEG, FRAC, LOGIT, NAN_TO_NUM, ROUND_DECIMALS, ATAN2, HYPOT, COPYSIGN, GCD, LCM,
        LEFT_SHIFT, RIGHT_SHIFT, NEXTAFTER, HEAVISIDE, XLOGY, DIV_ROUNDED,
    ):  # fmt: skip
        register_inplace(op, values=only(op.name, kinds[op.name]) if op.name in kinds else None)


_set_inplace()
