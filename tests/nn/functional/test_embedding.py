"""embedding, embedding_bag and one_hot."""

import numpy
import pytest

import pynn
import pynn.nn.functional as F

RNG = numpy.random.default_rng(12)
W = RNG.normal(size=(6, 3))
I = RNG.integers(0, 6, (4, 5))


@pytest.mark.parametrize("kwargs", [{}, {"padding_idx": 2}, {"padding_idx": -1}, {"scale_grad_by_freq": True}])
@pytest.mark.parametrize("indices", [I, I[0], I.astype("int32"), numpy.array(3), numpy.zeros((0, 2), int)])
def test_embedding(same_as_torch, indices, kwargs):
    same_as_torch("embedding", indices, W, **kwargs)


@pytest.mark.parametrize("kwargs", [{}, {"padding_idx": 1}, {"scale_grad_by_freq": True}])
def test_gradients(gradients, kwargs):
    if "scale_grad_by_freq" in kwargs:  # not the gradient of the value, on purpose; but linear in what comes in
        w = pynn.tensor(W, requires_grad=True)
        F.embedding(pynn.tensor([1, 1, 2]), w, **kwargs).sum().backward()
        assert w.grad[:, 0].tolist() == [0, 1, 1, 0, 0, 0]
    elif "padding_idx" in kwargs:
        w = pynn.tensor(W, requires_grad=True)
        F.embedding(pynn.tensor([1, 1, 2]), w, **kwargs).sum().backward()
        assert w.grad[:, 0].tolist() == [0, 0, 1, 0, 0, 0]
    else:
        gradients(lambda w: F.embedding(pynn.tensor(I[0]), w) ** 2, W)


@pytest.mark.parametrize("norm_type", [2.0, 1.0, float("inf")])
def test_max_norm(same_as_torch, norm_type):
    def run(t, i, w):
        w = w.detach().clone()
        return t.nn.functional.embedding(i, w, max_norm=1.0, norm_type=norm_type), w

    same_as_torch(run, I[0], W * 2)
    w = pynn.tensor(W * 9).requires_grad_()
    F.embedding(pynn.tensor([0]), w, max_norm=1.0)
    assert w[0].norm().item() <= 1.0


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding", [None, 2])
def test_embedding_bag(same_as_torch, mode, padding):
    same_as_torch("embedding_bag", I, W, mode=mode, padding_idx=padding)
    flat, offsets = I.ravel(), numpy.array([0, 3, 3, 10])
    same_as_torch("embedding_bag", flat, W, offsets, mode=mode, padding_idx=padding)
    same_as_torch("embedding_bag", flat, W, numpy.array([0, 4, 20]), mode=mode, include_last_offset=True)


def test_per_sample_weights(same_as_torch):
    same_as_torch(
        lambda t, i, w, p: t.nn.functional.embedding_bag(i, w, per_sample_weights=p, mode="sum"),
        I, W, RNG.normal(size=I.shape),
    )  # fmt: skip


def test_one_hot(same_as_torch):
    for x in (I, numpy.array(3), numpy.zeros((2, 0), int)):
        same_as_torch("one_hot", x, 7)
    same_as_torch("one_hot", I)


def test_errors(same_error):
    assert "index 6, but its table has 6 rows" in same_error(IndexError, "embedding", numpy.array([0, 6]), W)
    same_error(IndexError, "embedding", numpy.array([-1]), W)
    assert "Long, Int" in same_error(RuntimeError, "embedding", W, W)
    same_error(RuntimeError, "embedding", I, W[0])
    same_error(AssertionError, "embedding", I, W, 6)
    same_error(RuntimeError, "one_hot", I, 2)
    same_error(RuntimeError, "one_hot", -I)
    same_error(RuntimeError, "one_hot", I.astype("int32"))
    same_error(RuntimeError, "one_hot", numpy.zeros(0, int))
    same_error(ValueError, "embedding_bag", I, W, mode="min")
    same_error(ValueError, "embedding_bag", I[0], W)
    same_error(ValueError, "embedding_bag", I, W, numpy.array([0]))
    same_error(RuntimeError, "embedding_bag", I[0], W, numpy.array([1]))
    same_error(RuntimeError, "embedding_bag", I[0], W, numpy.array([0, 9]))
    same_error(NotImplementedError, "embedding_bag", I, W, per_sample_weights=numpy.ones(I.shape))


def test_bags_check_indices_and_weights():
    table = pynn.ones(2, 3)
    with pytest.raises(RuntimeError, match="embedding_bag: index out of range"):
        F.embedding_bag(pynn.tensor([[5, 0]]), table)
    with pytest.raises(RuntimeError, match="have the same type as weight"):
        F.embedding_bag(
            pynn.tensor([[1, 0]]), table, mode="sum", per_sample_weights=pynn.ones(1, 2, dtype=pynn.float64)
        )
