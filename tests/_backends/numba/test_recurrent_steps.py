"""The pieces that the steps of recurrent layers are made of; whole layers are in test_recurrent."""

import numpy
import pytest

pytest.importorskip("numba", exc_type=ImportError)

from pynn._backends.numba import recurrent_steps as steps
from pynn._backends.numba.vectors import ROWS, TILE_BYTES


@pytest.mark.parametrize("rows", [1, steps.FULL_FROM - 1, steps.FULL_FROM, ROWS])
def test_a_tile_of_rows_times_packed_weights(rows):
    rng = numpy.random.default_rng(0)
    depth, columns, width = 7, 21, TILE_BYTES // 8
    pitch = -(-columns // width) * width
    w, a = rng.normal(size=(depth, columns)), rng.normal(size=(ROWS, depth))
    panels = steps.packed(w.ravel(), columns, 1, depth, columns, width)
    c = numpy.full((ROWS, pitch), numpy.nan)
    at = numpy.arange(0, depth * width, width)
    steps._multiply_tile(rows, a.ravel(), depth, panels, depth, width, columns, at, c.reshape(-1), pitch)
    numpy.testing.assert_allclose(c[:rows, :columns], (a @ w)[:rows], rtol=1e-12)


def test_where_a_sample_comes_from():
    sizes, offsets = numpy.array([3, 2, 1]), numpy.array([0, 3, 5])
    before = [[steps._previous(t, s, False, offsets, sizes) for s in range(n)] for t, n in enumerate(sizes)]
    assert before == [[-1, -1, -1], [0, 1], [3]]
    after = [[steps._previous(t, s, True, offsets, sizes) for s in range(n)] for t, n in enumerate(sizes)]
    assert after == [[3, 4, -1], [5, -1], [-1]]
