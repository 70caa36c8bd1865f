"""What public indexing functions do beside their ops' values."""

import pytest

import pynn


@pytest.mark.parametrize("sizes", [(1,), (3,), (2, 1)])
def test_repeat_copies(sizes):
    x = pynn.ones(1)
    y = x.repeat(*sizes)
    y.add_(1.0)
    assert x.item() == 1.0
    assert y.flatten().tolist() == [2.0] * y.numel()
