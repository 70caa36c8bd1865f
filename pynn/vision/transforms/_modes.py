"""How pictures are resampled."""

import enum
from typing import Any

__all__ = ["InterpolationMode", "as_mode", "pillow_filter"]


class InterpolationMode(enum.Enum):
    """Interpolation modes; box, hamming and lanczos are for Pillow pictures only."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


# Pillow's numbers for its filters.
_FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}


def as_mode(interpolation: Any) -> InterpolationMode:
    """The mode that is meant: itself, or one of Pillow's numbers. Raises TypeError for anything else."""
    if isinstance(interpolation, InterpolationMode):
        return interpolation
    if isinstance(interpolation, int) and 0 <= int(interpolation) <= 5:
        return InterpolationMode(next(name for name, number in _FILTERS.items() if number == int(interpolation)))
    raise TypeError(
        "Argument interpolation should be a InterpolationMode or a corresponding Pillow integer constant, "
        f"got {interpolation!r}"
    )


def pillow_filter(mode: InterpolationMode) -> int:
    """Pillow's number for a mode."""
    return _FILTERS[mode.value.removesuffix("-exact")]
