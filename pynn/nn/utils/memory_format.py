"""Conversion of convolutions' weights to another memory format."""

from typing import Any, TypeVar

from pynn.nn.conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d
from pynn.nn.module import Module

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]

M = TypeVar("M", bound=Module)


def _convert(module: M, memory_format: Any, kinds: tuple[type, ...]) -> M:
    for part in module.modules():
        if isinstance(part, kinds):
            weight: Any = part.weight
            weight.data = weight.detach().clone().contiguous(memory_format=memory_format)
    return module


def convert_conv2d_weight_memory_format(module: M, memory_format: Any) -> M:
    """Give the weights of all Conv2d and ConvTranspose2d in module a memory format; returns module."""
    return _convert(module, memory_format, (Conv2d, ConvTranspose2d))


def convert_conv3d_weight_memory_format(module: M, memory_format: Any) -> M:
    """Give the weights of all Conv3d and ConvTranspose3d in module a memory format; returns module."""
    return _convert(module, memory_format, (Conv3d, ConvTranspose3d))
