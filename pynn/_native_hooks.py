"""What the core asks of arrays on its hot path: from the compiled module, or plain Python without it."""

from typing import Any

from numpy import errstate

try:
    from pynn import _native
except ImportError:
    _native = None  # type: ignore[assignment]

if _native is not None:
    convert, is_fresh = _native.convert, _native.is_fresh
    quick_reads, set_bfloat16 = _native.quick_reads, _native.set_bfloat16
else:

    def quick_reads(cls: Any) -> None:
        """Let Python read attributes of a class's objects as if it had no `__getattr__`, until one is set anew."""

    def convert(array: Any, dtype: Any) -> Any:
        """A copy of an array in another dtype."""
        with errstate(all="ignore"):  # too large becomes infinity
            return array.astype(dtype)

    def set_bfloat16(dtype: Any) -> None:
        """Tell the kernels NumPy's dtype for bfloat16."""

    def is_fresh(array: Any) -> Any:
        """Whether an array owns its memory, row-major: nobody else can hold a view of it."""
        return array.base is None and array.flags.c_contiguous
