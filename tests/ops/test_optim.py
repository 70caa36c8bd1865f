"""The records of optimizer steps: formulas by hand, effects, 16-bit, errors, and the door `call_writing`."""

import numpy
import pytest

import pynn
from pynn import _core
from pynn.ops.optim import ADAM_STEP, RMSPROP_STEP, SGD_STEP
from pynn.ops.registry import OPS

STEPS = tuple(record.op for record in OPS.values() if record.name.endswith("_step"))


def tensors(*values, dtype="float64"):
    return tuple(pynn.tensor(numpy.array(v, dtype)) for v in values)


def values(x):
    return x.numpy().tolist()


def test_sgd_by_hand():
    p, g, b = tensors([1.0, 2.0], [0.5, -1.0], [1.0, 1.0])
    _core.call_writing(SGD_STEP, (p, g), (0.1, 0.0, 0.0, 0.0, False, False, False))
    assert values(p) == pytest.approx([0.95, 2.1])
    _core.call_writing(SGD_STEP, (p, g, b), (0.1, 0.5, 0.25, 0.0, False, False, False))
    assert values(b) == pytest.approx([0.5 + 0.375, 0.5 - 0.75])
    assert values(p) == pytest.approx([0.95 - 0.0875, 2.1 + 0.025])


def test_sgd_first_buffer_is_the_gradient():
    p, g, b = tensors([1.0], [0.5], [7.0])
    _core.call_writing(SGD_STEP, (p, g, b), (0.1, 0.9, 0.5, 0.0, False, False, True))
    assert values(b) == [0.5]
    assert values(p) == pytest.approx([0.95])


def test_adam_by_hand():
    p, g, m, v, t = tensors([1.0], [2.0], [0.0], [0.0], 0.0)
    _core.call_writing(ADAM_STEP, (p, g, m, v, t), (0.1, 0.9, 0.99, 1e-8, 0.0, False, False, False))
    assert values(t) == 1.0
    assert values(m) == pytest.approx([0.2])
    assert values(v) == pytest.approx([0.04])
    assert values(p) == pytest.approx([0.9])  # the first step is lr * sign(g)
    _core.call_writing(ADAM_STEP, (p, g, m, v, t), (0.1, 0.9, 0.99, 1e-8, 0.5, False, False, True))
    assert values(p) == pytest.approx([0.9 * 0.95 - 0.1])


def test_rmsprop_by_hand():
    p, g, v, b, a, t = tensors([1.0], [2.0], [1.0], [0.5], [1.0], 4.0)
    _core.call_writing(RMSPROP_STEP, (p, g, v, b, a, t), (0.1, 0.75, 0.0, 0.0, 0.5, True, False))
    assert values(t) == 5.0
    assert values(v) == pytest.approx([1.75])
    assert values(a) == pytest.approx([1.25])
    assert values(b) == pytest.approx([0.25 + 2 / (1.75 - 1.5625) ** 0.5])
    assert values(p) == pytest.approx([1 - 0.1 * values(b)[0]])


def test_every_step_is_registered():
    assert len(STEPS) == 10


@pytest.mark.parametrize("op", STEPS, ids=repr)
def test_writes_what_effects_name_and_nothing_else(op):
    for sample in op.record.samples(numpy.random.default_rng(0)):
        inputs = tuple(pynn.tensor(x) for x in sample.inputs)
        before = [x.numpy().copy() for x in inputs]
        marks = [_core.shared_version(x) for x in inputs]
        assert _core.call_writing(op, inputs, sample.attrs) is None
        groups = op.groups(sample.attrs)
        count = len(inputs) // groups
        assert groups * count == len(inputs)
        for group in range(groups):
            run = range(group * count, (group + 1) * count)
            written = group in op.record.effects.writes
            assert [marks[i].value for i in run] == [int(written)] * count
            assert all(numpy.isfinite(inputs[i].numpy()).all() for i in run)
            assert all(numpy.array_equal(inputs[i].numpy(), before[i]) for i in run) != written


