"""Reading pictures between their pixels."""

from typing import Any

import pynn
from pynn._core import Tensor


def bilinear(planes: Tensor, y: Tensor, x: Tensor, clamp: bool = False) -> Tensor:
    """Values at rows y and columns x, bilinear between pixels: planes (N, C, H, W), y and x (N, P) give (N, C, P).

    Pixels outside count as 0; clamp: places within one pixel of the picture count as its edge, those beyond as 0.
    Differentiable in all three.
    """
    n, channels, height, width = planes.shape
    flat = planes.reshape(n, channels, height * width)
    if clamp:
        beyond = (y < -1.0) | (y > height) | (x < -1.0) | (x > width)
        y, x = y.clamp(0.0, height - 1.0), x.clamp(0.0, width - 1.0)
    top, left = y.detach().floor(), x.detach().floor()
    down, right = y - top, x - left
    total: Any = 0
    for row, share_y in ((top, 1 - down), (top + 1, down)):
        for column, share_x in ((left, 1 - right), (left + 1, right)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            place = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).long()
            value = flat.gather(2, place.unsqueeze(1).expand(-1, channels, -1))
            total = total + value * (share_y * share_x * inside).unsqueeze(1)
    result: Tensor = total * ~beyond.unsqueeze(1) if clamp else total
    return result


def grid_places(start: Tensor, size: Tensor, bins: int, samples: int) -> Tensor:
    """Where `samples` evenly spaced points in each of `bins` equal parts of [start, start + size) lie: (K, bins, samples)."""
    steps = (pynn.arange(bins * samples, dtype=start.dtype, device=start.device) + 0.5) / samples
    return start.reshape(-1, 1, 1) + steps.reshape(1, bins, samples) * (size / bins).reshape(-1, 1, 1)
