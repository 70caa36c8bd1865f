"""The public functions of the records of `pointwise`, `unary` and `comparisons`: `pynn.add`, `Tensor.add_`, `pynn.where` and their like."""

from typing import Any, overload

from numpy import asarray

from pynn import _core
from pynn._core import Tensor, binary, call, call_inplace, unary
from pynn._dtypes import INT64, default_float, result_type_of, scalar_dtype
from pynn.ops.comparisons import (
    BITWISE_AND,
    BITWISE_NOT,
    BITWISE_OR,
    BITWISE_XOR,
    EQ,
    GE,
    GT,
    ISFINITE,
    ISINF,
    ISNAN,
    LE,
    LOGICAL_AND,
    LOGICAL_NOT,
    LOGICAL_OR,
    LT,
    NE,
    WHERE,
)
from pynn.ops.elementary import DIV_ROUNDED, ROUND_DECIMALS
from pynn.ops.fitting import fitted
from pynn.ops.out import store
from pynn.ops.pointwise import (
    ADD,
    ADDCDIV,
    ADDCMUL,
    CLAMP,
    CLAMP_TENSOR,
    DIV,
    FLOOR_DIVIDE,
    FMOD,
    LERP,
    MAXIMUM,
    MINIMUM,
    MUL,
    POW,
    REMAINDER,
    SUB,
)
from pynn.ops.registry import OPS, cast, export, number, written
from pynn.ops.unary import (
    ABS,
    ACOS,
    ASIN,
    ATAN,
    CEIL,
    COS,
    COSH,
    ERF,
    EXP,
    EXP2,
    EXPM1,
    FLOOR,
    LOG,
    LOG1P,
    LOG2,
    LOG10,
    NEG,
    RECIPROCAL,
    ROUND,
    RSQRT,
    SIGMOID,
    SIGN,
    SIN,
    SINH,
    SQRT,
    SQUARE,
    TAN,
    TANH,
    TRUNC,
)


def operand(input: Tensor, name: str) -> Tensor:
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}.")
    return input


