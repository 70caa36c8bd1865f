"""Attention, with torch.nn.functional's signatures (Vaswani and others: arXiv:1706.03762)."""

import functools
import math
from collections.abc import Callable
from typing import Any, ParamSpec

from pynn._core import Tensor, call
from pynn.nn.functional.dropout import dropout
from pynn.nn.functional.linear import linear
from pynn.nn.functional.pad import pad
from pynn.nn.functional.softmax import softmax
from pynn.ops.attention import ATTENTION
from pynn.ops.joining import cat
from pynn.ops.selecting import masked_fill

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]

P = ParamSpec("P")


def _grouped(query: Any, key: Any, value: Any, mask: Any) -> Any:
    """Heads (dimension -3) in groups that share a head of key and value, which broadcast over their group."""
    heads, own = query._array.shape[-3], key._array.shape[-3]
    if own != value._array.shape[-3] or heads % own:
        raise RuntimeError(
            "scaled_dot_product_attention: with enable_gqa the heads of query must be a multiple of those of key and "
            f"value, got {heads} for {own} and {value._array.shape[-3]}."
        )
    shape = query._array.shape
    query = query.reshape((*shape[:-3], own, heads // own, *shape[-2:]))
    if mask is not None and mask._array.ndim > 2:
        shape = mask._array.shape
        mask = mask.unsqueeze(-3) if shape[-3] == 1 else mask.reshape((*shape[:-3], own, heads // own, *shape[-2:]))
    return query, key.unsqueeze(-3), value.unsqueeze(-3), mask


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query @ key^T * scale + mask) @ value.

    query (..., L, E), key (..., S, E), value (..., S, Ev): (..., L, Ev). attn_mask: bool (True takes part) or added to
    the scores, broadcasting to (..., L, S). is_causal: position i sees 0..i. scale: default 1 / sqrt(E). dropout_p: of
    the attention weights, always applied. enable_gqa: several heads (dimension -3) of query share one of key and value.
    A row that sees nothing gives zeros. Raises RuntimeError for shapes that do not fit and for a mask beside is_causal.
    """
    if attn_mask is not None and is_causal:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if attn_mask is not None and attn_mask.is_floating_point() and attn_mask.dtype is not query.dtype:
        raise RuntimeError(
            f"Expected attn_mask dtype to be bool or to match query dtype, but got {attn_mask.dtype} and {query.dtype}."
        )
    scale = 1.0 / math.sqrt(query._array.shape[-1]) if scale is None else float(scale)
    if dropout_p < 0.0 or dropout_p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {dropout_p}")
    shape = query._array.shape
    if enable_gqa:
        query, key, value, attn_mask = _grouped(query, key, value, attn_mask)
    attrs = (bool(is_causal), scale, float(dropout_p), None)
    output = call(ATTENTION, (query, key, value, attn_mask), attrs)[0]
    return output.reshape((*shape[:-1], output._array.shape[-1])) if enable_gqa else output


def _is_turned(x: Any) -> bool:
    """Whether (L, N, E) lies in memory as (N, L, E)."""
    flags = x._array.flags
    return x._array.ndim == 3 and not flags.c_contiguous and x._array.swapaxes(0, 1).flags.c_contiguous


def _linear(x: Any, weight: Any, bias: Any) -> Any:
    """`linear`, which copies neither what lies turned nor its gradient."""
    if _is_turned(x):
        return linear(x.transpose(0, 1), weight, bias).transpose(0, 1)
    return linear(x, weight, bias)


def _projected(query: Any, key: Any, value: Any, in_proj_weight: Any, in_proj_bias: Any, separate: Any) -> Any:
    """Query, key and value through their projections, which are one matrix of three parts or three matrices."""
    if separate is None and query is key and key is value:
        if not _is_turned(query):
            return linear(query, in_proj_weight, in_proj_bias).chunk(3, -1)
        parts = linear(query.transpose(0, 1), in_proj_weight, in_proj_bias).chunk(3, -1)
        return tuple(x.transpose(0, 1) for x in parts)
    weights = in_proj_weight.chunk(3, 0) if separate is None else separate
    biases = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3, 0)
    return tuple(_linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases))


def _heads(x: Any, count: Any) -> Any:
    """(L, N, E) as (N, heads, L, E / heads)."""
    length, batch, width = x._array.shape
    return x.reshape(length, batch, count, width // count).permute(1, 2, 0, 3)


def _joined_mask(attn_mask: Any, key_padding_mask: Any, like: Any, batch: Any, heads: Any) -> Any:
    """Both masks as one that is added to the scores (True in a bool one keeps a position out), or None."""
    total = None
    if attn_mask is not None:
        shape = attn_mask._array.shape
        attn_mask = (
            attn_mask.reshape((1, 1, *shape)) if len(shape) == 2 else attn_mask.reshape((batch, heads, *shape[1:]))
        )
    if key_padding_mask is not None:
        key_padding_mask = key_padding_mask.reshape((batch, 1, 1, -1))
    for mask in (attn_mask, key_padding_mask):
        if mask is None:
            continue
        if not mask.is_floating_point():
            mask = masked_fill(like.detach().new_zeros(mask._array.shape), mask, -math.inf)
        total = mask if total is None else total + mask
    return total


def _check_inputs(query: Any, key: Any, value: Any, key_padding_mask: Any, attn_mask: Any, heads: Any) -> Any:
    """Whether the inputs lack the batch dimension; AssertionError, in torch's words, where they do not agree on it."""
    if query.ndim not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor"
        )
    kind = "batched (3-D)" if query.ndim == 3 else "unbatched (2-D)"
    if key.ndim != query.ndim or value.ndim != query.ndim:
        raise AssertionError(
            f"For {kind} `query`, expected `key` and `value` to be {query.ndim}-D but found {key.ndim}-D and "
            f"{value.ndim}-D tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.ndim != query.ndim - 1:
        raise AssertionError(
            f"For {kind} `query`, expected `key_padding_mask` to be `None` or {query.ndim - 1}-D but found "
            f"{key_padding_mask.ndim}-D tensor instead"
        )
    for name, mask in (("key_padding_mask", key_padding_mask), ("attn_mask", attn_mask)):
        if mask is not None and not (mask.is_floating_point() or mask._array.dtype.kind == "b"):
            raise AssertionError(f"only bool and floating types of {name} are supported, got {mask.dtype}")
    if attn_mask is not None:
        if attn_mask.ndim not in (2, 3):
            raise AssertionError(
                f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {attn_mask.ndim}-D tensor "
                "instead"
            )
        wanted = (heads, query._array.shape[0], key._array.shape[0])
        if query.ndim == 2 and attn_mask.ndim == 3 and attn_mask._array.shape != wanted:
            raise AssertionError(f"Expected `attn_mask` shape to be {wanted} but got {attn_mask.shape}")
    return query.ndim == 2


def _check_lengths(
    query: Any, key: Any, value: Any, key_padding_mask: Any, attn_mask: Any, heads: Any, separate: Any
) -> None:
    """AssertionError or RuntimeError, in torch's words, where shapes (L, N, E) and those of the masks do not fit."""
    a, b, c = query._array.shape, key._array.shape, value._array.shape
    if b[:2] != c[:2] or (b != c and not separate):
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
    if attn_mask is not None:
        wanted = (a[0], b[0]) if attn_mask.ndim == 2 else (a[1] * heads, a[0], b[0])
        if attn_mask._array.shape != wanted:
            raise RuntimeError(
                f"The shape of the {attn_mask.ndim}D attn_mask is {attn_mask.shape}, but should be {wanted}."
            )
    if key_padding_mask is not None:
        for place, wanted in enumerate((a[1], b[0])):
            if key_padding_mask._array.shape[place] != wanted:
                raise AssertionError(
                    f"Expected key_padded_mask.shape[{place}] to be {wanted}, but got "
                    f"{key_padding_mask._array.shape[place]}"
                )


def _row_major(function: Callable[P, Any]) -> Callable[P, Any]:
    """function with its output row-major; without this it may lie in memory as the query does."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Any:
        output, weights = function(*args, **kwargs)
        return output.contiguous(), weights

    return wrapper


@_row_major
def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> Any:
    """Attention of several heads between projections: (output (L, N, E), weights or None).

    query (L, N, E), key and value (S, N, ...), or without N. Weights are (N, L, S), averaged over the heads, or
    (N, heads, L, S) where average_attn_weights is False. Masks are bool (True keeps out) or added to the scores.
    """
    single = _check_inputs(query, key, value, key_padding_mask, attn_mask, num_heads)
    if single:
        same = query is key and key is value
        query = query.unsqueeze(1)
        key, value = (query, query) if same else (key.unsqueeze(1), value.unsqueeze(1))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, width = query._array.shape
    if width != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {width}")
    if width % num_heads:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    _check_lengths(query, key, value, key_padding_mask, attn_mask, num_heads, use_separate_proj_weight)
    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias, separate)
    extra = 0
    if bias_k is not None and bias_v is not None:
        k, v = (cat([x, b.expand((1, batch, width))]) for x, b in ((k, bias_k), (v, bias_v)))
        extra += 1
    q, k, v = (_heads(x, num_heads) for x in (q, k, v))
    k = k if static_k is None else static_k.reshape((batch, num_heads, *static_k._array.shape[1:]))
    v = v if static_v is None else static_v.reshape((batch, num_heads, *static_v._array.shape[1:]))
    if add_zero_attn:
        k, v = pad(k, (0, 0, 0, 1)), pad(v, (0, 0, 0, 1))
        extra += 1
    mask = _joined_mask(attn_mask, key_padding_mask, q, batch, num_heads)
    mask = pad(mask, (0, extra)) if mask is not None and extra else mask
    scale = 1.0 / math.sqrt(width // num_heads)
    dropout_p = float(dropout_p) if training else 0.0
    if need_weights:
        scores = (q * scale) @ k.transpose(-2, -1)
        weights = softmax(scores if mask is None else scores + mask, -1)
        if dropout_p:
            weights = dropout(weights, dropout_p)
        output = weights @ v
        weights = weights.mean(1) if average_attn_weights else weights
    else:
        weights = None
        # The mask need not be read; as in torch, what bias_k and add_zero_attn append then comes after every position.
        causal = is_causal and key_padding_mask is None
        attrs = (bool(causal), scale, dropout_p, None)
        output = call(ATTENTION, (q, k, v, None if causal else mask), attrs)[0]
    if _is_turned(query):
        output = output.permute(0, 2, 1, 3).reshape(batch, length, width).transpose(0, 1)
    else:
        output = output.permute(2, 0, 1, 3).reshape(length, batch, width)
    output = _linear(output, out_proj_weight, out_proj_bias)
    if single:
        output, weights = output.squeeze(1), None if weights is None else weights.squeeze(0)
    return output, weights
