"""The public functions of `pointwise`'s records: `pynn.add`, `Tensor.add_`, `pynn.where` and their like."""

from pynn import _core
from pynn._core import Tensor, binary, call, call_inplace, unary
from pynn._dtypes import default_float
from pynn.ops.out import store
from pynn.ops.pointwise import (
    ABS,
    ACOS,
    ADD,
    ADDCDIV,
    ADDCMUL,
    ASIN,
    ATAN,
    BITWISE_AND,
    BITWISE_NOT,
    BITWISE_OR,
    BITWISE_XOR,
    CEIL,
    CLAMP,
    COS,
    COSH,
    DIV,
    EQ,
    ERF,
    EXP,
    EXP2,
    EXPM1,
    FLOOR,
    FLOOR_DIVIDE,
    FMOD,
    GE,
    GT,
    ISFINITE,
    ISINF,
    ISNAN,
    LE,
    LERP,
    LOG,
    LOG1P,
    LOG2,
    LOG10,
    LOGICAL_AND,
    LOGICAL_NOT,
    LOGICAL_OR,
    LT,
    MAXIMUM,
    MINIMUM,
    MUL,
    NE,
    NEG,
    POW,
    RECIPROCAL,
    REMAINDER,
    ROUND,
    RSQRT,
    SIGMOID,
    SIGN,
    SIN,
    SINH,
    SQRT,
    SQUARE,
    SUB,
    TAN,
    TANH,
    TRUNC,
    WHERE,
)
from pynn.ops.registry import OPS, cast, export, number


def operand(input, name):
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}.")
    return input


def _publish_unary(op, *names):
    name = op.name
    inplace_op = _inplace(name)

    def function(input, *, out=None):
        result = unary(op, operand(input, name))
        return result if out is None else store(out, result, name)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{name}` of each element; shape and dtype of input (integers give the default float)."
    export(name, *names)(function)
    if inplace_op is not None:

        def function_(input):
            return call_inplace(inplace_op, (input,))

        function_.__name__ = function_.__qualname__ = name + "_"
        function_.__doc__ = f"`{name}` written to the tensor itself."
        export(name + "_", *[n + "_" for n in names], function=False)(function_)


def _inplace(name):
    record = OPS.get(name + "_")
    return None if record is None else record.op


for _op, *_names in (
    (NEG, "negative"), (ABS, "absolute"), (SIGN,), (SQUARE,), (SQRT,), (RSQRT,), (RECIPROCAL,), (EXP,), (EXPM1,),
    (LOG,), (LOG1P,), (SIN,), (COS,), (TAN,), (ASIN, "arcsin"), (ACOS, "arccos"), (ATAN, "arctan"), (SINH,), (COSH,), (EXP2,), (LOG2,), (LOG10,),
    (TANH,), (SIGMOID,), (ERF,), (FLOOR,), (CEIL,), (ROUND,), (TRUNC, "fix"), (ISNAN,), (ISINF,),
    (ISFINITE,), (LOGICAL_NOT,), (BITWISE_NOT,),
):  # fmt: skip
    _publish_unary(_op, *_names)


def _two(op, input, other):
    """`binary`, for a function: TypeError where an operand is neither a tensor nor a number."""
    result = binary(op, input, other)
    if result is NotImplemented:
        raise TypeError(
            f"{op.name}(): argument 'other' (position 2) must be Tensor or number, not {type(other).__name__}."
        )
    return result


def _publish_binary(op, *names):
    name = op.name
    inplace_op = _inplace(name)

    def function(input, other, *, out=None):
        result = _two(op, input, other)
        return result if out is None else store(out, result, name)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{name}` of the elements of two tensors, or a tensor and a number, that broadcast."
    export(name, *names)(function)
    if inplace_op is not None:

        def function_(input, other):
            return call_inplace(inplace_op, (input, other))

        function_.__name__ = function_.__qualname__ = name + "_"
        function_.__doc__ = f"`{name}` written to the tensor itself."
        export(name + "_", *[n + "_" for n in names], function=False)(function_)


for _op, *_names in (
    (MAXIMUM,), (MINIMUM,), (FLOOR_DIVIDE,), (REMAINDER,), (FMOD,), (EQ,), (NE, "not_equal"), (LT, "less"), (LE, "less_equal"),
    (GT, "greater"), (GE, "greater_equal"), (LOGICAL_AND,), (LOGICAL_OR,), (BITWISE_AND,), (BITWISE_OR,), (BITWISE_XOR,),
):  # fmt: skip
    _publish_binary(_op, *_names)


def _scaled(other, alpha):
    return other if isinstance(alpha, (int, float)) and alpha == 1 else other * alpha


@export()
def add(input, other, *, alpha=1, out=None):
    """input + alpha * other, broadcasting."""
    result = _two(ADD, input, _scaled(other, alpha))
    return result if out is None else store(out, result, "add")


@export("sub", "subtract")
def sub(input, other, *, alpha=1, out=None):
    """input - alpha * other, broadcasting."""
    result = _two(SUB, input, _scaled(other, alpha))
    return result if out is None else store(out, result, "sub")


@export("mul", "multiply")
def mul(input, other, *, out=None):
    """input * other, broadcasting."""
    result = _two(MUL, input, other)
    return result if out is None else store(out, result, "mul")


