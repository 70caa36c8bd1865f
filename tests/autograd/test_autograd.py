"""The tape: leaves, modes, graphs kept and freed, gradients of higher order. Each test holds for torch as it does for pynn."""

import gc
import threading

import pytest

import pynn


def numbers(t):
    return t.detach().tolist()


def test_leaf_and_non_leaf(lib):
    x = lib.ones(3)
    w = lib.ones(3, requires_grad=True)
    y = x * w
    assert (x.is_leaf, w.is_leaf, y.is_leaf) == (True, True, False)
    assert (x.requires_grad, w.requires_grad, y.requires_grad) == (False, True, True)
    assert x.grad_fn is None
    assert w.grad_fn is None
    assert y.grad_fn.name() == "MulBackward0"
    assert y.detach().is_leaf
    assert not y.detach().requires_grad


def test_gradients_accumulate_in_leaves_only(lib):
    x = lib.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    for _ in range(2):
        (y * y).sum().backward(retain_graph=True)
    assert numbers(x.grad) == [36.0, 72.0]
    assert x.grad.is_leaf
    assert not x.grad.requires_grad


def test_a_leaf_used_twice(lib):
    x = lib.tensor([2.0, 3.0], requires_grad=True)
    (x * x + x).sum().backward()
    assert numbers(x.grad) == [5.0, 7.0]


def test_the_gradient_of_a_sum_is_not_the_incoming_gradient_itself(lib):
    x = lib.zeros(2, requires_grad=True)
    z = lib.zeros(2, requires_grad=True)
    g = lib.ones(2)
    (x + z).backward(g)
    x.grad.add_(5)
    assert numbers(z.grad) == [1.0, 1.0]
    assert numbers(g) == [1.0, 1.0]


def test_accumulation_is_in_place(lib):
    x = lib.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    held = x.grad
    (x * 3).sum().backward()
    assert x.grad is held
    assert numbers(held) == [5.0, 5.0]


def test_backward_without_gradient_needs_a_scalar(lib):
    x = lib.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        (x * 2).backward()
    (x * 2).sum().reshape(1, 1).backward()
    assert numbers(x.grad) == [2.0, 2.0]


def test_backward_gradient_must_fit(lib):
    x = lib.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"Mismatch in shape: grad_output\[0\] has a shape of"):
        (x * 2).backward(lib.ones(3))


def test_backward_needs_history(lib):
    with pytest.raises(RuntimeError, match="element 0 of tensors does not require grad and does not have a grad_fn"):
        lib.ones(1).backward()


def test_second_backward(lib):
    x = lib.ones(2, requires_grad=True)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()


def test_second_backward_of_what_saved_nothing(lib):
    x = lib.ones(2, requires_grad=True)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    assert numbers(x.grad) == [2.0, 2.0]


def test_retain_graph(lib):
    x = lib.tensor([3.0], requires_grad=True)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert numbers(x.grad) == [12.0]


def test_backward_into_inputs_only(lib):
    x, z = (lib.ones(2, requires_grad=True) for _ in range(2))
    (x * z).sum().backward(inputs=[x])
    assert numbers(x.grad) == [1.0, 1.0]
    assert z.grad is None


def test_backward_of_several(lib):
    x = lib.ones(2, requires_grad=True)
    lib.autograd.backward([x * 2, x * 3], [lib.ones(2), lib.ones(2)])
    assert numbers(x.grad) == [5.0, 5.0]


# ---- grad ----


def test_grad(lib):
    x = lib.tensor([2.0], requires_grad=True)
    y = x**3
    (g,) = lib.autograd.grad(y, x)
    assert numbers(g) == [12.0]
    assert x.grad is None
    assert not g.requires_grad


def test_grad_of_a_middle_tensor(lib):
    x = lib.tensor([2.0], requires_grad=True)
    h = x * 3
    y = h * h
    (g,) = lib.autograd.grad(y, h, retain_graph=True)
    assert numbers(g) == [12.0]
    a, b = lib.autograd.grad(y, (x, h))
    assert (numbers(a), numbers(b)) == ([36.0], [12.0])


def test_grad_of_itself(lib):
    x = lib.ones(2, requires_grad=True)
    y = x.sum()
    assert lib.autograd.grad(y, y)[0].item() == 1.0
    assert numbers(lib.autograd.grad(x, x, lib.full((2,), 3.0))[0]) == [3.0, 3.0]


