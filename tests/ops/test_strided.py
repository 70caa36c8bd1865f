"""Strides and storages: as_strided, views of diagonals and windows, set_, resize_, copies with a part replaced."""

import pytest

import pynn


def test_as_strided_reaches_all_of_the_storage():
    x = pynn.arange(12).reshape(3, 4)
    assert x[1:].as_strided((2, 2), (4, 1)).tolist() == [[4, 5], [8, 9]]
    assert x[1:].as_strided((2, 2), (4, 1), 0).tolist() == [[0, 1], [4, 5]]
    assert x[1:].detach().as_strided((2,), (1,), 0).tolist() == [0, 1]
    assert x.t().as_strided((3,), (2,), 1).tolist() == [1, 3, 5]
    with pytest.raises(RuntimeError, match="out of bounds"):
        x.as_strided((4, 4), (4, 1))
    with pytest.raises(RuntimeError, match=r"[Nn]egative"):
        x.as_strided((2,), (-1,))


def test_writes_through_views_reach_the_base():
    x = pynn.zeros(3, 3)
    x.diagonal(1).fill_(1)
    x.as_strided((3,), (3,)).fill_(2)
    x.unfold(1, 2, 1)[0, 1, 1] = 7
    assert x.tolist() == [[2.0, 1.0, 7.0], [2.0, 0.0, 1.0], [2.0, 0.0, 0.0]]


def test_gradient_of_overlapping_elements_adds_up():
    x = pynn.arange(4.0).requires_grad_()
    x.unfold(0, 3, 1).sum().backward()
    assert x.grad.tolist() == [1.0, 2.0, 2.0, 1.0]
    x.grad = None
    x.as_strided((2, 2), (0, 1)).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 0.0, 0.0]


def test_storages():
    x = pynn.arange(6.0).reshape(2, 3)
    assert x[1].untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    assert x[1].untyped_storage().nbytes() == 24
    assert x[1].storage_offset() == 3
    assert len(x.storage()) == 6
    assert x.storage()[4] == 4.0
    assert pynn.zeros(0).set_(x.storage(), 1, (2, 2), (2, 1)).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    y = pynn.zeros(1).set_(x)
    assert y.is_set_to(x)
    y[0, 0] = 9
    assert x[0, 0].item() == 9


def test_resize():
    x = pynn.arange(6)
    x.resize_(2, 2)
    assert x.tolist() == [[0, 1], [2, 3]]
    x.resize_(2, 3)
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]
    x.resize_(8)
    assert x[:6].tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(RuntimeError, match="require grad"):
        pynn.ones(2, requires_grad=True).resize_(3)


def test_new_memory_of_given_strides():
    assert pynn.empty_strided((2, 3), (1, 2)).stride() == (1, 2)
    assert pynn.empty_permuted((2, 3, 4), (2, 0, 1)).stride() == (3, 1, 6)
    assert pynn.ones(2).new_empty_strided((2, 2), (1, 2)).stride() == (1, 2)


def test_copies_with_a_part_replaced():
    x = pynn.zeros(3, 3)
    ones = pynn.ones(3)
    assert pynn.select_scatter(x, ones, 0, 1).tolist()[1] == [1.0, 1.0, 1.0]
    assert pynn.diagonal_scatter(x, ones).trace().item() == 3.0
    assert pynn.slice_scatter(x, pynn.ones(2, 3), 0, 0, 3, 2).sum().item() == 6.0
    assert pynn.as_strided_scatter(x, ones, (3,), (1,)).tolist()[0] == [1.0, 1.0, 1.0]
    assert x.sum().item() == 0.0
    with pytest.raises(RuntimeError, match="src size"):
        pynn.select_scatter(x, pynn.ones(2), 0, 1)


def test_pieces():
    x = pynn.arange(8).reshape(2, 4)
    assert [p.tolist() for p in x.hsplit(2)] == [[[0, 1], [4, 5]], [[2, 3], [6, 7]]]
    assert [p.shape[0] for p in x.vsplit((1,))] == [1, 1]
    assert [p.shape[1] for p in x.tensor_split(pynn.tensor(3), 1)] == [2, 1, 1]
    assert [p.shape[1] for p in x.split_with_sizes([1, 3], 1)] == [1, 3]
    with pytest.raises(RuntimeError, match="divisible"):
        x.hsplit(3)


def test_constant_pad_nd():
    x = pynn.tensor([[1, 2], [3, 4]])
    assert pynn.constant_pad_nd(x, (1, -1), 9).tolist() == [[9, 1], [9, 3]]
    assert pynn.constant_pad_nd(x, (0, 0, 1, 0)).tolist() == [[0, 0], [1, 2], [3, 4]]


def test_fill_diagonal():
    assert pynn.zeros(7, 3).fill_diagonal_(1, wrap=True).sum(1).tolist() == [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0]
    assert pynn.zeros(2, 2, 2).fill_diagonal_(1).sum().item() == 2.0


def test_set_takes_a_typed_storage_of_its_own_dtype():
    with pytest.raises(RuntimeError, match=r"Expected a Storage of type pynn\.float32"):
        pynn.zeros(1).set_(pynn.zeros(4, dtype=pynn.int64).storage())
