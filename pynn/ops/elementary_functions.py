"""The public functions of `elementary`'s records: `pynn.atan2`, `Tensor.sinc_`, `pynn.nan_to_num` and their like."""

import collections
from typing import Any

from pynn import _core
from pynn._core import Tensor, call, call_inplace
from pynn._dtypes import FLOAT64, default_float, result_type_of
from pynn._info import finfo
from pynn.ops.elementary import (
    ACOSH,
    ANGLE,
    ASINH,
    ATAN2,
    ATANH,
    COPYSIGN,
    DEG2RAD,
    FMAX,
    FMIN,
    FRAC,
    FREXP,
    GCD,
    HEAVISIDE,
    HYPOT,
    ISNEGINF,
    ISPOSINF,
    ISREAL,
    LCM,
    LEFT_SHIFT,
    LOGADDEXP,
    LOGADDEXP2,
    LOGIT,
    NAN_TO_NUM,
    NEXTAFTER,
    RAD2DEG,
    RIGHT_SHIFT,
    SIGNBIT,
    SINC,
    XLOGY,
)
from pynn.ops.pointwise_functions import (
    _beside,
    _inplace,
    clamp,
    operand,
    pow,
    publish_binary,
    publish_unary,
)
from pynn.ops.registry import cast, export, number, written
from pynn.ops.unary import SIGN

for _op, *_names in (
    (ACOSH, "arccosh"), (ASINH, "arcsinh"), (ATANH, "arctanh"), (SINC,), (DEG2RAD,), (RAD2DEG,), (FRAC,), (SIGNBIT,), (ANGLE,),
    (ISPOSINF,), (ISNEGINF,), (ISREAL,),
):  # fmt: skip
    publish_unary(_op, *_names)

for _op, *_names in (
    (ATAN2, "arctan2"), (HYPOT,), (FMAX,), (FMIN,), (LOGADDEXP,), (LOGADDEXP2,), (GCD,), (LCM,), (NEXTAFTER,), (HEAVISIDE,),
):  # fmt: skip
    publish_binary(_op, *_names, inputs="xy")
for _op in (LEFT_SHIFT, RIGHT_SHIFT):
    publish_binary(_op, inputs="")

_METHODS = _core.METHODS
export("__div__", function=False)(_METHODS["div"])
export("__idiv__", function=False)(_METHODS["div_"])
export("__rdiv__", function=False)(lambda self, other: _METHODS["div"](other, self))


@export()
def sgn(input: Tensor) -> Tensor:
    """The sign of each element: -1, 0 or 1; `sign`, for real numbers."""
    return _core.unary(SIGN, operand(input, "sgn"))


@export(function=False)
def sgn_(self: Tensor) -> Tensor:
    """sgn written to the tensor itself."""
    return call_inplace(_inplace("sign"), (self,))


@export()
def copysign(input: Tensor, other: Tensor | float) -> Tensor:
    """input's sizes with other's signs; other a tensor or a number."""
    return call(COPYSIGN, (operand(input, "copysign"), _beside(input, other)))


@export(function=False)
def copysign_(self: Tensor, other: Tensor | float) -> Tensor:
    """copysign written to the tensor itself."""
    return call_inplace(_inplace("copysign"), (self, _beside(self, other)))


@export()
def xlogy(input: Tensor | float, other: Tensor | float) -> Tensor:
    """input * log(other), and 0 where input is 0 (NaN where other is); one of the two may be a number."""
    return call(XLOGY, tensors("xlogy", input, other))


@export(function=False)
def xlogy_(self: Tensor, other: Tensor | float) -> Tensor:
    """xlogy written to the tensor itself."""
    return call_inplace(_inplace("xlogy"), (self, _beside(self, other)))


def tensors(name: str, input: Any, other: Any) -> tuple[Tensor, Tensor]:
    """Two operands, one of which may be a number, as two tensors."""
    if isinstance(input, Tensor):
        return input, _beside(input, other)
    if not isinstance(other, Tensor):
        raise TypeError(
            f"{name}(): one of input and other must be a Tensor, got {type(input).__name__} and {type(other).__name__}."
        )
    return _beside(other, input), other


@export()
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)); with eps, of x limited to [eps, 1 - eps]."""
    return call(LOGIT, (operand(input, "logit"),), (None if eps is None else float(eps),))


@export(function=False)
def logit_(self: Tensor, eps: float | None = None) -> Tensor:
    """logit written to the tensor itself."""
    return call_inplace(_inplace("logit"), (self,), (None if eps is None else float(eps),))


def _replacements(
    input: Tensor, nan: float | None, posinf: float | None, neginf: float | None
) -> tuple[float, float, float]:
    limits = finfo(input._array.dtype)
    return (
        0.0 if nan is None else float(nan),
        limits.max if posinf is None else float(posinf),
        limits.min if neginf is None else float(neginf),
    )


@export()
def nan_to_num(
    input: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """input with NaN and infinities replaced: by 0 and the dtype's largest and smallest number unless given."""
    if operand(input, "nan_to_num")._array.dtype.kind not in "fV":
        return input.clone()
    return call(NAN_TO_NUM, (input,), _replacements(input, nan, posinf, neginf))


