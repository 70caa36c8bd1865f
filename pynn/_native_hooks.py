"""What the core asks of arrays on its hot path: from the compiled module, or plain Python without it."""

from numpy import ndarray

try:
    from pynn._native import convert, is_fresh, same_shape, set_bfloat16
except ImportError:

    def convert(array, dtype):
        """A copy of an array in another dtype."""
        return array.astype(dtype)

    def set_bfloat16(dtype):
        """Tell the kernels NumPy's dtype for bfloat16."""

    def same_shape(a, b, c):
        """Whether the shapes of array a, of b (an array or a number) and of c are equal."""
        return a.shape == c.shape and (not isinstance(b, ndarray) or b.shape == c.shape)

    def is_fresh(array):
        """Whether an array owns its memory, row-major: nobody else can hold a view of it."""
        return array.base is None and array.flags.c_contiguous
