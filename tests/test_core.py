"""The core below the semantics: reference counts, the door's short and long way, threads, what a recorder is told."""

import gc
import threading
import weakref

import numpy
import pytest

import pynn
from pynn import _core
from pynn.ops.registry import OPS


def test_no_cycles_in_a_training_step():
    """With the collector off, steps leave no object behind."""
    w = pynn.randn(4, 4).requires_grad_()

    def step():
        x = pynn.randn(2, 4)
        h = (x @ w).sin()
        h[0] = h[1] * 2
        a, b = h.split(2, 1)
        (a * b).sum().backward()
        w.grad = None

    gc.collect()
    gc.disable()
    try:
        step()
        before = len(gc.get_objects())
        for _ in range(50):
            step()
        assert len(gc.get_objects()) - before < 50
    finally:
        gc.enable()


def test_saved_arrays_are_freed_by_backward():
    x = pynn.ones(3, requires_grad=True)
    h = x * 2
    y = (h * h).sum()
    array = weakref.ref(h._array)
    del h
    assert array() is not None
    y.backward()
    assert array() is None


def test_a_result_does_not_keep_what_its_gradient_does_not_read():
    x = pynn.ones(3, requires_grad=True)
    h = x * 2
    array = weakref.ref(h._array)
    y = h + 1
    z = h * 3
    del h
    assert array() is None
    assert y.requires_grad
    assert z.requires_grad


@pytest.mark.parametrize(
    "make", [lambda x: x.exp(), lambda x: x * x, lambda x: x + 2.0, lambda x: x.sum(), lambda x: -x]
)
def test_the_short_way_and_the_long_way_agree(make):
    """With any mode on, the door goes through `call`; values, gradients and versions are the same."""
    results = []
    for mode in (False, True):
        x = pynn.tensor([0.5, -1.0, 2.0], requires_grad=True)
        if mode:
            _core.enter_mode()
        try:
            y = make(x)
            (g,) = pynn.autograd.grad(y, x, pynn.ones_like(y))
        finally:
            if mode:
                _core.leave_mode()
        results.append((y._array.tobytes(), g._array.tobytes(), y.grad_fn.name()))
    assert results[0] == results[1]


def test_backends_are_of_one_thread():
    seen = []

    def look():
        seen.append(_core.state.backend)

    with pynn.backend("numpy"):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        assert _core.state.backend.name == "numpy"
    assert seen == [None]
    assert _core.state.backend is None


def test_backward_runs_on_the_backend_of_its_forward():
    x = pynn.ones(3, requires_grad=True)
    with pynn.backend("numpy"):
        y = x.exp()
    assert y.grad_fn.backend.name == "numpy"
    y.sum().backward()
    assert x.grad is not None


def test_unknown_backends():
    with pytest.raises(ValueError, match="unknown backend 'abacus': the backends are native, numpy"):
        pynn.backend("abacus")


def test_kernels_may_decline():
    """A kernel that returns None leaves the work to the reference."""
    op = OPS["exp"].op
    held = op.kernel, op.backward_kernel
    asked = []
    op.kernel = lambda *args: asked.append("forward")
    op.backward_kernel = lambda *args: asked.append("backward")
    try:
        x = pynn.zeros(2, requires_grad=True)
        x.exp().sum().backward()
    finally:
        op.kernel, op.backward_kernel = held
    assert x.grad.tolist() == [1.0, 1.0]
    assert "forward" in asked
    assert asked[-1] == "backward"


def test_an_op_without_gradient_says_so():
    x = pynn.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="where has no gradient for its input 0"):
        OPS["where"].op.vjp(pynn._backends.namespace, 1, numpy.ones(2), None, ())
    assert not (x > 0).requires_grad


def test_ndarray_operands():
    a = numpy.array([1.0, 2.0], dtype="f4")
    t = pynn.ones(2)
    for out in (t + a, a + t, a * t, t / a):
        assert type(out) is pynn.Tensor
        assert out.dtype == pynn.float32


def test_numpy_scalars_are_numbers():
    t = pynn.ones(2)
    assert (t * numpy.float64(2)).dtype == pynn.float32
    assert (numpy.float64(2) * t).dtype == pynn.float32
    assert (t + numpy.int64(1)).dtype == pynn.float32


def test_operators_with_strangers():
    t = pynn.ones(2)
    for stranger in (None, "a", [1, 2], {}):
        with pytest.raises(TypeError, match="unsupported operand"):
            t + stranger
        with pytest.raises(TypeError):
            t += stranger
    assert (t == None) is False  # noqa: E711
    assert (t != "a") is True


def test_hash_is_identity():
    a, b = pynn.ones(1), pynn.ones(1)
    assert len({a, b, a}) == 2
    assert a in [b, a]


def test_weak_references_and_attributes():
    t = pynn.ones(2)
    t.note = "kept"
    assert t.note == "kept"
    ref = weakref.ref(t)
    del t
    assert ref() is None


def test_a_recorder_is_told_nothing_after_it_left():
    from tests.recorder import Recorder

    with Recorder() as recorder:
        pynn.ones(2).exp()
    steps = len(recorder.steps)
    pynn.ones(2).exp()
    assert len(recorder.steps) == steps == 2
