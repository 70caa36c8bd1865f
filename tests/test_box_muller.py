"""The stated accuracy of the normal numbers."""

import numpy
import pytest

from pynn import _box_muller


@pytest.mark.parametrize("dtype", [numpy.float32, numpy.float64])
def test_within_4_ulp_of_the_exact_transform(dtype):
    edges = numpy.array([0, 1, 2**29, 2**30 + 1, 2**31, 2**32 - 2, 2**32 - 1], numpy.uint32)
    words = numpy.random.default_rng(0).integers(0, 2**32, 200_000, dtype=numpy.uint32)
    words = numpy.concatenate([words, numpy.stack(numpy.meshgrid(edges, edges), -1).ravel()])
    first, second = (w.astype(numpy.longdouble) for w in (words[0::2], words[1::2]))
    radius = numpy.sqrt(-2 * numpy.log1p(-(2.0**32 - 1 - first) / 2**32))
    angle = second - 2**30 * numpy.round(second / 2**30)  # the nearest quarter turn away, so that pi costs no digits
    turn = numpy.longdouble("6.283185307179586476925286766559") / 2**32 * angle
    quarter = numpy.round(second / 2**30).astype(int) % 4
    cosine = numpy.choose(quarter, [numpy.cos(turn), -numpy.sin(turn), -numpy.cos(turn), numpy.sin(turn)])
    exact = radius * cosine
    got = _box_muller.normals(words, dtype)
    assert got.dtype == dtype
    ulp = numpy.spacing(numpy.maximum(numpy.abs(exact), numpy.finfo(dtype).tiny).astype(dtype)).astype(numpy.longdouble)
    assert numpy.max(numpy.abs(got.astype(numpy.longdouble) - exact) / ulp) <= 4
