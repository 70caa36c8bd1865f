"""Boxes (N, 4), corners (x1, y1, x2, y2) unless said otherwise: areas, overlaps, suppression."""

import numpy

import pynn
from pynn import Tensor
from pynn._core import made
from pynn.ops.devices import beside_input

__all__ = [
    "batched_nms",
    "box_area",
    "box_convert",
    "box_iou",
    "clip_boxes_to_image",
    "complete_box_iou",
    "distance_box_iou",
    "generalized_box_iou",
    "masks_to_boxes",
    "nms",
    "remove_small_boxes",
]


def _wide(boxes: Tensor) -> Tensor:
    """Boxes in a dtype in which products of sides do not overflow."""
    if boxes.is_floating_point():
        return boxes if boxes.dtype in (pynn.float32, pynn.float64) else boxes.float()
    return boxes if boxes.dtype in (pynn.int32, pynn.int64) else boxes.to(pynn.int32)


def box_area(boxes: Tensor, fmt: str = "xyxy") -> Tensor:
    """The areas, (N,); fmt: "xyxy", "xywh" or "cxcywh"."""
    boxes = _wide(boxes)
    if fmt == "xyxy":
        return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    if fmt not in ("xywh", "cxcywh"):
        raise ValueError(f"Unsupported Bounding Box format {fmt}: xyxy, xywh or cxcywh expected")
    return boxes[..., 2] * boxes[..., 3]


def _overlaps(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    """Areas of intersection and of union, (N, M)."""
    one, two = _wide(boxes1)[..., :, None, :], _wide(boxes2)[..., None, :, :]
    sides = (pynn.minimum(one[..., 2:], two[..., 2:]) - pynn.maximum(one[..., :2], two[..., :2])).clamp(min=0)
    inner = sides[..., 0] * sides[..., 1]
    return inner, box_area(boxes1)[..., :, None] + box_area(boxes2)[..., None, :] - inner


def box_iou(boxes1: Tensor, boxes2: Tensor, fmt: str = "xyxy") -> Tensor:
    """Intersection over union of every pair: boxes (N, 4) and (M, 4) to (N, M)."""
    if fmt != "xyxy":
        boxes1, boxes2 = box_convert(boxes1, fmt, "xyxy"), box_convert(boxes2, fmt, "xyxy")
    inner, union = _overlaps(boxes1, boxes2)
    return inner / union


def _hull(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Sides of the smallest box around every pair, (N, M, 2)."""
    one, two = _wide(boxes1)[..., :, None, :], _wide(boxes2)[..., None, :, :]
    return (pynn.maximum(one[..., 2:], two[..., 2:]) - pynn.minimum(one[..., :2], two[..., :2])).clamp(min=0)


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """box_iou less the share of the pair's hull that neither covers (Rezatofighi et al., 2019): (N, M)."""
    inner, union = _overlaps(boxes1, boxes2)
    sides = _hull(boxes1, boxes2)
    hull = sides[..., 0] * sides[..., 1]
    return inner / union - (hull - union) / hull


def distance_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """box_iou less the squared distance of the centres over the hull's squared diagonal: (N, M)."""
    one, two = _wide(boxes1)[..., :, None, :], _wide(boxes2)[..., None, :, :]
    centres = (one[..., :2] + one[..., 2:] - two[..., :2] - two[..., 2:]) / 2
    return box_iou(boxes1, boxes2) - (centres**2).sum(-1) / ((_hull(boxes1, boxes2) ** 2).sum(-1) + eps)


def complete_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """distance_box_iou less a term for unlike proportions (Zheng et al., 2020): (N, M)."""
    one, two = _wide(boxes1)[..., :, None, :], _wide(boxes2)[..., None, :, :]
    angles = [pynn.atan((b[..., 2] - b[..., 0]) / (b[..., 3] - b[..., 1])) for b in (one, two)]
    unlike = 4 / numpy.pi**2 * (angles[0] - angles[1]) ** 2
    iou = box_iou(boxes1, boxes2)
    weight = (unlike / (1 - iou + unlike + eps)).detach()
    return distance_box_iou(boxes1, boxes2, eps) - weight * unlike


def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """Boxes (..., 4) in another form: "xyxy" (corners), "xywh" (corner and size) or "cxcywh" (centre and size)."""
    for fmt in (in_fmt, out_fmt):
        if fmt not in ("xyxy", "xywh", "cxcywh"):
            raise ValueError(f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt} and out_fmt {out_fmt}")
    if in_fmt == out_fmt:
        return boxes.clone()
    a, b, c, d = boxes.unbind(-1)
    if in_fmt == "xywh":
        a, b, c, d = a, b, a + c, b + d
    elif in_fmt == "cxcywh":
        a, b, c, d = a - 0.5 * c, b - 0.5 * d, a + 0.5 * c, b + 0.5 * d
    if out_fmt == "xywh":
        a, b, c, d = a, b, c - a, d - b
    elif out_fmt == "cxcywh":
        a, b, c, d = (a + c) / 2, (b + d) / 2, c - a, d - b
    return pynn.stack([a, b, c, d], dim=-1)


def clip_boxes_to_image(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes (..., 4) cut to an image of `size` (height, width)."""
    height, width = size
    across, down = boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)
    return pynn.stack([across, down], dim=-1).reshape(boxes.shape)


def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    """The indices of boxes with both sides at least min_size."""
    wide, tall = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return pynn.where((wide >= min_size) & (tall >= min_size))[0]


@beside_input
def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """The indices of the boxes kept, best score first: each drops all after it that overlap it more than the threshold.

    boxes: (N, 4); scores: (N,). Raises RuntimeError for other shapes.
    """
    if boxes.ndim != 2 or boxes.shape[-1] != 4:
        raise RuntimeError(f"boxes should be a 2d tensor (N, 4), got {tuple(boxes.shape)}")
    if scores.ndim != 1 or scores.shape[0] != boxes.shape[0]:
        raise RuntimeError(
            f"boxes and scores should have same number of elements in dimension 0, got {tuple(scores.shape)}"
        )
    corners = boxes.detach().cpu().numpy()
    order = numpy.argsort(-scores.detach().cpu().numpy(), kind="stable")
    areas = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    kept = []
    while order.size:
        best, order = order[0], order[1:]
        kept.append(best)
        low = numpy.maximum(corners[order, :2], corners[best, :2])
        sides = numpy.maximum(numpy.minimum(corners[order, 2:], corners[best, 2:]) - low, 0)
        inner = sides[:, 0] * sides[:, 1]
        union = areas[order] + areas[best] - inner
        order = order[~(inner > iou_threshold * union)]
    return made(numpy.array(kept, dtype=numpy.int64))


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """`nms` among boxes of the same class, idxs (N,), alone."""
    if boxes.numel() == 0:
        return pynn.empty(0, dtype=pynn.int64)
    offsets = idxs.to(boxes.dtype) * (boxes.max() + 1)  # moves every class to a place of its own
    return nms(boxes + offsets[:, None], scores, iou_threshold)


@beside_input
def masks_to_boxes(masks: Tensor) -> Tensor:
    """The boxes around masks (N, H, W): float (N, 4)."""
    areas = masks.cpu().numpy()
    out = numpy.zeros((len(areas), 4), numpy.float32)
    for number, area in enumerate(areas):
        rows, columns = numpy.nonzero(area)
        out[number] = columns.min(), rows.min(), columns.max(), rows.max()
    return made(out)
