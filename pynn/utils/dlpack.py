"""DLPack: tensors over another library's memory, and capsules over tensors'."""

from typing import Any

from pynn._core import Tensor
from pynn.ops.interchange import from_dlpack


def to_dlpack(tensor: Tensor) -> Any:
    """A capsule over a tensor's memory, which another library's from_dlpack takes once."""
    return tensor.__dlpack__()


__all__ = ["from_dlpack", "to_dlpack"]
