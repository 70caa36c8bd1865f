"""finfo and iinfo: the limits of dtypes, also of some that no tensor here has."""

from typing import Any

import numpy

from pynn._dtypes import default_float, to_numpy

# dtype known by name alone -> the NumPy or ml_dtypes type that has its limits: for a complex one that of its parts.
_BY_NAME = {
    "complex32": "float16", "complex64": "float32", "complex128": "float64",
    **{name: name for name in (
        "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu", "uint16", "uint32", "uint64",
    )},
}  # fmt: skip


def _limited(kind: Any) -> Any:
    """The NumPy dtype whose limits are asked for."""
    name = _BY_NAME.get(getattr(kind, "name", ""))
    if name is None:
        return to_numpy(kind)
    import ml_dtypes

    return numpy.dtype(getattr(ml_dtypes, name, name))


def _text(name: str, values: Any, dtype: Any) -> str:
    return f"{name}({', '.join(values)}, dtype={dtype})"


class finfo:
    """The limits of a floating point dtype (the default one unless given): eps, max, min, tiny, resolution, bits."""

    def __init__(self, type: Any = None) -> None:
        found = default_float() if type is None else _limited(type)
        if found.kind not in "fV":
            raise TypeError(f"finfo() requires a floating point input type, got {found.name}. Use iinfo for integers.")
        if found.kind == "V" or found.itemsize == 1:  # bfloat16, or 8 bits
            from ml_dtypes import finfo as small_finfo

            info: Any = small_finfo(found)  # type: ignore[no-untyped-call]
        else:
            info = numpy.finfo(found)
        self.bits = info.bits
        self.dtype = found.name
        self.max, self.min = float(info.max), float(info.min)
        self.eps = 0.125 if self.dtype == "float8_e5m2fnuz" else float(info.eps)  # torch's number, not the format's
        self.resolution = 1.0 if found.itemsize == 1 else float(f"1e-{info.precision}")
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
        found = _limited(type)
        if found.kind not in "iu":
            raise TypeError(f"iinfo() requires an integer input type, got {found.name}. Use finfo for floats.")
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
