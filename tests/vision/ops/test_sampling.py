"""Reading between pixels."""

import pynn
from pynn.vision.ops.sampling import bilinear, grid_places


def test_outside_is_zero_or_the_edge():
    plane = pynn.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    y, x = pynn.tensor([[0.5, -0.5, 5.0]]), pynn.tensor([[0.5, 0.0, 0.0]])
    assert bilinear(plane, y, x).tolist() == [[[2.5, 0.5, 0.0]]]
    assert bilinear(plane, y, x, clamp=True).tolist() == [[[2.5, 1.0, 0.0]]]


def test_points_are_evenly_spaced():
    found = grid_places(pynn.tensor([1.0]), pynn.tensor([4.0]), 2, 2)
    assert found.tolist() == [[[1.5, 2.5], [3.5, 4.5]]]
