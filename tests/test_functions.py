"""Functions of the top level that are nn.functional's or methods, with torch's arguments there."""

import pytest

import pynn
from pynn.ops.registry import INPLACE_FUNCTIONS


def x():
    return pynn.tensor([[0.5, -1.0], [2.0, 0.25]])


def test_in_place_functions_write_to_their_argument():
    a = x()
    assert pynn.exp_(a) is a
    assert pynn.allclose(a, x().exp())
    pynn.clamp_(a, max=1.0)
    assert a.max().item() == 1
    assert not [n for n in INPLACE_FUNCTIONS if not callable(getattr(pynn, n))]
    with pytest.raises(AttributeError, match="no attribute 'frobnicate_'"):
        pynn.frobnicate_  # noqa: B018


CASES = {
    "batch_norm": lambda t, a: t.batch_norm(a, t.ones(2), t.zeros(2), None, None, True, 0.1, 1e-5, True),
    "instance_norm": lambda t, a: t.instance_norm(a[None], None, None, None, None, True, 0.1, 1e-5, True),
    "dropout": lambda t, a: t.dropout(a, 0.5, False),
    "dropout_": lambda t, a: t.dropout_(a, 0.5, False),
    "alpha_dropout": lambda t, a: t.alpha_dropout(a, 0.5, False),
    "feature_dropout": lambda t, a: t.feature_dropout(a[None], 0.5, False),
    "embedding": lambda t, a: t.embedding(a, t.tensor([1, 0, 1])),
    "bce": lambda t, a: t.binary_cross_entropy_with_logits(a, a.sigmoid(), None, t.ones(2), 2),
    "cosine": lambda t, a: t.cosine_embedding_loss(a, a + 1, t.tensor([1.0, -1.0]), 0.1),
    "hinge": lambda t, a: t.hinge_embedding_loss(a[0], t.tensor([1.0, -1.0])),
    "kl_div": lambda t, a: t.kl_div(a, a.softmax(1)),
    "kl_div none": lambda t, a: t.kl_div(a, a, 0, log_target=True),
    "margin": lambda t, a: t.margin_ranking_loss(a[0], a[1], t.tensor([1.0, -1.0]), 0.5),
    "poisson": lambda t, a: t.poisson_nll_loss(a, a.exp(), True, False, 1e-8, 1),
    "triplet": lambda t, a: t.triplet_margin_loss(a, a + 1, a * 2),
    "max_pool1d": lambda t, a: t.max_pool1d(a, 2),
    "max_pool2d": lambda t, a: t.max_pool2d(a[None], 2),
    "adaptive_max_pool1d": lambda t, a: t.adaptive_max_pool1d(a, 1)[1],
    "bilinear": lambda t, a: t.bilinear(a, a, t.ones(3, 2, 2), None),
    "grid": lambda t, a: t.grid_sampler(a[None, None], t.affine_grid_generator(t.eye(2, 3)[None], (1, 1, 3, 3), False), 0, 0, False),
    "fill": lambda t, a: t.fill(a, 3.0),
    "real": lambda t, a: t.real(a),
    "row_stack": lambda t, a: t.row_stack([a, a]),
    "wait": lambda t, a: t.wait(t.fork(lambda v: v + 1, a)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("name", CASES)
def test_values_are_torchs(name):
    torch = pytest.importorskip("torch")
    ours, theirs = (CASES[name](t, t.tensor(x().tolist())) for t in (pynn, torch))
    assert pynn.allclose(ours.double(), pynn.tensor(theirs.tolist(), dtype=pynn.float64), atol=1e-6)


def test_a_reduction_is_known():
    with pytest.raises(ValueError, match="reduction must be"):
        pynn.kl_div(x(), x(), 7)


@pytest.mark.parametrize(("shape", "kwargs"), [((1,), {}), ((2, 1), {"dim": 1}), ((2, 2), {"dim": 0, "correction": 2})])
def test_variances_of_too_few(lib, shape, kwargs):
    for function in (lib.var, lib.std):
        with pytest.warns(UserWarning, match="degrees of freedom is <= 0"):
            assert not function(lib.ones(shape), **kwargs).isfinite().any()


def test_unique_orders_of_dimensions(lib):
    x = lib.ones(2, 3, 5, 7)
    assert x.dim_order(ambiguity_check=True) == (0, 1, 2, 3)
    assert lib.ones(1, 2, 3, 4).dim_order(ambiguity_check=[lib.contiguous_format, lib.channels_last]) == (0, 1, 2, 3)
    with pytest.raises(RuntimeError, match="does not have unique dim order"):
        lib.ones(1, 2, 3, 4).dim_order(ambiguity_check=True)
    with pytest.raises(TypeError, match="must be a bool or a list of memory formats"):
        x.dim_order(ambiguity_check="yes")
