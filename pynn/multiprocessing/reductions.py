"""How tensors go through multiprocessing's queues and pipes: their memory is shared, not copied."""

from multiprocessing.reduction import DupFd, ForkingPickler
from typing import Any

import numpy

from pynn import _core
from pynn._core import Tensor
from pynn._shared import Mapping, mapping_of, shared_copy
from pynn.nn.parameter import Buffer, Parameter
from pynn.serialization.names import attributes_of


def rebuild_tensor(
    cls: Any, handle: Any, size: int, place: tuple[Any, ...], requires_grad: bool, attributes: Any
) -> Tensor:
    """The tensor in the process that receives it, over the sender's memory."""
    dtype, offset, shape, strides = place
    mapping = Mapping(handle.detach(), size, keep=True)
    array: Any = numpy.ndarray(shape, dtype, mapping.array(), offset, strides)
    tensor = _core.wrap_as(cls, array, requires_grad)
    if attributes:
        tensor.__dict__.update(attributes)
    result: Tensor = tensor
    return result


def reduce_tensor(tensor: Tensor) -> tuple[Any, ...]:
    """Share a tensor's memory, if it is not shared yet, and say where it is.

    RuntimeError for a tensor with history: a graph stays in its process.
    """
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support crossing "
            "process boundaries. If you just want to transfer the data, call detach() on the tensor before serializing "
            "(e.g., putting it on the queue)."
        )
    mapping = mapping_of(_core.observe(tensor))
    if mapping is None or mapping.fd < 0:  # or it came from a worker's batch, whose file is closed
        _core.set_array(tensor, shared_copy(tensor._array))
        mapping = mapping_of(tensor._array)
        if mapping is None:
            raise RuntimeError(
                "the tensor's copy in shared memory lies in no mapping; please report this as a bug in pynn."
            )
    array = tensor._array
    shared: Any = mapping
    offset = array.__array_interface__["data"][0] - shared.__array_interface__["data"][0] if array.size else 0
    place = array.dtype, offset, array.shape, array.strides
    return rebuild_tensor, (
        type(tensor),
        DupFd(mapping.fd),
        mapping.size,
        place,
        tensor.requires_grad,
        attributes_of(tensor),
    )


def init_reductions() -> None:
    """Teach multiprocessing to send tensors so."""
    for cls in (Tensor, Parameter, Buffer):
        ForkingPickler.register(cls, reduce_tensor)


__all__ = ["init_reductions", "rebuild_tensor", "reduce_tensor"]
