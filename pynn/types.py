"""torch.types' names, for annotations."""

import os
from collections.abc import Sequence
from typing import IO, TypeAlias

from pynn._core import Tensor
from pynn._device import device as _device
from pynn.ops.view import Size as _size_type

__all__ = ["Device", "FileLike", "Number", "Storage"]

Number: TypeAlias = int | float | bool
Device: TypeAlias = _device | str | int | None
FileLike: TypeAlias = str | os.PathLike[str] | IO[bytes]
_TensorOrTensors: TypeAlias = Tensor | Sequence[Tensor]
_size: TypeAlias = _size_type | list[int] | tuple[int, ...]
_symsize: TypeAlias = _size
_dispatchkey: TypeAlias = str
_Number = (bool, int, float)


class Storage:
    """A tensor's storage, for annotations."""
