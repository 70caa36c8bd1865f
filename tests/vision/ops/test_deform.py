"""Deformable convolutions."""

import pytest

import pynn
from pynn.nn import functional as F
from pynn.vision.ops import DeformConv2d, deform_conv2d


@pytest.fixture
def x():
    return pynn.randn(2, 4, 7, 8, dtype=pynn.float64)


@pytest.mark.parametrize(
    "geometry", [{}, {"padding": 1, "stride": 2}, {"padding": (2, 1), "dilation": (2, 1)}], ids=str
)
@pytest.mark.parametrize("groups", [1, 2])
def test_without_offsets_it_is_a_convolution(x, geometry, groups):
    weight, bias = pynn.randn(6, 4 // groups, 3, 2, dtype=pynn.float64), pynn.randn(6, dtype=pynn.float64)
    expected = F.conv2d(x, weight, bias, groups=groups, **geometry)
    offset = pynn.zeros(2, 2 * 2 * 6, *expected.shape[2:], dtype=pynn.float64)
    assert pynn.allclose(deform_conv2d(x, offset, weight, bias, **geometry), expected)
    mask = pynn.full((2, 2 * 6, *expected.shape[2:]), 0.5, dtype=pynn.float64)
    half = deform_conv2d(x, offset, weight, mask=mask, **geometry)
    assert pynn.allclose(half, F.conv2d(x, weight, groups=groups, **geometry) / 2)


def test_offsets_move_the_taps_down_and_to_the_right(x):
    weight = pynn.eye(4, dtype=pynn.float64).reshape(4, 4, 1, 1)
    offset = pynn.zeros(2, 2, 7, 8, dtype=pynn.float64)
    offset[:, 0], offset[:, 1] = 1.0, 0.5
    moved = deform_conv2d(x, offset, weight)
    padded = F.pad(x, (0, 1, 0, 1))[:, :, 1:]
    assert pynn.allclose(moved, (padded[..., :-1] + padded[..., 1:]) / 2)


def test_gradients(x):
    layer = DeformConv2d(4, 2, 3, padding=1, groups=2).double()
    offset = pynn.rand(1, 18, 3, 3, dtype=pynn.float64) * 0.8 + 0.1
    inputs = (x[:1, :, :3, :3], offset, pynn.rand(1, 9, 3, 3, dtype=pynn.float64), layer.weight.detach())
    inputs = [t.clone().requires_grad_() for t in inputs]
    assert pynn.autograd.gradcheck(lambda a, o, m, w: deform_conv2d(a, o, w, padding=1, mask=m), inputs)


def test_the_module_and_what_does_not_fit(x):
    layer = DeformConv2d(4, 6, 3, padding=1, bias=False).double()
    assert repr(layer) == "DeformConv2d(4, 6, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)"
    offset = pynn.zeros(2, 18, 7, 8, dtype=pynn.float64)
    assert pynn.allclose(layer(x, offset), F.conv2d(x, layer.weight, padding=1))
    with pytest.raises(RuntimeError, match="multiple of 2"):
        layer(x, offset[:, :5])
    with pytest.raises(RuntimeError, match="expected offset of shape"):
        layer(x, offset[:, :, 1:])
    with pytest.raises(RuntimeError, match="expected mask of shape"):
        layer(x, offset, offset)
    with pytest.raises(ValueError, match="in_channels must be divisible by groups"):
        DeformConv2d(3, 4, 3, groups=2)
