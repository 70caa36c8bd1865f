"""Transforms as functions of one picture: a Pillow picture, or a tensor (..., C, H, W).

What comes back is of the kind that was given. Names and arguments are torchvision's.
"""

import numbers
import warnings
from collections.abc import Sequence
from typing import Any

import numpy

import pynn
from pynn import Tensor
from pynn._core import wrap
from pynn.vision._pillow import is_picture
from pynn.vision.transforms import _picture, _tensor, _warp
from pynn.vision.transforms._modes import InterpolationMode, as_mode, pillow_filter

__all__ = [
    "InterpolationMode",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "adjust_sharpness",
    "affine",
    "autocontrast",
    "center_crop",
    "convert_image_dtype",
    "crop",
    "elastic_transform",
    "equalize",
    "erase",
    "five_crop",
    "gaussian_blur",
    "get_dimensions",
    "get_image_num_channels",
    "get_image_size",
    "hflip",
    "invert",
    "normalize",
    "pad",
    "perspective",
    "pil_to_tensor",
    "posterize",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "solarize",
    "ten_crop",
    "to_grayscale",
    "to_pil_image",
    "to_tensor",
    "vflip",
]

_Fill = float | Sequence[float] | None


def _is_tensor(img: Any) -> bool:
    """Whether `img` is a tensor, rather than a Pillow picture. Raises TypeError where it is neither."""
    if isinstance(img, Tensor):
        return True
    if is_picture(img):
        return False
    raise TypeError(f"img should be PIL Image or Tensor. Got {type(img)}")


def get_dimensions(img: Any) -> list[int]:
    """[channels, height, width]."""
    return _tensor.dimensions(img) if _is_tensor(img) else _picture.dimensions(img)


def get_image_size(img: Any) -> list[int]:
    """[width, height]."""
    _, height, width = get_dimensions(img)
    return [width, height]


def get_image_num_channels(img: Any) -> int:
    """The number of channels."""
    return get_dimensions(img)[0]


