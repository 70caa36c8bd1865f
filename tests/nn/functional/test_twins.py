"""What torch publishes at its top level with other arguments than in nn.functional."""

import numpy
import pytest

import pynn
import pynn.nn.functional as F

RNG = numpy.random.default_rng(8)
X = RNG.normal(size=(4, 6, 5))
A, B, C = (RNG.normal(size=(5, 4)) for _ in range(3))
SIGN = numpy.array([1.0, -1, 1, 1, -1])
TABLE, NAMED, STARTS = RNG.normal(size=(10, 3)), RNG.integers(0, 10, 8), numpy.array([0, 3, 3, 5])
THETA, IMAGE = RNG.normal(size=(2, 2, 3)), RNG.normal(size=(2, 3, 4, 5))

CALLS = [
    ("batch_norm", lambda t, x: t.batch_norm(x, None, None, None, None, True, 0.1, 1e-5, False), (X,)),
    ("instance_norm", lambda t, x: t.instance_norm(x, None, None, None, None, True, 0.1, 1e-5, False), (X,)),
    ("layer_norm", lambda t, x: t.layer_norm(x, [6, 5], None, None, 1e-5, False), (X,)),
    ("group_norm", lambda t, x: t.group_norm(x, 2, None, None, 1e-5, False), (X,)),
    ("native_layer_norm", lambda t, x: t.native_layer_norm(x.detach(), [6, 5], None, None, 1e-5), (X,)),
    ("native_group_norm", lambda t, x: t.native_group_norm(x, None, None, 4, 6, 5, 2, 1e-5), (X,)),
    ("native_batch_norm", lambda t, x: t.native_batch_norm(x, None, None, None, None, True, 0.1, 1e-5)[0], (X,)),
    ("dropout", lambda t, x: (t.dropout(x, 0.5, False), t.dropout(x, 1.0, True)), (X,)),
    ("feature_dropout", lambda t, x: t.feature_dropout(x, 1.0, True), (X,)),
    ("embedding", lambda t, w, i: t.embedding(w, i), (TABLE, NAMED)),
    ("embedding_bag", lambda t, w, i, o: tuple(t.embedding_bag(w, i, o, False, m)[0] for m in (0, 1, 2)), (TABLE, NAMED, STARTS)),
    ("bilinear", lambda t, a, b, w: t.bilinear(a, b, w), (A, B, RNG.normal(size=(2, 4, 4)))),
    ("cosine_embedding_loss", lambda t, a, b, y: t.cosine_embedding_loss(a, b, y.detach(), 0.1, 2), (A, B, SIGN)),
    ("hinge_embedding_loss", lambda t, a: t.hinge_embedding_loss(a, a.detach().sign(), 0.5, 0), (A,)),
    ("kl_div", lambda t, a, b: (t.kl_div(a, b.exp(), 1), t.kl_div(a, b, 2, log_target=True)), (A, B)),
    ("margin_ranking_loss", lambda t, a, b: t.margin_ranking_loss(a, b, a.detach().sign(), 0.1, 1), (A, B)),
    ("poisson_nll_loss", lambda t, a, b: t.poisson_nll_loss(a, b.detach().abs(), True, True, 1e-8, 1), (A, B)),
    ("triplet_margin_loss", lambda t, a, b, c: t.triplet_margin_loss(a, b, c, 1.0, 2.0, 1e-6, True, 2), (A, B, C)),
    ("binary_cross_entropy_with_logits", lambda t, a, b: t.binary_cross_entropy_with_logits(a, b.detach().sigmoid(), None, None, 0), (A, B)),
    ("max_pool1d", lambda t, x: t.max_pool1d(x, 2), (X,)),
    ("max_pool1d_with_indices", lambda t, x: t.max_pool1d_with_indices(x, 2, 1), (X,)),
    ("max_pool2d", lambda t, x: t.max_pool2d(x, (2, 3)), (X,)),
    ("max_pool3d", lambda t, x: t.max_pool3d(x.unsqueeze(0), 2), (X,)),
    ("adaptive_max_pool1d", lambda t, x: t.adaptive_max_pool1d(x, 2), (X,)),
    ("convolution", lambda t, x, w: t.convolution(x, w, None, [2], [1], [1], False, [0], 2), (X, RNG.normal(size=(4, 3, 3)))),
    ("transposed", lambda t, x, w: t.convolution(x, w, None, [2], [1], [1], True, [1], 2), (X, RNG.normal(size=(6, 3, 3)))),
    ("grid", lambda t, a, x: t.grid_sampler(x, t.affine_grid_generator(a, [2, 3, 6, 4], True), 0, 1, True), (THETA, IMAGE)),
    ("conv_tbc", lambda t, x, w, b: t.conv_tbc(x, w, b, 1), (X, RNG.normal(size=(3, 5, 2)), RNG.normal(size=2))),
    ("constant_pad_nd", lambda t, x: t.constant_pad_nd(x, (1, -2), 3.0), (X,)),
    ("norm_except_dim", lambda t, x: t.norm_except_dim(x, 2, 1), (X,)),
    ("native_channel_shuffle", lambda t, x: t.native_channel_shuffle(x.detach(), 3), (X,)),
]  # fmt: skip


