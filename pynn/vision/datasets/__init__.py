"""Data sets of pictures, under torchvision's names; files that are there are read, and fetched on request."""

from pynn.vision.datasets import utils
from pynn.vision.datasets.cifar import CIFAR10, CIFAR100
from pynn.vision.datasets.fakedata import FakeData
from pynn.vision.datasets.folder import DatasetFolder, ImageFolder
from pynn.vision.datasets.mnist import EMNIST, KMNIST, MNIST, FashionMNIST
from pynn.vision.datasets.svhn import STL10, SVHN
from pynn.vision.datasets.vision import VisionDataset

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "EMNIST",
    "KMNIST",
    "MNIST",
    "STL10",
    "SVHN",
    "DatasetFolder",
    "FakeData",
    "FashionMNIST",
    "ImageFolder",
    "VisionDataset",
    "utils",
]
