"""Swin transformers (Liu et al., 2021), and their second version (2022): attention inside windows that shift."""

import functools
import math
from collections.abc import Callable
from typing import Any

import pynn
from pynn import Tensor, nn
from pynn.nn import functional as F
from pynn.vision.models._builders import define
from pynn.vision.ops.misc import MLP, Permute
from pynn.vision.ops.stochastic_depth import StochasticDepth

_Layer = Callable[..., nn.Module]


def _four_to_one(x: Tensor) -> Tensor:
    """(..., H, W, C) to (..., ceil(H / 2), ceil(W / 2), 4 C): the pixels of a square side by side, column by column."""
    height, width = x.shape[-3:-1]
    x = F.pad(x, (0, 0, 0, width % 2, 0, height % 2))
    return pynn.cat([x[..., row::2, column::2, :] for column in (0, 1) for row in (0, 1)], -1)


class PatchMerging(nn.Module):
    """Norm, then a linear layer from four pixels to one of twice the channels: (..., H, W, C)."""

    def __init__(self, dim: int, norm_layer: _Layer = nn.LayerNorm) -> None:
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(4 * dim)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.reduction(self.norm(_four_to_one(x)))
        return out


class PatchMergingV2(nn.Module):
    """The linear layer first, then the norm."""

    def __init__(self, dim: int, norm_layer: _Layer = nn.LayerNorm) -> None:
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(2 * dim)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.reduction(_four_to_one(x)))
        return out


