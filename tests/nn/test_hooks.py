"""Forward and backward hooks on modules."""

import copy

import pytest

import pynn
from pynn import nn


def test_forward_hooks_see_and_replace():
    m, seen = nn.Linear(2, 2), []
    x = pynn.ones(1, 2)
    plain = m(x)
    before = m.register_forward_pre_hook(lambda module, args: seen.append(("pre", module is m, len(args))))
    double = m.register_forward_pre_hook(lambda module, args: args[0] * 2)
    after = m.register_forward_hook(lambda module, args, out: out + 1)
    assert pynn.allclose(m(x), (plain - m.bias) * 2 + m.bias + 1)
    assert seen == [("pre", True, 1)]
    for handle in (before, double, after):
        handle.remove()
    assert pynn.equal(m(x), plain)


def test_order_and_prepend():
    m, seen = nn.Identity(), []
    for name, prepend in (("a", False), ("b", False), ("c", True)):
        m.register_forward_hook(lambda *args, name=name: seen.append(name), prepend=prepend)
        m.register_forward_pre_hook(lambda *args, name=name: seen.append("pre " + name), prepend=prepend)
    m(1)
    assert seen == ["pre c", "pre a", "pre b", "c", "a", "b"]


def test_with_kwargs():
    class Power(nn.Module):
        def forward(self, x, power=1):
            return x**power

    m, seen = Power(), []
    m.register_forward_pre_hook(lambda module, args, kwargs: (args, {"power": kwargs["power"] + 1}), with_kwargs=True)
    m.register_forward_hook(lambda module, args, kwargs, out: seen.append((args, kwargs, out)), with_kwargs=True)
    assert m(2, power=2) == 8
    assert seen == [((2,), {"power": 3}, 8)]
    m.register_forward_pre_hook(lambda module, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match="must return None or a tuple of"):
        m(2, power=2)


def test_always_call():
    m, seen = nn.Linear(2, 2), []
    m.register_forward_hook(lambda module, args, out: seen.append(out), always_call=True)
    m.register_forward_hook(lambda module, args, out: seen.append("not reached"))
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        m(pynn.ones(1, 3))
    assert seen == [None]
    m.register_forward_hook(lambda module, args, out: 1 / 0, always_call=True)
    with pytest.warns(UserWarning, match="was silenced"), pytest.raises(RuntimeError):
        m(pynn.ones(1, 3))


def test_handle_is_a_context_manager_and_forgets_its_flags():
    m = nn.Identity()
    with m.register_forward_hook(lambda *args: 5, with_kwargs=True, always_call=True):
        assert m(1) == 5
    assert m(1) == 1
    assert not m._forward_hooks_with_kwargs
    assert not m._forward_hooks_always_called


def gradients(m, x, create_graph=False):
    x = x.detach().requires_grad_()
    y = m(x)
    grads = pynn.autograd.grad((y * y).sum(), [x, *m.parameters()], create_graph=create_graph)
    return grads


def test_backward_hook_sees_gradients():
    m, seen = nn.Linear(3, 2), []
    x = pynn.randn(4, 3)
    plain = gradients(m, x)
    m.register_full_backward_hook(lambda module, grad_input, grad_output: seen.append((grad_input, grad_output)))
    for create_graph in (False, True):
        hooked = gradients(m, x, create_graph)
        for a, b in zip(plain, hooked):
            assert pynn.allclose(a, b)
        (grad_input,), (grad_output,) = seen.pop()
        assert pynn.allclose(grad_input, plain[0])
        assert pynn.allclose(grad_output, 2 * m(x))
    assert not seen


def test_backward_hook_replaces_the_input_gradient():
    m = nn.Linear(3, 2)
    x = pynn.randn(4, 3)
    plain = gradients(m, x)
    m.register_full_backward_hook(lambda module, grad_input, grad_output: (grad_input[0] * 3,))
    hooked = gradients(m, x)
    assert pynn.allclose(hooked[0], plain[0] * 3)
    assert pynn.allclose(hooked[1], plain[1])


def test_backward_pre_hook_replaces_the_output_gradient():
    m = nn.Linear(3, 2)
    x = pynn.randn(4, 3)
    plain = gradients(m, x)
    m.register_full_backward_pre_hook(lambda module, grad_output: (grad_output[0] * 2,))
    for a, b in zip(plain, gradients(m, x)):
        assert pynn.allclose(a * 2, b)


