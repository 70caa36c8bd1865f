"""Attention: as torch's, with every kind of mask."""

import numpy
import pytest

import pynn
import pynn.nn.functional as F
from tests import cases

RNG = numpy.random.default_rng(13)
L, S, N, E, HEADS = 3, 5, 2, 4, 2


def draw(*shape):
    return RNG.normal(size=shape)


@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
@pytest.mark.parametrize("mask", ["none", "bool", "float", "causal"])
def test_scaled_dot_product(same_as_torch, lead, mask):
    kept = numpy.tril(numpy.ones((L, S), bool), 1)
    given = {"bool": kept, "float": draw(L, S)}.get(mask)
    args = draw(*lead, L, E), draw(*lead, S, E), draw(*lead, S, 2), given
    same_as_torch("scaled_dot_product_attention", *args, is_causal=mask == "causal")
    same_as_torch("scaled_dot_product_attention", *args, is_causal=mask == "causal", scale=0.3)


def test_grouped_queries(same_as_torch):
    same_as_torch("scaled_dot_product_attention", draw(2, 4, L, E), draw(2, 2, S, E), draw(2, 2, S, E), enable_gqa=True)


@pytest.mark.parametrize("shape", [(L, S), (2, 1, L, S), (2, 4, L, S), (1, 4, 1, S)])
def test_grouped_queries_with_masks(same_as_torch, shape):
    heads = draw(2, 4, L, E), draw(2, 2, S, E), draw(2, 2, S, E)
    seen = RNG.random(shape) < 0.7
    seen[..., 0] = True
    for mask in (seen, draw(*shape)):
        same_as_torch("scaled_dot_product_attention", *heads, mask, enable_gqa=True)


def test_grouped_queries_that_do_not_divide():
    q, k = pynn.zeros(1, 3, L, E), pynn.zeros(1, 2, S, E)
    with pytest.raises(RuntimeError, match="3 for 2 and 2"):
        F.scaled_dot_product_attention(q, k, k, enable_gqa=True)


def test_heads_cut_from_a_projection_come_back_without_a_copy():
    projected = pynn.randn(2, 16, 3 * 24, requires_grad=True)
    q, k, v = (x.view(2, 16, 3, 8).transpose(1, 2) for x in projected.chunk(3, -1))
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    if pynn._backends.default().name == "native":
        assert out.transpose(1, 2).is_contiguous()
    out.transpose(1, 2).reshape(2, 16, 24).sum().backward()
    assert projected.grad.shape == projected.shape


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("p", [0.0, 0.4, 1.0])
def test_every_backend_drops_the_same(causal, p):
    found = []
    for backend, isa in cases.variants():
        with cases.running_on(backend, isa):
            pynn.manual_seed(3)
            q, k, v = (pynn.randn(2, 3, n, 8, dtype=pynn.float64, requires_grad=True) for n in (7, 9, 9))
            out = F.scaled_dot_product_attention(q, k, v, dropout_p=p, is_causal=causal)
            out.square().sum().backward()
            offset = pynn.default_generator._offset
            found.append((offset, [x.detach().numpy() for x in (out, q.grad, k.grad, v.grad)]))
    for offset, values in found[1:]:
        assert offset == found[0][0]
        for a, b in zip(values, found[0][1]):
            numpy.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_mask_that_is_learnt():
    """A float mask gets a gradient: a table of relative positions, shared by the batch."""
    q, k, v = (pynn.randn(2, 3, n, 4, dtype=pynn.float64) for n in (5, 6, 6))
    bias = pynn.randn(3, 5, 6, dtype=pynn.float64, requires_grad=True)
    F.scaled_dot_product_attention(q, k, v, bias).square().sum().backward()
    step = 1e-6
    for place in ((0, 0, 0), (2, 4, 5), (1, 2, 3)):
        sums = []
        for sign in (1, -1):
            moved = bias.detach().clone()
            moved[place] += sign * step
            sums.append(F.scaled_dot_product_attention(q, k, v, moved).square().sum().item())
        assert abs((sums[0] - sums[1]) / (2 * step) - bias.grad[place].item()) < 1e-7


