"""Upsample and the shuffles."""

import pytest

import pynn
from pynn import nn


@pytest.mark.parametrize(
    "arguments",
    [{"scale_factor": 2}, {"size": (7, 3)}, {"scale_factor": (2, 1.5), "mode": "bilinear"}, {"size": 5, "mode": "nearest"},
     {"size": (6, 7), "mode": "bilinear", "align_corners": True}],
    ids=str,
)  # fmt: skip
def test_upsample_matches_torch(twin, rng, arguments):
    twin(lambda nn: nn.Upsample(**arguments), rng.normal(size=(2, 3, 4, 5)))


def test_upsampling_2d_matches_torch(twin, rng):
    twin(lambda nn: nn.UpsamplingNearest2d(scale_factor=2), rng.normal(size=(2, 3, 4, 5)))
    twin(lambda nn: nn.UpsamplingBilinear2d(size=(8, 9)), rng.normal(size=(2, 3, 4, 5)))


def test_shuffles_match_torch(twin, rng):
    twin(lambda nn: nn.PixelShuffle(2), rng.normal(size=(2, 8, 3, 2)))
    twin(lambda nn: nn.PixelUnshuffle(2), rng.normal(size=(2, 2, 6, 4)))
    twin(lambda nn: nn.ChannelShuffle(3), rng.normal(size=(2, 6, 3, 2)))


@pytest.mark.parametrize(
    ("module", "shape", "text"),
    [
        (nn.Upsample(scale_factor=2), (1, 4, 8, 8), "Upsample(scale_factor=2.0, mode='nearest')"),
        (nn.Upsample((3, 5), mode="bilinear"), (1, 4, 3, 5), "Upsample(size=(3, 5), mode='bilinear')"),
        (
            nn.UpsamplingNearest2d(scale_factor=3),
            (1, 4, 12, 12),
            "UpsamplingNearest2d(scale_factor=3.0, mode='nearest')",
        ),
        (nn.UpsamplingBilinear2d(size=2), (1, 4, 2, 2), "UpsamplingBilinear2d(size=2, mode='bilinear')"),
        (nn.PixelShuffle(2), (1, 1, 8, 8), "PixelShuffle(upscale_factor=2)"),
        (nn.PixelUnshuffle(2), (1, 16, 2, 2), "PixelUnshuffle(downscale_factor=2)"),
    ],
)
def test_shape_and_text(module, shape, text):
    assert module(pynn.ones(1, 4, 4, 4)).shape == shape
    assert repr(module) == text


def test_values():
    x = pynn.arange(4.0).reshape(1, 1, 2, 2)
    assert nn.Upsample(scale_factor=2)(x)[0, 0, 0].tolist() == [0.0, 0.0, 1.0, 1.0]
    assert nn.UpsamplingBilinear2d(size=3)(x)[0, 0, 1].tolist() == [1.0, 1.5, 2.0]
    assert pynn.equal(nn.PixelUnshuffle(2)(nn.PixelShuffle(2)(x.expand(1, 4, 2, 2))), x.expand(1, 4, 2, 2))
