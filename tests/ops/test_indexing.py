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


NUMBER_APART = [
    (lambda x, t: x[1, :, t([0, 1, 1])], lambda x: x[1].index_select(1, pynn.tensor([0, 1, 1]))),
    (lambda x, t: x[t(1), :, t([0, 1, 1])], lambda x: x[1].index_select(1, pynn.tensor([0, 1, 1]))),
    (lambda x, t: x[1, 0, :, t([0, 1, 1])], lambda x: x[1][0].index_select(1, pynn.tensor([0, 1, 1]))),
    (lambda x, t: x[0, None, t([0, 1])], lambda x: x[0].index_select(0, pynn.tensor([0, 1])).unsqueeze(0)),
    (lambda x, t: x[1, :2, t([0, 1, 1]), 1], lambda x: x[1, :2, :, 1].index_select(1, pynn.tensor([0, 1, 1]))),
    (lambda x, t: x[1, ..., t([True, False, True, True])], lambda x: x[1].index_select(2, pynn.tensor([0, 2, 3]))),
]


@pytest.mark.parametrize(("index", "expected"), NUMBER_APART)
def test_a_number_apart_from_index_tensors_takes_its_dimension_first(index, expected):
    x = pynn.arange(72).reshape(2, 3, 3, 4)
    assert index(x, pynn.tensor).tolist() == expected(x).tolist()


def test_writing_at_a_number_apart_from_an_index_tensor():
    x = pynn.zeros(2, 3, 4)
    x[1, :, pynn.tensor([0, 2])] = pynn.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert x[1].tolist() == [[1.0, 0.0, 2.0, 0.0], [3.0, 0.0, 4.0, 0.0], [5.0, 0.0, 6.0, 0.0]]
    assert x[0].sum().item() == 0


def test_the_gradient_through_a_number_and_an_index_tensor():
    x = pynn.zeros(2, 2, 3, requires_grad=True)
    weight = pynn.tensor([[1.0, 2.0], [3.0, 4.0]])
    (x[1, :, pynn.tensor([0, 0])] * weight).sum().backward()
    assert x.grad[1].tolist() == [[3.0, 0.0, 0.0], [7.0, 0.0, 0.0]]


def test_values_of_another_dtype_are_refused_beside_index_tensors():
    x = pynn.zeros(3)
    with pytest.raises(RuntimeError, match="dtypes match"):
        x[pynn.tensor([0, 1])] = pynn.tensor([1, 2])
    x[pynn.tensor([True, False, True])] = pynn.tensor(2)  # a fill, which converts
    x[:2] = pynn.tensor([5, 6])  # a copy, which converts
    assert x.tolist() == [5.0, 6.0, 2.0]


def test_a_part_of_one_element_may_be_written_over_its_own_memory():
    x = pynn.arange(6).reshape(3, 2)
    x[1] = x[1][0]
    x[2:] = x[0, 1]
    assert x.tolist() == [[0, 1], [2, 2], [1, 1]]