def test_grad_unused(lib):
    x, z = (lib.ones(2, requires_grad=True) for _ in range(2))
    y = (x * 2).sum()
    with pytest.raises(
        RuntimeError, match="The differentiated Tensor at index 1 appears to not have been used in the graph"
    ):
        lib.autograd.grad(y, (x, z), retain_graph=True)
    assert lib.autograd.grad(y, (x, z), allow_unused=True, retain_graph=True)[1] is None
    assert numbers(lib.autograd.grad(y, (x, z), materialize_grads=True)[1]) == [0.0, 0.0]


def test_grad_of_what_needs_none(lib):
    x = lib.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="One of the differentiated Tensors does not require grad"):
        lib.autograd.grad(x.sum(), lib.ones(2))


def test_grad_with_grad_outputs(lib):
    x = lib.ones(2, requires_grad=True)
    (g,) = lib.autograd.grad([x * 2, x * 3], x, [lib.ones(2), lib.tensor([0.0, 10.0])])
    assert numbers(g) == [2.0, 32.0]


def test_create_graph(lib):
    x = lib.tensor([2.0], requires_grad=True)
    y = x**4
    found = [y]
    for _ in range(4):
        (g,) = lib.autograd.grad(found[-1], x, create_graph=True)
        found.append(g)
    assert [round(numbers(g)[0], 3) for g in found] == [16.0, 32.0, 48.0, 48.0, 24.0]


def test_create_graph_in_backward(lib):
    x = lib.tensor([3.0], requires_grad=True)
    with pytest.warns(UserWarning, match="will create a reference cycle between the parameter and its gradient"):
        (x**2).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    g = x.grad
    x.grad = None
    (g * g).sum().backward()
    assert numbers(x.grad) == [24.0]


def test_gradient_penalty(lib):
    """d/dw of |d tanh(x w)/dx|^2, by hand: tanh' = 1 - t^2, tanh'' = -2 t (1 - t^2)."""
    w = lib.tensor([0.7, -1.2], requires_grad=True)
    x = lib.tensor([0.5, 0.3], requires_grad=True)
    t = lib.tanh((x * w).sum())
    (g,) = lib.autograd.grad(t, x, create_graph=True)
    (g * g).sum().backward()
    s, slope = t.item(), 1 - t.item() ** 2
    for i in range(2):
        wanted = 2 * slope**2 * w[i].item() - 4 * s * slope**2 * (0.7**2 + 1.2**2) * x[i].item()
        assert w.grad[i].item() == pytest.approx(wanted, rel=1e-5)


# ---- modes ----


def test_no_grad(lib):
    x = lib.ones(2, requires_grad=True)
    with lib.no_grad():
        y = x * 2
        assert not lib.is_grad_enabled()
        with lib.enable_grad():
            assert (x * 2).requires_grad
    assert not y.requires_grad
    assert y.is_leaf
    assert lib.is_grad_enabled()


def test_no_grad_as_decorator(lib):
    @lib.no_grad()
    def called(x):
        return x * 2

    @lib.no_grad
    def bare(x):
        """Doubles."""
        return x * 2

    x = lib.ones(2, requires_grad=True)
    assert not called(x).requires_grad
    assert not bare(x).requires_grad
    assert bare.__doc__ == "Doubles."
    assert lib.is_grad_enabled()


def test_modes_end_with_an_error(lib):
    with pytest.raises(KeyError), lib.no_grad():
        raise KeyError
    assert lib.is_grad_enabled()


def test_one_mode_object_nested_in_itself():
    """Here torch forgets the mode before the outer `with`."""
    mode = pynn.no_grad()
    with mode:
        with mode:
            pass
        assert not pynn.is_grad_enabled()
    assert pynn.is_grad_enabled()


def test_set_grad_enabled(lib):
    with lib.set_grad_enabled(False):
        assert not lib.is_grad_enabled()
    assert lib.is_grad_enabled()
    lib.set_grad_enabled(False)
    assert not lib.is_grad_enabled()
    lib.set_grad_enabled(True)
    assert lib.is_grad_enabled()


def test_inference_mode(lib):
    x = lib.ones(2, requires_grad=True)
    with lib.inference_mode():
        y = x * 2
        assert not lib.is_grad_enabled()
    assert not y.requires_grad
    with lib.inference_mode(False):
        assert (x * 2).requires_grad


def test_parameters_made_under_no_grad_require_it(lib):
    with lib.no_grad():
        x = lib.ones(2, requires_grad=True)
    assert x.requires_grad


