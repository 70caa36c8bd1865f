"""Tensor images moved: affine maps, rotation, perspective and displacement fields."""

import math
from collections.abc import Sequence
from typing import Any

import numpy

import pynn
from pynn import Tensor
from pynn._core import wrap
from pynn.nn import functional as F
from pynn.vision.transforms._tensor import _batched, check

_Fill = float | Sequence[float] | None


def inverse_matrix(
    center: Sequence[float], angle: float, translate: Sequence[float], scale: float, shear: Sequence[float]
) -> list[float]:
    """Rows of the map from the output's places to the input's: the inverse of rotating, shearing, scaling, moving.

    angle and shear are in degrees; center is what rotation leaves where it is.
    """
    turn, lean_x, lean_y = (math.radians(value) for value in (angle, shear[0], shear[1]))
    forward = numpy.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    forward = forward @ [[1.0, 0.0], [-math.tan(lean_y), 1.0]] @ [[1.0, -math.tan(lean_x)], [0.0, 1.0]]
    back = numpy.array([[forward[1, 1], -forward[0, 1]], [-forward[1, 0], forward[0, 0]]]) / scale  # determinant 1
    middle = numpy.asarray(center, float)
    offset = middle - back @ (middle + numpy.asarray(translate, float))
    return [back[0, 0], back[0, 1], offset[0], back[1, 0], back[1, 1], offset[1]]


def perspective_coefficients(startpoints: Sequence[Sequence[int]], endpoints: Sequence[Sequence[int]]) -> list[float]:
    """(a, ..., h) such that the output's (x, y) shows the input's ((ax+by+c)/(gx+hy+1), (dx+ey+f)/(gx+hy+1))."""
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(
            f"Please provide exactly four corners, got {len(startpoints)} startpoints and {len(endpoints)} endpoints."
        )
    rows = []
    for (x, y), (u, v) in zip(endpoints, startpoints):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    wanted = numpy.asarray(startpoints, numpy.float64).reshape(8)
    solution = numpy.linalg.lstsq(numpy.asarray(rows, numpy.float64), wanted, rcond=None)[0]
    out: list[float] = solution.astype(numpy.float32).tolist()
    return out


def _check_fill(img: Tensor, mode: str, fill: _Fill) -> None:
    check(img)
    channels = 1 if img.ndim == 2 else img.shape[-3]
    if isinstance(fill, Sequence) and len(fill) not in (1, channels):
        raise ValueError(
            "The number of elements in 'fill' cannot broadcast to match the number of channels of the image "
            f"({len(fill)} != {channels})"
        )
    if mode not in ("nearest", "bilinear"):
        raise ValueError(f"Interpolation mode '{mode}' is unsupported with Tensor input")


def sample(img: Tensor, grid: numpy.ndarray | Tensor, mode: str, fill: _Fill) -> Tensor:
    """`img` at the places of `grid` (1, H, W, 2), in [-1, 1]; `fill` where a place lies outside."""
    work, restore = _batched(img)
    places = grid if isinstance(grid, Tensor) else wrap(grid)
    places = places.to(work.dtype).expand(work.shape[0], *places.shape[1:])
    if fill is None:
        result: Tensor = restore(F.grid_sample(work, places, mode=mode, padding_mode="zeros", align_corners=False))
        return result
    # One channel more of ones: what becomes of it says how much of a result comes from inside.
    inside = pynn.ones(work.shape[0], 1, *work.shape[2:], dtype=work.dtype)
    out = F.grid_sample(pynn.cat([work, inside], 1), places, mode=mode, padding_mode="zeros", align_corners=False)
    out, inside = out[:, :-1], out[:, -1:]
    values = list(fill) if isinstance(fill, Sequence) else [fill]
    colour = pynn.tensor([float(v) for v in values], dtype=work.dtype).reshape(1, -1, 1, 1)
    if mode == "nearest":
        result = restore(pynn.where(inside < 0.5, colour, out))
        return result
    result = restore(out * inside + (1.0 - inside) * colour)
    return result


def _affine_grid(matrix: Sequence[float], size: tuple[int, int], out: tuple[int, int]) -> numpy.ndarray:
    """Where each place of an output of size `out` (h, w) comes from, in [-1, 1]; the centre of both is (0, 0)."""
    (height, width), (rows, columns) = size, out
    x = numpy.arange(columns) + 0.5 - columns / 2
    y = (numpy.arange(rows) + 0.5 - rows / 2)[:, None]
    a, b, c, d, e, f = matrix
    return numpy.stack([(a * x + b * y + c) / (0.5 * width), (d * x + e * y + f) / (0.5 * height)], -1)[None]


def affine(img: Tensor, matrix: Sequence[float], mode: str, fill: _Fill) -> Tensor:
    _check_fill(img, mode, fill)
    size = (img.shape[-2], img.shape[-1])
    return sample(img, _affine_grid(matrix, size, size), mode, fill)


def rotate(img: Tensor, matrix: Sequence[float], mode: str, expand: bool, fill: _Fill) -> Tensor:
    _check_fill(img, mode, fill)
    size = (img.shape[-2], img.shape[-1])
    return sample(img, _affine_grid(matrix, size, _bounds(matrix, size) if expand else size), mode, fill)


def _bounds(matrix: Sequence[float], size: tuple[int, int]) -> tuple[int, int]:
    """The size (h, w) of the picture turned: what its corners span, ends rounded outwards, 1e-4 forgiven."""
    # In float32, as torchvision has it: its rounding swallows what a right angle's cosine is off 0.
    height, width = size
    rows = numpy.array(matrix, numpy.float32).reshape(2, 3)
    corners = numpy.array([(x * width, y * height, 1.0) for x in (-0.5, 0.5) for y in (-0.5, 0.5)], numpy.float32)
    moved = corners @ rows.T + numpy.array([width * 0.5, height * 0.5], numpy.float32)
    step = numpy.float32(1e-4)
    high = numpy.ceil(numpy.trunc(moved.max(0) / step) * step)
    low = numpy.floor(numpy.trunc(moved.min(0) / step) * step)
    wide, tall = (high - low).tolist()
    return int(tall), int(wide)


def perspective(img: Tensor, coefficients: Sequence[float], mode: str, fill: _Fill) -> Tensor:
    _check_fill(img, mode, fill)
    rows, columns = img.shape[-2:]
    x, y = numpy.arange(columns) + 0.5, (numpy.arange(rows) + 0.5)[:, None]
    a, b, c, d, e, f, g, h = coefficients
    below = g * x + h * y + 1.0
    across, down = (a * x + b * y + c) / (0.5 * columns), (d * x + e * y + f) / (0.5 * rows)
    return sample(img, numpy.stack([across / below, down / below], -1)[None] - 1.0, mode, fill)


def elastic(img: Tensor, displacement: Tensor, mode: str, fill: _Fill) -> Tensor:
    _check_fill(img, mode, fill)
    axes: list[Any] = [(2.0 * numpy.arange(size) + 1.0 - size) / size for size in img.shape[-2:]]
    down, across = numpy.meshgrid(*axes, indexing="ij")
    return sample(img, wrap(numpy.stack([across, down], -1)[None]) + displacement, mode, fill)
