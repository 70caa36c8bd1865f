"""Pointwise operations: arithmetic, comparisons, elementary functions and their in-place forms."""

import math
from typing import Any

import numpy

from pynn import _core
from pynn._core import Tensor
from pynn._dtypes import INT64, result_type_of
from pynn.ops.registry import NUMBERS, Sample, cast, number, only, pointwise_check, register, register_inplace
from pynn.ops.samples import binary_samples, unary_samples

# ---- arithmetic ----


def _is_bool(x: Any) -> Any:
    return isinstance(x, bool) or (isinstance(x, Tensor) and x._array.dtype == numpy.bool_)


def _refuse_sub(inputs: Any) -> None:
    if any(map(_is_bool, inputs)):
        both = all(map(_is_bool, inputs))
        hint = (
            "Use the `^` or `logical_xor()` operator instead"
            if both
            else "To invert a mask, use the `~` or `logical_not()` operator"
        )
        raise RuntimeError(
            f"Subtraction, the `-` operator, with {'two bool tensors' if both else 'a bool tensor'} is not supported. {hint}, "
            "or convert with .int()."
        )


_core.METHODS["refuse_sub"] = _refuse_sub


def _refuse_neg(inputs: Any) -> None:
    if _is_bool(inputs[0]):
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use "
            "the `~` or `logical_not()` operator instead."
        )


def _check_sub(inputs: Any, attrs: Any) -> Any:
    _refuse_sub(inputs)
    return _check_values(inputs, attrs)


def _check_neg(inputs: Any, attrs: Any) -> Any:
    _refuse_neg(inputs)
    return _check_values(inputs, attrs)


def _check_integral(name: str) -> Any:
    def check(inputs: Any, attrs: Any) -> Any:
        for x in map(number, inputs):
            if (isinstance(x, Tensor) and x._array.dtype.kind not in "biu") or isinstance(x, float):
                kind = x._array.dtype if isinstance(x, Tensor) else "float"
                error = TypeError if name == "bitwise_not" else NotImplementedError
                raise error(
                    f"{name} is only implemented on integer and Boolean-type tensors, got {kind}. Compare the values "
                    "first (x > 0), or convert them with .long()."
                )
        return _check_values(inputs, attrs)

    return check


_check_values = pointwise_check("promote")

_TWO = binary_samples()

ADD = register(
    "add",
    vjp=(lambda xp, g, out, x, y: g, lambda xp, g, out, x, y: g),
    samples=_TWO,
    torch=lambda t, x, y: t.add(x, y),
)(lambda xp, x, y: xp.add(x, y))

SUB = register(
    "sub",
    check=_check_sub,
    vjp=(lambda xp, g, out, x, y: g, lambda xp, g, out, x, y: -g),
    samples=_TWO,
    torch=lambda t, x, y: t.sub(x, y) if isinstance(x, t.Tensor) else t.rsub(y, x),
)(lambda xp, x, y: xp.subtract(x, y))

MUL = register(
    "mul",
    vjp=(lambda xp, g, out, x, y: g * y, lambda xp, g, out, x, y: g * x),
    saves={0: (1,), 1: (0,)},
    samples=_TWO,
    torch=lambda t, x, y: t.mul(x, y) if isinstance(x, t.Tensor) else t.mul(y, x),
)(lambda xp, x, y: xp.multiply(x, y))


def _python_float(x: Any) -> Any:
    """A number as a Python one: NumPy's float64 is a float too, and would make a float32 gradient float64."""
    return float(x) if isinstance(x, float) else x


DIV = register(
    "div",
    vjp=(
        lambda xp, g, out, x, y: g / _python_float(y),
        lambda xp, g, out, x, y: -g * _python_float(x) / (y * y),
    ),
    saves={0: (1,), 1: (0, 1)},
    dtype="float",
    samples=binary_samples(away_from_zero=True),
    torch=lambda t, x, y: x / y,
)(lambda xp, x, y: xp.divide(x, y))


