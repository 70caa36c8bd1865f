"""The libraries that benchmarks compare, under the few names they share."""

import importlib.util

import numpy as np

import pynn


def libraries():
    """{name: module with torch's API}; torch only where it is installed."""
    found = {"pynn": pynn}
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(pynn.get_num_threads())
        found["torch"] = torch
    return found


def mlp(lib):
    """The 20-64-32-1 network."""
    nn = lib.nn
    return nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))


def cnn(lib):
    """A small CIFAR network: three 3x3 convolutions with batch norm and pooling, two linear layers."""
    nn = lib.nn
    layers = []
    channels = 3
    for width in (32, 64, 128):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 16, 256), nn.ReLU(), nn.Linear(256, 10))


def same_weights(source, target):
    """Copy the weights of a pynn model into another library's."""
    state = {k: v.numpy().copy() for k, v in source.state_dict().items()}
    lib = pynn if type(target).__module__.startswith("pynn") else importlib.import_module("torch")
    target.load_state_dict({k: lib.from_numpy(v) for k, v in state.items()})


def array(seed, *shape):
    """Fresh random float32 numbers."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
