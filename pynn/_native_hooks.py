"""What the core asks of arrays on its hot path: from the compiled module, or plain Python without it."""

from typing import Any

from numpy import errstate, ndarray

try:
    from pynn import _native
except ImportError:
    _native = None  # type: ignore[assignment]

if _native is not None:
    convert, is_fresh = _native.convert, _native.is_fresh
    same_shape, set_bfloat16 = _native.same_shape, _native.set_bfloat16
else:

    def convert(array: Any, dtype: Any) -> Any:
        """A copy of an array in another dtype."""
        with errstate(all="ignore"):  # too large becomes infinity
            return array.astype(dtype)

    def set_bfloat16(dtype: Any) -> None:
        """Tell the kernels NumPy's dtype for bfloat16."""

    def same_shape(a: Any, b: Any, c: Any) -> Any:
        """Whether the shapes of array a, of b (an array or a number) and of c are equal."""
        return a.shape == c.shape and (not isinstance(b, ndarray) or b.shape == c.shape)

    def is_fresh(array: Any) -> Any:
        """Whether an array owns its memory, row-major: nobody else can hold a view of it."""
        return array.base is None and array.flags.c_contiguous
