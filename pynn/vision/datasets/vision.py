"""The base of all data sets of pictures."""

from collections.abc import Callable
from typing import Any

from pynn.utils.data import Dataset
from pynn.vision.datasets.utils import expanded

__all__ = ["StandardTransform", "VisionDataset"]

_Transform = Callable[[Any], Any] | None


def _shown(transform: Any, head: str) -> list[str]:
    first, *rest = repr(transform).splitlines()
    return [head + first, *(" " * len(head) + line for line in rest)]


class StandardTransform:
    """One transform for the picture and one for the target."""

    def __init__(self, transform: _Transform = None, target_transform: _Transform = None) -> None:
        self.transform = transform
        self.target_transform = target_transform

    def __call__(self, input: Any, target: Any) -> tuple[Any, Any]:
        if self.transform is not None:
            input = self.transform(input)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return input, target

    def __repr__(self) -> str:
        lines = [type(self).__name__]
        if self.transform is not None:
            lines += _shown(self.transform, "Transform: ")
        if self.target_transform is not None:
            lines += _shown(self.target_transform, "Target transform: ")
        return "\n".join(lines)


class VisionDataset(Dataset[Any]):
    """A data set in the folder `root`. transforms takes picture and target at once; the other two one of them.

    Raises ValueError where `transforms` comes with one of the others.
    """

    def __init__(
        self,
        root: Any = None,
        transforms: Callable[[Any, Any], Any] | None = None,
        transform: _Transform = None,
        target_transform: _Transform = None,
    ) -> None:
        self.root = expanded(root)
        separate = transform is not None or target_transform is not None
        if transforms is not None and separate:
            raise ValueError("Only transforms or transform/target_transform can be passed as argument")
        self.transform = transform
        self.target_transform = target_transform
        self.transforms = StandardTransform(transform, target_transform) if separate else transforms

    def _prepared(self, sample: Any, target: Any) -> tuple[Any, Any]:
        """Picture and target after their transforms."""
        return StandardTransform(self.transform, self.target_transform)(sample, target)

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(index).")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define __len__().")

    def __repr__(self) -> str:
        lines = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            lines.append(f"Root location: {self.root}")
        lines += self.extra_repr().splitlines()
        if self.transforms is not None:
            lines.append(repr(self.transforms))
        return "\n".join([f"Dataset {type(self).__name__}", *(f"    {line}" for line in lines)])

    def extra_repr(self) -> str:
        """What else the text of a data set says."""
        return ""
