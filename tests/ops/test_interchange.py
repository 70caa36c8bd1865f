"""NumPy and pickle: memory shared with others, and between tensors of one pickle."""

import copy
import pickle

import numpy
import pytest

import pynn


def test_asarray():
    array = numpy.ones(2)
    assert pynn.asarray(array).numpy() is array
    assert pynn.asarray(array, copy=True).numpy() is not array
    assert pynn.asarray(array, dtype=pynn.float32).dtype is pynn.float32
    with pytest.raises(ValueError, match="alias"):
        pynn.asarray([1], copy=False)


def test_frombuffer():
    data = bytearray(b"\x01\x02\x03\x04")
    x = pynn.frombuffer(data, dtype=pynn.uint8, offset=1, count=2)
    x[0] = 7
    assert data[1] == 7
    with pytest.raises(ValueError, match="frombuffer"):
        pynn.frombuffer(data, dtype=pynn.int64)


def test_from_file(tmp_path):
    path = str(tmp_path / "numbers")
    x = pynn.from_file(path, shared=True, size=3, dtype=pynn.int32)
    x[:] = pynn.tensor([1, 2, 3])
    assert pynn.from_file(path, size=2, dtype=pynn.int32).tolist() == [1, 2]


def test_functions_of_numpy():
    x = pynn.tensor([1.0, 4.0])
    assert isinstance(numpy.sqrt(x), pynn.Tensor)
    assert numpy.sqrt(x).tolist() == [1.0, 2.0]
    w = pynn.tensor([2.0], requires_grad=True)
    (numpy.ones(1) * w).backward()
    assert w.grad.tolist() == [1.0]
    array = numpy.ones(2)
    array += x
    assert array.tolist() == [2.0, 5.0]
    with pytest.raises(RuntimeError, match="requires grad"):
        numpy.exp(w)


@pytest.mark.parametrize("twins", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy])
def test_views_share_memory_after_copying(twins):
    x = pynn.arange(6).reshape(2, 3)
    a, row, turned = twins((x, x[1], x.t()))
    a[1, 0] = 99
    assert row.tolist() == [99, 4, 5]
    assert turned[0, 1].item() == 99
    assert x[1, 0].item() == 3


def test_a_recorded_tensor_pickles_as_a_leaf():
    x = pynn.ones(2, requires_grad=True) * 2
    y = pickle.loads(pickle.dumps(x))
    assert y.is_leaf
    assert y.requires_grad
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(x)


def test_element_by_element():
    x = pynn.tensor([1.0, 2.0])
    assert x.apply_(lambda v: v * 3).tolist() == [3.0, 6.0]
    assert x.map_(pynn.tensor([1.0, 1.0]), lambda a, b: a - b).tolist() == [2.0, 5.0]
    with pytest.raises(RuntimeError, match="Tensor or scalar"):
        "a" in x  # noqa: B015
    with pytest.raises(ValueError, match="one element"):
        float(x)
    assert complex(pynn.tensor(2.0)) == 2 + 0j


def test_memory_formats():
    x = pynn.zeros(1, 2, 3, 3)
    assert x.is_contiguous()
    assert not x.is_contiguous(memory_format=pynn.channels_last)
    assert x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2).is_contiguous(memory_format=pynn.channels_last)
    assert repr(pynn.channels_last) == "pynn.channels_last"
    assert pickle.loads(pickle.dumps(pynn.preserve_format)) is pynn.preserve_format
    assert x.layout is pynn.strided
    assert x.float() is x
    assert x.float(memory_format=pynn.channels_last).is_contiguous(memory_format=pynn.channels_last)


def test_asarray_takes_capsules_and_buffers():
    x = pynn.ones(3)
    assert pynn.asarray(x.__dlpack__()).data_ptr() == x.data_ptr()
    buffer = bytearray(b"ab")
    assert pynn.asarray(memoryview(buffer), dtype=pynn.uint8, copy=False).tolist() == [97, 98]
