"""Distances, normalize, and the losses made of them."""

import numpy
import pytest

import pynn
import pynn.nn.functional as F

RNG = numpy.random.default_rng(6)
A, B, C = (RNG.normal(size=(5, 4)) for _ in range(3))
SIGN = numpy.array([1, -1, 1, 1, -1])
REDUCTIONS = ["mean", "sum", "none"]


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, float("inf")])
def test_normalize_and_pairwise_distance(same_as_torch, p):
    same_as_torch("normalize", A, p=p)
    same_as_torch("normalize", A, p=p, dim=0)
    same_as_torch("pairwise_distance", A, B, p=p)
    same_as_torch("pairwise_distance", A, B[:1], p=p, keepdim=True)


def test_cosine_similarity(same_as_torch, gradients):
    same_as_torch("cosine_similarity", A, B)
    same_as_torch("cosine_similarity", A, B[0], dim=-1)
    gradients(F.cosine_similarity, A[:2], B[:2])


def test_zero_vectors_have_no_nan_gradient(same_as_torch):
    same_as_torch("normalize", numpy.zeros((2, 3)))
    same_as_torch("cosine_similarity", numpy.zeros((2, 3)), A[:2, :3])


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_losses(same_as_torch, reduction):
    same_as_torch("cosine_embedding_loss", A, B, SIGN, margin=0.1, reduction=reduction)
    same_as_torch("cosine_embedding_loss", A[0], B[0], numpy.array(-1), reduction=reduction)
    same_as_torch("hinge_embedding_loss", A, numpy.where(B > 0, 1, -1), margin=0.7, reduction=reduction)
    same_as_torch("margin_ranking_loss", A[:, 0], B[:, 0], SIGN, margin=0.2, reduction=reduction)
    same_as_torch("triplet_margin_loss", A, B, C, reduction=reduction)
    same_as_torch("triplet_margin_loss", A, B, C, swap=True, p=1, margin=2.0, reduction=reduction)
    same_as_torch("triplet_margin_with_distance_loss", A, B, C, reduction=reduction)
    for p in (1, 2):
        same_as_torch("multi_margin_loss", A, numpy.array([0, 1, 2, 3, 0]), p=p, reduction=reduction)
    same_as_torch("multi_margin_loss", A[0], numpy.array(2), reduction=reduction)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_multilabel_margin(same_as_torch, reduction):
    target = numpy.array([[0, 3, -1, 1], [2, -1, 0, 0], [-1, 0, 0, 0], [3, 2, 1, 0], [1, 1, -1, -1]])
    same_as_torch("multilabel_margin_loss", A, target, reduction=reduction)
    same_as_torch("multilabel_margin_loss", A[0], target[0], reduction=reduction)


def test_pdist(same_as_torch):
    for p in (1.0, 2.0, 3.0):
        same_as_torch("pdist", A, p=p)


def test_errors(same_error):
    same_error(RuntimeError, "margin_ranking_loss", A, B, SIGN)
    same_error(RuntimeError, "pdist", A[0])
    same_error(RuntimeError, "multilabel_margin_loss", A, numpy.zeros((5, 3), int))
    same_error(RuntimeError, "multilabel_margin_loss", A, numpy.full((5, 4), 4))
    same_error(ValueError, "triplet_margin_loss", A, B, C, margin=-1.0)
    same_error(ValueError, "multi_margin_loss", A, numpy.zeros(5, int), p=3)
    same_error(RuntimeError, "cosine_embedding_loss", A, B, numpy.ones((5, 1), int))


def test_custom_distance():
    d = F.triplet_margin_with_distance_loss(
        pynn.zeros(2, 1), pynn.ones(2, 1), pynn.full((2, 1), 3.0), distance_function=lambda a, b: (a - b).abs().sum(-1),
        margin=5.0,
    )  # fmt: skip
    assert d.item() == 3.0


def test_cosine_similarity_counts_dim_in_the_shape_both_broadcast_to(same_as_torch):
    wide, tall = RNG.normal(size=(1, 2, 3)), RNG.normal(size=(2, 1, 3))
    for dim in (-1, -2, 0):
        same_as_torch("cosine_similarity", wide, tall, dim=dim)
    with pytest.raises(RuntimeError, match="expected common dtype to be floating point"):
        F.cosine_similarity(pynn.tensor([[1]]), pynn.tensor([[1]]))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_margin_losses_of_one_number(same_as_torch, reduction):
    one = numpy.array(0.7)
    same_as_torch("multi_margin_loss", one, numpy.array(0), reduction=reduction)
    same_as_torch("multilabel_margin_loss", one, numpy.array(0), reduction=reduction)
    with pytest.raises(ValueError, match="weight must be one-dimensional"):
        F.multi_margin_loss(pynn.ones(5, 4), pynn.zeros(5).long(), weight=pynn.ones(5, 4))
    with pytest.raises(RuntimeError, match="Expected non-empty vector or matrix"):
        F.multilabel_margin_loss(pynn.ones(0), pynn.ones(0).long())


def test_cosine_similarity_of_an_integer_and_a_float():
    found = F.cosine_similarity(pynn.ones(2, 3, dtype=pynn.int8), pynn.ones(2, 3))
    assert found.allclose(pynn.ones(2))
