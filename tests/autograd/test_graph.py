"""Saved tensors and the hooks on them, gradient edges, versions."""

import gc
import weakref

import numpy
import pytest

import pynn
from pynn.autograd import graph


def leaf(lib, *values):
    return lib.tensor(list(values), requires_grad=True)


def test_hooks_see_what_is_saved(lib):
    x = leaf(lib, 1.0, 2.0)
    packed, unpacked = [], []
    with lib.autograd.graph.saved_tensors_hooks(
        lambda t: (packed.append(t), t)[1], lambda t: (unpacked.append(t), t)[1]
    ):
        y = (x * x).exp()
    assert len(packed) == 3
    assert packed[0] is x
    assert packed[1] is x
    assert packed[2].tolist() == y.tolist()
    assert unpacked == []
    y.sum().backward()
    assert len(unpacked) == 3
    expected = 2 * numpy.array([1.0, 2.0]) * numpy.exp([1.0, 4.0])
    numpy.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-6)


def test_what_unpack_returns_is_used(lib):
    x = leaf(lib, 3.0)
    with lib.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), lambda v: lib.tensor(v) * 10):
        y = x * x
    y.sum().backward()
    assert x.grad.tolist() == [60.0]


def test_only_the_innermost_hooks_run(lib):
    x = leaf(lib, 3.0)
    seen = []
    hooks = lib.autograd.graph.saved_tensors_hooks
    with (
        hooks(lambda t: seen.append("outer") or t, lambda t: t),
        hooks(lambda t: seen.append("inner") or t, lambda t: t),
    ):
        x.exp()
    assert seen == ["inner"]


def test_second_order_through_hooks(lib):
    x = leaf(lib, 3.0)
    with lib.autograd.graph.saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t):
        y = x * x * x
        (g,) = lib.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = lib.autograd.grad(g.sum(), x)
    assert (g.tolist(), h.tolist()) == ([27.0], [18.0])


def test_hooks_and_custom_functions(lib):
    class Cube(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x * x
            ctx.save_for_backward(x, y)
            return y * x

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            return g * (2 * x * x + y)

    x = leaf(lib, 2.0)
    packed = []
    with lib.autograd.graph.saved_tensors_hooks(lambda t: (packed.append(t.tolist()), t)[1], lambda t: t):
        y = Cube.apply(x)
    y.sum().backward()
    assert packed == [[2.0], [4.0]]
    assert x.grad.tolist() == [12.0]


def test_packed_values_are_freed_after_backward():
    class Held:
        pass

    held = Held()
    here = weakref.ref(held)
    x = leaf(pynn, 3.0)
    box = [held]
    del held
    with graph.saved_tensors_hooks(lambda t: (box[0], t.detach()), lambda p: p[1]):
        y = x.exp()
    box.clear()
    assert here() is not None
    y.sum().backward()
    gc.collect()
    assert here() is None
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()


def test_writes_are_not_followed_through_hooks(lib):
    x = leaf(lib, 2.0)
    h = x * 1
    with lib.autograd.graph.saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t):
        y = h * h
    h.add_(5)
    y.sum().backward()
    assert x.grad.tolist() == [4.0]


def test_save_on_cpu(lib):
    x = leaf(lib, 2.0)
    with lib.autograd.graph.save_on_cpu():
        y = x.exp() * x
    y.sum().backward()
    numpy.testing.assert_allclose(x.grad.numpy(), 3 * numpy.exp([2.0]), rtol=1e-6)


def test_disabled_hooks(lib):
    hooks = lib.autograd.graph
    with (
        hooks.disable_saved_tensors_hooks("not here"),
        pytest.raises(RuntimeError, match="not here"),
        hooks.saved_tensors_hooks(lambda t: t, lambda t: t),
    ):
        pass
    with hooks.saved_tensors_hooks(lambda t: t, lambda t: t):
        pass


def test_mutation_allowed(lib):
    x = leaf(lib, 2.0)
    with lib.autograd.graph.allow_mutation_on_saved_tensors():
        h = x * 1
        y = h * h
        h.mul_(100)
        y.sum().backward()
    assert x.grad.tolist() == [4.0]


