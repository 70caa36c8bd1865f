"""Marks: inputs of a function under differentiation, on nodes of their own."""

import pynn
from pynn.autograd import _levels


def test_a_mark_is_the_same_memory():
    x = pynn.ones(2)
    mark, _ = _levels.mark(x)
    mark.mul_(3)
    assert x.tolist() == [3.0, 3.0]
    assert mark._version == x._version


def test_gradients_stop_at_the_mark_or_go_through():
    w = pynn.tensor([2.0], requires_grad=True)
    mark, node = _levels.mark(w * 3)
    out = mark**2
    (own,) = _levels.pull_back([out], [node], [mark], [pynn.ones(1)], False)
    assert own.tolist() == [12.0]
    out.backward()
    assert w.grad.tolist() == [36.0]


def test_pulling_back_what_is_not_reached():
    mark, node = _levels.mark(pynn.ones(2))
    assert _levels.pull_back([pynn.ones(2)], [node], [mark], [pynn.ones(2)], False) == [None]


def test_results_are_cut_off_unless_something_else_needs_them():
    x, w = pynn.ones(2), pynn.ones(2, requires_grad=True)
    mark, node = _levels.mark(x)
    with _levels.under_way([node]):
        assert id(node) in _levels.active
        alone, both = mark * 2, mark * w
        assert not _levels.tracked_beyond([alone], [node])
        assert _levels.tracked_beyond([both], [node])
    assert id(node) not in _levels.active
    assert not _levels.released(alone, False).requires_grad
    assert _levels.released(both, True) is both
    assert _levels.released(5, False) == 5


def test_an_outer_differentiation_keeps_history():
    outer, outer_node = _levels.mark(pynn.ones(2))
    with _levels.under_way([outer_node]):
        inner, inner_node = _levels.mark(outer)
        assert _levels.tracked_beyond([inner * outer], [inner_node])


def test_pushing_forward():
    mark, node = _levels.mark(pynn.tensor([2.0, 3.0]))
    pushed = _levels.push_forward([mark**2, pynn.ones(1)], [node], [mark], [pynn.tensor([1.0, 10.0])], False)
    assert pushed[0].tolist() == [4.0, 60.0]
    assert pushed[1] is None
