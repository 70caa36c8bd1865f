"""assert_close: whether two tensors, numbers, or containers of them are equal up to tolerances that fit their dtypes."""

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy

from pynn._core import Tensor
from pynn._dtypes import _promote, from_numpy

# dtype -> (rtol, atol); of others, and of mixed ones the larger, 0.
TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
}


class _Options(NamedTuple):
    allow_subclasses: bool
    rtol: float | None
    atol: float | None
    equal_nan: bool
    check_device: bool
    check_dtype: bool
    check_layout: bool
    check_stride: bool


class _Mismatch(Exception):
    """What differs, and where in the containers; `kind` is the error to raise."""

    def __init__(self, text: str, place: tuple[Any, ...] = (), kind: type[Exception] = AssertionError) -> None:
        where = "\n\nThe failure occurred for item " + "".join(f"[{p!r}]" for p in place) if place else ""
        super().__init__(text + where)
        self.kind = kind


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """AssertionError unless |actual - expected| <= atol + rtol * |expected| everywhere.

    actual and expected: Tensors, NumPy arrays or Python numbers of the same type, or sequences and mappings of them.
    rtol, atol: both or none; by default 1.3e-6 and 1e-5 for float32, 1e-7 and 1e-7 for float64, 1e-3 and 1e-5 for
    float16, 1.6e-2 and 1e-5 for bfloat16, 0 for others, the larger of two dtypes'.
    msg: the error's text, or a function of the text there would be.
    Raises TypeError for values that cannot be compared, ValueError for one tolerance without the other.
    """
    __tracebackhide__ = True
    if (rtol is None) != (atol is None):
        missing = "atol" if atol is None else "rtol"
        raise ValueError(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}.")
    if rtol is not None and (rtol < 0 or atol < 0):  # type: ignore[operator]
        raise ValueError(f"rtol and atol must not be negative, got rtol={rtol} and atol={atol}.")
    options = _Options(allow_subclasses, rtol, atol, equal_nan, check_device, check_dtype, check_layout, check_stride)
    try:
        pairs = list(_pairs(actual, expected, (), options))
        failures = [failure for pair in pairs for failure in _compare(*pair, options)]
    except _Mismatch as found:
        if found.kind is not AssertionError:
            raise found.kind(str(found)) from None
        failures = [found]
    if failures:
        text = str(failures[0])
        raise AssertionError(text if msg is None else msg(text) if callable(msg) else msg)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, numpy.number)) and not isinstance(value, bool)


def _pairs(a: Any, b: Any, place: tuple[Any, ...], options: _Options) -> Iterator[tuple[Any, Any, tuple[Any, ...]]]:
    """The tensors and numbers to compare, in order, with their places."""
    if isinstance(a, Sequence) and isinstance(b, Sequence) and not isinstance(a, str) and not isinstance(b, str):
        if len(a) != len(b):
            raise _Mismatch(f"The length of the sequences mismatch: {len(a)} != {len(b)}", place)
        for i, (x, y) in enumerate(zip(a, b)):
            yield from _pairs(x, y, (*place, i), options)
    elif isinstance(a, Mapping) and isinstance(b, Mapping):
        missing, extra = [k for k in b if k not in a], [k for k in a if k not in b]
        if missing or extra:
            raise _Mismatch(
                f"The keys of the mappings do not match:\nMissing keys in the actual mapping: {sorted(missing, key=str)}\n"
                f"Additional keys in the actual mapping: {sorted(extra, key=str)}",
                place,
            )
        for key in sorted(a, key=str):
            yield from _pairs(a[key], b[key], (*place, key), options)
    elif _comparable(a, b, options):
        yield a, b, place
    else:
        raise _Mismatch(
            f"No comparison pair was able to handle inputs of type {type(a)} and {type(b)}.", place, TypeError
        )


def _comparable(a: Any, b: Any, options: _Options) -> bool:
    if a is None or b is None:
        return True
    if isinstance(a, (bool, numpy.bool_)) or isinstance(b, (bool, numpy.bool_)):
        return isinstance(a, (bool, numpy.bool_)) and isinstance(b, (bool, numpy.bool_))
    if _is_number(a) and _is_number(b):
        return True
    if not all(isinstance(x, (Tensor, numpy.ndarray)) for x in (a, b)):
        return False
    related = isinstance(a, type(b)) or isinstance(b, type(a))
    return type(a) is type(b) or (related and options.allow_subclasses)


def _compare(a: Any, b: Any, place: tuple[Any, ...], options: _Options) -> list[_Mismatch]:
    """What is wrong with one pair: nothing, or one mismatch."""
    if a is None or b is None:
        return [] if a is b else [_Mismatch(f"None mismatch: {a} is not {b}", place)]
    if isinstance(a, (bool, numpy.bool_)):
        return [] if bool(a) is bool(b) else [_Mismatch(f"Booleans mismatch: {bool(a)} is not {bool(b)}", place)]
    if _is_number(a):
        return _compare_numbers(a, b, place, options)
    return _compare_tensors(a, b, place, options)


def _tolerances(kinds: tuple[str, ...], options: _Options) -> tuple[float, float]:
    if options.rtol is not None:
        return options.rtol, options.atol  # type: ignore[return-value]
    found = [TOLERANCES.get(kind, (0.0, 0.0)) for kind in kinds]
    return max(r for r, _ in found), max(a for _, a in found)


