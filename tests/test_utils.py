"""Tensors laid end to end, as torch._utils does it."""

import pynn
from pynn._utils import _flatten_dense_tensors, _take_tensors, _unflatten_dense_tensors


def test_flatten_and_unflatten():
    tensors = [pynn.arange(6.0).view(2, 3), pynn.tensor(7.0), pynn.arange(4.0).view(2, 2).t()]
    flat = _flatten_dense_tensors(tensors)
    assert flat.tolist() == [0, 1, 2, 3, 4, 5, 7, 0, 2, 1, 3]
    parts = _unflatten_dense_tensors(flat, tensors)
    assert all(pynn.equal(a, b) for a, b in zip(parts, tensors, strict=True))
    parts[1].zero_()
    assert flat[6] == 0  # views


def test_take_tensors_by_dtype_and_size():
    a, b, c = pynn.ones(2), pynn.ones(2, dtype=pynn.int64), pynn.ones(3)
    assert [[t.shape[0] for t in group] for group in _take_tensors([a, b, c], 16)] == [[2], [3], [2]]
    assert [len(group) for group in _take_tensors([a, b, c], 20)] == [2, 1]
    assert [len(group) for group in _take_tensors([a, c], 1)] == [1, 1]
