"""How pictures are prepared for networks trained on ImageNet."""

from collections.abc import Sequence
from typing import Any

import pynn
from pynn import Tensor, nn
from pynn.vision.transforms import functional as F
from pynn.vision.transforms._modes import InterpolationMode

__all__ = ["ImageClassification"]


class ImageClassification(nn.Module):
    """A picture or tensor image to a normalised float tensor (C, crop_size, crop_size)."""

    def __init__(
        self,
        *,
        crop_size: int,
        resize_size: int = 256,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.crop_size = [crop_size]
        self.resize_size = [resize_size]
        self.mean = list(mean)
        self.std = list(std)
        self.interpolation = interpolation
        self.antialias = antialias

    def forward(self, img: Any) -> Tensor:
        img = F.resize(img, self.resize_size, self.interpolation, antialias=self.antialias)
        img = F.center_crop(img, self.crop_size)
        if not isinstance(img, Tensor):
            img = F.pil_to_tensor(img)
        return F.normalize(F.convert_image_dtype(img, pynn.float32), self.mean, self.std)

    def __repr__(self) -> str:
        names = ("crop_size", "resize_size", "mean", "std", "interpolation")
        return "\n".join(["ImageClassification(", *(f"    {name}={getattr(self, name)}" for name in names), ")"])