def publish_unary(op: Any, *names: Any) -> None:
    name = op.name
    inplace_op = _inplace(name)

    def function(input: Tensor, *, out: Tensor | None = None) -> Tensor:
        result = unary(op, input)
        return result if out is None else store(out, result, name, input)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{name}` of each element; shape and dtype of input (integers give the default float)."
    export(name, *names)(function)
    if inplace_op is not None:

        def function_(input: Tensor) -> Tensor:
            return call_inplace(inplace_op, (input,))

        function_.__name__ = function_.__qualname__ = name + "_"
        function_.__doc__ = f"`{name}` written to the tensor itself."
        export(name + "_", *[n + "_" for n in names], function=False)(function_)
    elif not name.startswith("is"):
        for n in (name, *names):
            written(n, function)


def _inplace(name: str) -> Any:
    record = OPS.get(name + "_")
    return None if record is None else record.op


for _op, *_names in (
    (NEG, "negative"), (ABS, "absolute"), (SIGN,), (SQUARE,), (SQRT,), (RSQRT,), (RECIPROCAL,), (EXP,), (EXPM1,),
    (LOG,), (LOG1P,), (SIN,), (COS,), (TAN,), (ASIN, "arcsin"), (ACOS, "arccos"), (ATAN, "arctan"), (SINH,), (COSH,), (EXP2,), (LOG2,), (LOG10,),
    (TANH,), (SIGMOID,), (ERF,), (FLOOR,), (CEIL,), (TRUNC, "fix"), (ISNAN,), (ISINF,),
    (ISFINITE,), (LOGICAL_NOT,), (BITWISE_NOT,),
):  # fmt: skip
    publish_unary(_op, *_names)


@export("round")
def round_(input: Tensor, *, decimals: int = 0, out: Tensor | None = None) -> Tensor:
    """Each element rounded to whole numbers, ties to even; or to that many decimals (negative: tens, hundreds, ...)."""
    result = (
        call(ROUND, (operand(input, "round"),)) if decimals == 0 else call(ROUND_DECIMALS, (input,), (int(decimals),))
    )
    return result if out is None else store(out, result, "round", input)


round_.__name__ = round_.__qualname__ = "round"


@export("round_", function=False)
def _round_inplace(input: Tensor, *, decimals: int = 0) -> Tensor:
    """round written to the tensor itself."""
    if decimals == 0:
        return call_inplace(_inplace("round"), (input,))
    return call_inplace(_inplace("round_decimals"), (input,), (int(decimals),))


def _two(op: Any, input: Any, other: Any) -> Tensor:
    """`binary`, for a function: TypeError where an operand is neither a tensor nor a number."""
    if not isinstance(input, Tensor) and not isinstance(other, Tensor) and isinstance(number(input), (int, float)):
        input = _core.made(asarray(number(input), scalar_dtype(number(input))))  # of two numbers, as of their tensors
    result = binary(op, input, other)
    if result is NotImplemented:
        raise TypeError(
            f"{op.name}(): argument 'other' (position 2) must be Tensor or number, not {type(other).__name__}."
        )
    return result


def publish_binary(op: Any, *names: Any, inputs: str = "xy", doc: Any = None) -> None:
    """`pynn.<name>(input, other)`, `Tensor.<name>` and, where the op has one, the in-place form.

    inputs: which of the two must be tensors: "xy", "x" or neither ("").
    """
    name = op.name
    inplace_op = _inplace(name)

    def both(input: Tensor, other: Tensor | float, *, out: Tensor | None = None) -> Tensor:
        if not isinstance(input, Tensor):
            operand(input, name)
        if not isinstance(other, Tensor):
            raise TypeError(f"{name}(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}.")
        result = binary(op, input, other)
        return result if out is None else store(out, result, name, input, other)

    def first(input: Tensor, other: Tensor | float, *, out: Tensor | None = None) -> Tensor:
        if not isinstance(input, Tensor):
            operand(input, name)
        result = _two(op, input, other)
        return result if out is None else store(out, result, name, input, other)

    def either(input: Tensor, other: Tensor | float, *, out: Tensor | None = None) -> Tensor:
        if not isinstance(input, Tensor) and not isinstance(other, Tensor) and op is not FLOOR_DIVIDE:
            raise TypeError(
                f"{name}(): one of input and other must be a Tensor, got {type(input).__name__} and {type(other).__name__}."
            )
        result = _two(op, input, other)
        return result if out is None else store(out, result, name, input, other)

    function = {"xy": both, "x": first, "": either}[inputs]
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc or f"`{name}` of the elements of two tensors, or a tensor and a number, that broadcast."
    export(name, *names)(function)
    if inplace_op is not None:

        def function_(input: Tensor, other: Tensor | float) -> Tensor:
            if function is both and not isinstance(other, Tensor):
                raise TypeError(f"{name}_(): argument 'other' (position 1) must be Tensor, not {type(other).__name__}.")
            return call_inplace(inplace_op, (input, other))

        function_.__name__ = function_.__qualname__ = name + "_"
        function_.__doc__ = f"`{name}` written to the tensor itself."
        export(name + "_", *[n + "_" for n in names], function=False)(function_)
    else:
        for n in (name, *names):
            written(n, function, apart=False)


for _inputs, _ops in (
    ("xy", ((MAXIMUM,), (MINIMUM,), (LOGICAL_AND,), (LOGICAL_OR,))),
    ("x", ((FMOD,), (EQ,), (NE, "not_equal"), (LT, "less"), (LE, "less_equal"), (GT, "greater"), (GE, "greater_equal"))),
    ("", ((FLOOR_DIVIDE,), (REMAINDER,), (BITWISE_AND,), (BITWISE_OR,), (BITWISE_XOR,))),
):  # fmt: skip
    for _op, *_names in _ops:
        publish_binary(_op, *_names, inputs=_inputs)


def scaled(input: Tensor, other: Any, alpha: Any) -> Any:
    """alpha * other for `add` and its like, in the dtype of the result."""
    if isinstance(alpha, (int, float)) and alpha == 1 and alpha is not True:
        return other
    alpha = alpha.item() if isinstance(alpha, Tensor) else number(alpha)
    dtype = result_type_of([x._array if isinstance(x, Tensor) else number(x) for x in (input, other)])
    if isinstance(alpha, bool):
        if dtype.kind != "b":
            raise RuntimeError("Boolean alpha only supported for Boolean results. Give alpha as an int or a float.")
    elif isinstance(alpha, float) and dtype.kind in "biu":
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if dtype.kind == "b":
        alpha = bool(alpha)
    if isinstance(other, Tensor) and other._array.dtype != dtype and other._array.ndim:
        other = cast(other, dtype)
    return other * alpha


@export()
def add(input: Tensor, other: Tensor | float, *, alpha: float = 1, out: Tensor | None = None) -> Tensor:
    """input + alpha * other, broadcasting."""
    result = _two(ADD, input, scaled(input, other, alpha))
    return result if out is None else store(out, result, "add", input, other)


@export("sub", "subtract")
def sub(input: Tensor, other: Tensor | float, *, alpha: float = 1, out: Tensor | None = None) -> Tensor:
    """input - alpha * other, broadcasting."""
    if other is True or other is False:
        _core.METHODS["refuse_sub"]((input, other))
    result = _two(SUB, input, scaled(input, other, alpha))
    return result if out is None else store(out, result, "sub", input, other)


@export("mul", "multiply")
def mul(input: Tensor, other: Tensor | float, *, out: Tensor | None = None) -> Tensor:
    """input * other, broadcasting."""
    result = _two(MUL, input, other)
    return result if out is None else store(out, result, "mul", input, other)


@export("div", "divide")
def div(input: Tensor, other: Tensor | float, *, rounding_mode: str | None = None, out: Tensor | None = None) -> Tensor:
    """input / other, broadcasting; rounding_mode None, "trunc" or "floor"."""
    if rounding_mode is None:
        result = _two(DIV, input, other)
    else:
        result = _divide_rounded(input, other, rounding_mode)
    return result if out is None else store(out, result, "div", input, other)


def _divide_rounded(input: Any, other: Any, mode: Any) -> Tensor:
    if mode == "trunc" and any(isinstance(x, Tensor) and _core.is_half(x._array.dtype) for x in (input, other)):
        return unary(TRUNC, _two(DIV, input, other))  # a 16-bit quotient is rounded before it is cut off
    input, other = number(input), number(other)
    for x in (input, other):
        if not isinstance(x, (Tensor, int, float)):
            raise TypeError(f"div(): expected tensors or numbers, got {type(x).__name__}.")
    if not isinstance(input, Tensor) and not isinstance(other, Tensor):
        input = _core.made(asarray(input, scalar_dtype(input)))
    return call(DIV_ROUNDED, (input, other), (_rounding(mode),))


@export("div_", "divide_", function=False)
def div_(input: Tensor, other: Tensor | float, *, rounding_mode: str | None = None) -> Tensor:
    """div written to the tensor itself."""
    if rounding_mode is None:
        return call_inplace(_inplace("div"), (input, other))
    return call_inplace(_inplace("div_rounded"), (input, other), (_rounding(rounding_mode),))


def _rounding(mode: Any) -> Any:
    if mode not in ("trunc", "floor"):
        raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found {mode!r}.")
    return mode


@export()
def true_divide(input: Tensor, other: Tensor | float, *, out: Tensor | None = None) -> Tensor:
    """input / other, broadcasting; integers give floats."""
    return div(input, other, out=out)


written("true_divide", true_divide, apart=False)


@export()
def pow(input: Tensor | float, exponent: Tensor | float, *, out: Tensor | None = None) -> Tensor:
    """input ** exponent, broadcasting; either may be a number."""
    if not isinstance(input, Tensor) and not isinstance(exponent, Tensor):
        raise TypeError("pow(): at least one of input and exponent must be a Tensor.")
    exponent, base = number(exponent), number(input)
    for x in (base, exponent):
        if not isinstance(x, (Tensor, int, float)):
            raise TypeError(f"pow(): expected tensors or numbers, got {type(x).__name__}.")
    if isinstance(exponent, int) and isinstance(base, Tensor) and exponent < 0 and base._array.dtype.kind in "iub":
        raise RuntimeError("Integers to negative integer powers are not allowed. Cast the base with .float() first.")
    result = (
        unary(SQUARE, base) if isinstance(exponent, (int, float)) and exponent == 2 else call(POW, (base, exponent))
    )
    return result if out is None else store(out, result, "pow", input, exponent)


@export(function=False)
def pow_(input: Tensor, exponent: Tensor | float) -> Tensor:
    """pow written to the tensor itself."""
    return call_inplace(_inplace("pow"), (input, exponent))


def _publish_scaled(op: Any) -> None:
    """addcmul and addcdiv."""
    name = op.name

    def scale(input: Tensor, tensor1: Any, tensor2: Any, value: Any) -> Any:
        for x in (operand(input, name), tensor1, tensor2):
            if not isinstance(x, Tensor):
                raise TypeError(f"{name}(): tensor1 and tensor2 must be Tensor, got {type(x).__name__}.")
        value = number(value)
        kinds = [x._array.dtype.kind for x in (input, tensor1, tensor2)]
        floating = "f" in kinds or "V" in kinds
        if name == "addcdiv" and not ("f" in kinds[1:] or "V" in kinds[1:]):
            raise RuntimeError(
                "Integer division with addcdiv is no longer supported. Convert tensor1 or tensor2 to a floating point type, "
                "or write (input + value * pynn.trunc(tensor1 / tensor2))."
            )
        return (float(value) if floating else int(value),)

    def function(
        input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1, out: Tensor | None = None
    ) -> Tensor:
        result = call(op, (input, tensor1, tensor2), scale(input, tensor1, tensor2, value))
        return result if out is None else store(out, result, name, input, tensor1, tensor2)

    def function_(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
        return call_inplace(_inplace(name), (input, tensor1, tensor2), scale(input, tensor1, tensor2, value))

    function.__name__, function_.__name__ = name, name + "_"
    function.__doc__ = f"input + value * (tensor1 {'*' if name == 'addcmul' else '/'} tensor2), broadcasting."
    function_.__doc__ = f"`{name}` written to the tensor itself."
    export(name)(function)
    export(name + "_", function=False)(function_)


_publish_scaled(ADDCMUL)
_publish_scaled(ADDCDIV)


def _lerp_inputs(input: Any, end: Any, weight: Any) -> Any:
    """The inputs of lerp, all of one float dtype (weight may be a number)."""
    dtype = operand(input, "lerp")._array.dtype
    if not isinstance(end, Tensor):
        raise TypeError(f"lerp(): argument 'end' (position 2) must be Tensor, not {type(end).__name__}.")
    floating = any(
        isinstance(x, float) or (isinstance(x, Tensor) and _core.is_floating(x._array)) for x in (input, weight)
    )
    if not floating:
        raise NotImplementedError(f'"lerp" not implemented for {input.dtype}: it takes floating point numbers.')
    for name, x in (("end", end), ("weight", weight)):
        if isinstance(x, Tensor) and x._array.dtype != dtype and (x is end or x._array.ndim):
            raise RuntimeError(
                f"expected dtype {dtype} for `{name}` but got dtype {x._array.dtype}. Cast it: .to(input.dtype)."
            )
    if dtype.kind not in "fV" and not isinstance(weight, Tensor):
        raise NotImplementedError(f'"lerp" not implemented for {input.dtype}: it takes floating point numbers.')
    return (input, end, number(weight))


@export()
def lerp(input: Tensor, end: Any, weight: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input + weight * (end - input), broadcasting; weight a number or a tensor."""
    result = call(LERP, _lerp_inputs(input, end, weight))
    return result if out is None else store(out, result, "lerp", input, end, weight)


@export(function=False)
def lerp_(input: Tensor, end: Any, weight: Tensor) -> Tensor:
    """lerp written to the tensor itself."""
    return call_inplace(_inplace("lerp"), _lerp_inputs(input, end, weight))


def _inplace_scaled(name: str) -> Any:
    op = _inplace(name)

    def function(input: Tensor, other: Tensor | float, *, alpha: float = 1) -> Tensor:
        return call_inplace(op, (input, scaled(input, other, alpha)))

    function.__name__ = name + "_"
    function.__doc__ = f"`{name}` with alpha * other, written to the tensor itself."
    return function


export("add_", function=False)(_inplace_scaled("add"))
export("sub_", "subtract_", function=False)(_inplace_scaled("sub"))


def _publish_inplace(name: str, *names: Any) -> None:
    op = _inplace(name)

    def function(input: Tensor, other: Tensor | float) -> Tensor:
        return call_inplace(op, (input, other))

    function.__name__ = name + "_"
    function.__doc__ = f"`{name}` written to the tensor itself."
    export(name + "_", *names, function=False)(function)


_publish_inplace("mul", "multiply_")


def _bounds(input: Any, min: Any, max: Any, name: str) -> Any:
    """(input, op, inputs after the first, attrs) for a clamp by numbers or by tensors."""
    operand(input, name)
    if min is None and max is None:
        raise RuntimeError(f"{name}: At least one of 'min' or 'max' must not be None.")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        for x in (min, max):
            if x is not None and not isinstance(x, Tensor):
                min, max = (_beside(input, b) for b in (min, max))  # a tensor and a number
        return input, CLAMP_TENSOR, (min, max), ()
    low, high = number(min), number(max)
    kind = input._array.dtype.kind
    if kind not in "fV" and (isinstance(low, float) or isinstance(high, float)):
        input = cast(input, default_float())  # integers and a float bound give floats
    elif kind == "b":
        if isinstance(low, int) or isinstance(high, int):
            input = cast(input, INT64) if not isinstance(low, bool) and not isinstance(high, bool) else input
    elif kind in "iu":
        low, high = (None if x is None else fitted(x, input._array.dtype) for x in (low, high))
    return input, CLAMP, (), (low, high)


def _beside(x: Any, value: Any) -> Any:
    """A number as a 0-d tensor of x's dtype (the default float beside integers and bools); a tensor or None as it is."""
    if value is None or isinstance(value, Tensor):
        return value
    value, dtype = number(value), x._array.dtype
    if dtype.kind not in "fV":
        dtype = scalar_dtype(value)
    return _core.made_beside(x, asarray(value, dtype))


@export("clamp", "clip")
def clamp(
    input: Tensor, min: Tensor | float | None = None, max: Tensor | float | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Each element limited to [min, max]; numbers or tensors, at least one of them given."""
    input, op, rest, attrs = _bounds(input, min, max, "clamp")
    result = call(op, (input, *rest), attrs)
    return result if out is None else store(out, result, "clamp", input, *rest)


@export("clamp_", "clip_", function=False)
def clamp_(input: Tensor, min: Tensor | float | None = None, max: Tensor | float | None = None) -> Tensor:
    """clamp written to the tensor itself."""
    found, op, rest, attrs = _bounds(input, min, max, "clamp_")
    if found is not input:
        raise RuntimeError(
            f"result type {found._array.dtype} can't be cast to the desired output type {input._array.dtype} in clamp_. Use "
            "the out-of-place form."
        )
    return call_inplace(_inplace(op.name), (input, *rest), attrs)


@overload
def where(condition: Tensor) -> tuple[Tensor, ...]: ...


@overload
def where(condition: Tensor, input: Tensor | float, other: Tensor | float, *, out: Tensor | None = None) -> Tensor: ...


@export(method=False)
def where(
    condition: Tensor,
    input: Tensor | float | None = None,
    other: Tensor | float | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor | tuple[Tensor, ...]:
    """input where condition is true, else other; with condition alone, `nonzero(as_tuple=True)`."""
    if input is None:
        found: Tensor | tuple[Tensor, ...] = _core.METHODS["nonzero"](condition, as_tuple=True)
        return found
    result = call(WHERE, (condition, input, other))
    return result if out is None else store(out, result, "where", condition, input, other)


def _where_method(self: Any, condition: Tensor, other: Tensor | float) -> Tensor:
    """`pynn.where(condition, self, other)`."""
    return call(WHERE, (condition, self, other))


export("where", function=False)(_where_method)

_core.METHODS["rpow"] = lambda x, y: pow(y, x)
_core.METHODS["rfloordiv"] = lambda x, y: binary(FLOOR_DIVIDE, y, x)
_core.METHODS["rmod"] = lambda x, y: binary(REMAINDER, y, x)


@export()
def positive(input: Tensor) -> Tensor:
    """input itself; RuntimeError for bools."""
    if input._array.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported. Convert it with .int().")
    return input
