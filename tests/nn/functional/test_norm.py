"""Normalizations: values, gradients, running statistics, errors."""

import numpy
import pytest

import pynn
import pynn.nn.functional as F

RNG = numpy.random.default_rng(10)


def draw(*shape):
    return RNG.normal(size=shape) * 2 + 1


@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 6), (2, 3, 4, 5), (2, 3, 2, 3, 2), (4, 1, 3)])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(same_as_torch, shape, affine, training):
    c = shape[1]
    more = (draw(c), draw(c)) if affine else (None, None)

    def norm(t, x, mean, var, w, b):
        running = mean.detach().clone(), var.detach().clone()
        y = t.nn.functional.batch_norm(x, *running, w, b, training=training, momentum=0.3, eps=1e-3)
        return (y, *running)

    same_as_torch(norm, draw(*shape), draw(c), draw(c) ** 2, *more)


def test_batch_norm_without_running_statistics(same_as_torch):
    same_as_torch("batch_norm", draw(5, 3), None, None, None, draw(3), training=True)


def test_gradients(gradients):
    x, w, b = draw(3, 2, 2), draw(2), draw(2)
    gradients(lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), x, w, b)
    gradients(lambda x, w, b: F.batch_norm(x, pynn.zeros(2).double(), pynn.ones(2).double(), w, b), x, w, b)
    gradients(lambda x, w, b: F.layer_norm(x, (2,), w, b), x[0], w, b)
    gradients(lambda x, w, b: F.group_norm(x, 1, w, b), x, w, b)
    gradients(lambda x, w: F.rms_norm(x, (2,), w), x[0], w)
    gradients(lambda x: F.instance_norm(x), draw(1, 2, 3))


def test_batch_norm_writes_are_seen():
    mean, var = pynn.zeros(3), pynn.ones(3)
    other = mean.view(3)
    F.batch_norm(pynn.tensor(draw(5, 3)).float(), mean, var, training=True, momentum=1.0)
    assert other.abs().min().item() > 0
    assert not mean.requires_grad


@pytest.mark.parametrize(
    ("shape", "normal"), [((3, 4), (4,)), ((2, 3, 4), (3, 4)), ((5,), [5]), ((2, 3, 4), 4), ((3, 1), (1,))]
)
def test_layer_and_rms_norm(same_as_torch, shape, normal):
    last = shape[-len(normal) :] if not isinstance(normal, int) else shape[-1:]
    normal = list(last)
    same_as_torch("layer_norm", draw(*shape), normal, draw(*last), draw(*last), eps=1e-3)
    same_as_torch("layer_norm", draw(*shape), normal)
    same_as_torch("layer_norm", draw(*shape), normal, draw(*last))
    same_as_torch("rms_norm", draw(*shape), normal, draw(*last))
    same_as_torch("rms_norm", draw(*shape), normal, eps=0.1)
    assert F.layer_norm(pynn.ones(2, 3), 3).shape == (2, 3)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("shape", [(3, 4), (2, 4, 5), (2, 4, 3, 2)])
def test_group_norm(same_as_torch, shape, groups):
    same_as_torch("group_norm", draw(*shape), groups, draw(4), draw(4))
    same_as_torch("group_norm", draw(*shape), groups)


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 5)])
def test_instance_norm(same_as_torch, shape):
    def norm(t, x, mean, var, w, b):
        running = mean.detach().clone(), var.detach().clone()
        return (t.nn.functional.instance_norm(x, *running, w, b, momentum=0.3), *running)

    same_as_torch(norm, draw(*shape), draw(3), draw(3) ** 2, draw(3), draw(3))
    same_as_torch("instance_norm", draw(*shape))
    same_as_torch(
        lambda t, x, m, v: t.nn.functional.instance_norm(x, m.detach(), v.detach(), use_input_stats=False),
        draw(*shape), draw(3), draw(3) ** 2,
    )  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_local_response_norm(same_as_torch, size):
    same_as_torch("local_response_norm", draw(2, 4, 3), size, alpha=0.5)
    same_as_torch("local_response_norm", draw(2, 4, 3, 2), size, alpha=0.5, beta=0.5, k=2.0)


def test_float32(same_as_torch):
    x = (draw(4, 3, 5) * 10 + 100).astype("float32")
    same_as_torch("batch_norm", x, None, None, training=True, tolerance=2e-4)
    same_as_torch("layer_norm", x, [5], tolerance=2e-4)


def test_errors(same_error):
    x = draw(2, 4, 3)
    assert "more than 1 value per channel" in same_error(
        ValueError, "batch_norm", draw(1, 3), None, None, training=True
    )
    assert "running_mean" in same_error(RuntimeError, "batch_norm", x, None, None)
    assert "running_mean should contain 4 elements not 3" in same_error(
        RuntimeError, lambda t, x, m: t.nn.functional.batch_norm(x, m.detach(), m.detach(), training=True), x, draw(3)
    )
    same_error(RuntimeError, "batch_norm", x, None, None, draw(3), training=True)
    assert "[*, 4]" in same_error(RuntimeError, "layer_norm", x, (4,))
    same_error(RuntimeError, "layer_norm", x, (3,), draw(4))
    same_error(RuntimeError, "rms_norm", x, (4,))
    assert "num_groups=3" in same_error(RuntimeError, "group_norm", x, 3)
    same_error(ValueError, "instance_norm", draw(2, 3, 1))
    same_error(ValueError, "local_response_norm", draw(2, 3), 2)
