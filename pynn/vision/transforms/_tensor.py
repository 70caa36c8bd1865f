"""Transforms of tensor images (..., C, H, W), made of pynn's operations, so that gradients pass where they can."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy

import pynn
from pynn import Tensor
from pynn._core import wrap
from pynn.nn import functional as F

_LARGEST = {"uint8": 255, "int8": 127, "int16": 32767, "uint16": 65535, "int32": 2**31 - 1, "int64": 2**63 - 1}


def check(img: Tensor) -> None:
    """Raise TypeError where `img` cannot be an image."""
    if img.ndim < 2:
        raise TypeError(f"Tensor is not a torch image: it has {img.ndim} dimensions, at least 2 expected.")


def dimensions(img: Tensor) -> list[int]:
    """[channels, height, width]."""
    check(img)
    return [1 if img.ndim == 2 else img.shape[-3], *img.shape[-2:]]


def largest(dtype: Any) -> int:
    """What white is in an image of this dtype: the largest integer, or 1."""
    return _LARGEST.get(str(dtype).split(".")[-1], 1)


def check_channels(img: Tensor, *allowed: int, least: int = 2) -> None:
    """Raise TypeError where the image has other numbers of channels, or fewer dimensions than `least`."""
    check(img)
    if img.ndim < least:
        raise TypeError(f"Input image tensor should have at least {least} dimensions, but found {img.ndim}")
    channels = dimensions(img)[0]
    if channels not in allowed:
        raise TypeError(f"Input image tensor permitted channel values are {list(allowed)}, but found {channels}")


def convert_dtype(image: Tensor, dtype: Any) -> Tensor:
    if image.dtype == dtype:
        return image
    white = largest(dtype)
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        unsafe = (pynn.int32, pynn.int64) if image.dtype == pynn.float32 else (pynn.int64,)
        if dtype in unsafe:
            raise RuntimeError(f"The cast from {image.dtype} to {dtype} cannot be performed safely.")
        # Every integer gets as much of [0, 1]; scaled by white alone, only 1.0 itself would become white.
        return (image * (white + 1.0 - 1e-3)).to(dtype)
    before = largest(image.dtype)
    if dtype.is_floating_point:
        return image.to(dtype) / before
    if before > white:
        return (image // ((before + 1) // (white + 1))).to(dtype)
    return image.to(dtype) * ((white + 1) // (before + 1))


def crop(img: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    check(img)
    bottom, right = top + height, left + width
    rows, columns = img.shape[-2:]
    if left >= 0 and top >= 0 and right <= columns and bottom <= rows:
        return img[..., top:bottom, left:right]
    inner = img[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    missing = [
        max(min(right, 0) - left, 0),
        max(right - max(columns, left), 0),
        max(min(bottom, 0) - top, 0),
        max(bottom - max(rows, top), 0),
    ]
    return F.pad(inner, missing, value=0)


def pad(img: Tensor, padding: Sequence[int], fill: float | None, padding_mode: str) -> Tensor:
    """padding: [left, top, right, bottom]; negative ones crop."""
    left, top, right, bottom = padding
    sides = [left, right, top, bottom]
    if padding_mode == "constant":
        out: Tensor = F.pad(img, sides, value=0 if fill is None else fill)
        return out
    if padding_mode == "symmetric":
        return img[..., _mirror(img.shape[-2], top, bottom)[:, None], _mirror(img.shape[-1], left, right)[None, :]]
    mode = {"edge": "replicate"}.get(padding_mode, padding_mode)
    # The padding operations take (N, C, H, W) of floats.
    work, restore = _batched(img)
    out = restore(F.pad(work, sides, mode=mode))
    return out


def _mirror(size: int, before: int, after: int) -> Tensor:
    """Indices that continue 0 to size - 1 by reflection, edges twice."""
    places = numpy.arange(-before, size + after)
    return wrap(numpy.where(places < 0, -1 - places, numpy.where(places >= size, 2 * size - 1 - places, places)))


def _batched(img: Tensor) -> tuple[Tensor, Any]:
    """`img` as floats (N, C, H, W), and what gives a result the old form back; integers are rounded."""
    lead, dtype = img.shape[:-2], img.dtype
    shaped = img if img.ndim == 4 else img.reshape((1,) * (3 - img.ndim) + tuple(img.shape)) if img.ndim < 3 else img
    work = shaped.reshape((-1,) + tuple(shaped.shape[-3:]))
    exact = dtype in (pynn.float32, pynn.float64)
    work = work if exact else work.to(pynn.float32)

    def restore(out: Tensor) -> Tensor:
        out = out.reshape(tuple(lead) + tuple(out.shape[-2:]))
        if exact:
            return out
        return out.to(dtype) if dtype.is_floating_point else _rounded(out, dtype)

    return work, restore


def _rounded(out: Tensor, dtype: Any) -> Tensor:
    return out.round().to(dtype)


def resize(img: Tensor, size: Sequence[int], mode: str, antialias: bool | None) -> Tensor:
    check(img)
    if mode not in ("nearest", "nearest-exact", "bilinear", "bicubic"):
        raise ValueError(f"Interpolation mode '{mode}' is unsupported with Tensor input")
    work, restore = _batched(img)
    if mode.startswith("nearest"):
        out = F.interpolate(work, size=list(size), mode=mode)
    elif antialias:
        # Rows and columns are weighted sums: two products with matrices of weights.
        down, across = (_weights(old, new, mode, work.dtype) for old, new in zip(work.shape[-2:], size))
        out = pynn.matmul(pynn.matmul(down, work), across.transpose(0, 1))
    else:
        out = F.interpolate(work, size=list(size), mode=mode, align_corners=False)
    if mode == "bicubic" and img.dtype == pynn.uint8:
        out = out.clamp(0, 255)
    result: Tensor = restore(out)
    return result


def _weights(old: int, new: int, mode: str, dtype: Any) -> Tensor:
    """(new, old): how much of each old pixel goes into each new one; shrinking, the filter is as wide as a new pixel."""
    scale = old / new
    stretch = max(scale, 1.0)
    centre = (numpy.arange(new) + 0.5) * scale
    distance = numpy.abs(numpy.arange(old) + 0.5 - centre[:, None]) / stretch
    if mode == "bilinear":
        weights = numpy.maximum(1.0 - distance, 0.0)
    else:  # Keys' cubic, with -0.5 as Pillow has it
        near = (1.5 * distance - 2.5) * distance**2 + 1.0
        far = ((-0.5 * distance + 2.5) * distance - 4.0) * distance + 2.0
        weights = numpy.where(distance < 1, near, numpy.where(distance < 2, far, 0.0))
    weights /= weights.sum(1, keepdims=True)
    return wrap(weights).to(dtype)


def grayscale(img: Tensor, channels: int) -> Tensor:
    check_channels(img, 1, 3, least=3)
    if channels not in (1, 3):
        raise ValueError(f"num_output_channels should be either 1 or 3, got {channels}")
    if img.shape[-3] == 3:
        red, green, blue = img.unbind(dim=-3)
        grey = (0.2989 * red + 0.587 * green + 0.114 * blue).to(img.dtype).unsqueeze(-3)
    else:
        grey = img.clone()
    return grey.expand(img.shape[:-3] + (3,) + img.shape[-2:]) if channels == 3 else grey


def blend(img: Tensor, other: Tensor, ratio: float) -> Tensor:
    """ratio of the one and 1 - ratio of the other, cut to what the dtype holds."""
    mixed = ratio * img + (1.0 - ratio) * other
    return mixed.clamp(0, largest(img.dtype)).to(img.dtype)


def adjust_brightness(img: Tensor, factor: float) -> Tensor:
    check_channels(img, 1, 3)
    return blend(img, pynn.zeros_like(img), factor)


def adjust_contrast(img: Tensor, factor: float) -> Tensor:
    check_channels(img, 1, 3)
    dtype = img.dtype if img.is_floating_point() else pynn.float32
    grey = grayscale(img, 1) if dimensions(img)[0] == 3 else img
    return blend(img, grey.to(dtype).mean(dim=tuple(range(-min(3, img.ndim), 0)), keepdim=True), factor)


def adjust_saturation(img: Tensor, factor: float) -> Tensor:
    check_channels(img, 1, 3)
    return img if dimensions(img)[0] == 1 else blend(img, grayscale(img, 1), factor)


def adjust_sharpness(img: Tensor, factor: float) -> Tensor:
    check_channels(img, 1, 3)
    if img.shape[-1] <= 2 or img.shape[-2] <= 2:
        return img
    work, restore = _batched(img)
    kernel = numpy.ones((3, 3))
    kernel[1, 1] = 5.0
    smooth = _filter(work, wrap(kernel / 13.0).to(work.dtype))
    inner = restore(smooth)
    soft = pynn.cat([img[..., 1:-1, :1], inner, img[..., 1:-1, -1:]], -1)  # the frame stays as it is
    soft = pynn.cat([img[..., :1, :], soft, img[..., -1:, :]], -2)
    return blend(img, soft, factor)


def _filter(work: Tensor, kernel: Tensor) -> Tensor:
    """Every channel convolved with one kernel (h, w)."""
    channels = work.shape[1]
    return F.conv2d(work, kernel.expand(channels, 1, *kernel.shape), groups=channels)


def gaussian_blur(img: Tensor, kernel_size: Sequence[int], sigma: Sequence[float]) -> Tensor:
    work, restore = _batched(img)
    width, height = kernel_size
    across, down = _bell(width, sigma[0]), _bell(height, sigma[1])
    work = F.pad(work, [width // 2, width // 2, height // 2, height // 2], mode="reflect")
    out: Tensor = restore(_filter(work, wrap(numpy.outer(down, across)).to(work.dtype)))
    return out


@functools.lru_cache(maxsize=64)
def _bell(size: int, sigma: float) -> numpy.ndarray:
    x = numpy.arange(size) - (size - 1) / 2
    values = numpy.exp(-0.5 * (x / sigma) ** 2)
    out: numpy.ndarray = values / values.sum()
    return out


def adjust_gamma(img: Tensor, gamma: float, gain: float) -> Tensor:
    check_channels(img, 1, 3)
    work = img if img.is_floating_point() else convert_dtype(img, pynn.float32)
    return convert_dtype((gain * work**gamma).clamp(0, 1), img.dtype)


def adjust_hue(img: Tensor, factor: float) -> Tensor:
    check_channels(img, 1, 3)
    if dimensions(img)[0] == 1:
        return img
    hue, saturation, value = _to_hsv(convert_dtype(img, pynn.float32))
    return convert_dtype(_from_hsv((hue + factor) % 1.0, saturation, value), img.dtype)


def _to_hsv(img: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    red, green, blue = img.unbind(dim=-3)
    high, low = img.amax(dim=-3), img.amin(dim=-3)
    spread = high - low
    grey = spread == 0
    one = pynn.ones_like(high)
    saturation = spread / pynn.where(grey, one, high)
    divisor = pynn.where(grey, one, spread)
    r, g, b = (high - red) / divisor, (high - green) / divisor, (high - blue) / divisor
    sector = pynn.where(red == high, b - g, pynn.where(green == high, 2.0 + r - b, 4.0 + g - r))
    return (sector / 6.0 + 1.0) % 1.0, saturation, high


def _from_hsv(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    sector = pynn.floor(hue * 6.0)
    part = hue * 6.0 - sector
    sector = sector.to(pynn.int32) % 6
    p = (value * (1.0 - saturation)).clamp(0.0, 1.0)
    q = (value * (1.0 - saturation * part)).clamp(0.0, 1.0)
    t = (value * (1.0 - saturation * (1.0 - part))).clamp(0.0, 1.0)
    channels = []
    for choices in ((value, q, p, p, t, value), (t, value, value, q, p, p), (p, p, t, value, value, q)):
        out = choices[5]
        for number, choice in enumerate(choices[:5]):
            out = pynn.where(sector == number, choice, out)
        channels.append(out)
    return pynn.stack(channels, dim=-3)


def invert(img: Tensor) -> Tensor:
    check_channels(img, 1, 3, least=3)
    return largest(img.dtype) - img


def _bytes_only(img: Tensor) -> None:
    check_channels(img, 1, 3, least=3)
    if img.dtype != pynn.uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")


def posterize(img: Tensor, bits: int) -> Tensor:
    _bytes_only(img)
    out: Tensor = img & (256 - 2 ** (8 - bits))
    return out


def solarize(img: Tensor, threshold: float) -> Tensor:
    check_channels(img, 1, 3, least=3)
    if threshold > largest(img.dtype):
        raise TypeError(f"Threshold should be less than bound of img, got {threshold}.")
    return pynn.where(img >= threshold, invert(img), img)


def autocontrast(img: Tensor) -> Tensor:
    check_channels(img, 1, 3, least=3)
    dtype = img.dtype if img.is_floating_point() else pynn.float32
    low = img.amin(dim=(-2, -1), keepdim=True).to(dtype)
    high = img.amax(dim=(-2, -1), keepdim=True).to(dtype)
    flat = low == high
    white = largest(img.dtype)
    scale = pynn.where(flat, pynn.ones_like(low), white / pynn.where(flat, pynn.ones_like(low), high - low))
    low = pynn.where(flat, pynn.zeros_like(low), low)
    return ((img - low) * scale).clamp(0, white).to(img.dtype)


def equalize(img: Tensor) -> Tensor:
    _bytes_only(img)
    if img.ndim > 4:
        raise TypeError(f"Input image tensor should have 3 or 4 dimensions, but found {img.ndim}")
    pixels = img.numpy()
    out = numpy.empty_like(pixels)
    for place in numpy.ndindex(*pixels.shape[:-2]):
        counts = numpy.bincount(pixels[place].reshape(-1), minlength=256)
        step = (counts.sum() - counts[counts != 0][-1]) // 255
        if step == 0:
            out[place] = pixels[place]
            continue
        table = (numpy.cumsum(counts) + step // 2) // step
        table = numpy.concatenate([[0], table[:-1]]).clip(0, 255).astype(numpy.uint8)
        out[place] = table[pixels[place]]
    return wrap(out)


def normalize(tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool) -> Tensor:
    check(tensor)
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.ndim < 3:
        raise ValueError(
            f"Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = {tensor.size()}"
        )
    mean_, std_ = (pynn.as_tensor(v, dtype=tensor.dtype, device=tensor.device) for v in (mean, std))
    if (std_ == 0).any():
        raise ValueError(f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero.")
    mean_, std_ = (v.reshape(-1, 1, 1) if v.ndim == 1 else v for v in (mean_, std_))
    if inplace:
        return tensor.sub_(mean_).div_(std_)
    return (tensor - mean_) / std_


def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Any, inplace: bool) -> Tensor:
    check(img)
    if not inplace:
        img = img.clone()
    img[..., i : i + h, j : j + w] = v
    return img
