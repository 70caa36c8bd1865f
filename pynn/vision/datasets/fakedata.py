"""Pictures of noise, to try things out."""

from typing import Any

import pynn
from pynn._random import Generator
from pynn.vision.datasets.vision import VisionDataset
from pynn.vision.transforms.functional import to_pil_image

__all__ = ["FakeData"]


class FakeData(VisionDataset):
    """`size` random pictures of image_size (C, H, W) and their classes, the same for one index every time."""

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Any = None,
        target_transform: Any = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(None, transform=transform, target_transform=target_transform)
        self.size = size
        self.num_classes = num_classes
        self.image_size = image_size
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index out of range: {index} of {len(self)}")
        generator = Generator().manual_seed(index + self.random_offset)
        img = pynn.rand(*self.image_size, generator=generator)
        target = pynn.randint(0, self.num_classes, (1,), generator=generator)[0]
        img, target = self._prepared(to_pil_image(img), target)
        return img, target.item() if isinstance(target, pynn.Tensor) else target

    def __len__(self) -> int:
        return self.size