@export(function=False)
def nan_to_num_(
    self: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """nan_to_num written to the tensor itself."""
    if self._array.dtype.kind not in "fV":
        return self
    return call_inplace(_inplace("nan_to_num"), (self,), _replacements(self, nan, posinf, neginf))


@export()
def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """input * 2 ** other, broadcasting."""
    if not isinstance(other, Tensor):
        raise TypeError(f"ldexp(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}.")
    dtype = result_type_of([operand(input, "ldexp")._array, other._array])
    if other._array.dtype.kind == "b" and input._array.dtype.kind in "fV":
        raise NotImplementedError('"ldexp" not implemented for bool exponents. Convert them with .int().')
    if dtype.kind not in "fV":
        dtype = default_float()
    exponent = other if other._array.dtype.kind in "fV" else cast(other, dtype)
    return cast(input, dtype) * pow(2.0, exponent)


written("ldexp", ldexp, apart=False)

_Frexp = collections.namedtuple("frexp", ("mantissa", "exponent"))  # type: ignore[name-match]  # shown as frexp(...)


@export()
def frexp(input: Tensor) -> tuple[Tensor, Tensor]:
    """(mantissa, exponent) with input = mantissa * 2 ** exponent and 0.5 <= |mantissa| < 1; exponents are int32."""
    if operand(input, "frexp")._array.dtype.kind not in "fV":
        raise RuntimeError(f"frexp() only supports floating-point dtypes, got {input.dtype}. Use .float() first.")
    return _Frexp(*call(FREXP, (input,)))


@export()
def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """Where exactly one of two is true (not 0)."""
    if not isinstance(other, Tensor):
        raise TypeError(f"logical_xor(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}.")
    result: Tensor = _METHODS["logical_not"](_METHODS["logical_not"](operand(input, "logical_xor"))) ^ (other != 0)
    return result


written("logical_xor", logical_xor, apart=False)


def _bound(x: Any, input: Tensor, name: str) -> Any:
    if x is None:
        raise TypeError(f"{name}(): received no bound. Give a number or a tensor.")
    return x


@export()
def clamp_min(input: Tensor, min: Tensor | float) -> Tensor:
    """Each element, or min where it is less."""
    return clamp(input, min=_bound(min, input, "clamp_min"))


@export()
def clamp_max(input: Tensor, max: Tensor | float) -> Tensor:
    """Each element, or max where it is more."""
    return clamp(input, max=_bound(max, input, "clamp_max"))


@export(function=False)
def clamp_min_(self: Tensor, min: Tensor | float) -> Tensor:
    """clamp_min written to the tensor itself."""
    result: Tensor = _METHODS["clamp_"](self, min=_bound(min, self, "clamp_min_"))
    return result


@export(function=False)
def clamp_max_(self: Tensor, max: Tensor | float) -> Tensor:
    """clamp_max written to the tensor itself."""
    result: Tensor = _METHODS["clamp_"](self, max=_bound(max, self, "clamp_max_"))
    return result


@export(method=False)
def rsub(input: Tensor, other: Tensor | float, *, alpha: float = 1) -> Tensor:
    """other - alpha * input."""
    result: Tensor = _METHODS["sub"](other, operand(input, "rsub"), alpha=alpha)
    return result


@export()
def float_power(input: Tensor | float, exponent: Tensor | float) -> Tensor:
    """input ** exponent in float64; one of the two may be a number."""
    if not isinstance(input, Tensor) and not isinstance(exponent, Tensor):
        raise TypeError("float_power(): at least one of input and exponent must be a Tensor.")
    values = [x.double() if isinstance(x, Tensor) else float(number(x)) for x in (input, exponent)]
    return pow(values[0], values[1])


@export(function=False)
def float_power_(self: Tensor, exponent: Tensor | float) -> Tensor:
    """float_power written to the tensor itself, which must be float64."""
    if self._array.dtype != FLOAT64:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {self.dtype} but the operation's result requires dtype float64. "
            "Use float_power()."
        )
    result: Tensor = _METHODS["pow_"](
        self, exponent.double() if isinstance(exponent, Tensor) else float(number(exponent))
    )
    return result


# ---- what complex numbers would have, for real ones ----


def _itself(name: str, doc: str, method: bool = True) -> None:
    def function(input: Tensor) -> Tensor:
        return operand(input, name)

    function.__name__, function.__doc__ = name, doc
    export(name, method=method)(function)


_itself("real", "The real part of real numbers: input itself.", method=False)
_core.install(Tensor, "real", property(lambda self: self))
_itself("conj", "The conjugate of real numbers: input itself.")
_itself("resolve_conj", "input itself: its numbers are real.")
_itself("resolve_neg", "input itself.")


@export()
def conj_physical(input: Tensor) -> Tensor:
    """The conjugate of real numbers: input itself."""
    return operand(input, "conj_physical")


@export(function=False)
def conj_physical_(self: Tensor) -> Tensor:
    """This tensor: its numbers are real."""
    return self


@export("imag", method=False)
def imag(input: Tensor) -> Tensor:
    """RuntimeError: real numbers have no imaginary part here."""
    raise RuntimeError(
        f"imag is not implemented for tensors with non-complex dtypes, got {operand(input, 'imag').dtype}."
    )


_core.install(Tensor, "imag", property(imag))


@export("is_conj", "is_neg")
def is_conj(input: Tensor) -> bool:
    """Whether input is a lazy conjugate (or negative): never."""
    return False


@export(method=False)
def can_cast(from_: Any, to: Any) -> bool:
    """Whether torch converts one dtype to another without being asked: not floats to integers, nor numbers to bool."""
    from pynn._dtypes import to_numpy
    from pynn.ops.out import castable

    return castable(to_numpy(from_), to_numpy(to))


@export(method=False)
def fill(input: Tensor, value: Tensor | float) -> Tensor:
    """A tensor of input's shape and dtype with every element value; gradients flow to a value that is a tensor."""
    result: Tensor = _METHODS["fill_"](_METHODS["clone"](input), value)
    return result


for _alias, _name in (("fix_", "trunc_"), ("greater_", "gt_"), ("less_", "lt_")):
    if _alias not in _METHODS and _name in _METHODS:
        export(_alias, function=False)(_METHODS[_name])
