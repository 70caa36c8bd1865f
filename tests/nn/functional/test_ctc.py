"""ctc_loss: as torch's, in every form of its arguments."""

import numpy
import pytest

import pynn
import pynn.nn.functional as F

RNG = numpy.random.default_rng(15)
T, N, C, S = 7, 3, 5, 3
X = RNG.normal(size=(T, N, C))
TARGETS = numpy.array([[1, 2, 3], [2, 2, 0], [4, 0, 0]])
LENGTHS = (7, 6, 4), (3, 2, 1)


def loss(t, x, targets, lengths, **kwargs):
    return t.nn.functional.ctc_loss(t.log_softmax(x, -1), targets, *lengths, **kwargs)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_as_torch(same_as_torch, reduction):
    same_as_torch(loss, X, TARGETS, LENGTHS, reduction=reduction)
    flat = numpy.concatenate([row[:n] for row, n in zip(TARGETS, LENGTHS[1])])
    same_as_torch(loss, X, flat, LENGTHS, reduction=reduction)
    same_as_torch(loss, X, TARGETS, tuple(map(numpy.array, LENGTHS)), reduction=reduction)
    same_as_torch(loss, X[:, 0], TARGETS[0], ((7,), (3,)), reduction=reduction)


def test_other_blank(same_as_torch):
    same_as_torch(loss, X, numpy.array([[1, 2, 3], [2, 2, 0], [0, 0, 0]]), LENGTHS, blank=4)


def test_empty_target(same_as_torch):
    same_as_torch(loss, X, TARGETS, ((7, 6, 4), (3, 0, 1)), reduction="none")


def test_impossible_alignment():
    x = pynn.log_softmax(pynn.tensor(X[:2]), -1)
    args = x, pynn.tensor(TARGETS), (2, 2, 2), (3, 2, 1)
    assert F.ctc_loss(*args, reduction="none").tolist()[:2] == [float("inf")] * 2
    assert F.ctc_loss(*args, reduction="none", zero_infinity=True).tolist()[:2] == [0.0] * 2


def test_gradients(gradients):
    gradients(lambda x: loss(pynn, x, pynn.tensor([[1, 1]]), ((4,), (2,))), X[:4, :1, :3])


def test_errors(same_error):
    same_error(RuntimeError, loss, X, TARGETS, ((8, 6, 4), (3, 2, 1)))
    same_error(RuntimeError, loss, X, TARGETS, ((7, 6, 4), (4, 2, 1)))
    same_error(RuntimeError, loss, X, TARGETS, ((7, 6), (3, 2, 1)))
    same_error(RuntimeError, loss, X, TARGETS, LENGTHS, blank=5)


def test_gradient_by_log_probs_is_torchs():
    """That is, the gradient by the logits that log_softmax was taken of."""
    torch = pytest.importorskip("torch")
    x = numpy.random.default_rng(3).normal(size=(6, 2, 4))
    y = numpy.array([[1, 2, 3], [2, 2, 0]])
    for reduction in ("mean", "sum", "none"):
        grads = []
        for library in (torch, pynn):
            log_probs = library.tensor(x).log_softmax(2).detach().requires_grad_()
            lengths = library.tensor([6, 4]), library.tensor([3, 2])
            F_ = library.nn.functional
            F_.ctc_loss(log_probs, library.tensor(y), *lengths, reduction=reduction).sum().backward()
            grads.append(log_probs.grad.numpy())
        numpy.testing.assert_allclose(grads[1], grads[0], atol=1e-9)


def test_no_steps_spell_the_empty_target_alone():
    log_probs = pynn.ones(5, 2, 4).log_softmax(2)
    found = F.ctc_loss(log_probs, pynn.zeros(2, 1, dtype=pynn.int64), [0, 0], [0, 1], reduction="none")
    assert found.tolist() == [0.0, float("inf")]