def to_tensor(pic: Any) -> Tensor:
    """A picture or an array (H, W) or (H, W, C) as a tensor (C, H, W); bytes become floats in [0, 1].

    Raises TypeError for other things and ValueError for arrays of other ranks.
    """
    if isinstance(pic, numpy.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        pixels = pic if pic.ndim == 3 else pic[:, :, None]
    elif is_picture(pic):
        pixels = _picture.to_array(pic)
        if pic.mode == "1":
            pixels = pixels * numpy.uint8(255)
    else:
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    img = wrap(numpy.ascontiguousarray(pixels.transpose(2, 0, 1)))
    return img.to(pynn.get_default_dtype()).div(255) if pixels.dtype == numpy.uint8 else img


def pil_to_tensor(pic: Any) -> Tensor:
    """A picture as a tensor (C, H, W) of the same values. Raises TypeError for anything else."""
    if not is_picture(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    pixels = numpy.array(pic, copy=True)
    return wrap(numpy.ascontiguousarray(pixels.reshape(pic.height, pic.width, -1).transpose(2, 0, 1)))


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor (C, H, W) or (H, W), or an array (H, W, C) or (H, W), as a picture; floats are in [0, 1].

    Raises TypeError and ValueError for what no picture can hold, and where `mode` does not fit.
    """
    if isinstance(pic, Tensor):
        pixels: numpy.ndarray = pic.detach().numpy()
        if pixels.ndim == 3:
            pixels = pixels.transpose(1, 2, 0)
    elif isinstance(pic, numpy.ndarray):
        pixels = pic
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if pixels.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {pixels.ndim} dimensions.")
    return _picture.from_array(pixels if pixels.ndim == 3 else pixels[:, :, None], mode)


def convert_image_dtype(image: Tensor, dtype: Any = pynn.float32) -> Tensor:
    """A tensor image in another dtype, scaled so that white stays white.

    Raises RuntimeError for a float dtype to integers that it cannot hold exactly, TypeError for a picture.
    """
    if not isinstance(image, Tensor):
        raise TypeError(f"Input img should be Tensor Image. Got {type(image)}")
    return _tensor.convert_dtype(image, dtype)


def normalize(tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Tensor:
    """(tensor - mean) / std by channel. Raises TypeError for integers, ValueError for a deviation of 0."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    return _tensor.normalize(tensor, mean, std, inplace)


def _resized(height: int, width: int, size: Sequence[int], max_size: int | None) -> list[int]:
    """The size that `resize` makes: [height, width]."""
    if len(size) == 2:
        return [size[0], size[1]]
    short, long = min(width, height), max(width, height)
    new_short, new_long = size[0], int(size[0] * long / short)
    if max_size is not None:
        if max_size <= size[0]:
            raise ValueError(
                f"max_size = {max_size} must be strictly greater than the requested size for the smaller edge, {size[0]}"
            )
        if new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    return [new_long, new_short] if width <= height else [new_short, new_long]


def resize(
    img: Any,
    size: int | Sequence[int],
    interpolation: Any = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """`img` at another size: (height, width), or one number for the shorter side, the longer at most max_size.

    antialias: for tensors, whether bilinear and bicubic weigh all pixels that a new one covers; pictures always do.
    """
    mode = as_mode(interpolation)
    sizes = [size] if isinstance(size, int) else list(size)
    if len(sizes) not in (1, 2):
        raise ValueError(f"Size must be an int or a 1 or 2 element tuple/list, not a {len(sizes)} element tuple/list")
    if max_size is not None and len(sizes) != 1:
        raise ValueError("max_size should only be passed if size specifies the length of the smaller edge.")
    _, height, width = get_dimensions(img)
    wanted = _resized(height, width, sizes, max_size)
    if wanted == [height, width]:
        return img
    if _is_tensor(img):
        return _tensor.resize(img, wanted, mode.value, antialias)
    if antialias is False:
        warnings.warn(
            "Anti-alias option is always applied for PIL Image input: antialias=False is ignored.", stacklevel=2
        )
    return _picture.resize(img, wanted, pillow_filter(mode))


def _sides(padding: Any) -> list[int]:
    """[left, top, right, bottom] of one number, [one number], [sides, top and bottom] or four."""
    if isinstance(padding, numbers.Number):
        return [int(padding)] * 4  # type: ignore[call-overload]
    if not isinstance(padding, tuple | list):
        raise TypeError(f"Got inappropriate padding arg: {padding!r}")
    if len(padding) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple")
    return list(padding) * (4 // len(padding))


def pad(img: Any, padding: int | Sequence[int], fill: _Fill = 0, padding_mode: str = "constant") -> Any:
    """`img` with a frame: of `fill`, of the edge repeated ("edge"), or mirrored ("reflect", "symmetric")."""
    sides = _sides(padding)
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError(f"Padding mode should be either constant, edge, reflect or symmetric, got {padding_mode!r}")
    if fill is not None and not isinstance(fill, numbers.Number | tuple | list):
        raise TypeError(f"Got inappropriate fill arg: {fill!r}")
    if not _is_tensor(img):
        return _picture.pad(img, sides, fill, padding_mode)
    _tensor.check(img)
    if isinstance(fill, tuple | list):
        if len(fill) != 1 and len({*fill}) > 1:
            raise TypeError(f"A tensor's frame has one fill value, got {fill!r}")
        fill = fill[0]
    return _tensor.pad(img, sides, fill, padding_mode)  # type: ignore[arg-type]


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """The part of `img` of this size that begins at (top, left); what lies outside is 0."""
    return (_tensor if _is_tensor(img) else _picture).crop(img, top, left, height, width)


def _pair(size: Any, message: str = "Please provide only two dimensions (h, w) for size.") -> tuple[int, int]:
    if isinstance(size, numbers.Number):
        return int(size), int(size)  # type: ignore[call-overload]
    if len(size) == 1:
        return size[0], size[0]
    if len(size) != 2:
        raise ValueError(f"{message} Got {size}")
    return size[0], size[1]


def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """The middle of `img`, (height, width); a smaller `img` gets a frame of 0 first."""
    rows, columns = _pair(output_size)
    _, height, width = get_dimensions(img)
    if columns > width or rows > height:
        more_x, more_y = max(columns - width, 0), max(rows - height, 0)
        img = pad(img, [more_x // 2, more_y // 2, (more_x + 1) // 2, (more_y + 1) // 2], fill=0)
        _, height, width = get_dimensions(img)
    return crop(img, round((height - rows) / 2.0), round((width - columns) / 2.0), rows, columns)


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: Any = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """`crop`, then `resize`."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def hflip(img: Any) -> Any:
    """`img` with left and right exchanged."""
    return img.flip(-1) if _is_tensor(img) else _picture.hflip(img)


def vflip(img: Any) -> Any:
    """`img` upside down."""
    return img.flip(-2) if _is_tensor(img) else _picture.vflip(img)


def five_crop(img: Any, size: int | Sequence[int]) -> tuple[Any, Any, Any, Any, Any]:
    """The four corners (top left, top right, bottom left, bottom right) and the middle."""
    rows, columns = _pair(size)
    _, height, width = get_dimensions(img)
    if columns > width or rows > height:
        raise ValueError(f"Requested crop size {(rows, columns)} is bigger than input size {(height, width)}")
    places = ((0, 0), (0, width - columns), (height - rows, 0), (height - rows, width - columns))
    first, second, third, fourth = (crop(img, top, left, rows, columns) for top, left in places)
    return first, second, third, fourth, center_crop(img, [rows, columns])


def ten_crop(img: Any, size: int | Sequence[int], vertical_flip: bool = False) -> tuple[Any, ...]:
    """`five_crop` of `img` and of its mirror image."""
    return five_crop(img, size) + five_crop(vflip(img) if vertical_flip else hflip(img), size)


def _adjust(img: Any, quality: str, enhancer: str, factor: float) -> Any:
    """`img` with a quality changed by a factor: a tensor's by our function, a picture's by Pillow's enhancer."""
    if not _is_tensor(img):
        return _picture.adjust(img, enhancer, factor)
    if factor < 0:
        raise ValueError(f"{quality}_factor ({factor}) is not non-negative.")
    return getattr(_tensor, f"adjust_{quality}")(img, factor)


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """`img` with brightness times the factor."""
    return _adjust(img, "brightness", "Brightness", brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """`img` with its distance to the mean grey times the factor."""
    return _adjust(img, "contrast", "Contrast", contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """`img` with its distance to grey times the factor."""
    return _adjust(img, "saturation", "Color", saturation_factor)


def adjust_sharpness(img: Any, sharpness_factor: float) -> Any:
    """`img` blurred (0), as it is (1) or sharpened (above 1)."""
    return _adjust(img, "sharpness", "Sharpness", sharpness_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """`img` with its hues turned by hue_factor of the circle, from -0.5 to 0.5."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    return (_tensor if _is_tensor(img) else _picture).adjust_hue(img, hue_factor)


def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    """gain * img ** gamma, for values in [0, 1]."""
    if gamma < 0:
        raise ValueError(f"Gamma should be a non-negative real number, got {gamma}")
    return (_tensor if _is_tensor(img) else _picture).adjust_gamma(img, gamma, gain)


def _checked_fill(fill: Any) -> Any:
    if fill is not None and not isinstance(fill, numbers.Number | tuple | list):
        raise TypeError(f"fill should be a number or a sequence of them, got {fill!r}")
    return fill


def rotate(
    img: Any,
    angle: float,
    interpolation: Any = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[int] | None = None,
    fill: _Fill = None,
) -> Any:
    """`img` turned by `angle` degrees against the clock; expand: make room for all of it. center: (x, y)."""
    mode = as_mode(interpolation)
    if not isinstance(angle, numbers.Number):
        raise TypeError(f"Argument angle should be int or float, got {type(angle).__name__}")
    if center is not None and not isinstance(center, list | tuple):
        raise TypeError(f"Argument center should be a sequence, got {type(center).__name__}")
    if not _is_tensor(img):
        return _picture.rotate(img, angle, pillow_filter(mode), expand, center, _checked_fill(fill))
    matrix = _warp.inverse_matrix(_from_middle(img, center), -angle, (0.0, 0.0), 1.0, (0.0, 0.0))
    return _warp.rotate(img, matrix, mode.value, expand, fill)


def _from_middle(img: Any, center: Sequence[float] | None) -> list[float]:
    """A place (x, y) counted from the picture's middle."""
    if center is None:
        return [0.0, 0.0]
    _, height, width = get_dimensions(img)
    return [center[0] - width * 0.5, center[1] - height * 0.5]


def affine(
    img: Any,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: float | Sequence[float],
    interpolation: Any = InterpolationMode.NEAREST,
    fill: _Fill = None,
    center: Sequence[int] | None = None,
) -> Any:
    """`img` sheared, scaled, turned by `angle` degrees clockwise around `center` (x, y), and moved by `translate`."""
    mode = as_mode(interpolation)
    if not isinstance(angle, numbers.Number):
        raise TypeError(f"Argument angle should be int or float, got {type(angle).__name__}")
    if not isinstance(translate, list | tuple):
        raise TypeError(f"Argument translate should be a sequence, got {type(translate).__name__}")
    if len(translate) != 2:
        raise ValueError(f"Argument translate should be a sequence of length 2, got {len(translate)}")
    if scale <= 0.0:
        raise ValueError(f"Argument scale should be positive, got {scale}")
    if not isinstance(shear, numbers.Number | list | tuple):
        raise TypeError(f"Shear should be either a single value or a sequence of two values, got {shear!r}")
    leans: list[float] = list(shear) if isinstance(shear, list | tuple) else [shear, 0.0]
    leans = leans * 2 if len(leans) == 1 else leans
    if len(leans) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {shear}")
    if center is not None and not isinstance(center, list | tuple):
        raise TypeError(f"Argument center should be a sequence, got {type(center).__name__}")
    if _is_tensor(img):
        matrix = _warp.inverse_matrix(_from_middle(img, center), angle, translate, scale, leans)
        return _warp.affine(img, matrix, mode.value, fill)
    _, height, width = get_dimensions(img)
    middle = [width * 0.5, height * 0.5] if center is None else center
    matrix = _warp.inverse_matrix(middle, angle, translate, scale, leans)
    return _picture.affine(img, matrix, pillow_filter(mode), _checked_fill(fill))


def perspective(
    img: Any,
    startpoints: Sequence[Sequence[int]],
    endpoints: Sequence[Sequence[int]],
    interpolation: Any = InterpolationMode.BILINEAR,
    fill: _Fill = None,
) -> Any:
    """`img` seen so that the four startpoints (x, y), clockwise from the top left, come to lie on the endpoints."""
    mode = as_mode(interpolation)
    coefficients = _warp.perspective_coefficients(startpoints, endpoints)
    if _is_tensor(img):
        return _warp.perspective(img, coefficients, mode.value, fill)
    return _picture.perspective(img, coefficients, pillow_filter(mode), _checked_fill(fill))


def elastic_transform(
    img: Any, displacement: Tensor, interpolation: Any = InterpolationMode.BILINEAR, fill: _Fill = None
) -> Any:
    """`img` with every place moved by displacement (1, H, W, 2), in halves of the picture's size."""
    mode = as_mode(interpolation)
    if not isinstance(displacement, Tensor):
        raise TypeError(f"Argument displacement should be a Tensor, got {type(displacement).__name__}")
    tensor = img if _is_tensor(img) else pil_to_tensor(img)
    expected = (1, *tensor.shape[-2:], 2)
    if tuple(displacement.shape) != expected:
        raise ValueError(f"Argument displacement shape should be {expected}, but given {tuple(displacement.shape)}")
    out = _warp.elastic(tensor, displacement, mode.value, fill)
    return out if tensor is img else to_pil_image(out, mode=img.mode)


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """A Pillow picture in grey, of 1 or 3 channels."""
    if not is_picture(img):
        raise TypeError(f"Input should be PIL Image. Got {type(img)}")
    return rgb_to_grayscale(img, num_output_channels)


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """`img` in grey, of 1 or 3 channels."""
    if num_output_channels not in (1, 3):
        raise ValueError(f"num_output_channels should be either 1 or 3, got {num_output_channels}")
    return (_tensor if _is_tensor(img) else _picture).grayscale(img, num_output_channels)


def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Tensor:
    """`img` with the rectangle of h rows and w columns from (i, j) on set to v. Raises TypeError for a picture."""
    if not isinstance(img, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    return _tensor.erase(img, i, j, h, w, v, inplace)


def gaussian_blur(img: Any, kernel_size: int | Sequence[int], sigma: float | Sequence[float] | None = None) -> Any:
    """`img` blurred by a bell of kernel_size (across, down), odd, and deviation sigma (0.15 size + 0.35)."""
    if not isinstance(kernel_size, int | list | tuple):
        raise TypeError(f"kernel_size should be int or a sequence of integers. Got {type(kernel_size)}")
    sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(sizes) != 2:
        raise ValueError(f"If kernel_size is a sequence its length should be 2. Got {len(sizes)}")
    if any(size % 2 == 0 or size < 0 for size in sizes):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {sizes}")
    if sigma is None:
        sigma = [size * 0.15 + 0.35 for size in sizes]
    if not isinstance(sigma, int | float | list | tuple):
        raise TypeError(f"sigma should be either float or sequence of floats. Got {type(sigma)}")
    sigmas = [float(sigma)] if isinstance(sigma, int | float) else [float(s) for s in sigma]
    sigmas = sigmas * 2 if len(sigmas) == 1 else sigmas
    if len(sigmas) != 2:
        raise ValueError(f"If sigma is a sequence, its length should be 2. Got {len(sigmas)}")
    if any(s <= 0.0 for s in sigmas):
        raise ValueError(f"sigma should have positive values. Got {sigmas}")
    if _is_tensor(img):
        return _tensor.gaussian_blur(img, sizes, sigmas)
    return to_pil_image(_tensor.gaussian_blur(pil_to_tensor(img), sizes, sigmas), mode=img.mode)


def invert(img: Any) -> Any:
    """The negative of `img`."""
    return _tensor.invert(img) if _is_tensor(img) else _picture.operate(img, "invert")


def posterize(img: Any, bits: int) -> Any:
    """`img` (bytes) with only the first `bits`, 0 to 8, of every value."""
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    return _tensor.posterize(img, bits) if _is_tensor(img) else _picture.operate(img, "posterize", bits)


def solarize(img: Any, threshold: float) -> Any:
    """`img` with all values from the threshold on inverted."""
    return _tensor.solarize(img, threshold) if _is_tensor(img) else _picture.operate(img, "solarize", threshold)


def autocontrast(img: Any) -> Any:
    """`img` with every channel stretched to black and white."""
    return _tensor.autocontrast(img) if _is_tensor(img) else _picture.operate(img, "autocontrast")


def equalize(img: Any) -> Any:
    """`img` (bytes) with every channel's values spread evenly."""
    return _tensor.equalize(img) if _is_tensor(img) else _picture.operate(img, "equalize")