def _compare_numbers(a: Any, b: Any, place: tuple[Any, ...], options: _Options) -> list[_Mismatch]:
    a, b = (x.item() if isinstance(x, numpy.number) else x for x in (a, b))
    if options.check_dtype and type(a) is not type(b):
        return [_Mismatch(f"The (d)types do not match: {type(a)} != {type(b)}.", place)]
    rtol, atol = _tolerances(tuple("float64" if isinstance(x, float) else "int64" for x in (a, b)), options)
    if a == b or (options.equal_nan and a != a and b != b):
        return []
    gap = abs(a - b)
    if math.isfinite(gap) and gap <= atol + rtol * abs(b):
        return []
    return [_Mismatch(_scalars_differ(a, b, gap, rtol, atol), place)]


def _scalars_differ(a: Any, b: Any, gap: Any, rtol: float, atol: float) -> str:
    share = gap / abs(b) if b else math.inf
    exact = rtol == atol == 0
    text = f"Scalars are not {'equal' if exact else 'close'}!\n\nExpected {b} but got {a}.\n"
    text += f"Absolute difference: {gap}" + ("" if exact else f" (up to {atol} allowed)")
    return text + f"\nRelative difference: {share}" + ("" if exact else f" (up to {rtol} allowed)")


def _attribute_mismatch(a: Any, b: Any, options: _Options) -> str | None:
    def differ(name: str, x: Any, y: Any) -> str:
        return f"The values for attribute '{name}' do not match: {x} != {y}."

    shapes = [x.shape if isinstance(x, Tensor) else tuple(x.shape) for x in (a, b)]
    if tuple(shapes[0]) != tuple(shapes[1]):
        return differ("shape", *shapes)
    arrays = [_array(x) for x in (a, b)]
    if options.check_dtype and arrays[0].dtype != arrays[1].dtype:
        return differ("dtype", *[from_numpy(x.dtype) for x in arrays])
    if options.check_stride:
        strides = [tuple(s // x.itemsize for s in x.strides) for x in arrays]
        if strides[0] != strides[1]:
            return differ("stride()", *strides)
    return None


def _array(x: Any) -> numpy.ndarray:
    result: numpy.ndarray = x.detach()._array if isinstance(x, Tensor) else x
    return result


def _compare_tensors(x: Any, y: Any, place: tuple[Any, ...], options: _Options) -> list[_Mismatch]:
    wrong = _attribute_mismatch(x, y, options)
    if wrong:
        return [_Mismatch(wrong, place)]
    a, b = _array(x), _array(y)
    rtol, atol = _tolerances((a.dtype.name, b.dtype.name), options)
    if a.dtype != b.dtype:
        common = _promote(a.dtype, b.dtype)
        a, b = a.astype(common), b.astype(common)
    if a.dtype.kind in "biu":
        a, b = a.astype(numpy.int64), b.astype(numpy.int64)
    floats = a.dtype.kind not in "iu"
    with numpy.errstate(all="ignore"):
        gap = abs(a - b)
        near = a == b
        if rtol or atol:
            allowed = numpy.asarray(atol + abs(rtol * b) if floats else atol + rtol * abs(b.astype(numpy.float64)))
            near = near | (
                numpy.isfinite(gap.astype(numpy.float64))
                & (gap <= allowed.astype(a.dtype if floats else numpy.float64))
            )
        if options.equal_nan and floats:
            near = near | ((a != a) & (b != b))
        if near.all():
            return []
        if a.ndim == 0:
            return [_Mismatch(_scalars_differ(a.item(), b.item(), gap.item(), rtol, atol), place)]
        share = gap / abs(b) if floats else gap.astype(numpy.float32) / abs(b).astype(numpy.float32)
    zero = numpy.zeros((), gap.dtype)
    gap, share = numpy.where(near, zero, gap), numpy.where(near, share.dtype.type(0), share)
    count = int(near.size - near.sum())
    exact = rtol == atol == 0
    lines = [
        f"Tensor-likes are not {'equal' if exact else 'close'}!",
        "",
        f"Mismatched elements: {count} / {near.size} ({count / near.size:.1%})",
        _greatest("absolute", gap, None if exact else atol),
        _greatest("relative", share, None if exact else rtol),
    ]
    return [_Mismatch("\n".join(lines), place)]


def _greatest(what: str, values: numpy.ndarray, allowed: float | None) -> str:
    wide = values if values.dtype.kind in "iu" else values.astype(numpy.float64)
    index = tuple(int(i) for i in numpy.unravel_index(int(numpy.argmax(wide)), wide.shape))
    return f"Greatest {what} difference: {wide[index].item()} at index {index}" + (
        "" if allowed is None else f" (up to {allowed} allowed)"
    )


def assert_allclose(actual: Any, expected: Any, rtol: float | None = None, atol: float | None = None,
                    equal_nan: bool = True, msg: str = "") -> None:  # fmt: skip
    """The old form of assert_close, which compares without looking at dtypes; deprecated."""
    warnings.warn(
        "`testing.assert_allclose()` is deprecated. Use `testing.assert_close()`.", FutureWarning, stacklevel=2
    )
    from pynn.ops.from_data import as_tensor

    actual, expected = (x if isinstance(x, Tensor) else as_tensor(x) for x in (actual, expected))
    assert_close(
        actual,
        expected,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_device=True,
        check_dtype=False,
        msg=msg or None,
    )
