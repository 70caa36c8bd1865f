"""cond and while_loop."""

import pytest

import pynn


def test_cond():
    x = pynn.tensor([2.0], requires_grad=True)
    pynn.cond(x.sum() > 1, lambda x: x * 3, lambda x: x - 3, (x,)).backward()
    assert x.grad.tolist() == [3]
    assert pynn.cond(False, lambda: 1, lambda: 2) == 2
    for pred in (pynn.ones(2), "yes"):
        with pytest.raises(RuntimeError, match="pred must be bool"):
            pynn.cond(pred, lambda: 1, lambda: 2)


def test_while_loop():
    x = pynn.tensor(1.0, requires_grad=True)
    steps, value = pynn.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (pynn.tensor(0), x))
    value.backward()
    assert (steps.item(), value.item(), x.grad.item()) == (3, 8, 8)
    with pytest.raises(RuntimeError, match="body_fn must return 1 values"):
        pynn.while_loop(lambda x: True, lambda x: (x, x), (x,))
