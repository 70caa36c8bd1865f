"""Pooling modules."""

import numpy
import pytest

import pynn
from pynn import nn


def distinct(rng, shape):
    """Numbers without ties, so that a maximum has one place."""
    return rng.permutation(int(numpy.prod(shape))).reshape(shape) / 7.0


@pytest.mark.parametrize("arguments", [(2,), (3, 2), (3, 2, 1), (3, 1, 1, 2), ((2,), 1)], ids=str)
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_max_pool1d_matches_torch(twin, rng, arguments, ceil_mode):
    twin(lambda nn: nn.MaxPool1d(*arguments, ceil_mode=ceil_mode), distinct(rng, (2, 3, 10)))


@pytest.mark.parametrize("arguments", [(2,), ((2, 3), (1, 2)), (3, 2, 1), (2, 1, 0, 2)], ids=str)
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_max_pool2d_matches_torch(twin, rng, arguments, ceil_mode):
    twin(lambda nn: nn.MaxPool2d(*arguments, ceil_mode=ceil_mode), distinct(rng, (2, 3, 7, 8)))


def test_max_pool3d_matches_torch(twin, rng):
    twin(lambda nn: nn.MaxPool3d(2, 1), distinct(rng, (2, 2, 4, 3, 5)))


def test_max_pool_indices_match_torch(twin, rng):
    twin(lambda nn: nn.MaxPool2d(2, return_indices=True), distinct(rng, (2, 3, 6, 6)))
    twin(lambda nn: nn.MaxPool1d(2, return_indices=True), distinct(rng, (2, 3, 6)))


@pytest.mark.parametrize("arguments", [(2,), (3, 2, 1), (3, 2, 1, True), (3, 2, 1, False, False)], ids=str)
def test_avg_pool_matches_torch(twin, rng, arguments):
    twin(lambda nn: nn.AvgPool1d(*arguments), rng.normal(size=(2, 3, 8)))
    twin(lambda nn: nn.AvgPool2d(*arguments), rng.normal(size=(2, 3, 8, 7)))


def test_avg_pool3d_and_divisor_match_torch(twin, rng):
    twin(lambda nn: nn.AvgPool3d(2), rng.normal(size=(2, 2, 4, 4, 4)))
    twin(lambda nn: nn.AvgPool2d(2, divisor_override=3), rng.normal(size=(2, 3, 4, 4)))


@pytest.mark.parametrize("size", [1, 3, (2, 5), (None, 2)], ids=str)
def test_adaptive_match_torch(twin, rng, size):
    twin(lambda nn: nn.AdaptiveAvgPool2d(size), rng.normal(size=(2, 3, 7, 5)))
    twin(lambda nn: nn.AdaptiveMaxPool2d(size), distinct(rng, (2, 3, 7, 5)))


def test_adaptive_1d_and_3d_match_torch(twin, rng):
    twin(lambda nn: nn.AdaptiveAvgPool1d(4), rng.normal(size=(2, 3, 7)))
    twin(lambda nn: nn.AdaptiveMaxPool1d(4, return_indices=True), distinct(rng, (2, 3, 7)))
    twin(lambda nn: nn.AdaptiveAvgPool3d((1, 2, 2)), rng.normal(size=(2, 2, 4, 3, 5)))
    twin(lambda nn: nn.AdaptiveMaxPool3d((1, 2, 2)), distinct(rng, (2, 2, 4, 3, 5)))


def test_lp_pool_matches_torch(twin, rng):
    twin(lambda nn: nn.LPPool1d(2, 3, stride=2), rng.uniform(0.5, 2, size=(2, 3, 8)))
    twin(lambda nn: nn.LPPool2d(3, 2), rng.uniform(0.5, 2, size=(2, 3, 6, 6)))
    twin(lambda nn: nn.LPPool3d(2, 2), rng.uniform(0.5, 2, size=(1, 2, 4, 4, 4)))


def test_max_unpool_matches_torch(twin, rng):
    for dims in (1, 2, 3):
        shape, whole = (1, 2) + (2,) * dims, 4**dims
        places = numpy.stack([rng.permutation(whole)[: 2**dims].reshape(shape[2:]) for _ in range(2)])[None]
        twin(lambda nn, dims=dims: getattr(nn, f"MaxUnpool{dims}d")(2), rng.normal(size=shape), places)
    places = numpy.array([[[0, 2], [3, 4]]])
    twin(lambda nn: nn.MaxUnpool1d(2), rng.normal(size=(1, 2, 2)), places, [5])


def test_without_batch(twin, rng):
    twin(lambda nn: nn.MaxPool2d(2), distinct(rng, (3, 6, 6)))


def test_stride_is_the_kernel_by_default():
    assert nn.MaxPool2d(3).stride == 3
    assert nn.AvgPool2d((2, 3)).stride == (2, 3)


def test_error_names_the_module():
    with pytest.raises(RuntimeError, match=r"\[in MaxPool2d\]$"):
        nn.MaxPool2d(9)(pynn.ones(1, 1, 4, 4))
