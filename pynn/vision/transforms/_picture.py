"""Transforms of Pillow pictures."""

from collections.abc import Sequence
from typing import Any

import numpy

from pynn.vision._pillow import pillow

_Fill = float | Sequence[float] | None


def dimensions(img: Any) -> list[int]:
    """[channels, height, width]."""
    width, height = img.size
    return [len(img.getbands()), height, width]


def hflip(img: Any) -> Any:
    return img.transpose(pillow().Transpose.FLIP_LEFT_RIGHT)


def vflip(img: Any) -> Any:
    return img.transpose(pillow().Transpose.FLIP_TOP_BOTTOM)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    return img.crop((left, top, left + width, top + height))


def resize(img: Any, size: Sequence[int], interpolation: int) -> Any:
    return img.resize((size[1], size[0]), interpolation)


def _colour(img: Any, fill: _Fill) -> Any:
    """`fill` with a value for every channel, as Pillow wants it."""
    channels = len(img.getbands())
    values: list[Any] = [0 if fill is None else fill] if not isinstance(fill, Sequence) else list(fill)
    if len(values) == 1:
        values = values * channels
    if len(values) != channels:
        raise ValueError(
            "The number of elements in 'fill' does not match the number of channels of the image "
            f"({len(values)} != {channels})"
        )
    if img.mode != "F":
        values = [int(v) for v in values]
    return values[0] if channels == 1 else tuple(values)


def pad(img: Any, padding: Any, fill: _Fill, padding_mode: str) -> Any:
    left, top, right, bottom = padding
    palette = img.getpalette() if img.mode == "P" else None
    if padding_mode == "constant":
        out = pillow("ImageOps").expand(img, border=(left, top, right, bottom), fill=_colour(img, fill))
    else:
        cuts = [max(-side, 0) for side in padding]
        if any(cuts):
            img = img.crop((cuts[0], cuts[1], img.width - cuts[2], img.height - cuts[3]))
        left, top, right, bottom = (max(side, 0) for side in padding)
        pixels = numpy.asarray(img)
        borders = ((top, bottom), (left, right)) + ((0, 0),) * (pixels.ndim - 2)
        out = pillow().fromarray(numpy.pad(pixels, borders, mode=padding_mode))  # type: ignore[call-overload]
    if palette is not None:
        out.putpalette(palette)
    return out


def affine(img: Any, matrix: Sequence[float], interpolation: int, fill: _Fill) -> Any:
    kind = pillow().Transform.AFFINE
    return img.transform(img.size, kind, matrix, interpolation, fillcolor=_colour(img, fill))


def rotate(img: Any, angle: float, interpolation: int, expand: bool, center: Any, fill: _Fill) -> Any:
    return img.rotate(angle, interpolation, expand, center, fillcolor=_colour(img, fill))


def perspective(img: Any, coefficients: Sequence[float], interpolation: int, fill: _Fill) -> Any:
    kind = pillow().Transform.PERSPECTIVE
    return img.transform(img.size, kind, coefficients, interpolation, fillcolor=_colour(img, fill))


def adjust(img: Any, what: str, factor: float) -> Any:
    """ImageEnhance's Brightness, Contrast, Color or Sharpness."""
    return getattr(pillow("ImageEnhance"), what)(img).enhance(factor)


def adjust_hue(img: Any, factor: float) -> Any:
    if img.mode in {"L", "1", "I", "F"}:
        return img
    hue, saturation, value = img.convert("HSV").split()
    turned = numpy.array(hue, dtype=numpy.uint8)
    turned += numpy.array(int(factor * 255)).astype(numpy.uint8)  # hues are a circle: wrapping round is right
    hue = pillow().fromarray(turned)
    return pillow().merge("HSV", (hue, saturation, value)).convert(img.mode)


def adjust_gamma(img: Any, gamma: float, gain: float) -> Any:
    table = [int((255 + 1 - 1e-3) * gain * pow(level / 255.0, gamma)) for level in range(256)] * 3
    return img.convert("RGB").point(table).convert(img.mode)


def grayscale(img: Any, channels: int) -> Any:
    grey = img.convert("L")
    return grey if channels == 1 else pillow().merge("RGB", (grey, grey, grey))


def operate(img: Any, what: str, *args: Any) -> Any:
    """ImageOps' invert, posterize, solarize, autocontrast or equalize."""
    return getattr(pillow("ImageOps"), what)(img, *args)


def to_array(img: Any) -> numpy.ndarray:
    """The pixels, (height, width, channels), in the type that suits the picture's mode."""
    kinds = {"I": numpy.int32, "I;16": numpy.int16, "I;16B": numpy.int16, "F": numpy.float32}
    pixels = numpy.array(img, kinds.get(img.mode, numpy.uint8), copy=True)
    return pixels.reshape(img.height, img.width, len(img.getbands()))


# For arrays of so many channels and of that type, the mode that fits; for uint8 the modes that may be asked for.
_SINGLE = {"uint8": "L", "int16": "I;16", "int32": "I", "float32": "F"}
_SEVERAL = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}


def from_array(pixels: numpy.ndarray, mode: str | None) -> Any:
    """The picture of pixels (height, width, channels); floats are in [0, 1]."""
    channels = pixels.shape[2]
    if channels > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {channels} channels.")
    if pixels.dtype.kind == "f" and mode != "F":
        pixels = (pixels * 255).astype(numpy.uint8)
    if channels == 1:
        fitting = _SINGLE.get(pixels.dtype.name)
        if mode is not None and mode != fitting:
            raise ValueError(f"Incorrect mode ({mode}) supplied for input type {pixels.dtype}. Should be {fitting}")
        if fitting is None:
            raise TypeError(f"Input type {pixels.dtype} is not supported")
        return _image(numpy.ascontiguousarray(pixels[:, :, 0]), None)
    allowed = _SEVERAL[channels]
    if mode is not None and mode not in allowed:
        raise ValueError(f"Only modes {list(allowed)} are supported for {channels}D inputs")
    if pixels.dtype != numpy.uint8:
        raise TypeError(f"Input type {pixels.dtype} is not supported")
    return _image(numpy.ascontiguousarray(pixels), mode or allowed[0])


def _image(pixels: numpy.ndarray, mode: str | None) -> Any:
    """Pillow's picture of an array. Modes that an array's type does not imply are set from bytes."""
    if mode in (None, "RGB", "RGBA", "LA"):
        if pixels.dtype == numpy.int16:
            pixels = pixels.view(numpy.uint16)
        return pillow().fromarray(pixels)
    return pillow().frombytes(mode, (pixels.shape[1], pixels.shape[0]), pixels.tobytes())
