"""Pointwise arithmetic of two and three inputs, bounds, and their in-place forms; see `unary` and `comparisons` for the others."""

import math
from typing import Any

import numpy

from pynn import _core
from pynn._core import Tensor
from pynn.ops.registry import NUMBERS, Sample, number, only, pointwise_check, register, register_inplace
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


def _check_sub(inputs: Any, attrs: Any) -> Any:
    _refuse_sub(inputs)
    return _check_values(inputs, attrs)


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
    """As torch: 0 where 0 is raised to a number not negative, nan where a negative number is raised."""
    if not hasattr(x, "dtype"):
        log = math.log(x) if x > 0 else -math.inf if x == 0 else math.nan
        return xp.where(y >= 0, xp.zeros_like(out), g * out * log) if x == 0 else g * out * log
    return xp.where((x == 0) & (y >= 0), xp.zeros_like(out), g * out * xp.log(x))


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

_PAIRS = binary_samples(scalar=False)


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
    samples=_PAIRS,
    torch=lambda t, x, y: t.maximum(x, y),
)(lambda xp, x, y: xp.maximum(x, y))
MINIMUM = register(
    "minimum",
    vjp=_half_ties(lambda a, b: a < b),
    saves=(0, 1),
    samples=_PAIRS,
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

# ---- bounds: numbers, or tensors ----


def _clamp(xp: Any, x: Any, low: Any, high: Any) -> Any:
    if low is not None:
        x = xp.maximum(x, low)
    return x if high is None else xp.minimum(x, high)


def _clamp_vjp(xp: Any, g: Any, out: Any, x: Any, low: Any, high: Any) -> Any:
    inside = x == x
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
)(_clamp)


def _clamp_low(xp: Any, g: Any, out: Any, x: Any, low: Any, high: Any) -> Any:
    below = x < low if high is None else (x < low) & (low < high)
    return xp.where(below, g, xp.zeros_like(g))


def _clamp_high(xp: Any, g: Any, out: Any, x: Any, low: Any, high: Any) -> Any:
    above = x > high if low is None else (x > high) | (low > high)
    return xp.where(above, g, xp.zeros_like(g))


CLAMP_TENSOR = register(
    "clamp_tensor",
    vjp=(_clamp_vjp, _clamp_low, _clamp_high),
    saves=(0, 1, 2),
    samples=lambda rng: [
        Sample((s.inputs[0], *bounds))
        for s in _PAIRS(rng)
        for bounds in ((s.inputs[1], numpy.asarray(s.inputs[1] + 1.5)), (s.inputs[1], None), (None, s.inputs[1]))
    ],
    torch=lambda t, x, low, high: t.clamp(x, low, high),
)(_clamp)

# ---- in-place forms ----


def _refuse_negative_power(inputs: Any) -> None:
    """Integers, unlike floats, have no negative powers; bools have no powers."""
    only("pow", NUMBERS)(inputs)
    exponent = number(inputs[1])
    if inputs[0]._array.dtype.kind in "iu" and isinstance(exponent, int) and exponent < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed. Cast the base with .float() first.")


for _op, _values in (
    (ADD, None), (SUB, _refuse_sub), (MUL, None), (DIV, None), (POW, _refuse_negative_power), (MAXIMUM, None), (MINIMUM, None),
    (FLOOR_DIVIDE, _refuse_zero), (REMAINDER, _refuse_zero), (FMOD, _refuse_zero), (ADDCMUL, None), (ADDCDIV, None), (LERP, None),
    (CLAMP, None), (CLAMP_TENSOR, None),
):  # fmt: skip
    register_inplace(_op, values=_values)
