"""Padding as modules: padding is (left, right, top, bottom, ...), last dimension first, or one int for all sides."""

from typing import Any

from pynn._core import Tensor
from pynn.nn import functional as F
from pynn.nn._tuples import _ntuple
from pynn.nn.module import Module

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d",
    "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d",
    "ReplicationPad3d", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
]  # fmt: skip


class _Pad(Module):
    """Pads the last `_dims` dimensions by F.pad's `_mode`."""

    _dims = 0
    _mode = ""

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = _ntuple(2 * self._dims)(padding)  # F.pad says what is wrong with another length

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return str(self.padding)


class _Constant(_Pad):
    """Pads with one value."""

    def __init__(self, padding: Any, value: Any) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _Zero(_Constant):
    """Pads with zeros."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return str(self.padding)


class ConstantPad1d(_Constant):
    """Pads (N, C, W) or (C, W) with one value."""

    _dims = 1


class ConstantPad2d(_Constant):
    """Pads (N, C, H, W) or (C, H, W) with one value."""

    _dims = 2


class ConstantPad3d(_Constant):
    """Pads (N, C, D, H, W) or (C, D, H, W) with one value."""

    _dims = 3


class ZeroPad1d(_Zero):
    """Pads (N, C, W) or (C, W) with zeros."""

    _dims = 1


class ZeroPad2d(_Zero):
    """Pads (N, C, H, W) or (C, H, W) with zeros."""

    _dims = 2


class ZeroPad3d(_Zero):
    """Pads (N, C, D, H, W) or (C, D, H, W) with zeros."""

    _dims = 3


class ReflectionPad1d(_Pad):
    """Pads (N, C, W) or (C, W) with its mirror image, the edge not repeated."""

    _dims, _mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """Pads (N, C, H, W) or (C, H, W) with its mirror image, the edge not repeated."""

    _dims, _mode = 2, "reflect"


class ReflectionPad3d(_Pad):
    """Pads (N, C, D, H, W) or (C, D, H, W) with its mirror image, the edge not repeated."""

    _dims, _mode = 3, "reflect"


class ReplicationPad1d(_Pad):
    """Pads (N, C, W) or (C, W) with its edge."""

    _dims, _mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """Pads (N, C, H, W) or (C, H, W) with its edge."""

    _dims, _mode = 2, "replicate"


class ReplicationPad3d(_Pad):
    """Pads (N, C, D, H, W) or (C, D, H, W) with its edge."""

    _dims, _mode = 3, "replicate"


class _Circular(_Pad):
    """Pads with its other end; ValueError for an input of another number of dimensions."""

    _mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() not in (self._dims + 1, self._dims + 2):
            raise ValueError(f"expected {self._dims + 1}D or {self._dims + 2}D input (got {input.dim()}D input)")
        return super().forward(input)


class CircularPad1d(_Circular):
    """Pads (N, C, W) or (C, W) with its other end."""

    _dims = 1


class CircularPad2d(_Circular):
    """Pads (N, C, H, W) or (C, H, W) with its other end."""

    _dims = 2


class CircularPad3d(_Circular):
    """Pads (N, C, D, H, W) or (C, D, H, W) with its other end."""

    _dims = 3
