"""Attention: as torch's, with every kind of mask."""

import numpy
import pytest

import pynn
import pynn.nn.functional as F

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
