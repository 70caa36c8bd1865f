"""Sums and their relatives, beyond what the records' samples ask."""

import pytest

import pynn


@pytest.mark.parametrize("dtype", [pynn.uint8, pynn.int32, pynn.bool], ids=str)
def test_sum_to_size_counts_integers_in_int64(dtype):
    x = pynn.ones(2, 3).to(dtype)
    assert x.sum_to_size(1, 3).dtype is pynn.int64
    assert x.sum_to_size(1, 3).tolist() == [[2, 2, 2]]
    assert x.sum_to_size(2, 3).dtype is dtype
