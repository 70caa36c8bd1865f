"""Feature pyramids."""

from collections import OrderedDict

import pytest

import pynn
from pynn import nn
from pynn.nn import functional as F
from pynn.vision.ops import FeaturePyramidNetwork
from pynn.vision.ops.feature_pyramid_network import ExtraFPNBlock, LastLevelMaxPool, LastLevelP6P7


@pytest.fixture
def maps():
    return OrderedDict(a=pynn.randn(1, 4, 16, 16), b=pynn.randn(1, 8, 8, 8))


def test_levels_add_up_from_the_coarsest(maps):
    pyramid = FeaturePyramidNetwork([4, 8], 6)
    assert list(pyramid.state_dict())[:2] == ["inner_blocks.0.0.weight", "inner_blocks.0.0.bias"]
    out = pyramid(maps)
    assert list(out) == ["a", "b"]
    coarse = pyramid.inner_blocks[1](maps["b"])
    fine = pyramid.inner_blocks[0](maps["a"]) + F.interpolate(coarse, scale_factor=2)
    assert pynn.allclose(out["a"], pyramid.layer_blocks[0](fine))
    assert pynn.allclose(out["b"], pyramid.layer_blocks[1](coarse))


def test_coarser_levels(maps):
    out = FeaturePyramidNetwork([4, 8], 6, LastLevelMaxPool(), nn.BatchNorm2d)(maps)
    assert pynn.equal(out["pool"], out["b"][:, :, ::2, ::2])
    for width in (6, 8):
        more = LastLevelP6P7(width, 6)
        out = FeaturePyramidNetwork([4, 8], 6, more)(maps)
        assert pynn.allclose(out["p6"], more.p6(out["b"] if width == 6 else maps["b"]))
        assert out["p7"].shape == (1, 6, 2, 2)


def test_what_does_not_fit_says_so(maps):
    with pytest.raises(ValueError, match="in_channels=0"):
        FeaturePyramidNetwork([0], 6)
    with pytest.raises(TypeError, match="ExtraFPNBlock"):
        FeaturePyramidNetwork([4], 6, nn.ReLU())
    with pytest.raises(NotImplementedError, match="has no forward"):
        FeaturePyramidNetwork([4, 8], 6, ExtraFPNBlock())(maps)
