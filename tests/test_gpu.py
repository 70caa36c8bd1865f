"""Arrays on a GPU: where they lie, how they get there, what is said where that cannot be."""

import sys
import types

import numpy
import pytest

import pynn
import pynn.nn.functional as F
from pynn import _core, _gpu
from tests import cupy_stand_in, gpu


@pytest.fixture
def present():
    with gpu.present() as cupy:
        yield cupy


@pytest.mark.parametrize(
    "run",
    [
        lambda x: x + x.cpu(), lambda x: x.cpu() + x, lambda x: pynn.cat([x, x.cpu()]), lambda x: x.add_(x.cpu()),
        lambda x: x.cpu().add_(x), lambda x: F.linear(x, pynn.ones(3, 2)), lambda x: pynn.where(x > 0, x, x.cpu()),
        lambda x: x.cpu().add_(pynn.tensor(1.0, device="cuda")),
    ],
)  # fmt: skip
def test_tensors_of_two_devices_do_not_mix(present, run):
    text = "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"
    with pytest.raises(RuntimeError, match=text):
        run(pynn.ones(2, device="cuda"))


def test_numbers_and_tensors_without_dimensions_go_along(present):
    x = pynn.ones(2, device="cuda")
    y = pynn.tensor(3.0, requires_grad=True)
    ((x * y) + 2 - numpy.float32(1)).sum().backward()
    assert not y.grad.is_cuda
    assert y.grad.item() == 2.0
    x.mul_(pynn.tensor(4.0))
    assert x.tolist() == [4.0, 4.0]


def test_memory_order_survives_the_way_there_and_back(present):
    x = pynn.randn(2, 3, 4, 5).contiguous(memory_format=pynn.channels_last)
    there = x.cuda()
    assert there.stride() == x.stride()
    assert there.cpu().stride() == x.stride()
    assert (there.cpu() == x).all()
    assert pynn.zeros(0, 3).cuda().shape == (0, 3)


def test_bfloat16_is_an_array_of_its_own_dtype(present):
    x = pynn.randn(3, 4).bfloat16()
    there = x.cuda()
    assert there.dtype == pynn.bfloat16
    assert (there.cpu() == x).all()
    assert ((there @ there.t()).cpu() == (x @ x.t())).all()


def test_copies_leave_their_source_alone(present):
    x = pynn.ones(3)
    there = x.cuda()
    there.zero_()
    back = there.cpu()
    back.fill_(7)
    assert x.tolist() == [1.0, 1.0, 1.0]
    assert there.tolist() == [0.0, 0.0, 0.0]
    assert there.cuda() is there
    assert there.to("cuda", copy=True).data_ptr() != there.data_ptr()


def test_out_of_memory_says_what_was_asked_and_what_is_free(present):
    with pytest.raises(pynn.cuda.OutOfMemoryError, match=r"CUDA out of memory. Tried to allocate [\d,]+ bytes in zeros") as info:
        pynn.zeros(1 << 29, 64, device="cuda")
    assert "bytes is free" in str(info.value)
    assert "pynn.cuda.empty_cache()" in str(info.value)


def test_pinned_memory(present):
    x = pynn.arange(6.0).reshape(2, 3).t()
    assert not x.is_pinned()
    held = x.pin_memory()
    assert held.is_pinned()
    assert held.pin_memory() is held
    assert held.stride() == x.stride()
    assert (held.to("cuda", non_blocking=True).cpu() == x).all()
    with pytest.raises(RuntimeError, match="only dense CPU tensors can be pinned"):
        x.cuda().pin_memory()


def test_a_gpu_that_is_not_there(present):
    with pytest.raises(RuntimeError, match=r"invalid device ordinal: cuda:77 was asked for, and there are"):
        pynn.ones(1, device="cuda:77")


def test_a_second_gpu():
    from tests.cupy_stand_in import cuda

    if gpu.REAL:
        pytest.skip("plays two GPUs")
    with cuda.playing(2), cupy_stand_in.installed(), cuda.playing(2):
        a, b = pynn.ones(2, device="cuda:0"), pynn.ones(2, device="cuda:1")
        assert (a.device.index, b.device.index) == (0, 1)
        assert (a.to(b.device) + b).get_device() == 1
        with pytest.raises(RuntimeError, match=r"at least two devices, cuda:1 and cuda:0"):
            a + b
        with pynn.cuda.device(1):
            assert pynn.zeros(1, device="cuda").get_device() == 1


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (None, "CuPy is not installed"),
        (types.SimpleNamespace(__version__="13.6.0"), r"CuPy 13.6.0 is too old: version 14"),
        (
            types.SimpleNamespace(
                __version__="14.0.1", cuda=types.SimpleNamespace(runtime=types.SimpleNamespace(getDeviceCount=lambda: 1 / 0))
            ),
            "CuPy 14.0.1 finds no GPU",
        ),
        (
            types.SimpleNamespace(
                __version__="14.0.1", cuda=types.SimpleNamespace(runtime=types.SimpleNamespace(getDeviceCount=lambda: 0))
            ),
            "CuPy 14.0.1 finds no GPU",
        ),
    ],
)  # fmt: skip
def test_why_there_is_none(monkeypatch, module, text):
    monkeypatch.setitem(sys.modules, "cupy", module)
    _gpu.forget()
    try:
        for call in (lambda: pynn.ones(1).cuda(), lambda: pynn.cuda.synchronize(), lambda: pynn.backend("cupy")):
            with pytest.raises(RuntimeError, match=text):
                call()
        with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
            pynn.zeros(1, device="cuda")
        assert not pynn.cuda.is_available()
        assert not _core.has_devices()
    finally:
        monkeypatch.undo()
        _gpu.forget()
