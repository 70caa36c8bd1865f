"""Grids, picture files, drawings, and the package's own names."""

import subprocess
import sys

import numpy
import pytest

import pynn
from pynn import vision


def test_grid_by_hand():
    images = pynn.arange(3).reshape(3, 1, 1, 1).float() + 1
    grid = vision.utils.make_grid(images, nrow=2, padding=1, pad_value=9.0)
    assert grid.shape == (3, 5, 5)
    assert grid[0].tolist() == [[9, 9, 9, 9, 9], [9, 1, 9, 2, 9], [9, 9, 9, 9, 9], [9, 3, 9, 9, 9], [9, 9, 9, 9, 9]]
    assert vision.utils.make_grid(images[0]).shape == (3, 1, 1)
    assert vision.utils.make_grid([images[0], images[1]]).shape == (3, 5, 8)
    scaled = vision.utils.make_grid(images, padding=0, normalize=True)
    assert scaled[0].tolist() == [[0.0, 0.5, 1.0]]
    assert images.flatten().tolist() == [1, 2, 3]
    ranged = vision.utils.make_grid(images, padding=0, normalize=True, value_range=(0, 2), scale_each=True)
    assert ranged[0].tolist() == [[0.5, 1.0, 1.0]]
    for wrong in (3, [images, 3]):
        with pytest.raises(TypeError, match="tensor or list of tensors"):
            vision.utils.make_grid(wrong)


def test_picture_files(tmp_path):
    pytest.importorskip("PIL")
    image = pynn.randint(0, 256, (3, 5, 6)).to(pynn.uint8)
    vision.io.write_png(image, tmp_path / "a.png")
    assert pynn.equal(vision.io.read_image(tmp_path / "a.png"), image)
    assert vision.io.read_image(str(tmp_path / "a.png"), vision.io.ImageReadMode.GRAY).shape == (1, 5, 6)
    assert vision.io.read_image(tmp_path / "a.png", "RGB_ALPHA").shape == (4, 5, 6)
    assert pynn.equal(vision.io.decode_png(vision.io.encode_png(image)), image)
    assert vision.io.decode_jpeg(vision.io.encode_jpeg(image[:1], 95)).shape == (1, 5, 6)
    vision.utils.save_image(image.float() / 255, tmp_path / "b.png")
    assert pynn.equal(vision.io.read_image(tmp_path / "b.png"), image)
    with pytest.raises(RuntimeError, match="No picture"):
        vision.io.decode_image(pynn.zeros(9, dtype=pynn.uint8))
    with pytest.raises(RuntimeError, match="uint8"):
        vision.io.encode_png(image.float())
    with pytest.raises(ValueError, match="between 1 and 100"):
        vision.io.encode_jpeg(image, 0)


def test_drawings():
    pytest.importorskip("PIL")
    image = pynn.zeros(3, 12, 12, dtype=pynn.uint8)
    boxes = pynn.tensor([[2.0, 3.0, 8.0, 9.0]])
    drawn = vision.utils.draw_bounding_boxes(image, boxes, colors="red")
    assert drawn[:, 3, 2].tolist() == [255, 0, 0]
    assert drawn[:, 6, 5].tolist() == [0, 0, 0]
    assert vision.utils.draw_bounding_boxes(image.float(), boxes, labels=["a"], fill=True).max() <= 1
    assert vision.utils.draw_bounding_boxes(image, boxes[:0]) is image
    mask = pynn.zeros(12, 12, dtype=pynn.bool)
    mask[0, 0] = True
    masked = vision.utils.draw_segmentation_masks(image, mask, alpha=0.5, colors=[(0, 200, 0)])
    assert masked[:, 0, 0].tolist() == [0, 100, 0]
    assert masked.sum().item() == 100
    with pytest.raises(ValueError, match="xmin"):
        vision.utils.draw_bounding_boxes(image, boxes.flip(1))
    with pytest.raises(ValueError, match="dtype bool"):
        vision.utils.draw_segmentation_masks(image, mask.float())


def test_names_of_the_package():
    assert vision.get_image_backend() == "PIL"
    with pytest.raises(ValueError, match="Pillow"):
        vision.set_image_backend("accimage")
    with pytest.raises(AttributeError, match=r"pynn\.vision"):
        vision.nothing  # noqa: B018
    assert {"models", "transforms"} <= set(dir(vision))


def test_vision_comes_when_asked_for_and_needs_no_pillow():
    code = """
import sys
sys.modules["PIL"] = None
import pynn
assert "pynn.vision" not in sys.modules
from pynn.vision import models, transforms, utils, datasets, io, ops
assert pynn.vision.models is models
try:
    transforms.functional.to_pil_image(pynn.zeros(3, 2, 2))
except ModuleNotFoundError as error:
    print(error)
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install pillow" in shown


def test_numpy_arrays_are_pictures_too():
    assert vision.transforms.ToTensor()(numpy.zeros((2, 3, 3), numpy.uint8)).shape == (3, 2, 3)
