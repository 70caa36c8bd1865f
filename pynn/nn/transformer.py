"""Encoders and decoders of attention layers (Vaswani and others: arXiv:1706.03762), as modules."""

import copy
import math
from typing import Any

from pynn._core import Tensor
from pynn.nn import functional as F
from pynn.nn import init
from pynn.nn.containers import ModuleList
from pynn.nn.dropout import Dropout
from pynn.nn.linear import Linear
from pynn.nn.module import Module
from pynn.nn.multihead_attention import MultiheadAttention
from pynn.nn.normalization import LayerNorm
from pynn.ops.creation import full

__all__ = [
    "Transformer", "TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder", "TransformerEncoderLayer",
]  # fmt: skip

_ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu}


def _get_activation_fn(activation: Any) -> Any:
    """The function of a name, "relu" or "gelu"; a function as it is. RuntimeError for another name."""
    if not isinstance(activation, str):
        return activation
    if activation not in _ACTIVATIONS:
        raise RuntimeError(f"activation should be relu/gelu, not {activation}")
    return _ACTIVATIONS[activation]


class _Layer(Module):
    """The blocks that both kinds of layers are made of; each is added to its input, normalised before or after.

    Their names are torch's, so that a subclass written for torch can replace one.
    """

    def _sa_block(self, x: Any, attn_mask: Any, key_padding_mask: Any, is_causal: bool = False) -> Any:
        """Self-attention and dropout."""
        return self.dropout1(
            self.self_attn(
                x,
                x,
                x,
                attn_mask=attn_mask,
                key_padding_mask=key_padding_mask,
                is_causal=is_causal,
                need_weights=False,
            )[0]
        )

    def _fed_forward(self, x: Any) -> Any:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(_Layer):
    """Self-attention, then two linear layers with an activation ("relu", "gelu" or a function) between.

    norm_first: normalise what goes into each block (arXiv:2002.04745) instead of its sum with what comes out.
    Raises RuntimeError for another activation's name.
    """

    def __init__(self, d_model: int, nhead: int, dim_feedforward: int=2048, dropout: float=0.1, activation: Any=F.relu, layer_norm_eps: float=1e-5,
                 batch_first: bool=False, norm_first: bool=False, bias: bool=True, device: Any=None, dtype: Any=None) -> None:  # fmt: skip
        super().__init__()
        place = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **place)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **place)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **place)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = _get_activation_fn(activation)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """src (S, N, E), (N, S, E) with batch_first, or (S, E); masks as MultiheadAttention takes them.

        is_causal: a hint that src_mask is the causal mask.
        """
        x: Tensor = src
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), src_mask, src_key_padding_mask, is_causal=is_causal)
            x = x + self._ff_block(self.norm2(x))
            return x
        x = self.norm1(x + self._sa_block(x, src_mask, src_key_padding_mask, is_causal=is_causal))
        x = self.norm2(x + self._ff_block(x))
        return x

    def _ff_block(self, x: Tensor) -> Tensor:
        """The two linear layers and dropout."""
        out: Tensor = self.dropout2(self._fed_forward(x))
        return out


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to an encoder's output, then two linear layers with an activation between."""

    def __init__(self, d_model: int, nhead: int, dim_feedforward: int=2048, dropout: float=0.1, activation: Any=F.relu, layer_norm_eps: float=1e-5,
                 batch_first: bool=False, norm_first: bool=False, bias: bool=True, device: Any=None, dtype: Any=None) -> None:  # fmt: skip
        super().__init__()
        place = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **place)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **place)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **place)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **place)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _get_activation_fn(activation)

    def forward(self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor | None=None, memory_mask: Tensor | None=None, tgt_key_padding_mask: Tensor | None=None,
                memory_key_padding_mask: Tensor | None=None, tgt_is_causal: bool=False, memory_is_causal: bool=False) -> Tensor:  # fmt: skip
        """tgt (T, N, E) and memory (S, N, E), batch first or without batch; masks as MultiheadAttention takes them."""
        x: Tensor = tgt
        own, other = (tgt_mask, tgt_key_padding_mask), (memory_mask, memory_key_padding_mask)
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), *own, tgt_is_causal)
            x = x + self._mha_block(self.norm2(x), memory, *other, memory_is_causal)
            x = x + self._ff_block(self.norm3(x))
            return x
        x = self.norm1(x + self._sa_block(x, *own, tgt_is_causal))
        x = self.norm2(x + self._mha_block(x, memory, *other, memory_is_causal))
        x = self.norm3(x + self._ff_block(x))
        return x

    def _mha_block(self, x: Any, mem: Any, attn_mask: Any, key_padding_mask: Any, is_causal: bool = False) -> Any:
        """Attention to the encoder's output, and dropout."""
        return self.dropout2(
            self.multihead_attn(
                x,
                mem,
                mem,
                attn_mask=attn_mask,
                key_padding_mask=key_padding_mask,
                is_causal=is_causal,
                need_weights=False,
            )[0]
        )

    def _ff_block(self, x: Any) -> Any:
        """The two linear layers and dropout."""
        return self.dropout3(self._fed_forward(x))


