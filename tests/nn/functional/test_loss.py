"""Losses: values and gradients as in torch, targets out of range, reductions."""

import warnings

import numpy
import pytest

import pynn
import pynn.nn.functional as F

RNG = numpy.random.default_rng(3)
X, Y = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))
P, Q = RNG.uniform(0.05, 0.95, (3, 4)), RNG.uniform(0.05, 0.95, (3, 4))
W = RNG.uniform(0.5, 2, (3, 4))
SIGNS = numpy.where(RNG.normal(size=(3, 4)) > 0, 1, -1)
REDUCTIONS = ["mean", "sum", "none"]
pytestmark = pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
CASES = [
    ("mse_loss", (X, Y), {}),
    ("mse_loss", (X, Y), {"weight": 0}),
    ("l1_loss", (X, Y), {}),
    ("l1_loss", (X, Y), {"weight": 0}),
    ("smooth_l1_loss", (X, Y), {"beta": 0.7}),
    ("smooth_l1_loss", (X, Y), {"beta": 0.0}),
    ("huber_loss", (X, Y), {"delta": 0.7}),
    ("huber_loss", (X, Y), {"delta": 0.7, "weight": 0}),
    ("binary_cross_entropy", (P, Q), {}),
    ("binary_cross_entropy", (P, Q), {"weight": 0}),
    ("binary_cross_entropy_with_logits", (X, Q), {}),
    ("binary_cross_entropy_with_logits", (X, Q), {"weight": 0}),
    ("kl_div", (numpy.log(P), Q), {}),
    ("kl_div", (numpy.log(P), numpy.log(Q)), {"log_target": True}),
    ("poisson_nll_loss", (X, W), {}),
    ("poisson_nll_loss", (P, W), {"log_input": False, "full": True}),
    ("gaussian_nll_loss", (X, Y, W), {}),
    ("gaussian_nll_loss", (X, Y, W[:, 0]), {"full": True}),
    ("gaussian_nll_loss", (X, Y, W[:, :1] * 1e-6), {"eps": 1e-6}),
    ("soft_margin_loss", (X, SIGNS), {}),
    ("multilabel_soft_margin_loss", (X, Q), {}),
]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("name", "args", "kwargs"), CASES)
def test_as_torch(same_as_torch, name, args, kwargs, reduction):
    def loss(library, weight, *args):
        constant = weight.detach() if "binary" in name else weight  # torch has no derivative by it
        more = {**kwargs, "weight": constant} if "weight" in kwargs else kwargs
        return getattr(library.nn.functional, name)(*args, reduction=reduction, **more)

    same_as_torch(loss, W, *args)


@pytest.mark.parametrize(
    ("name", "args", "kwargs"), [c for c in CASES if "weight" not in c[2] and c[0] != "gaussian_nll_loss"]
)
def test_gradients(gradients, name, args, kwargs):
    floats = [a[:2, :2] for a in args if a.dtype.kind == "f"]
    rest = [pynn.tensor(a[:2, :2]) for a in args if a.dtype.kind != "f"]
    gradients(lambda *xs: getattr(F, name)(*xs, *rest, **kwargs), *floats)


def test_pos_weight(same_as_torch):
    for weight in (None, W):
        for reduction in REDUCTIONS:
            same_as_torch(
                lambda t, x, y, p, w, r=reduction: t.nn.functional.binary_cross_entropy_with_logits(
                    x, y, weight=None if w is None else w.detach(), pos_weight=p.detach(), reduction=r
                ),
                X, Q, RNG.uniform(1, 3, 4), weight,
            )  # fmt: skip


def test_batchmean(same_as_torch):
    same_as_torch("kl_div", numpy.log(P), Q, reduction="batchmean")
    zeros = numpy.where(Q > 0.5, Q, 0.0)
    same_as_torch(lambda t, x, y: t.nn.functional.kl_div(x, y.detach(), reduction="sum"), numpy.log(P), zeros)


def test_certain_probabilities(same_as_torch):
    same_as_torch(
        lambda t, x, y: t.nn.functional.binary_cross_entropy(x, y.detach()),
        numpy.array([0.0, 1.0, 0.0, 1.0]), numpy.array([0.0, 0.0, 1.0, 1.0]),
    )  # fmt: skip


TARGETS = RNG.integers(0, 4, 3)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
@pytest.mark.parametrize(
    ("shape", "targets"), [((3, 4), (3,)), ((4,), ()), ((2, 4, 5), (2, 5)), ((2, 4, 3, 2), (2, 3, 2))]
)
def test_class_losses(same_as_torch, name, shape, targets, reduction):
    rng = numpy.random.default_rng(4)
    x, y, w = rng.normal(size=shape), rng.integers(0, 4, targets), rng.uniform(0.5, 2, 4)
    options = [{}, {"ignore_index": 1}] + ([{"label_smoothing": 0.2}] if name == "cross_entropy" else [])
    for kwargs in options:
        for weight in (None, w):

            def loss(t, x, y, weight, kwargs=kwargs):
                weight = None if weight is None else weight.detach()
                return getattr(t.nn.functional, name)(x, y, weight, reduction=reduction, **kwargs)

            same_as_torch(loss, x, y, weight)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(3, 4), (4,), (2, 4, 5)])
