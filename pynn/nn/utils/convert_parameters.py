"""All parameters as one vector, and back."""

from collections.abc import Iterable

from pynn._core import Tensor
from pynn.autograd import no_grad
from pynn.ops.joining import cat

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of an iterable of parameters in order, as one vector that gradients flow through."""
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copy the elements of vec into an iterable of parameters; TypeError for anything but a Tensor.

    Raises RuntimeError unless vec is a vector with as many elements as the parameters have together.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected pynn.Tensor, but got: {type(vec).__name__}")
    parameters = list(parameters)
    wanted = sum(p.numel() for p in parameters)
    if vec.dim() != 1 or vec.numel() != wanted:
        raise RuntimeError(
            f"vector_to_parameters takes a vector with the parameters' {wanted} elements, got shape {list(vec.shape)}."
        )
    start = 0
    with no_grad():
        for p in parameters:
            p.copy_(vec[start : start + p.numel()].view(p.shape))
            start += p.numel()
