"""Transforms of tensors and pictures, by numbers made by hand."""

import numpy
import pytest

import pynn
from pynn.vision.transforms import InterpolationMode
from pynn.vision.transforms import functional as F


@pytest.fixture
def picture():
    """A picture of 5 rows and 4 columns in colour, and the same as a tensor."""
    image = pytest.importorskip("PIL.Image")
    pixels = numpy.arange(60, dtype=numpy.uint8).reshape(5, 4, 3) * 4
    return image.fromarray(pixels), pynn.from_numpy(pixels.transpose(2, 0, 1).copy())


def grid(rows, columns):
    return pynn.arange(rows * columns).reshape(1, rows, columns).float()


def same(picture, tensor):
    return pynn.equal(F.pil_to_tensor(picture), tensor)


def test_to_tensor_and_back(picture):
    pic, tensor = picture
    assert same(pic, tensor)
    scaled = F.to_tensor(pic)
    assert scaled.dtype == pynn.float32
    assert pynn.allclose(scaled * 255, tensor.float())
    assert same(F.to_pil_image(tensor), tensor)
    assert same(F.to_pil_image(scaled), tensor)
    assert F.to_pil_image(tensor[:1]).mode == "L"
    assert F.to_pil_image(tensor[:1].float(), mode="F").mode == "F"
    assert F.to_pil_image(tensor, mode="HSV").mode == "HSV"


def test_to_tensor_takes_arrays():
    assert F.to_tensor(numpy.zeros((2, 3))).shape == (1, 2, 3)
    assert F.to_tensor(numpy.zeros((2, 3, 4), numpy.float32)).shape == (4, 2, 3)
    with pytest.raises(ValueError, match="2/3 dimensional"):
        F.to_tensor(numpy.zeros(3))
    with pytest.raises(TypeError, match="PIL Image or ndarray"):
        F.to_tensor([1, 2])


@pytest.mark.parametrize(
    "change",
    [
        lambda x: F.hflip(x),
        lambda x: F.vflip(x),
        lambda x: F.crop(x, 1, 1, 3, 2),
        lambda x: F.crop(x, -1, 2, 4, 5),
        lambda x: F.center_crop(x, 2),
        lambda x: F.center_crop(x, (7, 3)),
        lambda x: F.pad(x, (1, 2, 3, 0), fill=9),
        lambda x: F.pad(x, 2, padding_mode="edge"),
        lambda x: F.pad(x, (1, 2), padding_mode="reflect"),
        lambda x: F.pad(x, 2, padding_mode="symmetric"),
        lambda x: F.invert(x),
        lambda x: F.posterize(x, 3),
        lambda x: F.solarize(x, 100),
        lambda x: F.equalize(x),
        lambda x: F.resize(x, (10, 8), InterpolationMode.NEAREST),
        lambda x: F.rotate(F.crop(x, 0, 0, 4, 4), 90),
    ],
)
def test_pictures_and_tensors_agree(picture, change):
    pic, tensor = picture
    assert same(change(pic), change(tensor))


@pytest.mark.parametrize(
    "change",
    [
        lambda x: F.adjust_brightness(x, 0.7),
        lambda x: F.adjust_contrast(x, 1.4),
        lambda x: F.adjust_saturation(x, 0.5),
        lambda x: F.adjust_hue(x, 0.2),
        lambda x: F.adjust_gamma(x, 1.5),
        lambda x: F.rgb_to_grayscale(x, 3),
        lambda x: F.resize(x, 3),
        lambda x: F.resize(x, (9, 7), InterpolationMode.BICUBIC),
        lambda x: F.gaussian_blur(x, 3, 1.0),
        lambda x: F.autocontrast(x),
    ],
)
def test_pictures_and_tensors_nearly_agree(picture, change):
    pic, tensor = picture
    a, b = F.pil_to_tensor(change(pic)).float(), change(tensor).float()
    assert a.shape == b.shape
    assert (a - b).abs().max() <= 3  # Pillow calculates in integers


def test_equalize_leaves_the_last_level_out_of_its_step(picture):
    counts = {10: 250, 20: 330, 31: 120, 60: 300}  # the step is (1000 - 300) // 255 = 2; counting all it would be 3
    x = pynn.tensor([level for level, count in counts.items() for _ in range(count)], dtype=pynn.uint8).reshape(
        1, 25, 40
    )
    levels = [0, 125, 255, 255]  # (1 + counts before) // 2, cut to 255
    assert F.equalize(x)[0].unique().tolist() == sorted(set(levels))
    assert same(F.equalize(F.to_pil_image(x)), F.equalize(x))


def test_resize_by_hand():
    assert F.resize(grid(2, 2), (1, 1)).item() == pytest.approx(1.5)
    assert F.resize(grid(4, 2), 1).shape == (1, 2, 1)
    assert F.resize(grid(4, 2), 4, max_size=6).shape == (1, 6, 3)
    halves = F.resize(pynn.tensor([[[0.0, 0.0, 8.0, 8.0]]]), (1, 2))
    assert pynn.allclose(halves, pynn.tensor([[[8 / 7, 48 / 7]]]))  # weights 3, 3, 1 of 7 at the edge
    x = grid(3, 3)
    assert F.resize(x, (3, 3)) is x
    assert F.resize(pynn.zeros(2, 4, 3, 8, 8, dtype=pynn.uint8), 4).shape == (2, 4, 3, 4, 4)
    with pytest.raises(ValueError, match="strictly greater"):
        F.resize(x, 4, max_size=4)
    with pytest.raises(TypeError, match="InterpolationMode"):
        F.resize(x, 2, "bilinear")


