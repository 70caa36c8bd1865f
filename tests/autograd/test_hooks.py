"""Hooks on tensors, leaves and nodes: what they see, in which order, and what they may replace."""

import gc
import weakref

import pytest

import pynn


def leaf(lib, *values):
    return lib.tensor(list(values), requires_grad=True)


def test_a_leaf_hook_sees_the_sum_once(lib):
    x = leaf(lib, 1.0, 2.0)
    seen = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * 2 + x * 3 + x.exp() * 0).sum().backward()
    assert seen == [[5.0, 5.0]]
    assert x.grad.tolist() == [5.0, 5.0]


def test_a_leaf_hook_replaces_what_is_accumulated(lib):
    x = leaf(lib, 1.0)
    x.register_hook(lambda g: g * 10)
    (x * 2).sum().backward()
    (x * 2).sum().backward()
    assert x.grad.tolist() == [40.0]


def test_post_accumulate_hooks_see_the_gradient(lib):
    x = leaf(lib, 1.0, 2.0)
    seen = []

    def step(t):
        seen.append((t is x, t.grad.tolist()))
        t.grad = None

    handle = x.register_post_accumulate_grad_hook(step)
    (x * 2 + x).sum().backward()
    assert seen == [(True, [3.0, 3.0])]
    assert x.grad is None
    handle.remove()
    (x * 2).sum().backward()
    assert len(seen) == 1


def test_post_accumulate_hooks_are_for_leaves(lib):
    x = leaf(lib, 1.0)
    with pytest.raises(RuntimeError, match="cannot be registered on non-leaf tensors"):
        (x * 2).register_post_accumulate_grad_hook(print)
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        lib.ones(1).register_post_accumulate_grad_hook(print)


def test_post_accumulate_hooks_do_not_run_for_grad(lib):
    x = leaf(lib, 1.0)
    seen = []
    x.register_post_accumulate_grad_hook(seen.append)
    lib.autograd.grad((x * 2).sum(), x)
    assert seen == []


def test_post_accumulate_hooks_return_nothing_new(lib):
    x = leaf(lib, 0.0, 0.0)
    x.register_post_accumulate_grad_hook(lambda p: p.add_(p.grad, alpha=-0.5))
    (x * 2).sum().backward()
    assert x.tolist() == [-1.0, -1.0]
    x.register_post_accumulate_grad_hook(lambda p: p.grad)
    with pytest.raises(RuntimeError, match="should return None"):
        (x * 2).sum().backward()


def test_an_optimizer_in_backward(lib):
    w = leaf(lib, 1.0)
    optimizer = lib.optim.SGD([w], lr=0.5)

    def step(p):
        optimizer.step()
        optimizer.zero_grad()

    w.register_post_accumulate_grad_hook(step)
    (w * 4).sum().backward()
    assert w.tolist() == [-1.0]
    assert w.grad is None


def test_order_of_hooks(lib):
    x = leaf(lib, 1.0, 2.0)
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append("tensor 1"))
    y.retain_grad()
    y.register_hook(lambda g: (seen.append("tensor 2"), g * 10)[1])
    y.grad_fn.register_prehook(lambda gs: seen.append(("before", gs[0].tolist())))
    y.grad_fn.register_hook(lambda into, out: seen.append(("after", into[0].tolist(), out[0].tolist())))
    y.sum().backward()
    assert seen == ["tensor 1", "tensor 2", ("before", [10.0, 10.0]), ("after", [20.0, 20.0], [10.0, 10.0])]
    assert y.grad.tolist() == [10.0, 10.0]  # kept after all hooks of the tensor


def test_node_hooks_replace(lib):
    x = leaf(lib, 1.0)
    y = x * 2
    y.grad_fn.register_prehook(lambda gs: (gs[0] * 3,))
    handle = y.grad_fn.register_hook(lambda into, out: (into[0] + 1, None))
    y.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [7.0]
    handle.remove()
    x.grad = None
    y.sum().backward()
    assert x.grad.tolist() == [6.0]


