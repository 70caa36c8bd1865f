"""`__torch_function__`: of subclasses of Tensor, of other classes, of modes, in functions of one's own."""

import pytest

import pynn
from pynn import nn, overrides


class Logged(pynn.Tensor):
    calls: list = []  # noqa: RUF012

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.calls.append(func)
        return super().__torch_function__(func, types, args, kwargs or {})


@pytest.fixture
def x():
    made = pynn.tensor([[1.0, 2.0], [3.0, 4.0]]).as_subclass(Logged)
    Logged.calls.clear()
    return made


Y = pynn.ones(2, 2)
T = pynn.Tensor
# (a call, what `__torch_function__` is told of it), torch's.
CALLS = [
    (lambda x: x + Y, T.add), (lambda x: Y + x, T.add), (lambda x: 2 + x, T.add), (lambda x: Y - x, T.sub),
    (lambda x: 1 - x, T.__rsub__), (lambda x: x / 2, T.div), (lambda x: x @ Y, T.matmul), (lambda x: x**2, T.pow),
    (lambda x: x == Y, T.__eq__), (lambda x: x < 1, T.lt), (lambda x: -x, T.neg), (lambda x: abs(x), T.abs),
    (lambda x: x[0], T.__getitem__), (lambda x: x.T, T.T.__get__), (lambda x: x.exp(), T.exp),
    (lambda x: pynn.exp(x), pynn.exp), (lambda x: pynn.cat([Y, x]), pynn.cat),
    (lambda x: nn.functional.softmax(x, dim=0), nn.functional.softmax), (lambda x: pynn.linalg.inv(x), pynn.linalg.inv),
    (lambda x: x.to(pynn.float64), T.to), (lambda x: nn.functional.linear(x, Y), nn.functional.linear),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_a_subclass_is_told_of_calls(number, x):
    call, func = CALLS[number]
    made = call(x)
    assert type(made) is Logged
    assert Logged.calls[-1] == func
    assert pynn.equal(made.as_subclass(T), call(x.as_subclass(T)))


def test_a_subclass_is_told_of_what_gives_no_tensors(x):
    for call, func, value in (
        (lambda: x.shape, T.shape.__get__, (2, 2)),
        (lambda: x.size(0), T.size, 2),
        (lambda: len(x), T.__len__, 2),
        (lambda: float(x[0, 0]), T.__float__, 1.0),
    ):
        assert call() == value
        assert func in Logged.calls
    x[0] = 5
    assert Logged.calls[-1] == T.__setitem__
    y = x
    y += 1
    assert Logged.calls[-1] == T.add_
    assert y is x


def test_disabled(x):
    with pynn._C.DisableTorchFunctionSubclass():
        assert type(x + 1) is T
        assert type(pynn.exp(x)) is T
        assert not overrides.has_torch_function((x,))
    assert Logged.calls == []

    class Quiet(pynn.Tensor):
        __torch_function__ = pynn._C._disabled_torch_function_impl

    quiet = Y.as_subclass(Quiet)
    assert type(quiet * 2) is type(pynn.exp(quiet)) is T
    assert not overrides.has_torch_function((quiet, nn.Parameter(Y), Y))
    assert overrides.has_torch_function((Y, x))


class Diagonal:
    """A matrix that is no Tensor."""

    handled: dict = {}  # noqa: RUF012

    def __init__(self, value):
        self.value = value

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func not in cls.handled:
            return NotImplemented
        return cls.handled[func](*args, **(kwargs or {}))


def test_a_class_that_is_no_tensor(x):
    Diagonal.handled[pynn.mean] = lambda input: input.value / 2
    Diagonal.handled[T.add] = lambda a, b: "added"
    assert pynn.mean(Diagonal(4.0)) == 2
    assert pynn.mean(input=Diagonal(4.0)) == 2
    with pytest.raises(TypeError, match=r"no implementation found for 'pynn\.exp'.*Diagonal"):
        pynn.exp(Diagonal(4.0))
    assert overrides.is_tensor_like(Diagonal(1))
    assert overrides.has_torch_function_unary(Diagonal(1))


class Counting(overrides.TorchFunctionMode):
    def __init__(self):
        self.names = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.names.append(func.__name__)
        return func(*args, **(kwargs or {}))


def test_modes():
    with Counting() as outer, Counting() as inner:
        a = pynn.zeros(2)
        b = pynn.exp(a).add(1)
        assert overrides.has_torch_function(())
    assert outer.names == inner.names == ["zeros", "exp", "add"]
    assert b.tolist() == [2, 2]
    pynn.exp(a)
    assert len(inner.names) == 3
    with Counting() as mode, pynn._C.DisableTorchFunction():
        pynn.exp(a)
    assert mode.names == []


def test_functions_of_ones_own(x):
    def scaled(t, by=2):
        if overrides.has_torch_function_unary(t):
            return overrides.handle_torch_function(scaled, (t,), t, by=by)
        return t * by

    assert type(scaled(x)) is Logged
    assert Logged.calls[0] is scaled
    assert type(scaled(Y)) is T
    with pytest.raises(TypeError, match="no implementation found for 'scaled'"):
        overrides.handle_torch_function(scaled, (Y,), Y)

    @overrides.wrap_torch_function(lambda t, by: (t,))
    def wrapped(t, by):
        return t * by

    wrapped(x, 2)
    assert wrapped in Logged.calls


def test_questions():
    assert not overrides.has_torch_function((pynn.ones(1),))
    assert overrides.is_tensor_like(pynn.ones(1))
    assert not overrides.is_tensor_like(1)
    assert overrides.is_tensor_method_or_property(T.add)
    assert overrides.is_tensor_method_or_property(T.shape.__get__)
    assert not overrides.is_tensor_method_or_property(pynn.linalg.inv)
    assert overrides.resolve_name(T.add) == "pynn.Tensor.add"
    assert overrides.resolve_name(pynn.linalg.inv) == "pynn.linalg.inv"
    functions = overrides.get_overridable_functions()
    assert pynn.exp in functions[pynn]
    assert nn.functional.relu in functions[nn.functional]
    assert T.add in functions[T]
    assert overrides.get_testing_overrides()[pynn.exp](1) == -1
    assert pynn.is_tensor in overrides.get_ignored_functions()


def test_gradients_and_copies(x):
    leaf = pynn.ones(2, requires_grad=True)
    y = leaf.as_subclass(Logged) * 3
    y.sum().backward()
    assert leaf.grad.tolist() == [3, 3]
    assert type(y.detach()) is Logged
