"""Upsample and the shuffles."""

import pytest


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