def test_a_node_hook_must_return_as_many(lib):
    y = leaf(lib, 1.0) * 2
    y.grad_fn.register_hook(lambda into, out: (into[0],) * 3)
    with pytest.raises(RuntimeError, match="incorrect number of values"):
        y.sum().backward()


def test_a_tensor_hook_must_keep_the_shape(lib):
    x = leaf(lib, 1.0, 2.0)
    x.register_hook(lambda g: g.sum())
    with pytest.raises(RuntimeError, match="has changed the size of value"):
        (x * 2).sum().backward()


def test_accumulate_grad_nodes(lib):
    x = leaf(lib, 1.0)
    y = x * 2
    node, number = y.grad_fn.next_functions[0]
    assert (node.name(), number, node.next_functions) == ("torch::autograd::AccumulateGrad", 0, ())
    assert type(node).__name__ == "AccumulateGrad"
    assert node.variable is x
    assert (x * 3).grad_fn.next_functions[0][0] is node
    seen = []
    node.register_prehook(lambda gs: seen.append(("before", gs[0].tolist())))
    node.register_hook(lambda into, out: seen.append(("after", into, x.grad.tolist())))
    y.sum().backward()
    assert seen[0] == ("before", [2.0])
    assert seen[1][0] == "after"
    assert seen[1][2] == [2.0]


def test_the_accumulator_makes_no_cycle():
    x = leaf(pynn, 1.0)
    node = (x * 2).grad_fn.next_functions[0][0]
    here = weakref.ref(x)
    gc.disable()
    try:
        del node, x
        assert here() is None
    finally:
        gc.enable()


def test_next_functions_of_what_has_several_inputs(lib):
    x, y = leaf(lib, 1.0), leaf(lib, 2.0)
    z = x.exp() * y + 3
    (mul, _), (nothing, _) = z.grad_fn.next_functions
    assert nothing is None
    assert mul.name() == "MulBackward0"
    assert [n.name() for n, _ in mul.next_functions] == ["ExpBackward0", "torch::autograd::AccumulateGrad"]
    mul.metadata["mine"] = 3
    assert z.grad_fn.next_functions[0][0].metadata == {"mine": 3}


def test_several_outputs_of_one_node(lib):
    x = lib.tensor([3.0, 1.0, 2.0], requires_grad=True)
    values, _ = x.sort()
    assert values.output_nr == 0
    assert values.grad_fn.next_functions[0][0].variable is x


@pytest.mark.parametrize("both", [True, False])
def test_a_wanted_gradient_and_the_hooks_on_its_way(lib, both):
    """As torch has it: where the node runs for another wanted gradient, the hooks come later."""
    x = leaf(lib, 1.0, 2.0)
    y = x * 2
    y.register_hook(lambda g: g * 10)
    found = lib.autograd.grad((y * y).sum(), [x, y] if both else [y])
    assert found[-1].tolist() == ([4.0, 8.0] if both else [40.0, 80.0])
    if both:
        assert found[0].tolist() == [80.0, 160.0]


def test_what_a_wanted_gradient_does_not_need_does_not_run(lib):
    x, w = leaf(lib, 1.0), leaf(lib, 2.0)
    seen = []
    h = w.exp()
    h.register_hook(lambda g: seen.append("h"))
    w.register_hook(lambda g: seen.append("w"))
    y = x * 3
    lib.autograd.grad((y * h).sum(), y)
    assert seen == []


def test_backward_into_a_non_leaf(lib):
    x = leaf(lib, 1.0, 2.0)
    y = x * 2
    (y * y).sum().backward(inputs=[y])
    assert y.grad.tolist() == [4.0, 8.0]
    assert x.grad is None
    with pytest.raises(RuntimeError, match="cannot be empty"):
        y.sum().backward(inputs=[])


