"""The second generation's names, for pictures and tensor images: the same classes, and what is new among them."""

# ruff: noqa: F403, F405
from collections.abc import Callable, Sequence
from typing import Any

import numpy

import pynn
from pynn import Tensor, nn
from pynn._core import wrap
from pynn.vision._pillow import is_picture
from pynn.vision.transforms import *
from pynn.vision.transforms import Compose as _Compose
from pynn.vision.transforms import _random, autoaugment, transforms
from pynn.vision.transforms import functional as functional

__all__ = [
    "Compose",
    "Identity",
    "InterpolationMode",
    "RGB",
    "ToDtype",
    "ToImage",
    "ToPureTensor",
    "Transform",
    "functional",
    *_random.__all__,
    *autoaugment.__all__,
    *(name for name in transforms.__all__ if name != "Compose"),
]


class Transform(nn.Module):
    """The base of transforms: a subclass says what `transform(inpt, params)` does with a picture."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """What is drawn once for all inputs of a call."""
        return {}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define transform(inpt, params).")

    def forward(self, *inputs: Any) -> Any:
        params = self.make_params(list(inputs))
        first, *rest = inputs
        out = self.transform(first, params)
        return (out, *rest) if rest else out


class Compose(_Compose):
    """Transforms, one after the other; a target that comes along passes through those that take one thing."""

    def __init__(self, transforms: Sequence[Callable[..., Any]]) -> None:
        if not isinstance(transforms, Sequence):
            raise TypeError("Argument transforms should be a sequence of callables")
        if not transforms:
            raise ValueError("Pass at least one transform")
        super().__init__(transforms)

    def __call__(self, *inputs: Any) -> Any:
        first, *rest = inputs
        out = super().__call__(first)
        return (out, *rest) if rest else out


class ToImage(Transform):
    """A picture or array (H, W, C) to a tensor (C, H, W) of the same values; tensors stay."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if is_picture(inpt):
            return functional.pil_to_tensor(inpt)
        if isinstance(inpt, numpy.ndarray):
            pixels = inpt if inpt.ndim == 3 else inpt[:, :, None]
            return wrap(numpy.ascontiguousarray(pixels.transpose(2, 0, 1)))
        return inpt


class ToPureTensor(Transform):
    """Tensors as they are."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return inpt


class Identity(Transform):
    """Everything as it is."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return inpt


class ToDtype(Transform):
    """A tensor in another dtype; scale: so that white stays white."""

    def __init__(self, dtype: Any, scale: bool = False) -> None:
        super().__init__()
        self.dtype = dtype
        self.scale = scale

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not isinstance(inpt, Tensor) or self.dtype is None:
            return inpt
        return functional.convert_image_dtype(inpt, self.dtype) if self.scale else inpt.to(self.dtype)


class RGB(Transform):
    """Three channels, grey ones repeated."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if is_picture(inpt):
            return inpt.convert("RGB")
        return pynn.cat([inpt] * 3, dim=-3) if inpt.shape[-3] == 1 else inpt
