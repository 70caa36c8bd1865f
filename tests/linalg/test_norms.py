"""Norms and distances: by hand, of empty tensors, and what is refused."""

import math

import numpy
import pytest

import pynn
from pynn import linalg

inf = math.inf


def test_vector_norms():
    x = pynn.tensor([[3.0, 4.0], [0.0, -5.0]])
    assert linalg.norm(x).item() == pytest.approx(math.sqrt(50))
    assert linalg.norm(x, dim=1).tolist() == [5.0, 5.0]
    assert linalg.norm(x, 1, dim=1, keepdim=True).tolist() == [[7.0], [5.0]]
    assert linalg.vector_norm(x, inf).item() == 5.0
    assert linalg.vector_norm(x, -inf).item() == 0.0
    assert linalg.vector_norm(x, 0, dim=1).tolist() == [2.0, 1.0]
    assert linalg.vector_norm(x, 3, dim=0).tolist() == pytest.approx([3.0, 189 ** (1 / 3)])
    assert linalg.vector_norm(x, dtype=pynn.float64).dtype is pynn.float64
    assert pynn.norm(x, 1, dtype=pynn.float64).item() == 12.0
    assert x.norm(p=2, dim=(0, 1), keepdim=True).tolist() == [[pytest.approx(math.sqrt(50))]]


def test_matrix_norms():
    x = pynn.tensor([[1.0, -2.0], [3.0, 4.0]])
    assert linalg.matrix_norm(x).item() == pytest.approx(math.sqrt(30))
    assert [linalg.norm(x, p).item() for p in (1, -1, inf, -inf)] == [6.0, 4.0, 7.0, 3.0]
    values = [(math.sqrt(50) + math.sqrt(10)) / 2, (math.sqrt(50) - math.sqrt(10)) / 2]
    assert linalg.norm(x, 2).item() == pytest.approx(values[0])
    assert linalg.norm(x, -2).item() == pytest.approx(values[1])
    assert linalg.norm(x, "nuc").item() == pytest.approx(sum(values))
    assert pynn.norm(x, "nuc").item() == pytest.approx(sum(values))
    assert pynn.nuclear_norm(x).item() == pytest.approx(sum(values))
    assert linalg.cond(x).item() == pytest.approx(values[0] / values[1])
    assert linalg.cond(x, -2).item() == pytest.approx(values[1] / values[0])
    assert linalg.cond(x, 1).item() == pytest.approx(6 * 0.7)
    stack = pynn.stack([x, 2 * x]).permute(1, 0, 2)
    assert linalg.matrix_norm(stack, 1, dim=(0, 2)).tolist() == [6.0, 12.0]
    assert linalg.matrix_norm(stack, inf, dim=(0, 2), keepdim=True).tolist() == [[[7.0], [14.0]]]
    assert linalg.matrix_norm(stack, 2, dim=(0, 2), keepdim=True).shape == (1, 2, 1)
    assert linalg.matrix_norm(stack, "nuc", dim=(2, 0)).tolist() == pytest.approx([sum(values), 2 * sum(values)])


def test_norms_of_nothing():
    empty = pynn.zeros(0, 2)
    assert linalg.norm(empty).item() == 0
    assert linalg.vector_norm(empty, 1, dim=0).tolist() == [0.0, 0.0]
    for p in (1, inf, 2, "nuc", "fro"):
        assert linalg.matrix_norm(empty, p).item() == 0
    assert linalg.vector_norm(empty, inf, dim=1).shape == (0,)
    for function in (linalg.vector_norm, pynn.norm):
        with pytest.raises(RuntimeError, match="does not have an identity"):
            function(empty, inf)
    with pytest.raises(IndexError):
        linalg.matrix_norm(pynn.zeros(2, 0), -1)


def test_norms_that_are_refused():
    x = pynn.ones(2, 2)
    for function in (linalg.vector_norm, linalg.matrix_norm, linalg.norm):
        with pytest.raises(RuntimeError, match="Expected a floating point"):
            function(x.long())
    with pytest.raises(RuntimeError, match="Order 3 not supported"):
        linalg.norm(x, 3)
    with pytest.raises(RuntimeError, match="Order inf not supported"):
        pynn.norm(x, "inf")
    with pytest.raises(RuntimeError, match=r"must be 1D or 2D. Got 3D"):
        linalg.norm(pynn.ones(2, 2, 2), 1)
    with pytest.raises(RuntimeError, match="length 1 or 2"):
        linalg.norm(pynn.ones(2, 2, 2), dim=(0, 1, 2))
    with pytest.raises(RuntimeError, match="without narrowing"):
        linalg.vector_norm(x.double(), dtype=pynn.float32)
    with pytest.raises(RuntimeError, match="dims must be different"):
        linalg.matrix_norm(x, dim=(0, 0))


def test_cdist_by_hand():
    a, b = pynn.tensor([[0.0, 0.0], [3.0, 4.0]]), pynn.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 1.0]])
    assert pynn.cdist(a, b).tolist()[0] == [0.0, 3.0, 1.0]
    assert pynn.cdist(a, b, p=1).tolist() == [[0.0, 3.0, 1.0], [7.0, 4.0, 6.0]]
    assert pynn.cdist(a, b, p=inf).tolist() == [[0.0, 3.0, 1.0], [4.0, 4.0, 3.0]]
    assert pynn.cdist(a, b, p=0).tolist() == [[0.0, 1.0, 1.0], [2.0, 1.0, 2.0]]
    assert pynn.cdist(pynn.ones(4, 1, 2, 3), pynn.ones(5, 3, 3)).shape == (4, 5, 2, 3)
    assert pynn.cdist(pynn.ones(2, 0), pynn.ones(3, 0)).tolist() == [[0.0] * 3] * 2
    with pytest.raises(RuntimeError, match=r"same number of columns. X1: 2 X2: 3"):
        pynn.cdist(a, pynn.ones(1, 3))
    with pytest.raises(ValueError, match="compute_mode"):
        pynn.cdist(a, b, compute_mode="fast")


@pytest.mark.parametrize("mode", ["use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"])
def test_the_gradient_of_a_distance_is_0_at_0(mode):
    x = pynn.tensor([[1.0, 2.0], [4.0, 6.0]], requires_grad=True)
    pynn.cdist(x, x.detach(), compute_mode=mode).sum().backward()
    numpy.testing.assert_allclose(x.grad.numpy(), [[-0.6, -0.8], [0.6, 0.8]], rtol=1e-6)


def test_distances_by_products_are_exact_for_far_away_points():
    """Taken relative to the mean: points near each other and far from 0 keep their distances in float32."""
    x = pynn.rand(30, 3) + 1000
    wanted = pynn.cdist(x.double(), x.double(), compute_mode="donot_use_mm_for_euclid_dist")
    assert (pynn.cdist(x, x) - wanted).abs().max().item() < 2e-3


def test_renorm():
    x = pynn.tensor([[3.0, 4.0], [0.3, 0.4]])
    numpy.testing.assert_allclose(pynn.renorm(x, 2, 0, 1.0).numpy(), [[0.6, 0.8], [0.3, 0.4]], rtol=1e-6)
    assert x.renorm_(2, 0, 1.0)[1].tolist() == pytest.approx([0.3, 0.4])
    with pytest.raises(RuntimeError, match="at least 2 dimensions"):
        pynn.renorm(pynn.ones(2), 2, 0, 1.0)