def test_retain_grad_follows_a_write(lib):
    x = leaf(lib, 1.0)
    y = x * 2
    y.retain_grad()
    assert y.retains_grad
    y.mul_(3)
    assert y.retains_grad
    (y * 5).sum().backward()
    assert y.grad.tolist() == [5.0]
    assert x.grad.tolist() == [30.0]


def test_retain_grad_of_a_leaf_is_nothing(lib):
    x = leaf(lib, 1.0)
    x.retain_grad()
    assert not x.retains_grad
    with pytest.raises(RuntimeError, match="can't retain_grad on Tensor that has requires_grad=False"):
        lib.ones(1).retain_grad()


def test_hooks_run_without_recording(lib):
    x = leaf(lib, 1.0)
    y = x * x
    modes = []
    y.register_hook(lambda g: modes.append(lib.is_grad_enabled()))
    y.sum().backward(retain_graph=True)
    lib.autograd.grad(y.sum(), x, create_graph=True)
    assert modes == [False, True]


def test_backward_inside_of_a_hook(lib):
    x = leaf(lib, 1.0)
    w = leaf(lib, 2.0)
    shared = w * 3

    def inner(g):
        with lib.enable_grad():
            (shared * 2).sum().backward(retain_graph=True)
        return g

    y = x * shared
    y.register_hook(inner)
    y.sum().backward()
    assert w.grad.tolist() == [9.0]
    assert x.grad.tolist() == [6.0]


def test_backward_inside_of_backward_over_the_same_nodes(lib):
    """A pass begun by a hook leaves the outer one's counts on shared nodes as they were."""
    x = leaf(lib, 2.0)
    a = x * 3
    b = (a * a).sum()
    c = (a * 5).sum()
    found = []

    def inner(g):
        found.append(lib.autograd.grad(b, x, retain_graph=True)[0].tolist())

    c.register_hook(inner)
    (b + c).backward(retain_graph=True)
    assert found == [[36.0]]
    assert x.grad.tolist() == [51.0]


def test_multi_grad_hooks(lib):
    graph = lib.autograd.graph
    a, b, c = leaf(lib, 1.0), leaf(lib, 2.0), leaf(lib, 3.0)
    seen = []
    handle = graph.register_multi_grad_hook(
        (a, b, c), lambda gs: seen.append([g if g is None else g.tolist() for g in gs])
    )
    (a * b).sum().backward()
    assert seen == [[[2.0], [1.0], None]]
    (a * b * c).sum().backward()
    assert seen[1] == [[6.0], [3.0], [2.0]]
    handle.remove()
    (a * b).sum().backward()
    assert len(seen) == 2


def test_multi_grad_hooks_for_the_first(lib):
    a, b = leaf(lib, 1.0), leaf(lib, 2.0)
    seen = []
    lib.autograd.graph.register_multi_grad_hook((a, b), lambda g: seen.append(g), mode="any")
    (a * b).sum().backward()
    (a * b).sum().backward()
    assert len(seen) == 2
    with pytest.raises(ValueError, match="Expects mode to be one of"):
        lib.autograd.graph.register_multi_grad_hook((a, b), print, mode="some")


def test_handles(lib):
    x = leaf(lib, 1.0)
    seen = []
    with x.register_hook(lambda g: seen.append(1)):
        x.sum().backward()
    x.sum().backward()
    assert seen == [1]
    from pynn.utils.hooks import RemovableHandle

    assert isinstance(leaf(pynn, 1.0).register_hook(print), RemovableHandle)


def test_the_hooks_of_a_tensor_see_one_object_until_one_replaces_it():
    x = pynn.ones(2, requires_grad=True)
    y = x * 2
    seen = []
    y.register_hook(seen.append)

    def note(grad):
        grad.note = "mine"
        return grad * 3

    y.register_hook(note)
    y.register_hook(seen.append)
    y.sum().backward()
    assert seen[0].note == "mine"
    assert [g.tolist() for g in seen] == [[1, 1], [3, 3]]
    assert not hasattr(seen[1], "note")
