"""What takes integers in torch takes them here."""

import numpy
import pytest

import pynn
import pynn.nn.functional as F

IMAGE = numpy.arange(-18, 18).reshape(1, 1, 6, 6)


def test_pools():
    x = pynn.tensor(IMAGE)
    assert F.max_pool2d(x, 3).tolist() == [[[[-4, -1], [14, 17]]]]
    mean = F.avg_pool2d(x, 2, 4)
    assert mean.dtype is pynn.int64
    assert mean.tolist() == [[[[-14, -10], [9, 13]]]]
    assert F.max_pool1d(x[0], 6).tolist() == [[[-13], [-7], [-1], [5], [11], [17]]]
    with pytest.raises(NotImplementedError, match="max_pool2d"):
        F.max_pool2d(x.bool(), 2)


def test_convolutions():
    x, w = pynn.tensor(IMAGE), pynn.ones(1, 1, 3, 3, dtype=pynn.int64)
    out = F.conv2d(x, w, stride=3)
    assert out.dtype is pynn.int64
    assert out.tolist() == [[[[-99, -72], [63, 90]]]]
    assert F.conv1d(x[0, :, 0].unsqueeze(0), w[0, :, :1]).tolist() == [[[-51, -48, -45, -42]]]


def test_activations():
    x = pynn.tensor([-3, 1, 9])
    for function, wanted in (
        (F.relu6, [0, 1, 6]),
        (F.hardtanh, [-1, 1, 1]),
        (lambda v: F.threshold(v, 2, 7), [7, 7, 9]),
    ):
        assert function(x).dtype is pynn.int64
        assert function(x).tolist() == wanted
    assert F.softsign(x).dtype is pynn.float32
    assert F.softsign(x).tolist() == pytest.approx([-0.75, 0.5, 0.9])
    assert F.tanhshrink(x).dtype is pynn.float32


def test_poisson_nll_loss():
    loss = F.poisson_nll_loss(pynn.tensor([0, 1]), pynn.tensor([1, 2]))
    assert loss.item() == pytest.approx((1.0 + (numpy.e - 2)) / 2)
