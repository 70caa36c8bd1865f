"""Loss modules."""

import sys

import numpy
import pytest

import pynn
from pynn import nn

REDUCTIONS = ["mean", "sum", "none"]


def pair(rng):
    return rng.normal(size=(4, 3)), rng.normal(size=(4, 3))


def library_of(nn):
    return sys.modules[nn.__name__.partition(".")[0]]


def signs(rng, shape):
    return rng.integers(0, 2, shape) * 2 - 1


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    "make",
    [
        lambda nn, r: nn.MSELoss(reduction=r), lambda nn, r: nn.L1Loss(reduction=r),
        lambda nn, r: nn.HuberLoss(reduction=r, delta=0.7), lambda nn, r: nn.SmoothL1Loss(reduction=r, beta=0.7),
    ],
    ids=["mse", "l1", "huber", "smooth_l1"],
)  # fmt: skip
def test_regression_matches_torch(twin, rng, make, reduction):
    twin(lambda nn: make(nn, reduction), *pair(rng))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 0.5]])
def test_class_losses_match_torch(twin, rng, reduction, weight):
    target = numpy.array([0, 2, 1, 2])

    def weights(nn):
        library = library_of(nn)
        return None if weight is None else library.tensor(weight)

    x = rng.normal(size=(4, 3))
    for options in ({}, {"ignore_index": 2}, {"label_smoothing": 0.1}):
        twin(lambda nn, options=options: nn.CrossEntropyLoss(weights(nn), reduction=reduction, **options), x, target)
    twin(lambda nn: nn.NLLLoss(weights(nn), reduction=reduction, ignore_index=0), x, target)


def test_cross_entropy_over_pixels_matches_torch(twin, rng):
    twin(lambda nn: nn.CrossEntropyLoss(), rng.normal(size=(2, 3, 4, 5)), rng.integers(0, 3, (2, 4, 5)))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary_losses_match_torch(twin, rng, reduction):
    target = rng.uniform(size=(4, 3))
    twin(lambda nn: nn.BCELoss(reduction=reduction), rng.uniform(0.1, 0.9, size=(4, 3)), target)
    twin(lambda nn: nn.BCEWithLogitsLoss(reduction=reduction), rng.normal(size=(4, 3)), target)

    def weighted(nn):
        library = library_of(nn)
        weight, positive = library.tensor([1.0, 2.0, 3.0]), library.tensor([0.5, 1.0, 2.0])
        return nn.BCEWithLogitsLoss(weight, reduction=reduction, pos_weight=positive)

    assert list(twin(weighted, rng.normal(size=(4, 3)), target).state_dict()) == ["weight", "pos_weight"]


@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
@pytest.mark.parametrize("log_target", [True, False])
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
def test_kl_div_matches_torch(twin, rng, reduction, log_target):
    target = rng.uniform(0.1, 0.9, size=(4, 3))
    twin(
        lambda nn: nn.KLDivLoss(reduction=reduction, log_target=log_target),
        numpy.log(rng.uniform(0.1, 0.9, size=(4, 3))),
        numpy.log(target) if log_target else target,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_other_losses_match_torch(twin, rng, reduction):
    x, y = pair(rng)
    twin(lambda nn: nn.PoissonNLLLoss(reduction=reduction), x, numpy.abs(y))
    twin(lambda nn: nn.GaussianNLLLoss(reduction=reduction), x, y, rng.uniform(0.5, 1, size=(4, 3)))
    twin(lambda nn: nn.HingeEmbeddingLoss(0.5, reduction=reduction), x, signs(rng, (4, 3)))
    twin(lambda nn: nn.MarginRankingLoss(0.1, reduction=reduction), x[:, 0], y[:, 0], signs(rng, 4))
    twin(lambda nn: nn.CosineEmbeddingLoss(0.1, reduction=reduction), x, y, signs(rng, 4))
    twin(lambda nn: nn.SoftMarginLoss(reduction=reduction), x, signs(rng, (4, 3)))
    twin(lambda nn: nn.MultiLabelSoftMarginLoss(reduction=reduction), x, rng.integers(0, 2, (4, 3)))
    twin(lambda nn: nn.MultiMarginLoss(2, 0.7, reduction=reduction), x, numpy.array([0, 2, 1, 1]))
    twin(lambda nn: nn.MultiLabelMarginLoss(reduction=reduction), x, numpy.array([[0, 2, -1], [1, -1, 0]] * 2))
    twin(lambda nn: nn.TripletMarginLoss(2.0, swap=True, reduction=reduction), x, y, rng.normal(size=(4, 3)))
    twin(lambda nn: nn.TripletMarginWithDistanceLoss(margin=0.5, reduction=reduction), x, y, rng.normal(size=(4, 3)))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_ctc_loss_is_its_function(rng, reduction):
    x = pynn.tensor(rng.normal(size=(6, 2, 4))).log_softmax(-1)
    arguments = (x, pynn.tensor([[1, 2], [3, 3]]), (6, 5), (2, 2))
    found = nn.CTCLoss(blank=0, reduction=reduction)(*arguments)
    assert pynn.equal(found, nn.functional.ctc_loss(*arguments, reduction=reduction))
    assert nn.CTCLoss(zero_infinity=True)(x, pynn.tensor([1] * 9 + [2]), (6, 6), (9, 1)).isfinite()


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3, 4, 5)])
def test_cross_entropy_of_channels_last_and_strided_logits(rng, shape):
    x = rng.normal(size=shape)
    target = pynn.tensor(rng.integers(0, shape[1], shape[:1] + shape[2:]))
    moved = numpy.moveaxis(numpy.ascontiguousarray(numpy.moveaxis(x, 1, -1)), -1, 1)
    gapped = numpy.empty((*shape[:-1], 2 * shape[-1]))[..., ::2]
    gapped[...] = x
    results = []
    for values in (x, moved, gapped):
        logits = pynn.from_numpy(values).requires_grad_(True)
        loss = nn.functional.cross_entropy(logits, target, label_smoothing=0.1)
        loss.backward()
        results.append((loss.item(), logits.grad.numpy()))
    for value, grad in results[1:]:
        assert value == pytest.approx(results[0][0], rel=1e-13)
        numpy.testing.assert_allclose(grad, results[0][1], atol=1e-15)


def test_older_arguments_warn_and_win():
    for arguments, wanted in (
        ({"size_average": False}, "sum"),
        ({"reduce": False}, "none"),
        ({"size_average": True}, "mean"),
        ({"reduce": True, "reduction": "sum"}, "mean"),
    ):
        with pytest.warns(UserWarning, match=f"please use reduction='{wanted}'"):
            assert nn.MSELoss(**arguments).reduction == wanted


def test_weight_moves_with_the_module():
    m = nn.CrossEntropyLoss(pynn.tensor([1.0, 2.0]))
    assert m.double().weight.dtype is pynn.float64


def test_bad_arguments():
    with pytest.raises(ValueError, match="only p == 1 and p == 2 supported, got 3"):
        nn.MultiMarginLoss(p=3)
    for cls in (nn.TripletMarginLoss, nn.TripletMarginWithDistanceLoss):
        with pytest.raises(ValueError, match="expected margin to be greater than 0, got 0 instead"):
            cls(margin=0)
    with pytest.raises(ValueError, match="not a valid value for reduction"):
        nn.MSELoss(reduction="average")(pynn.ones(1), pynn.ones(1))


def test_target_out_of_range_names_the_module():
    with pytest.raises(IndexError, match=r"Target 5 is out of bounds.*\[in CrossEntropyLoss\]$"):
        nn.CrossEntropyLoss()(pynn.ones(1, 3), pynn.tensor([5]))
