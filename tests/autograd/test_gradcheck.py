"""gradcheck finds wrong gradients and lets right ones pass."""

import pytest

import pynn
from pynn.autograd import Function, gradcheck, gradgradcheck
from pynn.autograd.gradcheck import GradcheckError


def double(*shape):
    return pynn.randn(*shape, dtype=pynn.float64).requires_grad_()


def scaled(by, twice=True):
    """x * x with its gradient multiplied; without `twice` the gradient has none itself."""

    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 2 * (x if twice else x.detach()) * by

    return Square.apply


def test_right_gradients():
    x, y = double(3, 4), double(4)
    f = lambda x, y: ((x * y).sin(), x @ y, x > 0)  # noqa: E731
    assert gradcheck(f, (x, y))
    assert gradcheck(f, (x, y), check_forward_ad=True, fast_mode=True)
    assert gradgradcheck(f, (x, y))
    assert gradgradcheck(f, (x, y), check_fwd_over_rev=True, gen_non_contig_grad_outputs=True)
    assert pynn.autograd.gradcheck(scaled(1.0), x)
    assert x.grad is None


def test_inputs_are_as_before():
    x = double(3)
    before = x.tolist()
    gradcheck(lambda x: x.exp(), x)
    assert x.tolist() == before


@pytest.mark.parametrize("by", [1.0005, 0.9995, 2.0, -1.0])
def test_a_gradient_wrong_by_a_two_thousandth(by):
    x = double(4)
    with pytest.raises(GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0") as error:
        gradcheck(scaled(by), x)
    assert "numerical:" in str(error.value)
    assert "analytical:" in str(error.value)
    assert not gradcheck(scaled(by), x, raise_exception=False)


def test_tolerances_are_the_callers():
    assert gradcheck(scaled(1.0005), double(4), rtol=1e-3)
    assert gradcheck(scaled(1.5), double(4), atol=100.0)


def test_a_gradient_without_gradient():
    x = double(4)
    assert gradcheck(scaled(1.0, twice=False), x)
    with pytest.raises(GradcheckError):
        gradgradcheck(scaled(1.0, twice=False), x)


def test_an_output_cut_off():
    x = double(3)
    with pytest.raises(GradcheckError, match="expected to be zero"):
        gradcheck(lambda x: x.detach() * 2, x)
    assert gradcheck(lambda x: pynn.ones(3, dtype=pynn.float64), x)


def test_a_gradient_that_changes():
    runs = []

    class Drifts(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            runs.append(1)
            return g * (2 + 1e-9 * len(runs))

    with pytest.raises(GradcheckError, match="Backward is not reentrant"):
        gradcheck(Drifts.apply, double(2))
    assert gradcheck(Drifts.apply, double(2), nondet_tol=1e-6)


def test_undefined_gradients():
    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, a, b):
            return a * 2 + b * 3

    with pytest.raises((GradcheckError, TypeError)):
        gradcheck(Two.apply, double(2))


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="none of them have requires_grad=True"):
        gradcheck(lambda x: x, pynn.ones(2, dtype=pynn.float64))
    with pytest.raises(RuntimeError, match="dimension with stride 0"):
        gradcheck(lambda x: x, double(1).expand(3))
    with pytest.raises(AssertionError, match="Expected at least one of check_forward_ad or check_backward_ad"):
        gradcheck(lambda x: x, double(2), check_backward_ad=False)
    with pytest.warns(UserWarning, match="is not a double precision"):
        gradcheck(lambda x: x * 2, pynn.ones(2, requires_grad=True), eps=1e-2, atol=1e-2)


def test_a_function_may_ask_what_requires_grad():
    def pairs(x):
        y = x * x
        return tuple(t for t in (y, 3 * y) if t.requires_grad)

    assert gradcheck(pairs, pynn.rand(3, dtype=pynn.float64, requires_grad=True))
