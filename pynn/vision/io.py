"""Picture files to tensors and back, through Pillow."""

import enum
import io
import os
from typing import Any

import numpy

import pynn
from pynn import Tensor
from pynn._core import wrap
from pynn.vision._pillow import pillow

__all__ = [
    "ImageReadMode",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "encode_jpeg",
    "encode_png",
    "read_file",
    "read_image",
    "write_file",
    "write_jpeg",
    "write_png",
]


class ImageReadMode(enum.Enum):
    """What channels to read a picture as; UNCHANGED keeps the file's."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4


_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def read_file(path: str | os.PathLike[str]) -> Tensor:
    """The bytes of a file, uint8 (N,)."""
    return wrap(numpy.fromfile(path, numpy.uint8))


def write_file(filename: str | os.PathLike[str], data: Tensor) -> None:
    """Write uint8 (N,) to a file."""
    data.detach().numpy().tofile(filename)


def decode_image(
    input: Tensor | str | os.PathLike[str], mode: Any = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False
) -> Tensor:
    """The picture in a file, or in a file's bytes, as uint8 (C, H, W). Raises RuntimeError where it is none."""
    source: Any = io.BytesIO(input.numpy().tobytes()) if isinstance(input, Tensor) else os.fspath(input)
    wanted = ImageReadMode[mode.upper()] if isinstance(mode, str) else mode
    try:
        with pillow().open(source) as picture:
            img = pillow("ImageOps").exif_transpose(picture) if apply_exif_orientation else picture
            if wanted is not ImageReadMode.UNCHANGED:
                img = img.convert(_MODES[wanted.value])
            elif img.mode in ("P", "1", "CMYK"):
                img = img.convert("L" if img.mode == "1" else "RGB")
            pixels = numpy.array(img)
    except pillow().UnidentifiedImageError as error:
        raise RuntimeError(f"No picture that Pillow can read: {error}") from error
    return wrap(numpy.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1)))


def read_image(
    path: str | os.PathLike[str], mode: Any = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False
) -> Tensor:
    """The picture in a file as uint8 (C, H, W)."""
    return decode_image(path, mode, apply_exif_orientation)


def decode_jpeg(
    input: Tensor, mode: Any = ImageReadMode.UNCHANGED, device: Any = "cpu", apply_exif_orientation: bool = False
) -> Tensor:
    """The picture in a JPEG file's bytes as uint8 (C, H, W)."""
    return decode_image(input, mode, apply_exif_orientation)


def decode_png(input: Tensor, mode: Any = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False) -> Tensor:
    """The picture in a PNG file's bytes as uint8 (C, H, W)."""
    return decode_image(input, mode, apply_exif_orientation)


def _encode(input: Tensor, format: str, **options: Any) -> Tensor:
    if input.dtype != pynn.uint8:
        raise RuntimeError(f"Input tensor dtype should be uint8, got {input.dtype}")
    if input.ndim != 3 or input.shape[0] not in (1, 3):
        raise RuntimeError(f"The number of channels should be 1 or 3, got {tuple(input.shape)}")
    pixels = input.numpy().transpose(1, 2, 0)
    file = io.BytesIO()
    pillow().fromarray(numpy.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)).save(
        file, format, **options
    )
    return wrap(numpy.frombuffer(file.getvalue(), numpy.uint8).copy())


def encode_jpeg(input: Tensor, quality: int = 75) -> Tensor:
    """uint8 (1 or 3, H, W) as the bytes of a JPEG file. Raises RuntimeError for other tensors, ValueError for quality."""
    if not 1 <= quality <= 100:
        raise ValueError(f"Image quality should be a positive number between 1 and 100, got {quality}")
    return _encode(input, "JPEG", quality=quality)


def encode_png(input: Tensor, compression_level: int = 6) -> Tensor:
    """uint8 (1 or 3, H, W) as the bytes of a PNG file. Raises RuntimeError for other tensors."""
    return _encode(input, "PNG", compress_level=compression_level)


def write_jpeg(input: Tensor, filename: str | os.PathLike[str], quality: int = 75) -> None:
    """Write uint8 (1 or 3, H, W) to a JPEG file."""
    write_file(filename, encode_jpeg(input, quality))


def write_png(input: Tensor, filename: str | os.PathLike[str], compression_level: int = 6) -> None:
    """Write uint8 (1 or 3, H, W) to a PNG file."""
    write_file(filename, encode_png(input, compression_level))
