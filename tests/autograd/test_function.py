"""autograd.Function: gradients written by hand, as torch has them."""

import gc
import weakref

import numpy
import pytest

import pynn
from pynn.autograd import Function


class Exp(Function):
    @staticmethod
    def forward(ctx, x):
        out = x.exp()
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx, g):
        (out,) = ctx.saved_tensors
        return g * out


class Scale(Function):
    @staticmethod
    def forward(ctx, x, factor, y=None):
        ctx.factor = factor
        ctx.seen = ctx.needs_input_grad
        return x * factor

    @staticmethod
    def backward(ctx, g):
        assert ctx.needs_input_grad == ctx.seen
        return g * ctx.factor, None, None


class SumAndDifference(Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        which = x > y
        ctx.mark_non_differentiable(which)
        return x + 2 * y, x * y, which

    @staticmethod
    def backward(ctx, g, h, nothing):
        x, y = ctx.saved_tensors
        return g + h * y, 2 * g + h * x


def leaf(*values):
    return pynn.tensor(list(values), requires_grad=True)


def test_gradient_and_gradient_of_gradient():
    x = leaf(0.5, -1.0)
    y = Exp.apply(x)
    assert y.requires_grad
    assert not y.is_leaf
    (first,) = pynn.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = pynn.autograd.grad((first**2).sum(), x)
    e = numpy.exp([0.5, -1.0])
    numpy.testing.assert_allclose(first.detach().numpy(), e, rtol=1e-6)
    numpy.testing.assert_allclose(second.numpy(), 2 * e * e, rtol=1e-6)


def test_arguments_that_are_not_tensors():
    x = leaf(1.0, 2.0)
    Scale.apply(x, 3.0).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]  # one gradient more than arguments given, but None


def test_several_outputs():
    x, y = leaf(1.0, 2.0), leaf(3.0, 1.0)
    a, b, which = SumAndDifference.apply(x, y)
    assert which.tolist() == [False, True]
    assert not which.requires_grad
    (a.sum() + 10 * b.sum()).backward()
    assert x.grad.tolist() == [31.0, 11.0]
    assert y.grad.tolist() == [12.0, 22.0]


def test_missing_gradients_are_zeros_or_none():
    seen = []

    class Two(Function):
        @staticmethod
        def forward(ctx, x, materialize):
            ctx.set_materialize_grads(materialize)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, g, h):
            seen.append(h)
            return g, None

    for materialize in (True, False):
        Two.apply(leaf(1.0), materialize)[0].backward()
    assert seen[0].tolist() == [0.0]
    assert seen[1] is None


def test_setup_context():
    class Square(Function):
        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(inputs[0])

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

    x = leaf(3.0)
    Square.apply(x).backward()
    assert x.grad.item() == 6.0


def test_nothing_is_recorded_without_grad():
    with pynn.no_grad():
        assert not Exp.apply(leaf(1.0)).requires_grad
    assert not Exp.apply(pynn.ones(2)).requires_grad


def test_an_input_returned_is_another_tensor():
    class Straight(Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

        @staticmethod
        def backward(ctx, g):
            return -g

    class Same(Straight):
        @staticmethod
        def forward(ctx, x):
            return x

    for function in (Straight, Same):
        x = leaf(1.0, 2.0)
        y = function.apply(x)
        assert y is not x
        y.sum().backward()
        assert x.grad.tolist() == [-1.0, -1.0]
        assert x.is_leaf


def test_written_saved_tensor_is_noticed():
    x = leaf(1.0)
    y = Exp.apply(x)
    with pynn.no_grad():
        y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_second_backward_needs_retain_graph():
    x = leaf(1.0)
    y = Exp.apply(x)
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_saved_output_makes_no_cycle():
    gc.disable()
    try:
        y = Exp.apply(leaf(1.0))
        here = weakref.ref(y)
        del y
        assert here() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("grads", "message"),
    [((None, None), "incorrect number"), (pynn.ones(3), r"invalid gradient at index 0 - got \[3\]")],
)
def test_wrong_gradients(grads, message):
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return grads

    y = Wrong.apply(leaf(1.0, 2.0))
    if message == "incorrect number":
        y = Wrong.apply(leaf(1.0, 2.0))
        y.sum().backward()  # further None are let pass
        grads = (pynn.ones(2), pynn.ones(2))
    with pytest.raises(RuntimeError, match=message):
        Wrong.apply(leaf(1.0, 2.0)).sum().backward()


def test_misuse():
    with pytest.raises(RuntimeError, match="apply"):
        Exp()(leaf(1.0))
    with pytest.raises(NotImplementedError):
        Function.apply(leaf(1.0))
    with pytest.raises(TypeError, match="save_for_backward"):
        pynn.autograd.function.FunctionCtx().save_for_backward(3)


def test_variable_is_a_tensor():
    x = pynn.ones(2)
    v = pynn.autograd.Variable(x, requires_grad=True)
    assert isinstance(v, pynn.autograd.Variable)
    assert isinstance(v, pynn.Tensor)
    assert v.requires_grad
    assert not x.requires_grad
    with (
        pytest.warns(UserWarning, match="Anomaly"),
        pynn.autograd.detect_anomaly(),
        pynn.autograd.set_detect_anomaly(True),
    ):
        pass


def test_an_input_kept_and_returned_is_still_an_input():
    class First(Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return a

        @staticmethod
        def backward(ctx, g):
            a, b = ctx.saved_tensors
            seen.append((a.requires_grad, a.is_leaf, b.requires_grad))
            return g, 2 * g

    for tracked in (False, True):
        seen = []
        a, b = pynn.ones(2, requires_grad=tracked), pynn.ones(2, requires_grad=True)
        First.apply(a, b).sum().backward()
        assert seen == [(tracked, True, True)]
        assert b.grad.tolist() == [2.0, 2.0]


def test_jvp_of_a_function_without_backward():
    from pynn.autograd import forward_ad

    class Product(pynn.autograd.Function):
        @staticmethod
        def forward(ctx, x, y, scale):
            ctx.save_for_forward(x, y)
            ctx.scale = scale
            return x * y * scale

        @staticmethod
        def jvp(ctx, x_tangent, y_tangent, _):
            x, y = ctx.saved_tensors
            return (x_tangent * y + x * y_tangent) * ctx.scale

    x, y, t = pynn.tensor([1.0, 2.0]), pynn.tensor([3.0, 5.0]), pynn.tensor([1.0, -1.0])
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, t)
        out = Product.apply(dual, y, 2) * 3
        primal, tangent = forward_ad.unpack_dual(out)
        assert primal.tolist() == [18.0, 60.0]
        assert tangent.tolist() == [18.0, -30.0]
        both = Product.apply(dual, dual, 1)
        assert forward_ad.unpack_dual(both).tangent.tolist() == [2.0, -4.0]
    assert Product.apply(x, y, 2).tolist() == [6.0, 20.0]
