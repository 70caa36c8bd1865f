"""The gradients of the convolutions as functions, under the names of torch.nn.grad."""

from collections.abc import Callable
from typing import Any

from pynn._core import Tensor, call
from pynn.nn.functional.arguments import sizes
from pynn.ops.conv import CONV2D_INPUT, CONV2D_WEIGHT, CONV3D_INPUT, CONV3D_WEIGHT

__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]


def _run(
    ops: tuple[Any, Any], grad_output: Tensor, other: Tensor, size: Any, stride: Any, padding: Any, dilation: Any,
    groups: int, dims: int,
) -> Tensor:  # fmt: skip
    """The op (of those over two and three dimensions) whose result has that size; one dimension as an image's row."""
    named = (("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1))
    lead = tuple(sizes(value, dims, name) for name, value, _ in named)
    spatial = tuple(int(n) for n in size)[2:]
    result: Tensor
    if dims > 1:
        result = call(ops[dims - 2], (grad_output, other), (*lead, int(groups), spatial))
    else:
        row = tuple((one, *value) for value, (_, _, one) in zip(lead, named))
        result = call(ops[0], (grad_output.unsqueeze(2), other.unsqueeze(2)), (*row, int(groups), (1, *spatial)))
        result = result.squeeze(2)
    return result


def _input(dims: int) -> Callable[..., Tensor]:
    def function(
        input_size: Any,
        weight: Tensor,
        grad_output: Tensor,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        ops = (CONV2D_INPUT, CONV3D_INPUT)
        return _run(ops, grad_output, weight, input_size, stride, padding, dilation, groups, dims)

    function.__name__ = function.__qualname__ = f"conv{dims}d_input"
    function.__doc__ = f"The gradient of conv{dims}d by its input, of shape input_size, for the gradient of its output."
    return function


def _weight(dims: int) -> Callable[..., Tensor]:
    def function(
        input: Tensor,
        weight_size: Any,
        grad_output: Tensor,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        ops = (CONV2D_WEIGHT, CONV3D_WEIGHT)
        return _run(ops, grad_output, input, weight_size, stride, padding, dilation, groups, dims)

    function.__name__ = function.__qualname__ = f"conv{dims}d_weight"
    function.__doc__ = (
        f"The gradient of conv{dims}d by its weight, of shape weight_size, for the gradient of its output."
    )
    return function


conv1d_input, conv2d_input, conv3d_input = (_input(dims) for dims in (1, 2, 3))
conv1d_weight, conv2d_weight, conv3d_weight = (_weight(dims) for dims in (1, 2, 3))
