"""Whole training steps: pynn beside torch from the same weights. Losses are checked equal before timing."""

import numpy as np
import pytest

from benchmarks.sides import array, cnn, libraries, mlp, same_weights

LIBS = libraries()


def build(lib, make):
    """The model in `lib` with the weights that pynn's has from seed 0."""
    LIBS["pynn"].manual_seed(0)
    source = make(LIBS["pynn"])
    if lib is LIBS["pynn"]:
        return source
    model = make(lib)
    same_weights(source, model)
    return model


def trainer(lib, make, x, y, criterion, optimizer):
    """A function that takes one training step and returns the loss."""
    model = build(lib, make)
    x, y = lib.from_numpy(x), lib.from_numpy(y)
    criterion, optimizer = criterion(lib), optimizer(lib, model.parameters())

    def step():
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def losses(step, count=5):
    """The losses of the first steps."""
    return [step().item() for _ in range(count)]


@pytest.mark.parametrize("side", list(LIBS))
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.benchmark(group="train step of the 20-64-32-1 net, batch 32")
def test_mlp_step(benchmark, side, optimizer):
    arguments = (mlp, array(0, 32, 20), array(1, 32, 1), lambda lib: lib.nn.MSELoss(),
                 lambda lib, p: getattr(lib.optim, optimizer)(p, lr=1e-3))  # fmt: skip
    step = trainer(LIBS[side], *arguments)
    np.testing.assert_allclose(losses(step), losses(trainer(LIBS["pynn"], *arguments)), rtol=1e-4)
    benchmark(step)


@pytest.mark.parametrize("side", list(LIBS))
@pytest.mark.benchmark(group="train step of a CIFAR network, batch 32")
def test_cnn_step(benchmark, side):
    arguments = (cnn, array(0, 32, 3, 32, 32), np.arange(32) % 10, lambda lib: lib.nn.CrossEntropyLoss(),
                 lambda lib, p: lib.optim.SGD(p, lr=1e-2))  # fmt: skip
    step = trainer(LIBS[side], *arguments)
    np.testing.assert_allclose(losses(step, 3), losses(trainer(LIBS["pynn"], *arguments), 3), rtol=1e-2)
    benchmark(step)