def test_unpack_must_return_a_tensor(lib):
    x = leaf(lib, 2.0)
    with lib.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: 3):
        y = x.exp()
    with pytest.raises(TypeError, match="expected to be a Tensor"):
        y.sum().backward()


def test_gradient_edges(lib):
    x = leaf(lib, 2.0, 3.0)
    y = x * x
    edge = lib.autograd.graph.get_gradient_edge(x)
    assert edge.node.variable is x
    (g,) = lib.autograd.grad(y.sum(), [edge], retain_graph=True)
    assert g.tolist() == [4.0, 6.0]
    out = lib.autograd.graph.get_gradient_edge(y)
    assert out.output_nr == 0
    del y
    (g,) = lib.autograd.grad([out], [x], [lib.ones(2)])
    assert g.tolist() == [4.0, 6.0]
    with pytest.raises(RuntimeError, match="does not require gradients"):
        lib.autograd.graph.get_gradient_edge(lib.ones(1))


def test_nodes_are_nodes(lib):
    x = leaf(lib, 1.0)
    y = x * 2
    assert isinstance(y.grad_fn, lib.autograd.graph.Node)
    assert isinstance(y.grad_fn.next_functions[0][0], lib.autograd.graph.Node)
    assert not isinstance(x, lib.autograd.graph.Node)


def test_increment_version(lib):
    x = lib.ones(2)
    before = x._version
    lib.autograd.graph.increment_version(x)
    lib.autograd.graph.increment_version([x, lib.ones(1)])
    assert x._version == before + 2
    y = leaf(lib, 1.0) * 2
    z = y * y
    lib.autograd.graph.increment_version(y)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_version_numbers(lib):
    x = lib.zeros(3)
    assert x._version == 0
    x.add_(1)
    v, d = x[:2], x.detach()
    v.add_(1)
    assert (x._version, v._version, d._version) == (2, 2, 2)
    d.mul_(2)
    assert x._version == 3
    assert x.data._version == 0


def test_grad_outputs_in_batches(lib):
    x = leaf(lib, 1.0, 2.0)
    y = x * x
    (rows,) = lib.autograd.grad(y, x, lib.eye(2), is_grads_batched=True)
    assert rows.tolist() == [[2.0, 0.0], [0.0, 4.0]]


def test_materialized_gradients(lib):
    x, z = leaf(lib, 1.0), leaf(lib, 1.0, 2.0)
    found = lib.autograd.grad((x * 2).sum(), [x, z], materialize_grads=True)
    assert [f.tolist() for f in found] == [[2.0], [0.0, 0.0]]
    with pytest.raises(ValueError, match="Expected allow_unused to be True or not passed"):
        lib.autograd.grad((x * 2).sum(), z, allow_unused=False, materialize_grads=True)
    with pytest.raises(RuntimeError, match="cannot be empty"):
        lib.autograd.grad((x * 2).sum(), [])


def test_create_graph_under_no_grad(lib):
    x = leaf(lib, 3.0)
    y = (x**3).sum()
    with lib.no_grad():
        (g,) = lib.autograd.grad(y, x, create_graph=True)
        assert not lib.is_grad_enabled()
    (h,) = lib.autograd.grad(g.sum(), x)
    assert h.tolist() == [18.0]


def test_both_outputs_of_a_node_in_second_order(lib):
    x = leaf(lib, 2.0, 3.0)
    a, b = (x * 1).unbind(0)
    y = a * a * b
    (g,) = lib.autograd.grad(y, a, create_graph=True)
    found = lib.autograd.grad(g, [a, b])
    assert [f.tolist() for f in found] == [6.0, 4.0]


def test_grad_is_checked(lib):
    x = lib.ones(2)
    with pytest.raises(TypeError, match="assigned grad expected to be a Tensor or None"):
        x.grad = 3
    with pytest.raises(RuntimeError, match="as its own grad"):
        x.grad = x
    y = leaf(lib, 1.0)
    with pytest.raises(RuntimeError, match="got 2 tensors and 1 gradients"):
        lib.autograd.backward([y.sum(), y.sum()], [None])