def test_modes_are_of_one_thread(lib):
    seen = []

    def look():
        seen.append(lib.is_grad_enabled())
        with lib.no_grad():
            seen.append(lib.is_grad_enabled())

    with lib.no_grad():
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        assert not lib.is_grad_enabled()
    assert seen == [True, False]


def test_backward_in_threads(lib):
    results = [None] * 8

    def work(i):
        x = lib.full((50,), float(i), requires_grad=True)
        for _ in range(20):
            x.grad = None
            (x * x).sum().backward()
        results[i] = x.grad[0].item()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [2.0 * i for i in range(8)]


# ---- what requires grad ----


def test_only_floats_require_grad(lib):
    with pytest.raises(RuntimeError, match=r"(?i)only Tensors of floating point"):
        lib.ones(2, dtype=lib.int64, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"(?i)only Tensors of floating point"):
        lib.ones(2, dtype=lib.int64).requires_grad_()
    assert lib.ones(2).requires_grad_().requires_grad


def test_requires_grad_of_a_result_stays(lib):
    y = lib.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="you can only change requires_grad flags of leaf variables"):
        y.requires_grad = False
    with pytest.raises(RuntimeError, match="you can only change requires_grad flags of leaf variables"):
        y.requires_grad = True
    assert y.requires_grad_() is y


def test_integer_results_do_not_require_grad(lib):
    x = lib.tensor([1.0, 3.0, 2.0], requires_grad=True)
    assert not x.argmax().requires_grad
    assert not (x > 1).requires_grad
    assert not x.long().requires_grad
    values, indices = x.max(0)
    assert values.requires_grad
    assert not indices.requires_grad
    values.backward()
    assert numbers(x.grad) == [0.0, 1.0, 0.0]


def test_detach_cuts(lib):
    x = lib.ones(2, requires_grad=True)
    y = x * 2
    (y.detach() * x).sum().backward()
    assert numbers(x.grad) == [2.0, 2.0]


def test_detach_in_place(lib):
    y = lib.ones(2, requires_grad=True) * 2
    assert y.detach_() is y
    assert y.is_leaf
    assert not y.requires_grad
    with pytest.raises(RuntimeError, match="Can't detach views in-place"):
        (lib.ones(2, requires_grad=True) * 2)[0].detach_()


# ---- assigning grad ----


def test_assigning_grad(lib):
    x = lib.ones(2, requires_grad=True)
    x.grad = lib.tensor([5.0, 6.0])
    (x * 1).sum().backward()
    assert numbers(x.grad) == [6.0, 7.0]
    x.grad = None
    assert x.grad is None
    with pytest.raises(TypeError, match="assigned grad expected to be a Tensor or None but got grad of type"):
        x.grad = 3.0
    with pytest.raises(
        RuntimeError, match=r"attempting to assign a gradient of size '\[3\]' to a tensor of size '\[2\]'"
    ):
        x.grad = lib.ones(3)
    with pytest.raises(RuntimeError, match="attempting to assign a gradient with dtype"):
        x.grad = lib.ones(2, dtype=lib.float64)


# ---- broadcasting, several outputs ----


@pytest.mark.parametrize(
    ("a", "b"), [((3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 3)), ((2, 1, 3), (5, 1)), ((1,), (1, 1, 1))]
)
def test_gradients_of_broadcasts_have_their_inputs_shape(lib, a, b):
    x, y = lib.ones(a, requires_grad=True), lib.full(b, 2.0, requires_grad=True)
    out = x * y
    out.sum().backward()
    assert x.grad.shape == x.shape
    assert y.grad.shape == y.shape
    assert x.grad.sum().item() == 2 * out.numel()
    assert y.grad.sum().item() == out.numel()


def test_one_output_of_several(lib):
    x = lib.tensor([[1.0, 5.0], [7.0, 2.0]], requires_grad=True)
    a, b = x.unbind(1)
    (b * 2).sum().backward()
    assert numbers(x.grad) == [[0.0, 2.0], [0.0, 2.0]]
    x.grad = None
    parts = x.split(1, 1)
    (parts[0] + parts[1] * 3).sum().backward()
    assert numbers(x.grad) == [[1.0, 3.0], [1.0, 3.0]]
    assert a.requires_grad