def _pow_exponent_vjp(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
    if not hasattr(x, "dtype"):
        return g * out * (math.log(x) if x > 0 else 0.0)
    safe = xp.where(x > 0, x, xp.ones_like(x))
    return xp.where((x == 0) & (y >= 0), xp.zeros_like(out), g * out * xp.log(safe))


def _pow_base_vjp(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
    if not hasattr(y, "dtype"):
        return g * y * xp.pow(x, y - 1) if y != 0 else xp.zeros_like(g)
    return xp.where(y == 0, xp.zeros_like(g), g * y * xp.pow(x, xp.where(y == 0, xp.ones_like(y), y - 1)))


POW = register(
    "pow",
    check=pointwise_check("promote", only("pow", NUMBERS)),
    vjp=(_pow_base_vjp, _pow_exponent_vjp),
    saves={0: (0, 1), 1: ("out", 0, 1)},
    samples=binary_samples(0.2, 2.0),
    torch=lambda t, x, y: t.pow(x, y),
    tolerance={"float32": 5e-6},
)(lambda xp, x, y: xp.pow(x, y))

_PAIR_AWAY = binary_samples(scalar=False)


def _half_ties(chosen: Any) -> Any:
    """The gradient of maximum and minimum: to the chosen side, shared equally where both are equal (as torch)."""

    def first(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g * (xp.astype(chosen(x, y), g.dtype) + 0.5 * xp.astype(x == y, g.dtype))

    def second(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g * (xp.astype(chosen(y, x), g.dtype) + 0.5 * xp.astype(x == y, g.dtype))

    return first, second


MAXIMUM = register(
    "maximum",
    vjp=_half_ties(lambda a, b: a > b),
    saves=(0, 1),
    samples=_PAIR_AWAY,
    torch=lambda t, x, y: t.maximum(x, y),
)(lambda xp, x, y: xp.maximum(x, y))
MINIMUM = register(
    "minimum",
    vjp=_half_ties(lambda a, b: a < b),
    saves=(0, 1),
    samples=_PAIR_AWAY,
    torch=lambda t, x, y: t.minimum(x, y),
)(lambda xp, x, y: xp.minimum(x, y))


_refuse_bool = only("div_floor", NUMBERS)


def _refuse_zero(inputs: Any) -> None:
    """Integers, unlike floats, have no quotient by 0; bools have none at all."""
    _refuse_bool(inputs)
    divisor = inputs[1]._array if isinstance(inputs[1], Tensor) else inputs[1]
    floating = any(isinstance(x, float) or (isinstance(x, Tensor) and _core.is_floating(x._array)) for x in inputs)
    if not floating and not numpy.all(divisor):
        raise RuntimeError("ZeroDivisionError: integers divided by zero. Convert one with .float() for inf and nan.")


_check_divisor = pointwise_check("promote", _refuse_zero)

FLOOR_DIVIDE = register(
    "floor_divide",
    vjp=(None, None),
    check=_check_divisor,
    samples=lambda rng: [Sample(s.inputs, s.attrs, False) for s in binary_samples(away_from_zero=True)(rng)],
    torch=lambda t, x, y: (
        t.floor_divide(x, y) if isinstance(x, t.Tensor) else t.floor_divide(t.tensor(x, dtype=y.dtype), y)
    ),
)(lambda xp, x, y: xp.floor_divide(x, y))


def _remainder_samples(rng: Any) -> Any:
    """binary_samples with quotients that are no integers, for there the gradient jumps."""

    def apart(x: Tensor, y: Any) -> Any:
        return numpy.floor(x) + 0.3, numpy.copysign(numpy.ceil(numpy.abs(y)), y)

    def like(new: Any, old: Any) -> Any:
        return numpy.asarray(new) if isinstance(old, numpy.ndarray) else float(new)

    drawn = binary_samples(away_from_zero=True)(rng)
    return [Sample(tuple(map(like, apart(*s.inputs), s.inputs))) for s in drawn]


REMAINDER = register(
    "remainder",
    check=_check_divisor,
    vjp=(lambda xp, g, out, x, y: g, lambda xp, g, out, x, y: -g * xp.floor(x / y)),
    saves={0: (), 1: (0, 1)},
    samples=_remainder_samples,
    torch=lambda t, x, y: t.remainder(x, y),
)(lambda xp, x, y: xp.remainder(x, y))


def _fmod(xp: Any, x: Any, y: Any) -> Any:
    r = xp.remainder(x, y)
    return xp.where((r != 0) & ((x < 0) != (y < 0)), r - y, r)


FMOD = register(
    "fmod",
    check=_check_divisor,
    vjp=(lambda xp, g, out, x, y: g, lambda xp, g, out, x, y: -g * xp.trunc(x / y)),
    saves={0: (), 1: (0, 1)},
    samples=lambda rng: [s for s in _remainder_samples(rng) if isinstance(s.inputs[0], numpy.ndarray)],
    torch=lambda t, x, y: t.fmod(x, y),
)(_fmod)

# ---- three inputs ----


def _three_samples(attrs: Any = (), away_from_zero: bool = False) -> Any:
    """Trial inputs of a three-input op: equal shapes, broadcasts, empty, non-contiguous."""

    def samples(rng: Any) -> Any:
        def draw(*shape: Any) -> Any:
            x = rng.uniform(-2, 2, shape)
            return numpy.where(numpy.abs(x) < 0.3, 0.7, x) if away_from_zero else x

        shapes = (
            ((3, 5), (3, 5), (3, 5)),
            ((4, 1, 3), (2, 1), (3,)),
            ((), (2, 3), ()),
            ((37,), (37,), (1,)),
            ((0, 3), (3,), (0, 1)),
        )
        drawn = [tuple(draw(*s) for s in each) for each in shapes]
        drawn.append((draw(5, 4).T, draw(4, 5), draw(8, 5)[::2]))
        return [Sample(inputs, (value,) if attrs else ()) for inputs in drawn for value in (attrs or (None,))]

    return samples


ADDCMUL = register(
    "addcmul",
    vjp=(
        lambda xp, g, out, x, a, b, value: g,
        lambda xp, g, out, x, a, b, value: g * b * value,
        lambda xp, g, out, x, a, b, value: g * a * value,
    ),
    saves={0: (), 1: (2,), 2: (1,)},
    attrs=("value",),
    samples=_three_samples((1.0, -0.5)),
    torch=lambda t, x, a, b, value: t.addcmul(x, a, b, value=value),
    tolerance={"float32": 5e-6},
)(lambda xp, x, a, b, value: x + value * a * b)
ADDCDIV = register(
    "addcdiv",
    vjp=(
        lambda xp, g, out, x, a, b, value: g,
        lambda xp, g, out, x, a, b, value: g * value / b,
        lambda xp, g, out, x, a, b, value: -g * value * a / (b * b),
    ),
    saves={0: (), 1: (2,), 2: (1, 2)},
    attrs=("value",),
    samples=_three_samples((1.0, -0.5), away_from_zero=True),
    torch=lambda t, x, a, b, value: t.addcdiv(x, a, b, value=value),
    tolerance={"float32": 5e-6},
)(lambda xp, x, a, b, value: x + value * a / b)
LERP = register(
    "lerp",
    vjp=(
        lambda xp, g, out, x, end, weight: g * (1 - weight),
        lambda xp, g, out, x, end, weight: g * weight,
        lambda xp, g, out, x, end, weight: g * (end - x),
    ),
    saves={0: (2,), 1: (2,), 2: (0, 1)},
    samples=lambda rng: _three_samples()(rng) + [Sample((rng.normal(size=(2, 3)), rng.normal(size=(3,)), 0.25))],
    torch=lambda t, x, end, weight: (
        t.lerp(x, end.expand(t.broadcast_shapes(x.shape, end.shape)), weight)
        if isinstance(weight, float)
        else x + weight * (end - x)
    ),
    tolerance={"float32": 5e-6},
)(
    lambda xp, x, end, weight: xp.where(
        xp.abs(xp.asarray(weight)) < 0.5, x + weight * (end - x), end - (end - x) * (1 - weight)
    )
)

# ---- one input ----


def _unary(
    name: str,
    reference: Any,
    vjp: Any,
    saves: Any,
    torch: Any = None,
    samples: Any = None,
    dtype: str = "float",
    tolerance: Any = None,
    check: Any = None,
) -> Any:
    return register(
        name,
        check=check,
        vjp=(vjp,),
        saves=saves,
        dtype=dtype,
        samples=samples or unary_samples(),
        torch=torch or (lambda t, x: getattr(t, name)(x)),
        tolerance=tolerance,
    )(reference)


def _number_check(name: str) -> Any:
    """The check of an op on numbers that has no meaning for bools."""
    return pointwise_check("promote", only(name, NUMBERS))


NEG = _unary("neg", lambda xp, x: -x, lambda xp, g, out, x: -g, (), dtype="promote", check=_check_neg)
ABS = _unary(
    "abs",
    lambda xp, x: xp.abs(x),
    lambda xp, g, out, x: g * xp.sign(x),
    (0,),
    samples=unary_samples(away=(0,)),
    dtype="promote",
    check=_number_check("abs"),
)
SIGN = _unary(
    "sign",
    lambda xp, x: xp.sign(x),
    lambda xp, g, out, x: xp.zeros_like(g),
    (),
    dtype="promote",
    samples=unary_samples(away=(0,)),
)
SQUARE = _unary(
    "square",
    lambda xp, x: xp.square(x),
    lambda xp, g, out, x: g * x * 2,
    (0,),
    dtype="promote",
    check=lambda inputs, attrs: (cast(inputs[0], INT64),) if _is_bool(inputs[0]) else _check_values(inputs, attrs),
)
SQRT = _unary(
    "sqrt", lambda xp, x: xp.sqrt(x), lambda xp, g, out, x: g / (2 * out), ("out",), samples=unary_samples(0.1, 4)
)
RSQRT = _unary(
    "rsqrt",
    lambda xp, x: 1 / xp.sqrt(x),
    lambda xp, g, out, x: -0.5 * g * out * out * out,
    ("out",),
    samples=unary_samples(0.1, 4),
)
RECIPROCAL = _unary(
    "reciprocal", lambda xp, x: 1 / x, lambda xp, g, out, x: -g * out * out, ("out",), samples=unary_samples(0.1, 4)
)
EXP = _unary("exp", lambda xp, x: xp.exp(x), lambda xp, g, out, x: g * out, ("out",))
EXPM1 = _unary("expm1", lambda xp, x: xp.expm1(x), lambda xp, g, out, x: g * (out + 1), ("out",))
LOG = _unary("log", lambda xp, x: xp.log(x), lambda xp, g, out, x: g / x, (0,), samples=unary_samples(0.1, 4))
LOG1P = _unary(
    "log1p", lambda xp, x: xp.log1p(x), lambda xp, g, out, x: g / (x + 1), (0,), samples=unary_samples(-0.5, 4)
)
SIN = _unary(
    "sin", lambda xp, x: xp.sin(x), lambda xp, g, out, x: g * xp.cos(x), (0,), samples=unary_samples(extreme=False)
)
COS = _unary(
    "cos", lambda xp, x: xp.cos(x), lambda xp, g, out, x: -g * xp.sin(x), (0,), samples=unary_samples(extreme=False)
)
TAN = _unary(
    "tan",
    lambda xp, x: xp.tan(x),
    lambda xp, g, out, x: g * (1 + out * out),
    ("out",),
    samples=unary_samples(-1.2, 1.2, extreme=False),
)
ASIN = _unary(
    "asin",
    lambda xp, x: xp.asin(x),
    lambda xp, g, out, x: g / xp.sqrt(1 - x * x),
    (0,),
    samples=unary_samples(-0.9, 0.9),
)
ACOS = _unary(
    "acos",
    lambda xp, x: xp.acos(x),
    lambda xp, g, out, x: -g / xp.sqrt(1 - x * x),
    (0,),
    samples=unary_samples(-0.9, 0.9),
)
ATAN = _unary("atan", lambda xp, x: xp.atan(x), lambda xp, g, out, x: g / (1 + x * x), (0,))
SINH = _unary(
    "sinh",
    lambda xp, x: xp.sinh(x),
    lambda xp, g, out, x: g * (xp.exp(x) + xp.exp(-x)) / 2,
    (0,),
    samples=unary_samples(extreme=False),
)
COSH = _unary(
    "cosh",
    lambda xp, x: xp.cosh(x),
    lambda xp, g, out, x: g * (xp.exp(x) - xp.exp(-x)) / 2,
    (0,),
    samples=unary_samples(extreme=False),
)
EXP2 = _unary(
    "exp2",
    lambda xp, x: xp.exp2(x),
    lambda xp, g, out, x: g * out * math.log(2),
    ("out",),
    samples=unary_samples(extreme=False),
)
LOG2 = _unary(
    "log2", lambda xp, x: xp.log2(x), lambda xp, g, out, x: g / (x * math.log(2)), (0,), samples=unary_samples(0.1, 4)
)
LOG10 = _unary(
    "log10",
    lambda xp, x: xp.log10(x),
    lambda xp, g, out, x: g / (x * math.log(10)),
    (0,),
    samples=unary_samples(0.1, 4),
)
TANH = _unary("tanh", lambda xp, x: xp.tanh(x), lambda xp, g, out, x: g * (1 - out * out), ("out",))
SIGMOID = _unary("sigmoid", lambda xp, x: xp.sigmoid(x), lambda xp, g, out, x: g * out * (1 - out), ("out",))
ERF = _unary("erf", lambda xp, x: xp.erf(x), lambda xp, g, out, x: g * xp.exp(-x * x) * (2 / math.sqrt(math.pi)), (0,))
FLOOR = _unary(
    "floor",
    lambda xp, x: xp.floor(x),
    lambda xp, g, out, x: xp.zeros_like(g),
    (),
    samples=unary_samples(away=(-3, -2, -1, 0, 1, 2, 3)),
    dtype="promote",
    check=_number_check("floor"),
)
CEIL = _unary(
    "ceil",
    lambda xp, x: xp.ceil(x),
    lambda xp, g, out, x: xp.zeros_like(g),
    (),
    samples=unary_samples(away=(-3, -2, -1, 0, 1, 2, 3)),
    dtype="promote",
    check=_number_check("ceil"),
)
ROUND = _unary(
    "round",
    lambda xp, x: xp.round(x),
    lambda xp, g, out, x: xp.zeros_like(g),
    (),
    samples=unary_samples(away=(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)),
    dtype="promote",
    check=_number_check("round"),
)

TRUNC = _unary(
    "trunc",
    lambda xp, x: xp.trunc(x),
    lambda xp, g, out, x: xp.zeros_like(g),
    (),
    samples=unary_samples(away=(-3, -2, -1, 0, 1, 2, 3)),
    dtype="promote",
    check=_number_check("trunc"),
)


def _clamp_reference(xp: Any, x: Any, low: Any, high: Any) -> Any:
    if low is not None:
        x = xp.maximum(x, low)
    return x if high is None else xp.minimum(x, high)


def _clamp_vjp(xp: Any, g: Any, out: Any, x: Any, low: Any, high: Any) -> Any:
    inside = xp.ones_like(x) == 1
    if low is not None:
        inside = inside & (x >= low)
    if high is not None:
        inside = inside & (x <= high)
    return xp.where(inside, g, xp.zeros_like(g))


CLAMP = register(
    "clamp",
    vjp=(_clamp_vjp,),
    saves=(0,),
    attrs=("min", "max"),
    samples=lambda rng: [
        Sample(s.inputs, attrs, s.grad)
        for s in unary_samples(away=(-1, 0.5))(rng)
        for attrs in ((-1.0, 0.5), (None, 0.5), (-1.0, None))
    ],
    torch=lambda t, x, low, high: t.clamp(x, low, high),
)(_clamp_reference)

# ---- comparisons and logic: no gradient ----


def _comparison(name: str, reference: Any, samples: Any = None) -> Any:
    return register(
        name,
        dtype="bool",
        differentiable=False,
        samples=samples or binary_samples(),
        torch=lambda t, x, y: (
            getattr(t, name)(x, y) if isinstance(x, t.Tensor) else getattr(t, name)(t.tensor(x, dtype=y.dtype), y)
        ),
    )(reference)


EQ = _comparison("eq", lambda xp, x, y: xp.equal(x, y))
NE = _comparison("ne", lambda xp, x, y: xp.not_equal(x, y))
LT = _comparison("lt", lambda xp, x, y: xp.less(x, y))
LE = _comparison("le", lambda xp, x, y: xp.less_equal(x, y))
GT = _comparison("gt", lambda xp, x, y: xp.greater(x, y))
GE = _comparison("ge", lambda xp, x, y: xp.greater_equal(x, y))


def _truth(name: str, reference: Any, count: Any) -> Any:
    def samples(rng: Any) -> Any:
        """Bools, where the others are floats."""
        drawn = unary_samples(extreme=False)(rng) if count == 1 else binary_samples(scalar=False)(rng)
        return [Sample(tuple(numpy.asarray(x > 0) for x in s.inputs)) for s in drawn]

    return register(
        name,
        dtype="bool" if name.startswith("logical") or name.startswith("is") else "promote",
        differentiable=False,
        check=_check_integral(name) if name.startswith("bitwise") else None,
        samples=samples,
        torch=lambda t, *xs: getattr(t, name)(*xs),
    )(reference)


LOGICAL_NOT = _truth("logical_not", lambda xp, x: xp.logical_not(x), 1)
LOGICAL_AND = _truth("logical_and", lambda xp, x, y: xp.logical_and(x, y), 2)
LOGICAL_OR = _truth("logical_or", lambda xp, x, y: xp.logical_or(x, y), 2)
BITWISE_NOT = _truth("bitwise_not", lambda xp, x: xp.invert(x), 1)
BITWISE_AND = _truth("bitwise_and", lambda xp, x, y: xp.bitwise_and(x, y), 2)
BITWISE_OR = _truth("bitwise_or", lambda xp, x, y: xp.bitwise_or(x, y), 2)
BITWISE_XOR = _truth("bitwise_xor", lambda xp, x, y: xp.bitwise_xor(x, y), 2)


def _test(name: str, reference: Any) -> Any:
    return register(
        name, dtype="bool", differentiable=False, samples=unary_samples(), torch=lambda t, x: getattr(t, name)(x)
    )(reference)


ISNAN = _test("isnan", lambda xp, x: xp.isnan(x))
ISINF = _test("isinf", lambda xp, x: xp.isinf(x))
ISFINITE = _test("isfinite", lambda xp, x: xp.isfinite(x))


def _where_reference(xp: Any, c: Any, x: Any, y: Any) -> Any:
    for one, other in ((x, y), (y, x)):  # NumPy promotes bfloat16 and a number to float64
        if hasattr(one, "dtype") and one.dtype.kind == "V" and not hasattr(other, "dtype"):
            number = xp.full((), other, dtype=one.dtype)
            return xp.where(c, x, number) if one is x else xp.where(c, number, y)
    return xp.where(c, x, y)


WHERE = register(
    "where",
    exact=True,
    vjp=(
        None,
        lambda xp, g, out, c, x, y: xp.where(c, g, xp.zeros_like(g)),
        lambda xp, g, out, c, x, y: xp.where(c, xp.zeros_like(g), g),
    ),
    saves=(0,),
    check=lambda inputs, attrs: _check_where(inputs, attrs),
    samples=lambda rng: (
        [
            Sample((mask, *s.inputs))
            for s in binary_samples()(rng)
            for mask in (
                numpy.asarray(rng.uniform(size=numpy.broadcast_shapes(*map(numpy.shape, s.inputs))) > 0.5),
                numpy.array(True),
            )
        ]
        + [Sample((rng.uniform(size=(3, 1)) > 0.5, rng.normal(size=(4,)), rng.normal(size=(2, 1, 1))))]
        + [Sample((rng.uniform(size=(4, 3)).T > 0.5, rng.normal(size=(3, 4)), rng.normal(size=(4, 3)).T))]
    ),
    torch=lambda t, c, x, y: t.where(c, x, y),
)(_where_reference)


def _check_where(inputs: Any, attrs: Any) -> Any:
    condition = inputs[0]
    if condition._array.dtype == numpy.uint8:
        inputs = (cast(condition, numpy.dtype(bool)), *inputs[1:])
    elif condition._array.dtype != numpy.bool_:
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition._array.dtype}. "
            "Compare it with something, for example condition > 0."
        )
    given = inputs[1:]
    if not any(isinstance(x, Tensor) for x in given):  # two numbers give what a tensor of them would be
        dtype = result_type_of(given)
        return (inputs[0], *[_core.made(numpy.asarray(x, dtype)) for x in given])
    values = _check_values(given, attrs)
    return inputs if values is given else (inputs[0], *values)


# ---- in-place forms ----


def _refuse_negative_power(inputs: Any) -> None:
    """Integers, unlike floats, have no negative powers; bools have no powers."""
    only("pow", NUMBERS)(inputs)
    exponent = number(inputs[1])
    if inputs[0]._array.dtype.kind in "iu" and isinstance(exponent, int) and exponent < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed. Cast the base with .float() first.")


_INPLACE_VALUES = {SUB: _refuse_sub, POW: _refuse_negative_power, NEG: _refuse_neg}
_INPLACE_VALUES |= {op: only(op.name, NUMBERS) for op in (ABS, FLOOR, CEIL, ROUND, TRUNC)}

for _op in (
    ADD, SUB, MUL, DIV, POW, MAXIMUM, MINIMUM, FLOOR_DIVIDE, REMAINDER, FMOD, ADDCMUL, ADDCDIV, LERP, NEG, ABS, SIGN, SQUARE, SQRT, RSQRT, RECIPROCAL,
    EXP, EXP2, EXPM1, LOG, LOG1P, LOG2, LOG10, SIN, COS, TAN, ASIN, ACOS, ATAN, SINH, COSH, ERF, TANH, SIGMOID, FLOOR, CEIL, ROUND, TRUNC, CLAMP, BITWISE_NOT, BITWISE_AND, BITWISE_OR, BITWISE_XOR,
):  # fmt: skip
    if _op in (FLOOR_DIVIDE, REMAINDER, FMOD):
        register_inplace(_op, values=_refuse_zero)
    else:
        register_inplace(
            _op, values=_INPLACE_VALUES.get(_op) or (only(_op.name, "biu") if _op.name.startswith("bitwise") else None)
        )
