"""Features of regions."""

import pytest

import pynn
from pynn.vision.ops import MultiScaleRoIAlign, RoIAlign, RoIPool, roi_align, roi_pool


@pytest.fixture
def plane():
    """Two pictures whose values are linear in row and column: bilinear samples of them are exact."""
    y, x = pynn.meshgrid(pynn.arange(12.0), pynn.arange(10.0), indexing="ij")
    return pynn.stack([y, 10 * x + y]).unsqueeze(1)


def test_means_of_a_linear_picture_are_its_values_at_the_bins_centres(plane):
    boxes = pynn.tensor([[1, 2.0, 3.0, 6.0, 9.0], [0, 0.0, 2.0, 4.0, 4.0]])
    found = roi_align(plane, boxes, (3, 2), sampling_ratio=2)
    assert pynn.allclose(found[0, 0], pynn.tensor([[34.0, 54.0], [36.0, 56.0], [38.0, 58.0]]))
    assert pynn.allclose(found[1, 0, :, 0], pynn.tensor([2 + 1 / 3, 3.0, 3 + 2 / 3]))
    assert pynn.allclose(roi_align(plane, boxes, (3, 2)), found)
    shifted = roi_align(plane, boxes, (3, 2), sampling_ratio=2, aligned=True)
    assert pynn.allclose(shifted[0, 0], found[0, 0] - 5.5)
    listed = roi_align(plane, [boxes[1:, 1:], boxes[:1, 1:]], (3, 2), sampling_ratio=2)
    assert pynn.equal(listed, found[[1, 0]])


def test_scales_sizes_and_nothing(plane):
    box = pynn.tensor([[0.0, 4.0, 6.0, 12.0, 18.0]])
    assert pynn.allclose(roi_align(plane, [box[:, 1:], box[:0, 1:]], 2, 0.5), roi_align(plane, box * 0.5, 2))
    assert roi_align(plane, box[:0], 2).shape == (0, 1, 2, 2)
    outside = pynn.tensor([[0.0, 100.0, 100.0, 110.0, 110.0]])
    assert pynn.equal(roi_align(plane, outside, 2), pynn.zeros(1, 1, 2, 2))
    assert pynn.equal(RoIAlign(2, 0.5, -1)(plane, box), roi_align(plane, box, 2, 0.5))
    with pytest.raises(AssertionError, match="Boxes of shape"):
        roi_align(plane, box[:, :4], 2)
    with pytest.raises(AssertionError, match="List"):
        roi_align(plane, [box], 2)


def test_gradients(plane):
    x = pynn.randn(1, 2, 5, 5, dtype=pynn.float64, requires_grad=True)
    boxes = pynn.tensor([[0, 0.3, 0.6, 3.2, 3.9]], dtype=pynn.float64)
    assert pynn.autograd.gradcheck(lambda t: roi_align(t, boxes, 2, sampling_ratio=2), (x,))


def test_pools_take_the_largest_of_whole_pixels(plane):
    boxes = pynn.tensor([[1, 2.4, 3.0, 5.6, 6.0], [0, 20.0, 20.0, 30.0, 30.0]])
    found = roi_pool(plane, boxes, 2)
    assert found.tolist() == [[[[44.0, 64.0], [46.0, 66.0]]], [[[0.0, 0.0], [0.0, 0.0]]]]
    assert pynn.equal(RoIPool(2, 1.0)(plane, boxes), found)
    assert roi_pool(plane, boxes[:0], 2).shape == (0, 1, 2, 2)


def test_boxes_go_to_the_level_of_their_size():
    maps = {"fine": pynn.ones(1, 1, 64, 64), "coarse": pynn.full((1, 1, 32, 32), 2.0)}
    pool = MultiScaleRoIAlign(["fine", "coarse"], 3, 2)
    boxes = [pynn.tensor([[0.0, 0.0, 20.0, 20.0], [0.0, 0.0, 255.0, 255.0]])]
    assert pool(maps, boxes, [(256, 256)])[:, 0, 1, 1].tolist() == [1.0, 2.0]
    alone = MultiScaleRoIAlign(["coarse"], (3, 3), 2)
    assert alone(maps, boxes, [(256, 256)])[:, 0, 1, 1].tolist() == [2.0, 2.0]
    assert repr(pool).startswith("MultiScaleRoIAlign(featmap_names=['fine', 'coarse'], output_size=(3, 3)")