@export("div", "divide", "true_divide")
def div(input, other, *, rounding_mode=None, out=None):
    """input / other, broadcasting; rounding_mode None, "trunc" or "floor"."""
    if rounding_mode is None:
        result = _two(DIV, input, other)
    elif rounding_mode == "floor":
        result = _two(FLOOR_DIVIDE, input, other)
    elif rounding_mode == "trunc":
        result = unary(TRUNC, _two(DIV, input, other))
    else:
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found {rounding_mode!r}."
        )
    return result if out is None else store(out, result, "div")


@export()
def pow(input, exponent, *, out=None):
    """input ** exponent, broadcasting; either may be a number."""
    if not isinstance(input, Tensor) and not isinstance(exponent, Tensor):
        raise TypeError("pow(): at least one of input and exponent must be a Tensor.")
    exponent, base = number(exponent), number(input)
    if isinstance(exponent, int) and isinstance(base, Tensor) and exponent < 0 and base._array.dtype.kind in "iub":
        raise RuntimeError("Integers to negative integer powers are not allowed. Cast the base with .float() first.")
    result = unary(SQUARE, base) if isinstance(exponent, (int, float)) and exponent == 2 else call(POW, (base, exponent))
    return result if out is None else store(out, result, "pow")


@export(function=False)
def pow_(input, exponent):
    """pow written to the tensor itself."""
    return call_inplace(_inplace("pow"), (input, exponent))


def _publish_scaled(op):
    """addcmul and addcdiv."""
    name = op.name

    def scale(input, value):
        return (float(value) if operand(input, name)._array.dtype.kind in "fV" else number(value),)

    def function(input, tensor1, tensor2, *, value=1, out=None):
        result = call(op, (input, tensor1, tensor2), scale(input, value))
        return result if out is None else store(out, result, name)

    def function_(input, tensor1, tensor2, *, value=1):
        return call_inplace(_inplace(name), (input, tensor1, tensor2), scale(input, value))

    function.__name__, function_.__name__ = name, name + "_"
    function.__doc__ = f"input + value * (tensor1 {'*' if name == 'addcmul' else '/'} tensor2), broadcasting."
    function_.__doc__ = f"`{name}` written to the tensor itself."
    export(name)(function)
    export(name + "_", function=False)(function_)


_publish_scaled(ADDCMUL)
_publish_scaled(ADDCDIV)


@export()
def lerp(input, end, weight, *, out=None):
    """input + weight * (end - input), broadcasting; weight a number or a tensor."""
    result = call(LERP, (operand(input, "lerp"), end, number(weight)))
    return result if out is None else store(out, result, "lerp")


@export(function=False)
def lerp_(input, end, weight):
    """lerp written to the tensor itself."""
    return call_inplace(_inplace("lerp"), (input, end, number(weight)))


def _inplace_scaled(name):
    op = _inplace(name)

    def function(input, other, *, alpha=1):
        return call_inplace(op, (input, _scaled(other, alpha)))

    function.__name__ = name + "_"
    function.__doc__ = f"`{name}` with alpha * other, written to the tensor itself."
    return function


export("add_", function=False)(_inplace_scaled("add"))
export("sub_", "subtract_", function=False)(_inplace_scaled("sub"))
_core.METHODS["floor_divide_"] = lambda x, y: call_inplace(_inplace("floor_divide"), (x, y))


def _publish_inplace(name, *names):
    op = _inplace(name)

    def function(input, other):
        return call_inplace(op, (input, other))

    function.__name__ = name + "_"
    function.__doc__ = f"`{name}` written to the tensor itself."
    export(name + "_", *names, function=False)(function)


_publish_inplace("mul", "multiply_")
_publish_inplace("div", "divide_")


@export("clamp", "clip")
def clamp(input, min=None, max=None, *, out=None):
    """Each element limited to [min, max]; numbers or tensors, at least one of them given."""
    if min is None and max is None:
        raise RuntimeError("clamp: At least one of 'min' or 'max' must not be None.")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        result = input if min is None else binary(MAXIMUM, input, min)
        result = result if max is None else binary(MINIMUM, result, max)
    else:
        low, high = number(min), number(max)
        if input._array.dtype.kind not in "fV" and (isinstance(low, float) or isinstance(high, float)):
            input = cast(input, default_float())  # integers and a float bound give floats
        result = call(CLAMP, (input,), (low, high))
    return result if out is None else store(out, result, "clamp")


@export("clamp_", "clip_", function=False)
def clamp_(input, min=None, max=None):
    """clamp written to the tensor itself."""
    if min is None and max is None:
        raise RuntimeError("clamp_: At least one of 'min' or 'max' must not be None.")
    return call_inplace(_inplace("clamp"), (input,), (number(min), number(max)))


@export(method=False)
def where(condition, input=None, other=None, *, out=None):
    """input where condition is true, else other; with condition alone, `nonzero(as_tuple=True)`."""
    if input is None:
        return _core.METHODS["nonzero"](condition, as_tuple=True)
    result = call(WHERE, (condition, input, other))
    return result if out is None else store(out, result, "where")


def _where_method(self, condition, other):
    """`pynn.where(condition, self, other)`."""
    return where(condition, self, other)


export("where", function=False)(_where_method)

_core.METHODS["rpow"] = lambda x, y: pow(y, x)
_core.METHODS["rfloordiv"] = lambda x, y: binary(FLOOR_DIVIDE, y, x)
_core.METHODS["rmod"] = lambda x, y: binary(REMAINDER, y, x)
export("positive")(lambda input: input)
