"""Tensors in memory that several processes see."""

from pynn import _core
from pynn._core import Tensor
from pynn.ops.registry import export


@export(function=False)
def is_shared(self: Tensor) -> bool:
    """Whether other processes can see this memory: after share_memory_(), or as it came from a worker."""
    from pynn._shared import mapping_of

    return mapping_of(self._array) is not None


@export(function=False)
def share_memory_(self: Tensor) -> Tensor:
    """Move the values to memory that processes forked later, and those it is sent to, share; returns self.

    A write by any of them shows in all. A tensor that is shared already stays as it is. Other tensors over the
    memory that this one had (views of it, say) stay with that memory.
    """
    from pynn._shared import mapping_of, shared_copy

    if mapping_of(self._array) is None:
        _core.set_array(self, shared_copy(self._array))
    return self
