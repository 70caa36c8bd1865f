"""pynn.func beside torch.func: values, forms of results, what they hang on, and errors."""

import importlib

import numpy
import pytest

import pynn

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore:.*torch.jit:DeprecationWarning")

rng = numpy.random.default_rng(0)
A, W, B = rng.normal(size=(4, 3)), rng.normal(size=(3, 3)), rng.normal(size=(3,))


def leaves_of(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return [leaf for v in value for leaf in leaves_of(v)]
    return [value]


def f(lib, x, w):
    return lib.tanh(x @ w).pow(2).sum()


def with_writes(lib, fn, a, w, b):
    def g(x):
        x = x * 1
        x[0] = x[1] * 2
        x.mul_(x.clone())
        return x.sum()

    return fn.grad(g)(b), b


def through_backward(lib, fn, a, w, b):
    b.requires_grad_()
    fn.grad(lambda x: (x**3).sum())(b).sum().backward()
    return b.grad


def through_vmap(lib, fn, a, w, b):
    b.requires_grad_()
    fn.vmap(lambda x: (x * b).sum())(a).pow(2).sum().backward()
    return b.grad


def ensemble(lib, fn, a, w, b):
    models = [lib.nn.Linear(3, 2).double() for _ in range(3)]
    for i, m in enumerate(models):
        for p in m.parameters():
            p.data.fill_(i + 0.5)
    state = fn.stack_module_state(models)
    return fn.vmap(lambda p, b, x: fn.functional_call(models[0], (p, b), (x,)), in_dims=(0, 0, None))(*state, a)


PROGRAMS = {
    "grad": lambda lib, fn, a, w, b: fn.grad(lambda x: f(lib, x, w))(b),
    "grad of several": lambda lib, fn, a, w, b: fn.grad(lambda x, w: f(lib, x, w), argnums=(1, -2))(b, w),
    "grad of a tree": lambda lib, fn, a, w, b: fn.grad(lambda d: f(lib, d["x"], d["w"][0]))({"x": b, "w": [w]}),
    "grad of a constant": lambda lib, fn, a, w, b: fn.grad(lambda x: lib.ones((), dtype=lib.float64))(b),
    "grad with aux": lambda lib, fn, a, w, b: fn.grad(lambda x: ((x * x).sum(), {"s": x * 3}), has_aux=True)(b),
    "grad and value": lambda lib, fn, a, w, b: fn.grad_and_value(lambda x: ((x * x).sum(), x * 3), has_aux=True)(b),
    "keywords": lambda lib, fn, a, w, b: fn.grad(lambda x, *, w: f(lib, x, w))(b, w=w),
    "per sample": lambda lib, fn, a, w, b: fn.vmap(fn.grad(lambda w, x: f(lib, x, w)), in_dims=(None, 0))(w, a),
    "grad of grad": lambda lib, fn, a, w, b: fn.grad(lambda x: fn.grad(lambda x: (x**3).sum())(x).pow(2).sum())(b),
    "grad beside grad": lambda lib, fn, a, w, b: fn.grad(lambda x: (x * fn.grad(lambda y: (y * y * x).sum())(b)).sum())(
        b
    ),
    "jacrev": lambda lib, fn, a, w, b: fn.jacrev(lambda x: (lib.sin(x), {"a": x.sum()}))(b),
    "jacrev of several": lambda lib, fn, a, w, b: fn.jacrev(lambda x, y: x * y, argnums=(0, 1))(b, b),
    "jacrev with aux": lambda lib, fn, a, w, b: fn.jacrev(lambda x: (x * x, x.sum()), has_aux=True)(b),
    "jacfwd": lambda lib, fn, a, w, b: fn.jacfwd(lambda d: lib.tanh(w @ d["x"]))({"x": b}),
    "jacrev twice": lambda lib, fn, a, w, b: fn.jacrev(fn.jacrev(lambda x: lib.tanh(w @ x)))(b),
    "hessian": lambda lib, fn, a, w, b: fn.hessian(lambda x: f(lib, x, w))(b),
    "hessian of several": lambda lib, fn, a, w, b: fn.hessian(lambda x, w: f(lib, x, w), argnums=(0, 1))(b, w),
    "hessians": lambda lib, fn, a, w, b: fn.vmap(fn.hessian(lambda x: f(lib, x, w)))(a),
    "jvp": lambda lib, fn, a, w, b: fn.jvp(lambda x, y: (lib.sin(x) * y, {"a": x.sum()}), (b, b), (b, b * 2)),
    "jvp with aux": lambda lib, fn, a, w, b: fn.jvp(lambda x: (lib.sin(x), x * 2), (b,), (b,), has_aux=True),
    "jvp of a constant": lambda lib, fn, a, w, b: fn.jvp(lambda x: lib.ones(2), (b,), (b,)),
    "jvp of jvp": lambda lib, fn, a, w, b: fn.jvp(lambda x: fn.jvp(lib.sin, (x,), (b,))[1], (b,), (b,)),
    "grad of jvp": lambda lib, fn, a, w, b: fn.grad(lambda x: fn.jvp(lambda z: lib.sin(z) * z, (x,), (b,))[1].sum())(b),
    "vjp": lambda lib, fn, a, w, b: fn.vjp(lambda x: (lib.sin(x), {"a": x * 2}), b)[1]((b, {"a": b})),
    "vjp of vjp": lambda lib, fn, a, w, b: fn.vjp(lambda x: fn.vjp(lambda z: lib.sin(z), x)[1](b)[0], b)[1](b),
    "vjp again": lambda lib, fn, a, w, b: [g(b) for g in [fn.vjp(lib.sin, b)[1]] * 2],
    "vjp with aux": lambda lib, fn, a, w, b: fn.vjp(lambda x: (lib.sin(x), x * 2), b, has_aux=True)[2],
    "vjp of a cotangent that requires grad": lambda lib, fn, a, w, b: fn.vjp(lib.sin, b)[1](w[0].requires_grad_()),
    "jvp of a tangent that requires grad": lambda lib, fn, a, w, b: fn.jvp(lib.sin, (b,), (w[0].requires_grad_(),)),
    "strict jvp": lambda lib, fn, a, w, b: fn.jvp(lib.sin, (b,), (b,), strict=True),
    "linearize": lambda lib, fn, a, w, b: fn.linearize(lambda x, y: lib.sin(x) * y, b, b)[1](b, b * 3),
    "an input that requires grad": lambda lib, fn, a, w, b: fn.grad(lambda x: (x**3).sum())(b.requires_grad_()),
    "something else that requires grad": lambda lib, fn, a, w, b: (
        w.requires_grad_() is None or fn.jacrev(lambda x: w @ x)(b)
    ),
    "no_grad around": lambda lib, fn, a, w, b: lib.no_grad()(lambda: fn.grad(lambda x: (x**2).sum())(b))(),
    "no_grad inside": lambda lib, fn, a, w, b: fn.grad(lambda x: (x * lib.no_grad()(lambda: x * x)()).sum())(b),
    "functionalize": lambda lib, fn, a, w, b: fn.functionalize(lambda x: x * 2)(b),
    "writes": with_writes,
    "backward through grad": through_backward,
    "backward through vmap": through_vmap,
    "ensemble": ensemble,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_equal_torch(name):
    torch = pytest.importorskip("torch")
    results = []
    for lib, fn in ((pynn, pynn.func), (torch, importlib.import_module("torch.func"))):
        out = PROGRAMS[name](lib, fn, *(lib.tensor(t) for t in (A, W, B)))
        results.append([(x.detach().numpy(), x.requires_grad) for x in leaves_of(out)])
    ours, theirs = results
    assert len(ours) == len(theirs)
    for (x, tracked), (y, expected) in zip(ours, theirs):
        assert x.shape == y.shape
        numpy.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12)
        assert tracked == expected


def test_numbers_by_hand():
    x = pynn.tensor([1.0, 2.0])
    assert pynn.func.grad(lambda x: (x**3).sum())(x).tolist() == [3.0, 12.0]
    assert pynn.func.hessian(lambda x: (x**3).sum())(x).tolist() == [[6.0, 0.0], [0.0, 12.0]]
    assert pynn.func.jvp(lambda x: x * x, (x,), (x,))[1].tolist() == [2.0, 8.0]
    assert pynn.func.jacrev(lambda x: x * x)(x).tolist() == [[2.0, 0.0], [0.0, 4.0]]
    assert pynn.func.vmap(pynn.func.grad(lambda x: x**3))(x).tolist() == [3.0, 12.0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda fn, x: fn.grad(lambda x: x)(x), RuntimeError, "to return a scalar Tensor, got tensor with 1 dims"),
        (lambda fn, x: fn.grad(lambda x: 3)(x), RuntimeError, "to return a Tensor, got <class 'int'>"),
        (lambda fn, x: fn.grad(lambda x: x.sum())(3.0), ValueError, "Thing passed to transform API must be Tensor"),
        (
            lambda fn, x: fn.grad(lambda x: x.sum(), argnums=1)(x),
            RuntimeError,
            "Got argnum=1, but only 1 positional inputs",
        ),
        (lambda fn, x: fn.grad(lambda x, y: x.sum(), argnums=(0, -2))(x, x), RuntimeError, "must be unique"),
        (lambda fn, x: fn.grad(lambda x: x.sum(), argnums=())(x), RuntimeError, "must be non-empty"),
        (lambda fn, x: fn.jvp(lambda x: x.new_ones(2), (x,), (x,), strict=True), RuntimeError, "independent of"),
        (
            lambda fn, x: fn.grad(lambda x: x.sum(), has_aux=True)(x),
            RuntimeError,
            "output of function f should be a tuple",
        ),
        (lambda fn, x: fn.vjp(lambda x: (x, x), x)[1](x), RuntimeError, "Expected pytree structure of cotangents"),
        (lambda fn, x: fn.jacrev(lambda x: 3)(x), RuntimeError, "to return only tensors, got unsupported type"),
        (lambda fn, x: fn.jvp(lambda x: x, x, (x,)), RuntimeError, "Expected primals to be a tuple"),
        (lambda fn, x: fn.jvp(lambda x: x, (x,), (x, x)), RuntimeError, "to have the same python structure"),
        (lambda fn, x: fn.jvp(lambda x: x, (x,), (x[:1],)), RuntimeError, "different size than that of the original"),
        (
            lambda fn, x: fn.functionalize(lambda x: x, remove="all")(x),
            RuntimeError,
            "received invalid argument for remove",
        ),
    ],
)
def test_errors(lib, call, error, message):
    fn = pynn.func if lib is pynn else importlib.import_module("torch.func")
    with pytest.raises(error, match=message):
        call(fn, lib.ones(2))


def test_memory_is_freed():
    """Nothing of a differentiation stays behind: no cycles, no marks."""
    import gc
    import weakref

    from pynn.autograd import _levels

    kept = []

    def g(x):
        y = x.exp()
        kept.append(weakref.ref(y))
        return y.sum()

    gc.collect()
    gc.disable()
    try:
        pynn.func.grad(g)(pynn.ones(2))
        assert kept[0]() is None
        assert not _levels.active
    finally:
        gc.enable()
