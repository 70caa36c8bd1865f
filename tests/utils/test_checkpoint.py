"""Checkpoints: the gradients of a model without them, less memory, and complaints about functions that change."""

import gc
import math
import weakref

import numpy
import pytest

import pynn
from pynn import nn
from pynn.utils.checkpoint import (
    CheckpointError,
    CheckpointPolicy,
    checkpoint,
    checkpoint_sequential,
    create_selective_checkpoint_contexts,
    set_checkpoint_early_stop,
)

FORMS = pytest.mark.parametrize("reentrant", [False, True])


def grads_of(model, x, run):
    for p in model.parameters():
        p.grad = None
    x = x.detach().requires_grad_()
    pynn.manual_seed(5)
    run(x).pow(2).sum().backward()
    return [x.grad, *[p.grad for p in model.parameters()]]


def net(dropout=0.0):
    pynn.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 3))


def same(a, b):
    for x, y in zip(a, b, strict=True):
        numpy.testing.assert_array_equal(x.numpy(), y.numpy())


@FORMS
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_same_gradients(reentrant, dropout):
    model, x = net(dropout), pynn.randn(6, 4)
    same(grads_of(model, x, lambda x: checkpoint(model, x, use_reentrant=reentrant)), grads_of(model, x, model))


@FORMS
def test_random_state_afterwards_is_that_of_one_run(reentrant):
    model, x = net(0.5), pynn.randn(6, 4)
    pynn.manual_seed(3)
    y = checkpoint(model, x.requires_grad_(), use_reentrant=reentrant)
    after = pynn.rand(2)
    y.sum().backward()
    more = pynn.rand(2)
    pynn.manual_seed(3)
    model(x)
    assert pynn.rand(2).tolist() == after.tolist()
    assert pynn.rand(2).tolist() == more.tolist()


@FORMS
@pytest.mark.parametrize("segments", [1, 2, 3, 6])
def test_sequential(reentrant, segments):
    model, x = net(), pynn.randn(6, 4)
    run = lambda x: checkpoint_sequential(model, segments, x, use_reentrant=reentrant)  # noqa: E731
    same(grads_of(model, x, run), grads_of(model, x, model))


def test_nested():
    model, x = net(0.3), pynn.randn(6, 4)
    first, second = model[:3], model[3:]

    def inner(x):
        return checkpoint(second, checkpoint(first, x, use_reentrant=False) * 2, use_reentrant=False)

    same(
        grads_of(model, x, lambda x: checkpoint(inner, x, use_reentrant=False)),
        grads_of(model, x, lambda x: second(first(x) * 2)),
    )


@FORMS
def test_inside_autocast(reentrant):
    model, x = net(0.5), pynn.randn(6, 4)

    def with_autocast(run):
        def inside(x):
            with pynn.autocast("cpu", dtype=pynn.bfloat16):
                return run(x).float()

        return inside

    run = lambda x: checkpoint(model, x, use_reentrant=reentrant)  # noqa: E731
    same(grads_of(model, x, with_autocast(run)), grads_of(model, x, with_autocast(model)))


def test_keyword_arguments_and_other_values():
    x = pynn.ones(3, requires_grad=True)
    y = checkpoint(lambda x, n, *, power: {"out": (x * n) ** power}, x, 3, power=pynn.tensor(2.0), use_reentrant=False)
    y["out"].sum().backward()
    assert x.grad.tolist() == [18.0] * 3


def test_autograd_grad_and_second_order():
    x = pynn.tensor([0.5, 1.0], requires_grad=True)
    y = checkpoint(lambda x: x.sin().exp(), x, use_reentrant=False)
    (g,) = pynn.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = pynn.autograd.grad(g.sum(), x)
    s, c = numpy.sin([0.5, 1.0]), numpy.cos([0.5, 1.0])
    numpy.testing.assert_allclose(g.detach().numpy(), c * numpy.exp(s), rtol=1e-6)
    numpy.testing.assert_allclose(h.numpy(), (c * c - s) * numpy.exp(s), rtol=1e-5)


def test_retained_graph_runs_again():
    runs = []

    def f(x):
        runs.append(1)
        return x.sin().exp()

    x = pynn.ones(2, requires_grad=True)
    y = checkpoint(f, x, use_reentrant=False).sum()
    y.backward(retain_graph=True)
    first = x.grad.tolist()
    y.backward()
    assert x.grad.tolist() == [2 * g for g in first]
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()
    assert len(runs) == 3


def test_reentrant_takes_backward_only():
    x = pynn.ones(2, requires_grad=True)
    y = checkpoint(lambda x: x.sin(), x, use_reentrant=True).sum()
    with pytest.raises(RuntimeError, match=r"incompatible with \.grad"):
        pynn.autograd.grad(y, x)


def test_memory_is_freed():
    """What the function computes on the way is gone when it has returned."""
    kept = []

    def f(x):
        for _ in range(4):
            x = x.exp()
            kept.append(weakref.ref(x))
            x = x * 0.1
        return x

    x = pynn.ones(8, requires_grad=True)
    y = checkpoint(f, x, use_reentrant=False)
    gc.collect()
    packed = y.grad_fn.next_functions[0][0].next_functions
    assert all(r() is None for r in kept)
    assert packed
    nodes, arrays = [y.grad_fn], 0
    while nodes:
        node = nodes.pop()
        if isinstance(node, pynn._core.Node):
            arrays += sum(isinstance(s, numpy.ndarray) for s in node.saved or ())
            nodes += [n for n, _ in node.next_functions if n is not None]
    assert arrays == 0
    y.sum().backward()
    assert x.grad is not None


