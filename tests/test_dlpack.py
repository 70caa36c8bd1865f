"""DLPack, both ways."""

import ctypes

import numpy
import pytest

import pynn
from pynn import _dlpack
from pynn._dtypes import to_numpy


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


def test_capsules_of_bfloat16_say_so():
    array = numpy.array([1.0, 2.5], to_numpy(pynn.bfloat16))
    capsule = _dlpack.bfloat16_capsule(array)
    assert list(_dlpack._dtype_code(capsule)) == [4, 16]  # kDLBfloat, bits
    found, half = _dlpack.array_of(capsule)
    assert half
    assert found.tolist() == [0x3F80, 0x4020]
    found[0] = 0x4040
    assert array.tolist() == [3, 2.5]
    with pytest.raises(RuntimeError, match="only once"):
        _dlpack.array_of(capsule)


def test_a_capsule_of_other_memory_than_the_cpus():
    capsule = numpy.ones(2).__dlpack__()
    ctypes.c_int32.from_address(_dlpack._pointer_of(capsule, b"dltensor") + 8).value = 2  # kDLCUDA
    with pytest.raises(RuntimeError, match="not the CPU's"):
        _dlpack.array_of(capsule)
    ctypes.c_int32.from_address(_dlpack._pointer_of(capsule, b"dltensor") + 8).value = 1
    with pytest.raises(RuntimeError, match=r"not the CPU's \(DLPack device 2\)"):
        pynn.from_dlpack(Elsewhere())


class Elsewhere:
    """An array of another device."""

    def __dlpack_device__(self):
        return (2, 0)

    def __dlpack__(self):
        raise AssertionError("asked for a capsule in vain")


@pytest.mark.parametrize(
    "view", [lambda x: x, lambda x: x.T, lambda x: x[::-1, 1:], lambda x: x[1, 2, ...], lambda x: x[:0]]
)
def test_writable_is_the_same_memory(view):
    x = numpy.arange(12.0).reshape(3, 4)
    shown = view(x)
    shown.flags.writeable = False
    found = _dlpack.writable(shown)
    assert found.flags.writeable
    assert (found.shape, found.dtype) == (shown.shape, shown.dtype)
    assert found.tolist() == shown.tolist()
    found[...] = 7
    assert (view(x) == 7).all()
    assert _dlpack.writable(found) is found


def test_keywords():
    x = pynn.arange(3.0)
    copied = pynn.from_dlpack(x, copy=True)
    copied[0] = 9
    assert x[0].item() == 0
    for half in (False, True):
        y = x.bfloat16() if half else x
        pynn.from_dlpack(y.__dlpack__(copy=True))[0] = 9
        assert y[0].item() == 0
    numpy.from_dlpack(x)[1] = 4  # asks for a newer version of the protocol
    assert x.tolist() == [0, 4, 2]
    with pytest.raises(RuntimeError, match="streams"):
        x.__dlpack__(stream=1)
    with pytest.raises(TypeError, match="stream must be an int"):
        x.__dlpack__(stream="1")
    assert x.__dlpack__(stream=-1) is not None
