"""Vision transformers (Dosovitskiy et al., 2020)."""

import functools
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import pynn
from pynn import Tensor, nn
from pynn.vision.models._builders import define
from pynn.vision.ops.misc import MLP, Conv2dNormActivation

_Layer = Callable[..., nn.Module]
_NORM = functools.partial(nn.LayerNorm, eps=1e-6)


class ConvStemConfig(NamedTuple):
    """One convolution of a stem in place of the patches (Xiao et al., 2021)."""

    out_channels: int
    kernel_size: int
    stride: int
    norm_layer: _Layer = nn.BatchNorm2d
    activation_layer: _Layer = nn.ReLU


class MLPBlock(MLP):
    """The perceptron of an encoder block: entries 0 and 3 are the linear layers."""

    _version = 2

    def __init__(self, in_dim: int, mlp_dim: int, dropout: float) -> None:
        super().__init__(in_dim, [mlp_dim, in_dim], activation_layer=nn.GELU, inplace=None, dropout=dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.normal_(module.bias, std=1e-6)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, metadata: dict[str, Any], *rest: Any
    ) -> None:
        if (metadata.get("version") or 1) < 2:  # before, the linear layers had names
            for old, new in (("linear_1", "0"), ("linear_2", "3")):
                for part in ("weight", "bias"):
                    if f"{prefix}{old}.{part}" in state_dict:
                        state_dict[f"{prefix}{new}.{part}"] = state_dict.pop(f"{prefix}{old}.{part}")
        super()._load_from_state_dict(state_dict, prefix, metadata, *rest)


def _check_sequence(input: Tensor) -> None:
    if input.ndim != 3:
        raise AssertionError(f"Expected (batch_size, seq_length, hidden_dim) got {input.shape}")


