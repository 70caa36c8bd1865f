"""Resizing and rearranging images."""

import numpy
import pytest

import pynn
import pynn.nn.functional as F

RNG = numpy.random.default_rng(14)
X = {1: RNG.normal(size=(2, 3, 7)), 2: RNG.normal(size=(2, 3, 5, 4)), 3: RNG.normal(size=(1, 2, 3, 4, 3))}
pytestmark = pytest.mark.filterwarnings("ignore:The default behavior for interpolate")
MODES = [(1, "linear"), (2, "bilinear"), (2, "bicubic"), (3, "trilinear")]


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "area"])
@pytest.mark.parametrize("size", [{"size": 8}, {"size": 2}, {"scale_factor": 2}, {"scale_factor": 1.7}])
def test_nearest_and_area(same_as_torch, dims, mode, size):
    same_as_torch("interpolate", X[dims], mode=mode, **size)


@pytest.mark.parametrize(("dims", "mode"), MODES)
@pytest.mark.parametrize("align", [True, False, None])
@pytest.mark.parametrize(
    "size",
    [
        {"size": 9},
        {"size": 2},
        {"size": 1},
        {"scale_factor": 1.7},
        {"scale_factor": 0.6, "recompute_scale_factor": True},
    ],
)
def test_interpolating(same_as_torch, dims, mode, align, size):
    same_as_torch("interpolate", X[dims], mode=mode, align_corners=align, **size)


def test_sizes_by_dimension(same_as_torch):
    same_as_torch("interpolate", X[2], size=(7, 3), mode="bilinear")
    same_as_torch("interpolate", X[2], scale_factor=(1.5, 2.0))


def test_gradients(gradients):
    gradients(lambda x: F.interpolate(x, 3, mode="bicubic") ** 2, X[2][:1, :1, :2, :2])


def test_shuffles(same_as_torch):
    same_as_torch("pixel_shuffle", RNG.normal(size=(2, 12, 3, 2)), 2)
    same_as_torch("pixel_shuffle", RNG.normal(size=(9, 3, 2)), 3)
    same_as_torch("pixel_unshuffle", RNG.normal(size=(2, 3, 6, 4)), 2)
    same_as_torch("channel_shuffle", RNG.normal(size=(2, 6, 3)), 3)


def test_errors(same_error):
    same_error(ValueError, "interpolate", X[2])
    same_error(ValueError, "interpolate", X[2], size=3, scale_factor=2)
    same_error(ValueError, "interpolate", X[2], size=3, align_corners=True)
    same_error(ValueError, "interpolate", X[2], size=(3, 3, 3))
    same_error(NotImplementedError, "interpolate", X[1], size=3, mode="bilinear")
    same_error(NotImplementedError, "interpolate", X[1], size=3, mode="cubist")
    same_error(RuntimeError, "pixel_shuffle", X[2], 2)
    same_error(RuntimeError, "pixel_unshuffle", X[2], 2)
    same_error(RuntimeError, "channel_shuffle", X[1], 2)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("arguments", [{"size": (3, 4)}, {"scale_factor": 0.37}, {"size": (20, 5)}, {"size": (1, 1)}])
def test_antialias(same_as_torch, mode, arguments):
    x = numpy.random.default_rng(2).normal(size=(1, 2, 9, 11))
    for corners in (False, True):
        same_as_torch("interpolate", x, mode=mode, antialias=True, align_corners=corners, **arguments)
    with pytest.raises(ValueError, match="Anti-alias option is restricted to bilinear, and bicubic"):
        F.interpolate(pynn.ones(1, 1, 3), 2, mode="linear", antialias=True)


def test_images_of_bytes():
    x = pynn.tensor([[[[0, 100], [200, 255]]]], dtype=pynn.uint8)
    near = F.interpolate(x, scale_factor=2)
    assert near.dtype is pynn.uint8
    assert near[0, 0, 0].tolist() == [0, 0, 100, 100]
    assert F.interpolate(x, size=(1, 1), mode="bilinear").tolist() == [[[[139]]]]  # 138.75


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_an_axis_that_keeps_its_length_is_copied(mode):
    x = pynn.tensor([[[[1.0, 2.0, 3.0, 4.0]]]])
    assert F.interpolate(x, scale_factor=(1.0, 1.2), mode=mode).tolist() == x.tolist()  # floor(4.8) = 4
    twice = F.interpolate(x, scale_factor=(1.0, 2.2), mode="nearest")  # floor(8.8) = 8
    assert twice.flatten().tolist() == [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]
