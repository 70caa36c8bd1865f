"""vjp, jvp, jacobian, hessian, vhp and hvp of functions, and forward mode."""

import numpy
import pytest

import pynn

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")

X, Y = [0.5, -1.0, 2.0], [1.0, 3.0, -2.0]


def tensors(lib):
    return lib.tensor(X, dtype=lib.float64), lib.tensor(Y, dtype=lib.float64)


def near(found, expected):
    numpy.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-10, atol=1e-12)


def test_jacobian(lib):
    x, y = tensors(lib)
    whole = lib.autograd.functional.jacobian(lambda x, y: ((x * y).sum(), x * x), (x, y))
    near(whole[0][0], Y)
    near(whole[0][1], X)
    near(whole[1][0], numpy.diag(2 * numpy.array(X)))
    near(whole[1][1], numpy.zeros((3, 3)))
    outer = lib.autograd.functional.jacobian(lambda x: x.reshape(3, 1) * x, x, vectorize=True)
    assert outer.shape == (3, 3, 3)
    near(outer.sum(0), numpy.eye(3) * sum(X) + numpy.array(X)[:, None])  # of (x_0 + x_1 + x_2) x_j


def test_hessian(lib):
    x, y = tensors(lib)
    (a, b), (c, d) = lib.autograd.functional.hessian(lambda x, y: (x * x * y).sum(), (x, y))
    near(a, numpy.diag(2 * numpy.array(Y)))
    near(b, numpy.diag(2 * numpy.array(X)))
    near(c, numpy.diag(2 * numpy.array(X)))
    near(d, numpy.zeros((3, 3)))
    forward = lib.autograd.functional.hessian(
        lambda x: (x**3).sum(), x, vectorize=True, outer_jacobian_strategy="forward-mode"
    )
    near(forward, numpy.diag(6 * numpy.array(X)))


def test_products(lib):
    f = lib.autograd.functional
    x, y = tensors(lib)
    out, found = f.vjp(lambda x: x * x, x, y)
    near(out, numpy.square(X))
    near(found, 2 * numpy.array(X) * Y)
    out, found = f.jvp(lambda x, z: (x * z, z.sum()), (x, y), (y, x))
    near(found[0], numpy.square(X) + numpy.square(Y))
    near(found[1], sum(X))
    for product in (f.vhp, f.hvp):
        out, found = product(lambda x: (x**3).sum(), x, y)
        near(out, sum(v**3 for v in X))
        near(found, 6 * numpy.array(X) * Y)


def test_create_graph(lib):
    x, y = tensors(lib)
    x.requires_grad_()
    _, found = lib.autograd.functional.vjp(lambda x: x**3, x, y, create_graph=True)
    (g,) = lib.autograd.grad(found.sum(), x)
    near(g, 6 * numpy.array(X) * Y)
    _, found = lib.autograd.functional.vjp(lambda x: x**3, x, y)
    assert not found.requires_grad


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f, x: f.vjp(lambda x: x, [x]), TypeError, "The inputs given to vjp must be either a Tensor or a tuple"),
        (
            lambda f, x: f.vjp(lambda x: [x], x),
            TypeError,
            "The outputs of the user-provided function given to vjp must be",
        ),
        (
            lambda f, x: f.vjp(lambda x: x, x),
            RuntimeError,
            "The vector v can only be None if the user-provided function",
        ),
        (lambda f, x: f.vjp(lambda x: x, x, x[:2]), RuntimeError, "v has invalid size: should be"),
        (lambda f, x: f.vjp(lambda x: x, x, (x, x)), RuntimeError, "The given v should contain a single Tensor"),
        (
            lambda f, x: f.vjp(lambda x, y: (x, y), (x, x), (x,)),
            RuntimeError,
            "v is a tuple of invalid length: should be 2",
        ),
        (
            lambda f, x: f.vjp(lambda x: x.detach(), x, x, strict=True),
            RuntimeError,
            "Output 0 of the user-provided function",
        ),
        (lambda f, x: f.jvp(lambda x, y: x, (x, x), (x, x), strict=True), RuntimeError, "is independent of input 1"),
        (lambda f, x: f.jacobian(lambda x, y: x, (x, x), strict=True), RuntimeError, "is independent of input 1"),
        (lambda f, x: f.hessian(lambda x: x, x), RuntimeError, "should contain a single element"),
        (lambda f, x: f.hessian(lambda x: (x.sum(), x), x), RuntimeError, "should return a single Tensor"),
        (
            lambda f, x: f.hessian(lambda x: x.sum(), x, strict=True),
            RuntimeError,
            "jacobian of the user-provided function",
        ),
        (lambda f, x: f.hvp(lambda x: x.sum(), x), RuntimeError, "The vector v can only be None if the input"),
        (lambda f, x: f.jacobian(lambda x: x, x, strategy="both"), AssertionError, "Expected strategy to be either"),
        (
            lambda f, x: f.jacobian(lambda x: x, x, strict=True, vectorize=True),
            RuntimeError,
            "are not supported together",
        ),
    ],
)
def test_errors(lib, call, error, message):
    with pytest.raises(error, match=message):
        call(lib.autograd.functional, tensors(lib)[0])