def test_unequal_paths_meet(lib):
    """A diamond with arms of different length: each node runs once, after all that flows into it."""
    x = lib.tensor([2.0], requires_grad=True)
    a = x * 3
    b = a
    for _ in range(5):
        b = b + 1
    (a * b * a).sum().backward()
    assert numbers(x.grad) == [3 * (2 * 6 * 11 + 36)]


# ---- hooks ----


def test_hooks(lib):
    seen = []
    x = lib.ones(2, requires_grad=True)
    y = x * 3
    handle = y.register_hook(lambda g: seen.append(numbers(g)))
    x.register_hook(lambda g: g * 2)
    (y * 5).sum().backward()
    assert seen == [[5.0, 5.0]]
    assert numbers(x.grad) == [30.0, 30.0]
    handle.remove()
    handle.remove()
    (y.detach() * x * 5).sum().backward()
    assert seen == [[5.0, 5.0]]


def test_hooks_run_in_order_and_once_for_the_sum(lib):
    seen = []
    x = lib.ones(1, requires_grad=True)
    y = x * 1
    y.register_hook(lambda g: seen.append(("a", g.item())))
    y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: seen.append(("b", g.item())))
    (y * 2 + y * 3).backward()
    assert seen == [("a", 5.0), ("b", 50.0)]
    assert numbers(x.grad) == [50.0]


def test_hooks_need_a_gradient(lib):
    with pytest.raises(RuntimeError, match="cannot register a hook on a tensor that doesn't require gradient"):
        lib.ones(1).register_hook(print)


def test_hooks_on_what_grad_asks_for(lib):
    """The gradient of a middle tensor is taken before its hooks, that of a leaf after."""
    x = lib.ones(1, requires_grad=True)
    x.register_hook(lambda g: g + 1)
    h = x * 2
    h.register_hook(lambda g: g * 7)
    assert [numbers(g) for g in lib.autograd.grad(h * 3, (h, x))] == [[3.0], [43.0]]


def test_retain_grad(lib):
    x = lib.ones(2, requires_grad=True)
    y = x * 3
    y.retain_grad()
    y.retain_grad()
    assert y.retains_grad
    (y * 2).sum().backward(retain_graph=True)
    assert numbers(y.grad) == [2.0, 2.0]
    (y * 2).sum().backward()
    assert numbers(y.grad) == [4.0, 4.0]
    x.retain_grad()
    assert not x.retains_grad
    with pytest.raises(RuntimeError, match="can't retain_grad on Tensor that has requires_grad=False"):
        lib.ones(1).retain_grad()


def test_the_grad_of_what_is_no_leaf(lib):
    x = lib.ones(2, requires_grad=True)
    y = x * 3
    with pytest.warns(UserWarning, match=r"\.grad attribute of a Tensor that is not a leaf Tensor is being accessed"):
        assert y.grad is None
    y.retain_grad()
    assert (y.grad, x.grad, y.detach().grad) == (None, None, None)


def test_the_edges_of_a_number_on_the_left(lib):
    x = lib.ones(2, requires_grad=True).sin()
    for y in (2 * x, 2 + x):
        (edge, _), (other, _) = y.grad_fn.next_functions
        assert (edge is x.grad_fn, other) == (True, None)


def test_next_functions(lib):
    x = lib.ones(2, requires_grad=True)
    y = (x * 2).exp()
    (edge,) = y.grad_fn.next_functions
    assert edge[0].name() == "MulBackward0"
    assert edge[1] == 0


# ---- memory ----


def test_a_graph_goes_with_its_last_tensor(lib):
    """No reference cycles: with the collector off, nothing of a step is left."""
    import weakref

    gc.disable()
    try:
        x = lib.ones(3, requires_grad=True)
        y = (x * x).exp()
        refs = [weakref.ref(y), weakref.ref(y.detach())]
        y.sum().backward()
        del y
        assert [r() for r in refs] == [None, None]
    finally:
        gc.enable()


def test_deep_graphs(lib):
    """A chain of 100,000 nodes is run and freed without recursion."""
    x = lib.ones(1, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.backward()
    assert x.grad.item() == 1.0
    del y


def test_only_inputs_is_accepted_as_torch_accepts_it():
    x = pynn.ones(2, requires_grad=True)
    y = (x * x).sum()
    assert pynn.autograd.grad(y, x, None, True, False, True)[0].tolist() == [2, 2]
    with pytest.warns(FutureWarning, match="only_inputs is deprecated"):
        pynn.autograd.grad(y, x, only_inputs=False)
