"""What kernels ask of arrays."""

import numpy
import pytest

pytest.importorskip("numba", exc_type=ImportError)

from pynn._backends.numba import arrays


def test_floats_in_the_machines_byte_order():
    assert arrays.is_float(numpy.ones(2, "f4"))
    assert arrays.is_float(numpy.ones(2, "f8"))
    for other in (numpy.ones(2, "i4"), numpy.ones(2, "f2"), numpy.ones(2, ">f4"), 1.0, None, numpy.float32(1)):
        assert not arrays.is_float(other)
    assert arrays.are_floats(numpy.dtype("f4"), None, numpy.ones(2, "f4"))
    assert not arrays.are_floats(numpy.dtype("f4"), numpy.ones(2, "f8"))


def test_numbers():
    assert arrays.is_number(1)
    assert arrays.is_number(1.5)
    assert not arrays.is_number(True)
    assert not arrays.is_number(numpy.float64(1))


def test_dense_copies_only_what_it_must():
    x = numpy.arange(6.0).reshape(2, 3)
    assert arrays.dense(x) is x
    columns = arrays.dense(x.T)
    assert columns.flags.carray
    assert (columns == x.T).all()
    frozen = x.copy()
    frozen.flags.writeable = False
    assert arrays.dense(frozen).flags.writeable
    assert numpy.shares_memory(arrays.flat(x), x)
    assert arrays.flat(x.T).tolist() == [0, 3, 1, 4, 2, 5]
    assert arrays.optional(None, x).shape == (0,)
    assert arrays.optional(x, x).shape == (6,)


def test_a_matrix_is_read_in_either_order():
    x = numpy.arange(6.0).reshape(2, 3)
    for given, copied in ((x, False), (x.T, False), (numpy.repeat(x, 2, axis=1)[:, ::2], True)):
        elements, place, row, column = arrays.matrix(given)
        assert numpy.shares_memory(elements, given) is not copied
        for i, j in numpy.ndindex(*given.shape):
            assert elements[place + i * row + j * column] == given[i, j]


def test_pairs():
    assert arrays.pair((0, 2), 0)
    for other in ((0, 2), (1,), [1, 1], (1, True), (1, 1 << 31), (1, 1.0)):
        assert not arrays.pair(other, 1)