def _get_clones(module: Any, N: int) -> ModuleList:
    """A list of N copies of a module."""
    return ModuleList([copy.deepcopy(module) for _ in range(N)])


class TransformerEncoder(Module):
    """num_layers copies of encoder_layer in turn, then norm.

    enable_nested_tensor and mask_check: taken for torch's sake; padding costs its positions here.
    """

    def __init__(
        self,
        encoder_layer: Any,
        num_layers: int,
        norm: Any = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _get_clones(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """src and the masks as a layer takes them."""
        for layer in self.layers:
            src = layer(src, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=bool(is_causal))
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """num_layers copies of decoder_layer in turn, then norm."""

    def __init__(self, decoder_layer: Any, num_layers: int, norm: Any = None) -> None:
        super().__init__()
        self.layers = _get_clones(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor | None=None, memory_mask: Tensor | None=None, tgt_key_padding_mask: Tensor | None=None,
                memory_key_padding_mask: Tensor | None=None, tgt_is_causal: bool | None=None, memory_is_causal: bool=False) -> Tensor:  # fmt: skip
        """tgt, memory and the masks as a layer takes them."""
        for layer in self.layers:
            tgt = layer(
                tgt,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=bool(tgt_is_causal),
                memory_is_causal=memory_is_causal,
            )
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """An encoder and a decoder that attends to its output, each with a norm at its end.

    custom_encoder, custom_decoder: modules that take the place of these.
    """

    def __init__(self, d_model: int=512, nhead: int=8, num_encoder_layers: int=6, num_decoder_layers: int=6, dim_feedforward: int=2048,
                 dropout: float=0.1, activation: Any=F.relu, custom_encoder: Any=None, custom_decoder: Any=None, layer_norm_eps: float=1e-5,
                 batch_first: bool=False, norm_first: bool=False, bias: bool=True, device: Any=None, dtype: Any=None) -> None:  # fmt: skip
        super().__init__()
        sizes = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        place = {"device": device, "dtype": dtype}
        if custom_encoder is None:
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
            custom_encoder = TransformerEncoder(TransformerEncoderLayer(*sizes, **place), num_encoder_layers, norm)
        if custom_decoder is None:
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, **place)
            custom_decoder = TransformerDecoder(TransformerDecoderLayer(*sizes, **place), num_decoder_layers, norm)
        self.encoder = custom_encoder
        self.decoder = custom_decoder
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def _reset_parameters(self) -> None:
        for p in self.parameters():
            if p.dim() > 1:
                init.xavier_uniform_(p)

    def forward(self, src: Tensor, tgt: Tensor, src_mask: Tensor | None=None, tgt_mask: Tensor | None=None, memory_mask: Tensor | None=None, src_key_padding_mask: Tensor | None=None,
                tgt_key_padding_mask: Tensor | None=None, memory_key_padding_mask: Tensor | None=None, src_is_causal: bool | None=None, tgt_is_causal: bool | None=None,
                memory_is_causal: bool=False) -> Tensor:  # fmt: skip
        """tgt's shape: src (S, N, E) and tgt (T, N, E), batch first or without batch.

        Raises RuntimeError where the batches of src and tgt differ, or E is not d_model.
        """
        batch = 0 if self.batch_first else 1
        if src.dim() == 3 and src.size(batch) != tgt.size(batch):
            raise RuntimeError("the batch number of src and tgt must be equal")
        if src.size(-1) != self.d_model or tgt.size(-1) != self.d_model:
            raise RuntimeError("the feature number of src and tgt must be equal to d_model")
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        out: Tensor = self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )
        return out

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Any:
        """(sz, sz): 0 where a position may look, -inf at the positions after it."""
        return full((sz, sz), -math.inf, dtype=dtype, device=device).triu(1)
