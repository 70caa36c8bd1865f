"""A module's tensors in another dtype, on another device, in other memory."""

import pytest

import pynn
from pynn import nn


def test_to_converts_floating_tensors_in_place():
    m = nn.Module()
    m.w = nn.Parameter(pynn.ones(2))
    m.register_buffer("mean", pynn.ones(2))
    m.register_buffer("steps", pynn.tensor(3))
    w = m.w
    (w * 2).sum().backward()
    assert m.to(pynn.float64) is m
    assert m.w is w
    assert [t.dtype for t in (w, w.grad, m.mean, m.steps)] == [pynn.float64] * 3 + [pynn.int64]
    assert m._buffers["mean"] is m.mean
    assert m.float().w.dtype is pynn.float32
    assert m.half().w.dtype is pynn.float16
    assert m.double().mean.dtype is pynn.float64
    assert m.to(pynn.ones(1)).w.dtype is pynn.float32
    assert m.to("cpu", pynn.float64).w.dtype is pynn.float64
    assert m.type(pynn.float32).steps.dtype is pynn.float32
    assert m.cpu() is m
    assert m.share_memory() is m


def test_to_errors():
    with pytest.raises(
        TypeError, match=r"only accepts floating point or complex dtypes, but got desired dtype=pynn.int32"
    ):
        nn.Linear(2, 2).to(pynn.int32)
    with pytest.raises(RuntimeError, match="cuda"):
        nn.Linear(2, 2).to("cuda")
    with pytest.raises(RuntimeError, match="cuda"):
        nn.Linear(2, 2).cuda()
