"""A published ResNet-20 for CIFAR-10, read from torch's old file format into a network built here.

He et al., 2015; weights by github.com/akamaster/pytorch_resnet_cifar10. The data is not part of the project: the test
is skipped where PYNN_DATA, or the folder shared/data beside the project, does not have it.
"""

import os
import pathlib

import numpy
import pytest

import pynn as torch
from pynn import nn
from pynn.nn import functional as F

DATA = pathlib.Path(os.environ.get("PYNN_DATA", pathlib.Path(__file__).resolve().parents[3] / "shared" / "data"))


class Block(nn.Module):
    """Two 3 x 3 convolutions; the shortcut takes every other pixel and pads the channels ("option A")."""

    def __init__(self, channels, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.stride, self.extra = stride, (width - channels) // 2

    def forward(self, x):
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        shortcut = x[:, :, :: self.stride, :: self.stride]
        return F.relu(out + F.pad(shortcut, (0, 0, 0, 0, self.extra, self.extra)))


class ResNet20(nn.Module):
    """Images (N, 3, 32, 32) to scores (N, 10)."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        for number, (channels, width) in enumerate(((16, 16), (16, 32), (32, 64)), 1):
            first = Block(channels, width, 1 if number == 1 else 2)
            setattr(self, f"layer{number}", nn.Sequential(first, Block(width, width, 1), Block(width, width, 1)))
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.linear(x.mean((2, 3)))


def test_it_reads_the_training_images_right():
    weights, images = DATA / "weights" / "resnet20-12fca82f.th", DATA / "cifar10" / "lossless-first-4000.npz"
    for path in (weights, images):
        if not path.is_file():
            pytest.skip(f"there is no {path}")
    state = torch.load(weights, map_location="cpu")["state_dict"]
    model = ResNet20()
    model.load_state_dict({key.removeprefix("module."): value for key, value in state.items()})
    model.eval()
    with numpy.load(images) as file:
        x, y = file["x"], torch.from_numpy(file["y"].astype(numpy.int64))
    mean, deviation = (
        numpy.array([0.485, 0.456, 0.406], numpy.float32),
        numpy.array([0.229, 0.224, 0.225], numpy.float32),
    )
    pixels = torch.from_numpy(((x / numpy.float32(255) - mean) / deviation).transpose(0, 3, 1, 2).copy())
    right = 0
    with torch.no_grad():
        for inputs, labels in zip(pixels.split(500), y.split(500)):
            right += (model(inputs).argmax(1) == labels).sum().item()
    assert right / len(y) >= 0.998
