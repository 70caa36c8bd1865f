"""The backend of our own CUDA kernels: what it takes from CuPy's, and how it is said to be missing."""

import sys
import types

import numpy
import pytest

import pynn
from pynn import _backends, _gpu
from tests import cupy_stand_in, gpu


def kernels(calls):
    """A table as the extension has it: a kernel that takes float32 alone, and a step that counts on the GPU."""

    def silu(x, beta):
        calls.append(x.dtype.name)
        return x * 0 + 7 if x.dtype == "float32" else None

    def adam_step(arrays, *attrs):
        calls.append([type(a) is cupy_stand_in.ndarray for a in arrays])
        return arrays

    return {"silu": silu, "adam_step": adam_step}


@pytest.fixture
def extension(monkeypatch):
    if gpu.REAL:
        pytest.skip("plays an extension")
    calls = []
    module = types.SimpleNamespace(kernels=kernels(calls), use=lambda cupy: calls.append(cupy.__name__))
    monkeypatch.setitem(sys.modules, "pynn._cuda", module)
    with cupy_stand_in.installed():
        yield calls


def test_it_is_the_best_there_is(extension):
    assert pynn.nn.functional.silu(pynn.ones(2, device="cuda")).tolist() == [7.0, 7.0]
    assert extension == ["tests.cupy_stand_in", "float32"]
    assert _backends.best("cuda").name == "cuda"


def test_cupys_kernels_serve_what_it_does_not_take(extension):
    out = pynn.nn.functional.silu(pynn.ones(2, device="cuda", dtype=pynn.float64))
    assert out.tolist() == pytest.approx([0.7310585786300049] * 2)
    with pynn.backend("cupy"):
        assert pynn.nn.functional.silu(pynn.ones(2)).tolist() == pytest.approx([0.7310586] * 2)
    assert extension[1:] == ["float64"]


def test_steps_are_sent_along(extension):
    w = pynn.ones(3, device="cuda", requires_grad=True)
    optimizer = pynn.optim.Adam([w])
    w.sum().backward()
    optimizer.step()
    optimizer.step()
    assert extension[-1] == [True] * 5
    assert optimizer.state[w]["step"].item() == 2
    assert not optimizer.state[w]["step"].is_cuda


def test_without_the_extension(monkeypatch):
    if gpu.REAL:
        pytest.skip("plays one that is missing")
    monkeypatch.setitem(sys.modules, "pynn._cuda", None)
    with cupy_stand_in.installed():
        with pytest.raises(RuntimeError, match="'cuda' is not available: the CUDA kernels are not built"):
            pynn.backend("cuda")
        assert _backends.best("cuda").name == "cupy"
        assert pynn.ones(1).cuda().is_cuda


@pytest.mark.skipif(gpu.REAL or gpu.emulated_kernels() is None, reason="the CUDA kernels are not built as host code")
def test_emulated_kernels_run_through_the_door():
    with gpu.present():
        assert gpu.backends()[0] == "cuda"
        x = pynn.randn(5, 7)
        numpy.testing.assert_allclose(
            pynn.nn.functional.silu(x.cuda()).cpu().numpy(), pynn.nn.functional.silu(x).numpy(), 1e-6
        )
        assert _gpu.in_use()
