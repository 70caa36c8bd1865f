"""How elements lie in memory: the objects that torch calls layouts and memory formats."""


class memory_format:
    """An order of dimensions in memory that is asked for: `pynn.channels_last` and the like. Compared by identity."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"pynn.{self._name}"

    def __reduce__(self) -> str:
        return self._name


class layout:
    """What a tensor's memory holds: `pynn.strided`, every element. Compared by identity."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"pynn.{self._name}"

    def __reduce__(self) -> str:
        return self._name


strided = layout("strided")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")
