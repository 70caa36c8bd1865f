"""Pictures from tensors: grids, files, and drawings on top."""

import math
import os
import pathlib
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy

import pynn
from pynn import Tensor
from pynn._core import wrap
from pynn.vision._pillow import pillow
from pynn.vision.transforms.functional import to_pil_image

__all__ = ["draw_bounding_boxes", "draw_segmentation_masks", "make_grid", "save_image"]


def make_grid(
    tensor: Tensor | list[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """One image (C, H, W) of a batch (N, C, H, W), nrow images a row, frames of `padding` pixels of pad_value.

    normalize: stretch value_range (or what values there are, for every image apart with scale_each) to [0, 1].
    One channel becomes three. Raises TypeError for anything but a tensor or a list of them.
    """
    if isinstance(tensor, list | tuple):
        wrong = next((t for t in tensor if not isinstance(t, Tensor)), None)
        if wrong is not None:
            raise TypeError(f"tensor or list of tensors expected, got a list containing {type(wrong)}")
        tensor = pynn.stack(list(tensor))
    if not isinstance(tensor, Tensor):
        raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
    if value_range is not None and not isinstance(value_range, tuple):
        raise TypeError("value_range has to be a tuple (min, max) if specified. min and max are numbers")
    images = tensor.detach().numpy()
    images = images.reshape((1,) * (4 - images.ndim) + images.shape)
    if images.shape[1] == 1:
        images = numpy.repeat(images, 3, axis=1)
    if normalize:
        parts = images if scale_each else images[None]
        images = numpy.concatenate([_stretched(part, value_range)[None] for part in parts])
        images = images.reshape((-1,) + images.shape[-3:])
    count, channels, height, width = images.shape
    if count == 1:
        return wrap(images[0].copy())
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    across, down = width + padding, height + padding
    grid = numpy.full((channels, down * rows + padding, across * columns + padding), pad_value, images.dtype)
    for number, image in enumerate(images):
        top, left = number // columns * down + padding, number % columns * across + padding
        grid[:, top : top + height, left : left + width] = image
    return wrap(grid)


def _stretched(images: numpy.ndarray, value_range: tuple[float, float] | None) -> numpy.ndarray:
    low, high = value_range or (float(images.min()), float(images.max()))
    return ((images.clip(low, high) - low) / max(high - low, 1e-5)).astype(images.dtype, copy=False)


def save_image(
    tensor: Tensor | list[Tensor],
    fp: str | os.PathLike[str] | BinaryIO,
    format: str | None = None,
    **kwargs: Any,
) -> None:
    """Write a tensor with values in [0, 1], as `make_grid` (which kwargs go to) lays it out, to a picture file."""
    grid = make_grid(tensor, **kwargs).numpy()
    pixels = (grid * 255 + 0.5).clip(0, 255).astype(numpy.uint8).transpose(1, 2, 0)
    target = os.fspath(fp) if isinstance(fp, str | pathlib.PurePath) else fp
    pillow().fromarray(numpy.ascontiguousarray(pixels)).save(target, format=format)


def _colours(colors: Any, count: int) -> list[Any]:
    """A colour for each of `count` things: of the list, of the one, or around the circle of hues."""
    if colors is None:
        hues = [int(255 * number / max(count, 1)) for number in range(count)]
        return [pillow().new("HSV", (1, 1), (hue, 255, 255)).convert("RGB").getpixel((0, 0)) for hue in hues]
    if isinstance(colors, list):
        if len(colors) < count:
            raise ValueError(
                f"Number of colors must be equal or larger than the number of objects, but got {len(colors)} < {count}."
            )
        chosen = colors[:count]
    else:
        chosen = [colors] * count
    named = pillow("ImageColor")
    return [named.getrgb(colour) if isinstance(colour, str) else tuple(colour) for colour in chosen]


def _check_bytes(image: Tensor) -> bool:
    """Whether the values are floats. Raises for what is no picture."""
    if not isinstance(image, Tensor):
        raise TypeError(f"Tensor expected, got {type(image)}")
    floats = image.is_floating_point()
    if not floats and image.dtype != pynn.uint8:
        raise ValueError(f"The image dtype must be uint8 or float, got {image.dtype}")
    if image.ndim != 3 or image.shape[0] not in (1, 3):
        raise ValueError(f"Pass individual images (1 or 3, H, W), got {tuple(image.shape)}")
    return floats


def draw_bounding_boxes(
    image: Tensor,
    boxes: Tensor,
    labels: Sequence[str | None] | None = None,
    colors: Any = None,
    fill: bool | None = False,
    width: int = 1,
    font: str | None = None,
    font_size: int | None = None,
) -> Tensor:
    """`image` (C, H, W), bytes or floats in [0, 1], with boxes (N, 4), (left, top, right, bottom), drawn on it.

    labels: a text for each box; colors: names or (r, g, b), one or a list; fill: colour the inside lightly.
    Raises ValueError for other shapes, dtypes, and boxes that end before they begin.
    """
    floats = _check_bytes(image)
    if boxes.shape[0] == 0:
        return image
    if bool((boxes[:, 0] > boxes[:, 2]).any()) or bool((boxes[:, 1] > boxes[:, 3]).any()):
        raise ValueError("Boxes need to be in (xmin, ymin, xmax, ymax) format.")
    count = boxes.shape[0]
    if labels is not None and len(labels) != count:
        raise ValueError(f"The number of boxes ({count}) and labels ({len(labels)}) mismatch.")
    picture = to_pil_image(image.expand(3, *image.shape[1:]) if image.shape[0] == 1 else image)
    draw = pillow("ImageDraw").Draw(picture, "RGBA" if fill else None)
    letters = pillow("ImageFont").truetype(font, font_size or 10) if font else pillow("ImageFont").load_default()
    for box, label, colour in zip(boxes.to(pynn.int64).tolist(), labels or [None] * count, _colours(colors, count)):
        draw.rectangle(box, width=width, outline=colour, fill=(*colour, 100) if fill else None)
        if label is not None:
            draw.text((box[0] + width + 1, box[1] + width + 1), label, fill=colour, font=letters)
    out = wrap(numpy.array(picture).transpose(2, 0, 1).copy())
    return out.to(image.dtype) / 255 if floats else out


def draw_segmentation_masks(image: Tensor, masks: Tensor, alpha: float = 0.8, colors: Any = None) -> Tensor:
    """`image` (3, H, W) with masks, bool (N, H, W) or (H, W), coloured over it at opacity alpha."""
    floats = _check_bytes(image)
    if image.shape[0] != 3:
        raise ValueError(f"The image must be RGB, (3, H, W), got {tuple(image.shape)}")
    if masks.dtype != pynn.bool:
        raise ValueError(f"The masks must be of dtype bool. Got {masks.dtype}")
    areas = masks.numpy().reshape((-1,) + tuple(masks.shape[-2:]))
    if areas.shape[1:] != tuple(image.shape[1:]):
        raise ValueError(
            f"The image and the masks must have the same height and width, got {image.shape}, {masks.shape}"
        )
    pixels = image.detach().numpy()
    painted = pixels.copy()
    for area, colour in zip(areas, _colours(colors, len(areas))):
        painted[:, area] = (numpy.array(colour) / (255 if floats else 1)).astype(pixels.dtype)[:, None]
    return wrap((pixels * (1 - alpha) + painted * alpha).astype(pixels.dtype))
