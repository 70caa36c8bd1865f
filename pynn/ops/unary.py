"""Pointwise operations of one input: signs, roots, exponentials, logarithms, trigonometry, rounding; see `elementary` for more."""

import math
from collections.abc import Callable
from typing import Any

from pynn._dtypes import INT64
from pynn.ops.pointwise import _check_values, _is_bool
from pynn.ops.registry import NUMBERS, Check, Sample, cast, only, pointwise_check, register, register_inplace
from pynn.ops.samples import unary_samples

_ALL = unary_samples()


def unary_op(
    name: str,
    reference: Callable[..., Any],
    vjp: Callable[..., Any] | None,
    saves: Any = (0,),
    *,
    samples: Callable[..., list[Sample]] | None = None,
    dtype: str = "float",
    kinds: str | None = None,
    check: Check | None = None,
    tolerance: dict[str, float] | None = None,
    torch: Callable[..., Any] | None = None,
    attrs: tuple[str, ...] = (),
) -> Any:
    """Register a one-input pointwise op; without a vjp it is not differentiable. kinds: the dtypes it takes, as for `only`."""
    return register(
        name,
        vjp=None if vjp is None else (vjp,),
        differentiable=vjp is not None,
        saves=saves if vjp is not None else (),
        dtype=dtype,
        samples=samples or unary_samples(extreme=False),
        torch=torch or (lambda t, x, *rest: getattr(t, name)(x, *rest)),
        tolerance=tolerance,
        check=check if kinds is None else pointwise_check(dtype, only(name, kinds)),
        attrs=attrs,
    )(reference)


def _refuse_neg(inputs: Any) -> None:
    if _is_bool(inputs[0]):
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use "
            "the `~` or `logical_not()` operator instead."
        )


def _check_neg(inputs: Any, attrs: Any) -> Any:
    _refuse_neg(inputs)
    return _check_values(inputs, attrs)


