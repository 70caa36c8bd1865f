"""Loads the examples as modules, and makes a tiny MNIST."""

import importlib.util
import pathlib

import numpy
import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="session")
def example():
    """example(name): the module examples/<name>.py."""

    def load(name):
        spec = importlib.util.spec_from_file_location(f"{name}_example", FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def mnist(tmp_path):
    """A folder with 40 and 20 pictures in MNIST's format: a bright square for every class."""
    for part, count in (("train", 40), ("t10k", 20)):
        labels = numpy.arange(count, dtype=numpy.uint8) % 10
        images = numpy.zeros((count, 28, 28), numpy.uint8)
        for image, label in zip(images, labels):
            image[2 * label : 2 * label + 8, 10:18] = 255
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
            (tmp_path / f"{part}-{name}-ubyte").write_bytes(header + array.tobytes())
    return tmp_path
