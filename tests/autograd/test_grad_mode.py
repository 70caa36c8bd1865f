"""no_grad and its relatives as decorators; inference tensors; which views may be written."""

import pytest

import pynn


def leaf(lib, *values):
    return lib.tensor(list(values), requires_grad=True)


# ---- decorators ----


@pytest.mark.parametrize("how", ["no_grad", "no_grad()", "set_grad_enabled", "inference_mode", "inference_mode()"])
def test_decorated_functions(lib, how):
    decorator = {
        "no_grad": lambda: lib.no_grad,
        "no_grad()": lambda: lib.no_grad(),
        "set_grad_enabled": lambda: lib.set_grad_enabled(False),
        "inference_mode": lambda: lib.inference_mode,
        "inference_mode()": lambda: lib.inference_mode(),
    }[how]()

    @decorator
    def f():
        """Docs."""
        return lib.is_grad_enabled()

    assert lib.is_grad_enabled()
    assert f() is False
    assert (f.__name__, f.__doc__) == ("f", "Docs.")
    assert lib.is_grad_enabled()


def test_decorated_generators(lib):
    seen = []

    @lib.no_grad()
    def steps():
        try:
            for i in range(3):
                seen.append(lib.is_grad_enabled())
                got = yield i
                if got is not None:
                    seen.append(got)
        except ValueError:
            seen.append(("caught", lib.is_grad_enabled()))
            yield "after"
        finally:
            seen.append(("closed", lib.is_grad_enabled()))
        return "end"

    generator = steps()
    assert next(generator) == 0
    assert lib.is_grad_enabled()
    assert generator.send("sent") == 1
    assert generator.throw(ValueError()) == "after"
    assert lib.is_grad_enabled()
    generator.close()
    assert seen == [False, "sent", False, ("caught", False), ("closed", False)]

    def outer():
        return (yield from steps())

    whole = outer()
    assert [next(whole) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(StopIteration, match="end"):
        next(whole)


def test_decorated_classes(lib):
    with pytest.warns(FutureWarning, match="Decorating classes is deprecated"):

        @lib.no_grad()
        class Made:
            def __init__(self):
                self.mode = lib.is_grad_enabled()

    assert Made().mode is False


def test_what_modes_give(lib):
    with lib.no_grad() as nothing:
        assert nothing is None
    with lib.autograd.set_multithreading_enabled(False):
        assert not lib.autograd.is_multithreading_enabled()
    assert lib.autograd.is_multithreading_enabled()
    assert lib.autograd.grad_mode.no_grad is lib.no_grad
    assert lib.autograd.variable.Variable is lib.autograd.Variable


# ---- inference mode ----


def test_inference_tensors(lib):
    x = leaf(lib, 1.0, 2.0)
    assert not lib.is_inference_mode_enabled()
    with lib.inference_mode():
        assert lib.is_inference_mode_enabled()
        made, computed, view = lib.ones(2), x * 2, x[:1]
        inner = computed[:1]
        computed.add_(1)
        with lib.inference_mode(False):
            assert lib.is_grad_enabled()
            assert not (x * 2).is_inference()
    assert made.is_inference()
    assert computed.is_inference()
    assert inner.is_inference()
    assert not view.is_inference()
    assert not x.is_inference()
    assert computed.tolist() == [3.0, 5.0]
    assert not (made * 2).is_inference()
    assert not made.clone().is_inference()


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda lib, t: t.add_(1), "Inplace update to inference tensor outside InferenceMode is not allowed"),
        (lambda lib, t: t[:1].mul_(2), "Inplace update to inference tensor outside InferenceMode is not allowed"),
        (lambda lib, t: t.requires_grad_(), "Setting requires_grad=True on inference tensor outside InferenceMode"),
        (lambda lib, t: t * leaf(lib, 1.0, 2.0), "Inference tensors cannot be saved for backward"),
        (lambda lib, t: t._version, "Inference tensors do not track version counter"),
    ],
)
def test_inference_tensors_stay_apart(lib, write, message):
    with lib.inference_mode():
        t = lib.ones(2)
    with pytest.raises(RuntimeError, match=message):
        write(lib, t)
    assert lib is not pynn or t.tolist() == [1.0, 1.0]


