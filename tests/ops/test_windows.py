"""Windows over arrays: sizes, padding, and fold as the adjoint of windows."""

import itertools

import numpy
import pytest

from pynn._backends import numpy_namespace as xp
from pynn.ops.windows import fold, output_size, overlaps, padded, windows

CASES = [
    ((5, 4), (2, 3), (1, 1), (0, 0), (1, 1)),
    ((5, 6), (3, 2), (2, 1), (1, 1), (1, 2)),
    ((7,), (3,), (2,), (1,), (2,)),
    ((4, 3, 5), (2, 1, 3), (2, 1, 1), (0, 0, 1), (1, 1, 1)),
]


@pytest.mark.parametrize(("size", "kernel", "stride", "padding", "dilation"), CASES)
def test_every_window_holds_what_it_should(size, kernel, stride, padding, dilation):
    x = numpy.random.default_rng(0).normal(size=(2, *size))
    out = output_size(size, kernel, stride, padding, dilation)
    found = windows(xp, x, out, kernel, stride, padding, dilation, fill=9.0)
    assert found.shape == (2, *kernel, *out)
    for k in itertools.product(*map(range, kernel)):
        for o in itertools.product(*map(range, out)):
            place = [b * s - p + a * d for a, b, s, p, d in zip(k, o, stride, padding, dilation)]
            inside = all(0 <= i < n for i, n in zip(place, size))
            assert found[(0, *k, *o)] == (x[(0, *place)] if inside else 9.0)


@pytest.mark.parametrize(("size", "kernel", "stride", "padding", "dilation"), CASES)
def test_fold_is_the_adjoint(size, kernel, stride, padding, dilation):
    rng = numpy.random.default_rng(1)
    x = rng.normal(size=(2, *size))
    out = output_size(size, kernel, stride, padding, dilation)
    y = rng.normal(size=(2, *kernel, *out))
    there = (windows(xp, x, out, kernel, stride, padding, dilation) * y).sum()
    back = fold(xp, y, size, kernel, stride, padding, dilation)
    assert back.flags.c_contiguous
    assert there == pytest.approx((x * back).sum())


def test_ceil_mode_keeps_a_window_that_starts_inside():
    assert output_size((5,), (2,), (2,), (0,), (1,)) == (2,)
    assert output_size((5,), (2,), (2,), (0,), (1,), ceil_mode=True) == (3,)
    assert output_size((4,), (1,), (3,), (0,), (1,), ceil_mode=True) == (2,)
    assert output_size((5,), (1,), (3,), (0,), (1,), ceil_mode=True) == (2,)  # a third would start beyond the end


def test_overlaps_count_padding_or_not():
    padded_too, inside = overlaps(xp, (4,), (3,), (3,), (2,), (1,))
    assert padded_too.tolist() == [3, 3, 2]
    assert inside.tolist() == [2, 3, 1]


def test_padded_returns_what_needs_none():
    x = numpy.zeros((2, 3))
    assert padded(xp, x, (3,), (0,)) is x
    assert padded(xp, x, (5,), (1,), fill=1).tolist() == [[1, 0, 0, 0, 1]] * 2
