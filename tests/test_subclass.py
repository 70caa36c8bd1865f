"""Subclasses of Tensor."""

import pytest

import pynn


def test_subclasses():
    class Mine(pynn.Tensor):
        pass

    x = pynn.ones(2)
    y = x.as_subclass(Mine)
    y[0] = 5
    assert x[0].item() == 5
    assert type(y) is Mine
    with pytest.raises(TypeError, match="subclass"):
        x.as_subclass(int)


class Tagged(pynn.Tensor):
    def __new__(cls, data, tag=None):
        made = super().__new__(cls, data)
        made.tag = tag
        return made


class Counted(pynn.Tensor):
    def __init__(self, data):
        self.count = len(data)


def test_subclasses_with_constructors_of_their_own():
    x = Tagged([1.0, 2.0], tag=5)
    assert (x.tag, x.tolist(), type(x)) == (5, [1, 2], Tagged)
    y = Counted([1.0, 2.0])
    assert (y.count, y.tolist()) == (2, [1, 2])
    assert (y + pynn.tensor([1.0, 2.0])).tolist() == [2, 4]
    with pytest.raises(TypeError):  # neither class knows the other
        y + x
    with pytest.raises(TypeError, match="unexpected keyword"):
        pynn.Tensor([1.0], tag=3)


class Kind(pynn.Tensor):
    def doubled(self):
        return self * 2


class Kinder(Kind):
    pass


def test_methods_and_operators_keep_the_subclass():
    x = Kind([[1.0, 2.0], [3.0, 4.0]])
    for made in (
        x + 1,
        1 + x,
        pynn.ones(2) * x,
        -x,
        x @ x,
        x.exp(),
        x[0],
        x.T,
        x.data,
        x.clone(),
        x == 1,
        x.to(pynn.float64),
    ):
        assert type(made) is Kind
    assert type(x.max(0)).__name__ == "max"
    assert [type(part) for part in x.max(0)] == [Kind, Kind]
    assert type(x.shape) is pynn.Size
    assert type(x.add_(1)) is Kind
    assert type(Kinder([1.0]).doubled()) is Kinder
    assert x.sum().item() == 14


def test_a_subclass_has_gradients():
    x = pynn.tensor([1.0, 2.0], requires_grad=True)
    y = x.as_subclass(Kind) * 3
    view = y[:1]
    view.mul_(2)
    y.sum().backward()
    assert type(y) is Kind
    assert x.grad.tolist() == [6, 3]


def test_functions_keep_the_subclass():
    x = Kind([[1.0, 2.0], [3.0, 4.0]])
    for made in (
        pynn.exp(x),
        pynn.add(pynn.ones(2), x),
        pynn.cat([pynn.ones(2, 2), x]),
        pynn.nn.functional.relu(x),
        pynn.linalg.inv(x),
        pynn.special.entr(x),
        next(iter(x)),
    ):
        assert type(made) is Kind
    assert type(pynn.add(Kinder([1.0]), Kind([1.0]))) is Kinder
    assert type(pynn.exp(pynn.ones(1))) is pynn.Tensor


def test_parameters_give_plain_tensors():
    class Special(pynn.nn.Parameter):
        pass

    assert type(Special(pynn.ones(2)) * 2) is pynn.Tensor
    assert type(pynn.nn.Parameter(pynn.ones(2)) * 2) is pynn.Tensor