def test_inference_tensors_where_backward_does_not_read_them(lib):
    with lib.inference_mode():
        t = lib.ones(2)
    x = leaf(lib, 1.0, 2.0)
    (x + t).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_ordinary_tensors_are_written_in_inference_mode(lib):
    x = lib.ones(2)
    y = leaf(lib, 1.0, 2.0) * 1
    z = y * y
    with lib.inference_mode():
        x.add_(1)
        y.add_(1)
    assert x.tolist() == [2.0, 2.0]
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


# ---- views that may not be written ----


@pytest.mark.parametrize("cut", [lambda x: x.split(2), lambda x: x.chunk(2), lambda x: x.unbind(0)])
def test_one_of_several_views(lib, cut):
    x = lib.ones(4, 2, requires_grad=True).clone()
    first = cut(x)[0]
    with pytest.raises(RuntimeError, match="is a view and is being modified inplace"):
        first.mul_(2)
    with pytest.raises(RuntimeError, match=r"return.? multiple views"):
        first[0].mul_(2)
    with lib.no_grad():
        first.mul_(2)
    plain = lib.ones(4, 2)
    cut(plain)[0].mul_(2)
    assert plain.sum().item() > 8


def test_a_view_made_under_no_grad(lib):
    x = leaf(lib, 1.0, 2.0).clone()
    with lib.no_grad():
        view = x[:1]
    with pytest.raises(
        RuntimeError, match="A view was created in no_grad mode and is being modified inplace with grad mode"
    ):
        view.mul_(2)
    with lib.no_grad():
        view.mul_(2)
    assert x.tolist() == [2.0, 2.0]
    with lib.inference_mode():
        view = x[:1]
    with pytest.raises(RuntimeError, match="created in inference mode and is being modified inplace in normal mode"):
        view.mul_(2)


def test_a_view_from_a_custom_function(lib):
    class First(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x[:1]

        @staticmethod
        def backward(ctx, g):
            return lib.cat([g, g * 0])

    class Same(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 3

    x = leaf(lib, 1.0, 2.0)
    for function in (First, Same):
        y = function.apply(x * 1)
        with pytest.raises(RuntimeError, match="view was created inside a custom Function"):
            y.mul_(2)
    First.apply(x).sum().backward()
    assert x.grad.tolist() == [1.0, 0.0]


def test_a_custom_function_that_writes_a_view(lib):
    class Double(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.mul_(2)

        @staticmethod
        def backward(ctx, g):
            return g * 20

    x = leaf(lib, 1.0, 2.0)
    y = x * 1
    Double.apply(y[:1])
    (y * 3).sum().backward()
    assert y.tolist() == [2.0, 2.0]
    assert x.grad.tolist() == [60.0, 3.0]


def test_custom_functions_return_what_they_dirty(lib):
    class Wrong(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x * 2

    with pytest.raises(RuntimeError, match="marked as dirty during the forward method were not returned as output"):
        Wrong.apply(leaf(lib, 1.0) * 1)


def test_once_differentiable(lib):
    class Square(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @lib.autograd.function.once_differentiable
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    x = leaf(lib, 3.0)
    (g,) = lib.autograd.grad(Square.apply(x).pow(2).sum(), x, create_graph=True)
    assert g.tolist() == [108.0]
    with pytest.raises(RuntimeError, match="differentiate twice a function that was marked with @once_differentiable"):
        g.sum().backward()


def test_the_node_of_a_custom_function_is_its_context(lib):
    class Times(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x, n):
            ctx.n = n
            ctx.save_for_backward(x)
            return x * n

        @staticmethod
        def backward(ctx, g):
            assert ctx.needs_input_grad == (True, False)
            return g * ctx.n, None

    x = leaf(lib, 3.0)
    y = Times.apply(x, 4)
    assert y.grad_fn.name() == "TimesBackward"
    assert y.grad_fn.n == 4
    assert y.grad_fn.saved_tensors[0] is x
    assert y.grad_fn.next_functions[0][0].variable is x
    y.sum().backward()
    assert x.grad.tolist() == [4.0]
    with pytest.raises(RuntimeError, match="second time"):
        y.grad_fn.saved_tensors  # noqa: B018


def test_a_saved_output_dies_with_its_tensor():
    import gc
    import weakref

    class Exp(pynn.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    x = leaf(pynn, 0.0)
    y = Exp.apply(x)
    here = weakref.ref(y.grad_fn)
    gc.disable()
    try:
        del y
        assert here() is None
    finally:
        gc.enable()
    (g,) = pynn.autograd.grad(Exp.apply(x).sum(), x, create_graph=True)
    (h,) = pynn.autograd.grad(g.sum(), x)
    assert h.tolist() == [1.0]
