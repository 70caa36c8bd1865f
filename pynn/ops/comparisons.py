"""Pointwise comparisons, logic on bools and bits, what is NaN or infinite, and where: no gradient but where's."""

from typing import Any

import numpy

from pynn import _core
from pynn._core import Tensor
from pynn._dtypes import result_type_of
from pynn.ops.pointwise import _check_values
from pynn.ops.registry import Sample, cast, number, only, register, register_inplace
from pynn.ops.samples import binary_samples, unary_samples


def _comparison(name: str, reference: Any) -> Any:
    return register(
        name,
        dtype="bool",
        differentiable=False,
        samples=binary_samples(),
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


def _truth(name: str, reference: Any, count: Any) -> Any:
    def samples(rng: Any) -> Any:
        """Bools, where the others are floats."""
        drawn = unary_samples(extreme=False)(rng) if count == 1 else binary_samples(scalar=False)(rng)
        return [Sample(tuple(numpy.asarray(x > 0) for x in s.inputs)) for s in drawn]

    bits = name.startswith("bitwise")
    return register(
        name,
        dtype="promote" if bits else "bool",
        differentiable=False,
        check=_check_integral(name) if bits else None,
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
        return (inputs[0], *[_core.made_beside(condition, numpy.asarray(x, dtype)) for x in given])
    values = _check_values(given, attrs)
    return inputs if values is given else (inputs[0], *values)


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
    check=_check_where,
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

for _op in (BITWISE_NOT, BITWISE_AND, BITWISE_OR, BITWISE_XOR):
    register_inplace(_op, values=only(_op.name, "biu"))
