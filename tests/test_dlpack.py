"""DLPack, both ways."""

import numpy
import pytest

import pynn


def test_dlpack_with_numpy():
    x = pynn.arange(4)
    numpy.from_dlpack(x)[0] = 5
    assert x[0].item() == 5
    assert x.__dlpack_device__() == (1, 0)


def test_a_capsule_is_used_once():
    x = pynn.arange(3.0)
    capsule = pynn.utils.dlpack.to_dlpack(x)
    y = pynn.utils.dlpack.from_dlpack(capsule)
    y[0] = 9
    assert x[0].item() == 9
    with pytest.raises(RuntimeError, match="once"):
        pynn.from_dlpack(capsule)


def test_bfloat16_through_a_capsule():
    x = pynn.tensor([1.0, 2.5], dtype=pynn.bfloat16)
    y = pynn.from_dlpack(x.__dlpack__())
    assert y.dtype is pynn.bfloat16
    y[0] = 4
    assert x.tolist() == [4.0, 2.5]


def test_what_dlpack_refuses():
    with pytest.raises(BufferError, match="detach"):
        pynn.ones(1, requires_grad=True).__dlpack__()
    with pytest.raises(TypeError, match="capsule"):
        pynn.from_dlpack([1])


def test_dlpack_with_torch():
    torch = pytest.importorskip("torch")
    x = torch.arange(6.0).reshape(2, 3).t()
    y = pynn.from_dlpack(x)
    y[0, 0] = 9
    assert x[0, 0].item() == 9
    assert torch.from_dlpack(pynn.tensor([1.0], dtype=pynn.bfloat16)).dtype == torch.bfloat16