def test_row_that_sees_nothing(same_as_torch):
    mask = numpy.ones((L, S), bool)
    mask[1] = False
    same_as_torch("scaled_dot_product_attention", draw(L, E), draw(S, E), draw(S, E), mask)


def test_gradients(gradients):
    gradients(
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), draw(2, 2), draw(3, 2), draw(3, 2)
    )


def test_dropout():
    pynn.manual_seed(0)
    q = pynn.ones(4, 8)
    v = pynn.eye(4)
    out = F.scaled_dot_product_attention(q, q, v, dropout_p=0.5)
    assert set(numpy.unique(out.numpy()).tolist()) == {0.0, 0.5}


def test_errors(same_error):
    q, k = draw(L, E), draw(S, E)
    same_error(RuntimeError, "scaled_dot_product_attention", q, k, k, numpy.ones((L, S), bool), is_causal=True)
    same_error(RuntimeError, "scaled_dot_product_attention", q, draw(S, 3), k)
    same_error(RuntimeError, "scaled_dot_product_attention", q, k, draw(4, E))


@pytest.mark.parametrize(
    "masks", [(None, None), ("bool", None), ("float", None), ("heads", None), (None, "bool"), ("float", "float")]
)
@pytest.mark.parametrize("averaged", [True, False])
def test_multi_head(same_as_torch, masks, averaged):
    attn = {"bool": numpy.triu(numpy.ones((L, S), bool), 2), "float": draw(L, S), "heads": draw(N * HEADS, L, S)}.get(
        masks[0]
    )
    padding = {"bool": numpy.arange(S)[None] > [[3], [2]], "float": draw(N, S)}.get(masks[1])

    def run(t, q, k, v, w, b, wo, bo, attn, padding):
        return t.nn.functional.multi_head_attention_forward(
            q, k, v, E, HEADS, w, b, None, None, False, 0.0, wo, bo, True, padding, True, attn,
            average_attn_weights=averaged,
        )  # fmt: skip

    same_as_torch(
        run,
        draw(L, N, E),
        draw(S, N, E),
        draw(S, N, E),
        draw(3 * E, E),
        draw(3 * E),
        draw(E, E),
        draw(E),
        attn,
        padding,
    )


def test_multi_head_self_attention_with_all_options(same_as_torch):
    def run(t, x, w, b, bk, bv, wo, mask):
        return t.nn.functional.multi_head_attention_forward(
            x, x, x, E, HEADS, w, b, bk, bv, True, 0.0, wo, None, attn_mask=mask, need_weights=True
        )

    args = draw(3 * E, E), draw(3 * E), draw(1, 1, E), draw(1, 1, E), draw(E, E), draw(L, L)
    same_as_torch(run, draw(L, N, E), *args)


def test_multi_head_separate_projections_and_no_batch(same_as_torch):
    def run(t, q, k, v, b, wq, wk, wv, wo):
        return t.nn.functional.multi_head_attention_forward(
            q, k, v, E, HEADS, None, b, None, None, False, 0.0, wo, None, need_weights=False,
            use_separate_proj_weight=True, q_proj_weight=wq, k_proj_weight=wk, v_proj_weight=wv,
        )  # fmt: skip

    same_as_torch(run, draw(L, E), draw(S, 3), draw(S, 6), draw(3 * E), draw(E, E), draw(E, 3), draw(E, 6), draw(E, E))


def test_multi_head_output_is_row_major():
    x, w, wo = pynn.randn(N, L, E).transpose(0, 1), pynn.randn(3 * E, E), pynn.randn(E, E)
    out, _ = F.multi_head_attention_forward(x, x, x, E, HEADS, w, None, None, None, False, 0.0, wo, None)
    assert out.shape == (L, N, E)
    assert out.is_contiguous()
