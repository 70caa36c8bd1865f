"""Multi-head attention as a module."""

from typing import Any

from pynn._core import Tensor
from pynn.nn import functional as F
from pynn.nn import init
from pynn.nn.linear import Linear
from pynn.nn.module import Module
from pynn.nn.parameter import Parameter
from pynn.ops.creation import empty
from pynn.ops.out import undiverted

__all__ = ["MultiheadAttention"]


class NonDynamicallyQuantizableLinear(Linear):
    """Linear, under the name that torch shows for the last projection."""


class MultiheadAttention(Module):
    """Attention of num_heads heads between linear projections of query, key and value (arXiv:1706.03762).

    in_proj_weight (3 * embed_dim, embed_dim), or q_proj_weight, k_proj_weight and v_proj_weight where kdim or vdim
    differ from embed_dim; in_proj_bias (3 * embed_dim,); out_proj, a Linear; bias_k and bias_v (1, 1, embed_dim),
    added as one more key and value, where add_bias_kv. Raises ValueError for sizes that are not positive or where
    num_heads does not divide embed_dim.
    """

    def __init__(self, embed_dim: int, num_heads: int, dropout: float=0.0, bias: bool=True, add_bias_kv: bool=False, add_zero_attn: bool=False, kdim: int | None=None,
                 vdim: int | None=None, batch_first: bool=False, device: Any=None, dtype: Any=None) -> None:  # fmt: skip
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} "
                "instead"
            )
        if embed_dim % num_heads:
            raise AssertionError(f"embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}")
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.add_zero_attn = add_zero_attn
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = together = self.kdim == self.vdim == embed_dim
        widths = {"q_proj_weight": embed_dim, "k_proj_weight": self.kdim, "v_proj_weight": self.vdim}
        shapes: dict[str, tuple[int, ...] | None]
        shapes = {name: None if together else (embed_dim, width) for name, width in widths.items()}
        shapes["in_proj_weight"] = (3 * embed_dim, embed_dim) if together else None
        shapes["in_proj_bias"] = (3 * embed_dim,) if bias else None
        shapes |= dict.fromkeys(("bias_k", "bias_v"), (1, 1, embed_dim) if add_bias_kv else None)
        for name, shape in shapes.items():
            param = None if shape is None else Parameter(empty(shape, device=device, dtype=dtype))
            self.register_parameter(name, param)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, device, dtype)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            if getattr(self, name) is not None:
                init.xavier_uniform_(getattr(self, name))
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        if self.bias_k is not None:
            init.xavier_normal_(self.bias_k)
            init.xavier_normal_(self.bias_v)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> Any:
        """(output, weights): output of query's shape; weights (N, L, S), or None unless need_weights.

        query (L, N, embed_dim), key (S, N, kdim), value (S, N, vdim); (N, L, ...) where batch_first; or without N.
        key_padding_mask (N, S) and attn_mask (L, S) or (N * num_heads, L, S): bool, True keeps out, or added to the
        scores. average_attn_weights False: weights (N, num_heads, L, S).
        """
        turned = self.batch_first and query.dim() == 3
        if turned:
            views = {id(x): x.transpose(0, 1) for x in (query, key, value)}  # what was one tensor stays one
            query, key, value = (views[id(x)] for x in (query, key, value))
        attend: Any = F.multi_head_attention_forward  # wrapped, it would copy its output, which is turned back below
        output, weights = (undiverted(attend).__wrapped__ if turned else attend)(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias, self.bias_k,
            self.bias_v, self.add_zero_attn, self.dropout, self.out_proj.weight, self.out_proj.bias,
            training=self.training, key_padding_mask=key_padding_mask, need_weights=need_weights, attn_mask=attn_mask,
            use_separate_proj_weight=self.in_proj_weight is None, q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight, v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights, is_causal=is_causal,
        )  # fmt: skip
        return (output.transpose(0, 1) if turned else output), weights
