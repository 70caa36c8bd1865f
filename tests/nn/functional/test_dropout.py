"""Dropout: what is kept, how it is scaled, and what comes back unchanged."""

import math

import numpy
import pytest

import pynn
import pynn.nn.functional as F

ALL = [F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout]
SHAPE = {F.dropout1d: (2, 3, 4), F.dropout2d: (2, 3, 4, 4), F.dropout3d: (2, 3, 4, 4, 2)}


@pytest.mark.parametrize("function", ALL)
def test_nothing_dropped(function):
    x = pynn.ones(*SHAPE.get(function, (2, 3)))
    assert function(x, 0.4, training=False) is x
    assert function(x, 0.0, training=True) is x


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_bad_probability(function, p):
    with pytest.raises(ValueError, match=f"between 0 and 1, but got {p}"):
        function(pynn.ones(*SHAPE.get(function, (2, 3))), p)


def test_dropout_scales_what_it_keeps():
    pynn.manual_seed(0)
    out = F.dropout(pynn.ones(10000), 0.3).numpy()
    assert set(numpy.unique(out).tolist()) == {0.0, numpy.float32(1 / 0.7)}
    assert abs((out == 0).mean() - 0.3) < 0.02


def test_dropout_everything():
    x = pynn.ones(4, requires_grad=True)
    out = F.dropout(x, 1.0)
    assert out.tolist() == [0.0] * 4
    out.sum().backward()
    assert x.grad.tolist() == [0.0] * 4


def test_gradient_goes_where_the_value_went():
    x = pynn.ones(100, requires_grad=True)
    out = F.dropout(x, 0.5)
    out.sum().backward()
    assert pynn.equal(x.grad, out.detach())


@pytest.mark.parametrize(("function", "dims"), [(F.dropout1d, 1), (F.dropout2d, 2), (F.dropout3d, 3)])
@pytest.mark.parametrize("batched", [True, False])
def test_whole_channels(function, dims, batched):
    if function is F.dropout2d and not batched:
        pytest.skip("torch takes three dimensions as (N, C, L)")
    pynn.manual_seed(1)
    lead = (8, 16) if batched else (64,)
    out = function(pynn.ones(*lead, *(3,) * dims), 0.5).numpy().reshape(-1, 3**dims)
    assert ((out == out[:, :1]).all(1)).all()
    assert set(numpy.unique(out).tolist()) == {0.0, 2.0}


def test_channel_dropout_checks_dimensions():
    with pytest.raises(RuntimeError, match="Expected 2D or 3D input, but received a 1D"):
        F.dropout1d(pynn.ones(2))
    with pytest.raises(RuntimeError, match="received a 1D"):
        F.dropout2d(pynn.ones(2))


@pytest.mark.parametrize(
    ("function", "shape", "flat"),
    [(F.dropout2d, (8, 9), (72, 1)), (F.dropout2d, (8, 9, 4), (72, 4)), (F.dropout3d, (64, 4), (64, 4))],
)
def test_channel_dropout_of_other_ranks_warns_as_torch_does(function, shape, flat):
    with pytest.warns(UserWarning, match=f"{function.__name__}: Received a"):
        out = function(pynn.ones(shape), 0.5).reshape(flat)
    assert (out == out[:, :1]).all()
    assert set(out.unique().tolist()) == {0.0, 2.0}


def test_inplace():
    x = pynn.ones(1000)
    assert F.dropout(x, 0.5, inplace=True) is x
    assert set(x.unique().tolist()) == {0.0, 2.0}


def test_alpha_dropout_keeps_mean_and_variance():
    pynn.manual_seed(2)
    out = F.alpha_dropout(pynn.randn(200000), 0.2, training=True)
    assert abs(out.mean().item()) < 0.02
    assert abs(out.std().item() - 1) < 0.02
    features = F.feature_alpha_dropout(pynn.ones(50, 20, 4), 0.5, training=True).numpy()
    assert (features == features[:, :, :1]).all()
    assert len(numpy.unique(features)) == 2
    assert math.isclose(F.alpha_dropout(pynn.ones(3), 1.0, training=True).sum().item(), 0.0)