def test_forward_mode(lib):
    fwd = lib.autograd.forward_ad
    x, t = tensors(lib)
    with fwd.dual_level():
        dual = fwd.make_dual(x, t)
        assert fwd.unpack_dual(dual).tangent is t or lib is not pynn
        primal, tangent = fwd.unpack_dual((dual * dual).sin() + 1)
        near(primal, numpy.sin(numpy.square(X)) + 1)
        near(tangent, numpy.cos(numpy.square(X)) * 2 * numpy.array(X) * Y)
        assert fwd.unpack_dual(x * 2).tangent is None
        both = dual * fwd.make_dual(t, x)
        near(fwd.unpack_dual(both).tangent, numpy.square(X) + numpy.square(Y))
    assert fwd.unpack_dual(dual).tangent is None
    with pytest.raises(RuntimeError, match=r"level"):
        fwd.make_dual(x, t)


def test_forward_mode_of_a_module():
    """The directional derivative of a net in its parameters, beside a difference quotient."""
    fwd = pynn.autograd.forward_ad
    pynn.manual_seed(2)
    net = pynn.nn.Sequential(pynn.nn.Linear(3, 5), pynn.nn.Tanh(), pynn.nn.Linear(5, 2)).double()
    x = tensors(pynn)[0]
    names = {k: v.detach() for k, v in net.named_parameters()}
    change = {k: pynn.randn(v.shape, dtype=pynn.float64) for k, v in names.items()}
    with fwd.dual_level():
        duals = {k: fwd.make_dual(v, change[k]) for k, v in names.items()}
        tangent = fwd.unpack_dual(pynn.func.functional_call(net, duals, x)).tangent
    step = 1e-6
    high = pynn.func.functional_call(net, {k: v + step * change[k] for k, v in names.items()}, x)
    low = pynn.func.functional_call(net, {k: v - step * change[k] for k, v in names.items()}, x)
    numpy.testing.assert_allclose(tangent.detach().numpy(), ((high - low) / (2 * step)).numpy(), rtol=1e-7)
    assert not tangent.requires_grad


def test_forward_mode_checks_its_arguments():
    fwd = pynn.autograd.forward_ad
    x, t = tensors(pynn)
    with fwd.dual_level():
        with pytest.raises(RuntimeError, match="different size"):
            fwd.make_dual(x, t[:2])
        with pytest.raises(ValueError, match="Expected tangent to be floating point"):
            fwd.make_dual(x, t.long())
        with pytest.raises(TypeError, match="takes two Tensors"):
            fwd.make_dual(x, 1.0)
        with pytest.raises(RuntimeError, match="Nested forward mode AD is not supported"):
            fwd.enter_dual_level()
    with pytest.raises(RuntimeError, match="Trying to exit a forward AD level"):
        fwd.exit_dual_level()