def test_backward_hook_without_input_gradient():
    m, seen = nn.Linear(3, 2), []
    m.register_full_backward_hook(lambda module, gi, go: seen.append((gi, tuple(go[0].shape))))
    m(pynn.ones(4, 3)).sum().backward()
    assert seen == [((None,), (4, 2))]
    assert m.weight.grad is not None
    m.register_full_backward_hook(lambda module, gi, go: (pynn.ones(4, 3),))
    with pytest.raises(RuntimeError, match="where no input requires gradient"):
        m(pynn.ones(4, 3)).sum().backward()


def test_backward_hook_with_several_inputs_and_outputs():
    class Two(nn.Module):
        def forward(self, a, flag, b):
            return a * b, "text", b * 2

    m, seen = Two(), []
    m.register_full_backward_hook(lambda module, gi, go: seen.append((gi, go)))
    a, b = pynn.ones(2).requires_grad_(), (3 * pynn.ones(2)).requires_grad_()
    first, text, second = m(a, True, b)
    assert text == "text"
    (first + second).sum().backward()
    (gi, go) = seen[0]
    assert [None if g is None else g.tolist() for g in gi] == [[3.0, 3.0], None, [3.0, 3.0]]
    assert [None if g is None else g.tolist() for g in go] == [[1.0, 1.0], None, [1.0, 1.0]]
    first, _, second = m(a, True, b)
    second.sum().backward()
    assert seen[1][1][0] is None
    m.register_full_backward_hook(lambda module, gi, go: gi[:1])
    first, _, second = m(a, True, b)
    with pytest.raises(RuntimeError, match="invalid number of grad in grad_input, got 1, but expected 3"):
        second.sum().backward()


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
def test_backward_hooks_match_torch():
    torch = pytest.importorskip("torch")
    seen = {}
    for library in (pynn, torch):
        inner = library.nn.Linear(2, 2)
        with library.no_grad():
            inner.weight.copy_(library.tensor([[1.0, 2.0], [3.0, 4.0]]))
            inner.bias.fill_(0.5)
        m = library.nn.Sequential(library.nn.Tanh(), inner, library.nn.Sigmoid())
        calls = seen[library.__name__] = []
        for name, part in m.named_modules():
            part.register_full_backward_hook(
                lambda module, gi, go, name=name, calls=calls: calls.append(
                    (name, [None if g is None else g.tolist() for g in gi], [g.tolist() for g in go])
                )
            )
        m(library.tensor([[0.5, -1.0]])).sum().backward()
    names = [name for name, _, _ in seen["pynn"]]
    assert names == [name for name, _, _ in seen["torch"]]
    for ours, theirs in zip(seen["pynn"], seen["torch"]):
        assert [g is None for g in ours[1]] == [g is None for g in theirs[1]]
        assert ours[2][0][0] == pytest.approx(theirs[2][0][0], rel=1e-5)


def test_hooks_do_nothing_under_no_grad():
    m, seen = nn.Linear(2, 2), []
    m.register_full_backward_hook(lambda *args: seen.append(1))
    with pynn.no_grad():
        assert not m(pynn.ones(1, 2)).requires_grad
    assert not seen


def test_copies_keep_hooks():
    m = nn.Identity()
    m.register_forward_hook(_add_one)
    assert copy.deepcopy(m)(1) == 2


def _add_one(module, args, out):
    return out + 1


def test_a_backward_hook_may_return_nones_where_no_input_requires_grad():
    layer = nn.Linear(2, 1)
    seen = []
    layer.register_full_backward_hook(lambda module, grad_input, grad_output: seen.append(grad_input) or grad_input)
    layer(pynn.ones(1, 2)).sum().backward()
    assert seen == [(None,)]


def test_a_gradient_of_another_dtype_is_converted():
    x = pynn.ones(2, dtype=pynn.bfloat16, requires_grad=True)
    (x * 2).backward(pynn.ones(2))
    assert x.grad.dtype is pynn.bfloat16
    assert x.grad.tolist() == [2.0, 2.0]
