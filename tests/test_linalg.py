"""linalg's norms."""

import math

import pytest

import pynn


def test_norms():
    x = pynn.tensor([[3.0, 4.0], [0.0, 5.0]])
    assert pynn.linalg.norm(x).item() == pytest.approx(math.sqrt(50))
    assert pynn.linalg.norm(x, dim=1).tolist() == [5.0, 5.0]
    assert pynn.linalg.norm(x, 1, dim=1, keepdim=True).tolist() == [[7.0], [5.0]]
    assert pynn.linalg.vector_norm(x, math.inf).item() == 5.0
    with pytest.raises(ValueError, match="vector_norm"):
        pynn.linalg.norm(x, 2)
