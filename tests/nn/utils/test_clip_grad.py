"""Gradient clipping."""

import math

import numpy
import pytest

import pynn
from pynn import nn
from pynn.nn import utils


def parameters(library=pynn):
    """Parameters with gradients 3, 4 and 12, and one without."""
    out = [library.nn.Parameter(library.zeros(2)) for _ in range(3)]
    out[0].grad = library.tensor([3.0, 4.0])
    out[1].grad = library.tensor([0.0, -12.0])
    return out


def grads(params):
    return numpy.concatenate([p.grad.numpy() for p in params if p.grad is not None])


def test_clips_to_the_norm():
    params = parameters()
    total = utils.clip_grad_norm_(params, 6.5)
    assert total.item() == 13.0
    assert numpy.allclose(grads(params), numpy.array([3, 4, 0, -12]) / 2)
    assert params[2].grad is None


def test_small_gradients_stay():
    params = parameters()
    assert utils.clip_grad_norm_(iter(params), 100.0).item() == 13.0
    assert grads(params).tolist() == [3, 4, 0, -12]


def test_writes_in_place_and_counts_it():
    params = parameters()
    held = params[0].grad
    view = held[0]
    utils.clip_grad_norm_(params[0], 1.0)
    assert params[0].grad is held
    assert view.item() == pytest.approx(0.6)


@pytest.mark.parametrize("norm_type", [2, 1.0, 3, math.inf, "inf", 0.5, 0])
@pytest.mark.parametrize("max_norm", [0.7, 50.0])
def test_norms_match_torch(norm_type, max_norm):
    torch = pytest.importorskip("torch")
    ours, theirs = parameters(), parameters(torch)
    mine = utils.clip_grad_norm_(ours, max_norm, norm_type)
    other = torch.nn.utils.clip_grad_norm_(theirs, max_norm, float(norm_type))
    assert mine.item() == pytest.approx(other.item(), rel=1e-5)
    assert numpy.allclose(grads(ours), grads(theirs), rtol=1e-5)


def test_nothing_to_clip():
    assert utils.clip_grad_norm_([], 1.0).item() == 0.0
    assert utils.clip_grad_norm_(nn.Linear(2, 2).parameters(), 1.0).item() == 0.0
    with pytest.warns(UserWarning, match="empty generator"):
        utils.clip_grad_norm_((p for p in []), 1.0)


def test_error_if_nonfinite():
    params = parameters()
    params[0].grad[0] = float("nan")
    with pytest.raises(
        RuntimeError, match=r"The total norm of order 2.0 for gradients from `parameters` is non-finite"
    ):
        utils.clip_grad_norm_(params, 1.0, error_if_nonfinite=True)
    assert math.isnan(utils.clip_grad_norm_(params, 1.0).item())


def test_get_total_norm_and_clip_grads_with_norm():
    params = parameters()
    total = utils.get_total_norm([p.grad for p in params if p.grad is not None])
    assert total.item() == 13.0
    utils.clip_grads_with_norm_(params, 1.3, total)
    assert numpy.allclose(grads(params), numpy.array([3, 4, 0, -12]) / 10)
    assert utils.get_total_norm([]).item() == 0.0


def test_mixed_dtypes():
    params = parameters()
    params[2].data = pynn.zeros(2, dtype=pynn.float64)
    params[2].grad = pynn.tensor([84.0, 0.0], dtype=pynn.float64)
    assert utils.clip_grad_norm_(params, 8.5).item() == 85.0
    assert params[0].grad.dtype is pynn.float32
    assert params[2].grad.tolist() == pytest.approx([8.4, 0.0])


def test_clip_value():
    params = parameters()
    utils.clip_grad_value_(params, 3.5)
    assert grads(params).tolist() == [3.0, 3.5, 0.0, -3.5]
    utils.clip_grad_value_(params[0], 1)
    assert params[0].grad.tolist() == [1.0, 1.0]


def test_older_name_warns():
    with pytest.warns(FutureWarning, match="clip_grad_norm_"):
        assert utils.clip_grad_norm(parameters(), 1.0).item() == 13.0