def _to_windows(x: Tensor, window: list[int]) -> Tensor:
    """(N, H, W, C) to (N * windows, pixels of a window, C)."""
    n, height, width, channels = x.shape
    x = x.reshape(n, height // window[0], window[0], width // window[1], window[1], channels)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, window[0] * window[1], channels)


def _strangers(height: int, width: int, window: list[int], shift: list[int], like: Tensor) -> Tensor:
    """(windows, P, P): -100 where two pixels of a window were no neighbours before the shift, else 0."""
    regions = like.new_zeros((height, width))
    number = 0
    for rows in (slice(0, -window[0]), slice(-window[0], -shift[0]), slice(-shift[0], None)):
        for columns in (slice(0, -window[1]), slice(-window[1], -shift[1]), slice(-shift[1], None)):
            regions[rows, columns] = number
            number += 1
    regions = _to_windows(regions.reshape(1, height, width, 1), window).squeeze(-1)
    return (regions.unsqueeze(1) != regions.unsqueeze(2)).to(like.dtype) * -100.0


def shifted_window_attention(
    input: Tensor,
    qkv_weight: Tensor,
    proj_weight: Tensor,
    relative_position_bias: Tensor,
    window_size: list[int],
    num_heads: int,
    shift_size: list[int],
    attention_dropout: float = 0.0,
    dropout: float = 0.0,
    qkv_bias: Tensor | None = None,
    proj_bias: Tensor | None = None,
    logit_scale: Tensor | None = None,
    training: bool = True,
) -> Tensor:
    """Self-attention inside every window of `input` (N, H, W, C), which is rolled by shift_size before.

    relative_position_bias: (1, heads, P, P) for P pixels a window, added to the logits. logit_scale: where given
    (version 2), logits are cosines times exp(logit_scale), and keys have no bias.
    """
    n, height, width, channels = input.shape
    x = F.pad(input, (0, 0, 0, -width % window_size[1], 0, -height % window_size[0]))
    full_height, full_width = x.shape[1:3]
    shift = [0 if w >= full else s for s, w, full in zip(shift_size, window_size, (full_height, full_width))]
    shifted = sum(shift) > 0
    if shifted:
        x = pynn.roll(x, shifts=(-shift[0], -shift[1]), dims=(1, 2))
    x = _to_windows(x, window_size)
    count, pixels = x.shape[:2]
    if logit_scale is not None and qkv_bias is not None:
        length = qkv_bias.numel() // 3
        qkv_bias = pynn.cat([qkv_bias[:length], pynn.zeros_like(qkv_bias[:length]), qkv_bias[2 * length :]])
    qkv = F.linear(x, qkv_weight, qkv_bias)
    q, k, v = qkv.reshape(count, pixels, 3, num_heads, channels // num_heads).permute(2, 0, 3, 1, 4).unbind(0)
    if logit_scale is not None:
        logits = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)
        logits = logits * pynn.clamp(logit_scale, max=math.log(100.0)).exp()
    else:
        logits = (q * (channels // num_heads) ** -0.5) @ k.transpose(-2, -1)
    logits = logits + relative_position_bias
    if shifted:
        mask = _strangers(full_height, full_width, window_size, shift, x)
        logits = logits.reshape(n, -1, num_heads, pixels, pixels) + mask.unsqueeze(1).unsqueeze(0)
        logits = logits.reshape(-1, num_heads, pixels, pixels)
    weights = F.dropout(F.softmax(logits, dim=-1), p=attention_dropout, training=training)
    x = (weights @ v).transpose(1, 2).reshape(count, pixels, channels)
    x = F.dropout(F.linear(x, proj_weight, proj_bias), p=dropout, training=training)
    rows, columns = full_height // window_size[0], full_width // window_size[1]
    x = x.reshape(n, rows, columns, window_size[0], window_size[1], channels)
    x = x.permute(0, 1, 3, 2, 4, 5).reshape(n, full_height, full_width, channels)
    if shifted:
        x = pynn.roll(x, shifts=(shift[0], shift[1]), dims=(1, 2))
    return x[:, :height, :width, :].contiguous()


class ShiftedWindowAttention(nn.Module):
    """`shifted_window_attention` with its weights and a learned bias for every offset of two pixels."""

    def __init__(
        self,
        dim: int,
        window_size: list[int],
        shift_size: list[int],
        num_heads: int,
        qkv_bias: bool = True,
        proj_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if len(window_size) != 2 or len(shift_size) != 2:
            raise ValueError(f"window_size and shift_size must be of length 2, got {window_size} and {shift_size}")
        self.window_size = window_size
        self.shift_size = shift_size
        self.num_heads = num_heads
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim, bias=proj_bias)
        self.define_relative_position_bias_table()
        self.define_relative_position_index()

    def define_relative_position_bias_table(self) -> None:
        """Make the parameter that holds the biases, (offsets, heads)."""
        offsets = (2 * self.window_size[0] - 1) * (2 * self.window_size[1] - 1)
        self.relative_position_bias_table = nn.Parameter(pynn.zeros(offsets, self.num_heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def define_relative_position_index(self) -> None:
        """Make the buffer that says which offset each pair of pixels has, (P * P,)."""
        rows, columns = self.window_size
        row, column = (a.flatten() for a in pynn.meshgrid(pynn.arange(rows), pynn.arange(columns), indexing="ij"))
        down = row[:, None] - row[None, :] + rows - 1
        right = column[:, None] - column[None, :] + columns - 1
        self.register_buffer("relative_position_index", (down * (2 * columns - 1) + right).flatten())

    def _pairs(self, table: Tensor) -> Tensor:
        pixels = self.window_size[0] * self.window_size[1]
        bias = table[self.relative_position_index].reshape(pixels, pixels, -1)
        return bias.permute(2, 0, 1).contiguous().unsqueeze(0)

    def get_relative_position_bias(self) -> Tensor:
        """The bias of every pair of pixels, (1, heads, P, P)."""
        return self._pairs(self.relative_position_bias_table)

    def forward(self, x: Tensor) -> Tensor:
        return shifted_window_attention(
            x,
            self.qkv.weight,
            self.proj.weight,
            self.get_relative_position_bias(),
            self.window_size,
            self.num_heads,
            shift_size=self.shift_size,
            attention_dropout=self.attention_dropout,
            dropout=self.dropout,
            qkv_bias=self.qkv.bias,
            proj_bias=self.proj.bias,
            logit_scale=getattr(self, "logit_scale", None),
            training=self.training,
        )


class ShiftedWindowAttentionV2(ShiftedWindowAttention):
    """Cosine attention; the biases come from a small network over the logarithm of the offsets."""

    def __init__(
        self,
        dim: int,
        window_size: list[int],
        shift_size: list[int],
        num_heads: int,
        qkv_bias: bool = True,
        proj_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(dim, window_size, shift_size, num_heads, qkv_bias, proj_bias, attention_dropout, dropout)
        self.logit_scale = nn.Parameter(pynn.log(10 * pynn.ones((num_heads, 1, 1))))
        self.cpb_mlp = nn.Sequential(nn.Linear(2, 512), nn.ReLU(inplace=True), nn.Linear(512, num_heads, bias=False))
        if qkv_bias:
            with pynn.no_grad():
                self.qkv.bias[dim : 2 * dim].zero_()

    def define_relative_position_bias_table(self) -> None:
        """Make the buffer of the offsets on a logarithmic scale, (1, 2 rows - 1, 2 columns - 1, 2)."""
        axes = [pynn.arange(1 - size, size, dtype=pynn.float32) / (size - 1) for size in self.window_size]
        table = pynn.stack(pynn.meshgrid(*axes, indexing="ij"), dim=-1).unsqueeze(0) * 8
        table = pynn.sign(table) * pynn.log2(pynn.abs(table) + 1.0) / 3.0
        self.register_buffer("relative_coords_table", table)

    def get_relative_position_bias(self) -> Tensor:
        """The bias of every pair of pixels, (1, heads, P, P)."""
        table = self.cpb_mlp(self.relative_coords_table).reshape(-1, self.num_heads)
        return 16 * pynn.sigmoid(self._pairs(table))


class SwinTransformerBlock(nn.Module):
    """Windowed attention and a perceptron, each behind a norm and beside a shortcut: (N, H, W, C) to the same."""

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: list[int],
        shift_size: list[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        norm_layer: _Layer = nn.LayerNorm,
        attn_layer: _Layer = ShiftedWindowAttention,
    ) -> None:
        super().__init__()
        self.norm1 = norm_layer(dim)
        self.attn = attn_layer(
            dim, window_size, shift_size, num_heads, attention_dropout=attention_dropout, dropout=dropout
        )
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.norm2 = norm_layer(dim)
        self.mlp = MLP(dim, [int(dim * mlp_ratio), dim], activation_layer=nn.GELU, inplace=None, dropout=dropout)
        for module in self.mlp.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.normal_(module.bias, std=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.stochastic_depth(self.attn(self.norm1(x)))
        out: Tensor = x + self.stochastic_depth(self.mlp(self.norm2(x)))
        return out


class SwinTransformerBlockV2(SwinTransformerBlock):
    """The norms come after attention and perceptron."""

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: list[int],
        shift_size: list[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        norm_layer: _Layer = nn.LayerNorm,
        attn_layer: _Layer = ShiftedWindowAttentionV2,
    ) -> None:
        super().__init__(dim, num_heads, window_size, shift_size, mlp_ratio, dropout, attention_dropout,
                         stochastic_depth_prob, norm_layer, attn_layer)  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.stochastic_depth(self.norm1(self.attn(x)))
        out: Tensor = x + self.stochastic_depth(self.norm2(self.mlp(x)))
        return out


class SwinTransformer(nn.Module):
    """Images (N, 3, H, W) to (N, num_classes).

    patch_size, window_size: [rows, columns]; depths, num_heads: of each stage; stochastic_depth_prob: the last
    block's chance to be skipped, growing from 0 at the first.
    """

    def __init__(
        self,
        patch_size: list[int],
        embed_dim: int,
        depths: list[int],
        num_heads: list[int],
        window_size: list[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.1,
        num_classes: int = 1000,
        norm_layer: _Layer | None = None,
        block: _Layer | None = None,
        downsample_layer: _Layer = PatchMerging,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        block = block or SwinTransformerBlock
        norm = norm_layer or functools.partial(nn.LayerNorm, eps=1e-5)
        high, wide = patch_size
        patches = nn.Conv2d(3, embed_dim, kernel_size=(high, wide), stride=(high, wide))
        layers: list[nn.Module] = [nn.Sequential(patches, Permute([0, 2, 3, 1]), norm(embed_dim))]
        number, last = 0, sum(depths) - 1
        for i, (depth, heads) in enumerate(zip(depths, num_heads)):
            width = embed_dim * 2**i
            stage: list[nn.Module] = []
            for j in range(depth):
                stage.append(
                    block(
                        width,
                        heads,
                        window_size=window_size,
                        shift_size=[0 if j % 2 == 0 else w // 2 for w in window_size],
                        mlp_ratio=mlp_ratio,
                        dropout=dropout,
                        attention_dropout=attention_dropout,
                        stochastic_depth_prob=stochastic_depth_prob * number / last,
                        norm_layer=norm,
                    )
                )
                number += 1
            layers.append(nn.Sequential(*stage))
            if i < len(depths) - 1:
                layers.append(downsample_layer(width, norm))
        self.features = nn.Sequential(*layers)
        width = embed_dim * 2 ** (len(depths) - 1)
        self.norm = norm(width)
        self.permute = Permute([0, 3, 1, 2])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten(1)
        self.head = nn.Linear(width, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.permute(self.norm(self.features(x)))
        out: Tensor = self.head(self.flatten(self.avgpool(x)))
        return out


def _swin(embed_dim: int, deep: int, heads: list[int], window: int, **options: Any) -> SwinTransformer:
    return SwinTransformer([4, 4], embed_dim, [2, 2, deep, 2], heads, [window, window], **options)


_SECOND: dict[str, Any] = {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2}

swin_t = define("swin_t", "Swin, tiny", _swin, 96, 6, [3, 6, 12, 24], 7, stochastic_depth_prob=0.2)
swin_s = define("swin_s", "Swin, small", _swin, 96, 18, [3, 6, 12, 24], 7, stochastic_depth_prob=0.3)
swin_b = define("swin_b", "Swin, base", _swin, 128, 18, [4, 8, 16, 32], 7, stochastic_depth_prob=0.5)
swin_v2_t = define("swin_v2_t", "Swin V2, tiny", _swin, 96, 6, [3, 6, 12, 24], 8, stochastic_depth_prob=0.2, **_SECOND)
swin_v2_s = define(
    "swin_v2_s", "Swin V2, small", _swin, 96, 18, [3, 6, 12, 24], 8, stochastic_depth_prob=0.3, **_SECOND
)
swin_v2_b = define(
    "swin_v2_b", "Swin V2, base", _swin, 128, 18, [4, 8, 16, 32], 8, stochastic_depth_prob=0.5, **_SECOND
)
