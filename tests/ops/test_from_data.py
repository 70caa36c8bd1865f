"""Making tensors of data: values, dtypes and errors as torch has them."""

import numpy as np
import pytest

import pynn


@pytest.mark.parametrize(
    ("data", "dtype", "shape"),
    [
        (1, pynn.int64, ()),
        (1.5, pynn.float32, ()),
        (True, pynn.bool, ()),
        ([1, 2.5], pynn.float32, (2,)),
        ([[1, 2], [3, 4]], pynn.int64, (2, 2)),
        ([], pynn.float32, (0,)),
        (np.arange(3, dtype=np.int32), pynn.int32, (3,)),
        (np.float64(2), pynn.float64, ()),
        (range(3), pynn.int64, (3,)),
    ],
)
def test_tensor_infers_dtype_and_shape(data, dtype, shape):
    made = pynn.tensor(data)
    assert made.dtype is dtype
    assert tuple(made.shape) == shape


def test_tensor_copies_and_from_numpy_shares():
    source = np.zeros(3, np.float32)
    copied, shared = pynn.tensor(source), pynn.from_numpy(source)
    source[0] = 5
    assert copied.tolist() == [0, 0, 0]
    assert shared.tolist() == [5, 0, 0]
    shared[1] = 7
    assert source[1] == 7
    assert pynn.as_tensor(source).data_ptr() == shared.data_ptr()


def test_legacy_constructor():
    assert pynn.Tensor(2, 3).shape == (2, 3)
    assert pynn.Tensor([1, 2]).dtype is pynn.float32
    assert pynn.Tensor().shape == (0,)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: pynn.tensor([[1], [1, 2]]), ValueError, "expected sequence of length"),
        (lambda: pynn.tensor(["a"]), ValueError, "too many dimensions 'str'"),
        (lambda: pynn.from_numpy([1]), TypeError, "expected np.ndarray"),
    ],
)
def test_errors(make, error, text):
    with pytest.raises(error, match=text):
        make()
