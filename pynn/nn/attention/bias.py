"""Causal masks for queries and keys of different lengths, as `attn_mask` of `scaled_dot_product_attention`."""

import enum
import warnings
from typing import Any

import pynn
from pynn import _core
from pynn._core import Tensor

__all__ = ["CausalBias", "CausalVariant", "causal_lower_right", "causal_upper_left"]


class CausalVariant(enum.IntEnum):
    """Where the diagonal of a causal mask begins: in the upper left corner, or ends: in the lower right one."""

    UPPER_LEFT = 1
    LOWER_RIGHT = 2


class CausalBias(Tensor):
    """A causal mask of shape (seq_len_q, seq_len_kv), bool: True takes part.

    Upper left: query i sees keys 0..i. Lower right: query i sees keys 0..i + seq_len_kv - seq_len_q, which is what
    decoding with a cache of earlier keys needs. Raises AssertionError for what is no CausalVariant; warns where the
    lower right one leaves queries that see nothing, whose result is zeros here.
    """

    variant: CausalVariant
    seq_len_q: int
    seq_len_kv: int

    def __new__(cls, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> Any:
        if not isinstance(variant, CausalVariant):
            raise AssertionError(f"variant must be a CausalVariant, got {type(variant).__name__}")
        lower = variant is CausalVariant.LOWER_RIGHT
        if lower and seq_len_q > seq_len_kv:
            warnings.warn(
                f"A lower right causal bias leaves {seq_len_q - seq_len_kv} of {seq_len_q} queries without a key to "
                "see: their result is zeros (torch's is NaN).",
                stacklevel=3,
            )
        ones = pynn.ones(seq_len_q, seq_len_kv, dtype=pynn.bool)
        mask = ones.tril(seq_len_kv - seq_len_q if lower else 0)
        return _core.wrap_as(cls, mask._array)

    def __init__(self, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> None:
        self.variant, self.seq_len_q, self.seq_len_kv = variant, seq_len_q, seq_len_kv


def causal_upper_left(*size: int) -> CausalBias:
    """The causal bias of two lengths, (queries, keys), whose diagonal begins in the upper left corner."""
    return CausalBias(CausalVariant.UPPER_LEFT, *_lengths("causal_upper_left", size))


def causal_lower_right(*size: int) -> CausalBias:
    """The causal bias of two lengths, (queries, keys), whose diagonal ends in the lower right corner."""
    return CausalBias(CausalVariant.LOWER_RIGHT, *_lengths("causal_lower_right", size))


def _lengths(name: str, size: tuple[int, ...]) -> tuple[int, int]:
    if len(size) != 2:
        raise AssertionError(f"{name} takes two lengths, of queries and of keys, got {size}")
    return size[0], size[1]