def test_stops_when_backward_has_what_it_needs():
    seen = []

    def f(x):
        x = x.exp()
        seen.append("exp")
        x = x.sin()
        seen.append("sin")
        return x + 1, seen.append("end")

    x = pynn.ones(2, requires_grad=True)
    checkpoint(f, x, use_reentrant=False)[0].sum().backward()
    assert "end" not in seen[3:]
    seen.clear()
    with set_checkpoint_early_stop(False):
        y = checkpoint(f, x, use_reentrant=False)[0].sum()
    y.backward()
    assert seen == ["exp", "sin", "end"] * 2


def test_a_function_that_does_less_the_second_time():
    runs = []

    def f(x):
        runs.append(1)
        return x.sin().exp() if len(runs) == 1 else x.sin()

    x = pynn.ones(2, requires_grad=True)
    y = checkpoint(f, x, use_reentrant=False).sum()
    with pytest.raises(CheckpointError, match="A different number of tensors was saved"):
        y.backward()


def test_a_function_that_does_something_else_the_second_time():
    runs = []

    def f(x):
        runs.append(1)
        return (x if len(runs) == 1 else pynn.cat([x, x])).sin().exp()

    x = pynn.ones(2, requires_grad=True)
    y = checkpoint(f, x, use_reentrant=False).sum()
    with pytest.raises(CheckpointError, match="different metadata"):
        y.backward()


def test_contexts_of_the_runs():
    entered = []

    class Note:
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            entered.append(self.name)

        def __exit__(self, *error):
            pass

    x = pynn.ones(2, requires_grad=True)
    y = checkpoint(lambda x: x.exp(), x, use_reentrant=False, context_fn=lambda: (Note("first"), Note("second")))
    assert entered == ["first"]
    y.sum().backward()
    assert entered == ["first", "second"]


def test_without_grad_nothing_is_kept():
    with pynn.no_grad():
        y = checkpoint(lambda x: x.exp(), pynn.ones(2, requires_grad=True), use_reentrant=False)
    assert not y.requires_grad


def test_arguments_are_checked():
    x = pynn.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match="use_reentrant parameter should be passed explicitly"):
        checkpoint(lambda x: x.exp(), x)
    with pytest.raises(ValueError, match="Unexpected keyword arguments: foo"):
        checkpoint(lambda x: x.exp(), x, use_reentrant=True, foo=3)
    with pytest.raises(ValueError, match="determinism_check"):
        checkpoint(lambda x: x.exp(), x, use_reentrant=False, determinism_check="maybe")
    with pytest.warns(UserWarning, match="None of the inputs have requires_grad"):
        checkpoint(lambda x: x.exp(), pynn.ones(2), use_reentrant=True)
    with pytest.raises(ValueError, match="segments"):
        checkpoint_sequential([nn.ReLU()], 5, x, use_reentrant=False)


def test_reentrant_says_that_no_output_needs_it():
    a, b = pynn.ones(2), pynn.ones(2, requires_grad=True)
    out = checkpoint(lambda x, y: x, a, b, use_reentrant=True)
    with pytest.raises(RuntimeError, match="none of output has requires_grad"):
        out.sum().backward()


@pytest.mark.parametrize(("segments", "again"), [(1, ""), (2, "ab"), (3, "ab"), (5, "abcd")])
def test_the_last_segment_is_not_run_again(segments, again):
    ran = []

    def part(name):
        return lambda x: ran.append(name) or x.exp()

    x = pynn.zeros(1, requires_grad=True)
    y = checkpoint_sequential([part(name) for name in "abcde"], segments, x, use_reentrant=False)
    assert "".join(ran) == "abcde"
    ran.clear()
    y.backward()
    assert "".join(sorted(ran)) == again


def test_a_checkpoint_within_keeps_nothing_of_its_own():
    kept = []

    def inner(x):
        return x.exp()

    def outer(x):
        y = x * 2
        kept.append(weakref.ref(y))
        return checkpoint(inner, y, use_reentrant=False)

    x = pynn.ones(2, requires_grad=True)
    z = checkpoint(outer, x, use_reentrant=False)
    assert kept[0]() is None
    z.sum().backward()
    assert x.grad.tolist() == pytest.approx([2 * math.exp(2)] * 2)


def test_there_is_no_state_of_gpus_without_gpus():
    devices, states = pynn.utils.checkpoint.get_device_states(pynn.ones(1), 2)
    assert (devices, states) == ([], [])
    pynn.utils.checkpoint.set_device_states(devices, states)
    assert not pynn.cuda._initialized
def test_selective_checkpoints_recompute_all():
    def context_fn():
        return create_selective_checkpoint_contexts([pynn.ops.aten.mm.default])

    x = pynn.ones(2, 2, requires_grad=True)
    checkpoint(lambda x: (x @ x).exp().sum(), x, use_reentrant=False, context_fn=context_fn).backward()
    grad, x.grad = x.grad, None
    (x @ x).exp().sum().backward()
    assert pynn.equal(grad, x.grad)
    assert CheckpointPolicy.MUST_SAVE.value == 0
    with pytest.raises(TypeError, match="a function or a list of ops"):
        create_selective_checkpoint_contexts(3)
