"""Convolutions and transposed convolutions as modules."""

import math
from typing import Any

from pynn._core import Tensor
from pynn.nn import functional as F
from pynn.nn import init
from pynn.nn._tuples import spread
from pynn.nn.common_types import _size_any_t
from pynn.nn.module import Module
from pynn.nn.parameter import Parameter
from pynn.ops.creation import empty

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """The arguments, weights and text that all of them share; `_dims` is the number of spatial dimensions."""

    _dims = 0
    _transposed = False

    def __init__(self, in_channels: int, out_channels: int, kernel_size: _size_any_t, stride: _size_any_t, padding: str | _size_any_t, dilation: _size_any_t, output_padding: _size_any_t, groups: int, bias: Any,
                 padding_mode: Any, device: Any, dtype: Any) -> None:  # fmt: skip
        super().__init__()
        if groups <= 0:
            raise ValueError(f"groups must be a positive integer, got {groups}")
        if in_channels % groups != 0:
            raise ValueError(f"in_channels must be divisible by groups, got {in_channels} and {groups}")
        if out_channels % groups != 0:
            raise ValueError(f"out_channels must be divisible by groups, got {out_channels} and {groups}")
        if padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {list(_PADDING_MODES)}, but got padding_mode='{padding_mode}'"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = spread(kernel_size, self._dims, "kernel_size")
        self.stride = spread(stride, self._dims, "stride")
        self.dilation = spread(dilation, self._dims, "dilation")
        self.padding = self._check_padding(padding)
        self.output_padding = spread(output_padding, self._dims, "output_padding")
        self.transposed = self._transposed
        self.groups = groups
        self.padding_mode = padding_mode
        channels = (in_channels, out_channels // groups) if self.transposed else (out_channels, in_channels // groups)
        self.weight = Parameter(empty(channels + self.kernel_size, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _check_padding(self, padding: Any) -> Any:
        if not isinstance(padding, str):
            return spread(padding, self._dims, "padding")
        if padding not in ("same", "valid"):
            raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
        if padding == "same" and any(s != 1 for s in self.stride):
            raise ValueError(f"padding='same' is not supported for strided convolutions, got stride={self.stride}")
        return padding

    def reset_parameters(self) -> None:
        """Draw the weight and bias anew from U(-k, k), k = 1 / sqrt(fan_in)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = math.prod(self.weight.shape[1:])
            if fan_in:
                init.uniform_(self.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))

    @property
    def _reversed_padding_repeated_twice(self) -> list[int]:
        """The padding as F.pad takes it: (left, right) of every dimension, last dimension first."""
        out = []
        for d in reversed(range(self._dims)):
            if isinstance(self.padding, str):
                total = self.dilation[d] * (self.kernel_size[d] - 1) if self.padding == "same" else 0
                out += [total // 2, total - total // 2]
            else:
                out += [self.padding[d]] * 2
        return out

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        zeros = (0,) * self._dims
        if self.padding != zeros:
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * self._dims:
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != zeros:
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class _Conv(_ConvNd):
    """A convolution (cross-correlation): input (N, in_channels, *sizes) or (in_channels, *sizes).

    weight: (out_channels, in_channels / groups, *kernel_size); bias: (out_channels,) or None.
    padding: ints, or "same" (stride 1 only) or "valid". padding_mode: "zeros", "reflect", "replicate", "circular".
    Raises ValueError for arguments that do not fit together.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: _size_any_t, stride: _size_any_t=1, padding: str | _size_any_t=0, dilation: _size_any_t=1, groups: int=1, bias: bool=True,
                 padding_mode: str="zeros", device: Any=None, dtype: Any=None) -> None:  # fmt: skip
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            0,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Any) -> Any:
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input: Any, weight: Any, bias: Any) -> Any:
        """forward with another weight and bias: what modules that change their weight call."""
        if self.padding_mode == "zeros":
            return self._function(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)
        input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
        return self._function(input, weight, bias, self.stride, 0, self.dilation, self.groups)