@pytest.mark.parametrize(("function", "arrays"), [c[1:] for c in CALLS], ids=[c[0] for c in CALLS])
@pytest.mark.filterwarnings("ignore")
def test_is_torchs(same_as_torch, function, arrays):
    same_as_torch(function, *arrays)


def test_dropout_forms():
    pynn.manual_seed(0)
    x = pynn.ones(1000)
    assert set(pynn.dropout(x, 0.5, True).tolist()) == {0.0, 2.0}
    assert pynn.dropout_(x, 0.5, True) is x
    assert set(x.tolist()) == {0.0, 2.0}
    y, kept = pynn.native_dropout(pynn.ones(1000), 0.25, True)
    assert pynn.equal(y, kept / 0.75)
    assert kept.dtype is pynn.bool
    whole = pynn.feature_dropout(pynn.ones(50, 4, 3), 0.5, True)
    assert set(whole.sum(2).flatten().tolist()) == {0.0, 6.0}
    z = pynn.ones(50, 4)
    assert pynn.alpha_dropout_(z, 0.5, True) is z
    assert len(set(z.flatten().tolist())) == 2
    with pytest.raises(RuntimeError, match="at least 2 dimensions"):
        pynn.feature_dropout(pynn.ones(3), 0.5, True)


def test_numbers_out_of_range():
    with pytest.raises(ValueError, match="reduction must be"):
        pynn.kl_div(pynn.ones(2), pynn.ones(2), 3)
    with pytest.raises(RuntimeError, match="mode must be 0"):
        pynn.embedding_bag(pynn.ones(2, 2), pynn.tensor([0]), pynn.tensor([0]), False, 3)
    with pytest.raises(RuntimeError, match="must be 0, 1 or 2"):
        pynn.grid_sampler(pynn.ones(1, 1, 2, 2), pynn.ones(1, 2, 2, 2), 5, 0, True)
    with pytest.raises(RuntimeError, match="weight of 3 to 5 dimensions"):
        pynn.convolution(pynn.ones(2, 2), pynn.ones(2, 2), None, [1], [0], [1], False, [0], 1)


def test_embedding_renorm():
    weight = pynn.tensor([[3.0, 4.0], [6.0, 8.0]])
    assert pynn.embedding_renorm_(weight, pynn.tensor([1]), 5.0, 2.0) is weight
    assert pynn.allclose(weight, pynn.tensor([[3.0, 4.0], [3.0, 4.0]]), atol=1e-4)


def test_deprecated_upsampling():
    x = pynn.arange(4.0).reshape(1, 1, 2, 2)
    with pytest.warns(FutureWarning, match="upsample_nearest"):
        assert F.upsample_nearest(x, scale_factor=2)[0, 0, 0].tolist() == [0, 0, 1, 1]
    with pytest.warns(FutureWarning, match="upsample_bilinear"):
        assert F.upsample_bilinear(x, size=(2, 3))[0, 0, 0].tolist() == [0, 0.5, 1]
