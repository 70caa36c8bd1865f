"""How elements lie in memory: the objects that torch calls layouts, memory formats and quantization schemes."""


class _Constant:
    """An object with a name, which `pynn` has it under; compared by identity."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"pynn.{self._name}"

    def __reduce__(self) -> str:
        return self._name

    def __copy__(self) -> "_Constant":
        return self

    def __deepcopy__(self, memo: object) -> "_Constant":
        return self


class memory_format(_Constant):
    """An order of dimensions in memory that is asked for: `pynn.channels_last` and the like."""

    __slots__ = ()


class layout(_Constant):
    """What a tensor's memory holds; here always `pynn.strided`, every element."""

    __slots__ = ()


class qscheme(_Constant):
    """How a quantized tensor is scaled; there by name for type checks, as quantized tensors are out of scope."""

    __slots__ = ()


strided = layout("strided")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")

NAMES: dict[str, _Constant] = {
    **{x._name: x for x in (strided, contiguous_format, preserve_format, channels_last, channels_last_3d)},
    **{n: layout(n) for n in ("sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc", "jagged")},
    **{n: qscheme(n) for n in ("per_tensor_affine", "per_channel_affine", "per_tensor_symmetric", "per_channel_symmetric",
                               "per_channel_affine_float_qparams")},
}  # fmt: skip
globals().update(NAMES)  # where pickle finds them
