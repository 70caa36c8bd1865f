"""Making tensors of a shape: values, dtypes and errors as torch has them."""

import pytest

import pynn


def test_arange_and_ranges():
    assert pynn.arange(5).tolist() == [0, 1, 2, 3, 4]
    assert pynn.arange(5).dtype is pynn.int64
    assert pynn.arange(1, 2, 0.25).tolist() == [1, 1.25, 1.5, 1.75]
    assert pynn.arange(5, 0, -2).tolist() == [5, 3, 1]
    assert pynn.linspace(0, 1, 5).tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert pynn.eye(2).tolist() == [[1, 0], [0, 1]]
    with pytest.raises(RuntimeError, match="step must be nonzero"):
        pynn.arange(0, 5, 0)
    with pytest.raises(RuntimeError, match="inconsistent with step sign"):
        pynn.arange(0, 5, -1)


def test_filled_tensors():
    assert pynn.full((2,), 3).dtype is pynn.int64
    assert pynn.full((2,), 3.0).dtype is pynn.float32
    assert pynn.full((2, 1), True).tolist() == [[True], [True]]
    base = pynn.zeros(2, 3, dtype=pynn.float64)
    assert pynn.ones_like(base).dtype is pynn.float64
    assert base.new_full((1,), 2).dtype is pynn.float64
    assert base.new_zeros(4).shape == (4,)
    assert pynn.zeros((2, 3)).shape == pynn.zeros(2, 3).shape == (2, 3)
    assert pynn.ones(2, requires_grad=True).requires_grad


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: pynn.zeros(-1), RuntimeError, "negative dimension -1"),
        (lambda: pynn.zeros(2, device="cuda"), RuntimeError, "Use device='cpu'"),
    ],
)
def test_errors(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_fill_and_zero_write_in_place():
    x = pynn.ones(3)
    address = x.data_ptr()
    assert x.fill_(4).tolist() == [4, 4, 4]
    assert x.zero_().tolist() == [0, 0, 0]
    assert x.data_ptr() == address


def test_sizes_stay_sizes():
    shape = pynn.zeros(2, 3, 4).shape
    assert repr(shape[:2]) == "pynn.Size([2, 3])"
    assert shape[:-1].numel() == 6
    assert repr(shape + (1,)) == repr(pynn.Size([2, 3, 4, 1]))
    assert repr((1,) + shape) == repr(pynn.Size([1, 2, 3, 4]))
    assert shape[-1] == 4
    assert shape == (2, 3, 4)
    with pytest.raises(TypeError):
        shape + [1]


def test_range_and_linspace():
    assert pynn.range(0, 2).tolist() == [0.0, 1.0, 2.0]
    assert pynn.range(1, 2, 0.5, out=pynn.empty(0)).tolist() == [1.0, 1.5, 2.0]
    assert pynn.linspace(pynn.tensor(0.0), pynn.tensor(1.0), 3).tolist() == [0.0, 0.5, 1.0]
    assert pynn.linspace(0, 10, 5, dtype=pynn.int64).tolist() == [0, 2, 5, 7, 10]
    with pytest.raises(RuntimeError, match="non-negative"):
        pynn.linspace(0, 1, -1)
    with pytest.raises(RuntimeError, match="unsupported range"):
        pynn.arange(0, float("nan"))


def test_block_diag_and_fill():
    out = pynn.block_diag(pynn.tensor([[1, 2]]), pynn.tensor(3), pynn.tensor([4]))
    assert out.tolist() == [[1, 2, 0, 0], [0, 0, 3, 0], [0, 0, 0, 4]]
    x = pynn.ones(2)
    assert pynn.fill(x, 5).tolist() == [5.0, 5.0]
    assert pynn.zero_(x) is x
    assert x.tolist() == [0.0, 0.0]
