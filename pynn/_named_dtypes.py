"""torch's dtypes that no tensor here has: their names, for programs that list them or compare with them.

`x.dtype == pynn.complex64` is False, `pynn.float8_e4m3fn.itemsize` is 1; making or converting a tensor of one of them
raises NotImplementedError, which says what to do instead.
"""

from typing import Any, NoReturn

from pynn._absent import REASONS
from pynn._dtypes import dtype

_COMPLEX = REASONS["complex64"]
_QUANTIZED = REASONS["quantization"]
_FLOAT8 = "8-bit and 4-bit floats are out of pynn's scope so far; bfloat16 is the smallest float."
_INTEGER = "this integer type is out of pynn's scope so far; use pynn.int64, or pynn.uint8 for bytes."


class NamedDtype(dtype):
    """A dtype known by name alone: what torch says of it, and no NumPy dtype behind it."""

    __slots__ = ("is_complex", "reason")

    def __init__(self, name: str, itemsize: int, kind: str, reason: str) -> None:
        self.name, self.itemsize, self.reason = name, itemsize, reason
        self.is_floating_point, self.is_complex, self.is_signed = kind == "f", kind == "c", kind in "fci"

    def __getattr__(self, name: str) -> NoReturn:
        if name != "numpy":
            raise AttributeError(f"a dtype has no attribute {name!r}.")
        raise NotImplementedError(f"{self!r}: {self.reason}")

    def __reduce__(self) -> Any:
        return (_by_name, (self.name,))


def _by_name(name: str) -> Any:
    return NAMED[name]


# name -> (bytes an element, kind as NumPy's letters, why not)
_TABLE = {
    **{name: (size, "c", _COMPLEX) for name, size in (("complex32", 4), ("complex64", 8), ("complex128", 16))},
    **dict.fromkeys(
        ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2"),
        (1, "f", _FLOAT8),
    ),
    **{f"uint{8 * size}": (size, "u", _INTEGER) for size in (2, 4, 8)},
    **{f"uint{bits}": (1, "u", _INTEGER) for bits in range(1, 8)},
    **{f"int{bits}": (1, "i", _INTEGER) for bits in range(1, 8)},
    **dict.fromkeys(("quint8", "quint4x2", "quint2x4"), (1, "u", _QUANTIZED)),
    "qint8": (1, "i", _QUANTIZED),
    "qint32": (4, "i", _QUANTIZED),
    **dict.fromkeys(("bits8", "bits1x8", "bits2x4", "bits4x2"), (1, "u", _INTEGER)),
    "bits16": (2, "u", _INTEGER),
}
NAMED = {name: NamedDtype(name, *row) for name, row in _TABLE.items()}
for _alias, _name in (("chalf", "complex32"), ("cfloat", "complex64"), ("cdouble", "complex128")):
    NAMED[_alias] = NAMED[_name]


def __getattr__(name: str) -> NamedDtype:
    try:
        return NAMED[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}.") from None
