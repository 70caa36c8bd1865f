"""grid_sample and affine_grid."""

import numpy
import pytest

import pynn
import pynn.nn.functional as F

RNG = numpy.random.default_rng(16)
IMAGE, GRID = RNG.normal(size=(2, 3, 4, 5)), RNG.uniform(-1.6, 1.6, (2, 3, 6, 2))
VOLUME, PATH = RNG.normal(size=(2, 2, 3, 4, 3)), RNG.uniform(-1.6, 1.6, (2, 2, 3, 2, 3))
pytestmark = pytest.mark.filterwarnings("ignore:Default grid_sample", "ignore:Default affine_grid")


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align_corners", [True, False, None])
def test_grid_sample(same_as_torch, mode, padding_mode, align_corners):
    def sample(t, x, grid):
        grid = grid.detach() if mode == "nearest" else grid
        return t.nn.functional.grid_sample(x, grid, mode, padding_mode, align_corners)

    same_as_torch(sample, IMAGE, GRID)
    same_as_torch(sample, VOLUME, PATH)


@pytest.mark.parametrize("align_corners", [True, False, None])
def test_affine_grid(same_as_torch, align_corners):
    same_as_torch("affine_grid", RNG.normal(size=(2, 2, 3)), (2, 3, 4, 5), align_corners)
    same_as_torch("affine_grid", RNG.normal(size=(2, 3, 4)), (2, 3, 4, 5, 2), align_corners)


def test_gradients(gradients):
    gradients(lambda x, g: F.grid_sample(x, g, align_corners=True), IMAGE[:1, :1, :3, :3], GRID[:1, :1, :2] / 4 + 0.1)


def test_errors(same_error):
    same_error(ValueError, "grid_sample", IMAGE, GRID, "cubist")
    same_error(ValueError, "grid_sample", IMAGE, GRID, "nearest", "wrap")
    same_error(RuntimeError, "grid_sample", IMAGE, GRID[:1])
    same_error(RuntimeError, "grid_sample", IMAGE, PATH)
    same_error(ValueError, "affine_grid", RNG.normal(size=(2, 3, 3)), (2, 3, 4, 5))
    same_error(NotImplementedError, "affine_grid", RNG.normal(size=(2, 2, 3)), (2, 3, 4))


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
def test_bicubic(same_as_torch, padding_mode, align_corners):
    rng = numpy.random.default_rng(3)
    image, grid = rng.normal(size=(2, 3, 5, 4)), rng.uniform(-1.4, 1.4, (2, 3, 6, 2))
    same_as_torch("grid_sample", image, grid, mode="bicubic", padding_mode=padding_mode, align_corners=align_corners)
    with pytest.raises(RuntimeError, match="bicubic interpolation only supports 4D input"):
        F.grid_sample(pynn.ones(1, 1, 2, 2, 2), pynn.ones(1, 2, 2, 2, 3), mode="bicubic")


@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
def test_places_that_are_no_numbers_read_nothing_outside(padding_mode):
    image = pynn.arange(1.0, 5.0).reshape(1, 1, 2, 2)
    grid = pynn.tensor([[float("nan"), float("inf")], [-float("inf"), float("nan")], [1e30, -1e30]]).reshape(1, 1, 3, 2)
    found = F.grid_sample(image, grid, mode="nearest", padding_mode=padding_mode, align_corners=False)
    assert found.isfinite().all()
    if padding_mode == "zeros":
        assert found.tolist() == [[[[0.0, 0.0, 0.0]]]]
    F.grid_sample(image, grid, mode="bicubic", padding_mode=padding_mode, align_corners=True)
