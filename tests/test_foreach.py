"""One operation for each tensor of a list."""

import pytest

import pynn
from pynn import _foreach


def lists():
    return [pynn.tensor([1.0, 4.0]), pynn.tensor([[9.0]])], [pynn.tensor([2.0, 3.0]), pynn.tensor([[5.0]])]


def values(tensors):
    return [t.tolist() for t in tensors]


def test_unary():
    a, _ = lists()
    assert values(pynn._foreach_sqrt(a)) == [[1.0, 2.0], [[3.0]]]
    assert pynn._foreach_neg_(a) is None
    assert values(a) == [[-1.0, -4.0], [[-9.0]]]


def test_binary_with_a_number_numbers_a_tensor_and_tensors():
    a, b = lists()
    assert values(pynn._foreach_mul(a, 2)) == [[2.0, 8.0], [[18.0]]]
    assert values(pynn._foreach_mul(a, [2.0, 3.0])) == [[2.0, 8.0], [[27.0]]]
    assert values(pynn._foreach_mul(a, pynn.tensor(2.0))) == [[2.0, 8.0], [[18.0]]]
    assert values(pynn._foreach_add(a, b, alpha=2)) == [[5.0, 10.0], [[19.0]]]
    pynn._foreach_sub_(a, b)
    assert values(a) == [[-1.0, 1.0], [[4.0]]]
    assert values(pynn._foreach_pow(2.0, b)) == [[4.0, 8.0], [[32.0]]]


def test_bounds():
    a, b = lists()
    assert values(pynn._foreach_clamp_max(a, 3.0)) == [[1.0, 3.0], [[3.0]]]
    assert values(pynn._foreach_maximum(a, b)) == [[2.0, 4.0], [[9.0]]]
    pynn._foreach_clamp_min_(a, b)
    assert values(a) == [[2.0, 4.0], [[9.0]]]


def test_three_and_lerp():
    a, b = lists()
    assert values(pynn._foreach_addcmul(a, b, b, 2)) == [[9.0, 22.0], [[59.0]]]
    assert values(pynn._foreach_addcdiv(a, b, b, [1.0, 2.0])) == [[2.0, 5.0], [[11.0]]]
    assert values(pynn._foreach_lerp(a, b, 0.5)) == [[1.5, 3.5], [[7.0]]]
    pynn._foreach_lerp_(a, b, weights=1.0)
    assert values(a) == values(b)


def test_alone():
    a, b = lists()
    assert [n.item() for n in pynn._foreach_norm(b)] == [pytest.approx(13**0.5), 5.0]
    assert [n.item() for n in pynn._foreach_norm(b, float("inf"))] == [3.0, 5.0]
    assert [n.item() for n in pynn._foreach_max(a)] == [4.0, 9.0]
    pynn._foreach_copy_(a, b)
    assert values(a) == values(b)
    pynn._foreach_zero_(a)
    assert values(a) == [[0.0, 0.0], [[0.0]]]


def test_gradients_pass():
    x = pynn.tensor([3.0], requires_grad=True)
    (y,) = pynn._foreach_mul([x], 2.0)
    y.sum().backward()
    assert x.grad.tolist() == [2.0]


def test_errors():
    a, b = lists()
    with pytest.raises(RuntimeError, match="same number of tensors"):
        pynn._foreach_add(a, b[:1])
    with pytest.raises(RuntimeError, match="at least one"):
        pynn._foreach_neg([])
    with pytest.raises(TypeError, match="list or tuple of Tensors"):
        pynn._foreach_neg(a[0])
    with pytest.raises(AttributeError, match="_foreach_nothing"):
        pynn._foreach_nothing  # noqa: B018


def test_same_names_as_torch():
    torch = pytest.importorskip("torch")
    assert {n for n in dir(torch) if n.startswith("_foreach_")} == _foreach._NAMES
    a, b = lists()
    for name in sorted(_foreach._NAMES):
        mine = getattr(pynn, name)
        theirs = getattr(torch, name)
        args = [a, b][: 1 + (name.removeprefix("_foreach_").removesuffix("_") in _foreach._BINARY)]
        if name.removeprefix("_foreach_").removesuffix("_") in ("addcmul", "addcdiv", "lerp", "copy", "mm"):
            continue
        x = [[t.clone() for t in list_] for list_ in args]
        y = [[torch.tensor(t.tolist()) for t in list_] for list_ in args]
        got, expected = mine(*x), theirs(*y)
        for p, q in zip(x[0] if got is None else got, y[0] if expected is None else expected):
            pynn.testing.assert_close(p.numpy(), q.numpy(), equal_nan=True, rtol=1e-5, atol=1e-6)
