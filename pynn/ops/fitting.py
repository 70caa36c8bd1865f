"""Python numbers that are to fill a tensor of some dtype: wrapped or refused as torch does, where they do not fit."""

from math import copysign, inf, isfinite
from typing import Any

import numpy

from pynn.ops.registry import number

_LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38, "float32": 3.4028234663852886e38}


def fitted(value: Any, dtype: Any, narrow: bool = False) -> Any:
    """value (a number) as a Python number of a NumPy dtype.

    A negative number wraps around in uint8 (-3 is 253) as in C; RuntimeError for any other that an integer dtype does not
    hold, and for a finite float beyond float32. narrow: refuse what 16-bit floats do not hold, too, rather than give inf.
    """
    value = number(value)
    kind = dtype.kind
    if isinstance(value, complex):
        raise _overflow(value, dtype)
    if kind == "b":
        return bool(value)
    if kind in "fV":
        value = float(value)
        largest = _LARGEST.get(dtype.name)
        if largest is not None and isfinite(value) and abs(value) > largest:
            if narrow or dtype.itemsize > 2:
                raise _overflow(value, dtype)
            return value if abs(value) < 2 * largest and kind == "V" else copysign(inf, value)
        return value
    if isinstance(value, float) and not isfinite(value):
        raise _overflow(value, dtype)
    limits = numpy.iinfo(dtype)
    if kind == "u" and -limits.max <= value < 0:
        if isinstance(value, float):
            raise _overflow(value, dtype)
        return int(value) & limits.max
    whole = int(value)
    if not limits.min <= whole <= limits.max:
        raise _overflow(value, dtype)
    return whole


def _overflow(value: Any, dtype: Any) -> RuntimeError:
    return RuntimeError(
        f"value cannot be converted to type {dtype} without overflow: {value}. Give one that fits, or a tensor of another dtype."
    )


__all__ = ["fitted"]