def test_resize_has_a_gradient():
    x = pynn.rand(1, 4, 4, requires_grad=True)
    F.resize(x, (2, 2)).sum().backward()
    assert x.grad.sum().item() == pytest.approx(4.0)


def test_rotate_by_quarters():
    x = grid(3, 3)
    assert pynn.equal(F.rotate(x, 90), pynn.rot90(x, 1, (1, 2)))
    assert pynn.equal(F.rotate(x, -90), pynn.rot90(x, -1, (1, 2)))
    assert F.rotate(grid(2, 4), 90, expand=True).shape == (1, 4, 2)
    turned = F.rotate(grid(5, 5) + 1, 45, fill=[70.0])
    assert turned[0, 0, 0] == 70
    assert turned[0, 2, 2] == 13


def test_affine_by_hand():
    x = grid(3, 3)
    moved = F.affine(x, 0, (1, 0), 1.0, 0.0)
    assert pynn.equal(moved[0, :, 1:], x[0, :, :-1])
    assert (moved[0, :, 0] == 0).all()
    assert pynn.allclose(F.affine(x, 0, [0, 0], 1.0, [0.0, 0.0], InterpolationMode.BILINEAR), x, atol=1e-5)
    for wrong, error in (({"scale": 0.0}, "positive"), ({"translate": [1]}, "length 2"), ({"shear": [1, 2, 3]}, "two")):
        with pytest.raises(ValueError, match=error):
            F.affine(x, **({"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": 0.0} | wrong))


def test_perspective_leaves_what_stays():
    x = pynn.rand(1, 6, 6)
    corners = [[0, 0], [5, 0], [5, 5], [0, 5]]
    assert pynn.allclose(F.perspective(x, corners, corners), x, atol=1e-4)


def test_elastic_by_hand():
    x = grid(4, 4)
    still = pynn.zeros(1, 4, 4, 2)
    assert pynn.allclose(F.elastic_transform(x, still), x, atol=1e-5)
    still[..., 0] = 0.5  # half of half the width: one pixel
    assert pynn.allclose(F.elastic_transform(x, still)[0, :, :3], x[0, :, 1:], atol=1e-4)
    with pytest.raises(ValueError, match="displacement shape"):
        F.elastic_transform(x, pynn.zeros(1, 2, 4, 2))


def test_convert_image_dtype():
    x = pynn.tensor([[[0.0, 0.5, 1.0]]])
    assert F.convert_image_dtype(x, pynn.uint8).tolist() == [[[0, 127, 255]]]
    y = pynn.tensor([[[0, 255]]], dtype=pynn.uint8)
    assert F.convert_image_dtype(y, pynn.float64).tolist() == [[[0.0, 1.0]]]
    assert F.convert_image_dtype(y, pynn.int32).tolist() == [[[0, 255 * 2**23]]]
    assert F.convert_image_dtype(F.convert_image_dtype(y, pynn.int32), pynn.uint8).tolist() == y.tolist()
    with pytest.raises(RuntimeError, match="cannot be performed safely"):
        F.convert_image_dtype(x, pynn.int64)


def test_normalize():
    x = pynn.ones(2, 3, 4)
    assert F.normalize(x, [0.5, 0.0], [0.25, 2.0])[:, 0, 0].tolist() == [2.0, 0.5]
    assert F.normalize(x, [1.0], [1.0], inplace=True) is x
    assert (x == 0).all()
    with pytest.raises(ValueError, match="division by zero"):
        F.normalize(x, [0.0], [0.0])
    with pytest.raises(TypeError, match="float tensor"):
        F.normalize(x.to(pynn.uint8), [0.0], [1.0])


def test_five_and_ten_crops():
    x = grid(4, 4)
    five = F.five_crop(x, 2)
    assert [int(c[0, 0, 0]) for c in five] == [0, 2, 8, 10, 5]
    ten = F.ten_crop(x, 2)
    assert pynn.equal(ten[5], F.hflip(x)[:, :2, :2])
    with pytest.raises(ValueError, match="bigger than input"):
        F.five_crop(x, 5)


def test_sharpness_and_blur_leave_flat_images():
    x = pynn.full((3, 6, 6), 0.5)
    assert pynn.allclose(F.adjust_sharpness(x, 3.0), x)
    assert pynn.allclose(F.gaussian_blur(x, [3, 5]), x)
    with pytest.raises(ValueError, match="odd"):
        F.gaussian_blur(x, 4)


def test_what_is_no_image():
    for change in (F.hflip, F.invert, F.get_dimensions):
        with pytest.raises(TypeError, match="PIL Image or Tensor"):
            change("picture")
    with pytest.raises(TypeError, match="permitted channel"):
        F.adjust_hue(pynn.zeros(2, 3, 3), 0.1)
    with pytest.raises(ValueError, match="not in"):
        F.adjust_hue(pynn.zeros(3, 3, 3), 0.6)
    with pytest.raises(TypeError, match="uint8"):
        F.equalize(pynn.zeros(3, 3, 3))
