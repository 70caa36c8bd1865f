"""Causal biases."""

import pytest

import pynn
from pynn.nn import functional as F
from pynn.nn.attention.bias import CausalBias, CausalVariant, causal_lower_right, causal_upper_left


def test_the_diagonal_begins_or_ends_in_a_corner():
    assert causal_upper_left(2, 3).tolist() == [[True, False, False], [True, True, False]]
    assert causal_lower_right(2, 3).tolist() == [[True, True, False], [True, True, True]]


def test_attention_takes_them():
    q, k = pynn.randn(2, 2, 3, 4), pynn.randn(2, 2, 5, 4)
    bias = causal_lower_right(3, 5)
    assert (bias.variant, bias.seq_len_q, bias.seq_len_kv) == (CausalVariant.LOWER_RIGHT, 3, 5)
    mask = pynn.ones(3, 5, dtype=pynn.bool).tril(2)
    assert pynn.equal(F.scaled_dot_product_attention(q, k, k, bias), F.scaled_dot_product_attention(q, k, k, mask))
    square = F.scaled_dot_product_attention(q, q, q, causal_upper_left(3, 3))
    assert pynn.allclose(square, F.scaled_dot_product_attention(q, q, q, is_causal=True))


def test_what_does_not_fit_says_so():
    with pytest.raises(AssertionError, match="must be a CausalVariant, got int"):
        CausalBias(1, 2, 3)
    with pytest.raises(AssertionError, match="two lengths"):
        causal_upper_left(2)
    with pytest.warns(UserWarning, match="1 of 3 queries"):
        causal_lower_right(3, 2)