class Conv1d(_Conv):
    __doc__ = f"Over one dimension. {_Conv.__doc__}"
    _dims = 1
    _function = staticmethod(F.conv1d)


class Conv2d(_Conv):
    __doc__ = f"Over two dimensions. {_Conv.__doc__}"
    _dims = 2
    _function = staticmethod(F.conv2d)


class Conv3d(_Conv):
    __doc__ = f"Over three dimensions. {_Conv.__doc__}"
    _dims = 3
    _function = staticmethod(F.conv3d)


class _ConvTranspose(_ConvNd):
    """The gradient of a convolution with respect to its input, as a layer of its own.

    weight: (in_channels, out_channels / groups, *kernel_size); output_padding, or forward's output_size, chooses
    among the sizes that the convolution would map to the input's.
    """

    _transposed = True

    def __init__(self, in_channels: int, out_channels: int, kernel_size: _size_any_t, stride: _size_any_t=1, padding: str | _size_any_t=0, output_padding: _size_any_t=0, groups: int=1, bias: bool=True,
                 dilation: _size_any_t=1, padding_mode: str="zeros", device: Any=None, dtype: Any=None) -> None:  # fmt: skip
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}, got {padding_mode!r}')
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding, groups, bias, padding_mode,
            device, dtype,
        )  # fmt: skip

    def _output_padding(
        self,
        input: Any,
        output_size: Any,
        stride: Any,
        padding: Any,
        kernel_size: Any,
        num_spatial_dims: int,
        dilation: Any = None,
    ) -> Any:
        """The output_padding that makes the output output_size; ValueError where none does."""
        if output_size is None:
            return spread(self.output_padding, num_spatial_dims, "output_padding")
        dims = num_spatial_dims
        sizes = tuple(output_size)
        if len(sizes) not in (dims, dims + 1 if input.dim() == dims + 1 else dims + 2):
            raise ValueError(
                f"{type(self).__name__}: for {input.dim()}D input, output_size must have {dims} or {input.dim()} "
                f"elements (got {len(sizes)})"
            )
        sizes = sizes[-dims:]
        out = []
        for d, size in enumerate(sizes):
            least = (input.shape[d - dims] - 1) * stride[d] - 2 * padding[d]
            least += (1 if dilation is None else dilation[d]) * (kernel_size[d] - 1) + 1
            if not least <= size < least + stride[d]:
                raise ValueError(
                    f"requested an output size of {sizes}, but valid sizes of dimension {d} range from {least} to "
                    f"{least + stride[d] - 1} (for an input of {tuple(input.shape)})"
                )
            out.append(size - least)
        return out

    def _transpose(self, function: Any, input: Any, output_size: Any) -> Any:
        padding = self.output_padding
        if output_size is not None:
            place = (self.stride, self.padding, self.kernel_size, self._dims, self.dilation)
            padding = self._output_padding(input, output_size, *place)
        return function(
            input, self.weight, self.bias, self.stride, self.padding, padding, self.groups, self.dilation
        )  # fmt: skip


class ConvTranspose1d(_ConvTranspose):
    __doc__ = f"Over one dimension. {_ConvTranspose.__doc__}"
    _dims = 1

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        out: Tensor = self._transpose(F.conv_transpose1d, input, output_size)
        return out


class ConvTranspose2d(_ConvTranspose):
    __doc__ = f"Over two dimensions. {_ConvTranspose.__doc__}"
    _dims = 2

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        out: Tensor = self._transpose(F.conv_transpose2d, input, output_size)
        return out


class ConvTranspose3d(_ConvTranspose):
    __doc__ = f"Over three dimensions. {_ConvTranspose.__doc__}"
    _dims = 3

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        out: Tensor = self._transpose(F.conv_transpose3d, input, output_size)
        return out
