"""Features of regions: RoIAlign (arXiv:1703.06870), RoIPool (arXiv:1504.08083), and RoIAlign over a pyramid."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pynn
from pynn import nn
from pynn._core import Tensor
from pynn.nn._tuples import _pair
from pynn.vision.ops.boxes import box_area
from pynn.vision.ops.sampling import bilinear, grid_places

__all__ = ["MultiScaleRoIAlign", "RoIAlign", "RoIPool", "roi_align", "roi_pool"]

Boxes = Tensor | Sequence[Tensor]


def _numbered(boxes: Boxes) -> Tensor:
    """Boxes as (K, 5): the number of their image, x1, y1, x2, y2."""
    if isinstance(boxes, Tensor):
        if boxes.dim() != 2 or boxes.shape[1] != 5:
            raise AssertionError(
                "The boxes tensor shape is not correct as Tensor[K, 5]: image, x1, y1, x2, y2; got "
                f"{list(boxes.shape)}. Boxes of shape (L, 4) go in a list, an entry an image."
            )
        return boxes
    for box in boxes:
        if box.dim() != 2 or box.shape[1] != 4:
            raise AssertionError(
                f"The shape of the tensor in the boxes list is not correct as List[Tensor[L, 4]]: {list(box.shape)}"
            )
    return pynn.cat([pynn.cat([pynn.full_like(box[:, :1], i), box], 1) for i, box in enumerate(boxes)])


def _groups(numbers: list[tuple[int, ...]]) -> dict[tuple[int, ...], list[int]]:
    """Which places hold each value."""
    found: dict[tuple[int, ...], list[int]] = {}
    for place, value in enumerate(numbers):
        found.setdefault(value, []).append(place)
    return found


def roi_align(
    input: Tensor,
    boxes: Boxes,
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    """The mean of bilinear samples in each of the equal bins of each box.

    input (N, C, H, W); boxes (K, 5), with the image's number first, or a list of (L, 4), an entry an image, in
    coordinates that spatial_scale takes to input's: (K, C, *output_size). sampling_ratio: samples a bin and direction,
    below 1 as many as pixels. aligned: boxes are shifted by half a pixel, as pixels' centres are.
    """
    rows, columns = _pair(output_size)
    rois = _numbered(boxes).to(input.dtype)
    start = rois[:, 1:3] * spatial_scale - (0.5 if aligned else 0.0)
    size = (rois[:, 3:] - rois[:, 1:3]) * spatial_scale
    if not aligned:
        size = size.clamp(min=1.0)
    kinds: list[tuple[int, ...]]
    if sampling_ratio > 0:
        kinds = [(int(i), sampling_ratio, sampling_ratio) for i in rois[:, 0].tolist()]
    else:
        kinds = [
            (int(i), max(0, math.ceil(h / rows)), max(0, math.ceil(w / columns)))
            for i, (w, h) in zip(rois[:, 0].tolist(), size.tolist())
        ]
    channels = input.shape[1]
    parts, order = [], []
    for (image, down, across), places in _groups(kinds).items():
        order += places
        if not down * across:
            parts.append(input.new_zeros(len(places), channels, rows, columns))
            continue
        y = grid_places(start[places, 1], size[places, 1], rows, down)
        x = grid_places(start[places, 0], size[places, 0], columns, across)
        shape = (len(places), rows, down, columns, across)
        at_y, at_x = (p.expand(shape).reshape(1, -1) for p in (y[:, :, :, None, None], x[:, None, None]))
        found = bilinear(input[image : image + 1], at_y, at_x, clamp=True).reshape(channels, *shape)
        parts.append(found.mean((3, 5)).transpose(0, 1))
    if not parts:
        return input.new_zeros(0, channels, rows, columns)
    return pynn.cat(parts)[pynn.tensor(order).argsort()]


def roi_pool(input: Tensor, boxes: Boxes, output_size: int | tuple[int, int], spatial_scale: float = 1.0) -> Tensor:
    """The largest value in each of the bins of each box, whose edges are rounded to pixels; see `roi_align`."""
    rows, columns = _pair(output_size)
    height, width = input.shape[2:]
    results = [input.new_zeros(0, input.shape[1], rows, columns)]
    for roi in _numbered(boxes).tolist():
        left, top, right, bottom = (math.floor(x * spatial_scale + 0.5) for x in roi[1:])
        down = _edges(top, max(bottom - top + 1, 1), rows, height)
        across = _edges(left, max(right - left + 1, 1), columns, width)
        bins = [
            input[int(roi[0]), :, a:b, c:d].amax((1, 2)) if a < b and c < d else input.new_zeros(input.shape[1])
            for a, b in down
            for c, d in across
        ]
        results.append(pynn.stack(bins, 1).reshape(1, input.shape[1], rows, columns))
    return pynn.cat(results)


def _edges(start: int, size: int, bins: int, most: int) -> list[tuple[int, int]]:
    """Where each bin of `size` pixels from `start` begins and ends, within 0..most."""
    ends = [(math.floor(i * size / bins), math.ceil((i + 1) * size / bins)) for i in range(bins)]
    return [(min(max(a + start, 0), most), min(max(b + start, 0), most)) for a, b in ends]


class RoIAlign(nn.Module):
    """`roi_align` as a module."""

    def __init__(
        self, output_size: int | tuple[int, int], spatial_scale: float, sampling_ratio: int, aligned: bool = False
    ) -> None:
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale
        self.sampling_ratio, self.aligned = sampling_ratio, aligned

    def forward(self, input: Tensor, rois: Boxes) -> Tensor:
        return roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio}, aligned={self.aligned})"
        )


class RoIPool(nn.Module):
    """`roi_pool` as a module."""

    def __init__(self, output_size: int | tuple[int, int], spatial_scale: float) -> None:
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale

    def forward(self, input: Tensor, rois: Boxes) -> Tensor:
        return roi_pool(input, rois, self.output_size, self.spatial_scale)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale})"


class MultiScaleRoIAlign(nn.Module):
    """RoIAlign in that level of a pyramid that fits a box's size (arXiv:1612.03144, equation 1).

    featmap_names: the maps to take, finest first. canonical_scale, canonical_level: a box of that many pixels a side
    goes to that level, counted as the negative binary logarithm of a map's scale.
    """

    def __init__(self, featmap_names: list[str], output_size: int | Sequence[int], sampling_ratio: int, *,
                 canonical_scale: int = 224, canonical_level: int = 4) -> None:  # fmt: skip
        super().__init__()
        self.featmap_names = featmap_names
        self.output_size: Any = _pair(output_size) if isinstance(output_size, int) else tuple(output_size)
        self.sampling_ratio = sampling_ratio
        self.canonical_scale, self.canonical_level = canonical_scale, canonical_level

    def forward(self, x: Mapping[str, Tensor], boxes: list[Tensor], image_shapes: list[tuple[int, int]]) -> Tensor:
        """x: maps (N, C, H, W) by name; boxes: (L, 4) an image; image_shapes: (height, width) each: (K, C, *output_size)."""
        maps = [x[name] for name in self.featmap_names]
        largest = [max(sizes) for sizes in zip(*image_shapes)]
        scales = [2.0 ** round(math.log2(m.shape[-2] / largest[0])) for m in maps]
        rois = _numbered(boxes)
        if len(maps) == 1:
            return roi_align(maps[0], rois, self.output_size, scales[0], self.sampling_ratio)
        least, most = (-math.log2(scale) for scale in (scales[0], scales[-1]))
        sides = box_area(rois[:, 1:]).sqrt() / self.canonical_scale
        levels = (pynn.floor(self.canonical_level + pynn.log2(sides) + 1e-6).clamp(least, most) - least).long()
        result = maps[0].new_zeros(rois.shape[0], maps[0].shape[1], *self.output_size)
        for level, (found, scale) in enumerate(zip(maps, scales)):
            chosen = (levels == level).nonzero()[:, 0]
            part = roi_align(found, rois[chosen], self.output_size, scale, self.sampling_ratio)
            result = result.index_copy(0, chosen, part.to(result.dtype))
        return result

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(featmap_names={self.featmap_names}, output_size={self.output_size}, "
            f"sampling_ratio={self.sampling_ratio})"
        )
