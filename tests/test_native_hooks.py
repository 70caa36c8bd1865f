"""What the core asks of arrays: the compiled functions and the Python ones that stand in for them answer alike."""

import importlib.util
import sys

import numpy
import pytest

import pynn
from pynn import _native_hooks


@pytest.fixture(params=["as installed", "in Python"])
def hooks(request, monkeypatch):
    if request.param == "as installed":
        return _native_hooks
    monkeypatch.setitem(sys.modules, "pynn._native", None)
    monkeypatch.delattr(pynn, "_native", raising=False)
    spec = importlib.util.spec_from_file_location("hooks_in_python", _native_hooks.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module._native is None
    return module


def test_convert(hooks):
    x = numpy.array([[1.9, -1.9], [0.0, 70000.0]])
    for dtype, wanted in (
        (numpy.int64, [[1, -1], [0, 70000]]),
        (numpy.float32, [[numpy.float32(1.9), numpy.float32(-1.9)], [0, 70000]]),
        (numpy.bool_, [[True, True], [False, True]]),
    ):
        found = hooks.convert(x, numpy.dtype(dtype))
        assert found.dtype == dtype
        assert found.tolist() == wanted
    with numpy.errstate(over="raise"):
        assert hooks.convert(x.astype(numpy.float32), numpy.dtype(numpy.float16))[1].tolist() == [0, numpy.inf]
    same = hooks.convert(x, x.dtype)
    same[0, 0] = 5
    assert x[0, 0] == 1.9


def test_convert_takes_any_layout(hooks):
    x = numpy.arange(12, dtype=numpy.float32).reshape(3, 4)
    for view in (x.T, x[::-1, ::2], x[:0], x[1, 2, None][0:1].reshape(())):
        found = hooks.convert(view, numpy.dtype(numpy.float64))
        assert found.shape == view.shape
        assert found.tolist() == view.tolist()


def test_is_fresh(hooks):
    x = numpy.ones((2, 3))
    assert hooks.is_fresh(x)
    assert hooks.is_fresh(numpy.ones(()))
    for view in (x[:], x.T, x.reshape(6), numpy.asfortranarray(numpy.ones((2, 3)))):
        assert not hooks.is_fresh(view)


def test_the_python_stand_in_is_what_runs_without_compiled_code(hooks):
    hooks.set_bfloat16(pynn._dtypes.to_numpy(pynn.bfloat16))
    assert pynn.ones(2, dtype=pynn.bfloat16).add(1).tolist() == [2, 2]
