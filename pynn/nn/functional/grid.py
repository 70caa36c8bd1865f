"""Sampling images along a grid, with torch.nn.functional's signatures (spatial transformers, arXiv:1506.02025)."""

import functools
import itertools
import operator
from typing import Any

import numpy

from pynn._core import Tensor, made
from pynn.amp.autocast_mode import float32_function
from pynn.nn.functional.arguments import require_tensors
from pynn.ops.devices import beside_input

__all__ = ["affine_grid", "grid_sample"]


def _check_choice(name: str, value: Any, choices: Any) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, but got: {value!r}")


def _base(size: Any, align_corners: Any) -> Any:
    """The centres of `size` cells over [-1, 1], or points from end to end."""
    place = numpy.arange(size, dtype=numpy.float64)
    if align_corners:
        return place * (2.0 / (size - 1)) - 1.0 if size > 1 else place
    return (2.0 * place + 1.0) / size - 1.0


@beside_input
def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """The sampling grid of affine maps theta (N, 2, 3) for images of size (N, C, H, W): (N, H, W, 2).

    Also theta (N, 3, 4) with size (N, C, D, H, W). Raises ValueError for other shapes.
    """
    size = tuple(int(n) for n in size)
    dims = len(size) - 2
    if dims not in (2, 3):
        raise NotImplementedError(
            f"affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms. Got {size}."
        )
    if theta.ndim != 3 or theta._array.shape[1:] != (dims, dims + 1):
        raise ValueError(
            f"Expected a batch of {dims}D affine matrices of shape Nx{dims}x{dims + 1} for size {size}. Got "
            f"{list(theta.shape)}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    axes = numpy.meshgrid(*(_base(n, align_corners) for n in size[2:]), indexing="ij")
    points = numpy.stack([*axes[::-1], numpy.ones(size[2:])], axis=-1).reshape(-1, dims + 1)
    base = made(points.astype(theta._array.dtype))
    return (base @ theta.transpose(1, 2)).reshape((size[0], *size[2:], dims))


def _pixels(x: Any, size: Any, align_corners: Any) -> Any:
    """Places in [-1, 1] as places among `size` pixels."""
    return (x + 1) * ((size - 1) / 2) if align_corners else ((x + 1) * size - 1) / 2


def _reflected(x: Any, low: Any, high: Any) -> Any:
    """x thrown back at low and high until it lies between."""
    span = high - low
    if span <= 0:
        return x * 0
    away = (x - low).abs()
    turns = (away.detach() / span).floor()
    rest = away - turns * span
    odd = turns % 2
    return odd * (span - rest) + (1 - odd) * rest + low


def _bounded(x: Any, size: Any, padding_mode: Any, align_corners: Any) -> Any:
    if padding_mode == "reflection":
        x = _reflected(x, 0.0, size - 1.0) if align_corners else _reflected(x, -0.5, size - 0.5)
    return x if padding_mode == "zeros" else x.clamp(0, size - 1).nan_to_num(0.0)


def _take(input: Any, index: Any, size: Any) -> Tensor:
    """input (N, C, *size) at integer places (tensors (N, ...)), zeros outside: (N, C, ...)."""
    shape = input._array.shape
    inside: Any = None
    flat: Any = None
    for place, n in zip(index, size):
        fits = (place >= 0) & (place < n)
        inside = fits if inside is None else inside & fits
        held = place.clamp(0, n - 1).nan_to_num(0.0).long()  # floats cannot count the elements of large images
        flat = held if flat is None else flat * n + held
    spots = flat._array.shape[1:]
    rows = flat.reshape(shape[0], 1, -1).expand(shape[0], shape[1], -1)
    found = input.reshape(shape[0], shape[1], -1).gather(2, rows).reshape((shape[0], shape[1], *spots))
    result: Tensor = found * inside.to(input.dtype).unsqueeze(1)
    return result


def _linear(input: Any, places: Any, size: Any) -> Tensor:
    """The 2^d neighbours of each place, weighted by nearness."""
    low = [p.detach().floor() for p in places]

    def part(corner: tuple[int, ...]) -> Tensor:
        near = (p - first if c else first + 1 - p for p, first, c in zip(places, low, corner))
        weight: Tensor = functools.reduce(operator.mul, near)
        return _take(input, [first + c for first, c in zip(low, corner)], size) * weight.unsqueeze(1)

    total: Tensor = functools.reduce(operator.add, map(part, itertools.product((0, 1), repeat=len(size))))
    return total


def _cubic_weights(t: Any) -> Any:
    """The weights of the four neighbours at -1, 0, 1 and 2 of a place t past one (Keys 1981, a = -0.75)."""
    a = -0.75

    def near(x: Any) -> Any:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Any) -> Any:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return far(t + 1), near(t), near(1 - t), far(2 - t)


def _cubic(input: Any, places: Any, size: Any, padding_mode: Any, align_corners: Any) -> Tensor:
    """The 4 x 4 neighbours of each place; those outside are moved or zero one by one."""
    low = [p.detach().floor() for p in places]
    weights = [_cubic_weights(p - first) for p, first in zip(places, low)]

    def part(at: tuple[int, ...]) -> Tensor:
        spots = [_bounded(first + (k - 1), n, padding_mode, align_corners) for first, k, n in zip(low, at, size)]
        weight: Tensor = weights[0][at[0]] * weights[1][at[1]]
        return _take(input, spots, size) * weight.unsqueeze(1)

    total: Tensor = functools.reduce(operator.add, map(part, itertools.product(range(4), repeat=2)))
    return total


@float32_function
def grid_sample(
    input: Tensor, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Tensor:
    """input (N, C, H, W) at the places grid (N, H', W', 2) names as (x, y) in [-1, 1]: (N, C, H', W').

    Also (N, C, D, H, W) with grid (N, D', H', W', 3). mode: "bilinear", "nearest" or, for images, "bicubic".
    padding_mode: "zeros", "border" or "reflection" for places outside. Raises ValueError or RuntimeError for other modes and shapes.
    """
    _check_choice("nn.functional.grid_sample(): mode", mode, ("bilinear", "nearest", "bicubic"))
    _check_choice("nn.functional.grid_sample(): padding_mode", padding_mode, ("zeros", "border", "reflection"))
    require_tensors("grid_sampler", input, grid, names=("input", "grid"))
    dims = input.ndim - 2
    a, g = input._array.shape, grid._array.shape
    if dims not in (2, 3) or len(g) != len(a) or g[0] != a[0] or g[-1] != dims:
        raise RuntimeError(
            f"grid_sampler(): expected input (N, C, H, W) or (N, C, D, H, W) and grid (N, ..., {max(dims, 2)}) of the "
            f"same batch, but got input with sizes {list(a)} and grid with sizes {list(g)}."
        )
    size = a[2:]
    places = [_pixels(grid[..., dims - 1 - i], n, align_corners) for i, n in enumerate(size)]
    if mode == "bicubic":
        if dims != 2:
            raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
        return _cubic(input, places, size, padding_mode, align_corners)
    places = [_bounded(p, n, padding_mode, align_corners) for p, n in zip(places, size)]
    if mode == "nearest":
        return _take(input, [p.detach().round() for p in places], size)
    return _linear(input, places, size)
