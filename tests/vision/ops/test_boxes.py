"""Boxes and their losses, by hand."""

import math

import pytest

import pynn
from pynn.vision import ops


def test_areas_and_forms():
    boxes = pynn.tensor([[0.0, 0.0, 2.0, 3.0], [1.0, 1.0, 2.0, 4.0]])
    assert ops.box_area(boxes).tolist() == [6.0, 3.0]
    assert ops.box_convert(boxes, "xyxy", "xywh").tolist() == [[0, 0, 2, 3], [1, 1, 1, 3]]
    assert ops.box_convert(boxes, "xyxy", "cxcywh").tolist() == [[1, 1.5, 2, 3], [1.5, 2.5, 1, 3]]
    for form in ("xywh", "cxcywh"):
        there = ops.box_convert(boxes, "xyxy", form)
        assert ops.box_area(there, form).tolist() == [6.0, 3.0]
        assert pynn.equal(ops.box_convert(there, form, "xyxy"), boxes)
    with pytest.raises(ValueError, match="Unsupported Bounding Box"):
        ops.box_convert(boxes, "xyxy", "x")


def test_overlaps():
    one, two = pynn.tensor([[0.0, 0.0, 2.0, 2.0]]), pynn.tensor([[1.0, 1.0, 3.0, 3.0], [4.0, 0.0, 6.0, 2.0]])
    assert ops.box_iou(one, two).tolist() == [pytest.approx([1 / 7, 0.0])]
    assert ops.generalized_box_iou(one, two).tolist() == [pytest.approx([1 / 7 - 2 / 9, -4 / 12])]
    assert ops.distance_box_iou(one, two).tolist() == [pytest.approx([1 / 7 - 2 / 18, -16 / 40])]
    assert ops.complete_box_iou(one, two).tolist() == [pytest.approx([1 / 7 - 2 / 18, -16 / 40])]  # alike: no term more
    assert ops.generalized_box_iou_loss(one, two[:1], reduction="sum").item() == pytest.approx(1 - 1 / 7 + 2 / 9)
    assert ops.distance_box_iou_loss(one, one).tolist() == pytest.approx([0.0])
    assert ops.complete_box_iou_loss(one, one, reduction="mean").item() == pytest.approx(0.0)


def test_unlike_proportions_cost_more():
    one, two = pynn.tensor([[0.0, 0.0, 2.0, 1.0]], dtype=pynn.float64), pynn.tensor([[0.0, 0.0, 1.0, 2.0]])
    one.requires_grad_()
    apart = math.atan(2) - math.atan(1 / 2)
    unlike = 4 / math.pi**2 * apart**2
    weight = unlike / (1 - 1 / 3 + unlike)
    found = ops.complete_box_iou(one, two.double())
    assert found.item() == pytest.approx(1 / 3 - 0.5 / 8 - weight * unlike, rel=1e-6)
    (whole,) = pynn.autograd.grad(found, one)
    (part,) = pynn.autograd.grad(ops.distance_box_iou(one, two.double()), one)
    # The weight is no function of the boxes to autograd; of atan(w / h) the derivative by w is h / (w^2 + h^2).
    assert (whole - part)[0, 2].item() == pytest.approx(-weight * 8 / math.pi**2 * apart * 1 / 5, rel=1e-5)


def test_integers_do_not_overflow():
    big = pynn.tensor([[0, 0, 100, 100]], dtype=pynn.uint8)
    assert ops.box_area(big).tolist() == [10_000]


def test_nms():
    boxes = pynn.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 3.0], [5.0, 5.0, 6.0, 6.0], [0.0, 0.0, 1.0, 1.0]])
    scores = pynn.tensor([0.5, 0.9, 0.1, 0.2])
    assert ops.nms(boxes, scores, 0.5).tolist() == [1, 3, 2]
    assert ops.nms(boxes, scores, 0.8).tolist() == [1, 0, 3, 2]
    assert ops.batched_nms(boxes, scores, pynn.tensor([0, 1, 0, 0]), 0.5).tolist() == [1, 0, 3, 2]
    halves = pynn.tensor([[0.0, 0.0, 2.0, 1.0], [0.0, 0.0, 1.0, 1.0]])  # overlap by exactly a half
    assert ops.nms(halves, scores[:2], 0.5).tolist() == [1, 0]
    assert ops.nms(halves, scores[:2], 0.499).tolist() == [1]
    beside = pynn.tensor([[0.0, 0.0, 1.0, 1.0], [-1.0, -1.0, 1.0, 1.0]])  # of other classes, one left of 0
    assert ops.batched_nms(beside, scores[:2], pynn.tensor([0, 1]), 0.2).tolist() == [1, 0]
    assert ops.nms(boxes[:0], scores[:0], 0.5).shape == (0,)
    with pytest.raises(RuntimeError, match="2d tensor"):
        ops.nms(scores, scores, 0.5)


def test_clipping_and_small_boxes():
    boxes = pynn.tensor([[-1.0, 2.0, 9.0, 9.0], [1.0, 1.0, 2.0, 5.0]])
    assert ops.clip_boxes_to_image(boxes, (4, 6)).tolist() == [[0, 2, 6, 4], [1, 1, 2, 4]]
    assert ops.remove_small_boxes(boxes, 3).tolist() == [0]
    assert (
        ops.remove_small_boxes(boxes, 1).tolist()
        == ops.remove_small_boxes(boxes[:, [1, 0, 3, 2]], 1).tolist()
        == [0, 1]
    )
    mask = pynn.zeros(1, 5, 6, dtype=pynn.bool)
    mask[0, 1:3, 2:5] = True
    assert ops.masks_to_boxes(mask).tolist() == [[2, 1, 4, 2]]


def test_focal_loss():
    logits, targets = pynn.zeros(2), pynn.tensor([1.0, 0.0])
    loss = ops.sigmoid_focal_loss(logits, targets, alpha=0.25, gamma=2)
    assert loss.tolist() == pytest.approx([0.25 * 0.25 * 0.693147, 0.75 * 0.25 * 0.693147], rel=1e-5)
    assert ops.sigmoid_focal_loss(logits, targets, alpha=-1, gamma=0, reduction="mean").item() == pytest.approx(
        0.693147
    )
    with pytest.raises(ValueError, match="reduction"):
        ops.sigmoid_focal_loss(logits, targets, reduction="x")
