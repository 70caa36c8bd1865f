"""Layouts and memory formats, which torch has as objects: here names that know their kind."""

from typing import TypeVar

_T = TypeVar("_T", bound="_Name")


class _Name(str):
    """A name that prints as `pynn.<name>` and is compared by it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "pynn." + str.__str__(self)

    def __str__(self) -> str:
        return "pynn." + str.__str__(self)

    def __reduce__(self: _T) -> tuple[type[_T], tuple[str]]:
        return (type(self), (str.__str__(self),))


class layout(_Name):
    """How a tensor's elements are stored; pynn has `strided` alone."""

    __slots__ = ()


class memory_format(_Name):
    """The order of a tensor's elements in memory: contiguous_format, channels_last, channels_last_3d, preserve_format."""

    __slots__ = ()


class qscheme(_Name):
    """How a quantized tensor is scaled; there by name for type checks, as quantized tensors are out of pynn's scope."""

    __slots__ = ()


NAMES = {
    **{name: layout(name) for name in ("strided", "sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc", "jagged")},
    **{n: memory_format(n) for n in ("contiguous_format", "preserve_format", "channels_last", "channels_last_3d")},
    **{n: qscheme(n) for n in ("per_tensor_affine", "per_channel_affine", "per_tensor_symmetric", "per_channel_symmetric",
                               "per_channel_affine_float_qparams")},
}  # fmt: skip
