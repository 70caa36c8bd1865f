"""What rows ask of a side, in each way of using a library."""

import numpy as np
import pytest

import pynn
from pynn.bench.side import Arrays, Side, Tuned


def tuned():
    return Tuned(pytest.importorskip("torch"))


def test_sides_get_the_same_numbers():
    first, second = Side(pynn), Side(pynn)
    assert pynn.equal(first.randn(3, 4), second.randn(3, 4))
    assert pynn.equal(first.model(pynn.nn.Linear(4, 2)).weight, second.model(pynn.nn.Linear(4, 2)).weight)
    assert pynn.equal(first.randint(9, 5), second.randint(9, 5))


def test_norms_weights_are_about_one():
    norm = Side(pynn).model(pynn.nn.BatchNorm2d(64))
    assert abs(norm.weight.mean().item() - 1) < 0.2
    assert abs(norm.bias.mean().item()) < 0.2


def test_training_lowers_the_loss():
    side = Side(pynn)
    module = side.model(pynn.nn.Linear(4, 1))
    step = side.train(module, pynn.nn.functional.mse_loss, side.optimizer("SGD", module.parameters(), lr=0.1),
                      side.randn(8, 4), side.randn(8, 1))  # fmt: skip
    first = step().item()
    assert step().item() < first


def test_inference_runs_in_its_scope():
    side = Side(pynn)
    step = side.forward(lambda x: x + 1, side.randn(3, requires_grad=True))
    with side.scope():
        assert not step().requires_grad


def test_tuned_torch_has_images_channels_last():
    side = tuned()
    image = side.laid(side.randn(2, 3, 4, 4, requires_grad=True))
    assert image.stride()[1] == 1
    assert image.is_leaf
    assert image.requires_grad
    assert side.laid(side.randn(2, 3)).stride() == (3, 1)
    assert side.model(side.nn.Conv2d(3, 8, 3)).weight.stride()[1] == 1
    assert side.notes == {"channels_last"}


def test_tuned_torch_has_fused_optimizers():
    side = tuned()
    assert side.optimizer("Adam", side.model(side.nn.Linear(2, 2)).parameters()).defaults["fused"]
    assert side.notes == {"fused"}


def test_tuned_torch_trains_as_pynn_does():
    found = []
    for side in (Side(pynn), tuned()):
        nn = side.nn
        module = side.model(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2)))
        optimizer = side.optimizer("Adam", module.parameters(), lr=1e-2)
        x, y = side.laid(side.randn(8, 3, 4, 4)), side.randint(2, 8)
        step = side.train(module, side.functional.cross_entropy, optimizer, x, y)
        found.append([step().item() for _ in range(3)])
    np.testing.assert_allclose(*found, rtol=1e-4)


def test_numpy_runs_what_operators_say():
    side = Arrays(np)
    assert side.forward(lambda a: a @ a.T, side.randn(2, 3))().shape == (2, 2)