NEG = unary_op("neg", lambda xp, x: -x, lambda xp, g, out, x: -g, (), dtype="promote", check=_check_neg, samples=_ALL)
ABS = unary_op(
    "abs",
    lambda xp, x: xp.abs(x),
    lambda xp, g, out, x: g * xp.sign(x),
    (0,),
    samples=unary_samples(away=(0,)),
    dtype="promote",
    kinds=NUMBERS,
)
SIGN = unary_op(
    "sign",
    lambda xp, x: xp.sign(x),
    lambda xp, g, out, x: xp.zeros_like(g),
    (),
    dtype="promote",
    samples=unary_samples(away=(0,)),
)
SQUARE = unary_op(
    "square",
    lambda xp, x: xp.square(x),
    lambda xp, g, out, x: g * x * 2,
    (0,),
    dtype="promote",
    check=lambda inputs, attrs: (cast(inputs[0], INT64),) if _is_bool(inputs[0]) else _check_values(inputs, attrs),
    samples=_ALL,
)
SQRT = unary_op(
    "sqrt", lambda xp, x: xp.sqrt(x), lambda xp, g, out, x: g / (2 * out), ("out",), samples=unary_samples(0.1, 4)
)
# The root of a variance: that of equal elements has slope 0, where a root's is infinite.
STD_ROOT = unary_op(
    "std_root", lambda xp, x: xp.sqrt(x), lambda xp, g, out, x: g / xp.where(out == 0, math.inf, 2 * out), ("out",),
    samples=unary_samples(0.1, 4), torch=lambda t, x: x.sqrt(),
)  # fmt: skip
RSQRT = unary_op(
    "rsqrt",
    lambda xp, x: 1 / xp.sqrt(x),
    lambda xp, g, out, x: -0.5 * g * out * out * out,
    ("out",),
    samples=unary_samples(0.1, 4),
)
RECIPROCAL = unary_op(
    "reciprocal", lambda xp, x: 1 / x, lambda xp, g, out, x: -g * out * out, ("out",), samples=unary_samples(0.1, 4)
)
EXP = unary_op("exp", lambda xp, x: xp.exp(x), lambda xp, g, out, x: g * out, ("out",), samples=_ALL)
EXPM1 = unary_op("expm1", lambda xp, x: xp.expm1(x), lambda xp, g, out, x: g * (out + 1), ("out",), samples=_ALL)
LOG = unary_op("log", lambda xp, x: xp.log(x), lambda xp, g, out, x: g / x, (0,), samples=unary_samples(0.1, 4))
LOG1P = unary_op(
    "log1p", lambda xp, x: xp.log1p(x), lambda xp, g, out, x: g / (x + 1), (0,), samples=unary_samples(-0.5, 4)
)
SIN = unary_op(
    "sin", lambda xp, x: xp.sin(x), lambda xp, g, out, x: g * xp.cos(x), (0,), samples=unary_samples(extreme=False)
)
COS = unary_op(
    "cos", lambda xp, x: xp.cos(x), lambda xp, g, out, x: -g * xp.sin(x), (0,), samples=unary_samples(extreme=False)
)
TAN = unary_op(
    "tan",
    lambda xp, x: xp.tan(x),
    lambda xp, g, out, x: g * (1 + out * out),
    ("out",),
    samples=unary_samples(-1.2, 1.2, extreme=False),
)
ASIN = unary_op(
    "asin",
    lambda xp, x: xp.asin(x),
    lambda xp, g, out, x: g / xp.sqrt(1 - x * x),
    (0,),
    samples=unary_samples(-0.9, 0.9),
)
ACOS = unary_op(
    "acos",
    lambda xp, x: xp.acos(x),
    lambda xp, g, out, x: -g / xp.sqrt(1 - x * x),
    (0,),
    samples=unary_samples(-0.9, 0.9),
)
ATAN = unary_op("atan", lambda xp, x: xp.atan(x), lambda xp, g, out, x: g / (1 + x * x), (0,), samples=_ALL)
SINH = unary_op(
    "sinh",
    lambda xp, x: xp.sinh(x),
    lambda xp, g, out, x: g * (xp.exp(x) + xp.exp(-x)) / 2,
    (0,),
    samples=unary_samples(extreme=False),
)
COSH = unary_op(
    "cosh",
    lambda xp, x: xp.cosh(x),
    lambda xp, g, out, x: g * (xp.exp(x) - xp.exp(-x)) / 2,
    (0,),
    samples=unary_samples(extreme=False),
)
EXP2 = unary_op(
    "exp2",
    lambda xp, x: xp.exp2(x),
    lambda xp, g, out, x: g * out * math.log(2),
    ("out",),
    samples=unary_samples(extreme=False),
)
LOG2 = unary_op(
    "log2", lambda xp, x: xp.log2(x), lambda xp, g, out, x: g / (x * math.log(2)), (0,), samples=unary_samples(0.1, 4)
)
LOG10 = unary_op(
    "log10",
    lambda xp, x: xp.log10(x),
    lambda xp, g, out, x: g / (x * math.log(10)),
    (0,),
    samples=unary_samples(0.1, 4),
)
TANH = unary_op("tanh", lambda xp, x: xp.tanh(x), lambda xp, g, out, x: g * (1 - out * out), ("out",), samples=_ALL)
SIGMOID = unary_op(
    "sigmoid", lambda xp, x: xp.sigmoid(x), lambda xp, g, out, x: g * out * (1 - out), ("out",), samples=_ALL
)
ERF = unary_op(
    "erf",
    lambda xp, x: xp.erf(x),
    lambda xp, g, out, x: g * xp.exp(-x * x) * (2 / math.sqrt(math.pi)),
    (0,),
    samples=_ALL,
)


def _rounding(name: str, reference: Callable[..., Any], jumps: tuple[float, ...]) -> Any:
    return unary_op(
        name,
        reference,
        lambda xp, g, out, x: xp.zeros_like(g),
        (),
        samples=unary_samples(away=jumps),
        dtype="promote",
        kinds=NUMBERS,
    )


FLOOR = _rounding("floor", lambda xp, x: xp.floor(x), (-3, -2, -1, 0, 1, 2, 3))
CEIL = _rounding("ceil", lambda xp, x: xp.ceil(x), (-3, -2, -1, 0, 1, 2, 3))
TRUNC = _rounding("trunc", lambda xp, x: xp.trunc(x), (-3, -2, -1, 0, 1, 2, 3))
ROUND = _rounding("round", lambda xp, x: xp.round(x), (-2.5, -1.5, -0.5, 0.5, 1.5, 2.5))

for _op in (
    SIGN, SQUARE, SQRT, RSQRT, RECIPROCAL, EXP, EXP2, EXPM1, LOG, LOG1P, LOG2, LOG10, SIN, COS, TAN, ASIN, ACOS, ATAN, SINH, COSH,
    ERF, TANH, SIGMOID,
):  # fmt: skip
    register_inplace(_op)
for _op in (ABS, FLOOR, CEIL, ROUND, TRUNC):
    register_inplace(_op, values=only(_op.name, NUMBERS))
register_inplace(NEG, values=_refuse_neg)
