"""Transforms of pictures and tensor images: classes here, functions in `functional`, new names in `v2`."""

# ruff: noqa: F403
from pynn import _lazy
from pynn.vision.transforms import _random, autoaugment, functional, transforms
from pynn.vision.transforms._modes import InterpolationMode
from pynn.vision.transforms._random import *
from pynn.vision.transforms.autoaugment import *
from pynn.vision.transforms.transforms import *

__all__ = [
    "InterpolationMode",
    "autoaugment",
    "functional",
    "transforms",
    *_random.__all__,
    *autoaugment.__all__,
    *transforms.__all__,
]

# torchvision has all classes in one module; code imports them from there.
transforms.__dict__.update({name: getattr(_random, name) for name in _random.__all__})

__getattr__, __dir__ = _lazy.names(__name__, {"v2": ""})
