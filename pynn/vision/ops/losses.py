"""Losses for detection."""

import pynn
from pynn import Tensor
from pynn.nn import functional as F
from pynn.vision.ops.boxes import complete_box_iou, distance_box_iou, generalized_box_iou

__all__ = [
    "complete_box_iou_loss",
    "distance_box_iou_loss",
    "generalized_box_iou_loss",
    "sigmoid_focal_loss",
]


def _reduced(loss: Tensor, reduction: str) -> Tensor:
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(
            f"Invalid Value for arg 'reduction': '{reduction}'. Supported reduction modes: 'none', 'mean', 'sum'"
        )
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()


def sigmoid_focal_loss(
    inputs: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2, reduction: str = "none"
) -> Tensor:
    """Binary cross-entropy of logits, weighed down where they are right already (Lin et al., 2017).

    alpha: weight of the targets 1, and 1 - alpha that of 0; negative for none.
    """
    p = pynn.sigmoid(inputs)
    entropy = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    loss = entropy * (1 - (p * targets + (1 - p) * (1 - targets))) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return _reduced(loss, reduction)


def _pairs(overlap: Tensor) -> Tensor:
    return 1 - overlap.squeeze(-1).squeeze(-1)


def generalized_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """1 - generalized IoU of boxes1[i] and boxes2[i], both (N, 4)."""
    return _reduced(_pairs(generalized_box_iou(boxes1[..., None, :], boxes2[..., None, :])), reduction)


def distance_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """1 - distance IoU of boxes1[i] and boxes2[i], both (N, 4)."""
    return _reduced(_pairs(distance_box_iou(boxes1[..., None, :], boxes2[..., None, :], eps)), reduction)


def complete_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """1 - complete IoU of boxes1[i] and boxes2[i], both (N, 4)."""
    return _reduced(_pairs(complete_box_iou(boxes1[..., None, :], boxes2[..., None, :], eps)), reduction)
