"""What no_grad leaves behind, and detect_anomaly around backward alone."""

import numpy
import pytest

import pynn


def test_numpy_of_a_tensor_that_requires_grad_under_no_grad():
    x = pynn.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="requires grad"):
        x.numpy()
    with pynn.no_grad():
        assert x.numpy().tolist() == [1.0, 1.0]
        assert numpy.asarray(x * 2).tolist() == [2.0, 2.0]


@pytest.mark.parametrize("leaf", [True, False])
def test_a_view_made_under_no_grad_requires_grad_as_its_base_does(leaf):
    x = pynn.ones(2, 3, requires_grad=True)
    x = x if leaf else x * 1
    with pynn.no_grad():
        view, deeper, value, copy = x[0], x.view(-1)[1:], x.detach(), x + 1
    assert [t.requires_grad for t in (view, deeper, value, copy)] == [True, True, False, False]
    assert [t.is_leaf for t in (view, deeper)] == [True, True]
    assert view.grad_fn is None
    with pytest.raises(RuntimeError):
        view.zero_()
    with pynn.no_grad():
        view.zero_()
    assert x[0].tolist() == [0.0] * 3
    with pynn.inference_mode():
        assert not x[0].is_leaf or not x[0].requires_grad


def test_anomalies_of_backward_alone_are_found():
    x = pynn.zeros(2, requires_grad=True)
    y = (x.sqrt() * 0).sum()
    with (
        pytest.raises(RuntimeError, match=r"'SqrtBackward0' returned nan.*No forward pass information"),
        pynn.autograd.set_detect_anomaly(True),
    ):
        y.backward()


def test_nodes_have_classes_named_as_they_are():
    x = pynn.ones(2, requires_grad=True)
    assert (x + 1).grad_fn.__class__.__name__ == "AddBackward0"
    assert (x * 2).grad_fn.__class__ is (x * 3).grad_fn.__class__
