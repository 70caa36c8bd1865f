"""Images resized and rearranged, with torch.nn.functional's signatures."""

import math
import warnings
from typing import Any

import numpy

from pynn._core import Tensor, call, made
from pynn.nn.functional.pool import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from pynn.ops.devices import beside_input
from pynn.ops.registry import export
from pynn.ops.resample import RESAMPLE

__all__ = [
    "channel_shuffle", "interpolate", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle", "upsample",
    "upsample_bilinear", "upsample_nearest",
]  # fmt: skip


@export(method=False)
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(..., C r^2, H, W) as (..., C, H r, W r), r = upscale_factor (arXiv:1609.05158)."""
    r = int(upscale_factor)
    shape = input._array.shape
    if len(shape) < 3:
        raise RuntimeError(
            f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {len(shape)}."
        )
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *lead, channels, height, width = shape
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={channels} is not divisible by {r * r}"
        )
    n = len(lead)
    split = input.reshape((*lead, channels // (r * r), r, r, height, width))
    return split.permute((*range(n), n, n + 3, n + 1, n + 4, n + 2)).reshape(
        (*lead, channels // (r * r), height * r, width * r)
    )


@export(method=False)
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(..., C, H r, W r) as (..., C r^2, H, W), r = downscale_factor: pixel_shuffle undone."""
    r = int(downscale_factor)
    shape = input._array.shape
    if len(shape) < 3:
        raise RuntimeError(
            f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with {len(shape)}."
        )
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *lead, channels, height, width = shape
    if height % r or width % r:
        raise RuntimeError(
            f"pixel_unshuffle expects height and width to be divisible by downscale_factor, but got {height} x {width} "
            f"and {r}"
        )
    n = len(lead)
    split = input.reshape((*lead, channels, height // r, r, width // r, r))
    return split.permute((*range(n), n, n + 2, n + 4, n + 1, n + 3)).reshape(
        (*lead, channels * r * r, height // r, width // r)
    )


@export(method=False)
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """(N, C, ...) with the channels of `groups` groups taken in turn (arXiv:1707.01083)."""
    shape = input._array.shape
    if len(shape) < 3:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(shape)}")
    if groups <= 0 or shape[1] % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {shape[1]} channels and {groups} groups."
        )
    split = input.reshape((shape[0], groups, shape[1] // groups, *shape[2:]))
    return split.transpose(1, 2).reshape(shape)


@export(method=False)
def native_channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """channel_shuffle."""
    return channel_shuffle(input, groups)


# ---- interpolation ----

_DIMENSIONS = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_AREA = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}


def _per_dimension(value: Any, dims: Any, name: str) -> Any:
    if not isinstance(value, (tuple, list)):
        return (value,) * dims
    if len(value) != dims:
        raise ValueError(
            f"Input and {name} must have the same number of spatial dimensions, but got {dims} of input and {name} "
            f"{value}."
        )
    return tuple(value)


def _smoothing(size: int, out: int, factor: float | None, cubic: bool, align_corners: bool) -> numpy.ndarray:
    """The weights (size, out) of the inputs in each output: the kernel stretched over the inputs an output covers."""
    if align_corners:
        step = (size - 1) / (out - 1) if out > 1 else 0.0
    else:
        step = 1.0 / factor if factor else size / out
    reach = 2.0 if cubic else 1.0
    width = reach * max(step, 1.0)
    centre = step * (numpy.arange(out) + 0.5)
    start = numpy.maximum(numpy.trunc(centre - width + 0.5), 0)
    stop = numpy.minimum(numpy.trunc(centre + width + 0.5), size)
    place = numpy.arange(size)[:, None]
    x = numpy.abs((place - centre + 0.5) / max(step, 1.0))
    if cubic:  # Keys 1981, a = -0.5
        inner = ((1.5 * x - 2.5) * x) * x + 1
        outer = ((-0.5 * x + 2.5) * x - 4) * x + 2
        weights = numpy.where(x < 1, inner, numpy.where(x < 2, outer, 0.0))
    else:
        weights = numpy.maximum(1 - x, 0.0)
    weights = numpy.where((place >= start) & (place < stop), weights, 0.0)
    result: numpy.ndarray = weights / weights.sum(0)
    return result


@beside_input
def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """input (N, C, ...) resized to size, or by scale_factor, each one number or one a spatial dimension.

    mode: "nearest", "nearest-exact", "area", and "linear", "bilinear", "bicubic" or "trilinear" for 1, 2, 2 or 3
    dimensions. align_corners: the corners' centres stay (else the corners). antialias: for "bilinear" and "bicubic", an
    output smaller than the input averages over all that it stands for. uint8 images are rounded.
    Raises ValueError for arguments that do not go together, NotImplementedError for other modes.
    """
    dims = input.ndim - 2
    if align_corners is not None and mode not in _DIMENSIONS:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
    if (size is None) == (scale_factor is None):
        raise ValueError("only one of size or scale_factor should be defined, and one of them must be.")
    if antialias and not (mode in ("bilinear", "bicubic") and input.ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, and bicubic modes and requires a 4-D tensor as input"
        )
    if mode not in ("nearest", "nearest-exact", "area", *_DIMENSIONS) or not 1 <= dims <= 3:
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.ndim}D) for the modes: nearest | "
            f"linear | bilinear | bicubic | trilinear | area | nearest-exact (got {mode})"
        )
    if _DIMENSIONS.get(mode, dims) != dims:
        raise NotImplementedError(f"Got {input.ndim}D input, but {mode} mode needs {_DIMENSIONS[mode] + 2}D input")
    shape = input._array.shape[2:]
    if size is not None:
        out = tuple(int(n) for n in _per_dimension(size, dims, "size"))
        factors = (None,) * dims
    else:
        factors = _per_dimension(scale_factor, dims, "scale_factor")
        out = tuple(math.floor(n * f) for n, f in zip(shape, factors))
        factors = (None,) * dims if recompute_scale_factor else factors
    if min(out) < 1:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input {list(shape)} and output {list(out)}"
        )
    if mode == "area":
        return _AREA[dims](input, out)
    kept = tuple(float(f) for f in factors) if factors[0] is not None else None
    if input._array.dtype.kind in "iu" and mode in ("nearest", "nearest-exact", "bilinear"):
        limits = numpy.iinfo(input._array.dtype)  # as torch has it for images of uint8
        wide = interpolate(input.double(), size, scale_factor, mode, align_corners, recompute_scale_factor, antialias)
        return (wide + 0.5).floor().clamp(limits.min, limits.max).to(input.dtype)
    if antialias:
        for d, (n, o) in enumerate(zip(shape, out)):
            scale = None if kept is None else kept[d]
            matrix = _smoothing(n, o, scale, mode == "bicubic", bool(align_corners)).astype(input._array.dtype)
            input = (input.transpose(2 + d, -1) @ made(matrix)).transpose(2 + d, -1)
        return input
    name = mode if mode.startswith("nearest") else "cubic" if mode == "bicubic" else "linear"
    if kept is not None and name in ("linear", "nearest"):
        # torch copies an axis that keeps its length, and nearest doubles one, whatever the factor's fraction says.
        whole = (n == o or (name == "nearest" and o == 2 * n) for n, o in zip(shape, out))
        kept = tuple(o / n if w else f for n, o, f, w in zip(shape, out, kept, whole))
    return call(RESAMPLE, (input,), (name, out, kept, bool(align_corners)))


def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """interpolate, by its older name."""
    return interpolate(input, size, scale_factor, mode, align_corners)


def _deprecated(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.", FutureWarning, stacklevel=3
    )


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """interpolate by mode "nearest"; warns that it is deprecated."""
    _deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """interpolate by mode "bilinear" with align_corners=True; warns that it is deprecated."""
    _deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
