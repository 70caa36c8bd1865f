"""Indices out of range on the GPU: left out, and reported without the host waiting for the device."""

import numpy
import pytest

from tests.cuda_kernels import emulated

pytestmark = pytest.mark.skipif(emulated.BACKEND is None, reason="build/emulated has no _cuda_emulated")

X = numpy.arange(6.0, dtype=numpy.float32).reshape(3, 2)
WRONG = numpy.array([0, 3])


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("embedding", (X, WRONG, -1, False)),
        ("embedding_weight", (X[:2], WRONG, 3, -1, False)),
        ("index", ((X, WRONG), ("tensor",))),
        ("index_put", ((X, X[:2], WRONG), ("tensor",), True)),
        ("gather", (X, WRONG[:, None], 0)),
        ("scatter", (X, WRONG[:, None], X[:2], 0)),
        ("scatter_add", (X, WRONG[:, None], X[:2], 0)),
    ],
)
def test_index_out_of_range(name, args):
    with pytest.raises(IndexError, match="index 3 is out of range for a dimension of size 3, in this call or one before it"):
        emulated.BACKEND.kernel(name)(*args)
    emulated.module.check_indices()  # raised once