@pytest.mark.parametrize("op", STEPS, ids=repr)
def test_live_attrs_are_attrs(op):
    assert set(op.record.effects.live) <= set(op.record.attrs)
    assert all(len(s.attrs) == len(op.record.attrs) for s in op.record.samples(numpy.random.default_rng(0)))


@pytest.mark.parametrize("op", STEPS, ids=repr)
def test_half_computes_in_single_and_rounds_once(op):
    for sample in op.record.samples(numpy.random.default_rng(0)):
        half = tuple(pynn.tensor(numpy.asarray(x, "float16")) for x in sample.inputs)
        wide = tuple(x.float() for x in half)
        _core.call_writing(op, half, sample.attrs)
        _core.call_writing(op, wide, sample.attrs)
        for a, b in zip(half, wide):
            numpy.testing.assert_array_equal(a.numpy(), b.numpy().astype("float16"))


def test_leaves_that_require_grad_are_written_and_stay_leaves():
    p = pynn.ones(2, requires_grad=True)
    g = pynn.ones(2)
    loss = (p * p).sum()
    _core.call_writing(SGD_STEP, (p, g), (0.1, 0.0, 0.0, 0.0, False, False, False))
    assert p.is_leaf
    assert p.requires_grad
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_view_of_a_plain_tensor_writes_its_base():
    base = pynn.ones(2, 3)
    p = base[0]
    (g,) = tensors([1.0, 1.0, 1.0], dtype="float32")
    _core.call_writing(SGD_STEP, (p, g), (0.5, 0.0, 0.0, 0.0, False, False, False))
    assert values(base) == [[0.5] * 3, [1.0] * 3]


def test_kernel_serves_instead_of_the_reference(monkeypatch):
    seen = []
    monkeypatch.setattr(SGD_STEP, "kernel", lambda arrays, *attrs: seen.append((arrays, attrs)) or True)
    p, g = tensors([1.0], [1.0])
    attrs = (0.1, 0.0, 0.0, 0.0, False, False, False)
    _core.call_writing(SGD_STEP, (p, g), attrs)
    assert seen == [((p._array, g._array), attrs)]
    assert values(p) == [1.0]
    monkeypatch.setattr(SGD_STEP, "kernel", lambda arrays, *attrs: None)
    _core.call_writing(SGD_STEP, (p, g), attrs)
    assert values(p) == [0.9]


def test_errors_say_what_was_received():
    attrs = (0.1, 0.9, 0.0, 0.0, False, False, False)
    p, g = tensors([1.0, 2.0], [1.0])
    with pytest.raises(RuntimeError, match="takes 3 lists of equal length, got 2 tensors"):
        _core.call_writing(SGD_STEP, (p, g), attrs)
    with pytest.raises(RuntimeError, match=r"shape \[2\] and float64 has a gradient of shape \[1\]"):
        _core.call_writing(SGD_STEP, (p, g, p), attrs)
    (n,) = tensors([1, 2], dtype="int64")
    with pytest.raises(RuntimeError, match="floating point tensors, got one of int64"):
        _core.call_writing(SGD_STEP, (n, n, n), attrs)


def test_gather_grads_holds_while_the_same_tensors_have_gradients():
    a, b, c = (pynn.ones(2, requires_grad=True) for _ in range(3))
    a.grad, c.grad = pynn.ones(2), pynn.zeros(2)
    assert _core.gather_grads([a, b, c], (a, c)) == (a.grad, c.grad)
    assert _core.gather_grads([a, b, c], (a,)) is None
    assert _core.gather_grads([a, b, c], (a, b)) is None
    assert _core.gather_grads([a, b, c], (a, c, b)) is None
    assert _core.gather_grads([c, b, a], (a, c)) is None
    _core.clear_grads([a, b, c])
    assert a.grad is None
    assert _core.gather_grads([a, b, c], ()) == ()
