"""The gradients of the convolutions as functions, under the names of torch.nn.grad."""

from collections.abc import Callable
from typing import Any

from pynn._core import Tensor, call
from pynn.nn.functional.arguments import sizes
from pynn.ops.conv import CONV2D_INPUT, CONV2D_WEIGHT, CONV3D_INPUT, CONV3D_WEIGHT

__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]


def _geometry(dims: int, stride: Any, padding: Any, dilation: Any, groups: int) -> tuple[Any, ...]:
    named = (("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1))
    lead = tuple(sizes(value, dims, name) for name, value, _ in named)
    if dims == 1:  # as an image of one row
        lead = tuple((one, *value) for value, (_, _, one) in zip(lead, named))
    return (*lead, int(groups))


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
        size = tuple(int(n) for n in input_size)
        geometry = _geometry(dims, stride, padding, dilation, groups)
        result: Tensor
        if dims == 1:
            given = (grad_output.unsqueeze(2), weight.unsqueeze(2))
            result = call(CONV2D_INPUT, given, (*geometry, (1, *size[2:]))).squeeze(2)
        else:
            op = CONV2D_INPUT if dims == 2 else CONV3D_INPUT
            result = call(op, (grad_output, weight), (*geometry, size[2:]))
        return result

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
        size = tuple(int(n) for n in weight_size)
        geometry = _geometry(dims, stride, padding, dilation, groups)
        result: Tensor
        if dims == 1:
            given = (grad_output.unsqueeze(2), input.unsqueeze(2))
            result = call(CONV2D_WEIGHT, given, (*geometry, (1, *size[2:]))).squeeze(2)
        else:
            op = CONV2D_WEIGHT if dims == 2 else CONV3D_WEIGHT
            result = call(op, (grad_output, input), (*geometry, size[2:]))
        return result

    function.__name__ = function.__qualname__ = f"conv{dims}d_weight"
    function.__doc__ = (
        f"The gradient of conv{dims}d by its weight, of shape weight_size, for the gradient of its output."
    )
    return function


conv1d_input, conv2d_input, conv3d_input = (_input(dims) for dims in (1, 2, 3))
conv1d_weight, conv2d_weight, conv3d_weight = (_weight(dims) for dims in (1, 2, 3))
