"""The core below the semantics: reference counts, the door's short and long way, threads, what a recorder is told."""

import gc
import pickle
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


def test_gradients_of_slices_are_added_in_one_array():
    """However many slices a tensor is cut into, backward makes one gradient of its size; what users hold stays."""
    x = pynn.randn(16, 64, 1024).requires_grad_()

    def step():
        y = x * 1
        total = sum((part * i).sum() for i, part in enumerate(y.unbind(0)))
        (total + y[3:5, ::2, 7].sum() + y[-1, None].sum()).backward()

    for _ in range(2):
        step()
    expected = numpy.repeat(2 * numpy.arange(16.0), 64 * 1024).reshape(x.shape)
    expected[3:5, ::2, 7] += 2
    expected[-1] += 2
    assert numpy.array_equal(x.grad.numpy(), expected)
    x.grad = None
    pynn.memory.empty_cache()
    pynn.memory.reset_peak()
    before = pynn.memory.stats().in_use
    step()
    assert pynn.memory.stats().peak - before < 4 * x._array.nbytes  # y, its gradient, that of x


def test_a_gradient_that_a_hook_holds_is_not_added_to():
    x = pynn.arange(6.0).reshape(2, 3).requires_grad_()
    y = x * 1
    held = []
    parts = [y[0], y[1], y[0]]
    parts[2].grad_fn.register_hook(lambda inputs, outputs: held.append(inputs[0]))
    sum(part.sum() for part in parts).backward()
    assert held[0].tolist() == [[1, 1, 1], [0, 0, 0]]
    assert x.grad.tolist() == [[2, 2, 2], [1, 1, 1]]
    whole, part = pynn.autograd.grad(((z := x * 2)[0] * z[1]).sum() + (p := z[0]).sum(), [z, p])
    assert whole.tolist() == [[7, 9, 11], [0, 2, 4]]
    assert part.tolist() == [1, 1, 1]


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
    with pytest.raises(ValueError, match="unknown backend 'abacus': the backends are native, numba, numpy, cuda, cupy"):
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


def test_new_tensors_are_blank_though_their_memory_was_used():
    """Dead tensors, nodes and version counters lend their memory to new ones."""
    a = pynn.ones(2, 2, requires_grad=True)
    for _ in range(3):
        used = [(a * a).exp() for _ in range(600)]  # more than are kept
        for x in used:
            x.note = "old"
            x.retain_grad()
            x.sum().backward()
        del used, x
        fresh = [pynn.zeros(1) for _ in range(600)]
        for x in fresh:
            assert not hasattr(x, "note")
            assert x.grad is None
            assert x.grad_fn is None
            assert not x.requires_grad
            assert x._version == 0
        made = a * a
        assert made.grad_fn.metadata == {}
        assert made._version == 0


def test_attributes_of_tensors_that_lie_in_reused_memory_are_collected():
    class Held:
        pass

    x = pynn.ones(2) + 1
    x.me = x  # a cycle that only the collector frees
    x.held = Held()
    here = weakref.ref(x.held)
    del x
    gc.collect()
    assert here() is None
    y = pynn.ones(2) + 1
    assert not hasattr(y, "held")
    assert weakref.ref(y)() is y


@pytest.mark.parametrize("tracked", [False, True])
@pytest.mark.parametrize("other", [2, 2.5, True, "same", "stretched", "float64", "view"])
def test_writes_the_short_way_are_those_of_the_long_way(other, tracked):
    x = pynn.arange(6.0).reshape(2, 3).clone()
    y = {
        "same": pynn.full((2, 3), 3.0),
        "stretched": pynn.full((3,), 3.0),
        "float64": pynn.full((2, 3), 3.0, dtype=pynn.float64),
        "view": pynn.full((3, 2), 3.0).t(),
    }.get(other, other)
    if tracked:
        x = x.requires_grad_().clone()
    expected = x.detach().numpy() + (y.numpy() if isinstance(y, pynn.Tensor) else y)
    before = x._version
    x += y
    assert x._version == before + 1
    assert x.requires_grad == tracked
    numpy.testing.assert_array_equal(x.detach().numpy(), expected)
    if tracked:
        x.sum().backward()


def test_short_writes_still_refuse():
    leaf = pynn.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        leaf += 1
    with pynn.no_grad():
        leaf += 1
    assert leaf.tolist() == [2, 2]
    with pynn.inference_mode():
        made = pynn.ones(2)
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor"):
        made += 1
    saved = pynn.ones(2)
    out = (leaf * saved).sum()
    saved += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.backward()


def test_alike():
    a, b = pynn.ones(2, 3), pynn.zeros(3, 2)
    assert _core.alike(a, b.t())
    assert not _core.alike(a, b)
    assert not _core.alike(a, a.numpy())
    assert not _core.alike(None, a)


def test_a_step_of_a_group_notes_its_writes_and_minds_its_plan():
    from pynn.ops.optim import SGD_STEP

    params = [pynn.ones(3, requires_grad=True) for _ in range(2)]
    known = tuple(params)
    attrs = (0.5, 0.0, 0.0, 0.0, False, False, False)
    assert not _core.step_group(SGD_STEP, params, known, (), attrs, None)  # nothing has a gradient
    for p in params:
        p.grad = pynn.ones(3)
    versions = [p._version for p in params]
    assert _core.step_group(SGD_STEP, params, known, (), attrs, None)
    assert [p.tolist() for p in params] == [[0.5] * 3] * 2
    assert [p._version for p in params] == [v + 1 for v in versions]
    assert not _core.step_group(SGD_STEP, params, known[:1], (), attrs, None)
    params[0].grad = None
    assert not _core.step_group(SGD_STEP, params, known, (), attrs, None)
    assert params[1].tolist() == [0.5] * 3


def test_classes_are_named_as_their_users_know_them(lib):
    x = lib.ones(2)
    kinds = [type(x), type(x.shape), type(x.dtype), type(x.device), type(x.layout)]
    assert [repr(kind) for kind in kinds] == [f"<class '{lib.__name__}.{n}'>" for n in ("Tensor", "Size", "dtype", "device", "layout")]
    assert pickle.loads(pickle.dumps(kinds)) == kinds


def test_attributes_can_be_set_on_tensor(lib, monkeypatch):
    x = lib.nn.Parameter(lib.ones(2))
    told = lib.Tensor.__repr__
    monkeypatch.setattr(lib.Tensor, "twice", lambda self: self * 2, raising=False)
    monkeypatch.setattr(lib.Tensor, "sin", lambda self: "replaced")
    monkeypatch.setattr(lib.Tensor, "__repr__", lambda self: f"{tuple(self.shape)} {told(self)}")
    assert x.twice().tolist() == [2.0, 2.0]
    assert x.sin() == "replaced"
    assert repr(x.detach()) == "(2,) tensor([1., 1.])"
    monkeypatch.undo()
    assert not hasattr(x, "twice")
    assert x.sin().shape == (2,)
    assert repr(x.detach()) == "tensor([1., 1.])"
