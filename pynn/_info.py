"""finfo and iinfo: the limits of dtypes."""

from typing import Any

import numpy

from pynn._dtypes import default_float, from_numpy, to_numpy


def _text(name: str, values: Any, dtype: Any) -> str:
    return f"{name}({', '.join(values)}, dtype={dtype})"


class finfo:
    """The limits of a floating point dtype (the default one unless given): eps, max, min, tiny, resolution, bits."""

    def __init__(self, type: Any = None) -> None:
        found = default_float() if type is None else to_numpy(type)
        if found.kind not in "fV":
            raise TypeError(
                f"finfo() requires a floating point input type, got {from_numpy(found)}. Use iinfo for integers."
            )
        if found.kind == "V":
            from ml_dtypes import finfo as bfloat16_finfo

            info: Any = bfloat16_finfo(found)  # type: ignore[no-untyped-call]
        else:
            info = numpy.finfo(found)
        self.bits = info.bits
        self.dtype = found.name
        self.eps, self.max, self.min = float(info.eps), float(info.max), float(info.min)
        self.resolution = float(f"1e-{info.precision}")
        self.smallest_normal = self.tiny = float(info.smallest_normal)

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return _text("finfo", [f"{n}={getattr(self, n):g}" for n in names], self.dtype)

    def __eq__(self, other: Any) -> Any:
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self) -> Any:
        return hash(self.dtype)


class iinfo:
    """The limits of an integer dtype: max, min, bits."""

    def __init__(self, type: Any) -> None:
        found = to_numpy(type)
        if found.kind not in "iu":
            raise TypeError(f"iinfo() requires an integer input type, got {from_numpy(found)}. Use finfo for floats.")
        info = numpy.iinfo(found)
        self.bits = info.bits
        self.dtype = found.name
        self.max, self.min = int(info.max), int(info.min)

    def __repr__(self) -> str:
        return _text("iinfo", [f"min={self.min}", f"max={self.max}"], self.dtype)

    def __eq__(self, other: Any) -> Any:
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self) -> Any:
        return hash(self.dtype)