class EncoderBlock(nn.Module):
    """Attention and a perceptron, each behind a layer norm and beside a shortcut: (N, S, E) to the same."""

    def __init__(
        self,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: _Layer = _NORM,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = nn.MultiheadAttention(hidden_dim, num_heads, dropout=attention_dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input: Tensor) -> Tensor:
        _check_sequence(input)
        x = self.ln_1(input)
        x, _ = self.self_attention(x, x, x, need_weights=False)
        x = self.dropout(x) + input
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class Encoder(nn.Module):
    """Adds a learned place to every token and runs the blocks: (N, S, E) to the same."""

    def __init__(
        self,
        seq_length: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float,
        attention_dropout: float,
        norm_layer: _Layer = _NORM,
    ) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(pynn.empty(1, seq_length, hidden_dim).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        layers = [
            EncoderBlock(num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer)
            for _ in range(num_layers)
        ]
        self.layers = nn.Sequential(OrderedDict((f"encoder_layer_{i}", layer) for i, layer in enumerate(layers)))
        self.ln = norm_layer(hidden_dim)

    def forward(self, input: Tensor) -> Tensor:
        _check_sequence(input)
        out: Tensor = self.ln(self.layers(self.dropout(input + self.pos_embedding)))
        return out


class VisionTransformer(nn.Module):
    """Images (N, 3, image_size, image_size) to (N, num_classes), read as patches behind a class token.

    representation_size: where given, a tanh layer of that width before the classes. conv_stem_configs: convolutions
    in place of the one that makes patches. Raises AssertionError for images of another size (torchvision's choice).
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
        representation_size: int | None = None,
        norm_layer: _Layer = _NORM,
        conv_stem_configs: list[ConvStemConfig] | None = None,
    ) -> None:
        super().__init__()
        if image_size % patch_size != 0:
            raise AssertionError(f"Input shape indivisible by patch size! {image_size} by {patch_size}")
        self.image_size = image_size
        self.patch_size = patch_size
        self.hidden_dim = hidden_dim
        self.mlp_dim = mlp_dim
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.num_classes = num_classes
        self.representation_size = representation_size
        self.norm_layer = norm_layer
        self.conv_proj = self._stem(conv_stem_configs)
        self.seq_length = (image_size // patch_size) ** 2 + 1
        self.class_token = nn.Parameter(pynn.zeros(1, 1, hidden_dim))
        self.encoder = Encoder(
            self.seq_length, num_layers, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer
        )
        head = nn.Linear(representation_size or hidden_dim, num_classes)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        heads: OrderedDict[str, nn.Module] = OrderedDict()
        if representation_size is not None:
            heads["pre_logits"] = nn.Linear(hidden_dim, representation_size)
            nn.init.trunc_normal_(heads["pre_logits"].weight, std=math.sqrt(1 / hidden_dim))
            nn.init.zeros_(heads["pre_logits"].bias)
            heads["act"] = nn.Tanh()
        heads["head"] = head
        self.heads = nn.Sequential(heads)

    def _stem(self, configs: list[ConvStemConfig] | None) -> nn.Module:
        if configs is None:
            patches = nn.Conv2d(3, self.hidden_dim, kernel_size=self.patch_size, stride=self.patch_size)
            nn.init.trunc_normal_(patches.weight, std=math.sqrt(1 / (3 * self.patch_size**2)))
            nn.init.zeros_(patches.bias)
            return patches
        stem = nn.Sequential()
        channels = 3
        for i, config in enumerate(configs):
            layer = Conv2dNormActivation(
                channels,
                config.out_channels,
                kernel_size=config.kernel_size,
                stride=config.stride,
                norm_layer=config.norm_layer,
                activation_layer=config.activation_layer,
            )
            stem.add_module(f"conv_bn_relu_{i}", layer)
            channels = config.out_channels
        last = nn.Conv2d(channels, self.hidden_dim, kernel_size=1)
        nn.init.normal_(last.weight, mean=0.0, std=math.sqrt(2.0 / self.hidden_dim))
        nn.init.zeros_(last.bias)
        stem.add_module("conv_last", last)
        return stem

    def _process_input(self, x: Tensor) -> Tensor:
        """Images to patches: (N, 3, H, W) to (N, S - 1, E)."""
        for size, name in zip(x.shape[2:], ("height", "width")):
            if size != self.image_size:
                raise AssertionError(f"Wrong image {name}! Expected {self.image_size} but got {size}!")
        out: Tensor = self.conv_proj(x).flatten(2).permute(0, 2, 1)
        return out

    def forward(self, x: Tensor) -> Tensor:
        x = self._process_input(x)
        x = pynn.cat([self.class_token.expand(x.shape[0], -1, -1), x], dim=1)
        out: Tensor = self.heads(self.encoder(x)[:, 0])
        return out


def _vit(patch: int, layers: int, heads: int, width: int, mlp: int, **options: Any) -> VisionTransformer:
    return VisionTransformer(
        patch_size=patch, num_layers=layers, num_heads=heads, hidden_dim=width, mlp_dim=mlp, **options
    )


vit_b_16 = define("vit_b_16", "ViT-B/16", _vit, 16, 12, 12, 768, 3072, image_size=224)
vit_b_32 = define("vit_b_32", "ViT-B/32", _vit, 32, 12, 12, 768, 3072, image_size=224)
vit_l_16 = define("vit_l_16", "ViT-L/16", _vit, 16, 24, 16, 1024, 4096, image_size=224)
vit_l_32 = define("vit_l_32", "ViT-L/32", _vit, 32, 24, 16, 1024, 4096, image_size=224)
vit_h_14 = define("vit_h_14", "ViT-H/14", _vit, 14, 32, 16, 1280, 5120, image_size=224)


def interpolate_embeddings(
    image_size: int,
    patch_size: int,
    model_state: "OrderedDict[str, Tensor]",
    interpolation_mode: str = "bicubic",
    reset_heads: bool = False,
) -> "OrderedDict[str, Tensor]":
    """A VisionTransformer's state_dict for images of another size: its learned places are interpolated.

    reset_heads: leave the head's weights out. Raises ValueError for places that form no square.
    """
    places = model_state["encoder.pos_embedding"]
    n, length, width = places.shape
    if n != 1:
        raise ValueError(f"Unexpected position embedding shape: {places.shape}")
    wanted = (image_size // patch_size) ** 2 + 1
    if wanted == length:
        return model_state
    side, new_side = math.isqrt(length - 1), image_size // patch_size
    if side * side != length - 1:
        raise ValueError(f"seq_length is not a perfect square: {length - 1} places besides the class token's")
    grid = places[:, 1:].permute(0, 2, 1).reshape(1, width, side, side)
    grid = nn.functional.interpolate(grid, size=new_side, mode=interpolation_mode, align_corners=True)
    grid = grid.reshape(1, width, new_side * new_side).permute(0, 2, 1)
    model_state["encoder.pos_embedding"] = pynn.cat([places[:, :1], grid], dim=1)
    if reset_heads:
        return OrderedDict((k, v) for k, v in model_state.items() if not k.startswith("heads"))
    return model_state
