"""Attention with scores and masks of one's own."""

import math

import numpy
import pytest

import pynn
from pynn.nn import functional as F
from pynn.nn.attention.flex_attention import (
    AuxRequest,
    BlockMask,
    and_masks,
    create_block_mask,
    create_mask,
    flex_attention,
    noop_mask,
    or_masks,
)


def causal(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx


def near(b, h, q_idx, kv_idx):
    return q_idx - kv_idx <= 2


def bias_of(table):
    def score_mod(score, b, h, q_idx, kv_idx):
        return score + table[h, q_idx - kv_idx + table.shape[1] // 2] * (b + 1)

    return score_mod


@pytest.fixture
def qkv(rng):
    return [pynn.tensor(rng.normal(size=s), requires_grad=True) for s in ((2, 4, 5, 8), (2, 2, 7, 8), (2, 2, 7, 3))]


def plain(q, k, v, bias=None, mask=None):
    k, v = (x.repeat_interleave(2, 1) for x in (k, v))
    scores = q @ k.mT / math.sqrt(8)
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return scores.softmax(-1) @ v, scores.logsumexp(-1)


def test_scores_and_masks_of_ones_own(qkv, rng):
    table = pynn.tensor(rng.normal(size=(4, 15)), requires_grad=True)
    mask = create_block_mask(causal, None, None, 5, 7)
    out, lse = flex_attention(*qkv, bias_of(table), mask, enable_gqa=True, return_lse=True)
    place = pynn.arange(5)[:, None] - pynn.arange(7) + 7
    bias = table[:, place] * pynn.tensor([1.0, 2.0], dtype=pynn.float64).reshape(2, 1, 1, 1)
    expected, expected_lse = plain(*qkv, bias, pynn.ones(5, 7, dtype=pynn.bool).tril())
    assert pynn.allclose(out, expected)
    assert pynn.allclose(lse, expected_lse)
    (found,) = pynn.autograd.grad(out.sum() + lse.sum(), table)
    (wanted,) = pynn.autograd.grad(expected.sum() + expected_lse.sum(), table)
    assert pynn.allclose(found, wanted)


def test_without_a_score_mod_it_is_scaled_dot_product_attention(qkv):
    q, k, v = (x.detach() for x in qkv)
    out = flex_attention(q, k, v, enable_gqa=True, scale=0.5)
    assert pynn.equal(
        out, F.scaled_dot_product_attention(q, k.repeat_interleave(2, 1), v.repeat_interleave(2, 1), scale=0.5)
    )


def test_rows_that_see_nothing_give_zeros(qkv):
    q, k, v = qkv

    def nothing_for_the_first(score, b, h, q_idx, kv_idx):
        return pynn.where(q_idx == 0, -math.inf, score)

    out, lse = flex_attention(q, k, v, nothing_for_the_first, enable_gqa=True, return_lse=True)
    assert pynn.equal(out[:, :, 0], pynn.zeros_like(out[:, :, 0]))
    assert (lse[:, :, 0] == -math.inf).all()
    out.sum().backward()
    assert q.grad.isfinite().all()


def test_what_is_asked_for_beside_the_result(qkv):
    q, k, v = qkv
    _, aux = flex_attention(q, k, v, enable_gqa=True, return_aux=AuxRequest(lse=True, max_scores=True))
    assert pynn.allclose(aux.lse, plain(q, k, v)[1])
    assert aux.max_scores.shape == (2, 4, 5)
    assert flex_attention(q, k, v, enable_gqa=True, return_aux=AuxRequest())[1] == (None, None)


def test_half_precision_scores_are_float32(rng):
    x = pynn.tensor(rng.normal(size=(1, 1, 4, 8))).bfloat16()
    out = flex_attention(x, x, x, lambda score, b, h, q, kv: score)
    assert out.dtype is pynn.bfloat16
    assert pynn.allclose(out, F.scaled_dot_product_attention(x, x, x), atol=1e-2)


def test_masks_combine():
    both, either = create_mask(and_masks(causal, near), 1, 1, 6, 6), create_mask(or_masks(causal, near), 1, 1, 6, 6)
    first, second = create_mask(causal, 1, 1, 6, 6), create_mask(near, 1, 1, 6, 6)
    assert pynn.equal(both, first & second)
    assert pynn.equal(either, first | second)
    assert create_mask(noop_mask, 2, 3, 4, 5).all()
    by_score = create_mask(lambda s, b, h, q, kv: pynn.where(q >= kv, s, -math.inf), 1, 1, 6, 6)
    assert pynn.equal(by_score, first)
    with pytest.raises(RuntimeError, match="callable mask_mods"):
        and_masks(3)


def test_blocks_of_a_mask():
    mask = create_block_mask(causal, None, None, 300, 300)
    assert mask.shape == (1, 1, 300, 300)
    assert mask.to_dense().tolist() == [[[[1, 0, 0], [1, 1, 0], [1, 1, 1]]]]
    assert mask.kv_num_blocks.tolist() == [[[1, 1, 3]]]
    assert mask.full_kv_num_blocks.tolist() == [[[0, 1, 0]]]
    assert mask.q_num_blocks.tolist() == [[[2, 2, 1]]]
    assert mask.sparsity() == pytest.approx(100 * (1 - 6 * 128 * 128 / 90000))
    assert "shape=(1, 1, 300, 300), sparsity=-9.23%" in str(mask)
    assert "██    \n████  \n██████" in str(mask)
    assert "mask_mod=causal" in repr(mask)
    assert mask.to("cpu").as_tuple()[:2] == (300, 300)
    whole = create_block_mask(causal, 2, 3, 64, 64, BLOCK_SIZE=(16, 32), separate_full_blocks=False)
    assert whole.full_kv_indices is None
    assert whole.kv_num_blocks.tolist() == [[[1, 1, 2, 2]] * 3] * 2
    assert "and 2 more" in whole.to_string()


def test_parts_of_a_mask_and_shorter_ones(rng):
    mask = create_block_mask(causal, 2, 1, 64, 64, BLOCK_SIZE=16)
    part = mask[1, 0, 1:2]
    assert part.to_dense().tolist() == [[[[1, 1, 0, 0]]]]
    with pytest.raises(RuntimeError, match="has no mask_mod"):
        part.mask_mod(*(pynn.zeros(1),) * 4)
    with pytest.raises(IndexError, match="out of bounds"):
        mask[2]
    short = mask._adjust(20, 40)
    assert short.shape == (2, 1, 20, 40)
    x, y = (pynn.tensor(rng.normal(size=(2, 1, n, 4))) for n in (20, 40))
    expected = F.scaled_dot_product_attention(x, y, y, pynn.ones(20, 40, dtype=pynn.bool).tril())
    assert pynn.allclose(flex_attention(x, y, y, block_mask=short), expected)


def test_a_mask_from_its_lists():
    counts, places = pynn.tensor([[[1, 2]]]), pynn.tensor([[[[1, 0], [0, 1]]]])
    mask = BlockMask.from_kv_blocks(counts, places, BLOCK_SIZE=4)
    assert mask.shape == (1, 1, 8, 8)
    assert mask.to_dense().tolist() == [[[[0, 1], [1, 1]]]]
    assert mask.q_num_blocks.tolist() == [[[1, 2]]]
    with pytest.raises(AssertionError, match="both provided or omitted"):
        BlockMask.from_kv_blocks(counts, places, counts)


def test_what_does_not_fit_says_so(qkv):
    q, k, v = qkv
    with pytest.raises(NotImplementedError, match="4D"):
        flex_attention(q[0], k, v)
    with pytest.raises(ValueError, match="enable_gqa=True"):
        flex_attention(q, k, v)
    with pytest.raises(ValueError, match="E=8 and E=3"):
        flex_attention(q, v, v, enable_gqa=True)
    with pytest.raises(ValueError, match="same dtype"):
        flex_attention(q, k.float(), v, enable_gqa=True)
    with pytest.raises(ValueError, match="_adjust"):
        flex_attention(q, k, v, block_mask=create_block_mask(causal, None, None, 8, 8), enable_gqa=True)
    with pytest.raises(RuntimeError, match="a batch size of 3"):
        flex_attention(q, k, v, block_mask=create_block_mask(causal, 3, None, 5, 7), enable_gqa=True)
    with pytest.raises(TypeError, match="must return a Tensor"):
        flex_attention(q, k, v, lambda s, b, h, i, j: 3, enable_gqa=True)
    with pytest.raises(RuntimeError, match="broadcasts to the scores"):
        flex_attention(q, k, v, lambda s, b, h, i, j: s[..., :2], enable_gqa=True)
    with pytest.raises(TypeError, match="not a callable"):
        create_block_mask(3, 1, 1, 2, 2)
    with pytest.raises(AssertionError, match="use it as score_mod"):
        create_block_mask(lambda s, b, h, i, j: s, 1, 1, 2, 2)


@pytest.mark.filterwarnings("ignore")
def test_as_torch(rng):
    torch = pytest.importorskip("torch")
    theirs = pytest.importorskip("torch.nn.attention.flex_attention")
    arrays = [rng.normal(size=s).astype("float32") for s in ((2, 2, 150, 8), (2, 2, 200, 8), (2, 2, 200, 8))]
    slopes = rng.normal(size=2).astype("float32")
    results = []
    for lib, flex in ((pynn, flex_attention), (torch, theirs.flex_attention)):
        create = create_block_mask if lib is pynn else theirs.create_block_mask
        table = lib.tensor(slopes)

        def alibi(score, b, h, q_idx, kv_idx, table=table):
            return score + table[h] * (kv_idx - q_idx)

        mask = create(causal, None, None, 150, 200, device="cpu")
        out, lse = flex(*(lib.tensor(a) for a in arrays), score_mod=alibi, block_mask=mask, return_lse=True)
        blocks = [x.numpy() for x in mask.as_tuple()[2:10]]
        results.append(
            [out.numpy(), lse.numpy(), *blocks, mask.to_dense().numpy(), mask.sparsity(), repr(mask), str(mask)]
        )
    for ours, wanted in zip(*results):
        if isinstance(wanted, str):
            assert ours == wanted.replace("torch.Size", "pynn.Size")
        else:
            numpy.testing.assert_allclose(ours, wanted, rtol=1e-4, atol=1e-5)
