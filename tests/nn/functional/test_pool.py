"""Pools: values, indices, gradients, geometry."""

import numpy
import pytest

import pynn
import pynn.nn.functional as F

RNG = numpy.random.default_rng(9)
SHAPES = {1: (2, 3, 11), 2: (2, 3, 7, 6), 3: (2, 2, 5, 6, 4)}


def draw(*shape):
    return RNG.permutation(int(numpy.prod(shape))).reshape(shape) / 10.0 - 3


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize(
    "kwargs",
    [
        {"kernel_size": 2},
        {"kernel_size": 3, "stride": 2},
        {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
        {"kernel_size": 2, "stride": 1, "dilation": 2},
        {"kernel_size": 3, "stride": 1, "padding": 1},
        {"kernel_size": 2, "ceil_mode": True},
    ],
)
def test_max(same_as_torch, dims, kwargs):
    x = draw(*SHAPES[dims])
    same_as_torch(f"max_pool{dims}d", x, **kwargs)
    same_as_torch(f"max_pool{dims}d", x, return_indices=True, **kwargs)
    same_as_torch(f"max_pool{dims}d", x[0].astype("float32"), tolerance=1e-5, **kwargs)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize(
    "kwargs",
    [
        {"kernel_size": 2},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
        {"kernel_size": 3, "padding": 1, "count_include_pad": False, "ceil_mode": True},
    ],
)
def test_average(same_as_torch, dims, kwargs):
    x = draw(*SHAPES[dims])
    same_as_torch(f"avg_pool{dims}d", x, **kwargs)
    same_as_torch(f"avg_pool{dims}d", x[0], **kwargs)
    if dims > 1:
        same_as_torch(f"avg_pool{dims}d", x, divisor_override=5, **kwargs)


@pytest.mark.parametrize("kind", ["avg", "max"])
@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 3, "none"])
def test_adaptive(same_as_torch, kind, dims, size):
    if size == "none":
        if dims == 1:
            return
        size = (None, *(2,) * (dims - 1))
    x = draw(*SHAPES[dims])
    same_as_torch(f"adaptive_{kind}_pool{dims}d", x, size)
    same_as_torch(f"adaptive_{kind}_pool{dims}d", x[0], size)
    if kind == "max":
        same_as_torch(f"adaptive_max_pool{dims}d", x, size, return_indices=True)


def test_rectangular_arguments(same_as_torch):
    x = draw(2, 3, 7, 6)
    same_as_torch("max_pool2d", x, (3, 2), (1, 2), (1, 0))
    same_as_torch("avg_pool2d", x, [2, 3], stride=[3, 1], padding=(1, 1))
    same_as_torch("adaptive_avg_pool2d", x, (5, 2))


def test_gradients(gradients):
    x = draw(1, 1, 4, 4)
    gradients(lambda x: F.max_pool2d(x, 2, 1) ** 2, x)
    gradients(lambda x: F.avg_pool2d(x, 3, 2, 1) ** 2, x)
    gradients(lambda x: F.adaptive_avg_pool2d(x, 3) ** 2, x)
    gradients(lambda x: F.adaptive_max_pool2d(x, 3) ** 2, x)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_unpool(same_as_torch, dims):
    def both(t, x):
        f = t.nn.functional
        values, places = getattr(f, f"max_pool{dims}d")(x, 2, return_indices=True)
        return getattr(f, f"max_unpool{dims}d")(values, places, 2, output_size=x.shape[2:])

    same_as_torch(both, draw(*SHAPES[dims]))


def test_lp(same_as_torch):
    for dims in (1, 2, 3):
        same_as_torch(f"lp_pool{dims}d", numpy.abs(draw(*SHAPES[dims])) + 0.1, 3.0, 2)


def test_with_indices():
    x = pynn.tensor(draw(2, 3, 7, 6))
    named, placed = F.max_pool2d_with_indices(x, 2), F.max_pool2d_with_indices(x, 2, None, 0, 1, False, False)
    for pair in (named, placed, F.max_pool2d(x, 2, return_indices=True)):
        values, places = pair
        assert pynn.equal(x.flatten(2).gather(2, places.flatten(2)), values.flatten(2))
    values, places = F.adaptive_max_pool2d_with_indices(x, 3)
    assert pynn.equal(x.flatten(2).gather(2, places.flatten(2)), values.flatten(2))


def test_ties_and_special_values(same_as_torch):
    same_as_torch("max_pool2d", numpy.zeros((1, 1, 4, 4)), 2, return_indices=True)
    same_as_torch("max_pool2d", numpy.full((1, 1, 4, 4), -numpy.inf), 3, 1, 1, return_indices=True, grads=False)
    assert numpy.isnan(F.max_pool2d(pynn.tensor([[[1.0, float("nan")], [2.0, 3.0]]]), 2).item())


def test_empty_batch():
    x = pynn.zeros(0, 2, 4, 4, requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    assert x.grad.shape == (0, 2, 4, 4)


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
def test_errors(same_error, name):
    x = draw(2, 3, 4, 4)
    assert "at most half" in same_error(RuntimeError, name, x, 2, padding=2)
    assert "Output size is too small" in same_error(RuntimeError, name, x, 5)
    same_error(RuntimeError, name, x, 0)
    same_error(RuntimeError, name, x, 2, stride=0)
    same_error(RuntimeError, name, x, (2, 2, 2))


def test_other_errors(same_error):
    same_error(RuntimeError, "max_pool1d", draw(4), 2)
    assert "Expected 3D or 4D" in same_error(RuntimeError, "max_pool2d", draw(4, 4), 2)
    same_error(RuntimeError, "avg_pool2d", draw(2, 3, 4, 4), 2, divisor_override=0)
    same_error(RuntimeError, "adaptive_avg_pool2d", draw(2, 3, 4, 4), (1, -1))