def test_cross_entropy_of_probabilities(same_as_torch, shape, reduction):
    rng = numpy.random.default_rng(5)
    for smoothing in (0.0, 0.3):
        for weight in (None, rng.uniform(0.5, 2, 4)):
            same_as_torch(
                "cross_entropy", rng.normal(size=shape), rng.uniform(size=shape), weight,
                reduction=reduction, label_smoothing=smoothing,
            )  # fmt: skip


def test_cross_entropy_gradients(gradients):
    target = pynn.tensor([0, 3, -100])
    for reduction in REDUCTIONS:
        gradients(lambda x, r=reduction: F.cross_entropy(x, target, reduction=r, label_smoothing=0.1), X)
    gradients(lambda x: F.cross_entropy(x, target, weight=pynn.tensor(W[0])), X)


def test_all_targets_ignored():
    x = pynn.tensor(X, requires_grad=True)
    assert numpy.isnan(F.cross_entropy(x, pynn.full((3,), -100)).item())
    assert F.cross_entropy(x, pynn.full((3,), -100), reduction="sum").item() == 0.0


def test_impossible_class_that_is_not_the_target(same_as_torch):
    logits = X.copy()
    logits[:, 0] = -numpy.inf
    same_as_torch("cross_entropy", logits, numpy.array([1, 2, 3]))


def test_byte_targets(same_as_torch):
    same_as_torch("cross_entropy", X, numpy.array([0, 1, 2], dtype=numpy.uint8))


@pytest.mark.parametrize(
    ("kind", "args", "kwargs", "text"),
    [
        (IndexError, (X, numpy.array([0, 12, 1])), {}, "Target 12 is out of bounds"),
        (IndexError, (X, numpy.array([0, -1, 1])), {}, "Target -1 is out of bounds"),
        (ValueError, (X, numpy.array([0, 1])), {}, "Expected input batch_size (3) to match target batch_size (2)"),
        (RuntimeError, (X, numpy.array([0.0, 1.0, 2.0])), {}, "Long or Byte, but got float64"),
        (RuntimeError, (X, numpy.array([0, 1, 2], dtype=numpy.int32)), {}, "target.long()"),
        (RuntimeError, (X, TARGETS), {"weight": numpy.ones(3)}, "all 4 classes or no classes but got"),
        (RuntimeError, (X, TARGETS), {"weight": numpy.ones(4, "float32")}, "expected scalar type"),
        (RuntimeError, (X, TARGETS), {"label_smoothing": 2.0}, "between 0.0 and 1.0. Got: 2"),
        (ValueError, (X, TARGETS), {"reduction": "all"}, "all is not a valid value for reduction"),
        (
            RuntimeError,
            (RNG.normal(size=(2, 3, 5)), numpy.zeros((2, 4), int)),
            {},
            "Expected target size [2, 5], got [2, 4]",
        ),
        (NotImplementedError, (numpy.ones((3, 4), int), TARGETS), {}, "input.float()"),
    ],
)
def test_cross_entropy_errors(same_error, kind, args, kwargs, text):
    assert text in same_error(kind, "cross_entropy", *args, **kwargs)


def test_other_errors(same_error):
    assert "between 0 and 1" in same_error(RuntimeError, "binary_cross_entropy", X, Q)
    assert "different to the input size" in same_error(ValueError, "binary_cross_entropy", P, Q[:, 0])
    assert "must be the same as" in same_error(ValueError, "binary_cross_entropy_with_logits", X, Q[:, 0])
    same_error(RuntimeError, "smooth_l1_loss", X, Y, beta=-1.0)
    same_error(RuntimeError, "huber_loss", X, Y, delta=0.0)
    same_error(ValueError, "mse_loss", X, Y, weight=W[0])
    same_error(ValueError, "gaussian_nll_loss", X, Y, -W)
    same_error(ValueError, "gaussian_nll_loss", X, Y, W[:2])
    assert "1 or more dimensions" in same_error(ValueError, "nll_loss", numpy.array(1.0), numpy.array(0))
    with pytest.raises(RuntimeError), pytest.warns(UserWarning, match="Using a target size"):
        F.mse_loss(pynn.ones(3, 4), pynn.ones(3, 3))


def test_shapes_that_differ_warn(same_as_torch):
    with pytest.warns(UserWarning, match=r"Using a target size \(pynn.Size\(\[3\]\)\)"):
        out = F.mse_loss(pynn.ones(3, 1), pynn.zeros(3), reduction="none")
    assert out.shape == (3, 3)


def test_older_reduction_arguments():
    x, y = pynn.tensor(X), pynn.tensor(Y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert F.mse_loss(x, y, reduce=False).shape == (3, 4)
        assert F.mse_loss(x, y, size_average=False).item() == F.mse_loss(x, y, reduction="sum").item()
        assert F.mse_loss(x, y, reduce=True).item() == F.mse_loss(x, y).item()


def test_empty_mean_is_nan():
    assert numpy.isnan(F.mse_loss(pynn.zeros(0), pynn.zeros(0)).item())


def test_probabilities_of_no_classes():
    assert F.cross_entropy(pynn.zeros(5, 0), pynn.zeros(5, 0)).isnan()


def test_integers_of_the_inputs_shape_are_no_probabilities():
    with pytest.raises(RuntimeError, match="Expected floating point type for target with class probabilities"):
        F.cross_entropy(pynn.zeros(2, 3), pynn.zeros(2, 3, dtype=pynn.int64))
