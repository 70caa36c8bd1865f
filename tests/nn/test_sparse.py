"""Embedding and EmbeddingBag."""

import numpy
import pytest

import pynn
from pynn import nn

INDICES = numpy.array([[0, 3, 1], [3, 3, 4]])


@pytest.mark.parametrize(
    "arguments", [{}, {"padding_idx": 3}, {"padding_idx": -2}, {"scale_grad_by_freq": True}, {"max_norm": 0.5}], ids=str
)
def test_embedding_matches_torch(twin, arguments):
    twin(lambda nn: nn.Embedding(5, 4, **arguments), INDICES)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("arguments", [{}, {"padding_idx": 3}], ids=str)
def test_embedding_bag_matches_torch(twin, mode, arguments):
    twin(lambda nn: nn.EmbeddingBag(5, 4, mode=mode, **arguments), INDICES)
    twin(lambda nn: nn.EmbeddingBag(5, 4, mode=mode, **arguments), INDICES.reshape(-1), numpy.array([0, 2, 2]))


def test_embedding_bag_weights_match_torch(twin, rng):
    twin(lambda nn: nn.EmbeddingBag(5, 4, mode="sum"), INDICES, None, rng.normal(size=(2, 3)))
    twin(lambda nn: nn.EmbeddingBag(5, 4, include_last_offset=True), INDICES.reshape(-1), numpy.array([0, 2, 6]))


def test_padding_row_starts_at_zero():
    m = nn.Embedding(4, 3, padding_idx=-1)
    assert m.padding_idx == 3
    assert m.weight[3].tolist() == [0.0] * 3
    assert m.weight[:3].abs().min().item() > 0
    assert m.weight.is_leaf
    m(pynn.tensor([3, 1])).sum().backward()
    assert m.weight.grad[3].tolist() == [0.0] * 3
    assert m.weight.grad[1].tolist() == [1.0] * 3


def test_from_pretrained():
    table = pynn.arange(6.0).reshape(3, 2)
    m = nn.Embedding.from_pretrained(table)
    assert m(pynn.tensor([2])).tolist() == [[4.0, 5.0]]
    assert not m.weight.requires_grad
    assert nn.Embedding.from_pretrained(table, freeze=False, padding_idx=1).weight.requires_grad
    bag = nn.EmbeddingBag.from_pretrained(table, mode="sum", padding_idx=0)
    assert bag(pynn.tensor([[0, 1, 2]])).tolist() == [[6.0, 8.0]]
    assert (bag.mode, bag.padding_idx) == ("sum", 0)


def test_errors():
    with pytest.raises(AssertionError, match="Padding_idx must be within num_embeddings: got 5 for 5"):
        nn.Embedding(5, 4, padding_idx=5)
    with pytest.raises(AssertionError, match="Shape of weight does not match"):
        nn.Embedding(5, 4, _weight=pynn.ones(4, 5))
    with pytest.raises(AssertionError, match="expected to be 2-dimensional"):
        nn.Embedding.from_pretrained(pynn.ones(3))
    with pytest.raises(IndexError, match=r"\[in Embedding\]$"):
        nn.Embedding(5, 4)(pynn.tensor([5]))


def test_a_frozen_table_may_hold_integers():
    table = nn.Embedding.from_pretrained(pynn.arange(6).reshape(3, 2))
    assert not table.weight.requires_grad
    assert table(pynn.tensor([2])).tolist() == [[4, 5]]


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_of_nothing_pass_a_gradient_of_zeros(mode):
    bag = nn.EmbeddingBag(3, 2, mode=mode)
    bag(pynn.tensor([], dtype=pynn.int64), pynn.tensor([0, 0])).sum().backward()
    assert bag.weight.grad.tolist() == [[0.0, 0.0]] * 3
