"""scatter_reduce and its kin: what the registry's samples do not reach, by numbers worked out by hand."""

import pytest

import pynn


@pytest.mark.parametrize(
    ("reduce", "include_self", "expected"),
    [
        ("sum", True, [3.0, 7.0, 3.0]),
        ("sum", False, [2.0, 5.0, 3.0]),
        ("mean", True, [1.5, 7 / 3, 3.0]),
        ("mean", False, [2.0, 2.5, 3.0]),
        ("prod", True, [2.0, 12.0, 3.0]),
        ("prod", False, [2.0, 6.0, 3.0]),
        ("amax", True, [2.0, 3.0, 3.0]),
        ("amin", True, [1.0, 2.0, 3.0]),
        ("amin", False, [2.0, 2.0, 3.0]),
    ],
)
def test_scatter_reduce(reduce, include_self, expected):
    x = pynn.tensor([1.0, 2.0, 3.0])
    out = x.scatter_reduce(0, pynn.tensor([0, 1, 1]), pynn.tensor([2.0, 2.0, 3.0]), reduce, include_self=include_self)
    assert out.tolist() == pytest.approx(expected)


def test_gradient_of_products_with_zeros():
    x = pynn.tensor([2.0, 3.0], requires_grad=True)
    src = pynn.tensor([0.0, 5.0, 0.0, 0.0], requires_grad=True)
    x.scatter_reduce(0, pynn.tensor([0, 0, 1, 1]), src, "prod").sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]
    assert src.grad.tolist() == [10.0, 0.0, 0.0, 0.0]


def test_mean_of_integers_rounds_down():
    x = pynn.tensor([-3, 4])
    assert x.scatter_reduce(0, pynn.tensor([0, 1]), pynn.tensor([0, 5]), "mean").tolist() == [-2, 4]


def test_int32_index():
    x = pynn.tensor([[1.0, 2.0], [3.0, 4.0]])
    index = pynn.tensor([[1, 0]], dtype=pynn.int32)
    assert x.gather(1, index).tolist() == [[2.0, 1.0]]
    assert x.scatter(1, index, 9.0).tolist() == [[9.0, 9.0], [3.0, 4.0]]


def test_tensors_without_dimensions():
    x = pynn.tensor(3.0)
    zero = pynn.tensor([0])
    assert x.gather(0, pynn.tensor(0)).item() == 3.0
    assert x.index_add(0, zero, pynn.tensor([2.0])).tolist() == 5.0
    assert x.index_fill(0, zero, 7.0).tolist() == 7.0
    assert x.index_copy(0, zero, pynn.tensor([8.0])).tolist() == 8.0
    assert x.index_select(0, zero).shape == ()
    assert x.nonzero().shape == (1, 0)


def test_put():
    x = pynn.arange(6).reshape(2, 3)
    assert x.put(pynn.tensor([1, -1]), pynn.tensor([7, 8])).tolist() == [[0, 7, 2], [3, 4, 8]]
    assert x.put(pynn.tensor([0, 0]), pynn.tensor([7, 8]), accumulate=True).tolist() == [[15, 1, 2], [3, 4, 5]]
    x.put_(pynn.tensor(5), pynn.tensor(9))
    assert x[1, 2].item() == 9


def test_index_put_with_a_whole_dimension():
    x = pynn.zeros(2, 3)
    x.index_put_((None, pynn.tensor([0, 2])), pynn.tensor(1.0))
    assert x.tolist() == [[1.0, 0.0, 1.0], [1.0, 0.0, 1.0]]


@pytest.mark.parametrize(
    "bad",
    [
        lambda x: x.scatter(0, pynn.tensor([[5, 0]]), 1.0),
        lambda x: x.scatter(0, pynn.tensor([[0.5, 0]]), 1.0),
        lambda x: x.scatter(0, pynn.tensor([[0, 0]]), pynn.ones(1, 2, dtype=pynn.float64)),
        lambda x: x.scatter(0, pynn.tensor([[0, 0]]), pynn.ones(1, 1)),
        lambda x: x.scatter_reduce(0, pynn.tensor([[0, 0]]), pynn.ones(1, 2), "most"),
        lambda x: x.gather(0, pynn.tensor([0])),
        lambda x: x.put(pynn.tensor([0]), pynn.ones(2)),
    ],
)
def test_refused(bad):
    with pytest.raises(RuntimeError):
        bad(pynn.zeros(2, 2))


@pytest.mark.parametrize(
    "bad",
    [
        lambda x: x.index_add(0, pynn.tensor([2]), pynn.ones(1, 2)),
        lambda x: x.index_select(0, pynn.tensor([-1])),
        lambda x: x.index_select(0, pynn.tensor([[0]])),
        lambda x: x.put(pynn.tensor([9]), pynn.ones(1)),
        lambda x: x.narrow(0, 3, 1),
    ],
)
def test_out_of_range(bad):
    with pytest.raises(IndexError):
        bad(pynn.zeros(2, 2))


def test_take_along_dim_checks_places(lib):
    x = lib.arange(6.0).reshape(2, 3)
    assert lib.take_along_dim(x, lib.tensor([[-1, -3], [0, 2]]), 1).tolist() == [[2, 0], [3, 5]]
    for place in (-4, 3) if lib is pynn else ():  # torch 2.13 wraps any number around
        with pytest.raises(RuntimeError, match=f"index {place} is out of bounds for dimension 1 with size 3"):
            lib.take_along_dim(x, lib.tensor([[place]]), 1)
