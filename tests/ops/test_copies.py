"""Views as copies."""

import pytest

import pynn


def test_narrow_copy():
    x = pynn.arange(6).reshape(3, 2)
    for part in (pynn.narrow_copy(x, 0, 1, 2), x.narrow_copy(0, -2, 2)):
        assert part.tolist() == [[2, 3], [4, 5]]
        assert part.data_ptr() != x[1:].data_ptr()


def test_narrow_copy_of_no_such_dimension():  # a RuntimeError in torch, too, where narrow raises IndexError
    with pytest.raises(RuntimeError, match="Dimension out of range"):
        pynn.narrow_copy(pynn.ones(3, 2), 2, 0, 1)
    with pytest.raises(IndexError, match="Dimension out of range"):
        pynn.narrow(pynn.ones(3, 2), 2, 0, 1)
